//! The loop: the model speaks, a call that it makes is run, its result is read back, until the model only speaks.
//!
//! A call is taken from the text that the model generated and from nowhere else: what documents, tools or people say
//! goes into the prompt as data and is never searched for calls. Steps, tokens and repeats are limited, so that the loop
//! ends whatever the model does.

mod outcome;
mod stream;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use halligan_finetune::chat::Message;
use serde_json::{Value, json};

use super::catalogue::{self, Catalogue, DESCRIBE, catalogue};
use super::families::{Family, Reading};
use super::figures::FigureGuard;
use super::tool::{FindPassages, SAYS};
use super::toolbox::{CALL_SECONDS_MAX, CallOptions, Toolbox};
use super::tools::hazard::LOOK_UP;
use super::untrusted::{Untrusted, labelled};
use crate::error::ModelError;
use crate::home::Home;
use crate::inference::{Generated, StopReason};
use crate::turn::{Approver, ToolCall, ToolOutcome, ToolUse};
use stream::Stream;

/// Repeated or broken calls in a row after which the model may only speak.
const FUTILE_MAX: usize = 2;
/// Longest result that is read back to the model, in bytes; people see all of it.
const READ_BACK_BYTES: usize = 4 * 1024;

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
    let family = Family::of(speaker.template());
    let control = if family.control { speaker.control_token(family.open) } else { None };
    let described = around.catalogue;
    let describe_schema = json!({
        "type": "object", "properties": {"name": {"enum": described.deferred}}, "required": ["name"], "additionalProperties": false,
    });
    let mut tools: Vec<(&str, &Value)> = around.toolbox.tools().map(|(tool, schema)| (tool.name(), schema)).collect();
    if !described.deferred.is_empty() {
        tools.push((DESCRIBE, &describe_schema));
    }
    let with_calls = family.grammar(&tools, control);
    let words_only = words_grammar(family, control.is_some());

    let question = messages.last().map(|message| message.content.clone()).unwrap_or_default();
    let mut said = with_system(messages, &described.text);
    let beginning = said.len();
    let mut untrusted = Untrusted::default();
    read.iter().for_each(|text| untrusted.add(text));
    let mut answered = Answered { text: String::new(), tools: Vec::new(), tokens: 0, last: None, stop: Stop::Answered };
    let mut stream = Stream::new(family, control.is_some());
    stream.allow(&question);
    read.iter().for_each(|text| stream.allow(text));
    // Numbers that may be looked up: somebody gave them.
    let mut given = FigureGuard::default();
    messages.iter().for_each(|message| given.allow(&message.content));
    read.iter().for_each(|text| given.allow(text));
    let mut explained = BTreeSet::new();
    // Why the latest call was not made, where none was made since.
    let mut not_made = None;
    let mut futile = 0;
    loop {
        let left = limits.tokens.saturating_sub(answered.tokens);
        let may_call = answered.tools.len() < limits.calls && futile < FUTILE_MAX;
        if left == 0 {
            answered.stop = Stop::Limit;
            break;
        }
        let grammar = if may_call { &with_calls } else { &words_only };
        let step = match speaker.say(&said, Some(grammar), left, &mut |piece| {
            let shown = stream.push(piece);
            if !shown.is_empty() {
                on_event(Event::Text(&shown));
            }
        }) {
            // What was found stays the answer when there is no room to talk about it.
            Err(ModelError::PromptTooLong { .. }) if said.len() > beginning => {
                answered.stop = Stop::Limit;
                break;
            }
            other => other?,
        };
        answered.tokens += step.tokens;
        let rest = stream.end_step();
        if !rest.is_empty() {
            on_event(Event::Text(&rest));
        }
        let stopped = limits.cancel.as_ref().is_some_and(|cancel| cancel.load(Ordering::Relaxed));
        let text = step.text.clone();
        let cancelled = step.stop == StopReason::Cancelled;
        answered.last = Some(step);
        if cancelled || stopped {
            answered.stop = Stop::Cancelled;
            break;
        }
        let (result_of, result) = match family.read(&text, control.is_some()) {
            Reading::Words => {
                if !may_call {
                    answered.stop = Stop::Limit;
                }
                break;
            }
            _ if !may_call => {
                // The grammar forbids it, so only a model without one comes here.
                answered.stop = Stop::Limit;
                break;
            }
            Reading::Broken { reason, .. } => {
                futile += 1;
                let why = format!("no call was made: {reason}");
                not_made = Some(why.clone());
                ("the call".to_owned(), why)
            }
            Reading::Call { call, .. } if call.name == DESCRIBE && !described.deferred.is_empty() => {
                let wanted = call.arguments["name"].as_str().unwrap_or_default();
                // Reading up on some tools before a call is no idle step, the same again is.
                if !explained.insert(wanted.to_owned()) || explained.len() > limits.calls {
                    futile += 1;
                }
                (DESCRIBE.to_owned(), described_tool(around.toolbox, wanted))
            }
            Reading::Call { call, .. } if answered.tools.iter().any(|used| used.call == call) => {
                futile += 1;
                (call.name, "this call was made already; its result stands above".to_owned())
            }
            Reading::Call { call, .. } if call.name == LOOK_UP && !given.knows(&call.arguments.to_string()) => {
                // A slip of one digit would show the record of another substance.
                futile += 1;
                let why = "no call was made: its number stands neither in the question nor in a result".to_owned();
                not_made = Some(why.clone());
                (call.name, why)
            }
            Reading::Call { call, .. } => {
                let options = CallOptions {
                    home: around.home,
                    find_passages: around.find_passages,
                    approver: around.approver,
                    tainted: untrusted.is_source_of(&call.arguments, &question),
                    limit: limits.call_time,
                };
                let used = around.toolbox.run(&call, &options, &mut |call| on_event(Event::Started(call)));
                on_event(Event::Ended(&used));
                let found = match &used.outcome {
                    ToolOutcome::Done(result) => {
                        futile = 0;
                        let says = result[SAYS].as_str().map_or_else(|| result.to_string(), str::to_owned);
                        stream.allow(&says);
                        given.allow(&says);
                        if call.name == LOOK_UP {
                            // The record is shown as the program words it, whatever the model makes of it.
                            let shown = stream.record(&says);
                            on_event(Event::Text(&shown));
                        }
                        says
                    }
                    ToolOutcome::Failed(reason) => {
                        futile += 1;
                        if call.name == LOOK_UP {
                            // That no table has it is said by the program, too, and no figure may follow.
                            let shown = stream.record(reason);
                            on_event(Event::Text(&shown));
                        }
                        format!("failed: {reason}")
                    }
                    ToolOutcome::Denied => {
                        futile += 1;
                        "the responder did not allow this call; nothing was changed".to_owned()
                    }
                };
                untrusted.add(&found);
                not_made = None;
                answered.tools.push(used);
                (call.name, found)
            }
        };
        said.push(Message::new("assistant", text));
        let mut message = Message::new("tool", labelled(&result_of, shortened(&result)));
        message.name = Some(result_of);
        said.push(message);
    }
    let unsaid = answered.tools.last().and_then(|used| outcome::unsaid(used, stream.shown().trim(), &question));
    let unsaid = unsaid.or_else(|| not_made.filter(|_| stream.shown().trim().is_empty()));
    if let Some(words) = unsaid {
        let shown = stream.on_a_line(&words);
        on_event(Event::Text(&shown));
    }
    answered.text = stream.shown().trim().to_owned();
    Ok(answered)
}

fn words_grammar(family: &Family, hidden: bool) -> String {
    let open = super::families::escaped(family.visible_open(hidden));
    format!("start: WORDS\nWORDS: /(?s:.*)/ & ~/(?s:.*){open}(?s:.*)/\n")
}

/// The conversation with the tools in the words of the system.
fn with_system(messages: &[Message], tools: &str) -> Vec<Message> {
    let mut said = messages.to_vec();
    match said.first_mut() {
        Some(first) if first.role == "system" => first.content = format!("{}\n\n{tools}", first.content),
        _ => said.insert(0, Message::new("system", tools)),
    }
    said
}

fn described_tool(toolbox: &Toolbox, wanted: &str) -> String {
    toolbox.tools().find(|(tool, _)| tool.name() == wanted).map_or_else(
        || format!("there is no tool `{wanted}`"),
        |(tool, schema)| catalogue::signature(tool.name(), tool.description(), schema),
    )
}

fn shortened(text: &str) -> &str {
    if text.len() <= READ_BACK_BYTES { text } else { &text[..text.floor_char_boundary(READ_BACK_BYTES)] }
}
