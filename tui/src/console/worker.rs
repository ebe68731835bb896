//! The thread that owns the assistant, so that drawing never waits for the model.
//!
//! Commands go in by a channel and are done one after the other; reports come back as events.
//! Only stopping takes another way, a flag, because it must reach a command that is running.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use halligan_runtime::error::LearnError;
use halligan_runtime::{AskOptions, Assistant, AssistantOptions, LearnControl, LearnOptions, RuntimeError};

use super::event::{Command, Event, Report, Task};

/// Turns of earlier sessions that are shown at the start.
const EARLIER_TURNS: usize = 50;

/// How long leaving waits for a running step or write to end.
const FAREWELL: Duration = Duration::from_secs(10);

/// Handle of the worker thread.
pub struct Worker {
    commands: Sender<Command>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Worker {
    /// Starts the thread; it opens the home folder and loads the model at once.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(options: AssistantOptions, events: Sender<Event>) -> std::io::Result<Worker> {
        let (commands, inbox) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let seen_stop = Arc::clone(&stop);
        let thread = Builder::new().name("assistant".to_owned()).spawn(move || {
            let mut desk = Desk { options, events, stop: seen_stop, assistant: None };
            let ended = catch_unwind(AssertUnwindSafe(|| desk.work(&inbox)));
            if let Err(panic) = ended {
                desk.say(Report::Died(panic_words(panic.as_ref())));
            }
        })?;
        Ok(Worker { commands, stop, thread })
    }

    /// Hands a command over. Returns false when the thread is gone.
    pub fn send(&self, command: Command) -> bool {
        match command {
            Command::Stop => {
                self.stop.store(true, Ordering::SeqCst);
                return true;
            }
            // Only the console starts work and it starts one thing at a time, so the flag is
            // cleared here and not in the thread, where a stop that came early would be lost.
            Command::Ask(_) | Command::Learn => self.stop.store(false, Ordering::SeqCst),
            _ => {}
        }
        self.commands.send(command).is_ok()
    }

    /// Waits for the commands in hand, for at most a few seconds. Returns whether all ended.
    pub fn finish(self) -> bool {
        let deadline = Instant::now() + FAREWELL;
        while !self.thread.is_finished() {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.thread.join().is_ok()
    }
}

fn panic_words(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    words.unwrap_or("unknown reason").to_owned()
}

/// What the thread works with.
struct Desk {
    options: AssistantOptions,
    events: Sender<Event>,
    stop: Arc<AtomicBool>,
    assistant: Option<Assistant>,
}

impl Desk {
    fn work(&mut self, inbox: &Receiver<Command>) {
        if self.open(Task::Open) && !self.stop.load(Ordering::SeqCst) {
            let warm = self.with(Task::WarmUp, Assistant::warm_up).is_some();
            if warm {
                self.say(Report::ModelLoaded);
                self.report_status();
            }
        }
        while let Ok(command) = inbox.recv() {
            if command == Command::Quit {
                return;
            }
            self.execute(command);
        }
    }

    fn say(&self, report: Report) {
        // A console that has gone away needs no report.
        let _ = self.events.send(Event::Worker(report));
    }

    /// Opens the home folder unless it is open; a failure is reported and tried again next time.
    fn open(&mut self, task: Task) -> bool {
        if self.assistant.is_some() {
            return true;
        }
        let opened = Assistant::open(&self.options).and_then(|assistant| {
            let status = assistant.status()?;
            let mut turns = assistant.turns(EARLIER_TURNS)?;
            turns.reverse();
            Ok((assistant, status, turns))
        });
        match opened {
            Ok((assistant, status, turns)) => {
                self.assistant = Some(assistant);
                self.say(Report::Opened { status, turns });
                true
            }
            Err(error) => {
                self.fail(task, &error);
                false
            }
        }
    }

    fn fail(&self, task: Task, error: &RuntimeError) {
        tracing::warn!(?task, %error, "command failed");
        self.say(Report::Failed { task, message: error.to_string() });
    }

    /// Does something with the open assistant and reports its failure.
    fn with<T>(&mut self, task: Task, action: impl FnOnce(&Assistant) -> Result<T, RuntimeError>) -> Option<T> {
        if !self.open(task) {
            return None;
        }
        match action(self.assistant.as_ref()?) {
            Ok(done) => Some(done),
            Err(error) => {
                self.fail(task, &error);
                None
            }
        }
    }

    fn report_status(&mut self) {
        if let Some(Ok(status)) = self.assistant.as_ref().map(Assistant::status) {
            self.say(Report::StatusChanged(status));
        }
    }

    fn execute(&mut self, command: Command) {
        match command {
            Command::Ask(question) => self.ask(&question),
            Command::Rate { turn, feedback } => {
                let kept = self.with(Task::Rate, |assistant| assistant.give_feedback(turn, feedback.clone(), &[]));
                if kept.is_some() {
                    self.say(Report::FeedbackKept { turn, feedback });
                }
            }
            Command::Learn => self.learn(),
            Command::ListGenerations => {
                if let Some(list) = self.with(Task::Adapters, Assistant::generations) {
                    self.say(Report::Generations(list));
                }
                return;
            }
            Command::Activate(id) => {
                let activated = self.with(Task::Adapters, |assistant| assistant.activate(&id));
                if let Some(generation) = activated {
                    self.say(Report::Activated(generation));
                }
            }
            Command::RollBack => {
                if let Some(generation) = self.with(Task::Adapters, Assistant::roll_back) {
                    self.say(Report::Activated(generation));
                }
            }
            Command::Stop | Command::Quit => return,
        }
        self.report_status();
    }

    fn ask(&mut self, question: &str) {
        let options = AskOptions { cancel: Some(Arc::clone(&self.stop)), ..AskOptions::default() };
        let events = self.events.clone();
        let turn = self.with(Task::Ask, |assistant| {
            assistant.ask(question, &options, &mut |event| {
                let _ = events.send(Event::Worker(Report::Answer(event)));
            })
        });
        if let Some(turn) = turn {
            self.say(Report::Answered(turn));
        }
    }

    fn learn(&mut self) {
        if !self.open(Task::Learn) {
            return;
        }
        let Some(assistant) = &self.assistant else { return };
        let stop = Arc::clone(&self.stop);
        let events = self.events.clone();
        let outcome = assistant.learn(&LearnOptions::default(), &mut |event| {
            let _ = events.send(Event::Worker(Report::Learning(event)));
            if stop.load(Ordering::SeqCst) { LearnControl::Cancel } else { LearnControl::Continue }
        });
        match outcome {
            Ok(report) => self.say(Report::Learned(report)),
            Err(RuntimeError::Learn(LearnError::Cancelled)) => self.say(Report::LearningCancelled),
            Err(error) => self.fail(Task::Learn, &error),
        }
    }
}
