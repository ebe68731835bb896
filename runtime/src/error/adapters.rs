//! Adapter files and generations.

use std::path::PathBuf;

use thiserror::Error;

/// Adapter files, their generations and which one is active.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AdapterStoreError {
    /// No generation with this id prefix.
    #[error("no adapter generation starts with `{0}`; `halligan adapters list` shows them")]
    Unknown(String),
    /// Several generations start with this prefix.
    #[error("`{prefix}` fits {count} adapter generations; give more characters of the id")]
    Ambiguous {
        /// What was given.
        prefix: String,
        /// How many fit.
        count: usize,
    },
    /// Nothing to go back to.
    #[error("there is no previous adapter to roll back to; `halligan adapters use ID` activates any listed one")]
    NoPrevious,
    /// The file of a generation is gone.
    #[error(
        "the adapter file {path} is missing; roll back with `halligan adapters rollback`, or `halligan adapters use base`"
    )]
    Missing {
        /// Expected path.
        path: PathBuf,
    },
    /// The file's content is not what its name promises.
    #[error(
        "the adapter file {path} is damaged: its SHA-256 is {found}; roll back with `halligan adapters rollback`, or `halligan adapters use base`"
    )]
    Corrupted {
        /// The file.
        path: PathBuf,
        /// Hash of its present content.
        found: String,
    },
    /// The file is no adapter for this model.
    #[error("{path} is not an adapter for this model: {reason}; use an adapter that was trained on this base")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The generation was refused by its evaluation or belongs to another model.
    #[error("adapter {id} cannot be activated: {reason}; `halligan adapters list` shows the usable ones")]
    Rejected {
        /// The generation.
        id: String,
        /// Why it may not answer.
        reason: String,
    },
    /// The adapter file that the command line names cannot be read.
    #[error("cannot read the adapter {path}: {source}; check the path given with --adapter")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Reading or writing a file failed.
    #[error("cannot {action} the adapter file {path}: {source}; check free disk space and permissions")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The record of generations cannot be read or written.
    #[error("cannot {action} the adapter record {path}: {source}; nothing was changed, check free disk space")]
    Database {
        /// What was tried.
        action: &'static str,
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}
