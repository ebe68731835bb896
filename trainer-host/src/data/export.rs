//! `halligan-host data export`: a dataset in the form that another program reads.
//!
//! All rows are checked against the form before the first byte is written. A dataset that was split gives one
//! file a split; `-o` with the ending of the form (`rows.jsonl`) asks for one file with all rows.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use halligan_finetune::gguf::atomic_file::{WriteError, write_atomically, write_bytes_atomically};
use halligan_finetune::gguf::file_sha256;
use serde::Serialize;

use super::canonical::canonical_json;
use super::dataset::Dataset;
use super::formats::croissant::{self, About, SplitFile};
use super::formats::{Format, Record, alpaca, chatml, hugging_face, messages, parquet_file, sharegpt, splits};
use super::row::Row;
use crate::outputs::{Place, check_apart};
use crate::progress::{Progress, count};

/// Split of rows that have none, in a dataset that was not split.
const UNSPLIT: &str = "train";

/// Arguments of `data export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Dataset folder
    #[arg(value_name = "DIR")]
    pub dataset: PathBuf,
    /// Form to write
    #[arg(long, value_enum)]
    pub format: Format,
    /// File (with an ending such as .jsonl) for all rows, or folder for one file a split
    #[arg(short = 'o', long = "output", value_name = "OUT")]
    pub output: PathBuf,
    /// Only the rows of this split
    #[arg(long, value_name = "NAME")]
    pub split: Option<String>,
    /// Leave out rows that the form cannot hold, and name them, instead of stopping
    #[arg(long)]
    pub skip_unfit: bool,
    /// Write over files in the folder that no export wrote
    #[arg(long)]
    pub force: bool,
    /// Name of the dataset, for Croissant [default: name of the folder]
    #[arg(long)]
    pub name: Option<String>,
    /// Licence (SPDX identifier or address), for Croissant
    #[arg(long)]
    pub license: Option<String>,
    /// Address where it is published, for Croissant
    #[arg(long)]
    pub url: Option<String>,
    /// What it is, for Croissant
    #[arg(long)]
    pub description: Option<String>,
    /// Print the files as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Written {
    file: String,
    rows: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

#[derive(Serialize)]
struct Report {
    format: &'static str,
    rows: usize,
    /// Rows that the form cannot hold and that were left out.
    unfit: Vec<String>,
    files: Vec<Written>,
}

/// Which rows the export takes.
struct Choice {
    /// Rows of each split, in the order train, validation, test, others.
    splits: Vec<(String, usize)>,
    /// Ids of rows that do not fit.
    unfit: Vec<String>,
}

/// Checks, writes and prints.
///
/// # Errors
/// A row that the form cannot hold, a split without rows, a place that cannot be written.
pub fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let dataset = Dataset::open(&args.dataset)?;
    check_apart(&Place::folder("DATASET", &args.dataset), &[Place::new("-o", &args.output)])?;
    let single = !args.format.is_folder() && is_file(&args.output);
    if single {
        crate::outputs::check_file(&args.output)?;
    } else {
        crate::outputs::check_folder(&args.output)?;
    }
    let choice = choose(args, &dataset)?;
    let total = choice.splits.iter().map(|(_, rows)| rows).sum();
    let progress = Progress::new("writing rows", 0, total);
    let files = if single {
        vec![write_file(args, &dataset, &args.output, None)?]
    } else {
        let names = names(args.format, &choice);
        if !args.force {
            splits::check_own(&args.output, &names)?;
        }
        std::fs::create_dir_all(&args.output).map_err(|error| crate::about(&args.output, error))?;
        let files = write_folder(args, &dataset, &choice)?;
        splits::note_own(&args.output, &names)?;
        files
    };
    progress.finish();
    if args.json {
        let report = Report { format: args.format.name(), rows: total, unfit: choice.unfit, files };
        crate::print_data(&serde_json::to_string(&report)?);
        return Ok(ExitCode::SUCCESS);
    }
    for file in &files {
        crate::print_data(&format!("{}  {} rows", file.file, count(file.rows)));
    }
    if !choice.unfit.is_empty() {
        eprintln!("{} rows do not fit {}: {}", count(choice.unfit.len()), args.format.name(), choice.unfit.join(" "));
    }
    Ok(ExitCode::SUCCESS)
}

/// A name with an ending is a file.
fn is_file(path: &Path) -> bool {
    path.extension().is_some() && !path.is_dir()
}

fn split_of(row: &Row) -> &str {
    row.split.as_deref().unwrap_or(UNSPLIT)
}

/// Split names become names of files, so they must be plain words.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|character| character.is_ascii_alphanumeric() || "_-".contains(character))
}

fn choose(args: &ExportArgs, dataset: &Dataset) -> anyhow::Result<Choice> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut unfit = Vec::new();
    let mut first_problem = None;
    for row in dataset.rows()? {
        let row = row?;
        let split = split_of(&row);
        if args.split.as_deref().is_some_and(|wanted| wanted != split) {
            continue;
        }
        anyhow::ensure!(
            is_plain(split),
            "row {}: the split `{split}` is no plain word; build the dataset again with `halligan-host data build`",
            row.id
        );
        match args.format.check(&row) {
            Ok(()) => *counts.entry(split.to_owned()).or_default() += 1,
            Err(problem) => {
                first_problem.get_or_insert_with(|| (row.id.clone(), problem));
                unfit.push(row.id.clone());
            }
        }
    }
    if let (Some((id, problem)), false) = (first_problem, args.skip_unfit) {
        let others = match unfit.len() {
            1 => String::new(),
            more => format!(" (and {} other rows)", count(more - 1)),
        };
        anyhow::bail!("{}: row {id}{others}: {problem}, or leave it out with --skip-unfit", args.dataset.display());
    }
    if counts.is_empty() {
        match &args.split {
            Some(split) => {
                anyhow::bail!("{}: the split `{split}` has no rows; leave --split away", args.dataset.display())
            }
            None => anyhow::bail!("{}: the dataset has no rows to export", args.dataset.display()),
        }
    }
    let mut found: Vec<(String, usize)> = counts.into_iter().collect();
    found.sort_by(|(a, _), (b, _)| (splits::place(a), a).cmp(&(splits::place(b), b)));
    Ok(Choice { splits: found, unfit })
}

/// The rows of a split, or of all, that fit.
fn rows<'a>(
    args: &'a ExportArgs,
    dataset: &Dataset,
    split: Option<&'a str>,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Row>> + use<'a>> {
    let wanted = split.or(args.split.as_deref());
    Ok(dataset.rows()?.filter(move |row| {
        row.as_ref()
            .map_or(true, |row| wanted.is_none_or(|wanted| wanted == split_of(row)) && args.format.check(row).is_ok())
    }))
}

fn write_file(args: &ExportArgs, dataset: &Dataset, path: &Path, split: Option<&str>) -> anyhow::Result<Written> {
    let rows = rows(args, dataset, split)?;
    let written = if args.format == Format::Parquet {
        parquet_file::write(path, rows.map(|row| Ok(Record::of(&row?, true)?)))?
    } else {
        write_lines(args.format, path, rows)?
    };
    let sha256 = file_sha256(path).map_err(|error| crate::about(path, error))?;
    Ok(Written { file: path.display().to_string(), rows: written, sha256: Some(sha256) })
}

fn write_lines(format: Format, path: &Path, rows: impl Iterator<Item = anyhow::Result<Row>>) -> anyhow::Result<usize> {
    let as_lines = path.extension().is_some_and(|ending| ending == "jsonl");
    let mut written = 0;
    write_atomically(path, |temporary| -> anyhow::Result<()> {
        let failed = |error| anyhow::Error::from(WriteError::from_io(path, error));
        let mut file = BufWriter::new(std::fs::File::create(temporary).map_err(failed)?);
        for row in rows {
            let row = row?;
            let line = match format {
                Format::Alpaca => alpaca::line(&row)?,
                Format::Sharegpt => sharegpt::line(&row)?,
                // The first line end closes the last message, the second keeps conversations apart.
                Format::Chatml if as_lines => serde_json::to_string(&serde_json::json!({"text": chatml::text(&row)?}))?,
                Format::Chatml => chatml::text(&row)?,
                Format::Croissant => croissant::line(&row)?,
                Format::Messages | Format::Parquet | Format::Hf => messages::line(&row)?,
            };
            file.write_all(line.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(failed)?;
            written += 1;
        }
        file.flush().map_err(failed)
    })?;
    Ok(written)
}

/// Names of the files that an export writes into its folder.
fn names(format: Format, choice: &Choice) -> Vec<String> {
    let splits = choice.splits.iter().map(|(split, _)| split);
    let mut names: Vec<String> = match format {
        Format::Hf => splits.flat_map(|split| hugging_face::FILES.map(|file| format!("{split}/{file}"))).collect(),
        _ => splits.map(|split| format!("{split}.{}", format.ending())).collect(),
    };
    match format {
        Format::Hf => names.push(hugging_face::DICT.to_owned()),
        Format::Croissant => names.push(croissant::FILE.to_owned()),
        _ => {}
    }
    names
}

fn write_folder(args: &ExportArgs, dataset: &Dataset, choice: &Choice) -> anyhow::Result<Vec<Written>> {
    let mut files = Vec::new();
    if args.format == Format::Hf {
        for (split, _) in &choice.splits {
            let records = rows(args, dataset, Some(split))?.map(|row| Ok(Record::of(&row?, true)?));
            let rows = hugging_face::write_split(&args.output, split, records)?;
            files.push(Written { file: args.output.join(split).display().to_string(), rows, sha256: None });
        }
        let names: Vec<String> = choice.splits.iter().map(|(name, _)| name.clone()).collect();
        hugging_face::write_dict(&args.output, &names)?;
        return Ok(files);
    }
    for (split, _) in &choice.splits {
        let path = args.output.join(format!("{split}.{}", args.format.ending()));
        files.push(write_file(args, dataset, &path, Some(split))?);
    }
    if args.format == Format::Croissant {
        let path = args.output.join(croissant::FILE);
        let description = croissant::describe(&dataset.manifest, &about(args), &split_files(choice, &files)?);
        write_bytes_atomically(&path, (canonical_json(&description)? + "\n").as_bytes())?;
        files.push(Written { file: path.display().to_string(), rows: 0, sha256: None });
    }
    Ok(files)
}

fn about(args: &ExportArgs) -> About {
    let folder = || {
        let folder = args.dataset.canonicalize().unwrap_or_else(|_| args.dataset.clone());
        folder.file_name().map_or_else(|| "dataset".to_owned(), |name| name.to_string_lossy().into_owned())
    };
    About {
        name: args.name.clone().unwrap_or_else(folder),
        license: args.license.clone(),
        url: args.url.clone(),
        description: args.description.clone(),
    }
}

fn split_files(choice: &Choice, files: &[Written]) -> anyhow::Result<Vec<SplitFile>> {
    let file = |((split, _), file): (&(String, usize), &Written)| {
        let path = Path::new(&file.file);
        let bytes = std::fs::metadata(path).map_err(|error| crate::about(path, error))?.len();
        Ok(SplitFile {
            name: path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            split: split.clone(),
            sha256: file.sha256.clone().unwrap_or_default(),
            bytes,
            rows: file.rows,
        })
    };
    choice.splits.iter().zip(files).map(file).collect()
}
