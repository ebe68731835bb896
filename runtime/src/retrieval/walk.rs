//! Which files the given places hold, under which names.
//!
//! Links inside a folder are not followed, so that a circle of links cannot trap the walk and nothing outside the
//! folder comes in unasked. Hidden files stay out.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use super::SkippedFile;
use crate::documents::one_line;
use crate::error::RetrievalError;

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Name of the document: its file name, or its path below the folder that was given, with `/`.
    pub name: String,
    /// Where it can be read.
    pub path: PathBuf,
    /// Size in bytes.
    pub bytes: u64,
}

/// What the places hold: files in the order of the places and of their names, and what was passed over.
#[derive(Debug, Default)]
pub struct Listing {
    /// Files.
    pub found: Vec<Found>,
    /// What was passed over, with the reason.
    pub skipped: Vec<SkippedFile>,
}

/// Lists the files at `places`.
///
/// # Errors
/// A place that is not there, a folder without a file.
pub fn list(places: &[PathBuf]) -> Result<Listing, RetrievalError> {
    let mut listing = Listing::default();
    for place in places {
        let facts =
            std::fs::metadata(place).map_err(|source| RetrievalError::Unreadable { path: place.clone(), source })?;
        // Absolute, because a queue outlives the folder that a command was started in.
        let place =
            std::path::absolute(place).map_err(|source| RetrievalError::Unreadable { path: place.clone(), source })?;
        if facts.is_dir() {
            let before = listing.found.len();
            walk(&place, &mut listing);
            if listing.found.len() == before {
                return Err(RetrievalError::NoDocuments { path: place });
            }
        } else {
            let name = place.file_name().unwrap_or(place.as_os_str()).to_string_lossy().into_owned();
            take(&mut listing, name, place, facts.is_file(), facts.len());
        }
    }
    one_a_name(&mut listing);
    Ok(listing)
}

/// A name stands for the last file that was given under it; another file of that name is passed over.
fn one_a_name(listing: &mut Listing) {
    let mut kept: HashMap<String, PathBuf> = HashMap::new();
    let mut others = Vec::new();
    listing.found.reverse();
    listing.found.retain(|found| match kept.get(&found.name) {
        None => {
            kept.insert(found.name.clone(), found.path.clone());
            true
        }
        Some(path) => {
            if *path != found.path {
                others.push(same_name(found.path.clone(), path));
            }
            false
        }
    });
    listing.found.reverse();
    listing.skipped.extend(others.into_iter().rev());
}

/// A file that was not taken because the file `kept` has its name. It goes by its path, which is its own.
pub fn same_name(path: PathBuf, kept: &Path) -> SkippedFile {
    let detail = format!("{} has the same name; add the folder above both to keep both", kept.display());
    skipped(path.display().to_string(), &path, "same_name", &detail)
}

fn take(listing: &mut Listing, name: String, path: PathBuf, is_file: bool, bytes: u64) {
    if is_file {
        listing.found.push(Found { name, path, bytes });
    } else {
        listing.skipped.push(skipped(name, &path, "not_a_file", "a device, pipe or socket; give a file or a folder"));
    }
}

fn walk(folder: &Path, listing: &mut Listing) {
    let mut builder = WalkBuilder::new(folder);
    builder.standard_filters(false).hidden(true).follow_links(false).sort_by_file_name(std::ffi::OsStr::cmp);
    for entry in builder.build() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let words = one_line(&error.to_string());
                listing.skipped.push(skipped(
                    folder.display().to_string(),
                    folder,
                    "unreadable",
                    &format!("{words}; check its permissions"),
                ));
                continue;
            }
        };
        let path = entry.path();
        let below = path.strip_prefix(folder).unwrap_or(path);
        let parts: Vec<_> = below.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        let name = parts.join("/");
        match entry.file_type() {
            _ if name.is_empty() => {}
            Some(kind) if kind.is_dir() => {}
            Some(kind) if kind.is_symlink() => {
                let detail = "a link; links are not followed, give its target itself";
                listing.skipped.push(skipped(name, path, "link", detail));
            }
            Some(kind) => {
                let bytes = entry.metadata().map_or(0, |facts| facts.len());
                take(listing, name, path.to_path_buf(), kind.is_file(), bytes);
            }
            None => {}
        }
    }
}

/// A file that was not taken.
pub fn skipped(name: String, path: &Path, reason: &str, detail: &str) -> SkippedFile {
    SkippedFile { name, path: path.to_path_buf(), reason: reason.to_owned(), detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_files_of_one_name_the_last_is_taken_and_the_other_named() {
        let folder = tempfile::tempdir().unwrap();
        let places = ["north", "south"].map(|name| folder.path().join(name));
        for place in &places {
            std::fs::create_dir(place).unwrap();
            std::fs::write(place.join("guide.md"), place.display().to_string()).unwrap();
        }
        let [north, south] = places.clone().map(|place| place.join("guide.md"));
        for given in [places.to_vec(), vec![north.clone(), south.clone()]] {
            let Listing { found, skipped } = list(&given).unwrap();
            assert_eq!(found.iter().map(|file| &file.path).collect::<Vec<_>>(), [&south]);
            let [lost] = &skipped[..] else { panic!("{skipped:?}") };
            assert_eq!((lost.path.as_path(), lost.reason.as_str()), (north.as_path(), "same_name"));
            assert!(lost.detail.contains(south.to_str().unwrap()), "{}", lost.detail);
        }
        let both = list(&[folder.path().to_path_buf()]).unwrap();
        let names: Vec<_> = both.found.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["north/guide.md", "south/guide.md"]);
        assert!(list(&[north.clone(), north]).unwrap().skipped.is_empty(), "a file given twice is one file");
    }
}
