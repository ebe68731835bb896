//! The thread that owns the assistant, so that drawing never waits for the model.
//!
//! Commands go in by a channel and are done one after the other; reports come back as events.
//! Stopping, pausing and the word on a tool take other ways, because they must reach a command that
//! is running.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use halligan_runtime::error::LearnError;
use halligan_runtime::{
    AnswerEvent, Approval, Approver, AskOptions, Assistant, AssistantOptions, IndexControl, LearnControl, LearnOptions,
    RuntimeError, SessionId, Turn,
};

use super::event::{Command, Event, Report, Task};
use super::source::{Source, SourceText};
use super::speed::{Speedometer, speed_of};
use crate::verbs::adapters::scored_generations;

/// Turns of earlier sessions that are shown at the start.
const EARLIER_TURNS: usize = 50;

/// Bytes of a document that are shown before and after a passage.
const BYTES_AROUND: usize = 4_000;

/// Most turns that a search gives.
const FOUND_MAX: usize = 200;

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
            let mut desk =
                Desk { options, events, flags: seen, answers, assistant: None, session: None, troubles: Vec::new() };
            let ended = catch_unwind(AssertUnwindSafe(|| desk.work(resume, &inbox)));
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
    flags: Flags,
    answers: Arc<Mutex<Receiver<Approval>>>,
    assistant: Option<Assistant>,
    /// The conversation that the next question belongs to.
    session: Option<SessionId>,
    /// What was said of tools that do not work.
    troubles: Vec<String>,
}

impl Desk {
    fn work(&mut self, resume: Option<Resume>, inbox: &Receiver<Command>) {
        let opened = self.open(Task::Open);
        // Before the model is loaded, so that there is something to read meanwhile.
        match resume {
            Some(Resume::Conversation(session)) if opened => self.open_session(session),
            Some(Resume::Latest) if opened => {
                let latest = self.with(Task::Search, |assistant| assistant.turns(1));
                match latest.as_deref() {
                    Some([turn]) => self.open_session(turn.session),
                    _ => self.say(Report::Failed {
                        task: Task::Search,
                        message: "no conversation to go on with yet; a new one begins".to_owned(),
                    }),
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

    fn report_status(&mut self) {
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
        match command {
            Command::Ask(question) => self.ask(&question, false),
            Command::AskAnyway(question) => self.ask(&question, true),
            Command::Rate { turn, feedback, reasons } => {
                let kept = self.with(Task::Rate, |assistant| assistant.give_feedback(turn, feedback.clone(), &reasons));
                if kept.is_some() {
                    self.say(Report::FeedbackKept { turn, feedback, reasons });
                }
            }
            Command::Learn => self.learn(),
            Command::ListGenerations => {
                if let Some(list) = self.with(Task::Adapters, scored_generations) {
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
            Command::ListDocuments => {
                if let Some(list) = self.with(Task::Documents, Assistant::documents) {
                    self.say(Report::Documents(list));
                }
                return;
            }
            Command::AddDocuments(paths) => {
                let (events, flags) = (self.events.clone(), self.flags.clone());
                let report = self.with(Task::Documents, |assistant| {
                    assistant.add_documents(&paths, &mut |event| {
                        let _ = events.send(Event::Worker(Report::Indexing(event)));
                        if flags.stopping() { IndexControl::Stop } else { IndexControl::Continue }
                    })
                });
                if let Some(report) = report {
                    self.say(Report::Indexed(report));
                }
            }
            Command::RemoveDocument(name) => {
                if let Some(names) = self.with(Task::Documents, |assistant| assistant.remove_documents(&name)) {
                    self.say(Report::DocumentsRemoved(names));
                }
            }
            Command::ReadSource(source) => {
                if let Some(text) = self.with(Task::Documents, |assistant| source_text(assistant, &source)) {
                    self.say(Report::SourceRead(text));
                }
                return;
            }
            Command::Search(query) => {
                if let Some(turns) = self.with(Task::Search, |assistant| found(assistant, &query)) {
                    self.say(Report::Found { query, turns });
                }
                return;
            }
            Command::OpenSession(session) => {
                self.open_session(session);
                return;
            }
            Command::NewSession => self.session = None,
            Command::Examine => self.say(Report::Examined(Box::new(Assistant::doctor(&self.options)))),
            Command::Stop | Command::Pause(_) | Command::Approve(_) | Command::Copy(_) | Command::Quit => return,
        }
        self.report_status();
    }

    fn open_session(&mut self, session: SessionId) {
        if let Some(turns) = self.with(Task::Search, |assistant| session_turns(assistant, session)) {
            self.session = Some(session);
            self.say(Report::SessionOpened { session, turns });
        }
    }

    fn ask(&mut self, question: &str, anyway: bool) {
        let options = AskOptions {
            cancel: Some(Arc::clone(&self.flags.stop)),
            session: self.session,
            approver: Some(self.approver()),
            anyway,
            ..AskOptions::default()
        };
        let events = self.events.clone();
        let mut speedometer = Speedometer::default();
        let mut held = false;
        let turn = self.with(Task::Ask, |assistant| {
            assistant.ask(question, &options, &mut |event| {
                let speed = match event {
                    AnswerEvent::Held(_) => {
                        held = true;
                        speedometer.token(Instant::now())
                    }
                    // What was held back comes as one text, and was counted.
                    AnswerEvent::Text(_) if !held => speedometer.token(Instant::now()),
                    _ => None,
                };
                let _ = events.send(Event::Worker(Report::Answer(event)));
                if let Some(speed) = speed {
                    let _ = events.send(Event::Worker(Report::Speed(speed)));
                }
            })
        });
        if let Some(turn) = turn {
            self.session = Some(turn.session);
            if let Some(speed) = speedometer.mean().or_else(|| speed_of(&turn)) {
                self.say(Report::Speed(speed));
            }
            self.say(Report::Answered(turn));
        }
        self.report_troubles();
    }

    /// Asks the user and waits for the word; stopping the answer is a no.
    fn approver(&self) -> Approver {
        let (events, flags) = (self.events.clone(), self.flags.clone());
        let answers = Arc::clone(&self.answers);
        Approver(Arc::new(move |call| {
            let Ok(answers) = answers.lock() else { return Approval::Deny };
            // A word that came too late for an earlier call must not answer this one.
            while answers.try_recv().is_ok() {}
            if events.send(Event::Worker(Report::ApprovalNeeded(call.clone()))).is_err() {
                return Approval::Deny;
            }
            while !flags.stopping() {
                match answers.recv_timeout(GLANCE) {
                    Ok(approval) => return approval,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            Approval::Deny
        }))
    }

    fn learn(&mut self) {
        if !self.open(Task::Learn) {
            return;
        }
        let Some(assistant) = &self.assistant else { return };
        let flags = self.flags.clone();
        let events = self.events.clone();
        let say = |report| {
            let _ = events.send(Event::Worker(report));
        };
        let outcome = assistant.learn(&LearnOptions::default(), &mut |event| {
            say(Report::Learning(event));
            if flags.paused() && !flags.stopping() {
                say(Report::Paused(true));
                while flags.paused() && !flags.stopping() {
                    std::thread::sleep(GLANCE);
                }
                say(Report::Paused(false));
            }
            if flags.stopping() { LearnControl::Cancel } else { LearnControl::Continue }
        });
        match outcome {
            Ok(report) => self.say(Report::Learned(report)),
            Err(RuntimeError::Learn(LearnError::Cancelled)) => self.say(Report::LearningCancelled),
            Err(error) => self.fail(Task::Learn, &error),
        }
    }
}

/// Turns that hold all words of `query`, best first; the latest ones for an empty query.
fn found(assistant: &Assistant, query: &str) -> Result<Vec<Turn>, RuntimeError> {
    if query.trim().is_empty() {
        return assistant.turns(FOUND_MAX);
    }
    Ok(assistant.search_turns(query, FOUND_MAX)?.into_iter().map(|found| found.turn).collect())
}

/// The latest turns of a conversation, oldest first.
fn session_turns(assistant: &Assistant, session: SessionId) -> Result<Vec<Turn>, RuntimeError> {
    let mut turns = assistant.session(session)?;
    let older = turns.len().saturating_sub(EARLIER_TURNS);
    Ok(turns.split_off(older))
}

/// The text around a place. Of a document that is gone only the words are left that the turn keeps.
fn source_text(assistant: &Assistant, source: &Source) -> Result<SourceText, RuntimeError> {
    let excerpt = assistant.open_passage(&source.document, source.start_byte, source.end_byte, BYTES_AROUND)?;
    Ok(match excerpt {
        Some(excerpt) => SourceText {
            source: source.clone(),
            before: excerpt.text[..excerpt.start].to_owned(),
            words: excerpt.text[excerpt.start..excerpt.end].to_owned(),
            after: excerpt.text[excerpt.end..].to_owned(),
        },
        None => SourceText {
            source: source.clone(),
            before: "(the document is not on this device any more; the answer kept these words) ".to_owned(),
            words: source.quote.clone(),
            after: String::new(),
        },
    })
}
