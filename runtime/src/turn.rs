//! A turn: one question with its answer and everything that came with it.
//!
//! These types are what the assistant reports, the journal keeps and the console shows.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::journal::{Feedback, Reason};
use crate::retrieval::Passage;

/// Number of a turn, as shown to the user and accepted by `halligan feedback`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TurnId(pub i64);

impl fmt::Display for TurnId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Number of a session: the turns that one conversation consists of. Its first turn gives the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub i64);

/// One question with its answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Turn {
    /// Number of the turn.
    pub id: TurnId,
    /// The conversation that it belongs to.
    pub session: SessionId,
    /// The question as asked.
    pub question: String,
    /// The answer as shown.
    pub answer: String,
    /// Mean probability of the answer's tokens, 0 to 1; `None` when nothing was generated.
    pub confidence: Option<f32>,
    /// What confidence, domain and documents together say about the answer.
    pub assessment: Option<Assessment>,
    /// The passage of the documents that fits the question and answer best.
    pub passage: Option<Passage>,
    /// Whether the answer's numbers, or its key words if it has none, occur in the passage.
    pub supported: bool,
    /// Verbatim pieces of documents that the answer rests on, in the order of the answer.
    pub citations: Vec<Citation>,
    /// Tools that were used on the way, in order.
    pub tools: Vec<ToolUse>,
    /// SHA-256 of the model that answered; `None` where nothing recorded it.
    pub model: Option<String>,
    /// SHA-256 of the adapter that answered, or `base`.
    pub generation: String,
    /// Tokens generated.
    pub tokens: usize,
    /// Seconds from question to last token, model loading included.
    pub seconds: f64,
    /// Latest feedback on this turn.
    pub feedback: Option<Feedback>,
    /// Why, in the responder's words of one: the tags of the latest feedback.
    pub reasons: Vec<Reason>,
    /// When the question was asked, in seconds since 1970 UTC.
    pub created_at: i64,
}

impl Turn {
    /// Whether the answer is withheld: it is kept, and shown to those only who ask for it all the same.
    pub fn is_withheld(&self) -> bool {
        self.assessment.as_ref().is_some_and(|assessment| !assessment.shows_answer())
    }

    /// Whether the answer is outside what the assistant knows; what was already said of it does not count.
    pub fn is_refused(&self) -> bool {
        self.assessment.as_ref().is_some_and(|assessment| assessment.verdict == Verdict::Refuse)
    }

    /// Whether a tool gave the result that is the answer; neither the documents nor the model's confidence say anything
    /// of it.
    pub fn rests_on_tool(&self) -> bool {
        self.assessment.is_none() && self.citations.is_empty() && self.is_done()
    }

    /// Whether any tool that was called gave a result.
    pub fn is_done(&self) -> bool {
        self.tools.iter().any(|used| matches!(used.outcome, ToolOutcome::Done(_)))
    }
}

/// A turn before it has a number; the fields are those of [`Turn`].
#[derive(Debug, Clone, Default)]
pub struct NewTurn {
    /// The conversation; `None` begins one.
    pub session: Option<SessionId>,
    /// The question as asked.
    pub question: String,
    /// The answer as shown.
    pub answer: String,
    /// Mean token probability.
    pub confidence: Option<f32>,
    /// What is to be thought of the answer.
    pub assessment: Option<Assessment>,
    /// Passage shown with it.
    pub passage: Option<Passage>,
    /// Whether the passage supports the answer.
    pub supported: bool,
    /// What the answer rests on.
    pub citations: Vec<Citation>,
    /// Tools that were used.
    pub tools: Vec<ToolUse>,
    /// Model that answered.
    pub model: Option<String>,
    /// Generation that answered.
    pub generation: String,
    /// Tokens generated.
    pub tokens: usize,
    /// Seconds it took.
    pub seconds: f64,
}

/// A verbatim piece of a document that an answer rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// Name of the document.
    pub document: String,
    /// Page, where the document has pages, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// Heading path, e.g. `Hazmat > Isolation distances`; empty if none.
    pub heading: String,
    /// The piece, equal to the document's text at this range.
    pub quote: String,
    /// Byte offset of the piece in the document's text.
    pub start_byte: usize,
    /// Byte offset just after the piece.
    pub end_byte: usize,
}

/// What to do with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Show it.
    Answer,
    /// Show it with a warning.
    Warn,
    /// Ask the responder to say more.
    Clarify,
    /// Say that the question is outside of what the assistant knows.
    Refuse,
}

/// What confidence, domain and documents together say about an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// What to do with the answer.
    pub verdict: Verdict,
    /// Calibrated probability that the answer is right, 0 to 1; `None` without a calibration.
    pub probability: Option<f32>,
    /// How far the question lies inside the domain, higher being further; `None` where that was not measured.
    pub domain_score: Option<f32>,
    /// Why, one clause each, for people.
    pub reasons: Vec<String>,
}

impl Assessment {
    /// Whether the answer is shown without being asked for once more.
    pub fn shows_answer(&self) -> bool {
        matches!(self.verdict, Verdict::Answer | Verdict::Warn)
    }
}

/// A tool that the model asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Name of the tool.
    pub name: String,
    /// A JSON object that its schema allows.
    pub arguments: Value,
}

/// How a tool call ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "content", rename_all = "snake_case")]
pub enum ToolOutcome {
    /// What the tool returned.
    Done(Value),
    /// Why it failed.
    Failed(String),
    /// The responder did not allow it.
    Denied,
}

/// A tool call with its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolUse {
    /// What was asked for.
    pub call: ToolCall,
    /// What came of it.
    pub outcome: ToolOutcome,
    /// Seconds that it took, approval aside.
    pub seconds: f64,
}

/// The responder's word on a tool call that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// This call may run.
    Once,
    /// This call and further ones of the same tool in this session may run.
    Session,
    /// This call may not run.
    Deny,
}

/// Asks the responder; may wait as long as it takes. Without one, every call that needs approval is denied.
#[derive(Clone)]
pub struct Approver(pub Arc<dyn Fn(&ToolCall) -> Approval + Send + Sync>);

impl fmt::Debug for Approver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Approver")
    }
}
