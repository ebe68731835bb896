//! One question on its way to its answer, step by step.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use halligan_finetune::chat::Message;

use super::forms::Forms;
use super::outcome;
use super::stream::Stream;
use super::{Answered, Event, Limits, Speaker, Stop, Surroundings};
use crate::agent::catalogue::{DESCRIBE, signature};
use crate::agent::families::Reading;
use crate::agent::figures::FigureGuard;
use crate::agent::tool::SAYS;
use crate::agent::toolbox::{CallOptions, Toolbox};
use crate::agent::tools::hazard::LOOK_UP;
use crate::agent::untrusted::{Untrusted, labelled};
use crate::error::ModelError;
use crate::inference::StopReason;
use crate::turn::{ToolCall, ToolOutcome};

/// Repeated or broken calls in a row after which the model may only speak.
const FUTILE_MAX: usize = 2;
/// Longest result that is read back to the model, in bytes; people see all of it.
const READ_BACK_BYTES: usize = 4 * 1024;

pub(super) struct Exchange<'a> {
    speaker: &'a dyn Speaker,
    around: &'a Surroundings<'a>,
    limits: &'a Limits,
    on_event: &'a mut dyn FnMut(Event<'_>),
    forms: Forms,
    question: String,
    /// The prompt, and how much of it stood there before the first step.
    said: Vec<Message>,
    beginning: usize,
    stream: Stream,
    /// What no person said.
    untrusted: Untrusted,
    /// Numbers that may be looked up: somebody gave them.
    given: FigureGuard,
    /// Tools that the model has read up on.
    explained: BTreeSet<String>,
    /// Why the latest call was not made, where none was made since.
    not_made: Option<String>,
    /// Steps in a row that led nowhere.
    futile: usize,
    answered: Answered,
}

impl<'a> Exchange<'a> {
    /// As [`super::converse`].
    pub(super) fn begin(
        speaker: &'a dyn Speaker,
        around: &'a Surroundings<'a>,
        messages: &[Message],
        read: &[&str],
        limits: &'a Limits,
        on_event: &'a mut dyn FnMut(Event<'_>),
    ) -> Exchange<'a> {
        let forms = Forms::of(speaker, around);
        let question = messages.last().map(|message| message.content.clone()).unwrap_or_default();
        let said = with_system(messages, &around.catalogue.text);
        let (mut stream, mut given) = (Stream::new(forms.family, forms.hidden), FigureGuard::default());
        let mut untrusted = Untrusted::default();
        stream.allow(&question);
        messages.iter().for_each(|message| given.allow(&message.content));
        for text in read {
            untrusted.add(text);
            stream.allow(text);
            given.allow(text);
        }
        Exchange {
            beginning: said.len(),
            answered: Answered { text: String::new(), tools: Vec::new(), tokens: 0, last: None, stop: Stop::Answered },
            explained: BTreeSet::new(),
            not_made: None,
            futile: 0,
            speaker,
            around,
            limits,
            on_event,
            forms,
            question,
            said,
            stream,
            untrusted,
            given,
        }
    }

    /// Takes steps to the end.
    pub(super) fn run(mut self) -> Result<Answered, ModelError> {
        self.answered.stop = loop {
            match self.step()? {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(stop) => break stop,
            }
        };
        self.say_the_unsaid();
        self.answered.text = self.stream.shown().trim().to_owned();
        Ok(self.answered)
    }

    /// The model speaks; what it calls is run and read back.
    fn step(&mut self) -> Result<ControlFlow<Stop>, ModelError> {
        let may_call = self.answered.tools.len() < self.limits.calls && self.futile < FUTILE_MAX;
        let text = match self.speak(may_call)? {
            ControlFlow::Continue(text) => text,
            ControlFlow::Break(stop) => return Ok(ControlFlow::Break(stop)),
        };
        let (name, result) = match self.forms.family.read(&text, self.forms.hidden) {
            // Without the right to call, the grammar leaves a model words only.
            _ if !may_call => return Ok(ControlFlow::Break(Stop::Limit)),
            Reading::Words => return Ok(ControlFlow::Break(Stop::Answered)),
            Reading::Broken { reason, .. } => ("the call".to_owned(), self.not_made(&reason)),
            Reading::Call { call, .. } => (call.name.clone(), self.answer_to(&call)),
        };
        self.said.push(Message::new("assistant", text));
        let mut message = Message::new("tool", labelled(&name, shortened(&result)));
        message.name = Some(name);
        self.said.push(message);
        Ok(ControlFlow::Continue(()))
    }

    /// What the model says next, unless there is a reason to stop.
    fn speak(&mut self, may_call: bool) -> Result<ControlFlow<Stop, String>, ModelError> {
        let left = self.limits.tokens.saturating_sub(self.answered.tokens);
        if left == 0 {
            return Ok(ControlFlow::Break(Stop::Limit));
        }
        let grammar = if may_call { &self.forms.with_calls } else { &self.forms.words_only };
        let (stream, on_event) = (&mut self.stream, &mut self.on_event);
        let mut show = |shown: String| {
            if !shown.is_empty() {
                on_event(Event::Text(&shown));
            }
        };
        let step = match self.speaker.say(&self.said, Some(grammar), left, &mut |piece| show(stream.push(piece))) {
            // What was found stays the answer when there is no room to talk about it.
            Err(ModelError::PromptTooLong { .. }) if self.said.len() > self.beginning => {
                return Ok(ControlFlow::Break(Stop::Limit));
            }
            other => other?,
        };
        show(stream.end_step());
        self.answered.tokens += step.tokens;
        let cancelled = step.stop == StopReason::Cancelled
            || self.limits.cancel.as_ref().is_some_and(|cancel| cancel.load(Ordering::Relaxed));
        let text = step.text.clone();
        self.answered.last = Some(step);
        Ok(if cancelled { ControlFlow::Break(Stop::Cancelled) } else { ControlFlow::Continue(text) })
    }

    /// What the model reads after `call`.
    fn answer_to(&mut self, call: &ToolCall) -> String {
        if call.name == DESCRIBE && !self.around.catalogue.deferred.is_empty() {
            self.describe(call.arguments["name"].as_str().unwrap_or_default())
        } else if self.answered.tools.iter().any(|used| used.call == *call) {
            self.futile += 1;
            "this call was made already; its result stands above".to_owned()
        } else if call.name == LOOK_UP && !self.given.knows(&call.arguments.to_string()) {
            // A slip of one digit would show the record of another substance.
            self.not_made("its number stands neither in the question nor in a result")
        } else {
            let found = self.make(call);
            self.untrusted.add(&found);
            found
        }
    }

    fn describe(&mut self, wanted: &str) -> String {
        // Reading up on some tools before a call is no idle step, the same again is.
        if !self.explained.insert(wanted.to_owned()) || self.explained.len() > self.limits.calls {
            self.futile += 1;
        }
        described_tool(self.around.toolbox, wanted)
    }

    fn not_made(&mut self, reason: &str) -> String {
        self.futile += 1;
        let why = format!("no call was made: {reason}");
        self.not_made = Some(why.clone());
        why
    }

    /// Runs `call`; gives its result as the model reads it.
    fn make(&mut self, call: &ToolCall) -> String {
        let options = CallOptions {
            home: self.around.home,
            find_passages: self.around.find_passages,
            approver: self.around.approver,
            tainted: self.untrusted.is_source_of(&call.arguments, &self.question),
            limit: self.limits.call_time,
        };
        let used = self.around.toolbox.run(call, &options, &mut |call| (self.on_event)(Event::Started(call)));
        (self.on_event)(Event::Ended(&used));
        let is_lookup = call.name == LOOK_UP;
        let found = match &used.outcome {
            ToolOutcome::Done(result) => {
                self.futile = 0;
                let says = result[SAYS].as_str().map_or_else(|| result.to_string(), str::to_owned);
                self.stream.allow(&says);
                self.given.allow(&says);
                if is_lookup {
                    // The record is shown as the program words it, whatever the model makes of it.
                    self.show_record(&says);
                }
                says
            }
            ToolOutcome::Failed(reason) => {
                self.futile += 1;
                if is_lookup {
                    // That no table has it is said by the program, too, and no figure may follow.
                    self.show_record(reason);
                }
                format!("failed: {reason}")
            }
            ToolOutcome::Denied => {
                self.futile += 1;
                "the responder did not allow this call; nothing was changed".to_owned()
            }
        };
        self.not_made = None;
        self.answered.tools.push(used);
        found
    }

    fn show_record(&mut self, words: &str) {
        let shown = self.stream.record(words);
        (self.on_event)(Event::Text(&shown));
    }

    /// Adds what people must know of the last call where the model kept it to itself.
    fn say_the_unsaid(&mut self) {
        let shown = self.stream.shown().trim();
        let of_call = self.answered.tools.last().and_then(|used| outcome::unsaid(used, shown, &self.question));
        let unsaid = of_call.or_else(|| self.not_made.take().filter(|_| shown.is_empty()));
        if let Some(words) = unsaid {
            let shown = self.stream.on_a_line(&words);
            (self.on_event)(Event::Text(&shown));
        }
    }
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
        |(tool, schema)| signature(tool.name(), tool.description(), schema),
    )
}

fn shortened(text: &str) -> &str {
    if text.len() <= READ_BACK_BYTES { text } else { &text[..text.floor_char_boundary(READ_BACK_BYTES)] }
}
