//! Retention: turns and lines of the incident log that are older than a number of days leave the device, on request
//! and at every start.
//!
//! A correction that no generation has learned is kept until one has: throwing it away would lose what a responder
//! took the time to write.

use rusqlite::params;
use serde::Serialize;

use super::{Journal, forget, incident_log};
use crate::error::{HomeError, RuntimeError};
use crate::home::now;

/// Setting that holds the days.
const KEEP_DAYS: &str = "journal_keep_days";

const SECONDS_PER_DAY: i64 = 86_400;

/// Databases up to this size are rewritten at once after turns have left; a larger one waits for `journal keep`, so
/// that a start never takes minutes.
const REWRITE_AT_START_BYTES_MAX: u64 = 64 << 20;

/// What retention did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Retained {
    /// Days that turns are kept; `None` for ever.
    pub days: Option<u32>,
    /// Turns that left.
    pub deleted: usize,
    /// Lines of the incident log that left.
    pub log_lines: usize,
    /// Older turns that stay because their corrections wait to be learned.
    pub waiting: usize,
    /// Whether their bytes are gone from the disk too.
    pub scrubbed: bool,
}

impl Journal<'_> {
    /// Days that turns are kept; `None` for ever.
    ///
    /// # Errors
    /// An unreadable database.
    pub fn keep_days(&self) -> Result<Option<u32>, HomeError> {
        Ok(self.home.setting(KEEP_DAYS)?.and_then(|days| days.parse().ok()).filter(|days| *days > 0))
    }

    /// Keeps turns for `days` from now on (`None`: for ever) and lets go what is older.
    ///
    /// # Errors
    /// A failing database.
    pub fn keep(&self, days: Option<u32>) -> Result<Retained, RuntimeError> {
        let text = days.filter(|days| *days > 0).map_or_else(String::new, |days| days.to_string());
        self.home.remember(&[(KEEP_DAYS, &text)])?;
        self.let_go(u64::MAX)
    }

    /// Lets go what the setting says; called at every start.
    ///
    /// # Errors
    /// A failing database.
    pub fn apply_retention(&self) -> Result<Retained, RuntimeError> {
        self.let_go(REWRITE_AT_START_BYTES_MAX)
    }

    fn let_go(&self, rewrite_bytes_max: u64) -> Result<Retained, RuntimeError> {
        let Some(days) = self.keep_days()? else { return Ok(Retained { scrubbed: true, ..Retained::default() }) };
        let oldest = now().saturating_sub(i64::from(days) * SECONDS_PER_DAY);
        let (deleted, log_lines, waiting) =
            self.delete_older(oldest).map_err(|source| self.failed("change", source))?;
        let bytes = std::fs::metadata(self.home.database_path()).map_or(0, |known| known.len());
        let scrubbed = deleted + log_lines == 0 || (bytes <= rewrite_bytes_max && self.scrub()?);
        Ok(Retained { days: Some(days), deleted, log_lines, waiting, scrubbed })
    }

    fn delete_older(&self, oldest: i64) -> rusqlite::Result<(usize, usize, usize)> {
        let transaction = self.home.connection().unchecked_transaction()?;
        let old = transaction
            .prepare(
                "SELECT t.id, EXISTS (
                     SELECT 1 FROM feedback f WHERE f.turn = t.id AND f.kind = 'correction'
                     AND f.id = (SELECT max(id) FROM feedback WHERE turn = t.id)
                     AND NOT EXISTS (SELECT 1 FROM learned l WHERE l.feedback = f.id)
                 ) FROM turns t WHERE t.created_at < ?1",
            )?
            .query_map(params![oldest], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<Vec<(i64, bool)>>>()?;
        let waiting = old.iter().filter(|(_, waits)| *waits).count();
        for (turn, _) in old.iter().filter(|(_, waits)| !waits) {
            forget::delete(&transaction, *turn)?;
        }
        let log_lines = incident_log::delete_older(&transaction, oldest)?;
        transaction.commit()?;
        Ok((old.len() - waiting, log_lines, waiting))
    }
}
