//! Documents and their passages.

use std::path::PathBuf;

use thiserror::Error;

/// Documents and passages.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RetrievalError {
    /// A document cannot be read.
    #[error("cannot read the document {path}: {source}; check the path")]
    Unreadable {
        /// The document.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A document is not text.
    #[error("the document {path} is not UTF-8 text; convert it to Markdown or plain text first")]
    NotText {
        /// The document.
        path: PathBuf,
    },
    /// A document has nothing to index.
    #[error("the document {path} holds no text; add another file")]
    Empty {
        /// The document.
        path: PathBuf,
    },
    /// A document is larger than the limit.
    #[error("the document {path} has {bytes} bytes, the limit is {limit}; split it into parts")]
    TooLarge {
        /// The document.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// Largest size that is indexed.
        limit: u64,
    },
    /// A folder without any document.
    #[error("the folder {path} holds no .md, .markdown or .txt file; name a folder or file with documents")]
    NoDocuments {
        /// The folder.
        path: PathBuf,
    },
    /// The index cannot be read or written.
    #[error("cannot {action} the document index {path}: {source}; nothing was changed, check free disk space")]
    Database {
        /// What was tried.
        action: &'static str,
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}
