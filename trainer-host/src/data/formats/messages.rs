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

/// Messages from a list of objects, with the names of their two columns and of the roles.
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
        let column = |name: &str| {
            let value = object.get(name).ok_or_else(|| format!("message {at} has no `{name}`"))?;
            value.as_str().ok_or_else(|| format!("`{name}` of message {at} is {}, not a text", kind(value)))
        };
        let named = role(column(role_column)?).map_err(|problem| format!("message {at} {problem}"))?;
        Ok(Message::new(named, column(content_column)?))
    };
    list.iter().enumerate().map(message).collect()
}
