//! The loop: the model speaks, a call that it makes is run, its result is read back, until the model only speaks.
//!
//! A call is taken from the text that the model generated and from nowhere else: what documents, tools or people say
//! goes into the prompt as data and is never searched for calls. Steps, tokens and repeats are limited, so that the loop
//! ends whatever the model does.

mod exchange;
mod forms;
mod outcome;
mod stream;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use halligan_finetune::chat::Message;

use super::catalogue::{self, Catalogue, catalogue};
use super::families::Family;
use super::tool::FindPassages;
use super::toolbox::{CALL_SECONDS_MAX, Toolbox};
use crate::error::ModelError;
use crate::home::Home;
use crate::inference::Generated;
use crate::turn::{Approver, ToolCall, ToolUse};
use exchange::Exchange;

/// The catalogue of tools takes at most one part in so many of the context.
const CATALOGUE_PART: usize = 4;

/// A model that says the next turn of a conversation.
pub trait Speaker {
    /// Text of its chat template.
    fn template(&self) -> &str;

    /// Tokens of its context.
    fn context_tokens(&self) -> usize;

    /// Number of tokens of a text.
    fn count(&self, text: &str) -> usize;

    /// The token that is this text, where it is a control token, which generated text does not show.
    fn control_token(&self, text: &str) -> Option<u32>;

    /// Says the next turn within `grammar` (Lark), with at most `max_tokens`. `on_piece` sees the text as it grows.
    ///
    /// # Errors
    /// [`ModelError`].
    fn say(
        &self,
        messages: &[Message],
        grammar: Option<&str>,
        max_tokens: usize,
        on_piece: &mut dyn FnMut(&str),
    ) -> Result<Generated, ModelError>;
}

/// Limits of one answer.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Most calls.
    pub calls: usize,
    /// Most tokens of all steps together.
    pub tokens: usize,
    /// Most time of one call.
    pub call_time: Duration,
    /// Set to true to stop.
    pub cancel: Option<Arc<AtomicBool>>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { calls: 6, tokens: 1024, call_time: Duration::from_secs(CALL_SECONDS_MAX), cancel: None }
    }
}

/// Why the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The model gave its answer.
    Answered,
    /// The limit of calls or tokens, or repeats: what is known is the answer.
    Limit,
    /// The caller.
    Cancelled,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The answer as shown.
    pub text: String,
    /// Calls in order.
    pub tools: Vec<ToolUse>,
    /// Tokens generated in all steps.
    pub tokens: usize,
    /// What the model said last.
    pub last: Option<Generated>,
    /// Why it ended.
    pub stop: Stop,
}

/// What the loop works with.
pub struct Surroundings<'a> {
    /// The tools.
    pub toolbox: &'a Toolbox,
    /// Their description, by [`describe`] for the same speaker.
    pub catalogue: &'a Catalogue,
    /// The device's data.
    pub home: &'a Home,
    /// The documents.
    pub find_passages: &'a FindPassages<'a>,
    /// Asks the responder.
    pub approver: Option<&'a Approver>,
}

/// What people see while it runs.
pub enum Event<'a> {
    /// The next piece of the answer.
    Text(&'a str),
    /// A call begins to run.
    Started(&'a ToolCall),
    /// A call has ended.
    Ended(&'a ToolUse),
}

/// Describes the tools as the system's words do in every prompt, in what room the speaker has for them.
pub fn describe(speaker: &dyn Speaker, toolbox: &Toolbox) -> Catalogue {
    let budget = catalogue::TOKENS_MAX.min(speaker.context_tokens() / CATALOGUE_PART);
    catalogue(toolbox, Family::of(speaker.template()), budget, &|text| speaker.count(text))
}

/// Answers the last of `messages`, the responder's question; what stands before is the conversation so far. `read` are
/// texts in it that no person said.
///
/// # Errors
/// [`ModelError`] of the model. Failing tools are read back to the model and are no error.
pub fn converse(
    speaker: &dyn Speaker,
    around: &Surroundings<'_>,
    messages: &[Message],
    read: &[&str],
    limits: &Limits,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<Answered, ModelError> {
    Exchange::begin(speaker, around, messages, read, limits, on_event).run()
}
