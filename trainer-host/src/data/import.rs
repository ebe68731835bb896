//! `halligan-host data import`: rows that another program wrote, as a dataset folder.
//!
//! Reads what `data export` writes, and the same forms from elsewhere. A line that is no row stops the import
//! with its number; with `--skip-bad` it goes into `skipped.jsonl` with the reason instead. Columns that no form knows
//! are named and counted. Where each row stood is kept in `origins.jsonl`.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::formats::lines::{Objects, Wrong, beginning};
use super::formats::unread::Unread;
use super::formats::{
    Format, Record, alpaca, chatml, croissant, hugging_face, messages, parquet_file, sharegpt, splits, table,
};
use super::ledger::{Left, Origin, Skipped};
use super::manifest::SKIPPED;
use super::row::Row;
use super::writer::{Closing, DatasetWriter};
use crate::outputs::{Place, check_apart};
use crate::progress::{Progress, count};

/// Largest ChatML text, which is read whole.
const TEXT_BYTES_MAX: u64 = 256 << 20;

/// Rows between two looks of the progress line.
const REPORT_EVERY: usize = 1_000;

/// Arguments of `data import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// File, folder with one file a split, or folder of a DatasetDict or of Croissant
    #[arg(value_name = "FILE_OR_DIR", required = true)]
    pub inputs: Vec<PathBuf>,
    /// Form [default: by ending and first line]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Dataset folder to write
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    pub output: PathBuf,
    /// Leave out lines that are no rows, and name them in skipped.jsonl, instead of stopping
    #[arg(long)]
    pub skip_bad: bool,
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

#[derive(Serialize)]
struct Report {
    dataset: String,
    version: String,
    rows: usize,
    /// Rows with the words and the group of an earlier one.
    repeated: usize,
    bad: usize,
    /// Columns that this program does not read, each with its rows.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    unread: BTreeMap<String, usize>,
}

/// Reads, writes and prints.
///
/// # Errors
/// The first line that is no row, a file that is no such form, a place that cannot be written.
pub fn run(args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let inputs: Vec<Place> = args.inputs.iter().map(|path| Place::new("the import", path)).collect();
    check_apart(&inputs, &Place::folder("-o", &args.output))?;
    let mut import = Import {
        writer: DatasetWriter::create(&args.output, "import", args.force)?,
        skip_bad: args.skip_bad,
        split: None,
        seen: HashMap::new(),
        progress: Progress::new("reading rows", 0, 0),
        rows: 0,
        repeated: 0,
        bad: 0,
        unread: Unread::default(),
    };
    for input in &args.inputs {
        let format = match args.format {
            Some(format) => format,
            None => Format::guess(input)?,
        };
        import.read(input, format)?;
    }
    import.progress.finish();
    anyhow::ensure!(
        import.rows > 0,
        "{}: there are no rows in it; see `halligan-host data import --help` for the forms",
        args.inputs[0].display()
    );
    let Import { writer, rows, repeated, bad, unread, .. } = import;
    let mut recipe = vec!["import".to_owned()];
    recipe.extend(args.inputs.iter().map(|input| input.display().to_string()));
    if let Some(format) = args.format {
        recipe.extend(["--format".to_owned(), format.name().to_owned()]);
    }
    if args.skip_bad {
        recipe.push("--skip-bad".to_owned());
    }
    let summary = [("rows", rows), ("repeated", repeated), ("bad", bad)];
    let manifest = writer.finish(Closing {
        recipe,
        summary: summary.map(|(name, value)| (name.to_owned(), json!(value))).into_iter().collect::<BTreeMap<_, _>>(),
        version: args.dataset_version.clone(),
        ..Closing::default()
    })?;
    let dataset = args.output.display().to_string();
    if let Some(line) = unread.line() {
        eprintln!("{line}");
    }
    if args.json {
        let report = Report { dataset, version: manifest.version, rows, repeated, bad, unread: unread.0 };
        crate::print_data(&serde_json::to_string(&report)?);
    } else {
        crate::print_data(&format!("{dataset}: {} rows, version {}", count(rows), manifest.version));
        if repeated + bad > 0 {
            eprintln!(
                "{} rows repeat an earlier one and {} lines are no rows: see {}",
                count(repeated),
                count(bad),
                args.output.join(SKIPPED).display()
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

struct Import {
    writer: DatasetWriter,
    skip_bad: bool,
    /// Split of rows that name none, in a folder with one file a split.
    split: Option<String>,
    /// Where each row came from first.
    seen: HashMap<String, String>,
    progress: Progress,
    rows: usize,
    repeated: usize,
    bad: usize,
    unread: Unread,
}

/// A file that rows come from.
struct RowFile<'a> {
    path: &'a Path,
    sha256: String,
}

impl Import {
    fn read(&mut self, input: &Path, format: Format) -> anyhow::Result<()> {
        if !input.is_dir() || format.is_folder() {
            return self.read_one(input, format);
        }
        let endings = if format == Format::Chatml { &["txt", "chatml", "jsonl"][..] } else { &[format.ending()] };
        let files = splits::files(input, endings)?;
        anyhow::ensure!(
            !files.is_empty(),
            "{}: no file in it ends with .{}; give the file itself, or another --format",
            input.display(),
            format.ending()
        );
        for (split, file) in files {
            self.split = Some(split);
            self.read_one(&file, format)?;
        }
        self.split = None;
        Ok(())
    }

    fn read_one(&mut self, input: &Path, format: Format) -> anyhow::Result<()> {
        match format {
            Format::Messages => self.lines(input, format, messages::row),
            Format::Alpaca => self.lines(input, format, alpaca::row),
            Format::Sharegpt => self.lines(input, format, sharegpt::row),
            Format::Chatml => self.chatml(input),
            Format::Parquet => {
                let sha256 = self.writer.input("rows", input)?;
                self.batches(&RowFile { path: input, sha256 }, None, parquet_file::batches(input)?)
            }
            Format::Hf => {
                for (split, files) in hugging_face::files(input)? {
                    for file in files {
                        let sha256 = self.writer.input("rows", &file)?;
                        let batches = hugging_face::batches(&file)?;
                        self.batches(&RowFile { path: &file, sha256 }, Some(&split), batches)?;
                    }
                }
                Ok(())
            }
            Format::Croissant => self.croissant(input),
        }
    }

    fn lines(
        &mut self,
        path: &Path,
        format: Format,
        read: impl Fn(&serde_json::Map<String, serde_json::Value>) -> Result<Row, String>,
    ) -> anyhow::Result<()> {
        anyhow::ensure!(path.is_file(), "{}: no such file; give the path of a JSONL file", path.display());
        let from = RowFile { path, sha256: self.writer.input("rows", path)? };
        for line in Objects::of_any(path)? {
            let (line, bytes, row) = match line {
                Ok(line) => {
                    self.unread.note(format, &line.object);
                    let row = read(&line.object).map_err(|problem| {
                        (problem, beginning(serde_json::Value::Object(line.object).to_string().as_bytes()))
                    });
                    (line.line, Some(line.bytes), row)
                }
                Err(Wrong::Line(line, problem, shown)) => (line, None, Err((problem, shown))),
                Err(Wrong::File(error)) => return Err(error),
            };
            self.take(&from, line, bytes, row)?;
        }
        Ok(())
    }

    fn chatml(&mut self, path: &Path) -> anyhow::Result<()> {
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            return self.lines(path, Format::Chatml, |object| {
                let text = super::formats::record::required(object, "text")?;
                let mut conversations = chatml::conversations(&text);
                match (conversations.pop(), conversations.is_empty()) {
                    (Some((_, row)), true) => row,
                    (None, _) => Err("`text` holds no message; see the form chatml".to_owned()),
                    _ => Err("`text` holds more than one conversation; give each a line".to_owned()),
                }
            });
        }
        let bytes = std::fs::metadata(path).map_err(|error| crate::about(path, error))?.len();
        anyhow::ensure!(
            bytes <= TEXT_BYTES_MAX,
            "{}: the text is larger than {TEXT_BYTES_MAX} bytes; split the file at an empty line",
            path.display()
        );
        let from = RowFile { path, sha256: self.writer.input("rows", path)? };
        let text = std::fs::read_to_string(path)
            .map_err(|error| anyhow::anyhow!("{}: {error}; save it as UTF-8", path.display()))?;
        for (line, row) in chatml::conversations(&text) {
            let shown = text.lines().nth(line - 1).unwrap_or_default();
            self.take(&from, line, None, row.map_err(|problem| (problem, beginning(shown.as_bytes()))))?;
        }
        Ok(())
    }

    fn croissant(&mut self, folder: &Path) -> anyhow::Result<()> {
        for (name, sha256) in croissant::files(folder)? {
            let path = folder.join(&name);
            let found = self.writer.input("rows", &path)?;
            anyhow::ensure!(
                sha256.is_none_or(|said| said.eq_ignore_ascii_case(&found)),
                "{}: its SHA-256 is not the one in {}; fetch the file again",
                path.display(),
                croissant::FILE
            );
            self.lines(&path, Format::Croissant, messages::row)?;
        }
        self.writer.input("croissant", &folder.join(croissant::FILE))?;
        Ok(())
    }

    fn batches(
        &mut self,
        from: &RowFile<'_>,
        split: Option<&str>,
        batches: impl Iterator<Item = anyhow::Result<arrow_array::RecordBatch>>,
    ) -> anyhow::Result<()> {
        let mut row_number = 0;
        for batch in batches {
            let batch = batch?;
            self.unread.note_table(&batch);
            let records =
                table::records(&batch).map_err(|problem| anyhow::anyhow!("{}: {problem}", from.path.display()))?;
            for record in records {
                row_number += 1;
                let row = record.and_then(Record::into_row).map(|mut row| {
                    row.split = row.split.or_else(|| split.map(str::to_owned));
                    row
                });
                self.take(from, row_number, None, row.map_err(|problem| (problem, String::new())))?;
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        from: &RowFile<'_>,
        line: usize,
        bytes: Option<[u64; 2]>,
        row: Result<Row, (String, String)>,
    ) -> anyhow::Result<()> {
        let place = format!("{}:{line}", from.path.display());
        let row = row.map(|row| Row { split: row.split.clone().or_else(|| self.split.clone()), ..row });
        match row {
            Ok(row) => match self.seen.get(&row.id) {
                None => {
                    self.seen.insert(row.id.clone(), place);
                    self.writer.row(&row)?;
                    let input = from.sha256.clone();
                    self.writer.origin(Origin { bytes, id: row.id, input, line: line as u64 });
                    self.rows += 1;
                    if self.rows.is_multiple_of(REPORT_EVERY) {
                        self.progress.show(self.rows, "");
                    }
                }
                Some(earlier) => {
                    self.repeated += 1;
                    self.writer.skipped(&Skipped {
                        content: None,
                        detail: format!("{place} has the words and the group of the row of {earlier}"),
                        id: row.id,
                        reason: "repeated".to_owned(),
                        stage: "import".to_owned(),
                        what: Left::Row,
                    })?;
                }
            },
            Err((problem, _)) if !self.skip_bad => {
                anyhow::bail!("{place}: {problem}; correct it, or leave such lines out with --skip-bad")
            }
            Err((problem, shown)) => {
                self.bad += 1;
                self.writer.skipped(&Skipped {
                    content: Some(json!(shown)),
                    detail: problem,
                    id: place,
                    reason: "not_a_row".to_owned(),
                    stage: "import".to_owned(),
                    what: Left::Part,
                })?;
            }
        }
        Ok(())
    }
}
