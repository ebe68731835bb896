//! What `data build` says about what it did.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::{Value, json};

use super::rewordings::REWORDING;
use super::split::SPLITS;
use crate::progress::count;

/// What a build did.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) dataset: String,
    pub(super) version: String,
    pub(super) rows: usize,
    pub(super) train: usize,
    pub(super) validation: usize,
    pub(super) test: usize,
    /// Rows of training facts in words that training does not use.
    pub(super) rewording: usize,
    /// Training rows of each dataset, replay last.
    pub(super) mixture: Vec<Share>,
    /// Families of tied rows, and the rows of the largest.
    pub(super) families: usize,
    pub(super) largest_family: usize,
    /// Splits that have less than half of the rows that were asked for.
    pub(super) unfilled: Vec<Unfilled>,
    /// Rows left out because of the shares, because experts disagree, or because an earlier dataset has them.
    pub(super) left_out: BTreeMap<&'static str, usize>,
    /// Pairs of similar rows on two sides of the split, found by a second look: always 0.
    pub(super) leaks: usize,
}

/// Training rows of one dataset.
#[derive(Serialize)]
pub(super) struct Share {
    pub(super) dataset: String,
    pub(super) replay: bool,
    pub(super) available: usize,
    pub(super) rows: usize,
    pub(super) share: f64,
}

/// A split that families of tied rows, which are dealt whole, left short.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Unfilled {
    pub(super) split: &'static str,
    pub(super) asked: usize,
    pub(super) rows: usize,
}

impl Report {
    /// The counts for the manifest.
    pub(super) fn summary(&self) -> BTreeMap<String, Value> {
        let mut summary: BTreeMap<String, Value> =
            self.splits().into_iter().map(|(name, rows)| (name.to_owned(), json!(rows))).collect();
        let share = |share: &Share| json!({"dataset": share.dataset, "rows": share.rows});
        summary.insert("mixture".to_owned(), self.mixture.iter().map(share).collect());
        summary
    }

    /// Rows of each split; rewordings only where some were held out.
    fn splits(&self) -> Vec<(&'static str, usize)> {
        let mut splits: Vec<_> = SPLITS.into_iter().zip([self.train, self.validation, self.test]).collect();
        splits.extend((self.rewording > 0).then_some((REWORDING, self.rewording)));
        splits
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
        let mut lines = vec![format!("{}: {} rows, version {}", self.dataset, count(self.rows), self.version)];
        for (name, rows) in self.splits() {
            let share = 100.0 * rows as f64 / self.rows.max(1) as f64;
            lines.push(format!("  {name:<11} {:>8}  {share:5.1} %", count(rows)));
        }
        lines.push("training rows".to_owned());
        for share in &self.mixture {
            let what = if share.replay { " (replay)" } else { "" };
            let percent = 100.0 * share.share;
            lines.push(format!(
                "  {:>8} of {:>8}  {percent:5.1} %  {}{what}",
                count(share.rows),
                count(share.available),
                share.dataset
            ));
        }
        lines.push(format!(
            "{} families of tied rows, {} rows in the largest; none is on two sides",
            count(self.families),
            count(self.largest_family)
        ));
        for (reason, rows) in self.left_out.iter().filter(|(_, rows)| **rows > 0) {
            lines.push(format!("  {:>8} rows left out: {reason}, see skipped.jsonl", count(*rows)));
        }
        crate::print_data(&lines.join("\n"));
        for Unfilled { split, asked, rows } in &self.unfilled {
            eprintln!(
                "{split} has {} rows where {} were asked for: tied rows stay together, and there are too few families \
                 to deal out; give rows of more facts, or other shares",
                count(*rows),
                count(*asked)
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}
