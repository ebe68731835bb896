//! Conversations in the form that a template takes: many know no system turn, no tool results, or want turns to
//! alternate.

use halligan_finetune::chat::Message;
use serde_json::Value;

/// What stands between two texts that become one message.
const BETWEEN: &str = "\n\n";

/// The end of the thoughts that some models write before an answer.
const THOUGHTS_END: &str = "</think>";

/// The messages without what no template wants to see again, thoughts.
pub(super) fn without_thoughts(messages: &[Message]) -> Vec<Message> {
    let mut messages = messages.to_vec();
    for message in messages.iter_mut().filter(|message| message.role == "assistant") {
        if let Some((_, answer)) = message.content.rsplit_once(THOUGHTS_END) {
            message.content = answer.trim_start().to_owned();
        }
    }
    messages
}

/// The messages with the system's words at the start of the first user message.
pub(super) fn without_system(messages: &[Message]) -> Vec<Message> {
    let (system, mut others): (Vec<Message>, Vec<Message>) =
        messages.iter().cloned().partition(|message| matches!(message.role.as_str(), "system" | "developer"));
    if system.is_empty() {
        return others;
    }
    let words = system.iter().map(|message| message.content.trim()).collect::<Vec<_>>().join(BETWEEN);
    match others.first_mut() {
        Some(first) if first.role == "user" => first.content = format!("{words}{BETWEEN}{}", first.content.trim()),
        _ => others.insert(0, Message::new("user", words)),
    }
    others
}

/// The messages with neighbours of the same role made one.
pub(super) fn alternating(messages: &[Message]) -> Vec<Message> {
    let mut merged: Vec<Message> = Vec::new();
    for message in messages {
        match merged.last_mut() {
            Some(last) if last.role == message.role => {
                last.content = format!("{}{BETWEEN}{}", last.content.trim(), message.content.trim());
                last.tool_calls.extend(message.tool_calls.iter().cloned());
            }
            _ => merged.push(message.clone()),
        }
    }
    merged
}

/// Everything that a message says.
pub(super) fn texts(message: &Message) -> impl Iterator<Item = String> {
    let calls = message.tool_calls.iter().map(Value::to_string);
    std::iter::once(message.content.clone()).chain(calls)
}

/// The names in a call that are not its arguments' texts: keys, and strings outside of the arguments.
pub(super) fn names(call: &Value) -> Vec<String> {
    fn collect(value: &Value, in_arguments: bool, found: &mut Vec<String>) {
        match value {
            Value::String(text) if !in_arguments => found.push(text.clone()),
            // Some write the arguments as JSON in a string; templates get the object.
            Value::String(text) => {
                if let Ok(object @ Value::Object(_)) = serde_json::from_str(text) {
                    collect(&object, true, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, in_arguments, found)),
            Value::Object(fields) => {
                for (key, field) in fields {
                    found.push(key.clone());
                    collect(field, in_arguments || key == "arguments", found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(call, false, &mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(messages: &[Message]) -> Vec<(&str, &str)> {
        messages.iter().map(|message| (message.role.as_str(), message.content.as_str())).collect()
    }

    #[test]
    fn the_systems_words_open_the_first_question() {
        let messages =
            [Message::new("system", "Be brief. "), Message::new("user", "Why?"), Message::new("user", "How?")];
        let folded = without_system(&messages);
        assert_eq!(said(&folded), [("user", "Be brief.\n\nWhy?"), ("user", "How?")]);
        assert_eq!(said(&alternating(&folded)), [("user", "Be brief.\n\nWhy?\n\nHow?")]);
        let alone = without_system(&[Message::new("system", "Hello."), Message::new("assistant", "Yes?")]);
        assert_eq!(said(&alone), [("user", "Hello."), ("assistant", "Yes?")]);
    }

    #[test]
    fn thoughts_are_put_away() {
        let messages = [Message::new("assistant", "<think>hm</think>\n\nUpwind."), Message::new("tool", "12 m")];
        assert_eq!(said(&without_thoughts(&messages)), [("assistant", "Upwind."), ("tool", "12 m")]);
    }

    #[test]
    fn names_of_a_call_are_told_from_what_its_arguments_say() {
        let call = serde_json::json!({"function": {"name": "look", "arguments": {"un": "1017", "deep": [{"k": "v"}]}}});
        let mut found = names(&call);
        found.sort();
        assert_eq!(found, ["arguments", "deep", "function", "k", "look", "name", "un"]);
    }
}
