//! The entries of the conversation on the screen.

use halligan_runtime::{Passage, ToolUse, Turn};

/// A question with as much of its answer as there is.
#[derive(Debug, Clone, Default)]
pub struct TurnView {
    /// The question as asked.
    pub question: String,
    /// The answer so far.
    pub answer: String,
    /// The passage found so far.
    pub passage: Option<Passage>,
    /// Tools that were used so far.
    pub tools: Vec<ToolUse>,
    /// Name of the tool that runs now.
    pub tool: Option<String>,
    /// The recorded turn once the answer is complete.
    pub recorded: Option<Turn>,
    /// Whether the answer failed, so that nothing more will come.
    pub failed: bool,
}

impl TurnView {
    /// A turn of an earlier session.
    pub fn from_recorded(turn: Turn) -> TurnView {
        let withheld = turn.assessment.as_ref().is_some_and(|assessment| !assessment.shows_answer());
        let answer = match withheld {
            true => format!("The answer is withheld. `halligan journal show {}` shows it all the same.", turn.id),
            false => turn.answer.clone(),
        };
        TurnView {
            question: turn.question.clone(),
            answer,
            passage: turn.passage.clone(),
            tools: turn.tools.clone(),
            tool: None,
            recorded: Some(turn),
            failed: false,
        }
    }
}

/// What a note is about; decides its style and its first word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteKind {
    /// Something the console did.
    Information,
    /// A learned update or a switch of generations.
    Learned,
    /// Something failed; the text says what to do.
    Error,
}

/// One entry of the conversation.
#[derive(Debug, Clone)]
pub enum Item {
    /// A question and its answer.
    Turn(Box<TurnView>),
    /// A line from the program.
    Note(NoteKind, String),
}
