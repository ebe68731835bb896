//! Forgetting: turns, sessions, texts and personal data leave the journal so that their bytes are gone from the disk.
//!
//! SQLite overwrites what is deleted (`secure_delete`, also in the word index); after a deletion the database is
//! rewritten whole and its write-ahead log cut to nothing, so neither file keeps the words. An adapter that was
//! trained on a correction is a file of its own and is named in the report. The incident log forgets texts and personal
//! data too; a line of it stays when the turn that wrote it goes, because it is a record of its own.

use std::ops::Range;

use regex::{Regex, RegexBuilder};
use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;
use serde_json::Value;

use super::{Journal, incident_log};
use crate::error::JournalError;
use crate::personal::personal_spans;
use crate::turn::{SessionId, TurnId};

/// What stands in place of a redacted piece.
pub const REDACTED: &str = "[redacted]";

/// What to forget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forget {
    /// One turn with its feedback.
    Turn(TurnId),
    /// All turns of one session.
    Session(SessionId),
    /// Every occurrence of a text, in any letter case.
    Matching(String),
    /// Addresses, telephone numbers, numbers of people and their money.
    Personal,
}

/// How [`Forget::Matching`] and [`Forget::Personal`] forget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    /// The piece is replaced by [`REDACTED`], the rest of the turn stays.
    #[default]
    Redact,
    /// The whole turn goes.
    Delete,
}

/// What was forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Forgotten {
    /// Turns that are gone.
    pub deleted: usize,
    /// Turns in which pieces were replaced.
    pub redacted: usize,
    /// Pieces that were replaced, those of the incident log among them.
    pub pieces: usize,
    /// Lines of the incident log that are gone or in which pieces were replaced.
    pub log_lines: usize,
    /// Generations that were trained on corrections of these turns and may still know them.
    pub learned_by: Vec<String>,
    /// Passages of documents that hold the text; they are not part of the journal, and the assistant counts them.
    pub in_documents: usize,
    /// Whether every byte is gone: false while another program reads the database, or in a dry run.
    pub scrubbed: bool,
}

/// Columns of a turn that hold plain text, and those that hold JSON.
const TEXT_COLUMNS: [&str; 2] = ["question", "answer"];
const JSON_COLUMNS: [&str; 4] = ["assessment", "passage", "citations", "tools"];

impl Journal<'_> {
    /// Forgets; with `dry_run` only says what would be forgotten.
    ///
    /// # Errors
    /// [`JournalError`]: unknown turn or session, empty text, failing database; nothing is changed then.
    pub fn forget(&self, what: &Forget, manner: Manner, dry_run: bool) -> Result<Forgotten, JournalError> {
        let finder = Finder::of(what)?;
        let turns = self.concerned(what, finder.as_ref())?;
        let mut report = Forgotten::default();
        let mut work = || -> rusqlite::Result<()> {
            let transaction = self.home.connection().unchecked_transaction()?;
            report.learned_by = learned_by(&transaction, &turns)?;
            for &turn in &turns {
                match &finder {
                    Some(finder) if manner == Manner::Redact => {
                        report.pieces += redact(&transaction, turn, finder)?;
                        report.redacted += 1;
                    }
                    _ => {
                        delete(&transaction, turn)?;
                        report.deleted += 1;
                    }
                }
            }
            if let Some(finder) = &finder {
                let changed = incident_log::forget(&transaction, finder, manner)?;
                report.log_lines = changed.lines;
                report.pieces += changed.pieces;
            }
            // A dry run does all the work, so that its figures are right, and takes it back.
            if dry_run { transaction.rollback() } else { transaction.commit() }
        };
        work().map_err(|source| self.failed("change", source))?;
        report.scrubbed = !dry_run && ((turns.is_empty() && report.log_lines == 0) || self.scrub()?);
        Ok(report)
    }

    /// Rewrites the database without what was deleted and empties the write-ahead log. False while another program
    /// holds the database open in the middle of a read.
    ///
    /// # Errors
    /// [`JournalError::Database`], e.g. no room for the rewritten file.
    pub(super) fn scrub(&self) -> Result<bool, JournalError> {
        let work = || {
            let connection = self.home.connection();
            connection.execute("INSERT INTO turn_words (turn_words) VALUES ('optimize')", [])?;
            connection.execute("VACUUM", [])?;
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
        };
        work().map(|busy| busy == 0).map_err(|source| self.failed("rewrite", source))
    }

    /// Numbers of the turns that `what` concerns.
    fn concerned(&self, what: &Forget, finder: Option<&Finder>) -> Result<Vec<i64>, JournalError> {
        let ids = |sql: &str, number: i64| {
            let mut statement = self.home.connection().prepare(sql)?;
            statement.query_map([number], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()
        };
        let found = match (what, finder) {
            (Forget::Turn(turn), _) => ids("SELECT id FROM turns WHERE id = ?1", turn.0),
            (Forget::Session(session), _) => ids("SELECT id FROM turns WHERE session = ?1", session.0),
            (_, Some(finder)) => self.turns_with(finder),
            (_, None) => Ok(Vec::new()),
        };
        let found = found.map_err(|source| self.failed("read", source))?;
        match what {
            Forget::Turn(turn) if found.is_empty() => Err(JournalError::UnknownTurn(turn.0)),
            Forget::Session(session) if found.is_empty() => Err(JournalError::UnknownSession(session.0)),
            _ => Ok(found),
        }
    }

    /// Reads every text once: a text may stand anywhere, so no index helps.
    fn turns_with(&self, finder: &Finder) -> rusqlite::Result<Vec<i64>> {
        let mut statement = self.home.connection().prepare(
            "SELECT id, question, answer, assessment, passage, citations, tools,
             (SELECT group_concat(text, char(10)) FROM feedback WHERE turn = turns.id) FROM turns ORDER BY id",
        )?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let mut holds = false;
            for column in 1..8 {
                let text: Option<String> = row.get(column)?;
                holds |= text.is_some_and(|text| match serde_json::from_str::<Value>(&text) {
                    Ok(mut value) if (3..7).contains(&column) => finder.redact_json(&mut value) > 0,
                    _ => !finder.spans(&text).is_empty(),
                });
            }
            if holds {
                found.push(row.get(0)?);
            }
        }
        Ok(found)
    }
}

/// Generations, learned ones, that know feedback on these turns.
fn learned_by(transaction: &Transaction<'_>, turns: &[i64]) -> rusqlite::Result<Vec<String>> {
    let mut statement = transaction.prepare(
        "SELECT DISTINCT l.generation FROM learned l JOIN feedback f ON f.id = l.feedback
         WHERE f.turn = ?1 AND f.kind <> 'bad' AND l.generation IN (SELECT id FROM generations WHERE origin = 'learned')",
    )?;
    let mut all = Vec::new();
    for turn in turns {
        let found = statement.query_map([turn], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
        all.extend(found);
    }
    all.sort();
    all.dedup();
    Ok(all)
}

pub(super) fn delete(transaction: &Transaction<'_>, turn: i64) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM learned WHERE feedback IN (SELECT id FROM feedback WHERE turn = ?1)", [turn])?;
    transaction.execute("DELETE FROM feedback WHERE turn = ?1", [turn])?;
    transaction.execute("DELETE FROM turns WHERE id = ?1", [turn])?;
    Ok(())
}

/// Replaces in every text of the turn; returns the pieces.
fn redact(transaction: &Transaction<'_>, turn: i64, finder: &Finder) -> rusqlite::Result<usize> {
    let mut pieces = 0;
    for column in TEXT_COLUMNS.into_iter().chain(JSON_COLUMNS) {
        let text: Option<String> = transaction
            .query_row(&format!("SELECT {column} FROM turns WHERE id = ?1"), [turn], |row| row.get(0))
            .optional()?
            .flatten();
        let Some(text) = text else { continue };
        let (redacted, count) = match serde_json::from_str::<Value>(&text) {
            Ok(mut value) if JSON_COLUMNS.contains(&column) => {
                let count = finder.redact_json(&mut value);
                (value.to_string(), count)
            }
            _ => finder.redact(&text),
        };
        if count > 0 {
            transaction.execute(&format!("UPDATE turns SET {column} = ?1 WHERE id = ?2"), params![redacted, turn])?;
        }
        pieces += count;
    }
    let feedback = transaction
        .prepare("SELECT id, text FROM feedback WHERE turn = ?1 AND text IS NOT NULL")?
        .query_map([turn], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(i64, String)>>>()?;
    for (id, text) in feedback {
        let (redacted, count) = finder.redact(&text);
        if count > 0 {
            transaction.execute("UPDATE feedback SET text = ?1 WHERE id = ?2", params![redacted, id])?;
        }
        pieces += count;
    }
    Ok(pieces)
}

/// Finds the pieces that must go.
pub(super) enum Finder {
    Text(Regex),
    Personal,
}

impl Finder {
    /// `None` where whole turns go.
    fn of(what: &Forget) -> Result<Option<Finder>, JournalError> {
        match what {
            Forget::Turn(_) | Forget::Session(_) => Ok(None),
            Forget::Personal => Ok(Some(Finder::Personal)),
            Forget::Matching(text) if text.trim().is_empty() => Err(JournalError::NothingToForget),
            Forget::Matching(text) => {
                // A quoted text is a sound pattern; only its length can be refused.
                let pattern = RegexBuilder::new(&regex::escape(text.trim())).case_insensitive(true).build();
                pattern.map(|pattern| Some(Finder::Text(pattern))).map_err(|_| JournalError::NothingToForget)
            }
        }
    }

    fn spans(&self, text: &str) -> Vec<Range<usize>> {
        match self {
            Finder::Text(pattern) => pattern.find_iter(text).map(|found| found.range()).collect(),
            Finder::Personal => joined(personal_spans(text).into_iter().map(|(span, _)| span)),
        }
    }

    /// The text with pieces replaced, and their number.
    pub(super) fn redact(&self, text: &str) -> (String, usize) {
        let spans = self.spans(text);
        let mut clean = String::with_capacity(text.len());
        let mut position = 0;
        for span in &spans {
            clean.push_str(&text[position..span.start]);
            clean.push_str(REDACTED);
            position = span.end;
        }
        clean.push_str(&text[position..]);
        (clean, spans.len())
    }

    fn redact_json(&self, value: &mut Value) -> usize {
        match value {
            Value::String(text) => {
                let (redacted, count) = self.redact(text);
                *text = redacted;
                count
            }
            Value::Array(list) => list.iter_mut().map(|value| self.redact_json(value)).sum(),
            Value::Object(fields) => fields.values_mut().map(|value| self.redact_json(value)).sum(),
            _ => 0,
        }
    }
}

/// Ranges in order, overlapping ones joined.
fn joined(spans: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut all: Vec<Range<usize>> = Vec::new();
    for span in spans {
        match all.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => all.push(span),
        }
    }
    all
}
