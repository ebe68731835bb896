//! Sessions: the conversations that turns belong to, and what of one fits into the next prompt.

use rusqlite::Row;
use serde::Serialize;

use super::{Feedback, Journal, TURN_COLUMNS, read_turn};
use crate::error::JournalError;
use crate::turn::{SessionId, Turn};

/// One conversation at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Session {
    /// Its number.
    pub id: SessionId,
    /// What was asked first.
    pub first_question: String,
    /// Turns.
    pub turns: usize,
    /// When the first question was asked, in seconds since 1970 UTC.
    pub started_at: i64,
    /// When the last question was asked.
    pub last_at: i64,
}

/// The part of a conversation that goes in front of the next question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Questions with their answers, oldest first.
    pub exchanges: Vec<(String, String)>,
    /// Older turns that had no room.
    pub left_out: usize,
}

impl Context {
    /// The latest of `turns` (oldest first) that take at most `tokens_max` tokens. `tokens_of` counts those of one
    /// exchange. Withheld answers are passed over, and a corrected answer stands as it was corrected: the model is not
    /// to repeat what a person has already put right.
    pub fn fitted(turns: &[Turn], tokens_max: usize, mut tokens_of: impl FnMut(&str, &str) -> usize) -> Context {
        let told: Vec<(&str, &str)> = turns.iter().filter_map(exchange).collect();
        let mut room = tokens_max;
        let mut first = told.len();
        for (index, (question, answer)) in told.iter().enumerate().rev() {
            let Some(left) = room.checked_sub(tokens_of(question, answer)) else { break };
            (room, first) = (left, index);
        }
        let exchanges = told[first..].iter().map(|(question, answer)| ((*question).to_owned(), (*answer).to_owned()));
        Context { exchanges: exchanges.collect(), left_out: first }
    }

    /// What the reader is told about turns without room; `None` when all fit.
    pub fn note(&self) -> Option<String> {
        match self.left_out {
            0 => None,
            1 => Some("the oldest turn of this session had no room in the context and was not considered".to_owned()),
            count => Some(format!(
                "the {count} oldest turns of this session had no room in the context and were not considered"
            )),
        }
    }
}

fn exchange(turn: &Turn) -> Option<(&str, &str)> {
    let withheld = turn.is_withheld();
    let answer = match &turn.feedback {
        Some(Feedback::Correction(text)) => text.as_str(),
        Some(Feedback::Bad) => return None,
        _ if withheld => return None,
        _ => turn.answer.as_str(),
    };
    (!answer.trim().is_empty()).then_some((turn.question.as_str(), answer))
}

impl Journal<'_> {
    /// The latest `limit` conversations, the one with the latest question first.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn sessions(&self, limit: usize) -> Result<Vec<Session>, JournalError> {
        let read = || {
            self.home
                .connection()
                .prepare(
                    "SELECT s.session AS id, t.question AS first_question, s.turns, t.created_at AS started_at, s.last_at
                     FROM (SELECT session, min(id) AS first, max(id) AS last, count(*) AS turns,
                           max(created_at) AS last_at FROM turns GROUP BY session) s
                     JOIN turns t ON t.id = s.first ORDER BY s.last DESC LIMIT ?1",
                )?
                .query_map([i64::try_from(limit).unwrap_or(i64::MAX)], read_session)?
                .collect::<Result<Vec<_>, _>>()
        };
        read().map_err(|source| self.failed("read", source))
    }

    /// Makes sure that a conversation is there.
    ///
    /// # Errors
    /// [`JournalError`]: unknown session, failing database.
    pub fn check_session(&self, id: SessionId) -> Result<(), JournalError> {
        let found: Result<bool, _> =
            self.home
                .connection()
                .query_row("SELECT EXISTS (SELECT 1 FROM turns WHERE session = ?1)", [id.0], |row| row.get(0));
        if found.map_err(|source| self.failed("read", source))? {
            Ok(())
        } else {
            Err(JournalError::UnknownSession(id.0))
        }
    }

    /// The turns of a conversation, oldest first.
    ///
    /// # Errors
    /// [`JournalError`]: unknown session, failing database.
    pub fn session(&self, id: SessionId) -> Result<Vec<Turn>, JournalError> {
        let read = || {
            self.home
                .connection()
                .prepare(&format!("SELECT {TURN_COLUMNS} WHERE t.session = ?1 ORDER BY t.id"))?
                .query_map([id.0], read_turn)?
                .collect::<Result<Vec<_>, _>>()
        };
        let turns = read().map_err(|source| self.failed("read", source))?;
        if turns.is_empty() { Err(JournalError::UnknownSession(id.0)) } else { Ok(turns) }
    }
}

fn read_session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: SessionId(row.get("id")?),
        first_question: row.get("first_question")?,
        turns: row.get::<_, i64>("turns")? as usize,
        started_at: row.get("started_at")?,
        last_at: row.get("last_at")?,
    })
}
