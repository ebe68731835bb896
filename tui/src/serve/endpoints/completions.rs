//! `/v1/completions`: go on with a text, or say how likely it is (`echo` with `logprobs`).

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::prompts::prompts;
use super::sampling::{Sampled, SamplingFields, with_sampling};
use super::stream::{Chunks, StreamOptions, streamed};
use super::usage::Usage;
use crate::serve::app::{ACTIVE, App};
use crate::serve::body::{Body, whole_number};
use crate::serve::error::ApiError;
use crate::serve::now;
use crate::serve::queue::Ticket;
use crate::serve::task::{Event, Finish, Finished, Format, Scored, Step};

/// Length of an answer when the client names none, as OpenAI has it.
const MAX_TOKENS: usize = 16;
/// Most alternatives that are reported for a token.
const LOGPROBS_MAX: usize = 20;

/// The body.
#[derive(Debug, Deserialize)]
pub struct CompletionRequest {
    model: Option<String>,
    prompt: Value,
    #[serde(skip)]
    sampling: SamplingFields,
    echo: Option<bool>,
    logprobs: Option<Value>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
}

/// Answers.
///
/// # Errors
/// A request that cannot be served as it is, and all that the model and the queue can say.
pub async fn complete(State(app): State<App>, Body(body): Body<Value>) -> Result<Response, ApiError> {
    let request: CompletionRequest = with_sampling(&body)?;
    let generation = app.plain(request.model.as_deref()).await?;
    let logprobs = request.logprobs()?;
    let choices = request.sampling.choices()?;
    let echo = request.echo.unwrap_or(false);
    let mut steps = Vec::new();
    for prompt in prompts("prompt", &request.prompt)? {
        for choice in 0..choices {
            let sampling = request.sampling.sampling(choice, Some(MAX_TOKENS), logprobs, Format::Text)?;
            steps.push(Step::Complete { generation: generation.clone(), prompt: prompt.clone(), echo, sampling });
        }
    }
    let reply = Reply {
        id: app.answer_id("cmpl"),
        created: now(),
        model: request.model.unwrap_or_else(|| ACTIVE.to_owned()),
        generation,
        choices_each: choices as usize,
        logprobs: logprobs.is_some(),
    };
    let count = steps.len();
    let ticket = app.submit("/v1/completions", steps)?;
    if request.stream.unwrap_or(false) {
        let include_usage = request.stream_options.is_some_and(|options| options.include_usage);
        let chunks = TextChunks { reply, offsets: vec![0; count], include_usage, usage: Usage::default() };
        streamed(ticket, chunks).await
    } else {
        Ok(Json(whole(ticket, &reply, count).await?).into_response())
    }
}

impl Sampled for CompletionRequest {
    const ELSEWHERE: &'static [&'static str] = &["messages", "response_format", "tools", "tool_choice", "top_logprobs"];

    fn set_sampling(&mut self, sampling: SamplingFields) {
        self.sampling = sampling;
    }
}

impl CompletionRequest {
    /// Alternatives to report; `false` and `null` are none, as some clients send them.
    fn logprobs(&self) -> Result<Option<usize>, ApiError> {
        match &self.logprobs {
            None | Some(Value::Null | Value::Bool(false)) => Ok(None),
            Some(Value::Bool(true)) => Ok(Some(0)),
            Some(value) => match value.as_number().and_then(whole_number).map(usize::try_from) {
                Some(Ok(number)) if number <= LOGPROBS_MAX => Ok(Some(number)),
                _ => Err(ApiError::invalid(format!("logprobs is a number from 0 to {LOGPROBS_MAX}")).about("logprobs")),
            },
        }
    }
}

/// What all parts of an answer have in common.
struct Reply {
    id: String,
    created: u64,
    model: String,
    generation: String,
    choices_each: usize,
    logprobs: bool,
}

impl Reply {
    fn object(&self, choices: Value) -> Value {
        json!({
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.generation,
            "choices": choices,
        })
    }

    /// Whether the prompt of this choice is another one than that of the choice before.
    fn begins_prompt(&self, number: usize) -> bool {
        number.is_multiple_of(self.choices_each)
    }
}

#[derive(Default)]
struct Choice {
    text: String,
    tokens: Vec<Scored>,
    finished: Option<Finished>,
}

async fn whole(mut ticket: Ticket, reply: &Reply, count: usize) -> Result<Value, ApiError> {
    let mut choices: Vec<Choice> = (0..count).map(|_| Choice::default()).collect();
    while let Some((number, event)) = ticket.next().await? {
        let choice = &mut choices[number];
        match event {
            Event::Prompt { text, tokens } | Event::Text { text, tokens } => {
                choice.text.push_str(&text);
                choice.tokens.extend(tokens);
            }
            Event::Finished(finished) => choice.finished = Some(finished),
            _ => {}
        }
    }
    let mut usage = Usage::default();
    let mut rows = Vec::new();
    for (number, choice) in choices.into_iter().enumerate() {
        // The thread ended in the middle of an answer.
        let finished = choice.finished.ok_or_else(ApiError::thread_gone)?;
        usage.add(&finished, reply.begins_prompt(number));
        let logprobs = reply.logprobs.then(|| logprobs_json(&choice.tokens, &mut 0));
        rows.push(row(number, choice.text, logprobs, Some(finished.finish)));
    }
    let mut answer = reply.object(Value::Array(rows));
    answer["usage"] = usage.json();
    Ok(answer)
}

fn row(number: usize, text: String, logprobs: Option<Value>, finish: Option<Finish>) -> Value {
    json!({ "index": number, "text": text, "logprobs": logprobs, "finish_reason": finish })
}

struct TextChunks {
    reply: Reply,
    /// Characters of each choice that were sent.
    offsets: Vec<usize>,
    include_usage: bool,
    usage: Usage,
}

impl Chunks for TextChunks {
    fn of_event(&mut self, number: usize, event: Event) -> Vec<Value> {
        let row = match event {
            Event::Prompt { text, tokens } | Event::Text { text, tokens } => {
                let logprobs = self.reply.logprobs.then(|| logprobs_json(&tokens, &mut self.offsets[number]));
                row(number, text, logprobs, None)
            }
            Event::Finished(finished) => {
                self.usage.add(&finished, self.reply.begins_prompt(number));
                row(number, String::new(), None, Some(finished.finish))
            }
            _ => return Vec::new(),
        };
        let mut chunk = self.reply.object(json!([row]));
        if self.include_usage {
            chunk["usage"] = Value::Null;
        }
        vec![chunk]
    }

    fn at_end(&mut self) -> Vec<Value> {
        if !self.include_usage {
            return Vec::new();
        }
        let mut last = self.reply.object(json!([]));
        last["usage"] = self.usage.json();
        vec![last]
    }
}

/// Four lists of equal length: texts, log-probabilities (the first of a prompt has none), the most
/// probable tokens by text, and where each text begins, in characters after `offset`.
fn logprobs_json(tokens: &[Scored], offset: &mut usize) -> Value {
    let mut offsets = Vec::new();
    let mut tops = Vec::new();
    for token in tokens {
        offsets.push(*offset);
        *offset += String::from_utf8_lossy(&token.bytes).chars().count();
        tops.push(token.logprob.map(|logprob| {
            let mut top = Map::new();
            // Best first, so of two tokens that read alike the better one stays.
            let said = std::iter::once((&token.bytes, logprob));
            for (bytes, logprob) in token.top.iter().map(|(bytes, logprob)| (bytes, *logprob)).chain(said) {
                top.entry(name(bytes)).or_insert_with(|| json!(logprob));
            }
            Value::Object(top)
        }));
    }
    json!({
        "tokens": tokens.iter().map(|token| name(&token.bytes)).collect::<Vec<_>>(),
        "token_logprobs": tokens.iter().map(|token| token.logprob).collect::<Vec<_>>(),
        "top_logprobs": tops,
        "text_offset": offsets,
    })
}

/// The text of a token; bytes that are no text by themselves as OpenAI writes them.
fn name(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            std::iter::once("bytes:".to_owned()).chain(bytes.iter().map(|byte| format!("\\x{byte:02x}"))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(bytes: &[u8], logprob: Option<f64>, top: &[(&[u8], f64)]) -> Scored {
        let top = top.iter().map(|(bytes, logprob)| (bytes.to_vec(), *logprob)).collect();
        Scored { bytes: bytes.to_vec(), logprob, top }
    }

    #[test]
    fn the_first_token_has_no_figures_and_offsets_count_characters() {
        let tokens = [
            token("\u{e9}t".as_bytes(), None, &[]),
            token(b"x", Some(-0.5), &[(b"x", -0.5)]),
            token(b"\xc3", Some(-2.0), &[(b"y", -0.25)]),
        ];
        let mut offset = 0;
        let shown = logprobs_json(&tokens, &mut offset);
        assert_eq!(shown["token_logprobs"], json!([null, -0.5, -2.0]));
        assert_eq!(shown["text_offset"], json!([0, 2, 3]));
        assert_eq!(shown["tokens"][2], "bytes:\\xc3");
        assert_eq!(shown["top_logprobs"], json!([null, { "x": -0.5 }, { "y": -0.25, "bytes:\\xc3": -2.0 }]));
        assert_eq!(offset, 4);
    }

    #[test]
    fn of_two_tokens_that_read_alike_the_better_one_is_shown() {
        let shown = logprobs_json(&[token(b"a", Some(-3.0), &[(b"a", -0.1)])], &mut 0);
        assert_eq!(shown["top_logprobs"], json!([{ "a": -0.1 }]));
    }
}
