//! Commands that need the databases alone, neither the model nor an adapter, and are done in a moment. A lesson does
//! them between two of its steps.

use halligan_runtime::{Assistant, RuntimeError, SessionId, Turn};

use super::EARLIER_TURNS;
use crate::console::event::{Command, Report, Task};
use crate::console::source::{Source, SourceText};
use crate::verbs::adapters::scored_generations;

/// Bytes of a document that are shown before and after a passage: all of a short one, chapters of a long one.
const BYTES_AROUND: usize = 32 * 1024;

/// Most turns that a search gives.
const FOUND_MAX: usize = 200;

type Work = Box<dyn FnOnce(&Assistant) -> Result<Report, RuntimeError>>;

/// What such a command asks for.
pub(super) struct Errand {
    /// What fails where it fails.
    pub task: Task,
    /// Whether the state of the device may be another one afterwards.
    pub changes: bool,
    work: Work,
}

impl Errand {
    /// The errand that `command` is; gives back a command that is more.
    pub fn of(command: Command) -> Result<Errand, Command> {
        Ok(match command {
            Command::ListGenerations => {
                reads(Task::Adapters, |assistant| scored_generations(assistant).map(Report::Generations))
            }
            Command::ListDocuments => reads(Task::Documents, |assistant| assistant.documents().map(Report::Documents)),
            Command::ReadSource(source) => {
                reads(Task::Documents, move |assistant| source_text(assistant, &source).map(Report::SourceRead))
            }
            Command::Search(query) => reads(Task::Search, move |assistant| {
                let turns = found(assistant, &query)?;
                Ok(Report::Found { query, turns })
            }),
            Command::OpenSession(session) => reads(Task::Search, move |assistant| {
                let turns = session_turns(assistant, session)?;
                Ok(Report::SessionOpened { session, turns })
            }),
            Command::Rate { turn, feedback, reasons } => changes(Task::Rate, move |assistant| {
                assistant.give_feedback(turn, feedback.clone(), &reasons)?;
                Ok(Report::FeedbackKept { turn, feedback, reasons })
            }),
            Command::RemoveDocument(name) => changes(Task::Documents, move |assistant| {
                assistant.remove_documents(&name).map(Report::DocumentsRemoved)
            }),
            other => return Err(other),
        })
    }

    /// Does it.
    pub fn run(self, assistant: &Assistant) -> Result<Report, RuntimeError> {
        (self.work)(assistant)
    }
}

fn reads(task: Task, work: impl FnOnce(&Assistant) -> Result<Report, RuntimeError> + 'static) -> Errand {
    Errand { task, changes: false, work: Box::new(work) }
}

fn changes(task: Task, work: impl FnOnce(&Assistant) -> Result<Report, RuntimeError> + 'static) -> Errand {
    Errand { task, changes: true, work: Box::new(work) }
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
        Some(excerpt) => SourceText::of(source, &excerpt),
        None => SourceText {
            source: source.clone(),
            before: "(the document is not on this device any more; the answer kept these words) ".to_owned(),
            words: source.quote.clone(),
            after: String::new(),
        },
    })
}
