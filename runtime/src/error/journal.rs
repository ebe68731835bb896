//! The journal.

use std::path::PathBuf;

use thiserror::Error;

/// The journal of turns and feedback.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// No turn with this number.
    #[error("there is no turn {0}; `halligan ask` prints the number of each turn")]
    UnknownTurn(i64),
    /// No session with this number.
    #[error("there is no conversation {0}; `halligan journal list` shows the numbers")]
    UnknownSession(i64),
    /// A text without words was to be forgotten.
    #[error("there is no text to forget; write the words after --matching")]
    NothingToForget,
    /// A correction without words.
    #[error("the correction of turn {0} is empty; give the right answer as text")]
    EmptyCorrection(i64),
    /// Writing or reading failed; nothing was recorded half.
    #[error("cannot {action} the journal {path}: {source}; nothing was changed, check free disk space")]
    Database {
        /// What was tried, e.g. "append to".
        action: &'static str,
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}
