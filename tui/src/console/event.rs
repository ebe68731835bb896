//! Everything that can happen to the console, and everything it can ask for.
//!
//! [`Event`]s go into [`super::app::App::update`], [`Command`]s come out of it. Nothing else changes the
//! state, so a test that feeds events sees exactly what a user sees.

use halligan_runtime::{AnswerEvent, Feedback, Generation, LearnEvent, LearnReport, Status, Turn, TurnId};
use ratatui::crossterm::event::KeyEvent;

/// Something that happened.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a handful exist at a time; a box would only add noise")]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted (bracketed paste).
    Paste(String),
    /// The terminal has a new size in cells.
    Resized {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// The system asks the program to end (SIGTERM, SIGINT, SIGHUP, lost terminal).
    ShutdownRequested,
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
    /// The running answer is complete and recorded.
    Answered(Turn),
    /// Feedback is on disk.
    FeedbackKept {
        /// The turn it belongs to.
        turn: TurnId,
        /// What was said.
        feedback: Feedback,
    },
    /// Progress of learning.
    Learning(LearnEvent),
    /// Learning has ended with a decision.
    Learned(LearnReport),
    /// Learning was stopped by the user; nothing changed.
    LearningCancelled,
    /// The list of generations.
    Generations(Vec<Generation>),
    /// Another generation answers now.
    Activated(Generation),
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
}

/// Something the console wants done outside of itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Answer a question.
    Ask(String),
    /// Record feedback on a turn.
    Rate {
        /// The turn.
        turn: TurnId,
        /// What the user says.
        feedback: Feedback,
    },
    /// Learn from the corrections.
    Learn,
    /// Stop the running answer or the running learning.
    Stop,
    /// List the generations.
    ListGenerations,
    /// Activate a generation by id.
    Activate(String),
    /// Return to the generation before.
    RollBack,
    /// End the program.
    Quit,
}
