//! Columns that an import does not read. They stay behind, so that the import has to say which.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, RecordBatch};
use arrow_schema::DataType;
use serde_json::{Map, Value};

use super::{Format, table};
use crate::progress::count;

/// Columns beside the words, in all forms.
const FACTS: [&str; 6] = ["id", "group", "kind", "split", "value", "contradicts"];

/// Parts of a message that are read; a `weight` other than 0 is what an answer has anyway.
const PARTS: [&str; 9] =
    ["role", "content", "from", "value", "tool_calls", "name", "tool_call_id", "function_call", "weight"];

/// Columns named to a reader.
const SHOWN: usize = 8;

/// Columns that were not read, each with the rows that have something in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unread(pub BTreeMap<String, usize>);

impl Unread {
    /// Notes what is not read of a line.
    pub fn note(&mut self, format: Format, object: &Map<String, Value>) {
        let (words, list): (&[&str], &str) = match format {
            Format::Alpaca => (&["instruction", "input", "output", "system", "history"], ""),
            Format::Sharegpt => (&["conversations", "system"], "conversations"),
            Format::Chatml => (&["text"], ""),
            Format::Messages | Format::Croissant | Format::Parquet | Format::Hf => (&["messages", "text"], "messages"),
        };
        let facts = if format == Format::Chatml { &[][..] } else { &FACTS[..] };
        for (name, value) in object {
            if !words.contains(&name.as_str()) && !facts.contains(&name.as_str()) && !is_empty(value) {
                *self.0.entry(name.clone()).or_default() += 1;
            }
        }
        let mut parts: Vec<&str> = Vec::new();
        for message in object.get(list).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object) {
            let unread = message.iter().filter(|(name, value)| !PARTS.contains(&name.as_str()) && !is_empty(value));
            parts.extend(unread.map(|(name, _)| name.as_str()));
        }
        parts.sort_unstable();
        parts.dedup();
        for name in parts {
            *self.0.entry(format!("{list}.{name}")).or_default() += 1;
        }
    }

    /// Notes what is not read of a table.
    pub fn note_table(&mut self, batch: &RecordBatch) {
        for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let name = field.name().as_str();
            let there = column.len() - column.logical_null_count();
            if !table::COLUMNS.contains(&name) && there > 0 {
                *self.0.entry(name.to_owned()).or_default() += there;
            }
            let values = match (name, column.data_type()) {
                ("messages", DataType::List(_)) => column.as_list::<i32>().values(),
                ("messages", DataType::LargeList(_)) => column.as_list::<i64>().values(),
                _ => continue,
            };
            let Some(parts) = values.as_struct_opt() else { continue };
            for (part, column) in parts.fields().iter().zip(parts.columns()) {
                if !table::PARTS.contains(&part.name().as_str()) && column.logical_null_count() < column.len() {
                    *self.0.entry(format!("messages.{}", part.name())).or_default() += there;
                }
            }
        }
    }

    /// What stayed behind, as a line; `None` where all was read.
    pub fn line(&self) -> Option<String> {
        let named: Vec<String> =
            self.0.iter().take(SHOWN).map(|(name, rows)| format!("{name} ({})", rows_of(*rows))).collect();
        let more = match self.0.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        (!named.is_empty()).then(|| format!("columns that were not read: {}{more}", named.join(", ")))
    }
}

fn rows_of(rows: usize) -> String {
    format!("{} row{}", count(rows), if rows == 1 { "" } else { "s" })
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_that_stay_behind_are_counted() {
        let mut unread = Unread::default();
        let messages = json!([{"role": "user", "content": "a", "weight": 1}, {"role": "assistant", "content": "b",
            "reasoning": "long thought"}]);
        for score in [json!(1), json!(null)] {
            let row = json!({"id": "a", "messages": messages, "score": score, "tools": []});
            unread.note(Format::Messages, row.as_object().unwrap());
        }
        let found: Vec<_> = unread.0.iter().map(|(name, rows)| (name.as_str(), *rows)).collect();
        assert_eq!(found, [("messages.reasoning", 2), ("score", 1)]);
        assert_eq!(
            unread.line().as_deref(),
            Some("columns that were not read: messages.reasoning (2 rows), score (1 row)")
        );
        let mut none = Unread::default();
        none.note(Format::Sharegpt, json!({"id": "a", "system": "s", "conversations": []}).as_object().unwrap());
        assert_eq!(none.line(), None);
    }
}
