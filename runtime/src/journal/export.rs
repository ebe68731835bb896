//! Export: what responders confirmed and corrected, as rows to train on at headquarters.
//!
//! A row is a `messages` row as `halligan-host train`, `eval` and `data import` read it. `lineage` says which device,
//! turn, model and generation it came from and what was said about the answer; training passes over it.

use rand::RngCore as _;
use rusqlite::params_from_iter;
use serde::Serialize;

use super::{Feedback, Journal, Reason, TURN_COLUMNS, read_turn, same_question_key};
use crate::error::{HomeError, RuntimeError};
use crate::evaluate::value_of_correction;
use crate::home::{Home, sha256_of_bytes};
use crate::personal::personal_data;
use crate::turn::Turn;

/// Setting that holds the name of this device in lineages.
const DEVICE: &str = "device";

/// Feedback whose turns can become rows. A bad answer without its correction teaches nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Teaching {
    /// The answer was called good.
    Good,
    /// The answer was corrected.
    Corrected,
}

/// Which turns to export.
#[derive(Debug, Clone, Default)]
pub struct ExportOptions {
    /// Kinds of feedback; empty for all that teach.
    pub feedback: Vec<Teaching>,
    /// Only turns asked at or after this second since 1970 UTC.
    pub since: Option<i64>,
}

/// One side of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportedMessage {
    /// `user` or `assistant`.
    pub role: &'static str,
    /// What is said.
    pub content: String,
}

/// A row for training.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExportedRow {
    /// Unique over devices: device and turn.
    pub id: String,
    /// Rows of one question share it, on every device.
    pub group: String,
    /// `correction` or `confirmed`.
    pub kind: &'static str,
    /// The question and the right answer.
    pub messages: [ExportedMessage; 2],
    /// What a right answer must contain.
    pub value: String,
    /// Where it came from.
    pub lineage: Lineage,
}

/// Where a row came from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lineage {
    /// Random name of the device; says nothing about its user.
    pub device: String,
    /// Number of the turn on that device.
    pub turn: i64,
    /// Number of its session.
    pub session: i64,
    /// When the question was asked, in seconds since 1970 UTC.
    pub asked_at: i64,
    /// SHA-256 of the model; absent where it was not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// SHA-256 of the adapter that answered, or `base`.
    pub generation: String,
    /// The tags of the feedback.
    pub reasons: Vec<Reason>,
    /// What the model had answered, where that was corrected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong_answer: Option<String>,
    /// Mean token probability of that answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// Kinds of personal data in the row.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub personal_data: Vec<&'static str>,
}

impl Journal<'_> {
    /// Rows of the turns whose latest feedback teaches something, oldest first; of several turns with the same question
    /// the one that was judged last.
    ///
    /// # Errors
    /// An unreadable journal.
    pub fn export(&self, options: &ExportOptions) -> Result<Vec<ExportedRow>, RuntimeError> {
        let device = device_name(self.home)?;
        let wants = |kind| options.feedback.is_empty() || options.feedback.contains(&kind);
        let read = || {
            let since = options.since.unwrap_or(i64::MIN);
            self.home
                .connection()
                .prepare(&format!("SELECT {TURN_COLUMNS} WHERE t.created_at >= ?1 AND f.id IS NOT NULL ORDER BY f.id"))?
                .query_map(params_from_iter([since]), read_turn)?
                .collect::<Result<Vec<Turn>, _>>()
        };
        let turns = read().map_err(|source| self.failed("read", source))?;
        let mut rows: Vec<(String, Option<ExportedRow>)> = Vec::new();
        for turn in turns {
            let key = same_question_key(&turn.question);
            let row = row_of(&turn, &device).filter(|(kind, _)| wants(*kind)).map(|(_, row)| row);
            // A later word on the same question replaces an earlier one, also when it teaches nothing.
            rows.retain(|(earlier, _)| *earlier != key);
            rows.push((key, row));
        }
        Ok(rows.into_iter().filter_map(|(_, row)| row).collect())
    }
}

fn row_of(turn: &Turn, device: &str) -> Option<(Teaching, ExportedRow)> {
    let (teaching, kind, answer, wrong_answer) = match turn.feedback.as_ref()? {
        Feedback::Correction(text) => (Teaching::Corrected, "correction", text.clone(), Some(turn.answer.clone())),
        Feedback::Good => (Teaching::Good, "confirmed", turn.answer.clone(), None),
        Feedback::Bad => return None,
    };
    let value = value_of_correction(&answer);
    if value.is_empty() {
        return None;
    }
    let personal = personal_data(&format!("{}\n{answer}", turn.question));
    let row = ExportedRow {
        id: format!("{device}-{}", turn.id),
        group: sha256_of_bytes(same_question_key(&turn.question).as_bytes()),
        kind,
        messages: [
            ExportedMessage { role: "user", content: turn.question.clone() },
            ExportedMessage { role: "assistant", content: answer },
        ],
        value,
        lineage: Lineage {
            device: device.to_owned(),
            turn: turn.id.0,
            session: turn.session.0,
            asked_at: turn.created_at,
            model: turn.model.clone(),
            generation: turn.generation.clone(),
            reasons: turn.reasons.clone(),
            wrong_answer,
            confidence: turn.confidence,
            personal_data: personal.into_iter().map(|kind| kind.name()).collect(),
        },
    };
    Some((teaching, row))
}

/// The name under which rows of this device can be told from those of others; made at first use.
fn device_name(home: &Home) -> Result<String, HomeError> {
    if let Some(name) = home.setting(DEVICE)? {
        return Ok(name);
    }
    let mut bytes = [0_u8; 8];
    rand::rng().fill_bytes(&mut bytes);
    let name = format!("device-{}", bytes.map(|byte| format!("{byte:02x}")).concat());
    home.remember(&[(DEVICE, &name)])?;
    Ok(name)
}
