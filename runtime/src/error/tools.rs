//! Why a tool call came to nothing.

use std::path::PathBuf;

use thiserror::Error;

/// A tool, its arguments or what it works on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ToolError {
    /// No tool has this name.
    #[error("there is no tool `{name}`; known are {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// Comma-separated names.
        known: String,
    },
    /// The arguments are not what the tool's schema says.
    #[error("the arguments of `{tool}` do not fit: {reason}; `halligan tools list` shows what it takes")]
    Arguments {
        /// The tool.
        tool: String,
        /// What is wrong.
        reason: String,
    },
    /// The tool cannot give a result for sound arguments; the text says what to do.
    #[error("{0}")]
    NoResult(String),
    /// It took too long.
    #[error("`{tool}` did not end within {seconds} s; ask for less at once")]
    TimedOut {
        /// The tool.
        tool: String,
        /// The limit.
        seconds: u64,
    },
    /// The device database failed.
    #[error("cannot {action} the device database: {source}; check free disk space")]
    Database {
        /// What was tried.
        action: &'static str,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// A table to import cannot be used.
    #[error("cannot import {path}: {reason}")]
    Import {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The list of external programs is unusable.
    #[error("cannot use {path}: {reason}")]
    Configuration {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The home folder or a document failed under the tool.
    #[error("{0}")]
    Device(String),
}

impl ToolError {
    /// Turns a failure of SQLite into an error with the name of what was tried.
    pub(crate) fn database(action: &'static str) -> impl Fn(rusqlite::Error) -> ToolError {
        move |source| ToolError::Database { action, source }
    }
}
