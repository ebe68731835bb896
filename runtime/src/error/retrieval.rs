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
    /// A folder without any file.
    #[error("the folder {path} holds no file; name a folder or file with documents")]
    NoDocuments {
        /// The folder.
        path: PathBuf,
    },
    /// No document of this name.
    #[error("there is no document or folder `{name}`; `halligan docs list` shows the names")]
    UnknownDocument {
        /// What was asked for.
        name: String,
    },
    /// The index was written by a newer version.
    #[error("the document index {path} has schema {found}, this program knows up to {known}; update halligan")]
    NewerSchema {
        /// The database file.
        path: PathBuf,
        /// Schema number in the file.
        found: i64,
        /// Newest schema number of this program.
        known: i64,
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
