//! Answers of a model that may call tools: the inference thread as the loop's speaker, and the turn that comes of it.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use halligan_finetune::chat::Message;

use super::context::conversation;
use super::curtain::Curtain;
use super::trusting::Asked;
use super::{AnswerEvent, AskOptions, Assistant, ToolMode};
use crate::agent::toolbox::CALL_SECONDS_MAX;
use crate::agent::tools::SEARCH_DOCUMENTS;
use crate::agent::{Answered, Event, Limits, Speaker, Surroundings, converse, describe};
use crate::confidence::ALTERNATIVES;
use crate::error::{ModelError, RuntimeError};
use crate::inference::{ChatRequest, Constraint, GenerateOptions, Generated, Inference, Piece, SaidToken, shows_tools};
use crate::model::{ModelInUse, open_sound, unusable};
use crate::turn::{NewTurn, ToolOutcome, Turn};

/// Words of the system before the tools.
const SYSTEM: &str = "You are a field assistant for emergency responders. Answer briefly.";

/// Tokens that a step needs at least.
const ROOM_MIN: usize = 64;

/// The loaded model as the loop sees it.
struct Voice<'a> {
    inference: &'a Inference,
    template: &'a str,
    options: GenerateOptions,
    /// Tokens of the step that were not yet told with its text.
    said: RefCell<Vec<SaidToken>>,
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
    ) -> Result<Generated, ModelError> {
        let constraint = grammar.map(|grammar| Constraint::Lark(grammar.to_owned()));
        // Less room than asked for is enough as long as an answer fits; the check of the prompt says when none does.
        let prompt = self.inference.chat_tokens(messages, &[]).map_or(0, |tokens| tokens.len());
        let room = self.context_tokens().saturating_sub(prompt);
        let max_tokens = max_tokens.min(room.max(ROOM_MIN));
        let options = GenerateOptions { max_tokens, constraint, ..self.options.clone() };
        let mut request = ChatRequest { messages: messages.to_vec(), options, ..ChatRequest::default() };
        self.said.take();
        let mut on_piece = |piece: &Piece| {
            self.said.borrow_mut().extend_from_slice(&piece.said);
            on_piece(&piece.text);
        };
        match self.inference.chat(&request, &mut on_piece) {
            // Some templates take results only after calls in a form of their own; as the user's words all take them.
            Err(ModelError::Template { .. }) => {
                for message in request.messages.iter_mut().filter(|message| message.role == "tool") {
                    message.role = "user".to_owned();
                    message.name = None;
                }
                self.inference.chat(&request, &mut on_piece)
            }
            other => other,
        }
    }
}

/// What an answer rests on, which decides how it can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ground {
    /// Nothing but the model, also where the tools that it called gave nothing: judged as any answer.
    Model,
    /// Passages that it read; how often such answers are right was never measured.
    Documents,
    /// A table, a computation or a clock, whose words are shown as they are.
    Tools,
}

impl Ground {
    fn of(answered: &Answered) -> Ground {
        let done = answered.tools.iter().filter(|used| matches!(used.outcome, ToolOutcome::Done(_)));
        done.fold(Ground::Model, |ground, used| match ground {
            Ground::Tools => Ground::Tools,
            _ if used.call.name == SEARCH_DOCUMENTS => Ground::Documents,
            _ => Ground::Tools,
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
        let file = open_sound(&path)?;
        let template = file
            .find_str("tokenizer.chat_template")
            .map_err(|error| unusable(&path, error))?
            .unwrap_or_default()
            .to_owned();
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
                alternatives: ALTERNATIVES,
                ..GenerateOptions::default()
            },
            said: RefCell::default(),
        };
        let find = |query: &str, limit: usize| self.find_passages(query, limit);
        let catalogue = describe(&voice, toolbox);
        let around = Surroundings {
            toolbox,
            catalogue: &catalogue,
            home: &self.home,
            find_passages: &find,
            approver: options.approver.as_ref(),
        };
        let limits = Limits {
            tokens: options.max_tokens.max(Limits::default().tokens),
            call_time: Duration::from_secs(CALL_SECONDS_MAX),
            cancel: options.cancel.clone(),
            ..Limits::default()
        };
        // A prompt holds the tools, too; a step takes what room there is, so that one answer of usual length is enough.
        let beside = voice.count(SYSTEM) + voice.count(&catalogue.text);
        let answer = options.max_tokens.saturating_add(beside);
        let context = self.context_of(options.session, question, answer, &inference)?;
        let mut messages = vec![Message::new("system", SYSTEM)];
        messages.extend(conversation(&context.exchanges, question));
        let passages =
            if options.use_documents { self.find_passages(question, super::PASSAGES_CONSIDERED)? } else { Vec::new() };
        let asked = Asked {
            question,
            passages: &passages,
            searched: options.use_documents,
            follows: !context.exchanges.is_empty(),
        };
        let judge = self.judge(&generation)?;
        // The likelihood ratio is computed for those answers only that turn out to rest on the model alone.
        let sure =
            |text: &str, said: &[SaidToken]| !judge.needs_ratio() && self.is_sure(&judge, &asked, text, said, None);
        let is_held = judge.may_withhold() && !options.anyway;
        let mut curtain = Curtain::new(is_held.then_some(&sure), on_event);
        let answered = converse(&voice, &around, &messages, &[], &limits, &mut |event| match event {
            Event::Text(text) => curtain.text(text, &voice.said.take()),
            Event::Started(call) => curtain.event(AnswerEvent::ToolStarted(call.clone())),
            Event::Ended(used) => {
                curtain.event(AnswerEvent::ToolEnded(used.clone()));
                if matches!(used.outcome, ToolOutcome::Done(_)) {
                    curtain.lift();
                }
            }
        })?;
        if let Some(said) = &answered.last {
            curtain.took(said);
        }
        let support = self.support(question, &answered.text, &passages)?;
        let ground = Ground::of(&answered);
        // A passage on something else would look like the source of a tool's result.
        let is_tools_alone = ground == Ground::Tools && support.citations.is_empty();
        let mut assessment = match (ground, &answered.last) {
            (Ground::Model, Some(said)) => {
                let ratio = judge.ratio(&inference, self.adapter_file(&generation).as_deref(), question)?;
                let judged = judge.after(&asked, said, support.is_whole(), ratio);
                Some(match answered.tools.is_empty() || !judged.shows_answer() {
                    true => judged,
                    false => judge.without_result(&asked, support.is_whole()),
                })
            }
            (Ground::Tools, _) => None,
            _ => Some(judge.by_documents(&asked, support.is_whole())),
        };
        if let Some(assessment) = &mut assessment {
            assessment.reasons.extend(context.note());
            curtain.judged(assessment);
        }
        let turn = self.journal().append(NewTurn {
            model: ModelInUse::of(&self.home, &self.options)?.sha256,
            session: options.session,
            question: question.to_owned(),
            answer: answered.text,
            confidence: answered.last.and_then(|said| said.confidence).filter(|_| !is_tools_alone),
            assessment,
            passage: support.passage(&passages).filter(|_| !is_tools_alone).cloned(),
            supported: support.is_whole(),
            citations: support.citations,
            tools: answered.tools,
            generation,
            tokens: answered.tokens,
            seconds: started.elapsed().as_secs_f64(),
        })?;
        on_event(AnswerEvent::Finished);
        Ok(turn)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::agent::Stop;
    use crate::turn::{ToolCall, ToolUse};

    fn ground(used: &[(&str, ToolOutcome)]) -> Ground {
        let tools = used.iter().map(|(name, outcome)| ToolUse {
            call: ToolCall { name: (*name).to_owned(), arguments: json!({}) },
            outcome: outcome.clone(),
            seconds: 0.0,
        });
        Ground::of(&Answered {
            text: String::new(),
            tools: tools.collect(),
            tokens: 0,
            last: None,
            stop: Stop::Answered,
        })
    }

    #[test]
    fn an_answer_rests_on_tools_only_where_one_gave_a_result() {
        let done = || ToolOutcome::Done(json!({"says": "124"}));
        assert_eq!(ground(&[]), Ground::Model);
        assert_eq!(ground(&[("hazard_lookup", ToolOutcome::Denied)]), Ground::Model);
        assert_eq!(ground(&[(SEARCH_DOCUMENTS, done())]), Ground::Documents);
        assert_eq!(ground(&[("hazard_lookup", done()), (SEARCH_DOCUMENTS, done())]), Ground::Tools);
    }
}
