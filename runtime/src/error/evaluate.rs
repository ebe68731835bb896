//! Question files.

use std::path::PathBuf;

use thiserror::Error;

/// Question files and their evaluation.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// The file of questions cannot be read.
    #[error("cannot read the questions {path}: {source}; check the path")]
    Unreadable {
        /// The JSONL file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A row is not a question.
    #[error(
        "{path} line {line} is not a question row: {reason}; each line needs `id`, `messages` with a user and an assistant turn, and `value`"
    )]
    BadRow {
        /// The JSONL file.
        path: PathBuf,
        /// Line number from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The file has no rows.
    #[error("{path} holds no questions; give a JSONL file with at least one row")]
    Empty {
        /// The JSONL file.
        path: PathBuf,
    },
}
