//! The journal: every question, answer and word of feedback, kept so that no kill loses one.
//!
//! Each append is one transaction of the home's database (WAL, `synchronous=FULL`): when it
//! returns it is on the disk, and a process that dies inside leaves nothing behind. Rows are only
//! ever added; the latest feedback on a turn counts.

use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;

use crate::error::JournalError;
use crate::home::{Home, now};
use crate::retrieval::Passage;

/// Number of a turn, as shown to the user and accepted by `halligan feedback`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct TurnId(pub i64);

impl std::fmt::Display for TurnId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What the responder says about an answer. The latest feedback on a turn counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "text", rename_all = "snake_case")]
pub enum Feedback {
    /// The answer is right.
    Good,
    /// The answer is wrong; the right one is not known.
    Bad,
    /// The answer should have been this text.
    Correction(String),
}

/// One question with its answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Turn {
    /// Number of the turn.
    pub id: TurnId,
    /// The question as asked.
    pub question: String,
    /// The answer as shown.
    pub answer: String,
    /// Mean probability of the answer's tokens, 0 to 1; `None` when nothing was generated.
    pub confidence: Option<f32>,
    /// The passage of the documents that fits the question and answer best.
    pub passage: Option<Passage>,
    /// Whether the answer's numbers, or its key words if it has none, occur in the passage.
    pub supported: bool,
    /// SHA-256 of the adapter that answered, or `base`.
    pub generation: String,
    /// Tokens generated.
    pub tokens: usize,
    /// Seconds from question to last token, model loading included.
    pub seconds: f64,
    /// Latest feedback on this turn.
    pub feedback: Option<Feedback>,
    /// When the question was asked, in seconds since 1970 UTC.
    pub created_at: i64,
}

/// A turn before it has a number.
#[derive(Debug, Clone)]
pub struct NewTurn {
    /// See [`Turn`]; the same for all fields.
    pub question: String,
    /// The answer as shown.
    pub answer: String,
    /// Mean token probability.
    pub confidence: Option<f32>,
    /// Passage shown with it.
    pub passage: Option<Passage>,
    /// Whether the passage supports the answer.
    pub supported: bool,
    /// Generation that answered.
    pub generation: String,
    /// Tokens generated.
    pub tokens: usize,
    /// Seconds it took.
    pub seconds: f64,
}

/// Feedback that learning can use: the question and the right answer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lesson {
    /// Number of the feedback row; grows with time.
    pub feedback: i64,
    /// The question as it was asked.
    pub question: String,
    /// The right answer: the correction, or the answer that was called good.
    pub answer: String,
    /// The answer that was corrected; `None` for one that was called good.
    pub wrong_answer: Option<String>,
}

/// Lessons, divided by whether a generation has learned them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lessons {
    /// Not learned yet.
    pub new: Vec<Lesson>,
    /// Learned by the generation or its ancestors.
    pub known: Vec<Lesson>,
}

impl Lessons {
    /// Number of corrections that are not learned yet.
    pub fn corrections_waiting(&self) -> usize {
        self.new.iter().filter(|lesson| lesson.wrong_answer.is_some()).count()
    }
}

/// The journal of a home.
pub struct Journal<'home> {
    home: &'home Home,
}

const TURN_COLUMNS: &str = "t.id, t.question, t.answer, t.confidence, t.passage, t.supported,
    t.generation, t.tokens, t.seconds, t.created_at, f.kind, f.text
    FROM turns t LEFT JOIN feedback f
    ON f.id = (SELECT max(id) FROM feedback WHERE turn = t.id)";

impl<'home> Journal<'home> {
    /// The journal of `home`.
    pub fn new(home: &'home Home) -> Journal<'home> {
        Journal { home }
    }

    /// Appends a turn; it is on disk when this returns.
    ///
    /// # Errors
    /// [`JournalError::Database`]; nothing was recorded then.
    pub fn append(&self, turn: NewTurn) -> Result<Turn, JournalError> {
        let created_at = now();
        let passage = turn
            .passage
            .as_ref()
            .map(|passage| serde_json::to_string(passage).expect("a passage should always be JSON"));
        self.home
            .connection()
            .execute(
                "INSERT INTO turns (question, answer, confidence, passage, supported, generation,
                 tokens, seconds, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    turn.question,
                    turn.answer,
                    turn.confidence,
                    passage,
                    turn.supported,
                    turn.generation,
                    turn.tokens as i64,
                    turn.seconds,
                    created_at
                ],
            )
            .map_err(|source| self.failed("append to", source))?;
        Ok(Turn {
            id: TurnId(self.home.connection().last_insert_rowid()),
            question: turn.question,
            answer: turn.answer,
            confidence: turn.confidence,
            passage: turn.passage,
            supported: turn.supported,
            generation: turn.generation,
            tokens: turn.tokens,
            seconds: turn.seconds,
            feedback: None,
            created_at,
        })
    }

    /// Appends feedback on a turn; it is on disk when this returns.
    ///
    /// # Errors
    /// [`JournalError`]: unknown turn, correction without words, failing database.
    pub fn give_feedback(&self, turn: TurnId, feedback: &Feedback) -> Result<(), JournalError> {
        if self.turn(turn)?.is_none() {
            return Err(JournalError::UnknownTurn(turn.0));
        }
        let (kind, text) = match feedback {
            Feedback::Good => ("good", None),
            Feedback::Bad => ("bad", None),
            Feedback::Correction(text) if text.trim().is_empty() => {
                return Err(JournalError::EmptyCorrection(turn.0));
            }
            Feedback::Correction(text) => ("correction", Some(text.trim())),
        };
        self.home
            .connection()
            .execute(
                "INSERT INTO feedback (turn, kind, text, created_at) VALUES (?1, ?2, ?3, ?4)",
                params![turn.0, kind, text, now()],
            )
            .map_err(|source| self.failed("append to", source))?;
        Ok(())
    }

    /// One turn.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn turn(&self, id: TurnId) -> Result<Option<Turn>, JournalError> {
        self.home
            .connection()
            .query_row(&format!("SELECT {TURN_COLUMNS} WHERE t.id = ?1"), [id.0], read_turn)
            .optional()
            .map_err(|source| self.failed("read", source))
    }

    /// The latest `limit` turns, newest first.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn latest(&self, limit: usize) -> Result<Vec<Turn>, JournalError> {
        let read = || {
            self.home
                .connection()
                .prepare(&format!("SELECT {TURN_COLUMNS} ORDER BY t.id DESC LIMIT ?1"))?
                .query_map([i64::try_from(limit).unwrap_or(i64::MAX)], read_turn)?
                .collect::<Result<Vec<_>, _>>()
        };
        read().map_err(|source| self.failed("read", source))
    }

    /// Number of turns.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn count(&self) -> Result<usize, JournalError> {
        self.home
            .connection()
            .query_row("SELECT count(*) FROM turns", [], |row| row.get::<_, i64>(0))
            .map(|count| count as usize)
            .map_err(|source| self.failed("read", source))
    }

    /// What the responders' feedback teaches, oldest first, divided by whether `generation` knows
    /// it. Only the latest feedback on a turn is taken, and of several turns with the same question
    /// (letter case and white space aside) the latest feedback.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn lessons(&self, generation: &str) -> Result<Lessons, JournalError> {
        let read = || -> rusqlite::Result<Lessons> {
            let mut statement = self.home.connection().prepare(
                "SELECT f.id, t.question, t.answer, f.kind, f.text,
                 EXISTS (SELECT 1 FROM learned l WHERE l.generation = ?1 AND l.feedback = f.id)
                 FROM turns t JOIN feedback f
                 ON f.id = (SELECT max(id) FROM feedback WHERE turn = t.id)
                 ORDER BY f.id",
            )?;
            let mut latest: Vec<(String, bool, Option<Lesson>)> = Vec::new();
            let mut rows = statement.query([generation])?;
            while let Some(row) = rows.next()? {
                let (feedback, question): (i64, String) = (row.get(0)?, row.get(1)?);
                let (shown, kind): (String, String) = (row.get(2)?, row.get(3)?);
                let (text, known): (Option<String>, bool) = (row.get(4)?, row.get(5)?);
                let key = same_question_key(&question);
                let lesson = match (kind.as_str(), text) {
                    ("correction", Some(answer)) => {
                        Some(Lesson { feedback, question, answer, wrong_answer: Some(shown) })
                    }
                    ("good", _) if !shown.trim().is_empty() => {
                        Some(Lesson { feedback, question, answer: shown, wrong_answer: None })
                    }
                    _ => None,
                };
                latest.retain(|(earlier, ..)| *earlier != key);
                latest.push((key, known, lesson));
            }
            let mut lessons = Lessons::default();
            for (_, known, lesson) in latest {
                if known { &mut lessons.known } else { &mut lessons.new }.extend(lesson);
            }
            Ok(lessons)
        };
        read().map_err(|source| self.failed("read", source))
    }

    fn failed(&self, action: &'static str, source: rusqlite::Error) -> JournalError {
        JournalError::Database { action, path: self.home.database_path(), source }
    }
}

/// Two questions with the same key are the same question: letter case, white space and
/// punctuation at the ends do not count.
pub(crate) fn same_question_key(question: &str) -> String {
    let lower = question.to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    words.join(" ").trim_matches(|c: char| !c.is_alphanumeric()).to_owned()
}

fn read_turn(row: &Row<'_>) -> rusqlite::Result<Turn> {
    let passage: Option<String> = row.get(4)?;
    let kind: Option<String> = row.get(10)?;
    let text: Option<String> = row.get(11)?;
    Ok(Turn {
        id: TurnId(row.get(0)?),
        question: row.get(1)?,
        answer: row.get(2)?,
        confidence: row.get::<_, Option<f64>>(3)?.map(|value| value as f32),
        // A passage that this version cannot read is no reason to hide the turn.
        passage: passage.and_then(|json| serde_json::from_str(&json).ok()),
        supported: row.get(5)?,
        generation: row.get(6)?,
        tokens: row.get::<_, i64>(7)? as usize,
        seconds: row.get(8)?,
        created_at: row.get(9)?,
        feedback: match (kind.as_deref(), text) {
            (Some("good"), _) => Some(Feedback::Good),
            (Some("bad"), _) => Some(Feedback::Bad),
            (Some("correction"), Some(text)) => Some(Feedback::Correction(text)),
            _ => None,
        },
    })
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
