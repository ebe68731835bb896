//! `halligan-host data filter`: rows that would teach badly leave, each with the reason.
//!
//! Checks run in the order of [`CHECKS`]; the first that finds something decides. Duplicates are looked for among
//! the rows that pass all others, so a bad row never drives out a good one. Personal data are flagged in the
//! row's labels and leave only on request: a telephone number may be the answer.

pub mod code;
pub mod content;
pub mod evaluation;
pub mod language;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use halligan_runtime::personal;
use serde::Serialize;
use serde_json::json;
use whatlang::Lang;

use super::dataset::Dataset;
use super::dedup::{self, documents_of, parse_threshold, text_of};
use super::documents::{Document, object, text};
use super::encoding::Encoder;
use super::ledger::{Left, Skipped};
use super::manifest::{MANIFEST, RATINGS, SKIPPED, TokenCount};
use super::row::Row;
use super::words::words;
use super::writer::{Closing, DatasetWriter};
use crate::outputs::{Place, check_apart};
use crate::progress::{Progress, count};
use evaluation::EvaluationSet;
use language::{foreign, parse_language};

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
    /// Languages to keep, by their three letters (eng, ell, ..) [default: all]
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
    /// Share of an answer's words that must stand in its chunks, beside all its numbers and its value; 0 turns the
    /// check off
    #[arg(long, value_name = "SHARE", default_value_t = 0.6)]
    pub grounding: f64,
    /// What becomes of rows with personal data
    #[arg(long, value_enum, default_value = "flag")]
    pub personal: PersonalData,
    /// Evaluation sets (JSONL or dataset folders) whose questions must not be in a row
    #[arg(long, value_name = "FILE_OR_DIR")]
    pub evaluation: Vec<PathBuf>,
    /// Share of an evaluation question's word 8-grams that counts as the question
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, value_parser = parse_threshold)]
    pub evaluation_overlap: f64,
    /// Similarity from which two rows count as the same
    #[arg(long, value_name = "SHARE", default_value_t = 0.7, value_parser = parse_threshold)]
    pub duplicates: f64,
    /// Keep duplicates
    #[arg(long)]
    pub keep_duplicates: bool,
    /// Put the dataset in place of one that another verb made
    #[arg(long)]
    pub force: bool,
    /// Version of the dataset [default: 1.0.0, or the one that follows from what changed since the last in DIR]
    #[arg(long, value_name = "X.Y.Z")]
    pub dataset_version: Option<String>,
    /// Print the counts as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Words of an n-gram of the evaluation set.
const EVALUATION_WORDS: usize = 8;

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

#[derive(Serialize)]
struct Report {
    dataset: String,
    version: String,
    rows: usize,
    kept: usize,
    dropped: usize,
    /// Rows that left, by reason; every reason is listed.
    reasons: BTreeMap<&'static str, usize>,
    /// Rows that stay and are labelled with personal data.
    personal_data: usize,
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
    check_apart(&[Place::new("DATASET", &args.dataset)], &[Place::new("-o", &args.output)])?;
    let dataset = Dataset::open(&args.dataset)?;
    let mut writer = DatasetWriter::create(&args.output, "filter", args.force)?;
    writer.descend_from(&dataset)?;
    let checks = Checks {
        args,
        encoder: args.base.as_deref().map(|base| Encoder::open(base, args.max_tokens)).transpose()?,
        evaluation: evaluation_set(&args.evaluation, &mut writer)?,
        chunks: chunk_words(&dataset, args.grounding > 0.0, &mut writer)?,
    };
    let documents = documents_of(&dataset)?;
    let mut findings = Vec::new();
    let mut progress = Progress::new("checking rows", 0, documents.len());
    for (place, row) in dataset.rows()?.enumerate() {
        findings.push(checks.look(&row?));
        if place.is_multiple_of(REPORT_EVERY) {
            progress.show(place, "");
        }
    }
    progress.finish();
    if !args.keep_duplicates {
        add_duplicates(&documents, args.duplicates, &mut findings);
    }
    drop(documents);
    let report = write(args, &dataset, &mut writer, &findings)?;
    let manifest = writer.finish(Closing {
        recipe: recipe(args),
        tokenizer: token_count(args)?,
        summary: summary(&report),
        version: args.dataset_version.clone(),
        ..Closing::default()
    })?;
    print(args, Report { version: manifest.version, ..report })
}

impl Checks<'_> {
    fn look(&self, row: &Row) -> Option<Finding> {
        content::schema(row)
            .or_else(|| foreign(&text_of(row), &self.args.language))
            .or_else(|| content::generic(row, self.args.min_words))
            .or_else(|| self.length(row))
            .or_else(|| code::unparsable(row))
            .or_else(|| self.grounding(row))
            .or_else(|| self.personal(row))
            .or_else(|| self.evaluation.overlap(&text_of(row), self.args.evaluation_overlap))
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
    personal::personal_data(&text_of(row)).into_iter().map(personal::Personal::name).collect()
}

fn evaluation_set(paths: &[PathBuf], writer: &mut DatasetWriter) -> anyhow::Result<EvaluationSet> {
    let mut set = EvaluationSet::new(EVALUATION_WORDS);
    for path in paths {
        if path.is_dir() {
            writer.input("evaluation", &path.join(MANIFEST))?;
            for row in Dataset::open(path)?.rows()? {
                let row = row?;
                set.add(&row.id, row.question());
            }
        } else {
            writer.input("evaluation", path)?;
            add_file(path, &mut set)?;
        }
    }
    Ok(set)
}

/// Questions of a JSONL file: what the user says first, or the `question`, or the text.
fn add_file(path: &Path, set: &mut EvaluationSet) -> anyhow::Result<()> {
    let before = set.len();
    let mut lines = super::dataset::Lines::open(path)?;
    while let Some((line, bytes)) = lines.next_line()? {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let wrong = |problem: String| anyhow::anyhow!("{}:{line}: {problem}", path.display());
        let object = object(&bytes).map_err(wrong)?;
        let asked = object.get("messages").and_then(serde_json::Value::as_array).and_then(|messages| {
            messages.iter().find(|message| message["role"] == "user").and_then(|message| message["content"].as_str())
        });
        let asked = asked.or_else(|| object.get("question").and_then(serde_json::Value::as_str)).map(str::to_owned);
        let question = asked.map_or_else(|| text(&object).map_err(wrong), Ok)?;
        set.add(&format!("{}:{line}", path.display()), &question);
    }
    anyhow::ensure!(set.len() > before, "{}: there are no questions in it; give rows with messages", path.display());
    Ok(())
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

/// Looks for duplicates among the rows that passed so far.
fn add_duplicates(documents: &[Document], threshold: f64, findings: &mut [Option<Finding>]) {
    let passed: Vec<usize> = (0..documents.len()).filter(|place| findings[*place].is_none()).collect();
    let those: Vec<Document> = passed.iter().map(|place| documents[*place].clone()).collect();
    let found = dedup::find(&those, threshold);
    for (at, fate) in found.fates.iter().enumerate() {
        if let Some(dropped) = fate {
            let record = dedup::skipped(&those[at], &those[dropped.kept], dropped, "filter");
            let reason = if dropped.exact { "exact_duplicate" } else { "near_duplicate" };
            findings[passed[at]] = Some(Finding::new(reason, record.detail));
        }
    }
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

fn summary(report: &Report) -> BTreeMap<String, serde_json::Value> {
    let mut summary: BTreeMap<String, serde_json::Value> =
        report.reasons.iter().map(|(reason, rows)| (format!("dropped_{reason}"), json!(rows))).collect();
    summary.insert("rows".to_owned(), json!(report.rows));
    summary.insert("kept".to_owned(), json!(report.kept));
    summary.insert("personal_data".to_owned(), json!(report.personal_data));
    summary
}

fn print(args: &FilterArgs, report: Report) -> anyhow::Result<ExitCode> {
    if args.json {
        crate::print_data(&serde_json::to_string(&report)?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut lines = vec![format!(
        "{}: {} of {} rows stay, version {}",
        report.dataset,
        count(report.kept),
        count(report.rows),
        report.version
    )];
    for reason in CHECKS {
        let rows = report.reasons.get(reason).copied().unwrap_or(0);
        lines.push(format!("  {reason:<20} {:>8}", count(rows)));
    }
    if report.personal_data > 0 {
        lines.push(format!("{} rows that stay are labelled personal_data", count(report.personal_data)));
    }
    if report.dropped > 0 {
        let skipped = args.output.join(SKIPPED);
        lines.push(format!("each row that left stands in {} with its reason", skipped.display()));
    }
    crate::print_data(&lines.join("\n"));
    Ok(ExitCode::SUCCESS)
}
