//! `halligan-host data resolve`: what experts have said becomes the next dataset.
//!
//! Each rated row follows the conflict protocol (`review/protocol.rs`). Every rating goes into `ratings.jsonl` of the
//! new dataset, and the rows name theirs; a rejected row stands in `skipped.jsonl`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use halligan_finetune::chat::Message;
use serde::Serialize;
use serde_json::{Value, json};

use super::dataset::Dataset;
use super::ledger::{Left, Skipped};
use super::manifest::RATINGS;
use super::review::protocol::{Decision, InContext, Outcome, decide};
use super::review::rating::{Rating, journal_path, latest, read_journal};
use super::row::Row;
use super::writer::{Closing, DatasetWriter};
use crate::outputs::{Place, check_apart};
use crate::progress::count;

/// Arguments of `data resolve`.
#[derive(Debug, Args)]
pub struct ResolveArgs {
    /// Dataset folder that was reviewed
    #[arg(value_name = "DIR")]
    pub dataset: PathBuf,
    /// Ratings [default: DIR/.review/ratings.jsonl]
    #[arg(long, value_name = "JSONL")]
    pub ratings: Option<PathBuf>,
    /// Dataset folder to write
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    pub output: PathBuf,
    /// Put the dataset in place of one that another verb made
    #[arg(long)]
    pub force: bool,
    /// Version of the dataset [default: 1.0.0, or the one that follows from what changed since the last in DIR]
    #[arg(long, value_name = "X.Y.Z", value_parser = super::manifest::parse_version)]
    pub dataset_version: Option<String>,
    /// Print the counts as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Default, Serialize)]
struct Report {
    dataset: String,
    version: String,
    rows: usize,
    /// Rows with a rating.
    reviewed: usize,
    kept: usize,
    replaced: usize,
    /// Rows that became two or more, by their contexts.
    both_views: usize,
    rejected: usize,
    disputed: usize,
    /// Ratings of rows that are not in the dataset.
    strangers: usize,
}

/// Reads, decides, writes and prints.
///
/// # Errors
/// No ratings, a dataset that cannot be read, a place that cannot be written.
pub fn run(args: &ResolveArgs) -> anyhow::Result<ExitCode> {
    check_apart(&[Place::new("DIR", &args.dataset)], &[Place::new("-o", &args.output)])?;
    let dataset = Dataset::open(&args.dataset)?;
    let path = args.ratings.clone().unwrap_or_else(|| journal_path(&args.dataset));
    let ratings = read_journal(&super::places::actual(&path))?;
    anyhow::ensure!(
        !ratings.is_empty(),
        "{}: there are no ratings; rate with `halligan-host data review {} --expert NAME`",
        path.display(),
        args.dataset.display()
    );
    let mut writer = DatasetWriter::create(&args.output, "resolve", args.force)?;
    writer.descend_from(&dataset)?;
    writer.input("ratings", &path)?;
    copy(&dataset, &mut writer)?;
    for rating in &ratings {
        writer.record(RATINGS, rating)?;
    }
    let mut views = latest(&ratings);
    let mut report = Report { dataset: args.output.display().to_string(), ..Report::default() };
    for row in dataset.rows()? {
        let row = row?;
        match views.remove(row.id.as_str()) {
            None => {
                report.rows += 1;
                writer.row(&row)?;
            }
            Some(views) => apply(row, &views, &ratings, &mut writer, &mut report)?,
        }
    }
    report.strangers = views.values().map(BTreeMap::len).sum();
    let recipe = ["resolve", &args.dataset.display().to_string(), "--ratings", &path.display().to_string()];
    let summary = [
        ("reviewed", report.reviewed),
        ("kept", report.kept),
        ("replaced", report.replaced),
        ("both_views", report.both_views),
        ("rejected", report.rejected),
        ("disputed", report.disputed),
    ];
    let manifest = writer.finish(Closing {
        recipe: recipe.map(str::to_owned).to_vec(),
        summary: summary.map(|(name, rows)| (name.to_owned(), json!(rows))).into(),
        version: args.dataset_version.clone(),
        ..Closing::default()
    })?;
    report.version = manifest.version;
    print(args, &report)?;
    Ok(ExitCode::SUCCESS)
}

fn copy(dataset: &Dataset, writer: &mut DatasetWriter) -> anyhow::Result<()> {
    for chunk in dataset.chunks()? {
        writer.chunk(&chunk?)?;
    }
    for earlier in dataset.skipped()? {
        writer.skipped(&earlier?)?;
    }
    // Ratings of an earlier round stay on record before those of this one.
    for rating in dataset.records::<Value>(RATINGS)? {
        writer.record(RATINGS, &rating?)?;
    }
    Ok(())
}

fn apply(
    mut row: Row,
    views: &BTreeMap<&str, &Rating>,
    all: &[Rating],
    writer: &mut DatasetWriter,
    report: &mut Report,
) -> anyhow::Result<()> {
    let Some(decision) = decide(views) else { return writer.row(&row) };
    report.reviewed += 1;
    // Every view of the row, also one that its expert changed later.
    let mut ids: Vec<String> =
        all.iter().filter(|rating| rating.row == row.id).map(|rating| rating.id.clone()).collect();
    row.ratings.append(&mut ids);
    label(&mut row, &decision);
    match &decision.outcome {
        Outcome::Keep => {
            report.kept += 1;
            report.rows += 1;
            writer.row(&row)
        }
        Outcome::Reject => {
            report.rejected += 1;
            let words: Vec<&str> = views.values().filter_map(|rating| rating.comment.as_deref()).collect();
            let why = if words.is_empty() { String::new() } else { format!(": {}", words.join("; ")) };
            writer.skipped(&Skipped {
                content: Some(serde_json::to_value(&row)?),
                detail: format!("{} of {} experts hold it for wrong{why}", holders(&decision), decision.experts),
                id: row.id.clone(),
                reason: "rejected_by_experts".to_owned(),
                stage: "resolve".to_owned(),
                what: Left::Row,
            })
        }
        Outcome::Replace(answer) => {
            let replaced = with_answer(&row, answer);
            report.rows += 1;
            if replaced.id == row.id {
                report.kept += 1;
                return writer.row(&row);
            }
            report.replaced += 1;
            writer.skipped(&Skipped {
                content: Some(serde_json::to_value(&row)?),
                detail: format!("experts gave another answer; it lives on as row {}", replaced.id),
                id: row.id.clone(),
                reason: "replaced_by_experts".to_owned(),
                stage: "resolve".to_owned(),
                what: Left::Row,
            })?;
            writer.row(&replaced)
        }
        Outcome::Views(views) => {
            report.both_views += 1;
            let mut others: Vec<Row> = Vec::new();
            for other in views.iter().map(|view| in_context(&row, view)) {
                // A text has no question that could say the context, so that two views of it may be one.
                if other.id != row.id && others.iter().all(|earlier| earlier.id != other.id) {
                    others.push(other);
                }
            }
            report.rows += 1 + others.len();
            row.labels.insert("other_views".to_owned(), others.iter().map(|other| json!(other.id)).collect());
            row.labels.insert("other_contexts".to_owned(), views.iter().map(|view| json!(view.context)).collect());
            writer.row(&row)?;
            others.iter().try_for_each(|other| writer.row(other))
        }
        Outcome::Disputed { alternative, why } => {
            report.disputed += 1;
            report.rows += 1;
            row.labels.insert("disputed".to_owned(), json!(true));
            row.labels.insert("context".to_owned(), json!(why));
            row.labels.insert("answer_primary".to_owned(), json!(row.answer()));
            if let Some(alternative) = alternative {
                row.labels.insert("answer_alternative".to_owned(), json!(alternative));
            }
            writer.row(&row)
        }
    }
}

fn holders(decision: &Decision) -> usize {
    (decision.agreement * decision.experts as f64).round() as usize
}

fn label(row: &mut Row, decision: &Decision) {
    for stale in ["disputed", "context", "answer_primary", "answer_alternative"] {
        row.labels.remove(stale);
    }
    row.labels.insert("experts".to_owned(), json!(decision.experts));
    row.labels.insert("expert_agreement".to_owned(), json!(decision.agreement));
    row.labels.insert("confidence".to_owned(), json!(decision.confidence));
}

/// The row with another last answer, named after the one it was. What was known of the old answer goes.
fn with_answer(row: &Row, answer: &str) -> Row {
    let mut new =
        Row { value: None, contradicts: Vec::new(), grounding: None, was: vec![row.id.clone()], ..row.clone() };
    match (&mut new.messages, &mut new.text) {
        (Some(messages), _) => match messages.iter_mut().rev().find(|message| message.role == "assistant") {
            Some(last) => last.content = answer.to_owned(),
            None => messages.push(Message::new("assistant", answer)),
        },
        (None, text) => *text = Some(answer.to_owned()),
    }
    // A value that the new answer still contains can still be scored.
    if let Some(value) = row.value.as_ref().filter(|value| answer.contains(value.as_str())) {
        new.value = Some(value.clone());
        new.contradicts.clone_from(&row.contradicts);
    }
    new.named()
}

/// Another view: the question says the context, the answer is the other one.
fn in_context(row: &Row, InContext { context, answer }: &InContext) -> Row {
    let mut new = with_answer(row, answer);
    if let Some(question) = new.messages.iter_mut().flatten().rev().find(|message| message.role == "user") {
        question.content = format!("{}\nContext: {context}", question.content);
    }
    new.labels.insert("context".to_owned(), json!(context));
    new.labels.insert("other_views".to_owned(), json!([row.id]));
    new.named()
}

fn print(args: &ResolveArgs, report: &Report) -> anyhow::Result<()> {
    if args.json {
        crate::print_data(&serde_json::to_string(report)?);
        return Ok(());
    }
    let mut lines = vec![format!("{}: {} rows, version {}", report.dataset, count(report.rows), report.version)];
    for (what, rows) in [
        ("reviewed", report.reviewed),
        ("kept as they are", report.kept),
        ("with the experts' answer", report.replaced),
        ("kept as two views", report.both_views),
        ("rejected", report.rejected),
        ("disputed", report.disputed),
    ] {
        lines.push(format!("  {what:<26} {:>8}", count(rows)));
    }
    crate::print_data(&lines.join("\n"));
    if report.strangers > 0 {
        eprintln!("{} ratings speak of rows that are not in this dataset", count(report.strangers));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_view_of_a_row_has_its_context_in_the_question() {
        let row = Row::of_answer("record", "g", "How far?", "150 feet.");
        let view = |context: &str| InContext { context: context.to_owned(), answer: "300 feet.".to_owned() };
        let (night, rain) = (in_context(&row, &view("at night")), in_context(&row, &view("in rain")));
        assert_eq!((night.question(), night.answer()), ("How far?\nContext: at night", "300 feet."));
        assert_eq!(rain.question(), "How far?\nContext: in rain");
        assert!(night.id != rain.id && night.was == [row.id.clone()]);
        assert_eq!(night.labels["other_views"], json!([row.id]));
    }

    #[test]
    fn fix_that_changes_nothing_gives_the_row_itself() {
        let row = Row::of_answer("record", "g", "How far?", "150 feet.");
        assert_eq!(with_answer(&row, "150 feet.").id, row.id);
        assert_ne!(with_answer(&row, "160 feet.").id, row.id);
    }
}
