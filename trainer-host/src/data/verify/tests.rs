//! Damage of every kind to a dataset, and what `verify` says about it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::super::chunk::{Chunk, ChunkKind, Measured, Place};
use super::super::ledger::{Left, Origin, Skipped, Template};
use super::super::manifest::{MANIFEST, RATINGS, RECORDS};
use super::super::review::rating::{Journal, Rating, Verdict};
use super::super::review::sample::sample_of;
use super::super::row::Row;
use super::super::writer::{Closing, DatasetWriter};
use super::*;

/// A dataset with a record of every sort, a review in it, and rows of two splits.
fn dataset(folder: &Path) {
    let mut writer = DatasetWriter::create(folder, "generate", false).unwrap();
    let template = Template::new("record", "distance", "The distance for {{ name }}.");
    let mut rows = Vec::new();
    for at in 0..4_u64 {
        let text = format!("Item {at} lies at marker {}.", at * 7);
        let bytes = [at * 100, at * 100 + text.len() as u64];
        let chunk = Chunk {
            cleaned: Vec::new(),
            fields: Vec::new(),
            heading: vec!["Items".to_owned()],
            id: Chunk::name("5f5f5f5f5f5f5f5f", bytes, &text),
            kind: ChunkKind::Prose,
            language: None,
            path: "a.md".to_owned(),
            place: Place { bytes, lines: [at + 1, at + 1], measured: Measured::File, page: None },
            source: "5f5f5f5f5f5f5f5f".to_owned(),
            text,
            tokens: 9,
        };
        writer.chunk(&chunk).unwrap();
        let mut row = Row::of_answer("record", &format!("g{at}"), &format!("Where is item {at}?"), &chunk.text);
        (row.chunks, row.template) = (vec![chunk.id], Some(template.id.clone()));
        let rating = Rating::new(&row.id, "ann", Verdict::Good, "2026-01-02T03:04:05Z");
        row.ratings.push(rating.id.clone());
        writer.record(RATINGS, &rating).unwrap();
        writer.row(&row).unwrap();
        writer.record("train.jsonl", &row).unwrap();
        writer.origin(Origin { bytes: None, id: row.id.clone(), input: "00".to_owned(), line: at + 1 });
        rows.push(row);
    }
    writer.template(template);
    let skipped = Skipped {
        content: Some(json!({"a": 0.1})),
        detail: "it is short".to_owned(),
        id: "b.md".to_owned(),
        reason: "empty".to_owned(),
        stage: "ingest".to_owned(),
        what: Left::File,
    };
    writer.skipped(&skipped).unwrap();
    writer.finish(Closing { recipe: vec!["generate".to_owned()], ..Closing::default() }).unwrap();
    sample_of(folder, &rows, Some(0.5), Some(3)).unwrap();
    let ratings = rows.iter().map(|row| Rating::new(&row.id, "bob", Verdict::Bad, "2026-01-03T03:04:05Z"));
    Journal::open(folder).unwrap().add(&ratings.collect::<Vec<_>>()).unwrap();
}

fn problems(folder: &Path) -> Vec<Problem> {
    let mut report = Report::default();
    check_dataset(folder, &mut report);
    report.problems
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for part in [folder.to_path_buf(), folder.join(".review")] {
        for entry in std::fs::read_dir(&part).unwrap().flatten().filter(|entry| entry.path().is_file()) {
            let name = entry.path().strip_prefix(folder).unwrap().display().to_string();
            found.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
    found
}

#[test]
fn every_byte_that_is_flipped_is_named_by_its_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    dataset(folder.path());
    assert_eq!(problems(folder.path()), []);
    let all = files(folder.path());
    let expected =
        [".review/ratings.jsonl", ".review/sample.json", "chunks.jsonl", MANIFEST, "origins.jsonl", "ratings.jsonl"];
    assert!(expected.iter().all(|name| all.contains_key(*name)), "{:?}", all.keys());
    for (name, bytes) in &all {
        let path = folder.path().join(name);
        let mut line = 1;
        for at in 0..bytes.len() {
            // Every bit in turn, so that letters, digits, quotes and line ends all become something else.
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            std::fs::write(&path, &damaged).unwrap();
            let found = problems(folder.path());
            let here = |problem: &Problem| problem.file == *name && problem.line == Some(line);
            assert!(found.iter().any(here), "byte {at} of {name}, line {line}: {found:?}");
            assert!(found.iter().all(|problem| problem.file == *name), "byte {at} of {name}: {found:?}");
            line += usize::from(bytes[at] == b'\n');
        }
        std::fs::write(&path, bytes).unwrap();
    }
    assert_eq!(problems(folder.path()), []);
}

#[test]
fn lost_lines_and_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    dataset(folder.path());
    let path = folder.path().join("rows.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    std::fs::write(&path, [lines[0], lines[2], lines[3], ""].join("\n")).unwrap();
    let found = problems(folder.path());
    assert_eq!((found.len(), found[0].line, found[0].reason), (1, Some(2), "lost"), "{found:?}");
    std::fs::write(&path, &text[..text.len() - 1]).unwrap();
    let found = problems(folder.path());
    assert_eq!((found.len(), found[0].line), (1, Some(4)), "{found:?}");
    std::fs::write(&path, &text).unwrap();
    std::fs::remove_file(folder.path().join(RECORDS)).unwrap();
    let found = problems(folder.path());
    assert_eq!((found.len(), found[0].file.as_str(), found[0].reason), (1, RECORDS, "unreadable"), "{found:?}");
}

#[test]
fn record_that_was_edited_and_hashed_again_has_not_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = DatasetWriter::create(folder.path(), "import", false).unwrap();
    let row = Row::of_answer("record", "g", "How far?", "150 feet.");
    let forged = Row { id: row.id.clone(), ..Row::of_answer("record", "g", "How far?", "15 feet.") };
    let dangling = Row { chunks: vec!["77".to_owned()], ..Row::of_answer("record", "h", "Where?", "Here.") };
    writer.row(&forged).unwrap();
    writer.row(&dangling).unwrap();
    writer.finish(Closing::default()).unwrap();
    let found = problems(folder.path());
    let named: Vec<_> = found.iter().map(|problem| (problem.line, problem.reason)).collect();
    assert_eq!(named, [(Some(1), "forged"), (Some(2), "forged")], "{found:?}");
    assert!(found[1].detail.contains("its chunk 77 is not in the dataset"));
}

#[test]
fn manifest_cannot_lead_out_of_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    dataset(folder.path());
    let path = folder.path().join(MANIFEST);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("chunks.jsonl", "../../etc/x", 1)).unwrap();
    let found = problems(folder.path());
    assert!(found.iter().any(|problem| problem.detail.contains("is not in this folder")), "{found:?}");
}
