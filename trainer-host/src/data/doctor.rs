//! `halligan-host data doctor`: what a training run would make of rows, before it runs.
//!
//! The tokens and the mask are those of training itself, not a guess: the chat template of the base renders the
//! conversation, and the assistant's spans are the trained ones. The failure this verb exists for is silent: a
//! mask without a trained token gives a normal loss and teaches nothing.

mod histogram;
mod mask;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use halligan_finetune::dataset::Content;
use serde::Serialize;

use super::encoding::Encoder;
use super::formats::lines::{Objects, Wrong};
use super::formats::messages;
use super::manifest::ROWS;
use crate::progress::{Progress, count};
use histogram::Lengths;
use mask::Paint;

/// Rows between two looks of the progress bar.
const REPORT_EVERY: usize = 256;

/// Arguments of `data doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// JSONL of rows, or a dataset folder
    #[arg(value_name = "ROWS")]
    pub rows: PathBuf,
    /// Base whose tokenizer and chat template are used; a vocabulary alone will do
    #[arg(long, value_name = "GGUF")]
    pub base: PathBuf,
    /// Tokens of a training sequence [default: the context of the base]
    #[arg(long, value_name = "TOKENS")]
    pub seq: Option<usize>,
    /// Rows to show token by token
    #[arg(long, value_name = "ROWS", default_value_t = 3)]
    pub show: usize,
    /// Print everything as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// A row that training would refuse or that would not fit.
#[derive(Debug, Serialize)]
struct Patient {
    line: usize,
    id: Option<String>,
    problem: String,
}

#[derive(Serialize)]
struct Shown {
    line: usize,
    /// Token ids.
    tokens: Vec<u32>,
    /// For each token whether it is trained.
    trained: Vec<bool>,
    /// The text with trained runs between brackets.
    text: String,
}

#[derive(Serialize)]
struct Report {
    /// Whether training would take every row.
    sound: bool,
    rows: usize,
    usable: usize,
    max_tokens: Option<usize>,
    tokens: Lengths,
    trained_tokens: Lengths,
    /// Share of all tokens that are trained.
    trained_share: f64,
    /// Rows with more tokens than a sequence has.
    too_long: Vec<Patient>,
    /// Rows of which no token is trained, or that cannot be encoded.
    not_trainable: Vec<Patient>,
    shown: Vec<Shown>,
}

/// Reads, encodes and prints; exit code 1 if no row could be trained.
///
/// # Errors
/// A file that cannot be read, a base without a tokenizer.
pub fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let encoder = Encoder::open(&args.base, args.seq)?;
    let report = examine(args, &encoder)?;
    if args.json {
        crate::print_data(&serde_json::to_string(&report)?);
    } else {
        crate::print_data(&describe(
            &report,
            &encoder,
            if crate::in_colour() { Paint::Colour } else { Paint::Brackets },
        ));
    }
    Ok(if report.usable > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn examine(args: &DoctorArgs, encoder: &Encoder) -> anyhow::Result<Report> {
    let path = if args.rows.is_dir() { args.rows.join(ROWS) } else { args.rows.clone() };
    let (mut tokens, mut trained) = (Vec::new(), Vec::new());
    let (mut too_long, mut not_trainable, mut shown) = (Vec::new(), Vec::new(), Vec::new());
    let mut rows: usize = 0;
    let mut progress = Progress::new("reading rows", 0, 0);
    for line in Objects::open(&path)? {
        rows += 1;
        let (line, id, content) = match line {
            Ok(line) => {
                let id = super::documents::id(&line.object).ok().flatten();
                (
                    line.line,
                    id,
                    messages::row(&line.object).map(|row| match (row.messages, row.text) {
                        (Some(messages), _) => Content::Messages(messages),
                        (None, text) => Content::Text(text.unwrap_or_default()),
                    }),
                )
            }
            Err(Wrong::Line(line, problem, _)) => (line, None, Err(problem)),
            Err(Wrong::File(error)) => return Err(error),
        };
        match content.and_then(|content| encoder.encode_content(content)) {
            Err(problem) => not_trainable.push(Patient { line, id, problem }),
            Ok(example) => {
                let learned = example.trained.iter().filter(|trained| **trained).count();
                tokens.push(example.tokens.len());
                trained.push(learned);
                if example.tokens.len() > encoder.max_tokens {
                    let problem = format!("{} tokens; {} fit", example.tokens.len(), encoder.max_tokens);
                    too_long.push(Patient { line, id, problem });
                }
                if shown.len() < args.show {
                    let text = mask::painted(&encoder.tokenizer, &example, Paint::Brackets);
                    shown.push(Shown { line, tokens: example.tokens, trained: example.trained, text });
                }
            }
        }
        if rows.is_multiple_of(REPORT_EVERY) {
            progress.show(rows, "");
        }
    }
    progress.finish();
    anyhow::ensure!(rows > 0, "{}: there are no rows; give lines like {{\"messages\": [..]}}", path.display());
    let all: usize = tokens.iter().sum();
    Ok(Report {
        sound: too_long.is_empty() && not_trainable.is_empty(),
        rows,
        usable: tokens.len() - too_long.len(),
        max_tokens: (encoder.max_tokens < usize::MAX).then_some(encoder.max_tokens),
        trained_share: trained.iter().sum::<usize>() as f64 / all.max(1) as f64,
        tokens: Lengths::of(tokens),
        trained_tokens: Lengths::of(trained),
        too_long,
        not_trainable,
        shown,
    })
}

fn describe(report: &Report, encoder: &Encoder, paint: Paint) -> String {
    let mut lines = Vec::new();
    for row in &report.shown {
        let learned = row.trained.iter().filter(|trained| **trained).count();
        lines.push(format!("line {}: {} tokens, {learned} trained", row.line, row.tokens.len()));
        let example = halligan_finetune::dataset::Example {
            tokens: row.tokens.clone(),
            trained: row.trained.clone(),
            row: row.line,
        };
        lines.push(mask::painted(&encoder.tokenizer, &example, paint));
        lines.push(String::new());
    }
    if !report.shown.is_empty() {
        let what = match paint {
            Paint::Colour => "green and underlined",
            Paint::Brackets => "between [[ and ]]",
        };
        lines.push(format!("what is {what} is trained; the rest is only read"));
        lines.push(String::new());
    }
    lines.push(format!(
        "{} rows, {} usable; {:.1} % of their tokens are trained",
        count(report.rows),
        count(report.usable),
        100.0 * report.trained_share
    ));
    lines.push(format!("tokens   {}", report.tokens.line()));
    lines.push(format!("trained  {}", report.trained_tokens.line()));
    lines.extend(report.tokens.bars());
    let limit = report.max_tokens.map_or_else(|| "the context".to_owned(), |limit| format!("{} tokens", count(limit)));
    lines.extend(listed(&format!("do not fit into {limit}"), &report.too_long));
    lines.extend(listed("cannot be trained", &report.not_trainable));
    if report.sound {
        lines.push(format!("all rows fit into {limit}"));
        lines.push("all rows can be trained".to_owned());
    } else if report.usable == 0 {
        lines.push("no row can be trained".to_owned());
    }
    lines.join("\n")
}

fn listed(some: &str, patients: &[Patient]) -> Vec<String> {
    /// More patients than this are counted, not listed.
    const SHOWN: usize = 10;
    if patients.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!("{} rows {some}:", count(patients.len()))];
    let line = |patient: &Patient| {
        let id = patient.id.as_ref().map_or(String::new(), |id| format!(" ({id})"));
        format!("  line {}{id}: {}", patient.line, patient.problem)
    };
    lines.extend(patients.iter().take(SHOWN).map(line));
    if patients.len() > SHOWN {
        lines.push(format!("  and {} more; --json lists all", count(patients.len() - SHOWN)));
    }
    lines
}
