//! Chunks: pieces of sources that can stand alone, with the place they came from.

use serde::{Deserialize, Serialize};

use super::canonical::content_id;

pub use halligan_runtime::documents::block::BlockKind as ChunkKind;

/// What a range of bytes counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// Bytes of the source file as it lies on the disk.
    File,
    /// Bytes of the text extracted from the file (PDF, spreadsheets), since a file range would say nothing.
    Extracted,
}

/// Place of a chunk in its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// First byte and the byte after the last.
    pub bytes: [u64; 2],
    /// First and last line, from 1; of the file or of the extracted text, as `measured` says. Of a workbook the row
    /// of the sheet, which is the first heading.
    pub lines: [u64; 2],
    /// What `bytes` and `lines` count.
    pub measured: Measured,
    /// Page, from 1, where the source has pages or page marks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
}

/// A piece of a source.
///
/// Fields are in the order of their names: the derived JSON is the canonical one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    /// Cleaning steps that changed the text, in order, such as `ligatures`; empty where it is as in the source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cleaned: Vec<String>,
    /// Columns of a record of a table, by name; the cleaned cells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(String, String)>,
    /// Headings from the outside in, or the scope of code (`impl Reader`, `fn next`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heading: Vec<String>,
    /// Name: see [`Chunk::name`].
    pub id: String,
    /// What it is.
    pub kind: ChunkKind,
    /// Language of code (`rust`), or absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Path of the source, relative to the place that was ingested.
    pub path: String,
    /// Where in the source.
    pub place: Place,
    /// Id of the source in the manifest.
    pub source: String,
    /// The text.
    pub text: String,
    /// Tokens of the text as the manifest's `tokenizer` counts.
    pub tokens: u32,
}

impl Chunk {
    /// Name of a chunk: SHA-256 over source, place and text, shortened.
    pub fn name(source: &str, bytes: [u64; 2], text: &str) -> String {
        content_id(&[source.as_bytes(), &bytes[0].to_le_bytes(), &bytes[1].to_le_bytes(), text.as_bytes()])
    }

    /// A paragraph for tests, under one heading or none.
    #[cfg(test)]
    pub fn paragraph(text: &str, heading: &str) -> Chunk {
        Chunk {
            cleaned: Vec::new(),
            fields: Vec::new(),
            heading: Some(heading.to_owned()).filter(|heading| !heading.is_empty()).into_iter().collect(),
            id: "c".to_owned(),
            kind: ChunkKind::Prose,
            language: None,
            path: "guide.md".to_owned(),
            place: Place { bytes: [0, 1], lines: [1, 1], measured: Measured::File, page: None },
            source: "s".to_owned(),
            text: text.to_owned(),
            tokens: 1,
        }
    }
}
