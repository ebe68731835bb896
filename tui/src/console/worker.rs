//! The thread that owns the assistant, so that drawing never waits for the model.
//!
//! Commands go in by a channel and are done one after the other; reports come back as events. Only a
//! lesson lets errands of a moment come between.
//! Stopping, pausing and the word on a tool take other ways, because they must reach a command that
//! is running.

mod errand;
mod lesson;
mod question;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use halligan_runtime::{Approval, Assistant, AssistantOptions, IndexControl, RuntimeError, SessionId};

use self::errand::Errand;
use super::event::{Command, Event, Report, Task};

/// Turns of earlier sessions that are shown at the start.
const EARLIER_TURNS: usize = 50;

/// How long leaving waits for a running step or write to end.
const FAREWELL: Duration = Duration::from_secs(10);

/// How often a halted lesson looks whether it may go on, and a waiting tool whether it may stop.
const GLANCE: Duration = Duration::from_millis(50);

/// A conversation that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// The one with the latest question.
    Latest,
    /// The one of this number.
    Conversation(SessionId),
}

/// Handle of the worker thread.
pub struct Worker {
    commands: Sender<Command>,
    approvals: Sender<Approval>,
    flags: Flags,
    thread: JoinHandle<()>,
}

/// What reaches a running command.
#[derive(Debug, Clone, Default)]
struct Flags {
    stop: Arc<AtomicBool>,
    pause: Arc<AtomicBool>,
}

impl Flags {
    fn stopping(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn paused(&self) -> bool {
        self.pause.load(Ordering::SeqCst)
    }
}

impl Worker {
    /// Starts the thread; it opens the home folder, the conversation to go on with, and loads the model
    /// at once.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(options: AssistantOptions, resume: Option<Resume>, events: Sender<Event>) -> std::io::Result<Worker> {
        let (commands, inbox) = channel();
        let (approvals, answers) = channel();
        let flags = Flags::default();
        let seen = flags.clone();
        let thread = Builder::new().name("assistant".to_owned()).spawn(move || {
            let answers = Arc::new(Mutex::new(answers));
            let mut desk = Desk {
                options,
                inbox,
                waiting: VecDeque::new(),
                events,
                flags: seen,
                answers,
                assistant: None,
                session: None,
                troubles: Vec::new(),
            };
            let ended = catch_unwind(AssertUnwindSafe(|| desk.work(resume)));
            if let Err(panic) = ended {
                desk.say(Report::Died(panic_words(panic.as_ref())));
            }
        })?;
        Ok(Worker { commands, approvals, flags, thread })
    }

    /// Hands a command over. Returns false when the thread is gone.
    pub fn send(&self, command: Command) -> bool {
        match command {
            Command::Stop => {
                self.flags.stop.store(true, Ordering::SeqCst);
                return true;
            }
            Command::Pause(pause) => {
                self.flags.pause.store(pause, Ordering::SeqCst);
                return true;
            }
            Command::Approve(approval) => return self.approvals.send(approval).is_ok(),
            // Only the console starts work and it starts one thing at a time, so the flags are
            // cleared here and not in the thread, where a stop that came early would be lost.
            Command::Ask(_) | Command::AskAnyway(_) | Command::Learn | Command::AddDocuments(_) => {
                self.flags.stop.store(false, Ordering::SeqCst);
                self.flags.pause.store(false, Ordering::SeqCst);
            }
            _ => {}
        }
        self.commands.send(command).is_ok()
    }

    /// Ends what runs and waits for the commands in hand, for at most a few seconds. Returns whether all ended.
    pub fn finish(self) -> bool {
        // A console that failed has not said so yet.
        self.send(Command::Stop);
        self.send(Command::Quit);
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
    inbox: Receiver<Command>,
    /// Commands that came in a lesson and are done after it.
    waiting: VecDeque<Command>,
    events: Sender<Event>,
    flags: Flags,
    answers: Arc<Mutex<Receiver<Approval>>>,
    assistant: Option<Assistant>,
    /// The conversation that the next question belongs to.
    session: Option<SessionId>,
    /// What was said of tools that do not work.
    troubles: Vec<String>,
}

impl Desk {
    fn work(&mut self, resume: Option<Resume>) {
        let opened = self.open(Task::Open);
        // Before the model is loaded, so that there is something to read meanwhile.
        match resume {
            Some(Resume::Conversation(session)) if opened => self.execute(Command::OpenSession(session)),
            Some(Resume::Latest) if opened => {
                let latest = self.with(Task::Search, |assistant| assistant.turns(1));
                match latest.as_deref() {
                    Some([turn]) => self.execute(Command::OpenSession(turn.session)),
                    Some(_) => {
                        self.say(Report::Trouble("no conversation to go on with yet; a new one begins".to_owned()));
                    }
                    None => {}
                }
            }
            _ => {}
        }
        if opened && !self.flags.stopping() {
            let warm = self.with(Task::WarmUp, Assistant::warm_up).is_some();
            if warm {
                self.say(Report::ModelLoaded);
                self.report_status();
            }
        }
        while let Some(command) = self.next() {
            if command == Command::Quit {
                return;
            }
            self.execute(command);
        }
    }

    /// The next command; `None` when none can come any more.
    fn next(&mut self) -> Option<Command> {
        self.waiting.pop_front().or_else(|| self.inbox.recv().ok())
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
                self.report_troubles();
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

    fn report_status(&self) {
        if let Some(Ok(status)) = self.assistant.as_ref().map(Assistant::status) {
            self.say(Report::StatusChanged(status));
        }
    }

    /// Says what is wrong with tools of other programs, each thing once.
    fn report_troubles(&mut self) {
        for trouble in self.assistant.as_ref().map(Assistant::tool_troubles).unwrap_or_default() {
            if !self.troubles.contains(&trouble) {
                self.say(Report::Trouble(trouble.clone()));
                self.troubles.push(trouble);
            }
        }
    }

    fn execute(&mut self, command: Command) {
        match Errand::of(command) {
            Ok(errand) => {
                if self.open(errand.task)
                    && let Some(assistant) = &self.assistant
                {
                    self.session = self.run_errand(errand, assistant).or(self.session);
                }
                return;
            }
            Err(Command::Examine) => return self.examine(),
            Err(Command::Ask(question)) => self.ask(&question, false),
            Err(Command::AskAnyway(question)) => self.ask(&question, true),
            Err(Command::Learn) => self.learn(),
            Err(Command::Activate(id)) => {
                let activated = self.with(Task::Adapters, |assistant| assistant.activate(&id));
                if let Some(generation) = activated {
                    self.say(Report::Activated(generation));
                }
            }
            Err(Command::RollBack) => {
                if let Some(generation) = self.with(Task::Adapters, Assistant::roll_back) {
                    self.say(Report::Activated(generation));
                }
            }
            Err(Command::AddDocuments(paths)) => self.add_documents(&paths),
            Err(Command::NewSession) => self.session = None,
            // The rest is for a running command, for the face or for the loop that calls this.
            Err(_) => return,
        }
        self.report_status();
    }

    /// Does an errand and reports it. Returns the conversation that it opened.
    fn run_errand(&self, errand: Errand, assistant: &Assistant) -> Option<SessionId> {
        let Errand { task, changes, .. } = errand;
        let mut opened = None;
        match errand.run(assistant) {
            Ok(report) => {
                if let Report::SessionOpened { session, .. } = &report {
                    opened = Some(*session);
                }
                self.say(report);
            }
            Err(error) => self.fail(task, &error),
        }
        if changes {
            self.report_status();
        }
        opened
    }

    fn examine(&self) {
        self.say(Report::Examined(Box::new(Assistant::doctor(&self.options))));
        self.report_status();
    }

    fn add_documents(&mut self, paths: &[PathBuf]) {
        let (events, flags) = (self.events.clone(), self.flags.clone());
        let report = self.with(Task::Documents, |assistant| {
            assistant.add_documents(paths, &mut |event| {
                let _ = events.send(Event::Worker(Report::Indexing(event)));
                if flags.stopping() { IndexControl::Stop } else { IndexControl::Continue }
            })
        });
        if let Some(report) = report {
            self.say(Report::Indexed(report));
        }
    }
}
