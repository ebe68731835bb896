//! A row as other programs see it: the words and the few facts that must travel with them.

use halligan_finetune::chat::Message;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::data::canonical::{canonical_json, content_id};
use crate::data::documents::kind;
use crate::data::row::Row;

/// Kind of rows that say none.
const IMPORTED: &str = "imported";

/// Label under which a row keeps the name it had elsewhere.
const IMPORTED_ID: &str = "imported_id";

/// Facts beside the words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Name of the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name of the fact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What sort of row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Side of the split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// A conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<Message>>,
    /// A text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What a right answer must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What a right answer must not contain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contradicts: Vec<String>,
    /// Everything else of the row as canonical JSON.
    #[serde(default, skip_serializing)]
    pub lineage: Option<String>,
}

impl Record {
    /// What travels of a row; with `lineage` all the rest as JSON too.
    ///
    /// # Errors
    /// Labels that have no JSON form.
    pub fn of(row: &Row, lineage: bool) -> serde_json::Result<Self> {
        let mut rest = Map::new();
        if lineage && let Value::Object(fields) = serde_json::to_value(row)? {
            let own = ["contradicts", "group", "id", "kind", "messages", "split", "text", "value"];
            rest = fields.into_iter().filter(|(name, _)| !own.contains(&name.as_str())).collect();
        }
        Ok(Self {
            id: Some(row.id.clone()),
            group: Some(row.group.clone()),
            kind: Some(row.kind.clone()),
            split: row.split.clone(),
            messages: row.messages.clone(),
            text: row.text.clone(),
            value: row.value.clone(),
            contradicts: row.contradicts.clone(),
            lineage: if rest.is_empty() { None } else { Some(canonical_json(&rest)?) },
        })
    }

    /// The row. Without a group the id names the fact, and without an id the words do.
    ///
    /// # Errors
    /// No words, or lineage that is no JSON of a row.
    pub fn into_row(self) -> Result<Row, String> {
        if self.messages.is_some() == self.text.is_some() {
            let found = if self.text.is_some() { "both" } else { "neither" };
            return Err(format!("there is {found} of `messages` and `text`; give one of them"));
        }
        if self.messages.as_ref().is_some_and(Vec::is_empty) {
            return Err("`messages` is empty; give at least a question and an answer".to_owned());
        }
        let silent = |message: &Message| {
            message.role == "assistant" && message.content.trim().is_empty() && message.tool_calls.is_empty()
        };
        if let Some(at) = self.messages.iter().flatten().position(silent) {
            return Err(format!("message {} is an answer without a word; write one, or take the row out", at + 1));
        }
        let mut row: Row = match &self.lineage {
            None => Row::default(),
            Some(text) => {
                let mut fields: Map<String, Value> =
                    serde_json::from_str(text).map_err(|error| format!("`lineage` is no JSON object ({error})"))?;
                for name in ["group", "id", "kind"] {
                    fields.insert(name.to_owned(), json!(""));
                }
                serde_json::from_value(Value::Object(fields))
                    .map_err(|error| format!("`lineage` is not that of a row ({error})"))?
            }
        };
        let words = || content_id(&[canonical_json(&(&self.messages, &self.text)).unwrap_or_default().as_bytes()]);
        row.group = self.group.clone().or_else(|| self.id.clone()).unwrap_or_else(words);
        row.kind = self.kind.unwrap_or_else(|| IMPORTED.to_owned());
        (row.messages, row.text) = (self.messages, self.text);
        (row.split, row.value, row.contradicts) = (self.split, self.value, self.contradicts);
        let row = row.named();
        Ok(match self.id {
            Some(id) if id != row.id && id != row.group => Row { labels: with(row.labels.clone(), &id), ..row },
            _ => row,
        })
    }

    /// The facts beside the words from a JSON object.
    ///
    /// # Errors
    /// The column with another type.
    pub fn facts(object: &Map<String, Value>) -> Result<Self, String> {
        let contradicts = match object.get("contradicts") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(list)) => {
                let text = |value: &Value| value.as_str().map(str::to_owned);
                list.iter().map(text).collect::<Option<_>>().ok_or("`contradicts` holds something that is no text")?
            }
            Some(other) => return Err(format!("`contradicts` is {}, not a list of texts", kind(other))),
        };
        Ok(Self {
            id: crate::data::documents::id(object)?,
            group: optional(object, "group")?,
            kind: optional(object, "kind")?,
            split: optional(object, "split")?,
            value: optional(object, "value")?,
            contradicts,
            ..Self::default()
        })
    }
}

fn with(mut labels: std::collections::BTreeMap<String, Value>, id: &str) -> std::collections::BTreeMap<String, Value> {
    labels.insert(IMPORTED_ID.to_owned(), json!(id));
    labels
}

/// A column that is a text, null or absent.
///
/// # Errors
/// Another type.
pub fn optional(object: &Map<String, Value>, column: &str) -> Result<Option<String>, String> {
    match object.get(column) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(format!("`{column}` is {}, not a text", kind(other))),
    }
}

/// A column that must be a text.
///
/// # Errors
/// Missing, or of another type.
pub fn required(object: &Map<String, Value>, column: &str) -> Result<String, String> {
    optional(object, column)?.ok_or_else(|| {
        let columns: Vec<&str> = object.keys().map(String::as_str).take(8).collect();
        format!("there is no `{column}`; the columns are {}", columns.join(", "))
    })
}
