//! Full-text search over all turns: questions, answers and corrections.
//!
//! Triggers of the database keep the index, so it cannot disagree with the turns. What the user types never becomes
//! query syntax: only its words do, each quoted.

use rusqlite::params;
use serde::Serialize;

use super::{Journal, TURN_COLUMNS, read_turn};
use crate::error::JournalError;
use crate::turn::Turn;

/// Words of a query that are used.
const QUERY_WORDS_MAX: usize = 32;

/// Words that an excerpt shows around the first hit.
const EXCERPT_WORDS: i64 = 16;

/// A turn that holds the words that were looked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// The turn.
    pub turn: Turn,
    /// The part that fits best, with found words between `[` and `]`.
    pub excerpt: String,
}

impl Journal<'_> {
    /// The turns that hold all words of `query` (the last one may be a beginning), best first. A query without words
    /// finds nothing.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn search(&self, query: &str, limit: usize) -> Result<Vec<Found>, JournalError> {
        let Some(words) = query_of_words(query) else { return Ok(Vec::new()) };
        let read = || {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let found = self
                .home
                .connection()
                .prepare(&format!(
                    "SELECT rowid, snippet(turn_words, -1, '[', ']', '..', {EXCERPT_WORDS}) FROM turn_words
                     WHERE turn_words MATCH ?1 ORDER BY rank, rowid DESC LIMIT ?2"
                ))?
                .query_map(params![words, limit], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<Vec<(i64, String)>>>()?;
            let mut read = self.home.connection().prepare(&format!("SELECT {TURN_COLUMNS} WHERE t.id = ?1"))?;
            found
                .into_iter()
                .map(|(id, excerpt)| Ok(Found { turn: read.query_row([id], read_turn)?, excerpt }))
                .collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|source| self.failed("search", source))
    }
}

/// Every word quoted, the last one as a beginning; `None` without words.
fn query_of_words(query: &str) -> Option<String> {
    let words: Vec<String> = query
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(QUERY_WORDS_MAX)
        .map(|word| format!("\"{word}\""))
        .collect();
    (!words.is_empty()).then(|| format!("{} *", words.join(" ")))
}
