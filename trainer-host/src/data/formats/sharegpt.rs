//! ShareGPT JSONL: `conversations` of `from` and `value`.

use serde_json::{Map, Value, json};

use super::messages::messages;
use super::record::Record;
use super::{Format, Unfit};
use crate::data::documents::kind;
use crate::data::row::Row;

/// Roles and their names; the first name of a role is the one that is written.
const ROLES: [(&str, &str); 8] = [
    ("system", "system"),
    ("user", "human"),
    ("user", "user"),
    ("assistant", "gpt"),
    ("assistant", "assistant"),
    ("assistant", "chatgpt"),
    ("assistant", "bard"),
    ("assistant", "bing"),
];

/// The line of a row.
///
/// # Errors
/// A text row, or a role without a name here.
pub fn line(row: &Row) -> Result<String, Unfit> {
    let format = Format::Sharegpt.name();
    let messages = row.messages.as_deref().ok_or(Unfit::Text { format })?;
    let mut turns = Vec::new();
    for message in messages {
        let name = ROLES.iter().find(|(role, _)| *role == message.role).map(|(_, name)| *name);
        let name = name.ok_or_else(|| Unfit::Role { format, role: message.role.clone() })?;
        turns.push(json!({"from": name, "value": message.content}));
    }
    let mut object = Map::new();
    object.insert("conversations".to_owned(), Value::Array(turns));
    Ok(with_facts(object, row))
}

/// The facts of a row after the columns of a form, as one line.
pub fn with_facts(mut object: Map<String, Value>, row: &Row) -> String {
    let facts = [("id", Some(&row.id)), ("group", Some(&row.group)), ("kind", Some(&row.kind))];
    for (name, value) in facts.into_iter().chain([("split", row.split.as_ref()), ("value", row.value.as_ref())]) {
        if let Some(value) = value {
            object.insert(name.to_owned(), json!(value));
        }
    }
    if !row.contradicts.is_empty() {
        object.insert("contradicts".to_owned(), json!(row.contradicts));
    }
    Value::Object(object).to_string()
}

/// The row of a line.
///
/// # Errors
/// The column that is missing or of another type, or a speaker that is not known.
pub fn row(object: &Map<String, Value>) -> Result<Row, String> {
    let mut record = Record::facts(object)?;
    let conversations = object.get("conversations").ok_or_else(|| {
        let columns: Vec<&str> = object.keys().map(String::as_str).take(8).collect();
        format!("there is no `conversations`; the columns are {}", columns.join(", "))
    })?;
    let list =
        conversations.as_array().ok_or_else(|| format!("`conversations` is {}, not a list", kind(conversations)))?;
    let role = |name: &str| {
        let known = ROLES.iter().find(|(_, known)| *known == name).map(|(role, _)| (*role).to_owned());
        known.ok_or_else(|| format!("is from `{name}`; known are human, gpt and system"))
    };
    record.messages = Some(messages(list, "from", "value", role)?);
    record.into_row()
}
