//! Finding the files to ingest: folders, single files and git repositories, `.gitignore` respected.
//!
//! Whatever lies in a folder and is not taken is named with the reason; datasets are not taken for documents. Links are not followed, so a circle
//! of links cannot trap the walk and nothing outside the given places comes in unasked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use ignore::WalkBuilder;

use super::super::canonical::content_id;
use super::super::dataset::Dataset;
use super::super::ledger::{Left, Skipped};
use super::super::places;

/// Folder inside the dataset that keeps clones of repositories given by address.
const CLONES: &str = ".clones";

/// A file to ingest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it can be read.
    pub file: PathBuf,
    /// Folder or address as given.
    pub root: String,
    /// Path below the root, with `/`.
    pub path: String,
    /// Commit, where the root is a git repository.
    pub revision: Option<String>,
    /// Size in bytes.
    pub bytes: u64,
}

/// What the places hold.
#[derive(Debug, Default)]
pub struct Listing {
    /// Files in the order of root and path.
    pub found: Vec<Found>,
    /// What was passed over.
    pub skipped: Vec<Skipped>,
}

/// Lists all files below the `given` places. Repositories given by address are cloned below `dataset`.
///
/// # Errors
/// A place that does not exist or cannot be cloned.
pub fn list(given: &[String], dataset: &Path) -> anyhow::Result<Listing> {
    let mut listing = Listing::default();
    let mut seen = BTreeSet::new();
    for place in given {
        let path = &places::actual(Path::new(place));
        if is_address(place) || is_bare_repository(path) {
            let clone = clone(place, dataset)?;
            walk(&clone, place, dataset, &mut seen, &mut listing);
        } else if path.is_dir() {
            walk(path, place, dataset, &mut seen, &mut listing);
        } else {
            let facts = std::fs::metadata(path)
                .with_context(|| format!("{place}: no such file or folder; check the path"))
                .map_err(|error| anyhow::anyhow!("{error:#}"))?;
            let root = crate::outputs::folder_of(Path::new(place));
            let name =
                Path::new(place).file_name().map_or_else(|| place.clone(), |name| name.to_string_lossy().into_owned());
            if facts.is_file() {
                add(&mut listing, &mut seen, path, &root.display().to_string(), name, None, facts.len());
            } else {
                listing.skipped.push(skipped(place, "not_a_file", "a device or pipe; give a file or a folder"));
            }
        }
    }
    listing.found.sort_by(|a, b| (&a.root, &a.path).cmp(&(&b.root, &b.path)));
    listing.skipped.sort_by(|a, b| (&a.id, &a.reason).cmp(&(&b.id, &b.reason)));
    Ok(listing)
}

fn walk(folder: &Path, root: &str, output: &Path, seen: &mut BTreeSet<PathBuf>, listing: &mut Listing) {
    let revision = revision(folder);
    let output = std::fs::canonicalize(output).unwrap_or_else(|_| output.to_path_buf());
    let is_output = move |path: &Path| std::fs::canonicalize(path).is_ok_and(|path| path == output);
    let passed_over = is_output.clone();
    let top = folder.to_path_buf();
    let mut taken: BTreeSet<PathBuf> = BTreeSet::new();
    let mut folders = vec![folder.to_path_buf()];
    let walker = WalkBuilder::new(folder)
        .follow_links(false)
        .require_git(false)
        .git_global(false)
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .filter_entry(move |entry| {
            let path = entry.path();
            path == top || !path.is_dir() || !passed_over(path) && Dataset::open(path).is_err()
        })
        .build();
    for entry in walker {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let text = crate::one_line(&error.to_string());
                listing.skipped.push(skipped(root, "unreadable", &format!("{text}; fix it and run again")));
                continue;
            }
        };
        let path = entry.path();
        if path == folder {
            continue;
        }
        taken.insert(path.to_path_buf());
        let below = below(folder, path);
        let name = joined(root, &below);
        if path.to_str().is_none() {
            let detail = "its name is not UTF-8, so that no row could be traced back to it; rename it";
            listing.skipped.push(skipped(&name, "name_not_utf8", detail));
            continue;
        }
        let Some(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            folders.push(path.to_path_buf());
        } else if kind.is_symlink() {
            let target = std::fs::read_link(path).map_or_else(|_| "?".to_owned(), |to| to.display().to_string());
            let detail = format!("a link to {target}; links are not followed, give the target itself as PATH");
            listing.skipped.push(skipped(&name, "link", &detail));
        } else if !kind.is_file() {
            listing.skipped.push(skipped(&name, "not_a_file", "a device, pipe or socket"));
        } else if let Ok(facts) = entry.metadata() {
            add(listing, seen, path, root, below, revision.clone(), facts.len());
        } else {
            listing.skipped.push(skipped(&name, "unreadable", "its size cannot be read; check its permissions"));
        }
    }
    report_ignored(folder, root, &folders, &taken, &is_output, listing);
}

/// Names what lies in the walked folders and was not taken, the topmost entry of each.
fn report_ignored(
    folder: &Path,
    root: &str,
    folders: &[PathBuf],
    taken: &BTreeSet<PathBuf>,
    is_output: &dyn Fn(&Path) -> bool,
    listing: &mut Listing,
) {
    for parent in folders {
        let Ok(entries) = std::fs::read_dir(parent) else { continue };
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| !taken.contains(path)) {
            if path.is_dir() && is_output(&path) {
                continue;
            }
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            let dataset = !hidden && path.is_dir() && Dataset::open(&path).is_ok();
            let detail = match (hidden, path.is_dir()) {
                _ if dataset => "a dataset folder; its rows are no documents",
                (true, _) => "hidden: its name begins with a dot; give it as PATH to take it",
                (false, true) => "a folder that .gitignore leaves out; give it as PATH to take it",
                (false, false) => "a file that .gitignore leaves out; give it as PATH to take it",
            };
            let reason = match (hidden, dataset) {
                (true, _) => "hidden",
                (false, true) => "dataset",
                (false, false) => "ignored",
            };
            listing.skipped.push(skipped(&joined(root, &below(folder, &path)), reason, detail));
        }
    }
}

fn add(
    listing: &mut Listing,
    seen: &mut BTreeSet<PathBuf>,
    file: &Path,
    root: &str,
    path: String,
    revision: Option<String>,
    bytes: u64,
) {
    let place = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    if seen.insert(place) {
        listing.found.push(Found { file: file.to_path_buf(), root: root.to_owned(), path, revision, bytes });
    } else {
        listing.skipped.push(skipped(&joined(root, &path), "given_twice", "the same file came in by another PATH"));
    }
}

/// A file that was left out as a whole, found while listing.
pub fn skipped(id: &str, reason: &str, detail: &str) -> Skipped {
    Skipped {
        content: None,
        detail: detail.to_owned(),
        id: id.to_owned(),
        reason: reason.to_owned(),
        stage: "ingest".to_owned(),
        what: Left::File,
    }
}

/// Root and path as one name.
pub fn joined(root: &str, path: &str) -> String {
    if root == "." { path.to_owned() } else { format!("{}/{path}", root.trim_end_matches('/')) }
}

fn below(folder: &Path, path: &Path) -> String {
    let below = path.strip_prefix(folder).unwrap_or(path);
    let parts: Vec<_> = below.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

/// The commit that is checked out in `folder`, if it is a git repository.
fn revision(folder: &Path) -> Option<String> {
    let git = folder.join(".git");
    let head = std::fs::read_to_string(git.join("HEAD")).ok()?;
    let Some(name) = head.trim().strip_prefix("ref: ") else { return Some(head.trim().to_owned()) };
    if let Ok(commit) = std::fs::read_to_string(git.join(name)) {
        return Some(commit.trim().to_owned());
    }
    let packed = std::fs::read_to_string(git.join("packed-refs")).ok()?;
    let line = packed.lines().find(|line| line.ends_with(&format!(" {name}")))?;
    line.split(' ').next().map(str::to_owned)
}

/// Whether a place is the address of a repository.
pub fn is_address(place: &str) -> bool {
    ["https://", "http://", "ssh://", "git://", "file://", "git@"].iter().any(|start| place.starts_with(start))
}

fn is_bare_repository(path: &Path) -> bool {
    path.join("HEAD").is_file() && path.join("objects").is_dir() && path.join("refs").is_dir()
}

/// Folder in the dataset where a repository given by address is cloned.
pub fn clone_of(dataset: &Path, address: &str) -> PathBuf {
    dataset.join(CLONES).join(content_id(&[address.as_bytes()]))
}

/// Clones the repository at `place` with the system's git, or brings an earlier clone up to date.
fn clone(place: &str, dataset: &Path) -> anyhow::Result<PathBuf> {
    let folder = clone_of(dataset, place);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|error| crate::about(&folder, error))?;
    }
    let parent = crate::outputs::folder_of(&folder);
    std::fs::create_dir_all(&parent).map_err(|error| crate::about(&parent, error))?;
    let mut command = Command::new("git");
    command.args(["clone", "--quiet", "--depth", "1", "--"]).arg(place).arg(&folder);
    // A question for a password would wait for ever where nobody sits.
    let output = command.env("GIT_TERMINAL_PROMPT", "0").stdin(Stdio::null()).output();
    let output = output.map_err(|error| {
        anyhow::anyhow!(
            "{place}: cannot run git ({error}); install it, or clone the repository yourself and give the folder"
        )
    })?;
    if !output.status.success() {
        let said = crate::one_line(&String::from_utf8_lossy(&output.stderr));
        anyhow::bail!("{place}: git could not clone it ({said}); check the address, or give a folder");
    }
    Ok(folder)
}

/// How many things were left out for each reason.
pub fn by_reason<'a>(skipped: impl Iterator<Item = &'a Skipped>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for one in skipped {
        *counts.entry(one.reason.clone()).or_insert(0) += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(listing: &Listing) -> Vec<(&str, &str)> {
        listing.skipped.iter().map(|one| (one.id.rsplit('/').next().unwrap(), one.reason.as_str())).collect()
    }

    #[test]
    fn ignored_hidden_and_linked_things_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at(".gitignore"), "target\n*.log\n").unwrap();
        std::fs::create_dir(at("target")).unwrap();
        std::fs::write(at("target/x.txt"), "x").unwrap();
        std::fs::write(at("a.log"), "x").unwrap();
        std::fs::write(at("a.txt"), "x").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path(), at("circle")).unwrap();
        let listing = list(&[folder.path().display().to_string()], &folder.path().join("out")).unwrap();
        assert_eq!(listing.found.iter().map(|found| found.path.as_str()).collect::<Vec<_>>(), ["a.txt"]);
        let expected = [(".gitignore", "hidden"), ("a.log", "ignored"), ("circle", "link"), ("target", "ignored")];
        assert_eq!(reasons(&listing), expected);
    }

    #[test]
    fn file_that_comes_in_twice_is_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.txt"), "x").unwrap();
        let (root, file) = (folder.path().display().to_string(), folder.path().join("a.txt").display().to_string());
        let listing = list(&[root, file], &folder.path().join("out")).unwrap();
        assert_eq!(listing.found.len(), 1);
        assert_eq!(reasons(&listing), [("a.txt", "given_twice")]);
    }

    #[test]
    fn missing_place_is_named() {
        let error = list(&["no/such/place".to_owned()], Path::new(".")).unwrap_err().to_string();
        assert!(error.contains("no/such/place") && error.contains("check the path"), "{error}");
    }
}
