//! A folder with one file a split, as `data export -o DIR` writes it: `train.jsonl`, `test.jsonl`.
//!
//! The export notes which files it wrote, by name and SHA-256, so that the next one takes the place of its own files and
//! of no others.

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
        let own = || written.get(name).is_some_and(|sha256| file_sha256(&path).is_ok_and(|found| found == *sha256));
        anyhow::ensure!(
            !path.exists() || own(),
            "{}: there is a file that no export wrote, or that was changed since; give a new folder to -o, or --force \
             to write over it",
            path.display()
        );
    }
    Ok(())
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
    Ok(write_bytes_atomically(&folder.join(WRITTEN), serde_json::to_string_pretty(&all)?.as_bytes())?)
}

fn written(folder: &Path) -> BTreeMap<String, String> {
    // A note that is missing or damaged knows no file, so that each is asked for.
    std::fs::read(folder.join(WRITTEN)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}
