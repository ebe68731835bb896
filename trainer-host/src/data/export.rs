//! `halligan-host data export`: a dataset in the form that another program reads.
//!
//! All rows are checked against the form before the first byte is written. A dataset that was split gives one
//! file a split; `-o` with the ending of the form (`rows.jsonl`) asks for one file with all rows. Rows about which experts
//! disagree stay behind unless they are asked for, because most forms cannot say that they are disputed.

mod choice;
#[cfg(test)]
mod tests;

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
use choice::{Choice, choose, rows};

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
    /// Also rows about which experts disagree; only parquet and hf still say so of them
    #[arg(long)]
    pub with_disputed: bool,
    /// Write over files that no export wrote
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
    /// Absent for a file that describes the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

#[derive(Serialize)]
struct Report {
    format: &'static str,
    rows: usize,
    /// Rows that the form cannot hold and that were left out.
    unfit: Vec<String>,
    /// Rows about which experts disagree and that were left out.
    disputed: usize,
    /// Files of an earlier export that are gone.
    removed: Vec<String>,
    files: Vec<Written>,
}

/// Checks, writes and prints.
///
/// # Errors
/// A row that the form cannot hold, a split without rows, a place that cannot be written.
pub fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let dataset = Dataset::open(&args.dataset)?;
    check_apart(&Place::folder("DIR", &args.dataset), &[Place::new("-o", &args.output)])?;
    let single = !args.format.is_folder() && is_file(&args.output);
    if single {
        crate::outputs::check_file(&args.output)?;
    } else {
        crate::outputs::check_folder(&args.output)?;
    }
    let choice = choose(args, &dataset)?;
    let total = choice.splits.iter().map(|(_, rows)| rows).sum();
    let progress = Progress::new("writing rows", 0, total);
    let mut removed = Vec::new();
    let files = if single {
        let (folder, names) = place_alone(&args.output);
        if !args.force {
            splits::check_own(&folder, &names)?;
        }
        let file = write_file(args, &dataset, &args.output, None)?;
        splits::note_own(&folder, &names)?;
        vec![file]
    } else {
        let names = names(args.format, &choice);
        if !args.force {
            splits::check_own(&args.output, &names)?;
        }
        std::fs::create_dir_all(&args.output).map_err(|error| crate::about(&args.output, error))?;
        let files = write_folder(args, &dataset, &choice)?;
        // An export of one split may join those of others.
        if args.split.is_none() {
            removed = splits::remove_stale(&args.output, &names, |name| is_of(args.format, name))?;
        }
        splits::note_own(&args.output, &names)?;
        files
    };
    progress.finish();
    if args.json {
        let Choice { unfit, disputed, .. } = choice;
        let report = Report { format: args.format.name(), rows: total, unfit, disputed, removed, files };
        crate::print_data(&serde_json::to_string(&report)?);
        return Ok(ExitCode::SUCCESS);
    }
    for file in &files {
        let rows = file.rows.map_or_else(String::new, |rows| format!("  {} rows", count(rows)));
        crate::print_data(&format!("{}{rows}", file.file));
    }
    if !removed.is_empty() {
        eprintln!("removed what an earlier export wrote: {}", removed.join(" "));
    }
    if choice.disputed > 0 {
        eprintln!(
            "{} rows about which experts disagree stay behind; --with-disputed takes them along",
            count(choice.disputed)
        );
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

/// Whether an earlier export of this form wrote the file, or a description that its files would no longer match.
fn is_of(format: Format, name: &str) -> bool {
    let in_split = name.split_once('/').filter(|(split, _)| *split != ".");
    match (format, in_split) {
        (Format::Hf, in_split) => in_split.is_some_and(|(_, file)| hugging_face::FILES.contains(&file)),
        (_, Some(_)) => false,
        (_, None) if name.starts_with("./") => false,
        _ if name == croissant::FILE => format.ending() == Format::Croissant.ending(),
        _ => name.rsplit_once('.').is_some_and(|(_, ending)| ending == format.ending()),
    }
}

/// Where a single file is noted, and under which name.
fn place_alone(path: &Path) -> (PathBuf, Vec<String>) {
    let name = path.file_name().map_or_else(String::new, |name| splits::alone(&name.to_string_lossy()));
    (crate::outputs::folder_of(path), vec![name])
}

fn write_file(args: &ExportArgs, dataset: &Dataset, path: &Path, split: Option<&str>) -> anyhow::Result<Written> {
    let rows = rows(args, dataset, split)?;
    let written = if args.format == Format::Parquet {
        parquet_file::write(path, rows.map(|row| Ok(Record::of(&row?, true)?)))?
    } else {
        write_lines(args.format, path, rows)?
    };
    let sha256 = file_sha256(path).map_err(|error| crate::about(path, error))?;
    Ok(Written { file: path.display().to_string(), rows: Some(written), sha256: Some(sha256) })
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
            files.push(Written { file: args.output.join(split).display().to_string(), rows: Some(rows), sha256: None });
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
        files.push(Written { file: path.display().to_string(), rows: None, sha256: None });
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
            rows: file.rows.unwrap_or_default(),
        })
    };
    choice.splits.iter().zip(files).map(file).collect()
}
