//! What generation could not use: kept with the reason, so that nothing vanishes.

use std::path::Path;

use crate::data::chunk::Chunk;
use crate::data::ledger::{self, Skipped};

/// Something that no row was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Id of the chunk, or another name.
    pub id: String,
    /// One word for a program.
    pub reason: &'static str,
    /// What was seen.
    pub detail: String,
    /// What was made and thrown away.
    pub content: Option<String>,
}

impl Left {
    /// Something in this chunk.
    pub fn of(chunk: &Chunk, reason: &'static str, detail: String) -> Self {
        let place = format!("{}:{}", chunk.path, chunk.place.lines[0]);
        let detail = if detail.contains(&place) { detail } else { format!("{place}: {detail}") };
        Self { id: chunk.id.clone(), reason, detail, content: None }
    }

    /// Something in a file that is no source.
    pub fn of_file(path: &Path, reason: &'static str, detail: String) -> Self {
        Self { id: path.display().to_string(), reason, detail, content: None }
    }

    /// The record for `skipped.jsonl`.
    pub fn into_skipped(self) -> Skipped {
        Skipped {
            content: self.content.map(Into::into),
            detail: self.detail,
            id: self.id,
            reason: self.reason.to_owned(),
            stage: "generate".to_owned(),
            what: ledger::Left::Part,
        }
    }
}
