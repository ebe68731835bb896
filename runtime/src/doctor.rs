//! The doctor: what this device is, what it carries, and what is wrong with either.

use std::path::PathBuf;

use serde::Serialize;

use crate::assistant::{AssistantOptions, Status};
use crate::probe::Hardware;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Works, but less well than it could.
    Warning,
    /// Something does not work until this is solved.
    Error,
}

/// Something wrong and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub what: String,
    /// What to do next.
    pub advice: String,
}

/// Everything `halligan doctor` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DoctorReport {
    /// Version of this program.
    pub version: String,
    /// The hardware.
    pub hardware: Hardware,
    /// Name of the chosen profile; `None` when it cannot be used.
    pub profile: Option<String>,
    /// Why that profile: asked for, or which rule of the probe fits.
    pub profile_reason: String,
    /// The home folder.
    pub home: Option<PathBuf>,
    /// State of the assistant, where it can be opened.
    pub status: Option<Status>,
    /// Problems, worst first; empty when all is well.
    pub problems: Vec<Problem>,
}

impl DoctorReport {
    /// Whether nothing stands in the way of asking questions.
    pub fn is_well(&self) -> bool {
        self.problems.iter().all(|problem| problem.severity != Severity::Error)
    }
}

pub(crate) fn examine(_options: &AssistantOptions) -> DoctorReport {
    unimplemented!("doctor")
}
