//! `halligan-host data ingest`: folders, files and repositories to chunks with lineage.
//!
//! Files are listed first, then read in the order of their paths, several at a time on all cores; their chunks
//! are written in that order, so the dataset does not depend on who was faster. Large tables and texts are read
//! in windows. What is done is noted in a journal, and a second run reads only what changed.

pub mod clones;
mod code;
mod commit;
mod cuts;
mod earlier;
pub mod files;
mod pack;
mod read;
mod run;
pub mod schema;
mod sentences;
pub mod tokens;
mod windows;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use halligan_runtime::documents::{block, decode, format, plain, records, table};
use serde_json::{Value, json};

use super::canonical::{canonical_json, sha256_hex};
use super::ledger::{Left, Skipped, Template};
use super::manifest::{CHUNKS, Manifest};
use super::writer::{Closing, DatasetWriter};
use crate::interrupt::INTERRUPTED;
use crate::progress::{bytes, count};

pub use code::parse;
pub use halligan_runtime::documents::language::Language;

/// Where the repository keeps the built-in base.
const BUILT_IN_BASE: &str = "trainer-host/base/halligan-base-q8_0.gguf";
/// Word for counting without a base.
const ESTIMATE: &str = "estimate";

/// Arguments of `data ingest`.
#[derive(Debug, Args)]
pub struct IngestArgs {
    /// Folders, files and git repositories (folders or addresses)
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<String>,
    /// Dataset folder to write
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    pub output: PathBuf,
    /// Base whose tokens size the chunks, or `estimate` (4 bytes a token) [default: the built-in base where it is found]
    #[arg(long, value_name = "GGUF")]
    pub base: Option<String>,
    /// Most tokens of a chunk
    #[arg(long, value_name = "TOKENS", default_value_t = 256, value_parser = clap::value_parser!(u32).range(16..=32768))]
    pub chunk_tokens: u32,
    /// How records of tables and JSON become text
    #[arg(long, value_name = "TOML")]
    pub schema: Option<PathBuf>,
    /// Keep text as it is: no repair of page marks, ligatures, hyphens and cells
    #[arg(long)]
    pub no_clean: bool,
    /// List every file that was left out and every repair
    #[arg(long)]
    pub report: bool,
    /// Put the dataset in place of one that another verb made
    #[arg(long)]
    pub force: bool,
    /// Version of the dataset [default: 1.0.0, or the one that follows from what changed since the last in DIR]
    #[arg(long, value_name = "X.Y.Z", value_parser = super::manifest::parse_version)]
    pub dataset_version: Option<String>,
    /// Commits to read, by address, instead of the newest; a manifest that is rebuilt names them.
    #[arg(skip)]
    pub revisions: BTreeMap<String, String>,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Ingests.
///
/// # Errors
/// A place that does not exist, a schema or base that cannot be used or does not fit what was read, a disk that takes no more. A source that
/// cannot be read is no error; the report names it.
pub fn run(args: &IngestArgs) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let mut writer = DatasetWriter::create(&args.output, "ingest", args.force)?;
    let base = args.base.clone().unwrap_or_else(default_base);
    let measure = match base.as_str() {
        ESTIMATE => tokens::Measure::Estimate,
        path => tokens::Measure::of_base(path.as_ref())?,
    };
    if base != ESTIMATE {
        writer.input("base", base.as_ref())?;
    }
    let mut rules =
        read::Rules { chunk_tokens: args.chunk_tokens as usize, clean: !args.no_clean, ..read::Rules::default() };
    let mut schema_text = String::new();
    if let Some(path) = &args.schema {
        rules.schema = schema::Schema::read(path)?;
        schema_text = std::fs::read_to_string(path)?;
        writer.input("schema", path)?;
        writer.template(Template::new("schema", "schema.toml", &schema_text));
    }
    let listing = files::list(&args.paths, &args.output, &args.revisions)?;
    anyhow::ensure!(
        !listing.found.is_empty(),
        "no file to read in {}; {}",
        args.paths.join(", "),
        listing.skipped.first().map_or_else(|| "it is empty".to_owned(), |one| format!("{}: {}", one.id, one.detail))
    );
    let settings = json!([Manifest::tool(), args.chunk_tokens, args.no_clean, schema_text, measure.facts()]);
    let fingerprint = sha256_hex(canonical_json(&settings)?.as_bytes());
    crate::interrupt::listen("stopping after the files in hand; run the same command again to go on")?;
    let Some(done) = run::read_all(&args.output, &listing, &rules, &measure, &fingerprint, &mut writer)? else {
        eprintln!("interrupted; run the same command again to go on where it stopped");
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let mut skipped = listing.skipped;
    if let Some(path) = &args.schema {
        if let Err(problem) = done.fit.check() {
            // Under another schema nothing of it could be taken again.
            done.journal.remove();
            return Err(crate::about(path, problem));
        }
        let place = path.display().to_string();
        skipped.extend(done.fit.unused().map(|detail| files::remark(&place, earlier::NO_FILE, &detail)));
    }
    skipped.extend(done.notes);
    skipped.sort_by(|a, b| a.id.cmp(&b.id));
    for one in &skipped {
        writer.skipped(one)?;
    }
    let chunks = writer.count(CHUNKS);
    let summary = BTreeMap::from([
        (earlier::FINGERPRINT.to_owned(), Value::from(fingerprint)),
        ("bytes".to_owned(), Value::from(done.bytes)),
        ("chunks".to_owned(), Value::from(chunks)),
        ("files".to_owned(), Value::from(done.files)),
        ("tokens".to_owned(), Value::from(done.tokens)),
    ]);
    let closing = Closing {
        recipe: recipe(args, &base),
        tokenizer: Some(measure.facts()),
        summary,
        version: args.dataset_version.clone(),
        ..Closing::default()
    };
    let manifest = writer.finish(closing)?;
    done.journal.remove();
    let seconds = started.elapsed().as_secs_f64();
    let left_out = of_kind(&skipped, |what| what != Left::Note);
    let remarks = of_kind(&skipped, |what| what == Left::Note);
    if args.json {
        let result = json!({
            "dataset": args.output.display().to_string(),
            "version": manifest.version,
            "files": done.files,
            "reused": done.reused,
            "bytes": done.bytes,
            "chunks": chunks,
            "tokens": done.tokens,
            "tokens_by": manifest.tokenizer,
            "left_out": left_out,
            "remarks": remarks,
            "seconds": seconds,
            "megabytes_per_second": done.bytes as f64 / 1e6 / seconds,
        });
        crate::print_data(&serde_json::to_string(&result)?);
    } else {
        let counted = manifest.tokenizer.as_ref().map_or("", |tokenizer| &tokenizer.name);
        let mut lines = vec![format!(
            "{} files, {} -> {} chunks, {} tokens ({counted}), {} unchanged, in {seconds:.1} s",
            count(done.files),
            bytes(done.bytes),
            count(chunks),
            count(done.tokens as usize),
            done.reused
        )];
        lines.extend(left_out.iter().map(|(reason, number)| format!("left out  {number:>6} {reason}")));
        lines.extend(remarks.iter().map(|(reason, number)| format!("remark    {number:>6} {reason}")));
        lines.push(format!("dataset {} version {}", args.output.display(), manifest.version));
        if !skipped.is_empty() && !args.report {
            lines.push("each with its reason: --report, or skipped.jsonl in the dataset".to_owned());
        }
        crate::print_data(&lines.join("\n"));
    }
    if args.report {
        for one in &skipped {
            eprintln!("{}: {}: {}", one.id, one.reason, one.detail);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// How many things were left out for each reason.
pub fn reasons(skipped: &[Skipped]) -> BTreeMap<String, usize> {
    files::by_reason(skipped.iter())
}

fn of_kind(skipped: &[Skipped], wanted: impl Fn(Left) -> bool) -> BTreeMap<String, usize> {
    files::by_reason(skipped.iter().filter(|one| wanted(one.what)))
}

fn default_base() -> String {
    let found = std::path::Path::new(BUILT_IN_BASE).is_file();
    (if found { BUILT_IN_BASE } else { ESTIMATE }).to_owned()
}

fn recipe(args: &IngestArgs, base: &str) -> Vec<String> {
    let mut words = vec!["ingest".to_owned()];
    words.extend(args.paths.iter().cloned());
    words.extend(["--base".to_owned(), base.to_owned()]);
    words.extend(["--chunk-tokens".to_owned(), args.chunk_tokens.to_string()]);
    if let Some(path) = &args.schema {
        words.extend(["--schema".to_owned(), path.display().to_string()]);
    }
    if args.no_clean {
        words.push("--no-clean".to_owned());
    }
    words
}
