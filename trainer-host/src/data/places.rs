//! Where recorded paths lie.
//!
//! A manifest names folders and files by the paths that were typed, and relative ones begin at the folder where
//! the command ran. People move folders. Datasets are known by the SHA-256 of their manifests and files by their
//! own, so it is safe to look in likely places: what is found there is the right one, or is said to be another.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;
use halligan_finetune::gguf::file_sha256;
use serde::Serialize;

use super::dataset::Dataset;
use super::ingest::clones;
use super::manifest::{Input, MANIFEST, Manifest, Parent, Source};

/// Where recorded paths are looked for.
#[derive(Clone, Debug, Default, Args)]
pub struct PlaceArgs {
    /// Folder in which recorded relative paths begin [default: the current one, or the nearest above DIR that has them]
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Where a recorded folder or file lies after it was moved; may be given again
    #[arg(long, value_name = "OLD=NEW", value_parser = parse_moved)]
    pub moved: Vec<(PathBuf, PathBuf)>,
}

fn parse_moved(text: &str) -> Result<(PathBuf, PathBuf), String> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => Ok((old.into(), new.into())),
        _ => Err("give the recorded path, =, and where it lies, such as docs=/mnt/docs".to_owned()),
    }
}

/// What became of a file since it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It has the same bytes.
    Unchanged,
    /// It has other bytes.
    Changed,
    /// It was not found.
    Missing,
}

/// A parent on the disk.
#[derive(Debug)]
pub enum FoundParent {
    /// The dataset itself.
    Here(Box<Dataset>),
    /// A dataset of that path with another manifest: it was made again, or is damaged.
    Other(PathBuf),
    /// Nothing there.
    Missing,
}

/// Finds recorded paths for one dataset and its parents.
#[derive(Debug)]
pub struct Places {
    /// Folder in which recorded relative paths begin.
    pub from: PathBuf,
    moved: Vec<(PathBuf, PathBuf)>,
    hashes: RefCell<HashMap<PathBuf, Option<String>>>,
}

impl Places {
    /// Places for the dataset in `folder`.
    pub fn new(args: &PlaceArgs, folder: &Path, manifest: &Manifest) -> Self {
        let from = args.from.clone().unwrap_or_else(|| begin(folder, manifest));
        // A verb may change its folder later; where things were moved to is meant from here.
        let whole = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let moved = args.moved.iter().map(|(old, new)| (old.clone(), whole(new))).collect();
        Self { from, moved, hashes: RefCell::default() }
    }

    /// Where a recorded path should lie.
    pub fn path(&self, recorded: &Path) -> PathBuf {
        for (old, new) in &self.moved {
            if let Ok(rest) = recorded.strip_prefix(old) {
                return if rest.as_os_str().is_empty() { new.clone() } else { new.join(rest) };
            }
        }
        if self.from == Path::new(".") { recorded.to_path_buf() } else { self.from.join(recorded) }
    }

    /// Whether a `--moved` speaks of this path.
    pub fn is_moved(&self, recorded: &Path) -> bool {
        self.moved.iter().any(|(old, _)| recorded.starts_with(old))
    }

    /// Looks for a parent of the dataset in `child`: where it is recorded, and beside the child.
    pub fn parent(&self, child: &Path, parent: &Parent) -> FoundParent {
        let recorded = self.path(Path::new(&parent.path));
        let beside = Path::new(&parent.path).file_name().map(|name| crate::outputs::folder_of(child).join(name));
        let mut other = None;
        for place in [Some(recorded), beside].into_iter().flatten() {
            match Dataset::open(&place) {
                Ok(found) if found.manifest_sha256 == parent.manifest_sha256 => {
                    return FoundParent::Here(Box::new(found));
                }
                _ if other.is_none() && place.join(MANIFEST).exists() => other = Some(place),
                _ => {}
            }
        }
        other.map_or(FoundParent::Missing, FoundParent::Other)
    }

    /// Where a source lies; `datasets` may keep clones of repositories.
    pub fn source<'a>(&self, source: &Source, datasets: impl Iterator<Item = &'a Path>) -> PathBuf {
        let place = self.path(&Path::new(&source.root).join(&source.path));
        if place.exists() {
            return place;
        }
        let mut clones = datasets.map(|folder| clones::clone_of(folder, &source.root).join(&source.path));
        clones.find(|file| file.exists()).unwrap_or(place)
    }

    /// What became of the file at `path` that had this hash.
    pub fn state(&self, path: &Path, sha256: &str) -> State {
        let mut hashes = self.hashes.borrow_mut();
        let found = hashes.entry(path.to_path_buf()).or_insert_with(|| file_sha256(path).ok());
        match found {
            Some(found) if found == sha256 => State::Unchanged,
            Some(_) => State::Changed,
            None => State::Missing,
        }
    }

    /// What became of another file that a stage read. A journal of ratings grows; it is unchanged while it begins
    /// as it was.
    pub fn input_state(&self, input: &Input) -> State {
        let path = self.path(Path::new(&input.path));
        match self.state(&path, &input.sha256) {
            State::Changed if input.role == "ratings" && begins_with(&path, input) => State::Unchanged,
            state => state,
        }
    }
}

fn begins_with(path: &Path, input: &Input) -> bool {
    use std::io::Read as _;
    let mut beginning = Vec::new();
    let file = std::fs::File::open(path);
    file.and_then(|file| file.take(input.bytes).read_to_end(&mut beginning)).is_ok()
        && super::canonical::sha256_hex(&beginning) == input.sha256
}

/// The current folder if recorded paths begin there, else the nearest folder above the dataset where they do.
fn begin(folder: &Path, manifest: &Manifest) -> PathBuf {
    let sources = manifest.sources.iter().filter(|source| !clones::is_address(&source.root));
    let mut recorded: Vec<PathBuf> = manifest.parents.iter().map(|parent| PathBuf::from(&parent.path)).collect();
    recorded.extend(sources.map(|source| Path::new(&source.root).join(&source.path)));
    recorded.extend(manifest.inputs.iter().map(|input| PathBuf::from(&input.path)));
    recorded.retain(|path| path.is_relative());
    let holds = |place: &Path| recorded.iter().any(|path| place.join(path).exists());
    let here = PathBuf::from(".");
    if recorded.is_empty() || holds(&here) {
        return here;
    }
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    absolute.ancestors().skip(1).find(|place| holds(place)).map_or(here, Path::to_path_buf)
}

thread_local! {
    static REDIRECTS: RefCell<Vec<(PathBuf, PathBuf)>> = const { RefCell::new(Vec::new()) };
}

/// Runs `work` while each recorded path stands for another place: a recipe finds its parents though they were
/// moved or made again elsewhere, and writes down the paths that it always did.
pub fn redirected<T>(redirects: Vec<(PathBuf, PathBuf)>, work: impl FnOnce() -> T) -> T {
    let before = REDIRECTS.replace(redirects);
    let result = work();
    REDIRECTS.set(before);
    result
}

/// Where the verb that runs must look for `path`: there, unless it is [`redirected`].
pub fn actual(path: &Path) -> PathBuf {
    REDIRECTS.with_borrow(|redirects| {
        let found = redirects.iter().find_map(|(recorded, place)| Some((path.strip_prefix(recorded).ok()?, place)));
        match found {
            Some((rest, place)) if rest.as_os_str().is_empty() => place.clone(),
            Some((rest, place)) => place.join(rest),
            None => path.to_path_buf(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_path_is_found_under_from_and_where_it_was_moved() {
        let args = PlaceArgs {
            from: Some("/work".into()),
            moved: vec![parse_moved("docs=/mnt/new").unwrap(), parse_moved("/old/a.csv=b.csv").unwrap()],
        };
        let places = Places { from: args.from.clone().unwrap(), moved: args.moved, hashes: RefCell::default() };
        let path = |recorded: &str| places.path(Path::new(recorded));
        assert_eq!(path("docs/x/a.md"), Path::new("/mnt/new/x/a.md"));
        assert_eq!(path("docs2/a.md"), Path::new("/work/docs2/a.md"));
        assert_eq!(path("/old/a.csv"), Path::new("b.csv"));
        assert_eq!(path("/other"), Path::new("/other"));
        assert!(parse_moved("docs").is_err() && parse_moved("=x").is_err());
    }

    #[test]
    fn redirect_holds_while_the_work_runs_and_no_longer() {
        let inside = redirected(vec![("clean".into(), "/tmp/made".into())], || actual(Path::new("clean/rows.jsonl")));
        assert_eq!(inside, Path::new("/tmp/made/rows.jsonl"));
        assert_eq!(actual(Path::new("clean")), Path::new("clean"));
    }
}
