//! The before-and-after report of `quantize` and the table of `--sweep`.

use std::collections::BTreeMap;

use halligan_runtime::quantize::{Comparison, SpeedProbe};
use serde::Serialize;

use crate::progress::{bytes, count, duration};

/// What a file holds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Facts {
    /// Length of the file.
    pub file_bytes: u64,
    /// Bytes of its tensors.
    pub tensor_bytes: u64,
    /// Weights in its tensors.
    pub parameters: u64,
    /// Bits of tensors per weight.
    pub bits_per_weight: f64,
    /// Tensors by type.
    pub tensors: BTreeMap<String, usize>,
    /// Matrices that stand unquantized because their rows are no whole number of blocks.
    pub unquantizable: usize,
}

/// Where an importance matrix came from.
#[derive(Debug, Clone, Serialize)]
pub struct ImportanceFacts {
    /// The text.
    pub text: String,
    /// Tokens of it that were run.
    pub tokens: usize,
    /// Matrices that were weighed.
    pub matrices: usize,
}

/// What `quantize --json` prints.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// The original.
    pub input: String,
    /// The new file.
    pub output: String,
    /// Its type.
    pub r#type: &'static str,
    /// The original's facts.
    pub before: Facts,
    /// The new file's facts.
    pub after: Facts,
    /// Both on the sample; null where nothing was measured.
    pub comparison: Option<Comparison>,
    /// Null where none was used.
    pub importance: Option<ImportanceFacts>,
    /// Time that writing took.
    pub quantize_seconds: f64,
}

impl Outcome {
    /// For people.
    pub fn describe(&self) -> String {
        let (before, after) = (&self.before, &self.after);
        let mut lines = vec![
            format!("{} written in {}", self.output, duration(self.quantize_seconds)),
            format!("{:<18} {:>12} {:>12}", "", "before", "after"),
            format!("{:<18} {:>12} {:>12}", "size", bytes(before.file_bytes), bytes(after.file_bytes)),
            format!("{:<18} {:>12.2} {:>12.2}", "bits per weight", before.bits_per_weight, after.bits_per_weight),
        ];
        if let Some(found) = &self.comparison {
            lines.push(format!(
                "{:<18} {:>12} {:>12}",
                "perplexity",
                perplexity(found.perplexity_before),
                perplexity(found.perplexity_after)
            ));
            lines.push(format!(
                "{:<18} {:>12} {:>12.4}   nats per token; 99 of 100 below {:.3}",
                "KL divergence", "", found.kl_divergence, found.kl_divergence_99
            ));
            lines.push(format!(
                "{:<18} {:>12} {:>10.1} %   over {} tokens",
                "same top token",
                "",
                100.0 * found.same_top_token,
                count(found.tokens)
            ));
        }
        let mix: Vec<String> = after.tensors.iter().map(|(name, tensors)| format!("{tensors} {name}")).collect();
        lines.push(format!("{:<18} {}", "tensors", mix.join(", ")));
        if let Some(importance) = &self.importance {
            lines.push(format!("{:<18} {}", "importance", importance.describe()));
        }
        lines.join("\n")
    }
}

/// One type of a sweep.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Its name.
    pub r#type: &'static str,
    /// What its file held.
    pub facts: Option<Facts>,
    /// Null where nothing was measured.
    pub comparison: Option<Comparison>,
    /// Null where the model could not be run.
    pub speed: Option<SpeedProbe>,
    /// Memory that running took; null where the system does not tell.
    pub memory_bytes: Option<u64>,
    /// Why it was left out.
    pub skipped: Option<&'static str>,
}

impl Row {
    /// A type that was written.
    pub fn of(name: &'static str, facts: Facts) -> Self {
        Self { r#type: name, facts: Some(facts), comparison: None, speed: None, memory_bytes: None, skipped: None }
    }

    /// A type that was not.
    pub fn skipped(name: &'static str, why: &'static str) -> Self {
        Self { r#type: name, facts: None, comparison: None, speed: None, memory_bytes: None, skipped: Some(why) }
    }
}

/// What `quantize --sweep --json` prints.
#[derive(Debug, Serialize)]
pub struct Sweep {
    /// The original.
    pub input: String,
    /// Null where none was used.
    pub importance: Option<ImportanceFacts>,
    /// The original first, then each type.
    pub rows: Vec<Row>,
}

/// The table for people.
pub fn table(rows: &[Row], importance: Option<&ImportanceFacts>) -> String {
    let mut lines = vec![
        format!(
            "{:<10} {:>10} {:>6} {:>11} {:>9} {:>9} {:>9} {:>10} {:>9} {:>9}",
            "", "", "bits/", "", "KL", "KL", "same", "", "prompt", "answer"
        ),
        format!(
            "{:<10} {:>10} {:>6} {:>11} {:>9} {:>9} {:>9} {:>10} {:>9} {:>9}",
            "type", "size", "weight", "perplexity", "mean", "99 %", "top token", "memory", "tokens/s", "tokens/s"
        ),
    ];
    // The original's perplexity is part of every comparison.
    let original = rows.iter().find_map(|row| row.comparison.as_ref()).map(|found| found.perplexity_before);
    for row in rows {
        let Some(facts) = &row.facts else {
            lines.push(format!("{:<10} {}", row.r#type, row.skipped.unwrap_or_default()));
            continue;
        };
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let found = row.comparison.as_ref();
        lines.push(format!(
            "{:<10} {:>10} {:>6.2} {:>11} {:>9} {:>9} {:>9} {:>10} {:>9} {:>9}",
            row.r#type,
            bytes(facts.file_bytes),
            facts.bits_per_weight,
            or_dash(found.map(|found| found.perplexity_after).or(original).map(perplexity)),
            or_dash(found.map(|found| format!("{:.4}", found.kl_divergence))),
            or_dash(found.map(|found| format!("{:.3}", found.kl_divergence_99))),
            or_dash(found.map(|found| format!("{:.1} %", 100.0 * found.same_top_token))),
            or_dash(row.memory_bytes.map(bytes)),
            or_dash(row.speed.map(|speed| format!("{:.1}", speed.prompt_tokens_per_second))),
            or_dash(row.speed.map(|speed| format!("{:.1}", speed.answer_tokens_per_second))),
        ));
    }
    if let Some(importance) = importance {
        lines.push(importance.describe());
    }
    lines.join("\n")
}

/// Random models have perplexities of many digits.
fn perplexity(value: f64) -> String {
    if value < 1e5 { format!("{value:.3}") } else { format!("{value:.3e}") }
}
