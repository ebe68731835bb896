//! The journal: every question, answer and word of feedback, kept so that no kill loses one.
//!
//! Each append is one transaction of the home's database (WAL, `synchronous=FULL`): when it
//! returns it is on the disk, and a process that dies inside leaves nothing behind. Rows are added
//! and otherwise stay as they are, unless they are [forgotten](Forget); the latest feedback on a turn counts.

mod export;
mod forget;
mod incident_log;
mod retention;
mod search;
mod sessions;

use rusqlite::{OptionalExtension, Row, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::JournalError;
use crate::home::{Home, now};
use crate::turn::{NewTurn, SessionId, Turn, TurnId};

pub use export::{ExportOptions, ExportedMessage, ExportedRow, Lineage, Teaching};
pub use forget::{Forget, Forgotten, Manner, REDACTED};
pub use retention::Retained;
pub use search::Found;
pub use sessions::{Context, Session};

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

/// What is wrong or right about an answer, for sorting and for headquarters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A figure or fact is wrong.
    Incorrect,
    /// Something needed is missing.
    Incomplete,
    /// It was right once.
    Outdated,
    /// Acting on it would put people at risk.
    Unsafe,
    /// Another question was answered.
    OffTopic,
    /// It cannot be understood quickly enough.
    Unclear,
    /// The cited source does not say so.
    WrongSource,
}

impl Reason {
    /// Every reason, in the order in which they are offered.
    pub const ALL: [Reason; 7] = [
        Reason::Incorrect,
        Reason::Incomplete,
        Reason::Outdated,
        Reason::Unsafe,
        Reason::OffTopic,
        Reason::Unclear,
        Reason::WrongSource,
    ];

    /// The word that files and command lines use.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Incorrect => "incorrect",
            Reason::Incomplete => "incomplete",
            Reason::Outdated => "outdated",
            Reason::Unsafe => "unsafe",
            Reason::OffTopic => "off_topic",
            Reason::Unclear => "unclear",
            Reason::WrongSource => "wrong_source",
        }
    }

    /// The reason of that name, if there is one.
    pub fn from_name(name: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.name() == name)
    }
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

const TURN_COLUMNS: &str = "t.id, t.session, t.question, t.answer, t.confidence, t.assessment, t.passage, t.supported,
    t.citations, t.tools, t.model, t.generation, t.tokens, t.seconds, t.created_at, f.kind, f.text, f.reasons
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
        let store = || -> rusqlite::Result<(i64, i64)> {
            let transaction = self.home.connection().unchecked_transaction()?;
            transaction.execute(
                "INSERT INTO turns (session, question, answer, confidence, assessment, passage, supported, citations,
                 tools, model, generation, tokens, seconds, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
                params![
                    turn.session.map(|session| session.0),
                    turn.question,
                    turn.answer,
                    turn.confidence,
                    turn.assessment.as_ref().map(as_json),
                    turn.passage.as_ref().map(as_json),
                    turn.supported,
                    as_json(&turn.citations),
                    as_json(&turn.tools),
                    turn.model,
                    turn.generation,
                    turn.tokens as i64,
                    turn.seconds,
                    created_at
                ],
            )?;
            let id = transaction.last_insert_rowid();
            // The first turn of a conversation gives it its number.
            transaction.execute("UPDATE turns SET session = id WHERE id = ?1 AND session IS NULL", [id])?;
            let session = transaction.query_row("SELECT session FROM turns WHERE id = ?1", [id], |row| row.get(0))?;
            transaction.commit()?;
            Ok((id, session))
        };
        let (id, session) = store().map_err(|source| self.failed("append to", source))?;
        Ok(Turn {
            id: TurnId(id),
            session: SessionId(session),
            question: turn.question,
            answer: turn.answer,
            confidence: turn.confidence,
            assessment: turn.assessment,
            passage: turn.passage,
            supported: turn.supported,
            citations: turn.citations,
            tools: turn.tools,
            model: turn.model,
            generation: turn.generation,
            tokens: turn.tokens,
            seconds: turn.seconds,
            feedback: None,
            reasons: Vec::new(),
            created_at,
        })
    }

    /// Appends feedback on a turn; it is on disk when this returns.
    ///
    /// # Errors
    /// [`JournalError`]: unknown turn, correction without words, failing database.
    pub fn give_feedback(&self, turn: TurnId, feedback: &Feedback, reasons: &[Reason]) -> Result<(), JournalError> {
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
                "INSERT INTO feedback (turn, kind, text, reasons, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![turn.0, kind, text, as_json(&reasons), now()],
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

fn as_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain data should always be JSON")
}

/// What a column of JSON holds; nothing where this version cannot read it, which is no reason to hide the turn.
fn from_json<T: DeserializeOwned>(text: Option<String>) -> Option<T> {
    text.and_then(|json| serde_json::from_str(&json).ok())
}

fn read_turn(row: &Row<'_>) -> rusqlite::Result<Turn> {
    let kind: Option<String> = row.get("kind")?;
    let text: Option<String> = row.get("text")?;
    Ok(Turn {
        id: TurnId(row.get("id")?),
        session: SessionId(row.get("session")?),
        question: row.get("question")?,
        answer: row.get("answer")?,
        confidence: row.get::<_, Option<f64>>("confidence")?.map(|value| value as f32),
        assessment: from_json(row.get("assessment")?),
        passage: from_json(row.get("passage")?),
        supported: row.get("supported")?,
        citations: from_json(row.get("citations")?).unwrap_or_default(),
        tools: from_json(row.get("tools")?).unwrap_or_default(),
        model: row.get("model")?,
        generation: row.get("generation")?,
        tokens: row.get::<_, i64>("tokens")? as usize,
        seconds: row.get("seconds")?,
        created_at: row.get("created_at")?,
        feedback: match (kind.as_deref(), text) {
            (Some("good"), _) => Some(Feedback::Good),
            (Some("bad"), _) => Some(Feedback::Bad),
            (Some("correction"), Some(text)) => Some(Feedback::Correction(text)),
            _ => None,
        },
        reasons: from_json(row.get("reasons")?).unwrap_or_default(),
    })
}

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod history_tests;
#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
