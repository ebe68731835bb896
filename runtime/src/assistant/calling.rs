//! Answers of a model that may call tools: the inference thread as the loop's speaker, and the turn that comes of it.

use std::time::{Duration, Instant};

use halligan_finetune::chat::Message;
use halligan_finetune::gguf::{GgufError, GgufFile};

use super::context::conversation;
use super::{AnswerEvent, AskOptions, Assistant, ToolMode};
use crate::agent::toolbox::CALL_SECONDS_MAX;
use crate::agent::{Event, Limits, Said, Speaker, Surroundings, converse};
use crate::error::{ModelError, RuntimeError};
use crate::inference::{ChatRequest, Constraint, GenerateOptions, Inference, StopReason, shows_tools};
use crate::model::ModelInUse;
use crate::turn::{NewTurn, Turn};

/// Words of the system before the tools.
const SYSTEM: &str = "You are a field assistant for emergency responders. Answer briefly.";

/// Tokens that a step needs at least.
const ROOM_MIN: usize = 64;

/// The loaded model as the loop sees it.
struct Voice<'a> {
    inference: &'a Inference,
    template: &'a str,
    options: GenerateOptions,
}

impl Speaker for Voice<'_> {
    fn template(&self) -> &str {
        self.template
    }

    fn context_tokens(&self) -> usize {
        self.inference.info().context_tokens as usize
    }

    fn count(&self, text: &str) -> usize {
        // A text that cannot be counted is taken for a long one.
        self.inference.tokenize(text, false).map_or(text.len(), |tokens| tokens.len())
    }

    fn control_token(&self, text: &str) -> Option<u32> {
        let special = self.inference.tokenize(text, true).ok()?;
        let plain = self.inference.tokenize(text, false).ok()?;
        match &special[..] {
            // A token that plain text gives too is shown as text.
            [token] if special != plain => u32::try_from(*token).ok(),
            _ => None,
        }
    }

    fn say(
        &self,
        messages: &[Message],
        grammar: Option<&str>,
        max_tokens: usize,
        on_piece: &mut dyn FnMut(&str),
    ) -> Result<Said, ModelError> {
        let constraint = grammar.map(|grammar| Constraint::Lark(grammar.to_owned()));
        // Less room than asked for is enough as long as an answer fits; the check of the prompt says when none does.
        let prompt = self.inference.chat_tokens(messages, &[]).map_or(0, |tokens| tokens.len());
        let room = self.context_tokens().saturating_sub(prompt);
        let max_tokens = if room >= ROOM_MIN { max_tokens.min(room) } else { max_tokens };
        let options = GenerateOptions { max_tokens, constraint, ..self.options.clone() };
        let mut request = ChatRequest { messages: messages.to_vec(), options, ..ChatRequest::default() };
        let generated = match self.inference.chat(&request, on_piece) {
            // Some templates take results only after calls in a form of their own; as the user's words all take them.
            Err(ModelError::Template { .. }) => {
                for message in request.messages.iter_mut().filter(|message| message.role == "tool") {
                    message.role = "user".to_owned();
                    message.name = None;
                }
                self.inference.chat(&request, on_piece)?
            }
            other => other?,
        };
        Ok(Said {
            text: generated.text,
            tokens: generated.tokens,
            confidence: generated.confidence,
            cancelled: generated.stop == StopReason::Cancelled,
        })
    }
}

impl Assistant {
    /// Whether the model in use calls tools under these options.
    pub(super) fn model_calls_tools(&self, options: &AskOptions) -> Result<bool, RuntimeError> {
        Ok(match options.tools {
            ToolMode::Off => false,
            ToolMode::On => true,
            ToolMode::Auto => shows_tools(self.chat_template()?),
        })
    }

    fn chat_template(&self) -> Result<&str, RuntimeError> {
        if let Some(template) = self.template.get() {
            return Ok(template);
        }
        let path = ModelInUse::of(&self.home, &self.options)?.path;
        let wrong = |error: GgufError| ModelError::Malformed { path: path.clone(), reason: error.to_string() };
        let file = GgufFile::open(&path).map_err(wrong)?;
        let template = file.find_str("tokenizer.chat_template").map_err(wrong)?.unwrap_or_default().to_owned();
        Ok(self.template.get_or_init(|| template))
    }

    /// Answers and records a question with a model that may call tools.
    pub(super) fn answer_with_calls(
        &self,
        question: &str,
        options: &AskOptions,
        started: Instant,
        on_event: &mut dyn FnMut(AnswerEvent),
    ) -> Result<Turn, RuntimeError> {
        let toolbox = self.toolbox()?;
        let (inference, generation) = self.ready_inference()?;
        let voice = Voice {
            inference: &inference,
            template: self.chat_template()?,
            options: GenerateOptions {
                seed: self.options.seed,
                cancel: options.cancel.clone(),
                ..GenerateOptions::default()
            },
        };
        let find = |query: &str, limit: usize| self.find_passages(query, limit);
        let around =
            Surroundings { toolbox, home: &self.home, find_passages: &find, approver: options.approver.as_ref() };
        let limits = Limits {
            tokens: options.max_tokens.max(Limits::default().tokens),
            call_time: Duration::from_secs(CALL_SECONDS_MAX),
            cancel: options.cancel.clone(),
            ..Limits::default()
        };
        let context = self.context_of(options.session, question, limits.tokens, &inference)?;
        let mut messages = vec![Message::new("system", SYSTEM)];
        messages.extend(conversation(&context.exchanges, question));
        let answered = converse(&voice, &around, &messages, &[], &limits, &mut |event| {
            on_event(match event {
                Event::Text(text) => AnswerEvent::Text(text.to_owned()),
                Event::Started(call) => AnswerEvent::ToolStarted(call.clone()),
                Event::Ended(used) => AnswerEvent::ToolEnded(used.clone()),
            });
        })?;
        let passages =
            if options.use_documents { self.find_passages(question, super::PASSAGES_CONSIDERED)? } else { Vec::new() };
        let support = self.support(question, &answered.text, &passages)?;
        let turn = self.journal().append(NewTurn {
            model: ModelInUse::of(&self.home, &self.options)?.sha256,
            session: options.session,
            question: question.to_owned(),
            answer: answered.text,
            confidence: answered.confidence,
            passage: support.passage(&passages).cloned(),
            supported: support.is_whole(),
            citations: support.citations,
            tools: answered.tools,
            generation,
            tokens: answered.tokens,
            seconds: started.elapsed().as_secs_f64(),
            ..NewTurn::default()
        })?;
        on_event(AnswerEvent::Finished);
        Ok(turn)
    }
}
