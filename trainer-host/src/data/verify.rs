//! `halligan-host data verify`: whether a dataset is what was written, down to the byte.
//!
//! The manifest has a digest of itself, it has one of every file, `records.sha256` one of every record, and children
//! have one of their parents' manifests; so a changed byte is named with its file and line, wherever it is.
//! What is not on this machine, such as the originals on a device, is told apart from what is damaged.

mod folder;
mod lines;
mod names;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::dataset::Dataset;
use super::lineage::family;
use super::manifest::{MANIFEST, Manifest, seal_holds};
use super::places::{FoundParent, PlaceArgs, Places, State};
use crate::progress::{Progress, bytes, count};

pub use folder::check as check_folder;
pub use lines::{Digests, digests};

/// Arguments of `data verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Dataset folder
    #[arg(value_name = "DIR", default_value = ".")]
    pub dataset: PathBuf,
    /// Look at this folder alone, not at the datasets and files it was made from
    #[arg(long)]
    pub alone: bool,
    /// Where recorded paths lie
    #[command(flatten)]
    pub places: PlaceArgs,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Folder of the dataset.
    pub dataset: String,
    /// File in it, or path of a source or other input.
    pub file: String,
    /// Line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// First byte of the line and the byte after its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<[u64; 2]>,
    /// Id of the record, as far as it can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `changed`, `lost`, `unreadable`, `forged`, `made_again`.
    pub reason: &'static str,
    /// For a reader.
    pub detail: String,
}

impl Problem {
    fn new(dataset: &Path, file: &str, reason: &'static str, detail: String) -> Self {
        let dataset = dataset.display().to_string();
        Self { dataset, file: file.to_owned(), line: None, bytes: None, id: None, reason, detail }
    }

    fn at(self, line: usize, bytes: [u64; 2]) -> Self {
        Self { line: Some(line), bytes: Some(bytes), ..self }
    }

    fn text(&self) -> String {
        let place = Path::new(&self.dataset).join(&self.file);
        let line = self.line.map_or_else(String::new, |line| format!(":{line}"));
        let id = self.id.as_ref().map_or_else(String::new, |id| format!(" (id {id})"));
        let bytes = self.bytes.map_or_else(String::new, |[first, end]| format!(", bytes {first} to {end}"));
        super::review::printable(&format!("{}{line}{id}: {}{bytes}", place.display(), self.detail))
    }
}

/// What is not on this machine.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Absent {
    /// `parent`, `source`, `input`.
    what: &'static str,
    /// Recorded path.
    path: String,
    sha256: String,
}

/// What was looked at.
#[derive(Debug, Default, Serialize)]
pub struct Checked {
    /// Dataset folders.
    pub datasets: usize,
    /// Their files.
    pub files: usize,
    /// Records in them.
    pub records: usize,
    /// Bytes of all these.
    pub bytes: u64,
    /// Originals that were found.
    pub sources: usize,
    /// Other files that were found.
    pub inputs: usize,
}

#[derive(Default, Serialize)]
struct Report {
    dataset: String,
    version: Option<String>,
    /// Whether nothing is wrong; what is missing here does not count.
    sound: bool,
    checked: Checked,
    problems: Vec<Problem>,
    missing: Vec<Absent>,
    /// Files in the folders that no manifest knows.
    strangers: Vec<String>,
    seconds: f64,
}

/// Checks and prints; exit code 1 if something is wrong.
///
/// # Errors
/// No dataset there.
pub fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    anyhow::ensure!(
        args.dataset.join(MANIFEST).exists(),
        "{}: no dataset, {MANIFEST} is missing; give the folder of a dataset",
        args.dataset.display()
    );
    let mut report = Report { dataset: args.dataset.display().to_string(), ..Report::default() };
    let manifest = check_dataset(&args.dataset, &mut report);
    if let Some(manifest) = &manifest {
        report.version = Some(manifest.version.clone());
        if !args.alone {
            let places = Places::new(&args.places, &args.dataset, manifest);
            check_relatives(args, manifest, &places, &mut report)?;
        }
    }
    report.sound = report.problems.is_empty();
    report.seconds = started.elapsed().as_secs_f64();
    if args.json {
        crate::print_data(&serde_json::to_string(&report)?);
    } else {
        crate::print_data(&describe(&report));
    }
    Ok(if report.sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One folder: its files, then the names of its records where the files are intact.
fn check_dataset(folder: &Path, report: &mut Report) -> Option<Manifest> {
    let found = folder::check(folder, &mut report.checked);
    let intact = found.problems.is_empty();
    report.problems.extend(found.problems);
    report.strangers.extend(found.strangers.iter().map(|name| folder.join(name).display().to_string()));
    if intact {
        let checks =
            Dataset::open(folder).and_then(|open| Ok([names::check(&open)?, names::check_review(&open)?].concat()));
        match checks {
            Ok(problems) => report.problems.extend(problems),
            Err(error) => report.problems.push(Problem::new(folder, "", "unreadable", error.to_string())),
        }
    }
    found.manifest
}

/// Parents, sources and other inputs.
fn check_relatives(args: &VerifyArgs, manifest: &Manifest, places: &Places, report: &mut Report) -> anyhow::Result<()> {
    // A manifest that is damaged may still say where the parents are.
    let Ok(dataset) = Dataset::open(&args.dataset) else { return Ok(()) };
    let members = family(dataset, places);
    for member in &members[..members.len() - 1] {
        match &member.found {
            FoundParent::Here(dataset) => {
                check_dataset(&dataset.folder, report);
            }
            FoundParent::Missing => report.missing.push(Absent {
                what: "parent",
                path: member.named.path.clone(),
                sha256: member.named.manifest_sha256.clone(),
            }),
            FoundParent::Other(folder) => {
                let sealed = std::fs::read(folder.join(MANIFEST)).is_ok_and(|bytes| seal_holds(&bytes) == Some(true));
                if sealed {
                    let detail = format!(
                        "this is another edition than version {} of which the dataset was made (manifest {}); bring \
                         that one back, or say where it is with --moved {}=DIR",
                        member.named.version,
                        &member.named.manifest_sha256[..member.named.manifest_sha256.len().min(12)],
                        member.named.path
                    );
                    report.problems.push(Problem::new(folder, MANIFEST, "made_again", detail));
                } else {
                    check_dataset(folder, report);
                }
            }
        }
    }
    let folders: Vec<&Path> = members.iter().filter_map(|member| Some(member.dataset()?.folder.as_path())).collect();
    let total: u64 = manifest.sources.iter().map(|source| source.bytes).sum::<u64>();
    let mut progress = Progress::new("reading kB of originals", 0, (total / 1000) as usize);
    let mut passed = 0;
    let mut missing = BTreeSet::new();
    for source in &manifest.sources {
        let path = places.source(source, folders.iter().copied());
        let recorded = super::ingest::files::joined(&source.root, &source.path);
        let state = places.state(&path, &source.sha256);
        let found = judge("source", &recorded, &path, &source.sha256, state, report, &mut missing);
        report.checked.sources += usize::from(found);
        passed += source.bytes;
        progress.show((passed / 1000) as usize, &source.path);
    }
    progress.finish();
    for input in &manifest.inputs {
        let path = places.path(Path::new(&input.path));
        let state = places.input_state(input);
        let found = judge("input", &input.path, &path, &input.sha256, state, report, &mut missing);
        report.checked.inputs += usize::from(found);
    }
    report.missing.extend(missing);
    Ok(())
}

/// Notes the state of a file outside the datasets; returns whether it was found.
fn judge(
    what: &'static str,
    recorded: &str,
    path: &Path,
    sha256: &str,
    state: State,
    report: &mut Report,
    missing: &mut BTreeSet<Absent>,
) -> bool {
    match state {
        State::Unchanged => {}
        State::Missing => {
            missing.insert(Absent { what, path: recorded.to_owned(), sha256: sha256.to_owned() });
        }
        State::Changed => {
            let detail = "changed after it was read; bring the file back, or make the dataset again from this one";
            let problem = Problem::new(Path::new(""), &path.display().to_string(), "changed", detail.to_owned());
            if !report.problems.contains(&problem) {
                report.problems.push(problem);
            }
        }
    }
    state != State::Missing
}

fn describe(report: &Report) -> String {
    /// More than this are counted, not listed.
    const LISTED: usize = 20;
    let colour = crate::in_colour();
    let paint = |code: &str, text: &str| {
        if colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    };
    let version = report.version.as_ref().map_or_else(String::new, |version| format!(" version {version}"));
    let verdict = match report.problems.len() {
        0 => paint("32", "sound"),
        1 => paint("31", "1 thing is wrong"),
        more => paint("31", &format!("{} things are wrong", count(more))),
    };
    let mut lines = vec![format!("{}{version}: {verdict}", report.dataset)];
    lines.extend(report.problems.iter().take(LISTED).map(|problem| format!("  {}", problem.text())));
    if report.problems.len() > LISTED {
        lines.push(format!("  and {} more; --json lists all", count(report.problems.len() - LISTED)));
    }
    let checked = &report.checked;
    lines.push(format!(
        "looked at {} datasets, {} files, {} records ({}), {} sources and {} other inputs in {:.1} s",
        count(checked.datasets),
        count(checked.files),
        count(checked.records),
        bytes(checked.bytes),
        count(checked.sources),
        count(checked.inputs),
        report.seconds
    ));
    if !report.missing.is_empty() {
        lines.push(paint("33", &format!("not on this machine, so not looked at: {}", count(report.missing.len()))));
        let absent = report.missing.iter().take(LISTED);
        lines.extend(absent.map(|absent| format!("  {} {}", absent.what, super::review::printable(&absent.path))));
        lines.push("  say where they are with --from DIR or --moved OLD=NEW".to_owned());
    }
    if !report.strangers.is_empty() {
        lines.push(format!("files that no manifest knows: {}", report.strangers.join(", ")));
    }
    lines.join("\n")
}
