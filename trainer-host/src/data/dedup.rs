//! `halligan-host data dedup`: texts that say the same, equal or nearly so.
//!
//! Similarity is the Jaccard index of word 5-grams ([`shingles`], counted by [`ranked`]); every pair that reaches the
//! threshold is found ([`join`]), and [`cluster`] decides which text stays; [`stay`] does so where similar rows may
//! be different facts. The result depends on nothing but the rows and the threshold.

pub mod cluster;
pub mod join;
mod place;
pub mod ranked;
pub mod shingles;
pub mod stay;

use std::collections::BTreeMap;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use halligan_finetune::gguf::atomic_file::{WriteError, write_atomically};
use serde::Serialize;
use serde_json::json;

use super::canonical::canonical_json;
use super::dataset::{Dataset, Lines};
use super::documents::{Document, read_documents};
use super::ledger::{Left, Skipped};
use super::manifest::RATINGS;
use super::writer::{Closing, DatasetWriter};
use crate::progress::{Progress, count};
use cluster::{Dropped, Duplicates, duplicates};

/// Arguments of `data dedup`.
#[derive(Debug, Args)]
pub struct DedupArgs {
    /// JSONL with the columns id and text (or messages), or a dataset folder
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// JSONL, or dataset folder, to write the rows that stay into; beside a JSONL file its name with the ending
    /// .skipped.jsonl has those that go, each with the reason
    #[arg(short = 'o', long = "output", value_name = "OUT")]
    pub output: PathBuf,
    /// Share of their word 5-grams from which two rows count as the same, above 0 to 1; words are what stands between
    /// white space, with their marks and capitals
    #[arg(long, default_value_t = 0.7, value_parser = parse_threshold)]
    pub threshold: f64,
    /// Print at most this many pairs
    #[arg(long, value_name = "PAIRS", default_value_t = 1_000_000)]
    pub max_pairs: usize,
    /// Put the dataset in place of one that another verb made, and the list of what goes in place of any file
    #[arg(long)]
    pub force: bool,
    /// Version of the dataset [default: 1.0.0, or the one that follows from what changed since the last in DIR]
    #[arg(long, value_name = "X.Y.Z", value_parser = super::manifest::parse_version)]
    pub dataset_version: Option<String>,
    /// Print the pairs and clusters as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Reads a share above 0 and up to 1.
///
/// # Errors
/// What it must be.
pub fn parse_threshold(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| *share > 0.0 && *share <= 1.0);
    share.ok_or_else(|| "give a number above 0 and up to 1, such as 0.7".to_owned())
}

#[derive(Serialize)]
struct Pair<'a> {
    a: &'a str,
    b: &'a str,
    jaccard: f64,
}

#[derive(Serialize)]
struct Cluster<'a> {
    /// Id of the row that stays, which names the cluster.
    cluster: &'a str,
    kept: &'a str,
    dropped: Vec<&'a str>,
    /// Why this one stays.
    why: &'static str,
}

#[derive(Serialize)]
struct Report<'a> {
    rows: usize,
    kept: usize,
    dropped: usize,
    exact: usize,
    near: usize,
    threshold: f64,
    shingle_words: usize,
    pairs_total: u64,
    /// The first pairs, in the order of the rows; all of them unless `pairs_total` is larger.
    pairs: Vec<Pair<'a>>,
    clusters: Vec<Cluster<'a>>,
    skipped: String,
}

/// Reads, decides, writes and prints.
///
/// # Errors
/// What is wrong with a row, by its line; a place that cannot be written.
pub fn run(args: &DedupArgs) -> anyhow::Result<ExitCode> {
    let folder = place::check(args)?;
    let dataset = if folder { Some(Dataset::open(&args.input)?) } else { None };
    let documents = match &dataset {
        Some(dataset) => documents_of(dataset)?,
        None => read_documents(&args.input, true)?,
    };
    let found = find(&documents, args.threshold);
    let skipped = match &dataset {
        Some(dataset) => write_folder(args, dataset, &documents, &found)?,
        None => write_file(args, &documents, &found)?,
    };
    print(args, &documents, &found, &skipped)?;
    Ok(ExitCode::SUCCESS)
}

/// The rows of a dataset as documents.
///
/// # Errors
/// A record that cannot be read.
pub fn documents_of(dataset: &Dataset) -> anyhow::Result<Vec<Document>> {
    let rows = dataset.rows()?.enumerate();
    rows.map(|(index, row)| row.map(|row| Document { line: index + 1, text: row.said(), id: row.id })).collect()
}

/// Duplicates among documents, with a progress bar.
fn find(documents: &[Document], threshold: f64) -> Duplicates {
    let texts: Vec<&str> = documents.iter().map(|document| document.text.as_str()).collect();
    let mut progress = Progress::new("comparing rows", 0, texts.len());
    let found = duplicates(&texts, threshold, |done| progress.show(done, ""));
    progress.finish();
    found
}

/// The record of a row that goes because another one says the same.
pub fn skipped(document: &Document, kept: &Document, dropped: &Dropped, stage: &str) -> Skipped {
    let (reason, detail) = match dropped {
        Dropped { exact: true, .. } => {
            ("exact_duplicate", format!("same words as row {}, which comes first and stays", kept.id))
        }
        Dropped { jaccard, .. } => {
            ("near_duplicate", format!("similarity {jaccard:.4} to row {}, which comes first and stays", kept.id))
        }
    };
    Skipped {
        content: None,
        detail,
        id: document.id.clone(),
        reason: reason.to_owned(),
        stage: stage.to_owned(),
        what: Left::Row,
    }
}

/// Copies the lines that stay as they are, and says of the others why they went; returns the name of that file.
fn write_file(args: &DedupArgs, documents: &[Document], found: &Duplicates) -> anyhow::Result<String> {
    let ledger = place::ledger(&args.output);
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |error: std::io::Error| anyhow::Error::from(WriteError::from_io(&path, error))
    };
    let write = |path: &Path, content: &mut dyn FnMut(&mut dyn std::io::Write) -> anyhow::Result<()>| {
        write_atomically(path, |temporary| {
            let mut file = BufWriter::new(std::fs::File::create(temporary).map_err(failed(path))?);
            content(&mut file)?;
            file.flush().map_err(failed(path))
        })
    };
    write(&args.output, &mut |file| {
        let mut lines = Lines::open(&args.input)?;
        let mut kept = documents.iter().zip(&found.fates).filter(|(_, fate)| fate.is_none());
        let mut next = kept.next();
        while let Some((document, _)) = next {
            let Some((line, bytes)) = lines.next_line()? else { break };
            if line == document.line {
                file.write_all(&bytes).map_err(failed(&args.output))?;
                file.write_all(b"\n").map_err(failed(&args.output))?;
                next = kept.next();
            }
        }
        Ok(())
    })?;
    write(&ledger, &mut |file| {
        for (document, fate) in documents.iter().zip(&found.fates) {
            if let Some(dropped) = fate {
                let record = canonical_json(&skipped(document, &documents[dropped.kept], dropped, "dedup"))?;
                writeln!(file, "{record}").map_err(failed(&ledger))?;
            }
        }
        Ok(())
    })?;
    Ok(ledger.display().to_string())
}

fn write_folder(
    args: &DedupArgs,
    dataset: &Dataset,
    documents: &[Document],
    found: &Duplicates,
) -> anyhow::Result<String> {
    let mut writer = DatasetWriter::create(&args.output, "dedup", args.force)?;
    writer.descend_from(dataset)?;
    for chunk in dataset.chunks()? {
        writer.chunk(&chunk?)?;
    }
    for rating in dataset.records::<serde_json::Value>(RATINGS)? {
        writer.record(RATINGS, &rating?)?;
    }
    for earlier in dataset.skipped()? {
        writer.skipped(&earlier?)?;
    }
    let clusters: std::collections::HashSet<usize> = found.fates.iter().flatten().map(|dropped| dropped.kept).collect();
    for (place, row) in dataset.rows()?.enumerate() {
        let mut row = row?;
        match &found.fates[place] {
            None => {
                if clusters.contains(&place) {
                    row.labels.insert("cluster".to_owned(), json!(documents[place].id));
                }
                writer.row(&row)?;
            }
            Some(dropped) => {
                let mut record = skipped(&documents[place], &documents[dropped.kept], dropped, "dedup");
                row.labels.insert("cluster".to_owned(), json!(documents[dropped.kept].id));
                record.content = Some(serde_json::to_value(&row)?);
                writer.skipped(&record)?;
            }
        }
    }
    let dropped = found.fates.iter().flatten().count();
    writer.finish(Closing {
        recipe: ["dedup", &args.input.display().to_string(), "--threshold", &args.threshold.to_string()]
            .map(str::to_owned)
            .to_vec(),
        summary: BTreeMap::from([("rows".to_owned(), json!(documents.len())), ("dropped".to_owned(), json!(dropped))]),
        version: args.dataset_version.clone(),
        ..Closing::default()
    })?;
    Ok(args.output.join(super::manifest::SKIPPED).display().to_string())
}

fn print(args: &DedupArgs, documents: &[Document], found: &Duplicates, skipped: &str) -> anyhow::Result<()> {
    let name = |place: usize| documents[place].id.as_str();
    let pairs: Vec<Pair<'_>> = (found.pairs(args.max_pairs).into_iter())
        .map(|pair| Pair { a: name(pair.first), b: name(pair.second), jaccard: pair.jaccard })
        .collect();
    let mut members: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (place, fate) in found.fates.iter().enumerate() {
        if let Some(dropped) = fate {
            members.entry(dropped.kept).or_default().push(name(place));
        }
    }
    let dropped = found.fates.iter().flatten().count();
    let exact = found.fates.iter().flatten().filter(|dropped| dropped.exact).count();
    let pairs_total = found.pair_count();
    if args.json {
        let cluster = |(kept, dropped)| Cluster {
            cluster: name(kept),
            kept: name(kept),
            dropped,
            why: "first of its cluster in the file",
        };
        let report = Report {
            rows: documents.len(),
            kept: documents.len() - dropped,
            dropped,
            exact,
            near: dropped - exact,
            threshold: args.threshold,
            shingle_words: shingles::SHINGLE_WORDS,
            pairs_total,
            pairs,
            clusters: members.into_iter().map(cluster).collect(),
            skipped: skipped.to_owned(),
        };
        crate::print_data(&serde_json::to_string(&report)?);
        return Ok(());
    }
    let shown = pairs.len();
    for pair in pairs {
        crate::print_data(&format!("{}\t{}\t{:.4}", pair.a, pair.b, pair.jaccard));
    }
    if (shown as u64) < pairs_total {
        eprintln!("showing the first {} of {} pairs; raise --max-pairs", count(shown), count(pairs_total as usize));
    }
    eprintln!(
        "{} of {} rows stay; {} exact and {} near duplicates of {} rows are named in {skipped}",
        count(documents.len() - dropped),
        count(documents.len()),
        count(exact),
        count(dropped - exact),
        count(members.len()),
    );
    Ok(())
}
