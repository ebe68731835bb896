//! `/v1/chat/completions`: the next turn of a conversation, whole or as it grows.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::chat_request::ChatRequest;
use super::sampling::with_sampling;
use super::stream::{Chunks, streamed};
use super::usage::Usage;
use crate::serve::app::{ACTIVE, App};
use crate::serve::body::Body;
use crate::serve::error::ApiError;
use crate::serve::now;
use crate::serve::queue::Ticket;
use crate::serve::task::{Call, Event, Finish, Finished, Format, Scored, Step, ToolChoice, Voice};

/// Answers.
///
/// # Errors
/// A request that cannot be served as it is, and all that the model and the queue can say.
pub async fn complete(State(app): State<App>, Body(body): Body<Value>) -> Result<Response, ApiError> {
    let request: ChatRequest = with_sampling(&body)?;
    let voice = app.voice(request.model.as_deref()).await?;
    let conversation = request.conversation()?;
    let (logprobs, format) = (request.logprobs()?, request.format()?);
    if format != Format::Text && matches!(conversation.tool_choice, ToolChoice::Required | ToolChoice::Named(_)) {
        return Err(ApiError::invalid("response_format and a required tool cannot both be met; drop one of them")
            .about("response_format"));
    }
    if voice == Voice::Assistant {
        let tools = !conversation.tools.is_empty() && conversation.tool_choice != ToolChoice::None;
        check_assistant(&request, tools, logprobs.is_some(), format != Format::Text)?;
    }
    let session = request.halligan.as_ref().and_then(|extras| extras.session);
    let mut steps = Vec::new();
    for choice in 0..request.sampling.choices()? {
        let sampling = request.sampling.sampling(choice, None, logprobs, format.clone())?;
        steps.push(Step::Chat { voice: voice.clone(), conversation: conversation.clone(), session, sampling });
    }
    let reply = Reply {
        id: app.answer_id("chatcmpl"),
        created: now(),
        model: request.model.unwrap_or_else(|| ACTIVE.to_owned()),
        logprobs: logprobs.is_some(),
    };
    let choices = steps.len();
    let ticket = app.submit("/v1/chat/completions", steps)?;
    if request.stream.unwrap_or(false) {
        let include_usage = request.stream_options.is_some_and(|options| options.include_usage);
        streamed(ticket, ChatChunks::new(reply, choices, include_usage)).await
    } else {
        Ok(Json(whole(ticket, &reply, choices).await?).into_response())
    }
}

/// The assistant has tools, sampling and answers of its own; a field that it would not honour is refused.
fn check_assistant(request: &ChatRequest, tools: bool, logprobs: bool, format: bool) -> Result<(), ApiError> {
    let unfit = [("tools", tools), ("logprobs", logprobs), ("response_format", format)];
    let unfit = unfit.into_iter().find(|(_, used)| *used).map(|(name, _)| name).or(request.sampling.beyond_length());
    match unfit {
        None => Ok(()),
        Some(name) => Err(ApiError::unsupported(
            name,
            format!("the model `halligan` does not take {name}; leave it out, or ask the model `active`"),
        )),
    }
}

/// What all parts of an answer have in common.
struct Reply {
    id: String,
    created: u64,
    model: String,
    logprobs: bool,
}

/// A choice while it grows.
#[derive(Default)]
struct Choice {
    text: String,
    refusal: Option<String>,
    tokens: Vec<Scored>,
    calls: Vec<Call>,
    finished: Option<Finished>,
}

async fn whole(mut ticket: Ticket, reply: &Reply, count: usize) -> Result<Value, ApiError> {
    let mut choices: Vec<Choice> = (0..count).map(|_| Choice::default()).collect();
    while let Some((number, event)) = ticket.next().await? {
        let choice = &mut choices[number];
        match event {
            Event::Text { text, tokens } => {
                choice.text.push_str(&text);
                choice.tokens.extend(tokens);
            }
            // In both fields: most clients show the content only.
            Event::Refusal(words) => {
                choice.text.push_str(&words);
                choice.refusal = Some(words);
            }
            Event::Calls(calls) => choice.calls = calls,
            Event::Finished(finished) => choice.finished = Some(finished),
            _ => {}
        }
    }
    let mut rows = Vec::new();
    let mut usage = Usage::default();
    let mut beside = None;
    let mut generation = String::new();
    for (number, choice) in choices.into_iter().enumerate() {
        // The thread ended in the middle of an answer.
        let finished = choice.finished.ok_or_else(ApiError::thread_gone)?;
        // All choices share the one prompt.
        usage.add(&finished, number == 0);
        let mut message = Map::new();
        message.insert("role".to_owned(), json!("assistant"));
        let silent = choice.text.is_empty() && !choice.calls.is_empty();
        message.insert("content".to_owned(), if silent { Value::Null } else { json!(choice.text) });
        message.insert("refusal".to_owned(), json!(choice.refusal));
        if !choice.calls.is_empty() {
            message.insert("tool_calls".to_owned(), calls_json(&choice.calls, &reply.id, number, false));
        }
        rows.push(json!({
            "index": number,
            "message": message,
            "logprobs": reply.logprobs.then(|| logprobs_json(&choice.tokens)),
            "finish_reason": finished.finish,
        }));
        generation = finished.generation;
        beside = finished.beside.or(beside);
    }
    let mut answer = json!({
        "id": reply.id,
        "object": "chat.completion",
        "created": reply.created,
        "model": reply.model,
        "system_fingerprint": generation,
        "choices": rows,
        "usage": usage.json(),
    });
    if let Some(beside) = beside {
        answer["halligan"] = beside;
    }
    Ok(answer)
}

struct ChatChunks {
    reply: Reply,
    begun: Vec<bool>,
    include_usage: bool,
    usage: Usage,
    generation: Option<String>,
}

impl ChatChunks {
    fn new(reply: Reply, choices: usize, include_usage: bool) -> ChatChunks {
        ChatChunks { reply, begun: vec![false; choices], include_usage, usage: Usage::default(), generation: None }
    }

    fn chunk(&self, choices: Value) -> Value {
        let mut chunk = json!({
            "id": self.reply.id,
            "object": "chat.completion.chunk",
            "created": self.reply.created,
            "model": self.reply.model,
            "system_fingerprint": self.generation,
            "choices": choices,
        });
        if self.include_usage {
            chunk["usage"] = Value::Null;
        }
        chunk
    }

    fn delta(&self, number: usize, delta: Value, tokens: &[Scored], finish: Option<Finish>) -> Value {
        let logprobs = (self.reply.logprobs && !tokens.is_empty()).then(|| logprobs_json(tokens));
        self.chunk(json!([{ "index": number, "delta": delta, "logprobs": logprobs, "finish_reason": finish }]))
    }
}

impl Chunks for ChatChunks {
    fn of_event(&mut self, number: usize, event: Event) -> Vec<Value> {
        let mut chunks = Vec::new();
        if !std::mem::replace(&mut self.begun[number], true) {
            chunks.push(self.delta(number, json!({ "role": "assistant", "content": "" }), &[], None));
        }
        match event {
            Event::Text { text, tokens } => {
                chunks.push(self.delta(number, json!({ "content": text }), &tokens, None));
            }
            Event::Refusal(words) => {
                chunks.push(self.delta(number, json!({ "content": words, "refusal": words }), &[], None));
            }
            Event::Calls(calls) => {
                let calls = calls_json(&calls, &self.reply.id, number, true);
                chunks.push(self.delta(number, json!({ "tool_calls": calls }), &[], None));
            }
            Event::Finished(finished) => {
                self.usage.add(&finished, number == 0);
                self.generation = Some(finished.generation);
                let mut last = self.delta(number, json!({}), &[], Some(finished.finish));
                if let Some(beside) = finished.beside {
                    last["halligan"] = beside;
                }
                chunks.push(last);
            }
            _ => {}
        }
        chunks
    }

    fn at_end(&mut self) -> Vec<Value> {
        if !self.include_usage {
            return Vec::new();
        }
        let mut last = self.chunk(json!([]));
        last["usage"] = self.usage.json();
        vec![last]
    }
}

fn calls_json(calls: &[Call], id: &str, choice: usize, indexed: bool) -> Value {
    let rows = calls.iter().enumerate().map(|(index, call)| {
        let mut row = json!({
            "id": format!("call-{id}-{choice}-{index}"),
            "type": "function",
            "function": { "name": call.name, "arguments": call.arguments.to_string() },
        });
        if indexed {
            row["index"] = json!(index);
        }
        row
    });
    rows.collect()
}

fn logprobs_json(tokens: &[Scored]) -> Value {
    let entry = |bytes: &[u8], logprob: f64| json!({ "token": String::from_utf8_lossy(bytes), "logprob": logprob, "bytes": bytes });
    let rows: Vec<Value> = tokens
        .iter()
        .map(|token| {
            let mut row = entry(&token.bytes, token.logprob.unwrap_or(0.0));
            row["top_logprobs"] = token.top.iter().map(|(bytes, logprob)| entry(bytes, *logprob)).collect();
            row
        })
        .collect();
    json!({ "content": rows, "refusal": null })
}
