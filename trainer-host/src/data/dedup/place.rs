//! Where `data dedup` reads and writes: no run may cost a file that it did not make itself.

use std::path::{Path, PathBuf};

use super::DedupArgs;
use crate::data::dataset::Lines;
use crate::data::ledger::Skipped;
use crate::data::manifest::MANIFEST;
use crate::data::places::actual;
use crate::outputs::{Place, check_apart, check_file};

/// The file beside `output` that says which rows went and why.
pub fn ledger(output: &Path) -> PathBuf {
    output.with_extension("skipped.jsonl")
}

/// Checks input and output before any work; whether the input is a dataset folder.
///
/// # Errors
/// An input that is no dataset and no file, an output over the input, over something that is no file, or beside a
/// foreign file of the ledger's name.
pub fn check(args: &DedupArgs) -> anyhow::Result<bool> {
    let input = [Place::new("the input", &args.input)];
    let place = actual(&args.input);
    if place.is_dir() {
        check_apart(&input, &[Place::new("-o", &args.output)])?;
        anyhow::ensure!(
            place.join(MANIFEST).exists(),
            "{}: no dataset, {MANIFEST} is missing; give a dataset folder or a JSONL file",
            args.input.display()
        );
        return Ok(true);
    }
    anyhow::ensure!(
        !place.exists() || place.is_file(),
        "{}: no regular file, and it is read twice; save what comes out of it to a file first",
        args.input.display()
    );
    let ledger = ledger(&args.output);
    check_apart(&input, &[Place::new("-o", &args.output), Place::new("the list of what goes", &ledger)])?;
    check_file(&args.output)?;
    check_file(&ledger)?;
    anyhow::ensure!(
        args.force || is_own(&ledger),
        "{} is there and no list of `data dedup`; the rows that go would be named in it: give -o another name, or --force",
        ledger.display()
    );
    Ok(false)
}

/// Whether there is no file, an empty one, or one that begins with a record of this verb.
fn is_own(ledger: &Path) -> bool {
    let first = || Lines::open(ledger).ok()?.next_line().ok()?;
    let is_record =
        |bytes: &[u8]| serde_json::from_slice::<Skipped>(bytes).is_ok_and(|skipped| skipped.stage == "dedup");
    match ledger.metadata() {
        Ok(found) if found.len() > 0 => first().is_some_and(|(_, bytes)| is_record(&bytes)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_own_list_may_be_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.skipped.jsonl");
        let is_own_with = |content: &str| {
            std::fs::write(&path, content).unwrap();
            is_own(&path)
        };
        assert!(is_own(&path) && is_own_with(""));
        let record = r#"{"detail":"d","id":"a","reason":"near_duplicate","stage":"dedup","what":"row"}"#;
        assert!(is_own_with(record));
        assert!(!is_own_with(&record.replace("dedup", "filter")) && !is_own_with("{\"id\":\"a\",\"text\":\"x\"}\n"));
        assert!(!is_own_with("my notes\n"));
    }
}
