//! `halligan-host data rebuild`: a dataset made again from its recipe, and compared to the byte.
//!
//! A manifest holds the words that made the dataset, and those that made its parents. They are parsed by the same
//! definitions as the command line and run here. Parents that are intact are used as they are; those that were moved,
//! damaged or removed are made again first, in a temporary folder.

mod compare;
mod ratings;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Parser};
use serde::Serialize;

use super::DataVerb;
use super::dataset::Dataset;
use super::manifest::{MANIFEST, Manifest, Parent, seal_holds};
use super::places::{FoundParent, PlaceArgs, Places, State, redirected};
use super::verify::{Checked, check_folder};
use crate::progress::{bytes, count};
use compare::{Difference, differences};

/// Arguments of `data rebuild`.
#[derive(Debug, Args)]
pub struct RebuildArgs {
    /// Dataset folder
    #[arg(value_name = "DIR")]
    pub dataset: PathBuf,
    /// Folder to make it again in
    #[arg(short = 'o', long = "output", value_name = "OUT")]
    pub output: PathBuf,
    /// Make the parents again too, though they are intact
    #[arg(long)]
    pub all: bool,
    /// Where recorded paths lie
    #[command(flatten)]
    pub places: PlaceArgs,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// A dataset on the way.
#[derive(Debug, Serialize)]
struct Step {
    stage: String,
    dataset: String,
    version: String,
    /// Whether it was there and intact, so that it was not made again.
    intact: bool,
    /// Whether it is what it was, to the byte.
    equal: bool,
    seconds: f64,
}

#[derive(Serialize)]
struct Report {
    dataset: String,
    output: String,
    /// Whether every byte is the same.
    equal: bool,
    /// Whether the new folder is what the manifest says, though the old one may be damaged.
    as_recorded: bool,
    steps: Vec<Step>,
    differences: Vec<Difference>,
    /// What has changed outside the datasets and may be why.
    causes: Vec<String>,
    files: usize,
    bytes: u64,
    seconds: f64,
}

/// Makes again, compares and prints; exit code 1 if a byte differs.
///
/// # Errors
/// A damaged manifest, an original that is missing, whatever stops a stage.
pub fn run(args: &RebuildArgs) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let absolute = |path: &Path| std::path::absolute(path).map_err(|error| crate::about(path, error));
    let (folder, output) = (absolute(&args.dataset)?, absolute(&args.output)?);
    let dataset = Dataset::open(&folder)?;
    let path = folder.join(MANIFEST);
    let manifest_bytes = std::fs::read(&path).map_err(|error| crate::about(&path, error))?;
    anyhow::ensure!(
        seal_holds(&manifest_bytes) != Some(false),
        "{}: the manifest was changed after it was written, so its recipe cannot be trusted; bring back a copy",
        path.display()
    );
    check_output(&output)?;
    let mut places = Places::new(&args.places, &folder, &dataset.manifest);
    // The paths of a recipe begin where it was first run.
    std::env::set_current_dir(&places.from).map_err(|error| crate::about(&places.from, error))?;
    places.from = PathBuf::from(".");
    let scratch = tempfile::tempdir()?;
    let mut workshop = Workshop {
        dataset: &dataset,
        places: &places,
        scratch: scratch.path(),
        all: args.all,
        made: HashMap::new(),
        steps: Vec::new(),
        causes: causes(&dataset.manifest, &places),
    };
    for parent in &dataset.manifest.parents {
        workshop.parent(parent)?;
    }
    let began = Instant::now();
    workshop.run(&dataset.manifest.recipe, &dataset.manifest.parents, &output)?;
    let seconds = began.elapsed().as_secs_f64();
    let made = Dataset::open(&output)?;
    let as_recorded = made.manifest_sha256 == dataset.manifest_sha256;
    let differences = differences(&dataset, &made)?;
    let Workshop { mut steps, causes, .. } = workshop;
    steps.push(Step {
        stage: dataset.manifest.stage.clone(),
        dataset: args.dataset.display().to_string(),
        version: dataset.manifest.version.clone(),
        intact: false,
        equal: as_recorded,
        seconds,
    });
    let report = Report {
        dataset: args.dataset.display().to_string(),
        output: args.output.display().to_string(),
        equal: differences.is_empty(),
        as_recorded,
        steps,
        differences,
        causes,
        files: made.manifest.files.len() + 1,
        bytes: made.manifest.files.values().map(|facts| facts.bytes).sum(),
        seconds: started.elapsed().as_secs_f64(),
    };
    if args.json {
        crate::print_data(&serde_json::to_string(&report)?);
    } else {
        crate::print_data(&describe(&report));
    }
    Ok(if report.equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A rebuilt dataset must not take an earlier one for its edition before.
fn check_output(output: &Path) -> anyhow::Result<()> {
    crate::outputs::check_folder(output)?;
    let used = std::fs::read_dir(output).is_ok_and(|mut entries| entries.next().is_some());
    anyhow::ensure!(!used, "{} is not empty; give a new folder to -o", output.display());
    Ok(())
}

/// What may make a difference: another program, files with other bytes.
fn causes(manifest: &Manifest, places: &Places) -> Vec<String> {
    let mut causes = Vec::new();
    if manifest.tool != Manifest::tool() {
        causes.push(format!("it was made by {}, this is {}", manifest.tool, Manifest::tool()));
    }
    for source in &manifest.sources {
        let path = places.source(source, std::iter::empty());
        if places.state(&path, &source.sha256) == State::Changed {
            causes.push(format!("{} has other bytes than when it was read", path.display()));
        }
    }
    for input in &manifest.inputs {
        if places.input_state(input) == State::Changed {
            causes.push(format!("{} has other bytes than when it was read", input.path));
        }
    }
    causes.dedup();
    causes
}

/// Makes datasets again, each once.
struct Workshop<'a> {
    dataset: &'a Dataset,
    places: &'a Places,
    scratch: &'a Path,
    all: bool,
    /// Where each parent is, by the SHA-256 of its manifest.
    made: HashMap<String, PathBuf>,
    steps: Vec<Step>,
    causes: Vec<String>,
}

impl Workshop<'_> {
    /// Finds or makes a parent.
    fn parent(&mut self, parent: &Parent) -> anyhow::Result<()> {
        if self.made.contains_key(&parent.manifest_sha256) {
            return Ok(());
        }
        let mut step = Step {
            stage: parent.stage.clone(),
            dataset: parent.path.clone(),
            version: parent.version.clone(),
            intact: true,
            equal: true,
            seconds: 0.0,
        };
        let found = self.places.parent(&self.dataset.folder, parent);
        if let FoundParent::Here(dataset) = &found
            && !self.all
            && check_folder(&dataset.folder, &mut Checked::default()).problems.is_empty()
        {
            self.made.insert(parent.manifest_sha256.clone(), dataset.folder.clone());
            self.steps.push(step);
            return Ok(());
        }
        anyhow::ensure!(
            !parent.recipe.is_empty(),
            "{}: it is not there, and no recipe says how to make it; say where it is with --moved {}=DIR",
            parent.path,
            parent.path
        );
        for grandparent in &parent.parents {
            self.parent(grandparent)?;
        }
        let started = Instant::now();
        let place = self.scratch.join(format!("{}-{}", self.made.len(), parent.stage));
        self.run(&parent.recipe, &parent.parents, &place)?;
        step.intact = false;
        step.equal = Dataset::open(&place)?.manifest_sha256 == parent.manifest_sha256;
        step.seconds = started.elapsed().as_secs_f64();
        self.made.insert(parent.manifest_sha256.clone(), place);
        self.steps.push(step);
        Ok(())
    }

    /// Runs a recipe into `output`.
    fn run(&mut self, recipe: &[String], parents: &[Parent], output: &Path) -> anyhow::Result<()> {
        let said = recipe.join(" ");
        eprintln!("halligan-host data {said}");
        let words = recipe.iter().cloned().chain(["-o".to_owned(), output.display().to_string()]);
        let mut parsed = Recipe::try_parse_from(words).map_err(|error| {
            let text = error.to_string();
            anyhow::anyhow!(
                "the recipe `{said}` is not one of this program: {}",
                crate::one_line(text.lines().next().unwrap_or_default())
            )
        })?;
        anyhow::ensure!(parsed.verb.makes_dataset(), "the recipe `{said}` makes no dataset; it is not run");
        if let DataVerb::Ingest(ingest) = &mut parsed.verb {
            self.check_sources()?;
            // An address has moved on since; the commit that was read has not.
            let sources = self.dataset.manifest.sources.iter();
            ingest.revisions =
                sources.filter_map(|source| Some((source.root.clone(), source.revision.clone()?))).collect();
        }
        let redirects = self.redirects(recipe, parents)?;
        let code = crate::silently(|| redirected(redirects, || super::run(parsed.verb)))?;
        anyhow::ensure!(code == ExitCode::SUCCESS, "stopped in `{said}`; run it again with a new folder");
        Ok(())
    }

    /// All originals must be there before the first is read.
    fn check_sources(&self) -> anyhow::Result<()> {
        let sources = &self.dataset.manifest.sources;
        let gone: Vec<PathBuf> = sources
            .iter()
            .filter(|source| !super::ingest::clones::is_address(&source.root))
            .map(|source| self.places.source(source, std::iter::empty()))
            .filter(|path| !path.exists())
            .collect();
        if let [first, ..] = &gone[..] {
            anyhow::bail!(
                "{}: not found, and {} others; bring the originals back, or say where they are with --from DIR or --moved OLD=NEW",
                first.display(),
                count(gone.len() - 1)
            );
        }
        Ok(())
    }

    /// Where the paths of a recipe lie.
    fn redirects(&self, recipe: &[String], parents: &[Parent]) -> anyhow::Result<Vec<(PathBuf, PathBuf)>> {
        let mut redirects = Vec::new();
        // Ratings lie in the folder of a parent, but are no part of it.
        let of_recipe = |path: &str| recipe.iter().any(|word| word == path);
        let ratings =
            self.dataset.manifest.inputs.iter().filter(|input| input.role == "ratings" && of_recipe(&input.path));
        for (at, input) in ratings.enumerate() {
            let recorded = Path::new(&input.path);
            let copy = self.scratch.join(format!("{}-ratings-{at}.jsonl", self.made.len()));
            let found = ratings::recover(self.dataset, input, &self.places.path(recorded), &copy)?;
            let found = found.ok_or_else(|| {
                anyhow::anyhow!(
                    "{}: these ratings are gone; say where they are with --moved {}=FILE",
                    input.path,
                    input.path
                )
            })?;
            redirects.push((recorded.to_path_buf(), found));
        }
        for parent in parents {
            if let Some(place) = self.made.get(&parent.manifest_sha256) {
                redirects.push((PathBuf::from(&parent.path), place.clone()));
            }
        }
        let sources = self.dataset.manifest.sources.iter().map(|source| PathBuf::from(&source.root));
        for root in sources.filter(|root| self.places.is_moved(root)) {
            let place = self.places.path(&root);
            redirects.push((root, place));
        }
        redirects.dedup();
        Ok(redirects)
    }
}

/// The words of a recipe: those after `halligan-host data`.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Recipe {
    #[command(subcommand)]
    verb: DataVerb,
}

fn describe(report: &Report) -> String {
    let mut lines = Vec::new();
    for step in &report.steps {
        let what = match (step.intact, step.equal) {
            (true, _) => "intact, used as it is".to_owned(),
            (false, true) => format!("made again in {:.1} s, the same to the byte", step.seconds),
            (false, false) => format!("made again in {:.1} s, not the same", step.seconds),
        };
        lines.push(format!("{:<9} {} {}: {what}", step.stage, step.dataset, step.version));
    }
    for difference in &report.differences {
        let line = difference.line.map_or_else(String::new, |line| format!(":{line}"));
        let id = difference.id.as_ref().map_or_else(String::new, |id| format!(" (id {id})"));
        lines.push(format!("  {}{line}{id}: {}", difference.file, difference.detail));
    }
    lines.push(match (report.equal, report.as_recorded) {
        (true, _) => format!(
            "{} is {} to the byte: {} files, {}",
            report.output,
            report.dataset,
            count(report.files),
            bytes(report.bytes)
        ),
        (false, true) => format!(
            "{} is what {} was when it was written; {} was damaged since, take {} in its place",
            report.output, report.dataset, report.dataset, report.output
        ),
        (false, false) => format!("{} (the second) is not {} (the first) to the byte", report.output, report.dataset),
    });
    if !report.equal {
        lines.extend(report.causes.iter().map(|cause| format!("  perhaps because {cause}")));
    }
    crate::data::review::printable(&lines.join("\n"))
}
