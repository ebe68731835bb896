//! What `data filter` says about what it did.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::{Value, json};

use super::CHECKS;
use crate::data::manifest::SKIPPED;
use crate::progress::count;

/// What a filter did.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) dataset: String,
    pub(super) version: String,
    pub(super) rows: usize,
    pub(super) kept: usize,
    pub(super) dropped: usize,
    /// Rows that left, by reason; every reason is listed.
    pub(super) reasons: BTreeMap<&'static str, usize>,
    /// Rows that stay and are labelled with personal data.
    pub(super) personal_data: usize,
}

impl Report {
    /// The counts for the manifest.
    pub(super) fn summary(&self) -> BTreeMap<String, Value> {
        let mut summary: BTreeMap<String, Value> =
            self.reasons.iter().map(|(reason, rows)| (format!("dropped_{reason}"), json!(rows))).collect();
        summary.insert("rows".to_owned(), json!(self.rows));
        summary.insert("kept".to_owned(), json!(self.kept));
        summary.insert("personal_data".to_owned(), json!(self.personal_data));
        summary
    }

    /// Prints it, as one JSON object or for a reader.
    ///
    /// # Errors
    /// None that a report of numbers and names has.
    pub(super) fn print(&self, json: bool) -> anyhow::Result<ExitCode> {
        if json {
            crate::print_data(&serde_json::to_string(self)?);
            return Ok(ExitCode::SUCCESS);
        }
        let mut lines = vec![format!(
            "{}: {} of {} rows stay, version {}",
            self.dataset,
            count(self.kept),
            count(self.rows),
            self.version
        )];
        for reason in CHECKS {
            let rows = self.reasons.get(reason).copied().unwrap_or(0);
            lines.push(format!("  {reason:<20} {:>8}", count(rows)));
        }
        if self.personal_data > 0 {
            lines.push(format!("{} rows that stay are labelled personal_data", count(self.personal_data)));
        }
        if self.dropped > 0 {
            let skipped = Path::new(&self.dataset).join(SKIPPED);
            lines.push(format!("each row that left stands in {} with its reason", skipped.display()));
        }
        crate::print_data(&lines.join("\n"));
        Ok(ExitCode::SUCCESS)
    }
}
