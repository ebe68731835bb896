//! The device as a backend: steps become calls of the assistant and its inference thread.

mod catalog;
mod conversation;
mod telling;
mod tools;

use std::path::PathBuf;

use axum::http::StatusCode;
use halligan_runtime::inference::{Encoder, GenerateOptions, Generated, Inference, StopReason};
use halligan_runtime::{AnswerEvent, AskOptions, Assessment, Assistant, AssistantOptions, SessionId, Turn};
use serde_json::json;

use super::backend::{Backend, Cancel, EncoderFacts, ModelFacts};
use super::error::ApiError;
use super::task::{Conversation, Embedding, Event, Finish, Finished, Prompt, Sampling, Scored, Step, Voice};
use crate::figures::{printable, verdict_words};
use catalog::HomeCatalog;
use telling::Telling;

/// Longest answer of the assistant when the client names no length, in tokens.
const ASSISTANT_TOKENS: usize = 128;

/// A backend over a home folder; lives on the thread that serves the queue.
pub struct Device {
    assistant: Assistant,
    encoder_file: Option<PathBuf>,
    encoder: Option<Encoder>,
    prompt_tokens_max: usize,
}

impl Device {
    /// What handlers need, and how the thread of the model makes the rest.
    ///
    /// # Errors
    /// A home folder that cannot be opened, an adapter file that cannot be read.
    pub fn parts(
        options: &AssistantOptions,
        encoder_file: Option<PathBuf>,
        prompt_tokens_max: usize,
    ) -> anyhow::Result<(HomeCatalog, impl FnOnce() -> Result<Device, ApiError> + Send + 'static + use<>)> {
        let catalog = HomeCatalog::open(options)?;
        let (options, encoder_file) = (options.clone(), encoder_file.or(catalog.encoder_file()));
        let make = move || {
            Ok(Device { assistant: Assistant::open(&options)?, encoder_file, encoder: None, prompt_tokens_max })
        };
        Ok((catalog, make))
    }

    fn tokens(&self, inference: &Inference, prompt: Prompt) -> Result<Vec<i32>, ApiError> {
        let tokens = match prompt {
            Prompt::Tokens(tokens) => tokens,
            Prompt::Text(text) => tokenize(inference, &text, true)?,
        };
        self.check_length(tokens.len())?;
        Ok(tokens)
    }

    fn check_length(&self, tokens: usize) -> Result<(), ApiError> {
        let limit = self.prompt_tokens_max;
        if tokens <= limit {
            return Ok(());
        }
        let message = format!(
            "the prompt has {tokens} tokens, this server takes {limit}; send less, or start it with a larger --max-prompt-tokens"
        );
        Err(ApiError::new(StatusCode::BAD_REQUEST, "context_length_exceeded", message))
    }

    fn chat(
        &self,
        generation: &str,
        conversation: &Conversation,
        sampling: &Sampling,
        cancel: &Cancel,
        emit: &mut dyn FnMut(Event),
    ) -> Result<(), ApiError> {
        let inference = self.assistant.inference_as(generation)?;
        let calling = tools::Calling::new(conversation, inference.info().takes_tools);
        let mut request = conversation::request(conversation, &calling);
        let prompt = inference.chat_tokens(&request.messages, &request.tools)?;
        self.check_length(prompt.len())?;
        request.options = options(&inference, prompt.len(), sampling, cancel);
        request.options.constraint = calling.constraint(&sampling.format);
        // What may turn out to be a call is held back.
        let (mut begun, mut held) = (false, false);
        let mut telling = Telling::new(sampling.logprobs.is_some(), emit);
        let generated = inference.chat(&request, &mut |piece| {
            held |= !begun && calling.may_begin(&piece.text);
            begun = true;
            if !held {
                telling.piece(piece);
            }
        })?;
        let Some(mut finish) = finish(generated.stop) else { return Ok(()) };
        match calling.read(&generated.text) {
            Some(calls) => {
                emit(Event::Calls(calls));
                finish = Finish::ToolCalls;
            }
            None => telling.rest(&generated),
        }
        emit(Event::Finished(finished(&generated, finish, generation)));
        Ok(())
    }

    fn complete(
        &self,
        generation: &str,
        prompt: Prompt,
        echo: bool,
        sampling: &Sampling,
        cancel: &Cancel,
        emit: &mut dyn FnMut(Event),
    ) -> Result<(), ApiError> {
        let inference = self.assistant.inference_as(generation)?;
        let mut tokens = self.tokens(&inference, prompt)?;
        if tokens.is_empty() {
            // Of nothing follows what begins a text.
            let info = inference.info();
            tokens.extend(info.begin_token.or(info.end_token));
        }
        if echo {
            let text = lossy(&inference.detokenize(&tokens)?);
            let tokens = match sampling.logprobs {
                Some(top) => score(&inference, &tokens, top)?,
                None => Vec::new(),
            };
            emit(Event::Prompt { text, tokens });
        }
        if sampling.max_tokens == Some(0) {
            let (finish, generation) = (Finish::Length, generation.to_owned());
            emit(Event::Finished(Finished {
                finish,
                prompt_tokens: tokens.len(),
                cached_tokens: 0,
                completion_tokens: 0,
                generation,
                beside: None,
            }));
            return Ok(());
        }
        let options = GenerateOptions { verbatim: true, ..options(&inference, tokens.len(), sampling, cancel) };
        let mut telling = Telling::new(sampling.logprobs.is_some(), emit);
        let generated = inference.complete(&tokens, &options, &mut |piece| telling.piece(piece))?;
        let Some(finish) = finish(generated.stop) else { return Ok(()) };
        telling.rest(&generated);
        if let Some(top) = sampling.logprobs
            && echo
            && generated.stop == StopReason::EndOfTurn
        {
            // Harnesses count on one token after the prompt, so the one that ends the text is told, too.
            tokens.extend(generated.said.iter().map(|token| token.choice.token));
            tokens.extend(inference.info().end_token);
            let end = score(&inference, &tokens, top)?.pop();
            emit(Event::Text { text: String::new(), tokens: end.into_iter().collect() });
        }
        emit(Event::Finished(finished(&generated, finish, generation)));
        Ok(())
    }

    fn ask(
        &self,
        conversation: &Conversation,
        session: Option<i64>,
        sampling: &Sampling,
        cancel: &Cancel,
        emit: &mut dyn FnMut(Event),
    ) -> Result<(), ApiError> {
        let question = conversation::question(conversation)?;
        let asked = sampling.max_tokens.unwrap_or(ASSISTANT_TOKENS);
        let inference = self.assistant.inference()?;
        let max_tokens = conversation::answer_tokens(&inference, question, session.is_some(), asked);
        let options = AskOptions {
            max_tokens,
            cancel: Some(cancel.flag()),
            session: session.map(SessionId),
            ..AskOptions::default()
        };
        let (mut said, mut read) = (false, 0);
        let turn = self.assistant.ask(question, &options, &mut |event| match event {
            AnswerEvent::Text(text) => {
                said = true;
                emit(Event::Text { text, tokens: Vec::new() });
            }
            AnswerEvent::Context { prompt_tokens, .. } => read = prompt_tokens,
            _ => {}
        })?;
        // A refusal takes back what was said of the answer, too.
        let withheld = turn.is_refused() || turn.is_withheld() && !said;
        if let Some(assessment) = turn.assessment.as_ref().filter(|_| withheld) {
            emit(Event::Refusal(refusal(&turn, assessment)));
        }
        let mut beside = json!(turn);
        if let Some(fields) = beside.as_object_mut() {
            fields.remove("question");
            fields.remove("answer");
        }
        emit(Event::Finished(Finished {
            finish: if turn.tokens >= max_tokens { Finish::Length } else { Finish::Stop },
            prompt_tokens: read,
            cached_tokens: 0,
            completion_tokens: turn.tokens,
            generation: turn.generation,
            beside: Some(beside),
        }));
        Ok(())
    }

    fn embed(&self, texts: &[String], cancel: &Cancel) -> Result<Vec<Embedding>, ApiError> {
        let encoder = self.encoder.as_ref().ok_or_else(ApiError::thread_gone)?;
        let vectors = encoder.embed(texts, &mut |_, _| !cancel.is_set())?;
        match vectors.iter().find(|row| row.cut_tokens > 0) {
            None => Ok(vectors.into_iter().map(|row| Embedding { vector: row.vector, tokens: row.tokens }).collect()),
            Some(long) => {
                let (read, all) = (long.tokens, long.tokens + long.cut_tokens);
                let message = format!("a text has {all} tokens, the encoder reads {read}; send it in parts");
                Err(ApiError::new(StatusCode::BAD_REQUEST, "context_length_exceeded", message).about("input"))
            }
        }
    }
}

impl Backend for Device {
    fn load(&mut self) -> Result<ModelFacts, ApiError> {
        self.assistant.warm_up()?;
        if let Some(file) = &self.encoder_file {
            self.encoder = Some(Encoder::load(file, 0, 0)?);
        }
        let inference = self.assistant.inference()?;
        let info = inference.info();
        let text = |token: Option<i32>| -> Result<Option<String>, ApiError> {
            token.map(|token| Ok(lossy(&inference.detokenize(&[token])?))).transpose()
        };
        Ok(ModelFacts {
            name: info.name.clone(),
            context_tokens: info.context_tokens as usize,
            vocabulary: info.vocabulary,
            parameters: info.parameters,
            encoder: self.encoder.as_ref().map(encoder_facts),
            eos_token: text(info.end_token)?,
            bos_token: text(info.begin_token)?,
            chat_template: info.chat_template.clone(),
        })
    }

    fn perform(&mut self, step: Step, cancel: &Cancel, emit: &mut dyn FnMut(Event)) -> Result<(), ApiError> {
        match step {
            Step::Chat { voice: Voice::Plain { generation }, conversation, sampling, .. } => {
                self.chat(&generation, &conversation, &sampling, cancel, emit)
            }
            Step::Chat { voice: Voice::Assistant, conversation, session, sampling } => {
                self.ask(&conversation, session, &sampling, cancel, emit)
            }
            Step::Complete { generation, prompt, echo, sampling } => {
                self.complete(&generation, prompt, echo, &sampling, cancel, emit)
            }
            Step::Embed { texts } => {
                emit(Event::Embeddings(self.embed(&texts, cancel)?));
                Ok(())
            }
            Step::Tokenize { text, add_special } => {
                let inference = self.assistant.inference()?;
                emit(Event::Tokens(tokenize(&inference, &text, add_special)?));
                Ok(())
            }
            Step::Detokenize { tokens } => {
                let inference = self.assistant.inference()?;
                emit(Event::Detokenized(lossy(&inference.detokenize(&tokens)?)));
                Ok(())
            }
        }
    }
}

fn encoder_facts(encoder: &Encoder) -> EncoderFacts {
    let info = encoder.info();
    EncoderFacts { name: info.name.clone(), dimension: info.dimension, context_tokens: info.context_tokens }
}

/// Tokens of a text, with what the model wants at its start.
fn tokenize(inference: &Inference, text: &str, add_special: bool) -> Result<Vec<i32>, ApiError> {
    let mut tokens = inference.tokenize(text, true)?;
    let info = inference.info();
    let begin = info.begin_token.filter(|begin| info.adds_begin_token && tokens.first() != Some(begin));
    if let (true, Some(begin)) = (add_special, begin) {
        tokens.insert(0, begin);
    }
    Ok(tokens)
}

/// Options of the inference thread for a prompt of this length.
fn options(inference: &Inference, prompt_tokens: usize, sampling: &Sampling, cancel: &Cancel) -> GenerateOptions {
    let room = (inference.info().context_tokens as usize).saturating_sub(prompt_tokens).max(1);
    GenerateOptions {
        max_tokens: sampling.max_tokens.unwrap_or(room),
        temperature: sampling.temperature,
        // Nothing at all is the most probable token alone.
        top_p: sampling.top_p.max(f32::EPSILON),
        seed: sampling.seed,
        stop: sampling.stop.clone(),
        alternatives: sampling.logprobs.unwrap_or(0),
        cancel: Some(cancel.flag()),
        ..GenerateOptions::default()
    }
}

/// Why an answer is withheld, and how to see it.
fn refusal(turn: &Turn, assessment: &Assessment) -> String {
    // The mark in front is for a screen.
    let verdict = verdict_words(assessment.verdict);
    let verdict = verdict.split_once("] ").map_or(verdict, |(_, words)| words);
    let reasons = assessment.reasons.join("; ");
    let colon = if reasons.is_empty() { "" } else { ": " };
    let way = match turn.answer.trim() {
        "" => "ask again in other words".to_owned(),
        _ => format!("`halligan journal show {}` shows the answer all the same", turn.id),
    };
    printable(&format!("{verdict}{colon}{reasons}; {way}"))
}

/// In OpenAI's words; `None` where no one listens any more.
fn finish(stop: StopReason) -> Option<Finish> {
    match stop {
        StopReason::EndOfTurn | StopReason::StopText | StopReason::Complete => Some(Finish::Stop),
        StopReason::Length => Some(Finish::Length),
        StopReason::Cancelled => None,
    }
}

fn finished(generated: &Generated, finish: Finish, generation: &str) -> Finished {
    Finished {
        finish,
        prompt_tokens: generated.prompt_tokens,
        cached_tokens: generated.timings.reused_tokens,
        completion_tokens: generated.tokens,
        generation: generation.to_owned(),
        beside: None,
    }
}

/// Figures of a given text, computed exactly.
fn score(inference: &Inference, tokens: &[i32], top: usize) -> Result<Vec<Scored>, ApiError> {
    let scored = inference.score(tokens, top)?.into_iter().map(|token| {
        let top = token.alternatives.into_iter().map(|other| {
            // One figure for one token: whoever compares the two must find them equal.
            let same = token.log_probability.filter(|_| other.token == token.token);
            (other.bytes, same.unwrap_or(f64::from(other.log_probability)))
        });
        Scored { bytes: token.bytes, logprob: token.log_probability, top: top.collect() }
    });
    Ok(scored.collect())
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
