//! The entries of the conversation on the screen.

use halligan_runtime::{Assessment, Passage, ToolUse, Turn};

/// A question with as much of its answer as there is.
#[derive(Debug, Clone, Default)]
pub struct TurnView {
    /// The question as asked.
    pub question: String,
    /// The answer so far.
    pub answer: String,
    /// The passage found so far.
    pub passage: Option<Passage>,
    /// Pieces of the answer that are held back until it is judged.
    pub held: usize,
    /// Tools that were used so far.
    pub tools: Vec<ToolUse>,
    /// Name of the tool that runs now.
    pub tool: Option<String>,
    /// What was thought of the answer before it was recorded.
    pub assessment: Option<Assessment>,
    /// Whether words stand in place of the answer, which is withheld and was not asked for.
    pub hidden: bool,
    /// The recorded turn once the answer is complete.
    pub recorded: Option<Turn>,
    /// Whether the answer failed, so that nothing more will come.
    pub failed: bool,
}

/// What stands in place of a withheld answer; `how` is what shows it, a key or an order.
pub fn withheld_words(turn: &Turn, how: &str) -> String {
    match turn.answer.trim() {
        "" => format!("No answer was made; {how} asks again and shows what comes."),
        _ => format!("The answer is withheld; {how} shows it all the same."),
    }
}

/// The answer as a list shows it, which nobody has asked to see it all the same.
pub fn listed_answer(turn: &Turn) -> &str {
    if turn.is_withheld() { "(withheld)" } else { &turn.answer }
}

impl TurnView {
    /// A complete turn. `shown` says that its text was shown while it grew, so that there is nothing to withhold;
    /// `anyway` is the key that shows what is withheld.
    pub fn from_recorded(turn: Turn, shown: bool, anyway: &str) -> TurnView {
        let hidden = turn.is_withheld() && !shown;
        let answer = if hidden { withheld_words(&turn, anyway) } else { turn.answer.clone() };
        TurnView {
            question: turn.question.clone(),
            answer,
            passage: turn.passage.clone(),
            held: 0,
            tools: turn.tools.clone(),
            tool: None,
            assessment: None,
            hidden,
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
