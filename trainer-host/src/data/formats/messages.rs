//! `messages` JSONL: the form that training here reads, and OpenAI's.

use halligan_finetune::chat::Message;
use serde_json::{Map, Value};

use super::record::{Record, optional};
use crate::data::documents::kind;
use crate::data::row::Row;

/// The line of a row.
///
/// # Errors
/// None that a row of a dataset can cause.
pub fn line(row: &Row) -> serde_json::Result<String> {
    serde_json::to_string(&Record::of(row, false)?)
}

/// The row of a line.
///
/// # Errors
/// The column that is missing or of another type.
pub fn row(object: &Map<String, Value>) -> Result<Row, String> {
    let mut record = Record::facts(object)?;
    record.text = optional(object, "text")?;
    record.messages = match object.get("messages") {
        None | Some(Value::Null) => None,
        Some(Value::Array(list)) if list.is_empty() && record.text.is_some() => None,
        Some(Value::Array(list)) => Some(messages(list, "role", "content", |role| Ok(role.to_owned()))?),
        Some(other) => return Err(format!("`messages` is {}, not a list of messages", kind(other))),
    };
    if record.text.is_none() && record.messages.is_none() {
        let columns: Vec<&str> = object.keys().map(String::as_str).take(8).collect();
        return Err(format!("there is neither `messages` nor `text`; the columns are {}", columns.join(", ")));
    }
    record.into_row()
}

/// Messages from a list of objects, with the names of their two columns and of the roles. Calls of tools are read as
/// training reads them.
///
/// # Errors
/// The message that is wrong, counted from 1.
pub fn messages(
    list: &[Value],
    role_column: &str,
    content_column: &str,
    role: impl Fn(&str) -> Result<String, String>,
) -> Result<Vec<Message>, String> {
    let message = |(index, value): (usize, &Value)| {
        let at = index + 1;
        let object = value.as_object().ok_or_else(|| format!("message {at} is {}, not an object", kind(value)))?;
        let text = |name: &str| match object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(format!("`{name}` of message {at} is {}, not a text", kind(other))),
        };
        let tool_calls = match object.get("tool_calls") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(calls)) => calls.clone(),
            Some(other) => return Err(format!("`tool_calls` of message {at} is {}, not a list", kind(other))),
        };
        let said = text(role_column)?.ok_or_else(|| format!("message {at} has no `{role_column}`"))?;
        let role = role(&said).map_err(|problem| format!("message {at} {problem}"))?;
        let content = match text(content_column)? {
            Some(content) => content,
            None if !tool_calls.is_empty() => String::new(),
            None => return Err(format!("message {at} has no `{content_column}`")),
        };
        if object.get("function_call").is_some_and(|call| !call.is_null()) {
            return Err(format!("message {at} has a `function_call`; write it as `tool_calls`"));
        }
        if role == "assistant" && object.get("weight").and_then(Value::as_f64) == Some(0.0) {
            return Err(format!("message {at} is an answer of weight 0, but training here trains every answer"));
        }
        Ok(Message { role, content, tool_calls, name: text("name")?, tool_call_id: text("tool_call_id")? })
    };
    list.iter().enumerate().map(message).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Row, String> {
        row(&crate::data::documents::object(line.as_bytes()).unwrap())
    }

    #[test]
    fn messages_are_those_that_training_reads() {
        let line = r#"{"messages":[{"role":"user","content":"How deep?"},
            {"role":"assistant","content":null,"tool_calls":[{"id":"c","function":{"name":"depth","arguments":"{}"}}]},
            {"role":"tool","content":"5 feet","name":"depth","tool_call_id":"c"},
            {"role":"assistant","content":"5 feet.","weight":1}]}"#
            .replace('\n', "");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        std::fs::write(&path, &line).unwrap();
        let read = halligan_finetune::dataset::read_rows(&path).unwrap();
        let row = of(&line).unwrap();
        assert_eq!(row.messages.as_deref(), read[0].messages());
        assert_eq!(row.messages.unwrap()[1].tool_calls.len(), 1);
    }

    #[test]
    fn words_that_a_row_cannot_hold_are_no_quiet_loss() {
        let refused =
            |message: &str| of(&format!(r#"{{"messages":[{{"role":"user","content":"a"}},{message}]}}"#)).unwrap_err();
        assert!(
            refused(r#"{"role":"assistant","content":"b","weight":0}"#).contains("message 2 is an answer of weight 0")
        );
        assert!(refused(r#"{"role":"assistant","content":null,"function_call":{"name":"f"}}"#).contains("message 2"));
        assert!(refused(r#"{"role":"assistant","content":"b","function_call":{"name":"f"}}"#).contains("`tool_calls`"));
        assert!(refused(r#"{"role":"assistant","content":null}"#).contains("message 2 has no `content`"));
    }
}
