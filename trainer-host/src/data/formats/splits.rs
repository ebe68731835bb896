//! A folder with one file a split, as `data export -o DIR` writes it: `train.jsonl`, `test.jsonl`.
//!
//! The export notes which files it wrote, by name and SHA-256, so that the next one takes the place of its own files and
//! of no others: a split that is no longer there would otherwise be read with the new ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use halligan_finetune::gguf::atomic_file::write_bytes_atomically;
use halligan_finetune::gguf::file_sha256;

use crate::data::build::{rewordings::REWORDING, split::SPLITS};

/// What the last export wrote into the folder.
const WRITTEN: &str = ".halligan-export.json";

/// Place of a split among others: train, validation, test, rewordings, then the rest.
pub fn place(name: &str) -> usize {
    SPLITS.into_iter().chain([REWORDING]).position(|known| known == name).unwrap_or(SPLITS.len() + 1)
}

/// The files of `folder` with one of these endings, each with the split that its name says, in the order of the splits.
///
/// # Errors
/// A folder that cannot be read.
pub fn files(folder: &Path, endings: &[&str]) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let entries = std::fs::read_dir(folder).map_err(|error| crate::about(folder, error))?;
    let split = |path: PathBuf| {
        let ending = path.extension()?.to_str()?;
        let name = path.file_stem()?.to_str()?.to_owned();
        (endings.contains(&ending) && !name.starts_with('.') && path.is_file()).then_some((name, path))
    };
    let mut found: Vec<_> = entries.flatten().filter_map(|entry| split(entry.path())).collect();
    found.sort_by(|(a, _), (b, _)| (place(a), a).cmp(&(place(b), b)));
    Ok(found)
}

/// Refuses to write over files that no export wrote, or that were changed since.
///
/// # Errors
/// The first such file.
pub fn check_own(folder: &Path, names: &[String]) -> anyhow::Result<()> {
    let written = written(folder);
    for name in names {
        let path = folder.join(name);
        anyhow::ensure!(
            !path.exists() || is_own(&written, folder, name),
            "{}: there is a file that no export wrote, or that was changed since; give another name to -o, or --force \
             to write over it",
            path.display()
        );
    }
    Ok(())
}

/// Name in the note of a file that stands by itself and is no split of its folder.
pub fn alone(name: &str) -> String {
    format!("./{name}")
}

/// Whether the file is as the export left it that the note tells of.
fn is_own(written: &BTreeMap<String, String>, folder: &Path, name: &str) -> bool {
    let bare = name.trim_start_matches("./");
    let noted = [written.get(bare), written.get(&alone(bare))];
    noted.into_iter().flatten().any(|sha256| file_sha256(folder.join(bare)).is_ok_and(|found| found == *sha256))
}

/// Removes those files of earlier exports that `stale` names and that are not among `names`; returns them. A file that was
/// changed since is somebody's work: it stays, and is named.
///
/// # Errors
/// A folder that gives no file away.
pub fn remove_stale(folder: &Path, names: &[String], stale: impl Fn(&str) -> bool) -> anyhow::Result<Vec<String>> {
    let mut written = written(folder);
    let mut removed = Vec::new();
    let of_old = |name: &String| stale(name) && !names.contains(name) && folder.join(name).exists();
    for name in written.keys().filter(|name| of_old(name)).cloned().collect::<Vec<_>>() {
        let path = folder.join(&name);
        if is_own(&written, folder, &name) {
            std::fs::remove_file(&path).map_err(|error| crate::about(&path, error))?;
            // The folder of a split, once its last file is gone.
            if let Some(split) = path.parent().filter(|parent| *parent != folder) {
                let _ = std::fs::remove_dir(split);
            }
            removed.push(name.clone());
        } else {
            eprintln!(
                "{}: a split of an earlier export, changed since; remove it, or it is read with the new ones",
                path.display()
            );
        }
        written.remove(&name);
    }
    if !removed.is_empty() {
        note(folder, &written)?;
    }
    Ok(removed)
}

/// Notes what an export wrote.
///
/// # Errors
/// A disk that takes no more.
pub fn note_own(folder: &Path, names: &[String]) -> anyhow::Result<()> {
    let mut all = written(folder);
    for name in names {
        let path = folder.join(name);
        all.insert(name.clone(), file_sha256(&path).map_err(|error| crate::about(&path, error))?);
    }
    note(folder, &all)
}

fn note(folder: &Path, written: &BTreeMap<String, String>) -> anyhow::Result<()> {
    Ok(write_bytes_atomically(&folder.join(WRITTEN), serde_json::to_string_pretty(written)?.as_bytes())?)
}

fn written(folder: &Path) -> BTreeMap<String, String> {
    // A note that is missing or damaged knows no file, so that each is asked for.
    std::fs::read(folder.join(WRITTEN)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_of_an_earlier_export_go_and_what_was_changed_or_stands_alone_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        std::fs::create_dir(at("test")).unwrap();
        for name in ["train.jsonl", "test.jsonl", "mine.jsonl", "all.jsonl", "test/state.json", "other.jsonl"] {
            std::fs::write(at(name), name).unwrap();
        }
        let all = ["train.jsonl", "test.jsonl", "mine.jsonl", "./all.jsonl", "test/state.json"];
        note_own(folder.path(), &names(&all)).unwrap();
        std::fs::write(at("mine.jsonl"), "changed").unwrap();
        let stale = |name: &str| !name.starts_with("./");
        let removed = remove_stale(folder.path(), &names(&["train.jsonl"]), stale).unwrap();
        assert_eq!(removed, ["test.jsonl", "test/state.json"]);
        assert!(!at("test").exists() && !at("test.jsonl").exists());
        assert!(["train.jsonl", "mine.jsonl", "all.jsonl", "other.jsonl"].iter().all(|name| at(name).exists()));
        // A file that stands alone is the export's own too.
        assert!(check_own(folder.path(), &names(&["./all.jsonl", "train.jsonl"])).is_ok());
        assert!(check_own(folder.path(), &names(&["other.jsonl"])).is_err());
    }
}
