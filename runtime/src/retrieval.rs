//! Documents on the device: read into passages, found by their words and by their meaning, quoted verbatim.
//!
//! A passage is always a verbatim slice of its document's text with the byte range it was cut from, so that a
//! reader can check it and a console can open it there. Words are found by SQLite's FTS5 (Okapi BM25), meaning by
//! the vectors of a sentence encoder where one is given; [`fusion`] makes one ranking of both, and a reranker, where
//! one is given, reads the best of it again. User text never becomes query syntax: only its words do, each quoted.

mod citations;
mod embed;
pub mod encoder;
mod excerpt;
pub mod fusion;
mod ingest;
mod passages;
mod queue;
mod search;
pub(crate) mod store;
mod vectors;
mod walk;
mod words;

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::error::{RetrievalError, RuntimeError};
use crate::home::Home;
use encoder::{Encoder, Reranker};

pub(crate) use citations::{Support, citations, sentences};
pub use excerpt::Excerpt;
pub use ingest::{DOCUMENT_BYTES_MAX, IndexControl, IndexEvent, IndexReport, PDF_BYTES_MAX};
pub(crate) use words::{is_asking_word, is_function_word, telling_words, words};

/// Setting of the home: SHA-256 of the sentence encoder.
pub(crate) const ENCODER_SHA256: &str = "encoder_sha256";

/// A piece of a document under one heading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// Name of the document: its file name, or its path below the folder that was added.
    pub document: String,
    /// Page, where the document has pages, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// Heading path above the passage, e.g. `Hazmat > Isolation distances`; empty if none.
    pub heading: String,
    /// The passage, verbatim from the document's text.
    pub text: String,
    /// Byte offset of the passage in the document's text.
    pub start_byte: usize,
    /// Byte offset just after the passage.
    pub end_byte: usize,
    /// Relevance, higher is better: BM25, with an encoder the fused score from 0 to 1, with a reranker its score.
    pub score: f32,
}

/// A document that has been added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Document {
    /// Name, unique on the device: the file name, or the path below the folder that was added.
    pub name: String,
    /// The file that it was read from; it need not be there any more.
    pub path: PathBuf,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// Size of the file in bytes.
    pub size_bytes: u64,
    /// Media type, such as `text/markdown`.
    pub media_type: String,
    /// Number of pages, of a format that has them.
    pub pages: Option<u32>,
    /// Number of passages.
    pub passages: usize,
    /// Passages that have a vector.
    pub embedded: usize,
    /// What the reader changed or left out, one clause each.
    pub remarks: Vec<String>,
    /// When it was added, in seconds since 1970 UTC.
    pub added_at: i64,
}

/// A file that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedFile {
    /// The name that the document would have.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// One word for a program, e.g. `encrypted`.
    pub reason: String,
    /// What was seen and what to do.
    pub detail: String,
}

/// The state of the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IndexStatus {
    /// Documents that can be searched.
    pub documents: usize,
    /// Their passages.
    pub passages: usize,
    /// Passages that have a vector of the encoder in use.
    pub embedded: usize,
    /// Whether an encoder is in use.
    pub encoder: bool,
    /// Files that wait to be read; `halligan docs add` without a path goes on with them.
    pub waiting: usize,
    /// Files that were not taken.
    pub skipped: Vec<SkippedFile>,
    /// Size of the index on the disk.
    pub size_bytes: u64,
}

/// The document index of a home.
pub struct Library<'home> {
    home: &'home Home,
    encoder: Option<&'home dyn Encoder>,
    reranker: Option<&'home dyn Reranker>,
}

impl<'home> Library<'home> {
    /// The documents of `home`, found by their words.
    pub fn new(home: &'home Home) -> Library<'home> {
        Library { home, encoder: None, reranker: None }
    }

    /// The same documents, found by their meaning too where `encoder` is given, and read again by `reranker`.
    pub fn with_models(
        self,
        encoder: Option<&'home dyn Encoder>,
        reranker: Option<&'home dyn Reranker>,
    ) -> Library<'home> {
        Library { encoder, reranker, ..self }
    }

    /// The documents, by name.
    ///
    /// # Errors
    /// [`RetrievalError::Database`].
    pub fn documents(&self) -> Result<Vec<Document>, RetrievalError> {
        self.database("read", |connection| {
            connection
                .prepare(
                    "SELECT name, path, sha256, size_bytes, media_type, pages, passages, remarks, added_at,
                     (SELECT coalesce(sum(count), 0) FROM vectors WHERE document = documents.id)
                     FROM documents ORDER BY name",
                )?
                .query_map([], |row| {
                    let remarks: String = row.get(7)?;
                    Ok(Document {
                        name: row.get(0)?,
                        path: PathBuf::from(row.get::<_, String>(1)?),
                        sha256: row.get(2)?,
                        size_bytes: row.get::<_, i64>(3)? as u64,
                        media_type: row.get(4)?,
                        pages: row.get(5)?,
                        passages: row.get::<_, i64>(6)? as usize,
                        remarks: serde_json::from_str(&remarks).unwrap_or_default(),
                        added_at: row.get(8)?,
                        embedded: row.get::<_, i64>(9)? as usize,
                    })
                })?
                .collect()
        })
    }

    /// Takes documents away: those of this name, or all below the folder of this name. Returns their names.
    ///
    /// # Errors
    /// [`RetrievalError::UnknownDocument`] if there is none; [`RetrievalError::Database`].
    pub fn remove(&self, name: &str) -> Result<Vec<String>, RetrievalError> {
        let below = format!("{}/", name.trim_end_matches('/'));
        let gone = self.database("change", |connection| {
            let transaction = connection.unchecked_transaction()?;
            let found: Vec<(i64, String)> = transaction
                .prepare("SELECT id, name FROM documents WHERE name = ?1 OR substr(name, 1, length(?2)) = ?2")?
                .query_map(params![name, below], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            for (id, _) in &found {
                store::forget(&transaction, *id)?;
            }
            let mut names: Vec<String> = found.into_iter().map(|(_, name)| name).collect();
            for table in ["queue", "skipped"] {
                let mut statement = transaction.prepare(&format!(
                    "DELETE FROM {table} WHERE name = ?1 OR substr(name, 1, length(?2)) = ?2 RETURNING name"
                ))?;
                let rows = statement.query_map(params![name, below], |row| row.get::<_, String>(0))?;
                names.extend(rows.collect::<Result<Vec<_>, _>>()?);
            }
            transaction.commit()?;
            // Room on the disk is given back; a reader elsewhere may keep it a little longer.
            connection.execute_batch("PRAGMA incremental_vacuum")?;
            Ok(names)
        })?;
        if gone.is_empty() {
            return Err(RetrievalError::UnknownDocument { name: name.to_owned() });
        }
        Ok(gone)
    }

    /// The state of the index.
    ///
    /// # Errors
    /// An unreadable database.
    pub fn status(&self) -> Result<IndexStatus, RuntimeError> {
        let encoder = self.home.setting(ENCODER_SHA256)?;
        let mut status = self.database("read", |connection| {
            let count =
                |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|count| count as usize);
            let skipped = connection
                .prepare("SELECT name, path, reason, detail FROM skipped ORDER BY name")?
                .query_map([], |row| {
                    Ok(SkippedFile {
                        name: row.get(0)?,
                        path: PathBuf::from(row.get::<_, String>(1)?),
                        reason: row.get(2)?,
                        detail: row.get(3)?,
                    })
                })?
                .collect::<Result<_, _>>()?;
            let current = encoder.is_some() && store::fact(connection, store::ENCODER)? == encoder;
            Ok(IndexStatus {
                documents: count("SELECT count(*) FROM documents")?,
                passages: count("SELECT coalesce(sum(passages), 0) FROM documents")?,
                embedded: if current { count("SELECT coalesce(sum(count), 0) FROM vectors")? } else { 0 },
                encoder: encoder.is_some(),
                waiting: count("SELECT count(*) FROM queue")?,
                skipped,
                size_bytes: 0,
            })
        })?;
        status.size_bytes = std::fs::metadata(store::path(self.home)).map_or(0, |facts| facts.len());
        Ok(status)
    }

    /// Documents and passages, without reading them.
    ///
    /// # Errors
    /// [`RetrievalError::Database`].
    pub fn counts(&self) -> Result<(usize, usize), RetrievalError> {
        self.database("read", |connection| {
            connection.query_row("SELECT count(*), coalesce(sum(passages), 0) FROM documents", [], |row| {
                Ok((row.get::<_, i64>(0)? as usize, row.get::<_, i64>(1)? as usize))
            })
        })
    }

    /// Number of passages that hold `text`, in any letter case.
    ///
    /// # Errors
    /// [`RetrievalError::Database`].
    pub fn passages_with(&self, text: &str) -> Result<usize, RetrievalError> {
        self.database("read", |connection| {
            let sql = "SELECT count(*) FROM passages WHERE instr(lower(text), lower(?1)) > 0";
            connection.query_row(sql, [text], |row| row.get::<_, i64>(0)).map(|count| count as usize)
        })
    }

    /// Id of the document called `name`.
    fn document_id(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
        connection.query_row("SELECT id FROM documents WHERE name = ?1", [name], |row| row.get(0)).optional()
    }

    /// Does something with the database; `action` names it in the error.
    fn database<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, RetrievalError> {
        work(self.home.documents()?).map_err(|source| RetrievalError::Database {
            action,
            path: store::path(self.home),
            source,
        })
    }
}

#[cfg(test)]
#[path = "retrieval_tests.rs"]
mod tests;
