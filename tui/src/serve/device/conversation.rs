//! From a checked conversation to what the inference thread and the assistant take.

use axum::http::StatusCode;
use halligan_runtime::inference::{ChatRequest, Message};
use serde_json::json;

use super::tools::Calling;
use crate::serve::error::ApiError;
use crate::serve::task::Conversation;

/// The request for the next turn; its options are still to be set.
pub(super) fn request(conversation: &Conversation, calling: &Calling<'_>) -> ChatRequest {
    let mut messages: Vec<Message> = conversation
        .turns
        .iter()
        .map(|turn| Message {
            role: turn.role.clone(),
            content: turn.content.clone(),
            tool_calls: turn
                .tool_calls
                .iter()
                .map(|call| json!({ "type": "function", "function": { "name": call.name, "arguments": call.arguments } }))
                .collect(),
            name: turn.name.clone(),
            tool_call_id: turn.tool_call_id.clone(),
        })
        .collect();
    if let Some(words) = calling.instructions() {
        match messages.first_mut() {
            Some(first) if first.role == "system" => first.content = format!("{}\n\n{words}", first.content),
            _ => messages.insert(0, Message::new("system", words)),
        }
    }
    ChatRequest { messages, tools: calling.shown(), ..ChatRequest::default() }
}

/// The question that the assistant answers: the last turn, which is a user's.
///
/// # Errors
/// Another turn at the end, and words of the system, which the assistant has of its own.
pub(super) fn question(conversation: &Conversation) -> Result<&str, ApiError> {
    let refuse = |message: &str| {
        Err(ApiError::new(StatusCode::BAD_REQUEST, "unsupported_parameter", message.to_owned()).about("messages"))
    };
    if conversation.turns.iter().any(|turn| turn.role == "system") {
        return refuse(
            "the model `halligan` has instructions of its own; leave system messages out, or ask the model `active`",
        );
    }
    match conversation.turns.last() {
        Some(turn) if turn.role == "user" => Ok(&turn.content),
        _ => refuse("the model `halligan` answers a question; the last message must be a user's"),
    }
}
