//! What earlier runs did already: unchanged files are taken from the finished dataset in the same folder, or from
//! the journal of a run that was interrupted, instead of being read again.
//!
//! A file is known by its path and content, and only by a run with the same settings and program version.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Take, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::dataset::Dataset;
use super::super::ledger::Skipped;
use super::super::manifest::{CHUNKS, Source};

/// Journal of a run in its dataset folder; gone when the run is done.
const JOURNAL: &str = ".ingest-journal.jsonl";
/// Where the manifest's summary keeps the fingerprint of the settings.
pub const FINGERPRINT: &str = "settings_sha256";

/// Reason of a note on a file that could not be read, or not to its end.
pub const UNREADABLE: &str = "unreadable";

/// Reason of a remark on a pattern of the schema that fits no file.
pub const NO_FILE: &str = "no_file";
/// Reasons that each run finds anew, though they may name a file that was read.
const OF_THE_RUN: [&str; 2] = [NO_FILE, super::files::GIVEN_TWICE];

/// A source that was read before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Known {
    /// What the manifest says about it.
    pub source: Source,
    /// What the report said about it.
    pub notes: Vec<Skipped>,
    /// Settings that it was read with.
    fingerprint: String,
    /// Bytes of its chunks' lines, right after this line in the journal.
    bytes: u64,
    #[serde(skip)]
    at: Option<(PathBuf, u64)>,
}

/// Sources of earlier runs, by id.
#[derive(Debug, Default)]
pub struct Earlier {
    known: HashMap<String, Known>,
    /// Bytes of the journal that are whole entries.
    pub journal_bytes: u64,
}

impl Earlier {
    /// Looks into `folder` for what was read with these settings.
    pub fn look(folder: &Path, fingerprint: &str) -> Self {
        let mut earlier = Self::default();
        // Whatever is damaged or missing is only read again.
        let _ = earlier.of_dataset(folder, fingerprint);
        let _ = earlier.of_journal(folder, fingerprint);
        earlier
    }

    fn of_dataset(&mut self, folder: &Path, fingerprint: &str) -> anyhow::Result<()> {
        let dataset = Dataset::open(folder)?;
        let same = dataset.manifest.summary.get(FINGERPRINT).and_then(|value| value.as_str()) == Some(fingerprint);
        let path = folder.join(CHUNKS);
        let sound = || {
            let facts = dataset.manifest.files.get(CHUNKS)?;
            Some(halligan_finetune::gguf::file_sha256(&path).ok()? == facts.sha256)
        };
        if !same || sound() != Some(true) {
            return Ok(());
        }
        let mut notes: HashMap<String, Vec<Skipped>> = HashMap::new();
        for skipped in dataset.skipped()? {
            let skipped = skipped?;
            if !OF_THE_RUN.contains(&skipped.reason.as_str()) {
                notes.entry(skipped.id.clone()).or_default().push(skipped);
            }
        }
        let mut reader = BufReader::new(File::open(&path)?);
        let (mut offset, mut line) = (0, Vec::new());
        for source in &dataset.manifest.sources {
            let start = offset;
            for _ in 0..source.chunks {
                line.clear();
                offset += reader.read_until(b'\n', &mut line)? as u64;
            }
            let notes = notes.remove(&super::files::joined(&source.root, &source.path)).unwrap_or_default();
            // A file that broke off while it was read is to be read again.
            if notes.iter().any(|note| note.reason == UNREADABLE) {
                continue;
            }
            self.known.insert(
                source.id.clone(),
                Known {
                    source: source.clone(),
                    notes,
                    fingerprint: fingerprint.to_owned(),
                    bytes: offset - start,
                    at: Some((path.clone(), start)),
                },
            );
        }
        Ok(())
    }

    fn of_journal(&mut self, folder: &Path, fingerprint: &str) -> anyhow::Result<()> {
        let path = folder.join(JOURNAL);
        let length = std::fs::metadata(&path)?.len();
        let mut reader = BufReader::new(File::open(&path)?);
        let (mut offset, mut line) = (0_u64, Vec::new());
        loop {
            line.clear();
            let count = reader.read_until(b'\n', &mut line)? as u64;
            let Ok(mut known) = serde_json::from_slice::<Known>(&line) else { return Ok(()) };
            offset += count;
            // The last entry may be cut off where the run was.
            if offset + known.bytes > length {
                return Ok(());
            }
            let start = offset;
            offset += known.bytes;
            reader.seek(SeekFrom::Start(offset))?;
            self.journal_bytes = offset;
            if known.fingerprint == fingerprint {
                known.at = Some((path.clone(), start));
                self.known.insert(known.source.id.clone(), known);
            }
        }
    }

    /// The source with this id and the lines of its chunks.
    pub fn find(&self, id: &str) -> Option<(Known, Vec<u8>)> {
        let (known, mut reader) = self.open(id)?;
        let mut lines = Vec::new();
        reader.read_to_end(&mut lines).ok()?;
        (lines.len() as u64 == known.bytes).then_some((known, lines))
    }

    /// The source with this id and a reader of the lines of its chunks, which may be many.
    pub fn open(&self, id: &str) -> Option<(Known, BufReader<Take<File>>)> {
        let known = self.known.get(id)?;
        let (path, at) = known.at.as_ref()?;
        let mut file = File::open(path).ok()?;
        let whole = file.metadata().is_ok_and(|facts| facts.len() >= at + known.bytes);
        file.seek(SeekFrom::Start(*at)).ok()?;
        whole.then(|| (known.clone(), BufReader::new(file.take(known.bytes))))
    }
}

impl Known {
    /// Whether it stands in the journal, where it stays until the dataset is written.
    pub fn in_journal(&self) -> bool {
        self.at.as_ref().is_some_and(|(path, _)| path.ends_with(JOURNAL))
    }
}

/// The journal of this run.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: BufWriter<File>,
    fingerprint: String,
}

impl Journal {
    /// Goes on after the `sound` bytes of the journal in `folder`; what follows them was cut off.
    ///
    /// # Errors
    /// A folder that takes no files.
    pub fn open(folder: &Path, fingerprint: &str, sound: u64) -> anyhow::Result<Self> {
        let path = folder.join(JOURNAL);
        let refused = |error| crate::about(&path, error);
        let mut file = OpenOptions::new().create(true).write(true).truncate(false).open(&path).map_err(refused)?;
        file.set_len(sound).and_then(|()| file.seek(SeekFrom::End(0))).map_err(refused)?;
        Ok(Self { path, file: BufWriter::new(file), fingerprint: fingerprint.to_owned() })
    }

    /// Notes a source that is done.
    ///
    /// # Errors
    /// A disk that takes no more.
    pub fn done(&mut self, source: &Source, notes: &[Skipped], lines: &[u8]) -> anyhow::Result<()> {
        let path = self.path.clone();
        self.done_by(source, notes, lines.len() as u64, |file| {
            file.write_all(lines).map_err(|error| crate::about(&path, error))
        })
    }

    /// As [`Journal::done`], for lines of `bytes` that `write` brings; whoever reads the journal passes over an entry
    /// that was cut off.
    ///
    /// # Errors
    /// A disk that takes no more.
    pub fn done_by(
        &mut self,
        source: &Source,
        notes: &[Skipped],
        bytes: u64,
        write: impl FnOnce(&mut BufWriter<File>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let known = Known {
            source: source.clone(),
            notes: notes.to_vec(),
            fingerprint: self.fingerprint.clone(),
            bytes,
            at: None,
        };
        let mut head = serde_json::to_vec(&known)?;
        head.push(b'\n');
        self.file.write_all(&head).map_err(|error| crate::about(&self.path, error))?;
        write(&mut self.file)
    }

    /// Hands everything to the system, so that it outlives the program.
    ///
    /// # Errors
    /// A disk that takes no more.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.file.flush().map_err(|error| crate::about(&self.path, error))
    }

    /// Takes the journal away when the dataset is written.
    pub fn remove(self) {
        // A journal that stays is only looked at in vain next time.
        let _ = std::fs::remove_file(&self.path);
    }
}
