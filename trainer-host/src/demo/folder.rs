//! The folder that the demo fills: a copy of the base and the guide, so that it can be played with.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use halligan_finetune::{
    chat::Message,
    dataset::{self, Content, Row},
};
use serde::Deserialize;

use crate::{about, cli::DemoArgs, outputs, progress::count, rows};

/// Marks a folder as one of ours, which a later demo may replace.
const MARK: &str = ".halligan-demo";
const GUIDE_FILES: [&str; 7] = [
    "field-guide.md",
    "train.jsonl",
    "gate.jsonl",
    "heldout.jsonl",
    "corrections.jsonl",
    "calibration.jsonl",
    "out_of_domain.jsonl",
];

/// A correction that the demo gives.
#[derive(Debug, Deserialize)]
pub(super) struct Correction {
    /// Id of the fact.
    pub id: String,
    /// What is asked.
    pub question: String,
    /// The right answer.
    pub correction: String,
    /// What a right answer contains.
    pub value: String,
    /// Other wordings, never given to the device.
    pub reworded: Vec<String>,
}

/// A fresh demo folder.
pub(super) struct DemoFolder {
    path: PathBuf,
}

impl DemoFolder {
    /// Makes the folder and copies base and guide into it. An earlier demo there is removed; any other
    /// content is not touched.
    pub fn make(args: &DemoArgs) -> anyhow::Result<Self> {
        let path = args.dir.clone();
        if path.exists() {
            remove_earlier(&path)?;
        }
        let failed = |error: std::io::Error| {
            anyhow::anyhow!(
                "cannot make the demo folder {}: {error}; choose another with HALLIGAN_DEMO_DIR",
                path.display()
            )
        };
        std::fs::create_dir_all(path.join("guide")).map_err(failed)?;
        std::fs::write(path.join(MARK), "Made by halligan-host demo; the next demo replaces this folder.\n")
            .map_err(failed)?;
        copy(&args.base, &path.join("base.gguf"))?;
        for name in GUIDE_FILES {
            copy(&args.guide.join(name), &path.join("guide").join(name))?;
        }
        let folder = Self { path };
        folder.write_correction_questions()?;
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the guide's files hold, in one paragraph.
    pub fn describe_guide(&self) -> anyhow::Result<String> {
        let rows_in = |name: &str| rows::read(&self.path.join("guide").join(name));
        let (train, held_out) = (rows_in("train.jsonl")?, rows_in("heldout.jsonl")?);
        let facts: BTreeSet<&String> = train.iter().filter_map(|row| row.id.as_ref()).collect();
        Ok(format!(
            "guide/field-guide.md   demonstration text on wildland fire, hazmat, search and rescue\n\
             guide/train.jsonl      {} rows over {} facts\n\
             guide/heldout.jsonl    {} questions in wordings that are never trained",
            count(train.len()),
            count(facts.len()),
            count(held_out.len())
        ))
    }

    /// The held-out questions of these facts; the first ones of the file where a fact is not there.
    pub fn questions_of(&self, facts: &[&str]) -> anyhow::Result<Vec<String>> {
        let rows = rows::read(&self.path.join("guide/heldout.jsonl"))?;
        let question = |row: &Row| row.messages().and_then(|turns| turns.first()).map(|turn| turn.content.clone());
        let wanted = facts.iter().enumerate().filter_map(|(index, fact)| {
            let named = rows.iter().find(|row| row.id.as_deref() == Some(*fact));
            question(named.or(rows.get(index))?)
        });
        Ok(wanted.collect())
    }

    /// The corrections that the demo gives.
    pub fn corrections(&self) -> anyhow::Result<Vec<Correction>> {
        let path = self.path.join("guide/corrections.jsonl");
        let text = std::fs::read_to_string(&path).map_err(|error| about(&path, error))?;
        let parse = |line: &str| serde_json::from_str(line).map_err(|error| about(&path, error));
        text.lines().filter(|line| !line.trim().is_empty()).map(parse).collect()
    }

    /// The held-out questions whose facts are not corrected, as a path inside the folder.
    pub fn rest(&self, corrections: &[Correction]) -> anyhow::Result<&'static str> {
        let all = rows::read(&self.path.join("guide/heldout.jsonl"))?;
        let corrected: BTreeSet<&str> = corrections.iter().map(|correction| correction.id.as_str()).collect();
        let other = |row: &&Row| row.id.as_deref().is_none_or(|id| !corrected.contains(id));
        let rest: Vec<Row> = all.iter().filter(other).cloned().collect();
        if rest.len() == all.len() {
            return Ok("guide/heldout.jsonl");
        }
        dataset::write_rows(self.path.join("rest.jsonl"), &rest)?;
        Ok("rest.jsonl")
    }

    /// Writes the corrected questions as asked, and in their other wordings.
    fn write_correction_questions(&self) -> anyhow::Result<()> {
        let corrections = self.corrections()?;
        let asked: Vec<Row> = corrections.iter().map(|each| row(each, &each.question)).collect();
        let reworded = |each: &Correction| each.reworded.iter().map(|question| row(each, question)).collect::<Vec<_>>();
        let reworded: Vec<Row> = corrections.iter().flat_map(reworded).collect();
        dataset::write_rows(self.path.join("corrected.jsonl"), &asked)?;
        dataset::write_rows(self.path.join("reworded.jsonl"), &reworded)?;
        Ok(())
    }
}

fn row(correction: &Correction, question: &str) -> Row {
    Row {
        line: 0,
        content: Content::Messages(vec![
            Message::new("user", question),
            Message::new("assistant", correction.correction.as_str()),
        ]),
        id: Some(correction.id.clone()),
        group: None,
        value: Some(correction.value.clone()),
        contradicts: Vec::new(),
    }
}

fn remove_earlier(path: &Path) -> anyhow::Result<()> {
    let unreadable = |error: std::io::Error| about(path, error);
    let empty = path.is_dir() && std::fs::read_dir(path).map_err(unreadable)?.next().is_none();
    if empty {
        return Ok(());
    }
    if !path.join(MARK).is_file() {
        anyhow::bail!(
            "{} is there already and is no demo folder; move it away or set HALLIGAN_DEMO_DIR",
            path.display()
        );
    }
    std::fs::remove_dir_all(path).map_err(|error| {
        anyhow::anyhow!("cannot remove the earlier demo {}: {error}; remove it by hand", path.display())
    })
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if !from.is_file() {
        anyhow::bail!("{} is missing; run the demo from the root of the repository", from.display());
    }
    outputs::check_file(to)?;
    std::fs::copy(from, to)
        .map(|_| ())
        .map_err(|error| anyhow::anyhow!("cannot copy {} to {}: {error}", from.display(), to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_that_is_not_a_demo_is_never_removed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mine.txt"), "x").unwrap();
        assert!(remove_earlier(folder.path()).unwrap_err().to_string().contains("no demo folder"));
        assert!(folder.path().join("mine.txt").exists());
    }

    #[test]
    fn earlier_demo_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("demo");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join(MARK), "").unwrap();
        remove_earlier(&path).unwrap();
        assert!(!path.exists());
    }
}
