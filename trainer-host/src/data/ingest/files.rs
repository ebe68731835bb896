//! Finding the files to ingest: folders, single files and git repositories, `.gitignore` respected.
//!
//! Whatever lies in a folder and is not taken is named with the reason; datasets are not taken for documents. Links are not followed, so a circle
//! of links cannot trap the walk and nothing outside the given places comes in unasked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ignore::WalkBuilder;

use super::super::dataset::Dataset;
use super::super::ledger::{Left, Skipped};
use super::super::places;
use super::clones::{clone, is_address, is_bare_repository};
use super::commit::Commit;

/// Files without a commit that are named; the rest are counted.
const UNCOMMITTED_LISTED: usize = 20;

/// Reason of a file that came in by two of the given places.
pub const GIVEN_TWICE: &str = "given_twice";

/// A file to ingest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it can be read.
    pub file: PathBuf,
    /// Folder or address as given.
    pub root: String,
    /// Path below the root, with `/`.
    pub path: String,
    /// Commit, where the root is a git repository and the file is as the commit has it.
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

/// Lists all files below the `given` places. Repositories given by address are cloned below `dataset`, at the commit
/// that `revisions` names for the address, or else at the newest.
///
/// # Errors
/// A place that does not exist or cannot be cloned.
pub fn list(given: &[String], dataset: &Path, revisions: &BTreeMap<String, String>) -> anyhow::Result<Listing> {
    let mut listing = Listing::default();
    let mut seen = BTreeSet::new();
    for place in given {
        let path = &places::actual(Path::new(place));
        if is_address(place) || is_bare_repository(path) {
            let clone = clone(place, dataset, revisions.get(place).map(String::as_str))?;
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
    let commit = Commit::of(folder).unwrap_or_else(|problem| {
        let detail = format!("git cannot say what the commit of this repository holds, so no file names it: {problem}");
        listing.skipped.push(remark(root, "no_revision", &detail));
        None
    });
    let mut uncommitted: Vec<String> = Vec::new();
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
            let held = commit.as_ref().filter(|commit| commit.holds(&below, path));
            if commit.is_some() && held.is_none() {
                uncommitted.push(below.clone());
            }
            add(listing, seen, path, root, below, held.map(|commit| commit.id.clone()), facts.len());
        } else {
            listing.skipped.push(skipped(&name, "unreadable", "its size cannot be read; check its permissions"));
        }
    }
    if let Some(commit) = commit.filter(|_| !uncommitted.is_empty()) {
        let more = uncommitted.len().saturating_sub(UNCOMMITTED_LISTED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let listed = uncommitted[..uncommitted.len().min(UNCOMMITTED_LISTED)].join(", ");
        let detail = format!(
            "{} files are not as commit {} has them, so they name no commit: {listed}{more}",
            uncommitted.len(),
            &commit.id[..commit.id.len().min(12)]
        );
        listing.skipped.push(remark(root, "uncommitted", &detail));
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
                (true, _) => "its name begins with a dot; give it as PATH to take it",
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
        listing.skipped.push(skipped(&joined(root, &path), GIVEN_TWICE, "the same file came in by another PATH"));
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

/// Something that the reader should know of a place, of which nothing is lost.
pub fn remark(id: &str, reason: &str, detail: &str) -> Skipped {
    Skipped { what: Left::Note, ..skipped(id, reason, detail) }
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
    use super::super::commit::tests::git;
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
        let listing =
            list(&[folder.path().display().to_string()], &folder.path().join("out"), &BTreeMap::new()).unwrap();
        assert_eq!(listing.found.iter().map(|found| found.path.as_str()).collect::<Vec<_>>(), ["a.txt"]);
        let expected = [(".gitignore", "hidden"), ("a.log", "ignored"), ("circle", "link"), ("target", "ignored")];
        assert_eq!(reasons(&listing), expected);
    }

    #[test]
    fn file_that_comes_in_twice_is_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.txt"), "x").unwrap();
        let (root, file) = (folder.path().display().to_string(), folder.path().join("a.txt").display().to_string());
        let listing = list(&[root, file], &folder.path().join("out"), &BTreeMap::new()).unwrap();
        assert_eq!(listing.found.len(), 1);
        assert_eq!(reasons(&listing), [("a.txt", "given_twice")]);
    }

    #[test]
    fn missing_place_is_named() {
        let error = list(&["no/such/place".to_owned()], Path::new("."), &BTreeMap::new()).unwrap_err().to_string();
        assert!(error.contains("no/such/place") && error.contains("check the path"), "{error}");
    }

    #[test]
    fn only_files_that_are_as_the_commit_has_them_name_it_also_in_a_worktree() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join("repository").join(name);
        std::fs::create_dir(at("")).unwrap();
        git(&at(""), &["init", "--quiet"]);
        std::fs::write(at("same.txt"), "x").unwrap();
        std::fs::write(at("changed.txt"), "x").unwrap();
        git(&at(""), &["add", "."]);
        git(&at(""), &["commit", "--quiet", "-m", "a"]);
        let tree = folder.path().join("tree");
        git(&at(""), &["worktree", "add", "--quiet", &tree.display().to_string()]);
        for place in [at(""), tree] {
            std::fs::write(place.join("changed.txt"), "y").unwrap();
            std::fs::write(place.join("new.txt"), "z").unwrap();
            let listing = list(&[place.display().to_string()], &folder.path().join("out"), &BTreeMap::new()).unwrap();
            let named: Vec<_> = listing.found.iter().map(|found| (&*found.path, found.revision.is_some())).collect();
            assert_eq!(named, [("changed.txt", false), ("new.txt", false), ("same.txt", true)]);
            let note = listing.skipped.iter().find(|one| one.reason == "uncommitted").unwrap();
            assert!(note.what == Left::Note && note.detail.ends_with("changed.txt, new.txt"), "{note:?}");
        }
    }
}
