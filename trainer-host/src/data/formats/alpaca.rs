//! Alpaca JSONL: `instruction`, `input` and `output`, with `system` where there is one.
//!
//! A question is the instruction, and the input after an empty line where it is not empty. The row remembers
//! an input, so that writing it again gives the same three columns.

use halligan_finetune::chat::Message;
use serde_json::{Map, Value, json};

use super::record::{Record, optional, required};
use super::{Format, Unfit, bare};
use crate::data::row::Row;

/// Between instruction and input.
const GAP: &str = "\n\n";

/// Label of the input that a question ends with.
const INPUT: &str = "alpaca_input";

/// The line of a row.
///
/// # Errors
/// A row that is not one question with one answer.
pub fn line(row: &Row) -> Result<String, Unfit> {
    let format = Format::Alpaca.name();
    let messages = row.messages.as_deref().ok_or(Unfit::Text { format })?;
    let roles: Vec<&str> = messages.iter().map(|message| message.role.as_str()).collect();
    let (system, question, answer) = match (roles.as_slice(), messages) {
        (["user", "assistant"], [question, answer]) => (None, question, answer),
        (["system", "user", "assistant"], [system, question, answer]) => (Some(system), question, answer),
        _ => return Err(Unfit::Turns { format, roles: roles.join(", ") }),
    };
    bare(messages, format)?;
    let input = row.labels.get(INPUT).and_then(Value::as_str).unwrap_or_default();
    let instruction = question.content.strip_suffix(input).and_then(|head| head.strip_suffix(GAP));
    let (instruction, input) = match instruction {
        Some(instruction) if !input.is_empty() => (instruction, input),
        _ => (question.content.as_str(), ""),
    };
    let mut object = Map::new();
    object.insert("instruction".to_owned(), json!(instruction));
    object.insert("input".to_owned(), json!(input));
    object.insert("output".to_owned(), json!(answer.content));
    if let Some(system) = system {
        object.insert("system".to_owned(), json!(system.content));
    }
    Ok(super::sharegpt::with_facts(object, row))
}

/// The row of a line.
///
/// # Errors
/// The column that is missing or of another type; `history`, which would be lost.
pub fn row(object: &Map<String, Value>) -> Result<Row, String> {
    let mut record = Record::facts(object)?;
    if object.get("history").and_then(Value::as_array).is_some_and(|history| !history.is_empty()) {
        return Err("it has a `history`, which Alpaca does not define; write it as `messages`".to_owned());
    }
    let input = optional(object, "input")?.unwrap_or_default();
    let instruction = required(object, "instruction")?;
    let question = if input.is_empty() { instruction } else { format!("{instruction}{GAP}{input}") };
    let answer = required(object, "output")?;
    let system = optional(object, "system")?.filter(|system| !system.is_empty());
    let system = system.map(|system| Message::new("system", system));
    record.messages =
        Some(system.into_iter().chain([Message::new("user", question), Message::new("assistant", answer)]).collect());
    let mut row = record.into_row()?;
    if !input.is_empty() {
        row.labels.insert(INPUT.to_owned(), json!(input));
    }
    Ok(row)
}
