//! Reading a dataset folder.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use halligan_finetune::dataset::LINE_BYTES_MAX;
use serde::de::DeserializeOwned;

use super::canonical::sha256_hex;
use super::chunk::Chunk;
use super::ledger::{Skipped, Template};
use super::manifest::{CHUNKS, MANIFEST, Manifest, Parent, ROWS, SCHEMA, SKIPPED, TEMPLATES};
use super::row::Row;

/// A dataset folder that is open for reading.
#[derive(Debug)]
pub struct Dataset {
    /// The folder as it is named.
    pub folder: PathBuf,
    /// Where it lies; see [`redirected`](super::places::redirected).
    place: PathBuf,
    /// What it says about itself.
    pub manifest: Manifest,
    /// SHA-256 of `manifest.json`.
    pub manifest_sha256: String,
}

impl Dataset {
    /// Opens the folder: reads and checks its manifest, nothing else.
    ///
    /// # Errors
    /// No dataset there, a manifest that cannot be read, or one of a newer layout.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let place = super::places::actual(folder);
        let path = place.join(MANIFEST);
        let bytes = std::fs::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => anyhow::anyhow!(
                "{}: no dataset, {MANIFEST} is missing; make one with `halligan-host data ingest PATH.. -o DIR`",
                folder.display()
            ),
            std::io::ErrorKind::NotADirectory => anyhow::anyhow!(
                "{}: a file, where a dataset folder is expected; give the folder as DIR",
                folder.display()
            ),
            _ => anyhow::anyhow!("{}: {error}; check its permissions", path.display()),
        })?;
        let manifest: Manifest = serde_json::from_slice(&bytes)
            .map_err(|error| anyhow::anyhow!("{}: not a manifest ({error}); make the dataset again", path.display()))?;
        anyhow::ensure!(
            manifest.schema == SCHEMA,
            "{}: layout {} of a dataset, this program reads {SCHEMA}; use the program that wrote it ({})",
            path.display(),
            manifest.schema,
            manifest.tool
        );
        Ok(Self { folder: folder.to_path_buf(), place, manifest, manifest_sha256: sha256_hex(&bytes) })
    }

    /// This dataset as the parent of another.
    pub fn as_parent(&self) -> Parent {
        Parent {
            manifest_sha256: self.manifest_sha256.clone(),
            parents: self.manifest.parents.clone(),
            recipe: self.manifest.recipe.clone(),
            path: self.folder.display().to_string(),
            stage: self.manifest.stage.clone(),
            version: self.manifest.version.clone(),
        }
    }

    /// Its chunks, in order.
    ///
    /// # Errors
    /// A file that cannot be opened; each record has its own.
    pub fn chunks(&self) -> anyhow::Result<Records<Chunk>> {
        self.records(CHUNKS)
    }

    /// Its rows, in order.
    ///
    /// # Errors
    /// As [`Dataset::chunks`].
    pub fn rows(&self) -> anyhow::Result<Records<Row>> {
        self.records(ROWS)
    }

    /// What was left out on the way.
    ///
    /// # Errors
    /// As [`Dataset::chunks`].
    pub fn skipped(&self) -> anyhow::Result<Records<Skipped>> {
        self.records(SKIPPED)
    }

    /// Its templates.
    ///
    /// # Errors
    /// As [`Dataset::chunks`].
    pub fn templates(&self) -> anyhow::Result<Records<Template>> {
        self.records(TEMPLATES)
    }

    /// Records of the file `name`; none where the dataset has no such file.
    ///
    /// # Errors
    /// A file that the manifest names and that cannot be opened.
    pub fn records<T: DeserializeOwned>(&self, name: &str) -> anyhow::Result<Records<T>> {
        let path = self.place.join(name);
        let lines = if self.manifest.files.contains_key(name) { Some(Lines::open(&path)?) } else { None };
        Ok(Records { lines, record: PhantomData })
    }
}

/// Lines of a file, bounded in length.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    line: usize,
    bytes: [u64; 2],
}

impl Lines {
    /// Opens the file.
    ///
    /// # Errors
    /// What the system said, with the path.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).map_err(|error| anyhow::anyhow!("{}: {error}; check the path", path.display()))?;
        Ok(Self { path: path.to_path_buf(), reader: BufReader::with_capacity(1 << 16, file), line: 0, bytes: [0, 0] })
    }

    /// First byte of the line that was read last, and the byte after its end.
    pub fn bytes(&self) -> [u64; 2] {
        self.bytes
    }

    /// The next line without its end, and its number from 1.
    ///
    /// # Errors
    /// A line over [`LINE_BYTES_MAX`], or what the system said.
    pub fn next_line(&mut self) -> anyhow::Result<Option<(usize, Vec<u8>)>> {
        let mut bytes = Vec::new();
        self.line += 1;
        let mut limited = (&mut self.reader).take(LINE_BYTES_MAX + 1);
        let count = limited.read_until(b'\n', &mut bytes).map_err(|error| crate::about(&self.path, error))?;
        if count == 0 {
            return Ok(None);
        }
        self.bytes = [self.bytes[1], self.bytes[1] + count as u64];
        anyhow::ensure!(
            bytes.len() as u64 <= LINE_BYTES_MAX,
            "{}:{}: the line is longer than {LINE_BYTES_MAX} bytes; split the record",
            self.path.display(),
            self.line
        );
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        Ok(Some((self.line, bytes)))
    }
}

/// Records of a JSONL file, one after the other.
#[derive(Debug)]
pub struct Records<T> {
    lines: Option<Lines>,
    record: PhantomData<T>,
}

impl<T: DeserializeOwned> Iterator for Records<T> {
    type Item = anyhow::Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let lines = self.lines.as_mut()?;
        match lines.next_line() {
            Ok(None) => None,
            Ok(Some((line, bytes))) => Some(serde_json::from_slice(&bytes).map_err(|error| {
                let path = lines.path.display();
                anyhow::anyhow!("{path}:{line}: not a record of this file ({error}); see `halligan-host data verify`")
            })),
            Err(error) => {
                self.lines = None;
                Some(Err(error))
            }
        }
    }
}
