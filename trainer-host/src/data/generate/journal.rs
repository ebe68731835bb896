//! Replies of a model as they come, on the disk: a run that was killed goes on after its last whole wave.
//!
//! One line for each wave of tasks. A wave is asked again whole if its line is missing or cut off, because answers
//! depend in their last bits on which requests shared a decode step.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Name in the dataset folder; gone when the run is done.
const JOURNAL: &str = ".generate-journal.jsonl";

/// What became of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// A pair.
    Pair {
        /// The question.
        question: String,
        /// The answer.
        answer: String,
        /// Seed of the try that gave it.
        seed: u64,
        /// Mean probability that the model gave to its tokens.
        confidence: Option<f32>,
    },
    /// None; the last try.
    Failed {
        /// One word for a program.
        reason: String,
        /// What was seen.
        detail: String,
        /// What the model wrote.
        text: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct Wave {
    fingerprint: String,
    wave: usize,
    tokens: usize,
    replies: Vec<Reply>,
}

/// The journal of a run.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    fingerprint: String,
    waves: BTreeMap<usize, (Vec<Reply>, usize)>,
}

impl Journal {
    /// Opens the journal in `folder` and reads the waves that were asked under the same fingerprint.
    ///
    /// # Errors
    /// A folder that takes no files.
    pub fn open(folder: &Path, fingerprint: &str) -> anyhow::Result<Self> {
        let path = folder.join(JOURNAL);
        let refused = |error| crate::about(&path, error);
        let mut file =
            OpenOptions::new().create(true).read(true).write(true).truncate(false).open(&path).map_err(refused)?;
        let mut waves = BTreeMap::new();
        let mut reader = BufReader::new(&file);
        let (mut sound, mut line) = (0, Vec::new());
        loop {
            line.clear();
            let count = reader.read_until(b'\n', &mut line).map_err(refused)?;
            let whole = line.last() == Some(&b'\n');
            let Some(wave) = serde_json::from_slice::<Wave>(&line).ok().filter(|_| whole) else { break };
            sound += count as u64;
            if wave.fingerprint == fingerprint {
                waves.insert(wave.wave, (wave.replies, wave.tokens));
            }
        }
        // What follows was cut off; other settings leave nothing that could be used.
        let keep = if waves.is_empty() { 0 } else { sound };
        file.set_len(keep).and_then(|()| file.seek(SeekFrom::End(0))).map_err(refused)?;
        Ok(Self { path, file, fingerprint: fingerprint.to_owned(), waves })
    }

    /// Replies of a wave and the tokens they took, if it was asked before.
    pub fn find(&self, wave: usize) -> Option<&(Vec<Reply>, usize)> {
        self.waves.get(&wave)
    }

    /// Notes a wave; it is on the disk when this returns.
    ///
    /// # Errors
    /// A disk that takes no more.
    pub fn done(&mut self, wave: usize, replies: &[Reply], tokens: usize) -> anyhow::Result<()> {
        let entry = Wave { fingerprint: self.fingerprint.clone(), wave, tokens, replies: replies.to_vec() };
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        written.map_err(|error| crate::about(&self.path, error))
    }

    /// Takes the journal away when nothing of it is needed any more.
    pub fn remove(self) {
        // A journal that stays is only looked at in vain next time.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Drop for Journal {
    /// A run that failed before its first wave has nothing to go on with.
    fn drop(&mut self) {
        if self.file.metadata().is_ok_and(|facts| facts.len() == 0) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(question: &str) -> Reply {
        Reply::Pair { question: question.to_owned(), answer: "a".to_owned(), seed: 1, confidence: Some(0.25) }
    }

    #[test]
    fn whole_waves_of_the_same_run_are_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), "f").unwrap();
        journal.done(0, &[pair("one")], 5).unwrap();
        journal.done(1, &[pair("two")], 6).unwrap();
        drop(journal);
        let path = folder.path().join(JOURNAL);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 9]).unwrap();
        let mut again = Journal::open(folder.path(), "f").unwrap();
        assert_eq!(again.find(0), Some(&(vec![pair("one")], 5)));
        assert_eq!(again.find(1), None);
        again.done(1, &[pair("two")], 6).unwrap();
        drop(again);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        let other = Journal::open(folder.path(), "g").unwrap();
        assert_eq!(other.find(0), None);
        other.remove();
        assert!(!path.exists());
    }
}
