//! `halligan-host data trace`: which bytes of which file made a row, and who and what had a part in it.
//!
//! An id of a row, chunk, source, template or rating is followed through every stage: where it was read, what worded
//! it, which experts spoke, what was decided, where it stands. Rows that were left out are followed as well.
//! Ids are hashes of content, so the answer does not depend on where the folders lie today.

mod find;
mod ranges;
mod show;
mod stages;
mod story;
mod tree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::dataset::Dataset;
use super::lineage::{Member, family};
use super::manifest::MANIFEST;
use super::places::{PlaceArgs, Places};
use find::{Thing, find};
use story::Teller;

/// Arguments of `data trace`.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// Id (or its first digits) of a row, chunk, source, template or rating; a path; or a line such as train.jsonl:12
    #[arg(value_name = "ID")]
    pub id: String,
    /// Dataset folder, or a folder of dataset folders
    #[arg(value_name = "DIR", default_value = ".")]
    pub dataset: PathBuf,
    /// Where recorded paths lie
    #[command(flatten)]
    pub places: PlaceArgs,
    /// Print everything as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Finds, follows and prints.
///
/// # Errors
/// No dataset there, nothing of that name, the beginning of several names.
pub fn run(args: &TraceArgs) -> anyhow::Result<ExitCode> {
    let (folder, id) = split(args);
    let mut missing = Vec::new();
    for dataset in datasets(&folder)? {
        let places = Places::new(&args.places, &dataset.folder, &dataset.manifest);
        let members = family(dataset, &places);
        if let Some((at, thing)) = find_in(&members, &id)? {
            print(args, &Teller { members: &members, places: &places, at }, &thing)?;
            return Ok(ExitCode::SUCCESS);
        }
        let gone = members.iter().filter(|member| member.dataset().is_none());
        missing.extend(gone.map(|member| member.named.path.clone()));
    }
    missing.dedup();
    match &missing[..] {
        [] => anyhow::bail!(
            "{}: nothing here has the name {}; look into rows.jsonl for ids",
            args.dataset.display(),
            args.id
        ),
        [first, ..] => anyhow::bail!(
            "nothing of the name {} is in {}, and {} it descends from was not found; say where it is with --moved {first}=DIR",
            args.id,
            args.dataset.display(),
            missing.join(", ")
        ),
    }
}

/// Folder and id: a line may be named with the folder of its dataset, as in `built/train.jsonl:12`.
fn split(args: &TraceArgs) -> (PathBuf, String) {
    let path = args.dataset.join(&args.id);
    let is_line = args.id.rsplit_once(':').is_some_and(|(_, line)| line.parse::<usize>().is_ok());
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) if is_line && folder.join(MANIFEST).exists() => {
            (folder.to_path_buf(), name.to_string_lossy().into_owned())
        }
        _ => (args.dataset.clone(), args.id.clone()),
    }
}

/// The dataset in `folder`, or those in the folders in it, the youngest first.
fn datasets(folder: &Path) -> anyhow::Result<Vec<Dataset>> {
    if folder.join(MANIFEST).exists() {
        return Ok(vec![Dataset::open(folder)?]);
    }
    if folder.is_file() {
        // Says what was expected in its place.
        return Dataset::open(folder).map(|dataset| vec![dataset]);
    }
    let entries = std::fs::read_dir(folder).map_err(|error| crate::about(folder, error))?;
    let mut inner: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    inner.sort();
    if folder == Path::new(".") {
        inner = inner.iter().map(|path| path.strip_prefix(".").unwrap_or(path).to_path_buf()).collect();
    }
    let mut found: Vec<Dataset> = inner.iter().filter_map(|path| Dataset::open(path).ok()).collect();
    anyhow::ensure!(
        !found.is_empty(),
        "{}: no dataset is here nor in the folders here; give the folder of one as DIR",
        folder.display()
    );
    // One that is a parent of another is seen through its child.
    let parents: std::collections::HashSet<String> = found
        .iter()
        .flat_map(|dataset| &dataset.manifest.parents)
        .map(|parent| parent.manifest_sha256.clone())
        .collect();
    found.retain(|dataset| !parents.contains(&dataset.manifest_sha256));
    Ok(found)
}

/// The youngest dataset of the family that knows the name.
fn find_in<'a>(members: &'a [Member], id: &str) -> anyhow::Result<Option<(&'a Dataset, Thing)>> {
    for dataset in members.iter().rev().filter_map(Member::dataset) {
        if let Some(thing) = find(dataset, id)? {
            return Ok(Some((dataset, thing)));
        }
    }
    Ok(None)
}

fn print(args: &TraceArgs, teller: &Teller<'_>, thing: &Thing) -> anyhow::Result<()> {
    let trace = teller.tell(thing)?;
    if args.json {
        crate::print_data(&serde_json::to_string(&trace)?);
    } else {
        crate::print_data(&show::tree(&trace).draw(crate::in_colour()));
    }
    if let Some(first) = trace.missing.first() {
        eprintln!(
            "not on this machine: {}; what these stages did is not known here (--moved {first}=DIR says where one is)",
            trace.missing.join(", ")
        );
    }
    Ok(())
}
