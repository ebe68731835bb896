//! One dataset folder: the manifest by its seal, every file by its hash, and every record by its own, so that
//! damage is named to the line.

use std::collections::{BTreeMap, HashSet};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use rayon::prelude::*;

use super::super::canonical::lower_hex;
use super::super::manifest::{FileFacts, MANIFEST, Manifest, RECORDS, seal_holds};
use super::lines::{Digests, Fault, Short, digests, faults};
use super::{Checked, Problem};
use crate::progress::count;

/// Damaged lines of a file that are named one by one.
const NAMED: usize = 20;
/// Bytes of a damaged line in which its id is looked for.
const LINE_LOOKED_AT: u64 = 1 << 20;

/// What was found in a folder.
#[derive(Debug, Default)]
pub struct Folder {
    /// The manifest, where it can be read.
    pub manifest: Option<Manifest>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// Files that the manifest does not know.
    pub strangers: Vec<String>,
}

/// Checks the folder; `checked` counts what was looked at.
pub fn check(folder: &Path, checked: &mut Checked) -> Folder {
    let mut found = Folder::default();
    let path = folder.join(MANIFEST);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            found.problems.push(Problem::new(folder, MANIFEST, "unreadable", error.to_string()));
            return found;
        }
    };
    checked.datasets += 1;
    checked.bytes += bytes.len() as u64;
    let sealed = seal_holds(&bytes) == Some(true);
    let manifest = serde_json::from_slice::<Manifest>(&bytes);
    if !sealed {
        let detail = match &manifest {
            Err(error) => format!("it was changed after it was written: it is no manifest any more ({error})"),
            Ok(_) if seal_holds(&bytes).is_none() => "it has no digest of itself at its beginning".to_owned(),
            Ok(_) => "it was changed after it was written: its digest is another".to_owned(),
        };
        found.problems.push(Problem::new(folder, MANIFEST, "changed", detail).at(1, [0, bytes.len() as u64]));
    }
    let Ok(manifest) = manifest else { return found };
    check_files(folder, &manifest, sealed, checked, &mut found);
    found.strangers = strangers(folder, &manifest);
    found.manifest = Some(manifest);
    found
}

fn check_files(folder: &Path, manifest: &Manifest, sealed: bool, checked: &mut Checked, found: &mut Folder) {
    let (plain, other): (Vec<_>, Vec<_>) = manifest.files.iter().partition(|(name, _)| is_plain(name));
    for (name, _) in other {
        let detail = format!("it names a file `{name}` that is not in this folder");
        found.problems.push(Problem::new(folder, MANIFEST, "changed", detail));
    }
    let read: Vec<(&String, &FileFacts, std::io::Result<Digests>)> =
        plain.into_par_iter().map(|(name, facts)| (name, facts, digests(&folder.join(name)))).collect();
    let written = records(&folder.join(RECORDS));
    let mut there: BTreeMap<&str, (&FileFacts, Digests)> = BTreeMap::new();
    for (name, facts, result) in read {
        match result {
            Ok(digests) => {
                checked.files += 1;
                checked.bytes += digests.bytes;
                checked.records += if name == RECORDS { 0 } else { digests.lines.len() };
                there.insert(name, (facts, digests));
            }
            // A manifest that is damaged may name files that never were.
            Err(_) if !sealed && !written.contains_key(name) => {}
            Err(error) => found.problems.push(Problem::new(folder, name, "unreadable", error.to_string())),
        }
    }
    let whole = |name: &str| {
        there.get(name).is_some_and(|(facts, found)| facts.bytes == found.bytes && facts.sha256 == found.sha256)
    };
    for (name, (facts, digests)) in there.iter().filter(|(name, _)| **name != RECORDS && !whole(name)) {
        let lines = written.get(*name).map_or(&[][..], Vec::as_slice);
        // Where the manifest itself is damaged its word about a file counts only if the records say the same.
        let mut problems = damaged_lines(folder, name, digests, lines);
        if problems.is_empty() && sealed {
            let detail = match facts.bytes.cmp(&digests.bytes) {
                std::cmp::Ordering::Equal => "it was changed after it was written".to_owned(),
                _ => format!("it has {} bytes and was written with {}", digests.bytes, facts.bytes),
            };
            let last = digests.lines.len().max(1);
            problems.push(Problem::new(folder, name, "changed", detail).at(last, digests.place(last)));
        }
        found.problems.append(&mut problems);
    }
    if there.contains_key(RECORDS) && !whole(RECORDS) {
        let intact = there.iter().filter(|(name, _)| **name != RECORDS && (whole(name) || !sealed));
        let intact: BTreeMap<&str, &Digests> = intact.map(|(name, (_, found))| (*name, found)).collect();
        found.problems.extend(damaged_listing(folder, &intact, manifest, sealed));
    }
}

/// Plain names only: a manifest must not lead out of its folder.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name != MANIFEST && !name.contains(['/', '\\']) && !name.starts_with('.')
}

/// The digests that `records.sha256` lists, by file; lines that are no such entry are passed over.
fn records(path: &Path) -> BTreeMap<String, Vec<Short>> {
    let mut listed: BTreeMap<String, Vec<Short>> = BTreeMap::new();
    let text = std::fs::read(path).unwrap_or_default();
    for line in String::from_utf8_lossy(&text).lines() {
        let entry = line.split_once("  ").and_then(|(hex, place)| Some((short(hex)?, place.rsplit_once(':')?)));
        if let Some((digest, (name, number))) = entry
            && let Ok(number) = number.parse::<usize>()
        {
            let lines = listed.entry(name.to_owned()).or_default();
            // An entry that is damaged leaves a gap, which no line of the file equals.
            if number > lines.len() && number - lines.len() <= text.len() / 20 + 1 {
                lines.resize(number, Short::default());
                lines[number - 1] = digest;
            }
        }
    }
    listed
}

fn short(hex: &str) -> Option<Short> {
    let mut digest = Short::default();
    if hex.len() != 2 * digest.len() || !hex.is_ascii() {
        return None;
    }
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(digest)
}

fn damaged_lines(folder: &Path, name: &str, digests: &Digests, written: &[Short]) -> Vec<Problem> {
    if written.is_empty() {
        return Vec::new();
    }
    let faults = faults(&digests.lines, written);
    let mut problems: Vec<Problem> = faults
        .iter()
        .take(NAMED)
        .map(|fault| match fault {
            Fault::Changed(line) => {
                let place = digests.place(*line);
                let mut problem = Problem::new(folder, name, "changed", "changed after it was written".to_owned());
                problem.id = id_at(&folder.join(name), place);
                problem.at(*line, place)
            }
            Fault::Lost(line, lost) => {
                let detail = format!("{} records are missing before this line", count(*lost));
                Problem::new(folder, name, "lost", detail).at(*line, digests.place(*line))
            }
        })
        .collect();
    if faults.len() > NAMED {
        let detail = format!("{} more lines of this file are not as they were written", count(faults.len() - NAMED));
        problems.push(Problem::new(folder, name, "changed", detail));
    }
    problems
}

/// Lines of `records.sha256` that are not what the files, themselves intact, ask for. Lines of damaged files cannot
/// be judged.
fn damaged_listing(
    folder: &Path,
    intact: &BTreeMap<&str, &Digests>,
    manifest: &Manifest,
    sealed: bool,
) -> Vec<Problem> {
    let mut expected: HashSet<String> = HashSet::new();
    for (name, digests) in intact {
        let lines = digests.lines.iter().enumerate();
        expected.extend(lines.map(|(at, digest)| format!("{}  {name}:{}", lower_hex(digest), at + 1)));
    }
    let damaged: HashSet<&str> =
        manifest.files.keys().map(String::as_str).filter(|name| !intact.contains_key(name)).collect();
    let of_damaged = |entry: &str| {
        let name = entry.split_once("  ").and_then(|(_, place)| place.rsplit_once(':'));
        name.is_some_and(|(name, _)| damaged.contains(name))
    };
    let text = std::fs::read(folder.join(RECORDS)).unwrap_or_default();
    let mut problems = Vec::new();
    let mut byte = 0;
    for (at, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let place = [byte, byte + line.len() as u64];
        byte = place[1];
        let entry = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line)).into_owned();
        if !of_damaged(&entry) && (!expected.remove(&entry) || !line.ends_with(b"\n")) {
            let detail = "this digest was changed; the record it stands for is intact".to_owned();
            problems.push(Problem::new(folder, RECORDS, "changed", detail).at(at + 1, place));
        }
    }
    // Where the manifest itself is damaged, its word about this file is not enough.
    if problems.is_empty() && (sealed || !expected.is_empty()) {
        let detail = format!("{} of its lines are missing", count(expected.len()));
        problems.push(Problem::new(folder, RECORDS, "lost", detail));
    }
    problems.truncate(NAMED);
    problems
}

/// The id that a damaged line still shows.
fn id_at(path: &Path, place: [u64; 2]) -> Option<String> {
    let mut file = std::fs::File::open(path).ok()?;
    file.seek(SeekFrom::Start(place[0])).ok()?;
    let mut line = Vec::new();
    file.take((place[1] - place[0]).min(LINE_LOOKED_AT)).read_to_end(&mut line).ok()?;
    let text = String::from_utf8_lossy(&line);
    let (_, rest) = text.split_once("\"id\":\"")?;
    let (id, _) = rest.split_once('"')?;
    Some(id.chars().take(200).collect())
}

/// Files that lie in the folder and that the manifest does not know; hidden ones are working files of the verbs.
fn strangers(folder: &Path, manifest: &Manifest) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> =
        names.filter(|name| name != MANIFEST && !name.starts_with('.') && !manifest.files.contains_key(name)).collect();
    names.sort();
    names
}
