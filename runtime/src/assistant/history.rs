//! What the assistant remembers: sessions, search, export, retention and forgetting.

use super::Assistant;
use crate::error::RuntimeError;
use crate::journal::{ExportOptions, ExportedRow, Forget, Forgotten, Found, Manner, Retained, Session};
use crate::retrieval::Library;
use crate::turn::{SessionId, Turn, TurnId};

impl Assistant {
    /// The latest `limit` sessions, the one with the latest question first.
    ///
    /// # Errors
    /// An unreadable journal.
    pub fn sessions(&self, limit: usize) -> Result<Vec<Session>, RuntimeError> {
        Ok(self.journal().sessions(limit)?)
    }

    /// The turns of a session, oldest first.
    ///
    /// # Errors
    /// An unknown session, an unreadable journal.
    pub fn session(&self, session: SessionId) -> Result<Vec<Turn>, RuntimeError> {
        Ok(self.journal().session(session)?)
    }

    /// One turn.
    ///
    /// # Errors
    /// An unreadable journal.
    pub fn turn(&self, turn: TurnId) -> Result<Option<Turn>, RuntimeError> {
        Ok(self.journal().turn(turn)?)
    }

    /// The turns whose question, answer or correction holds all words of `query`, best first.
    ///
    /// # Errors
    /// An unreadable journal.
    pub fn search_turns(&self, query: &str, limit: usize) -> Result<Vec<Found>, RuntimeError> {
        Ok(self.journal().search(query, limit)?)
    }

    /// What responders confirmed and corrected, as rows to train on.
    ///
    /// # Errors
    /// An unreadable journal.
    pub fn export_rows(&self, options: &ExportOptions) -> Result<Vec<ExportedRow>, RuntimeError> {
        self.journal().export(options)
    }

    /// Forgets turns, a session, a text or personal data; with `dry_run` only says what would go.
    ///
    /// # Errors
    /// Unknown turn or session, empty text, failing journal; nothing is changed then.
    pub fn forget(&self, what: &Forget, manner: Manner, dry_run: bool) -> Result<Forgotten, RuntimeError> {
        let mut forgotten = self.journal().forget(what, manner, dry_run)?;
        if let Forget::Matching(text) = what {
            forgotten.in_documents = Library::new(&self.home).passages_with(text.trim())?;
        }
        Ok(forgotten)
    }

    /// Keeps turns for `days` from now on (`None`: for ever) and lets go what is older.
    ///
    /// # Errors
    /// A failing journal.
    pub fn keep_turns(&self, days: Option<u32>) -> Result<Retained, RuntimeError> {
        self.journal().keep(days)
    }

    /// Days that turns are kept; `None` for ever.
    ///
    /// # Errors
    /// An unreadable database.
    pub fn turns_kept_days(&self) -> Result<Option<u32>, RuntimeError> {
        Ok(self.journal().keep_days()?)
    }
}
