//! From a checked conversation to what the inference thread and the assistant take.

use axum::http::StatusCode;
use halligan_runtime::AskOptions;
use halligan_runtime::inference::{ChatRequest, Inference, Message};
use serde_json::json;

use super::tools::Calling;
use crate::serve::error::ApiError;
use crate::serve::task::Conversation;

/// Fewest tokens in which the assistant begins an answer that was to be longer.
const ANSWER_TOKENS_MIN: usize = 64;

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
/// Another turn at the end, and words of the system (an empty text says none), which the assistant has of its own.
pub(super) fn question(conversation: &Conversation) -> Result<&str, ApiError> {
    let refuse = |message: &str| {
        Err(ApiError::new(StatusCode::BAD_REQUEST, "unsupported_parameter", message.to_owned()).about("messages"))
    };
    if conversation.turns.iter().any(|turn| turn.role == "system" && !turn.content.trim().is_empty()) {
        return refuse(
            "the model `halligan` has instructions of its own; leave system messages out, or ask the model `active`",
        );
    }
    match conversation.turns.last() {
        Some(turn) if turn.role == "user" => Ok(&turn.content),
        _ => refuse("the model `halligan` answers a question; the last message must be a user's"),
    }
}

/// How long an answer of the assistant may be, in tokens: its answers are short, so that one of `asked` tokens may have
/// less where the question leaves no more. Where earlier turns (it `follows`) or passages may stand beside the question,
/// half of what it leaves is theirs.
pub(super) fn answer_tokens(inference: &Inference, question: &str, follows: bool, asked: usize) -> usize {
    let info = inference.info();
    // A question that the template refuses is refused when it is asked.
    let read = inference.prompt_tokens(question).map_or(0, |tokens| tokens.len());
    let room = (info.context_tokens as usize).saturating_sub(read);
    let passages = AskOptions::default().passages_in_prompt.for_model(info.parameters, info.context_tokens);
    fitted(asked, room, follows || passages)
}

fn fitted(asked: usize, room: usize, beside: bool) -> usize {
    if room < ANSWER_TOKENS_MIN {
        // Too little to answer in: the check of the prompt says so.
        return asked;
    }
    asked.min(if beside { (room / 2).max(ANSWER_TOKENS_MIN) } else { room })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::task::Turn;

    #[test]
    fn a_longer_answer_than_there_is_room_for_gets_the_room() {
        assert_eq!(fitted(1000, 480, false), 480);
        assert_eq!(fitted(100, 480, false), 100);
        assert_eq!(fitted(1000, 480, true), 240);
        assert_eq!(fitted(1000, 70, true), 64);
        assert_eq!(fitted(1000, 63, false), 1000, "the prompt is refused, not answered in a word");
        assert_eq!(fitted(20, 63, false), 20);
    }

    #[test]
    fn an_empty_system_message_says_nothing_and_another_one_is_refused() {
        let turn =
            |role: &str, content: &str| Turn { role: role.to_owned(), content: content.to_owned(), ..Turn::default() };
        let asked = |system: &str| Conversation {
            turns: vec![turn("system", system), turn("user", "How far?")],
            ..Conversation::default()
        };
        assert_eq!(question(&asked(" ")), Ok("How far?"));
        assert_eq!(question(&asked("Be short.")).unwrap_err().code, "unsupported_parameter");
    }
}
