//! Findings for people: a list for one model, a decision matrix for several.

use super::{Finding, Judged, Verdict};

/// Width of a column of the matrix.
const COLUMN: usize = 24;
/// Width of lines of evidence.
const LINE: usize = 118;
/// Where evidence starts.
const INDENT: usize = 40;

pub(super) fn one(model: &Judged) -> String {
    let mut lines = vec![format!("{} ({}, {})", model.name, model.format, model.path)];
    for finding in &model.findings {
        let head = format!("{:<8} {:<30} ", finding.verdict.name(), finding.rule);
        let mut rows = wrap(&finding.evidence, LINE - INDENT).into_iter();
        lines.push(format!("{head:<INDENT$}{}", rows.next().unwrap_or_default()));
        lines.extend(rows.map(|row| format!("{:INDENT$}{row}", "")));
    }
    lines.push(counts(model));
    lines.join("\n")
}

pub(super) fn matrix(models: &[Judged]) -> String {
    let mut lines = Vec::new();
    let mut header = format!("{:<32}", "");
    for model in models {
        header.push_str(&format!(" {:<COLUMN$}", cut(&model.name, COLUMN)));
    }
    lines.push(header.trim_end().to_owned());
    for (index, finding) in models[0].findings.iter().enumerate() {
        let mut line = format!("{:<32}", finding.rule);
        for model in models {
            let cell = model.findings.get(index).map_or(String::new(), cell);
            line.push_str(&format!(" {:<COLUMN$}", cut(&cell, COLUMN)));
        }
        lines.push(line.trim_end().to_owned());
    }
    let mut line = format!("{:<32}", "pass, warn, FAIL, unknown");
    for model in models {
        let counts = &model.counts;
        let cell = format!("{}, {}, {}, {}", counts.pass, counts.warn, counts.fail, counts.unknown);
        line.push_str(&format!(" {cell:<COLUMN$}"));
    }
    lines.push(line.trim_end().to_owned());
    lines.push("one path alone shows all evidence, and so does --json".to_owned());
    lines.join("\n")
}

/// Verdict and the start of the evidence.
fn cell(finding: &Finding) -> String {
    let name = finding.verdict.name();
    if finding.verdict == Verdict::Unknown {
        return name.to_owned();
    }
    let first = finding.evidence.split([':', ';', '(']).next().unwrap_or_default().trim();
    format!("{name} {first}")
}

fn counts(model: &Judged) -> String {
    let counts = &model.counts;
    format!("{} pass, {} warn, {} fail, {} unknown", counts.pass, counts.warn, counts.fail, counts.unknown)
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let start: String = text.chars().take(width - 1).collect();
    format!("{}~", start.trim_end())
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}
