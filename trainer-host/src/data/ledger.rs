//! What a dataset keeps beside its rows: the templates that worded them, where imported ones stood, and what was left
//! out and why.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::canonical::content_id;

/// A template, a prompt, a blueprint or a schema, kept whole: the row that names it can be made again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// Name: SHA-256 over kind, name and text, shortened.
    pub id: String,
    /// `record`, `definition`, `prompt`, `blueprint`, `schema`.
    pub kind: String,
    /// Name for readers.
    pub name: String,
    /// The template itself.
    pub text: String,
}

impl Template {
    /// A template under the name that its content gives it.
    pub fn new(kind: &str, name: &str, text: &str) -> Self {
        let id = content_id(&[kind.as_bytes(), name.as_bytes(), text.as_bytes()]);
        Self { id, kind: kind.to_owned(), name: name.to_owned(), text: text.to_owned() }
    }
}

/// Where an imported row stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// First byte of its line and the byte after the last; absent where rows are no lines (Parquet, Arrow, ChatML text).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<[u64; 2]>,
    /// Id of the row.
    pub id: String,
    /// SHA-256 of the file, which the manifest lists among its inputs.
    pub input: String,
    /// Line, or number of the row in a table, from 1.
    pub line: u64,
}

/// What sort of thing was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    /// A whole file.
    File,
    /// A record, page or part of a file.
    Part,
    /// A row.
    Row,
    /// Nothing was lost, but the reader should know: an encoding that was converted, a repair.
    Note,
}

/// Something that was left out, or changed on the way in. Nothing leaves a dataset without one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    /// The dropped row itself, so that it can be looked at and put back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Value>,
    /// For a reader: what was seen, and what to do about it.
    pub detail: String,
    /// Path of the file, or id of the row.
    pub id: String,
    /// For a program: one word of snake case, such as `encrypted`, `near_duplicate`.
    pub reason: String,
    /// Verb that left it out: `ingest`, `generate`, `filter`, ..
    pub stage: String,
    /// What was left out.
    pub what: Left,
}
