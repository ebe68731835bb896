//! ShareGPT JSONL: `conversations` of `from` and `value`, with what the system says among them or in a column `system`.

use halligan_finetune::chat::Message;
use serde_json::{Map, Value, json};

use super::messages::messages;
use super::record::{Record, optional};
use super::{Format, Unfit, bare};
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
    bare(messages, format)?;
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
    let mut messages = messages(list, "from", "value", role)?;
    if let Some(system) = optional(object, "system")?.filter(|system| !system.trim().is_empty()) {
        match messages.iter().find(|message| message.role == "system") {
            None => messages.insert(0, Message::new("system", system)),
            Some(message) if message.content == system => {}
            Some(_) => return Err("`system` and the system message say different things; keep one of them".to_owned()),
        }
    }
    record.messages = Some(messages);
    record.into_row()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(columns: Value) -> Result<Vec<(String, String)>, String> {
        let messages = row(columns.as_object().unwrap())?.messages.unwrap_or_default();
        Ok(messages.into_iter().map(|message| (message.role, message.content)).collect())
    }

    #[test]
    fn what_the_system_says_in_a_column_of_its_own_comes_first() {
        let turns = json!([{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]);
        let said = of(json!({"system": "Be brief.", "conversations": turns})).unwrap();
        assert_eq!((said.len(), said[0].0.as_str(), said[0].1.as_str()), (3, "system", "Be brief."));
        assert_eq!(of(json!({"system": "", "conversations": turns})).unwrap().len(), 2);
        let twice = json!([{"from": "system", "value": "Be brief."}, {"from": "human", "value": "a"}]);
        assert_eq!(of(json!({"system": "Be brief.", "conversations": twice})).unwrap().len(), 2);
        assert!(of(json!({"system": "Be long.", "conversations": twice})).unwrap_err().contains("keep one"));
    }

    #[test]
    fn call_of_a_tool_is_named_and_not_cut() {
        let mut call = Message::new("assistant", "");
        call.tool_calls = vec![json!({"function": {"name": "depth"}})];
        let row = Row { messages: Some(vec![Message::new("user", "a"), call]), ..Row::default() };
        let problem = line(&row).unwrap_err().to_string();
        assert!(problem.contains("message 2 has `tool_calls`") && problem.contains("sharegpt"), "{problem}");
    }
}
