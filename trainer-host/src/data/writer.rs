//! Writing a dataset folder: records stream to temporary files, the manifest comes last.
//!
//! Nothing of an earlier edition in the same folder changes before [`DatasetWriter::finish`]; then the files
//! are put in place one after the other, and the manifest at the end, so that a crash between two of them is
//! seen by `data verify` and mended by running the verb again.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufWriter, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use halligan_finetune::gguf::atomic_file::{part_of, sweep_parts, write_bytes_atomically};
use halligan_finetune::gguf::file_sha256;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::canonical::{ID_DIGITS, canonical_json, lower_hex};
use super::chunk::Chunk;
use super::dataset::{Dataset, Lines};
use super::ledger::{Origin, Skipped, Template};
use super::manifest::{
    CHUNKS, FileFacts, Input, MANIFEST, Manifest, ORIGINS, Parent, RECORDS, ROWS, SCHEMA, SKIPPED, Source, TEMPLATES,
    TokenCount,
};
use super::row::Row;

/// Version of a dataset that has no earlier edition.
const FIRST_VERSION: (u64, u64, u64) = (1, 0, 0);

/// What a stage says about the dataset when all records are written.
#[derive(Debug, Default)]
pub struct Closing {
    /// Words after `halligan-host data` that make it again, without output and `--json`; see [`Manifest::recipe`].
    pub recipe: Vec<String>,
    /// Seed of the stage, where chance had a part.
    pub seed: Option<u64>,
    /// How tokens were counted.
    pub tokenizer: Option<TokenCount>,
    /// What the stage counted.
    pub summary: BTreeMap<String, Value>,
    /// Version asked for; otherwise it follows from the earlier edition in the folder.
    pub version: Option<String>,
}

/// A dataset folder that is being written.
#[derive(Debug)]
pub struct DatasetWriter {
    folder: PathBuf,
    stage: String,
    parts: BTreeMap<String, Part>,
    templates: BTreeMap<String, Template>,
    origins: BTreeMap<String, Origin>,
    sources: BTreeMap<String, Source>,
    inputs: Vec<Input>,
    parents: Vec<Parent>,
}

/// A file under its temporary name.
#[derive(Debug)]
struct Part {
    file: BufWriter<NamedTempFile>,
    digest: Sha256,
    bytes: u64,
    /// First half of each record's SHA-256.
    records: Vec<[u8; ID_DIGITS / 2]>,
}

impl DatasetWriter {
    /// Starts a dataset in `folder`, which is made; an earlier edition there stays until the end. With `force` it
    /// takes the place of a dataset that another stage made.
    ///
    /// # Errors
    /// A folder that cannot be made or written, or one that holds other things than a dataset of this stage.
    pub fn create(folder: &Path, stage: &str, force: bool) -> anyhow::Result<Self> {
        crate::outputs::check_folder(folder)?;
        if folder.is_dir() && !folder.join(MANIFEST).exists() {
            let other = std::fs::read_dir(folder)?.flatten().find(|entry| {
                let name = entry.file_name();
                !name.to_string_lossy().starts_with('.')
            });
            if let Some(other) = other {
                anyhow::bail!(
                    "{} holds other files ({}); give a new folder for the dataset",
                    folder.display(),
                    other.file_name().display()
                );
            }
        }
        if let Ok(earlier) = Dataset::open(folder)
            && earlier.manifest.stage != stage
            && !force
        {
            anyhow::bail!(
                "{} holds a dataset that `{}` made; give a new folder to -o, or --force to put this one in its place",
                folder.display(),
                earlier.manifest.stage
            );
        }
        std::fs::create_dir_all(folder).map_err(|error| crate::about(folder, error))?;
        // Of runs that were killed while they wrote here.
        sweep_parts(folder);
        Ok(Self {
            folder: folder.to_path_buf(),
            stage: stage.to_owned(),
            parts: BTreeMap::new(),
            templates: BTreeMap::new(),
            origins: BTreeMap::new(),
            sources: BTreeMap::new(),
            inputs: Vec::new(),
            parents: Vec::new(),
        })
    }

    /// Names `parent` in the manifest and carries its sources, templates and origins along.
    ///
    /// # Errors
    /// Templates or origins that cannot be read.
    pub fn descend_from(&mut self, parent: &Dataset) -> anyhow::Result<()> {
        for template in parent.templates()? {
            self.template(template?);
        }
        for origin in parent.records::<Origin>(ORIGINS)? {
            self.origin(origin?);
        }
        parent.manifest.sources.iter().cloned().for_each(|source| self.source(source));
        self.inputs.extend(parent.manifest.inputs.iter().cloned());
        self.parents.push(parent.as_parent());
        Ok(())
    }

    /// Names a file that the stage read, under its `role`; returns its SHA-256.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn input(&mut self, role: &str, path: &Path) -> anyhow::Result<String> {
        let unreadable = |error| crate::about(path, error);
        let place = super::places::actual(path);
        let sha256 = file_sha256(&place).map_err(unreadable)?;
        let bytes = std::fs::metadata(&place).map_err(unreadable)?.len();
        let path = path.display().to_string();
        self.inputs.push(Input { bytes, path, role: role.to_owned(), sha256: sha256.clone() });
        Ok(sha256)
    }

    /// Adds a source to the manifest.
    pub fn source(&mut self, source: Source) {
        self.sources.insert(source.id.clone(), source);
    }

    /// Keeps a template; the same one twice is kept once.
    pub fn template(&mut self, template: Template) {
        self.templates.insert(template.id.clone(), template);
    }

    /// Says where an imported row stood; the first word counts.
    pub fn origin(&mut self, origin: Origin) {
        self.origins.entry(origin.id.clone()).or_insert(origin);
    }

    /// Adds a chunk.
    ///
    /// # Errors
    /// A disk that takes no more.
    pub fn chunk(&mut self, chunk: &Chunk) -> anyhow::Result<()> {
        self.record(CHUNKS, chunk)
    }

    /// Adds a row.
    ///
    /// # Errors
    /// A disk that takes no more.
    pub fn row(&mut self, row: &Row) -> anyhow::Result<()> {
        self.record(ROWS, row)
    }

    /// Says what was left out.
    ///
    /// # Errors
    /// A disk that takes no more.
    pub fn skipped(&mut self, skipped: &Skipped) -> anyhow::Result<()> {
        self.record(SKIPPED, skipped)
    }

    /// Adds a record to the JSONL file `name`.
    ///
    /// # Errors
    /// A disk that takes no more.
    pub fn record(&mut self, name: &str, record: &impl Serialize) -> anyhow::Result<()> {
        let line = canonical_json(record)?;
        self.line(name, line.as_bytes())
    }

    /// Adds a record that is canonical JSON already.
    ///
    /// # Errors
    /// A disk that takes no more.
    pub fn line(&mut self, name: &str, line: &[u8]) -> anyhow::Result<()> {
        let folder = &self.folder;
        if !self.parts.contains_key(name) {
            let part = Part::create(&folder.join(name)).map_err(|error| refused(folder, error))?;
            self.parts.insert(name.to_owned(), part);
        }
        match self.parts.get_mut(name) {
            Some(part) => part.line(line).map_err(|error| refused(folder, error)),
            None => Ok(()),
        }
    }

    /// Records written to the file `name` so far.
    pub fn count(&self, name: &str) -> usize {
        self.parts.get(name).map_or(0, |part| part.records.len())
    }

    /// Bytes written to the file `name` so far.
    pub fn bytes(&self, name: &str) -> u64 {
        self.parts.get(name).map_or(0, |part| part.bytes)
    }

    /// Copies what was written to the file `name` from the byte `from` on.
    ///
    /// # Errors
    /// A disk that takes no more, or gives nothing back.
    pub fn copy(&mut self, name: &str, from: u64, into: &mut impl Write) -> anyhow::Result<()> {
        let Some(part) = self.parts.get_mut(name) else { return Ok(()) };
        part.copy(from, into).map_err(|error| refused(&self.folder, error))
    }

    /// Puts all files in place, the manifest last.
    ///
    /// # Errors
    /// A disk that takes no more.
    pub fn finish(mut self, closing: Closing) -> anyhow::Result<Manifest> {
        for template in std::mem::take(&mut self.templates).into_values() {
            self.record(TEMPLATES, &template)?;
        }
        for origin in std::mem::take(&mut self.origins).into_values() {
            self.record(ORIGINS, &origin)?;
        }
        let mut listed = Vec::new();
        for (name, part) in &self.parts {
            let lines = part.records.iter().enumerate();
            listed.extend(lines.map(|(index, digest)| format!("{}  {name}:{}", lower_hex(digest), index + 1)));
        }
        for line in listed {
            self.line(RECORDS, line.as_bytes())?;
        }
        let earlier = Dataset::open(&self.folder).ok();
        let files: BTreeMap<String, FileFacts> =
            self.parts.iter().map(|(name, part)| (name.clone(), part.facts())).collect();
        let version = match &closing.version {
            Some(version) => version.clone(),
            None => self.version_after(earlier.as_ref(), &files)?,
        };
        let mut recipe = closing.recipe;
        recipe.extend(["--dataset-version".to_owned(), version.clone()]);
        for (name, part) in std::mem::take(&mut self.parts) {
            part.put_in_place(&self.folder.join(name)).map_err(|error| refused(&self.folder, error))?;
        }
        self.inputs.sort_by(|a, b| (&a.role, &a.path, &a.sha256).cmp(&(&b.role, &b.path, &b.sha256)));
        self.inputs.dedup();
        let mut sources: Vec<Source> = self.sources.into_values().collect();
        sources.sort_by(|a, b| (&a.root, &a.path).cmp(&(&b.root, &b.path)));
        let mut manifest = Manifest {
            digest: String::new(),
            files,
            inputs: self.inputs,
            parents: self.parents,
            recipe,
            schema: SCHEMA,
            seed: closing.seed,
            sources,
            stage: self.stage,
            summary: closing.summary,
            tokenizer: closing.tokenizer,
            tool: Manifest::tool(),
            version,
        };
        let text = manifest.seal()?;
        write_bytes_atomically(&self.folder.join(MANIFEST), text.as_bytes())?;
        for name in earlier.iter().flat_map(|earlier| earlier.manifest.files.keys()) {
            if !manifest.files.contains_key(name) {
                // A file of the earlier edition; the new manifest does not know it, so leaving it harms nobody.
                let _ = std::fs::remove_file(self.folder.join(name));
            }
        }
        Ok(manifest)
    }

    /// The version that follows `earlier` when the folder holds `files` from now on.
    fn version_after(
        &mut self,
        earlier: Option<&Dataset>,
        files: &BTreeMap<String, FileFacts>,
    ) -> anyhow::Result<String> {
        let (major, minor, patch) = FIRST_VERSION;
        let Some(earlier) = earlier else { return Ok(format!("{major}.{minor}.{patch}")) };
        let before = &earlier.manifest;
        let numbers: Vec<u64> = before.version.split('.').filter_map(|number| number.parse().ok()).collect();
        let [major, minor, patch] = numbers[..] else { return Ok(format!("{major}.{minor}.{patch}")) };
        if before.files == *files {
            return Ok(before.version.clone());
        }
        let (mut gone, mut came) = (false, false);
        for name in [CHUNKS, ROWS] {
            let old = ids(&earlier.folder.join(name))?;
            let new = match self.parts.get_mut(name) {
                Some(part) => {
                    part.file.flush().map_err(|error| refused(&self.folder, error))?;
                    ids(part.file.get_ref().path())?
                }
                None => HashSet::new(),
            };
            gone |= !old.is_subset(&new);
            came |= !new.is_subset(&old);
        }
        Ok(match (gone, came) {
            (true, _) => format!("{}.0.0", major + 1),
            (false, true) => format!("{major}.{}.0", minor + 1),
            (false, false) => format!("{major}.{minor}.{}", patch + 1),
        })
    }
}

/// Ids of the records of a file; none where there is no such file.
fn ids(path: &Path) -> anyhow::Result<HashSet<String>> {
    #[derive(serde::Deserialize)]
    struct Named {
        id: String,
    }
    let mut found = HashSet::new();
    if path.exists() {
        let mut lines = Lines::open(path)?;
        while let Some((_, line)) = lines.next_line()? {
            // A damaged record of the earlier edition has no name that could be missed.
            found.extend(serde_json::from_slice::<Named>(&line).ok().map(|named| named.id));
        }
    }
    Ok(found)
}

impl Part {
    fn create(path: &Path) -> std::io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 18, part_of(path)?);
        Ok(Self { file, digest: Sha256::new(), bytes: 0, records: Vec::new() })
    }

    fn copy(&mut self, from: u64, into: &mut impl Write) -> std::io::Result<()> {
        self.file.flush()?;
        // Its own handle: the place where writing goes on must not move.
        let mut written = File::open(self.file.get_ref().path())?;
        written.seek(SeekFrom::Start(from))?;
        std::io::copy(&mut written, into).map(drop)
    }

    fn facts(&self) -> FileFacts {
        let sha256 = lower_hex(&self.digest.clone().finalize());
        FileFacts { bytes: self.bytes, records: self.records.len() as u64, sha256 }
    }

    fn put_in_place(self, path: &Path) -> std::io::Result<()> {
        let file = self.file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        file.persist(path).map(drop).map_err(|error| error.error)
    }

    fn line(&mut self, line: &[u8]) -> std::io::Result<()> {
        self.file.write_all(line)?;
        self.file.write_all(b"\n")?;
        self.digest.update(line);
        self.digest.update(b"\n");
        self.bytes += line.len() as u64 + 1;
        let mut short = [0; ID_DIGITS / 2];
        short.copy_from_slice(&Sha256::digest(line)[..ID_DIGITS / 2]);
        self.records.push(short);
        Ok(())
    }
}

fn refused(folder: &Path, error: std::io::Error) -> anyhow::Error {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => anyhow::anyhow!(
            "{}: no space left on the disk; free some space and run again (what was there is unchanged)",
            folder.display()
        ),
        _ => crate::about(folder, error),
    }
}
