//! `halligan-host data filter`: rows that would teach badly leave, each with the reason.
//!
//! Checks run in the order of [`CHECKS`]; the first that finds something decides. Duplicates are looked for among
//! the rows that pass all others, so a bad row never drives out a good one. Personal data are flagged in the
//! row's labels and leave only on request: a telephone number may be the answer.

pub mod code;
pub mod content;
mod duplicates;
pub mod evaluation;
pub mod language;
mod numbers;
mod report;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use halligan_runtime::personal;
use serde_json::json;
use whatlang::Lang;

use super::dataset::Dataset;
use super::dedup::{documents_of, parse_threshold};
use super::encoding::Encoder;
use super::ledger::{Left, Skipped};
use super::manifest::{RATINGS, TokenCount};
use super::row::Row;
use super::words::words;
use super::writer::{Closing, DatasetWriter};
use crate::outputs::{Place, check_apart};
use crate::progress::Progress;
use duplicates::Fact;
use evaluation::EvaluationSet;
use language::{foreign, parse_language};
use report::Report;

/// Reasons for which a row leaves, in the order in which they are looked for.
pub const CHECKS: [&str; 12] = [
    "schema",
    "language",
    "too_generic",
    "too_short",
    "too_long",
    "not_trainable",
    "code",
    "not_grounded",
    "personal_data",
    "evaluation_overlap",
    "exact_duplicate",
    "near_duplicate",
];

/// Rows between two looks of the progress bar.
const REPORT_EVERY: usize = 256;

/// What becomes of rows with personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PersonalData {
    /// They stay and are labelled
    Flag,
    /// They leave
    Drop,
}

/// Arguments of `data filter`.
#[derive(Debug, Args)]
pub struct FilterArgs {
    /// Dataset folder
    #[arg(value_name = "DIR")]
    pub dataset: PathBuf,
    /// Dataset folder to write
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    pub output: PathBuf,
    /// Languages to keep, by their three letters (eng, ell, ..); a short row in another language of the same script
    /// stays [default: all]
    #[arg(long, value_delimiter = ',', value_name = "CODE,..", value_parser = parse_language)]
    pub language: Vec<Lang>,
    /// Fewest words of an answer
    #[arg(long, value_name = "WORDS", default_value_t = 1)]
    pub min_words: usize,
    /// Base whose tokenizer and chat template measure rows
    #[arg(long, value_name = "GGUF")]
    pub base: Option<PathBuf>,
    /// Fewest tokens of a row
    #[arg(long, value_name = "TOKENS", default_value_t = 0, requires = "base")]
    pub min_tokens: usize,
    /// Most tokens of a row: the `--seq` of training [default: the context of the base]
    #[arg(long, value_name = "TOKENS", requires = "base")]
    pub max_tokens: Option<usize>,
    /// Share of an answer's words that must stand in its chunks or its question; all its numbers and its value must
    /// stand in the chunks; 0 turns the check off
    #[arg(long, value_name = "SHARE", default_value_t = 0.6)]
    pub grounding: f64,
    /// What becomes of rows with personal data
    #[arg(long, value_enum, default_value = "flag")]
    pub personal: PersonalData,
    /// Evaluation sets (JSONL or dataset folders) whose questions must not be in a row; a question with fewer
    /// than two words that say something counts only where a row asks just that
    #[arg(long, value_name = "FILE_OR_DIR")]
    pub evaluation: Vec<PathBuf>,
    /// Share of an evaluation question's word 8-grams that counts as the question
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, value_parser = parse_threshold)]
    pub evaluation_overlap: f64,
    /// Similarity from which two rows count as the same, unless their values or generated facts differ
    #[arg(long, value_name = "SHARE", default_value_t = 0.7, value_parser = parse_threshold)]
    pub duplicates: f64,
    /// Keep duplicates
    #[arg(long)]
    pub keep_duplicates: bool,
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

/// Why a row should leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// One of [`CHECKS`].
    pub reason: &'static str,
    /// What was seen, for a reader.
    pub detail: String,
}

impl Finding {
    /// With this reason and detail.
    pub fn new(reason: &'static str, detail: String) -> Self {
        Self { reason, detail }
    }
}

/// What the checks need beside the row.
struct Checks<'a> {
    args: &'a FilterArgs,
    encoder: Option<Encoder>,
    evaluation: EvaluationSet,
    /// Words of each chunk.
    chunks: HashMap<String, HashSet<String>>,
}

/// Reads, checks, writes and prints.
///
/// # Errors
/// A dataset, base or evaluation set that cannot be read, a place that cannot be written.
pub fn run(args: &FilterArgs) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        (0.0..=1.0).contains(&args.grounding),
        "--grounding is {}; give a share from 0 to 1",
        args.grounding
    );
    check_apart(&[Place::new("DIR", &args.dataset)], &[Place::new("-o", &args.output)])?;
    let dataset = Dataset::open(&args.dataset)?;
    let mut writer = DatasetWriter::create(&args.output, "filter", args.force)?;
    writer.descend_from(&dataset)?;
    let checks = Checks {
        args,
        encoder: args.base.as_deref().map(|base| Encoder::open(base, args.max_tokens)).transpose()?,
        evaluation: evaluation::read(&args.evaluation, &mut writer)?,
        chunks: chunk_words(&dataset, args.grounding > 0.0, &mut writer)?,
    };
    let documents = documents_of(&dataset)?;
    let (mut findings, mut facts) = (Vec::new(), Vec::new());
    let mut progress = Progress::new("checking rows", 0, documents.len());
    for (place, row) in dataset.rows()?.enumerate() {
        let row = row?;
        findings.push(checks.look(&row));
        facts.push(Fact::of(&row));
        if place.is_multiple_of(REPORT_EVERY) {
            progress.show(place, "");
        }
    }
    progress.finish();
    if !args.keep_duplicates {
        duplicates::add(&documents, &facts, args.duplicates, &mut findings);
    }
    drop((documents, facts));
    let report = write(args, &dataset, &mut writer, &findings)?;
    let manifest = writer.finish(Closing {
        recipe: recipe(args),
        tokenizer: token_count(args)?,
        summary: report.summary(),
        version: args.dataset_version.clone(),
        ..Closing::default()
    })?;
    Report { version: manifest.version, ..report }.print(args.json)
}

impl Checks<'_> {
    fn look(&self, row: &Row) -> Option<Finding> {
        content::schema(row)
            .or_else(|| foreign(&row.said(), &self.args.language))
            .or_else(|| content::generic(row, self.args.min_words))
            .or_else(|| self.length(row))
            .or_else(|| code::unparsable(row))
            .or_else(|| self.grounding(row))
            .or_else(|| self.personal(row))
            .or_else(|| self.evaluation.overlap(row, self.args.evaluation_overlap))
    }

    fn length(&self, row: &Row) -> Option<Finding> {
        let encoder = self.encoder.as_ref()?;
        match encoder.encode(row) {
            Err(problem) => Some(Finding::new("not_trainable", problem)),
            Ok(example) => {
                let tokens = example.tokens.len();
                if tokens > encoder.max_tokens {
                    let detail = format!("{tokens} tokens; {} fit", encoder.max_tokens);
                    return Some(Finding::new("too_long", detail));
                }
                let few = tokens < self.args.min_tokens;
                few.then(|| {
                    Finding::new("too_short", format!("{tokens} tokens; {} are asked for", self.args.min_tokens))
                })
            }
        }
    }

    /// A row that was made from chunks must be supported by them; an imported one has none.
    fn grounding(&self, row: &Row) -> Option<Finding> {
        if self.args.grounding == 0.0 || row.messages.is_none() || row.chunks.is_empty() {
            return None;
        }
        let mut known = HashSet::new();
        for chunk in &row.chunks {
            match self.chunks.get(chunk) {
                Some(words) => known.extend(words.iter().cloned()),
                None => return Some(Finding::new("not_grounded", format!("its chunk {chunk} is not in the dataset"))),
            }
        }
        let (share, unsupported) = content::support(row, &known);
        content::grounding(share, &unsupported, self.args.grounding).or_else(|| content::value(row, &known))
    }

    fn personal(&self, row: &Row) -> Option<Finding> {
        if self.args.personal == PersonalData::Flag {
            return None;
        }
        let found = personal_names(row);
        (!found.is_empty()).then(|| Finding::new("personal_data", format!("it holds {}", found.join(", "))))
    }
}

fn personal_names(row: &Row) -> Vec<&'static str> {
    let mut texts: Vec<String> = vec![row.said()];
    // What the system says is compared with nothing, but it is trained on.
    let system = row.messages.iter().flatten().filter(|message| message.role == "system");
    texts.extend(system.map(|message| message.content.clone()));
    personal::personal_data(&texts.join("\n")).into_iter().map(personal::Personal::name).collect()
}

/// Copies the chunks, and keeps the words of each where they are needed.
fn chunk_words(
    dataset: &Dataset,
    needed: bool,
    writer: &mut DatasetWriter,
) -> anyhow::Result<HashMap<String, HashSet<String>>> {
    let mut known = HashMap::new();
    for chunk in dataset.chunks()? {
        let chunk = chunk?;
        if needed {
            let mut all: HashSet<String> = words(&chunk.text).collect();
            chunk.heading.iter().for_each(|heading| all.extend(words(heading)));
            chunk.fields.iter().for_each(|(name, cell)| all.extend(words(name).chain(words(cell))));
            known.insert(chunk.id.clone(), all);
        }
        writer.chunk(&chunk)?;
    }
    Ok(known)
}

fn write(
    args: &FilterArgs,
    dataset: &Dataset,
    writer: &mut DatasetWriter,
    findings: &[Option<Finding>],
) -> anyhow::Result<Report> {
    for rating in dataset.records::<serde_json::Value>(RATINGS)? {
        writer.record(RATINGS, &rating?)?;
    }
    for earlier in dataset.skipped()? {
        writer.skipped(&earlier?)?;
    }
    let mut reasons: BTreeMap<&'static str, usize> = CHECKS.map(|reason| (reason, 0)).into();
    let (mut kept, mut flagged) = (0, 0);
    for (row, finding) in dataset.rows()?.zip(findings) {
        let mut row = row?;
        match finding {
            Some(Finding { reason, detail }) => {
                *reasons.entry(reason).or_default() += 1;
                writer.skipped(&Skipped {
                    content: Some(serde_json::to_value(&row)?),
                    detail: detail.clone(),
                    id: row.id.clone(),
                    reason: (*reason).to_owned(),
                    stage: "filter".to_owned(),
                    what: Left::Row,
                })?;
            }
            None => {
                let personal = personal_names(&row);
                if !personal.is_empty() {
                    flagged += 1;
                    row.labels.insert("personal_data".to_owned(), json!(personal));
                }
                kept += 1;
                writer.row(&row)?;
            }
        }
    }
    Ok(Report {
        dataset: args.output.display().to_string(),
        version: String::new(),
        rows: findings.len(),
        kept,
        dropped: findings.len() - kept,
        reasons,
        personal_data: flagged,
    })
}

fn recipe(args: &FilterArgs) -> Vec<String> {
    let mut words = vec!["filter".to_owned(), args.dataset.display().to_string()];
    let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
    if !args.language.is_empty() {
        let codes: Vec<&str> = args.language.iter().map(|language| language.code()).collect();
        option("--language", codes.join(","));
    }
    option("--min-words", args.min_words.to_string());
    if let Some(base) = &args.base {
        option("--base", base.display().to_string());
        option("--min-tokens", args.min_tokens.to_string());
        if let Some(most) = args.max_tokens {
            option("--max-tokens", most.to_string());
        }
    }
    option("--grounding", args.grounding.to_string());
    option("--personal", if args.personal == PersonalData::Flag { "flag" } else { "drop" }.to_owned());
    for path in &args.evaluation {
        option("--evaluation", path.display().to_string());
    }
    option("--evaluation-overlap", args.evaluation_overlap.to_string());
    option("--duplicates", args.duplicates.to_string());
    if args.keep_duplicates {
        words.push("--keep-duplicates".to_owned());
    }
    words
}

fn token_count(args: &FilterArgs) -> anyhow::Result<Option<TokenCount>> {
    let Some(base) = &args.base else { return Ok(None) };
    let sha256 = halligan_finetune::gguf::file_sha256(base).map_err(|error| crate::about(base, error))?;
    Ok(Some(TokenCount { by: "gguf".to_owned(), name: base.display().to_string(), sha256: Some(sha256) }))
}
