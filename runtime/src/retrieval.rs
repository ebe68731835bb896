//! Documents on the device: split into passages, indexed by SQLite FTS5, found by words.
//!
//! A passage is always a verbatim slice of its document with the byte range it was cut from, so
//! that a reader can check it. User text never becomes FTS query syntax: only its words do, each
//! quoted.

mod passages;
mod support;

use std::path::{Path, PathBuf};

use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};

use crate::error::RetrievalError;
use crate::home::{Home, now, sha256_of_bytes};

pub(crate) use support::{best_support, is_function_word};

/// Largest document that is indexed.
pub const DOCUMENT_BYTES_MAX: u64 = 16 << 20;

/// Words of a query that are used; the rest of a longer text adds nothing to its meaning.
const QUERY_WORDS_MAX: usize = 32;

/// Folders inside folders that are searched for documents; also ends loops of links.
const FOLDER_DEPTH_MAX: usize = 8;

/// A piece of a document under one heading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// Name of the document: its file name, or its path below the folder that was added.
    pub document: String,
    /// Heading path above the passage, e.g. `Hazmat > Isolation distances`; empty if none.
    pub heading: String,
    /// The passage, verbatim from the document.
    pub text: String,
    /// Byte offset of the passage in the document.
    pub start_byte: usize,
    /// Byte offset just after the passage.
    pub end_byte: usize,
    /// Relevance, higher is better (negated bm25).
    pub score: f32,
}

/// A document that has been added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Document {
    /// Name, unique on the device: the file name, or the path below the folder that was added.
    pub name: String,
    /// SHA-256 of the content, lower-case hex.
    pub sha256: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Number of passages.
    pub passages: usize,
    /// When it was added, in seconds since 1970 UTC.
    pub added_at: i64,
}

/// The document index of a home.
pub struct Library<'home> {
    home: &'home Home,
}

impl<'home> Library<'home> {
    /// The documents of `home`.
    pub fn new(home: &'home Home) -> Library<'home> {
        Library { home }
    }

    /// Adds files, or all `.md`, `.markdown` and `.txt` files of folders. A document with a known
    /// name replaces the earlier one. All files are read before the first one is stored.
    ///
    /// # Errors
    /// [`RetrievalError`]: unreadable, binary, empty or oversized file, folder without documents.
    pub fn add(
        &self,
        paths: &[PathBuf],
        on_document: &mut dyn FnMut(&Document),
    ) -> Result<Vec<Document>, RetrievalError> {
        let mut files = Vec::new();
        for path in paths {
            if path.is_dir() {
                let before = files.len();
                collect_documents(path, path, FOLDER_DEPTH_MAX, &mut files)?;
                if files.len() == before {
                    return Err(RetrievalError::NoDocuments { path: path.clone() });
                }
            } else {
                let name = path.file_name().unwrap_or(path.as_os_str());
                files.push((name.to_string_lossy().into_owned(), path.clone()));
            }
        }
        let texts: Vec<String> = files.iter().map(|(_, path)| read_document(path)).collect::<Result<_, _>>()?;
        let mut added = Vec::new();
        for ((name, _), text) in files.into_iter().zip(texts) {
            let document = self.store(name, &text).map_err(|source| self.failed("add to", source))?;
            on_document(&document);
            added.push(document);
        }
        Ok(added)
    }

    /// The documents, by name.
    ///
    /// # Errors
    /// [`RetrievalError::Database`].
    pub fn documents(&self) -> Result<Vec<Document>, RetrievalError> {
        let read = || {
            self.home
                .connection()
                .prepare(
                    "SELECT name, sha256, size_bytes, added_at,
                     (SELECT count(*) FROM passages WHERE document = name)
                     FROM documents ORDER BY name",
                )?
                .query_map([], |row| {
                    Ok(Document {
                        name: row.get(0)?,
                        sha256: row.get(1)?,
                        size_bytes: row.get::<_, i64>(2)? as u64,
                        added_at: row.get(3)?,
                        passages: row.get::<_, i64>(4)? as usize,
                    })
                })?
                .collect::<Result<Vec<_>, _>>()
        };
        read().map_err(|source| self.failed("read", source))
    }

    /// The passages that fit `query` best, best first. A query without words finds nothing.
    ///
    /// # Errors
    /// [`RetrievalError::Database`].
    pub fn search(&self, query: &str, limit: usize) -> Result<Vec<Passage>, RetrievalError> {
        let Some(words) = query_of_words(query) else { return Ok(Vec::new()) };
        let read = || {
            self.home
                .connection()
                .prepare(
                    // A word in a heading says more about a passage than one in its text.
                    "SELECT p.document, p.heading, p.text, p.start_byte, p.end_byte,
                     bm25(passage_words, 2.0, 1.0) AS distance
                     FROM passage_words JOIN passages p ON p.id = passage_words.rowid
                     WHERE passage_words MATCH ?1 ORDER BY distance, p.id LIMIT ?2",
                )?
                .query_map(params![words, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                    Ok(Passage {
                        document: row.get(0)?,
                        heading: row.get(1)?,
                        text: row.get(2)?,
                        start_byte: row.get::<_, i64>(3)? as usize,
                        end_byte: row.get::<_, i64>(4)? as usize,
                        score: -row.get::<_, f64>(5)? as f32,
                    })
                })?
                .collect::<Result<Vec<_>, _>>()
        };
        read().map_err(|source| self.failed("search", source))
    }

    fn store(&self, name: String, text: &str) -> rusqlite::Result<Document> {
        let transaction = self.home.connection().unchecked_transaction()?;
        forget(&transaction, &name)?;
        let document = Document {
            sha256: sha256_of_bytes(text.as_bytes()),
            size_bytes: text.len() as u64,
            passages: 0,
            added_at: now(),
            name,
        };
        transaction.execute(
            "INSERT INTO documents (name, sha256, size_bytes, added_at) VALUES (?1, ?2, ?3, ?4)",
            params![document.name, document.sha256, document.size_bytes as i64, document.added_at],
        )?;
        let cuts = passages::split(text);
        for cut in &cuts {
            let piece = &text[cut.start_byte..cut.end_byte];
            transaction.execute(
                "INSERT INTO passages (document, heading, text, start_byte, end_byte)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![document.name, cut.heading, piece, cut.start_byte as i64, cut.end_byte as i64],
            )?;
            transaction.execute(
                "INSERT INTO passage_words (rowid, heading, text) VALUES (?1, ?2, ?3)",
                params![transaction.last_insert_rowid(), cut.heading, piece],
            )?;
        }
        transaction.commit()?;
        Ok(Document { passages: cuts.len(), ..document })
    }

    fn failed(&self, action: &'static str, source: rusqlite::Error) -> RetrievalError {
        RetrievalError::Database { action, path: self.home.database_path(), source }
    }
}

fn forget(transaction: &Transaction, name: &str) -> rusqlite::Result<()> {
    // An FTS5 table with external content must be told the words that it forgets.
    transaction.execute(
        "INSERT INTO passage_words (passage_words, rowid, heading, text)
         SELECT 'delete', id, heading, text FROM passages WHERE document = ?1",
        [name],
    )?;
    transaction.execute("DELETE FROM passages WHERE document = ?1", [name])?;
    transaction.execute("DELETE FROM documents WHERE name = ?1", [name])?;
    Ok(())
}

fn read_document(path: &Path) -> Result<String, RetrievalError> {
    let unreadable = |source| RetrievalError::Unreadable { path: path.to_path_buf(), source };
    let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    if bytes > DOCUMENT_BYTES_MAX {
        return Err(RetrievalError::TooLarge { path: path.to_path_buf(), bytes, limit: DOCUMENT_BYTES_MAX });
    }
    let text = String::from_utf8(std::fs::read(path).map_err(unreadable)?)
        .map_err(|_| RetrievalError::NotText { path: path.to_path_buf() })?;
    if text.contains('\0') {
        return Err(RetrievalError::NotText { path: path.to_path_buf() });
    }
    if text.trim().is_empty() {
        return Err(RetrievalError::Empty { path: path.to_path_buf() });
    }
    Ok(text)
}

fn collect_documents(
    root: &Path,
    folder: &Path,
    depth: usize,
    files: &mut Vec<(String, PathBuf)>,
) -> Result<(), RetrievalError> {
    let unreadable = |source| RetrievalError::Unreadable { path: folder.to_path_buf(), source };
    let mut entries = std::fs::read_dir(folder)
        .map_err(unreadable)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    entries.sort();
    for path in entries {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if path.is_dir() {
            if depth > 0 {
                collect_documents(root, &path, depth - 1, files)?;
            }
        } else if is_document(&path) {
            let below = path.strip_prefix(root).unwrap_or(&path);
            files.push((below.to_string_lossy().into_owned(), path));
        }
    }
    Ok(())
}

fn is_document(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| ["md", "markdown", "txt"].iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

/// Turns text into an FTS5 query of its words: each quoted, any of them may match.
fn query_of_words(text: &str) -> Option<String> {
    let mut words: Vec<String> = support::words(text).collect();
    let telling = telling_words(text);
    if !telling.is_empty() {
        words = telling;
    }
    words.truncate(QUERY_WORDS_MAX);
    // `words` yields letters and digits only, so no quote can end the quoted word.
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    (!quoted.is_empty()).then(|| quoted.join(" OR "))
}

/// The words of a text that say what it is about, in lower case.
pub(crate) fn telling_words(text: &str) -> Vec<String> {
    support::words(text).filter(|word| !is_function_word(word)).collect()
}

#[cfg(test)]
#[path = "retrieval_tests.rs"]
mod tests;
