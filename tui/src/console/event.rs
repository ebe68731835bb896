//! Everything that can happen to the console, and everything it can ask for.
//!
//! [`Event`]s go into [`super::app::App::update`], [`Command`]s come out of it. Nothing else changes the
//! state, so a test that feeds events sees exactly what a user sees. The three faces (full screen,
//! plain text, JSON lines) show the same events.

use std::path::PathBuf;

use halligan_runtime::{
    AnswerEvent, Approval, DoctorReport, Document, Feedback, Generation, IndexEvent, IndexReport, LearnEvent,
    LearnReport, Reason, SessionId, Status, ToolCall, Turn, TurnId,
};
use ratatui::crossterm::event::KeyEvent;

use super::gauges::Gauges;
use super::source::{Source, SourceText};

/// Something that happened.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a handful exist at a time; a box would only add noise")]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted (bracketed paste).
    Paste(String),
    /// A line came in on standard input (faces without keys).
    Line(String),
    /// Standard input has ended (faces without keys).
    InputEnded,
    /// The terminal has a new size in cells.
    Resized {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// The system asks the program to end (SIGTERM, SIGINT, SIGHUP, lost terminal).
    ShutdownRequested,
    /// The program goes on after the shell had stopped it.
    Continued,
    /// The device was measured.
    Measured(Gauges),
    /// The worker thread reports.
    Worker(Report),
}

/// What the worker thread says. Turns and generations come as the runtime knows them.
#[derive(Debug, Clone)]
pub enum Report {
    /// The home folder is open; the latest turns come with it, oldest first.
    Opened {
        /// State of the device.
        status: Status,
        /// Turns of earlier sessions.
        turns: Vec<Turn>,
    },
    /// The model has been loaded and answers without waiting.
    ModelLoaded,
    /// The state of the device may have changed.
    StatusChanged(Status),
    /// A piece of the running answer.
    Answer(AnswerEvent),
    /// How fast the running answer grows, in tokens per second; at most once a second.
    Speed(f32),
    /// Something that does not work as it was set up, and what to do; the console goes on without it.
    Trouble(String),
    /// A tool wants to change something; the answer waits for a word on it.
    ApprovalNeeded(ToolCall),
    /// The running answer is complete and recorded.
    Answered(Turn),
    /// Feedback is on disk.
    FeedbackKept {
        /// The turn it belongs to.
        turn: TurnId,
        /// What was said.
        feedback: Feedback,
        /// Why.
        reasons: Vec<Reason>,
    },
    /// Progress of learning.
    Learning(LearnEvent),
    /// Learning has halted, or goes on.
    Paused(bool),
    /// Learning has ended with a decision.
    Learned(LearnReport),
    /// Learning was stopped by the user; nothing changed.
    LearningCancelled,
    /// The list of generations.
    Generations(Vec<Generation>),
    /// Another generation answers now.
    Activated(Generation),
    /// The list of documents.
    Documents(Vec<Document>),
    /// Progress of adding documents.
    Indexing(IndexEvent),
    /// Adding documents has ended.
    Indexed(IndexReport),
    /// These documents are no longer on the device.
    DocumentsRemoved(Vec<String>),
    /// The text around a passage.
    SourceRead(SourceText),
    /// Turns that fit a search, best first.
    Found {
        /// What was looked for.
        query: String,
        /// The turns.
        turns: Vec<Turn>,
    },
    /// An earlier conversation goes on; its latest turns, oldest first.
    SessionOpened {
        /// The conversation.
        session: SessionId,
        /// Its turns.
        turns: Vec<Turn>,
    },
    /// What the doctor found.
    Examined(Box<DoctorReport>),
    /// A command failed; the console goes on.
    Failed {
        /// The command that failed.
        task: Task,
        /// What is wrong and what to do next.
        message: String,
    },
    /// The worker thread is gone; nothing can be asked any more.
    Died(String),
}

/// What the worker was doing when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Opening the home folder.
    Open,
    /// Loading the model ahead of the first question.
    WarmUp,
    /// Answering.
    Ask,
    /// Recording feedback.
    Rate,
    /// Learning.
    Learn,
    /// Listing or switching generations.
    Adapters,
    /// Listing, adding, removing or reading documents.
    Documents,
    /// Searching or opening earlier conversations.
    Search,
}

/// Something the console wants done outside of itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Answer a question.
    Ask(String),
    /// Answer a question and show the answer also where it would be withheld.
    AskAnyway(String),
    /// Record feedback on a turn.
    Rate {
        /// The turn.
        turn: TurnId,
        /// What the user says.
        feedback: Feedback,
        /// Why.
        reasons: Vec<Reason>,
    },
    /// Learn from the corrections.
    Learn,
    /// Halt learning after the running step, or go on with it.
    Pause(bool),
    /// Stop the running answer or the running learning.
    Stop,
    /// The word on a tool that waits for approval.
    Approve(Approval),
    /// List the generations.
    ListGenerations,
    /// Activate a generation by id.
    Activate(String),
    /// Return to the generation before.
    RollBack,
    /// List the documents.
    ListDocuments,
    /// Add files or folders of documents.
    AddDocuments(Vec<PathBuf>),
    /// Remove a document by name.
    RemoveDocument(String),
    /// Read the text around a passage.
    ReadSource(Source),
    /// Find turns of all conversations; the latest ones for an empty text.
    Search(String),
    /// Go on with an earlier conversation.
    OpenSession(SessionId),
    /// Begin another conversation.
    NewSession,
    /// Examine the device.
    Examine,
    /// Put a text on the user's clipboard; the face does this, not the worker.
    Copy(String),
    /// End the program.
    Quit,
}
