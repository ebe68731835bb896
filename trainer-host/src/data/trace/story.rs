//! The story of a thing: what it was made from, by what and whom, and what each stage did with it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::chunk::Chunk;
use super::super::dataset::Dataset;
use super::super::ingest::files::joined;
use super::super::ledger::{Origin, Skipped, Template};
use super::super::lineage::Member;
use super::super::manifest::{CHUNKS, Input, ORIGINS, RATINGS, Source, TEMPLATES};
use super::super::places::{FoundParent, Places, State};
use super::super::review::rating::{Rating, journal_path, read_journal};
use super::super::row::Row;
use super::find::Thing;
use super::ranges::{text_now_at, with_shares};
use super::stages::{Stage, row_stages, simple_stages};

/// A file outside the datasets.
#[derive(Clone, Debug, Serialize)]
pub struct FilePlace {
    /// Id of the source; absent for other inputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Path as it was recorded.
    pub path: String,
    /// Where it was looked for.
    pub file: PathBuf,
    /// `source`, or the role of another input (`rows`, `base`, `model`, ..).
    pub role: String,
    /// SHA-256 that it had.
    pub sha256: String,
    /// Size that it had.
    pub bytes: u64,
    /// Encoding that was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Commit, where it lay in a git repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// What became of it.
    pub state: State,
}

/// A chunk, and whether its file still holds its words.
#[derive(Clone, Debug, Serialize)]
pub struct ChunkPlace {
    /// The chunk with its place.
    #[serde(flatten)]
    pub chunk: Chunk,
    /// Chunks that share its range, itself among them: more than one where the text of a passage was rewritten, so that
    /// its parts have no bytes of their own.
    #[serde(skip_serializing_if = "is_one")]
    pub chunks_of_range: usize,
    /// In a file that has changed: the byte at which the chunk's own text stands now. Absent where it is not found,
    /// was cleaned, or where nothing has changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_now_at: Option<u64>,
}

fn is_one(number: &usize) -> bool {
    *number == 1
}

/// Where an imported row stood.
#[derive(Clone, Debug, Serialize)]
pub struct OriginPlace {
    /// Line and bytes.
    #[serde(flatten)]
    pub origin: Origin,
    /// The file.
    pub file: FilePlace,
}

/// All that is known about one thing.
#[derive(Debug, Serialize)]
pub struct Trace {
    /// Its full name.
    pub id: String,
    /// `row`, `left out`, `chunk`, `source`, `input`, `template`, `rating`.
    pub what: &'static str,
    /// Dataset in which it was found.
    pub dataset: String,
    /// Version of that.
    pub version: String,
    /// The row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<Row>,
    /// Why it was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<Skipped>,
    /// Rows that it was made from, the youngest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub was: Vec<Row>,
    /// Chunks that it was made from, or itself.
    pub chunks: Vec<ChunkPlace>,
    /// Ids of chunks that the dataset does not have: the row came from elsewhere with its lineage.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown_chunks: Vec<String>,
    /// Files that the chunks came from, or the input itself.
    pub sources: Vec<FilePlace>,
    /// Where an imported row stood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<OriginPlace>,
    /// Template or prompt that worded it, or itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    /// Model that wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<FilePlace>,
    /// Seed that it was made with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What experts said about it.
    pub ratings: Vec<Rating>,
    /// What experts said since, which no `data resolve` has used yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ratings_since: Vec<Rating>,
    /// Ids of rows made from it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<String>,
    /// Ids of rows made from it that were left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows_left_out: Vec<String>,
    /// What the reader noted about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Skipped>,
    /// What each stage did with it, from the first to the last.
    pub stages: Vec<Stage>,
    /// Paths of datasets that were not found.
    pub missing: Vec<String>,
}

/// Tells the story of `thing`, found in the dataset `at`.
pub struct Teller<'a> {
    /// The dataset and its parents, the oldest first.
    pub members: &'a [Member],
    /// Where things lie.
    pub places: &'a Places,
    /// Dataset in which the thing was found.
    pub at: &'a Dataset,
}

impl Teller<'_> {
    /// The story.
    ///
    /// # Errors
    /// A record that cannot be read.
    pub fn tell(&self, thing: &Thing) -> anyhow::Result<Trace> {
        let mut trace = Trace {
            id: thing.id().to_owned(),
            what: thing.what(),
            dataset: self.at.folder.display().to_string(),
            version: self.at.manifest.version.clone(),
            row: None,
            left_out: None,
            was: Vec::new(),
            chunks: Vec::new(),
            unknown_chunks: Vec::new(),
            sources: Vec::new(),
            origin: None,
            template: None,
            model: None,
            seed: None,
            ratings: Vec::new(),
            ratings_since: Vec::new(),
            rows: Vec::new(),
            rows_left_out: Vec::new(),
            notes: Vec::new(),
            stages: Vec::new(),
            missing: self.missing(),
        };
        match thing {
            Thing::Row(row) => self.row(row, &mut trace)?,
            Thing::LeftOut(skipped) => self.left_out(skipped, &mut trace)?,
            Thing::Chunk(chunk) => {
                self.chunks(std::slice::from_ref(&chunk.id), &mut trace)?;
                self.rows_with(&mut trace, |row| row.chunks.contains(&chunk.id))?;
                trace.stages = simple_stages(self.members, CHUNKS, &chunk.id)?;
            }
            Thing::Source(source) => self.source(source, &mut trace)?,
            Thing::Input(input) => {
                trace.sources.push(self.input(input));
                let imported: HashSet<String> = self
                    .records::<Origin>(ORIGINS)?
                    .into_iter()
                    .filter_map(|origin| (origin.input == input.sha256).then_some(origin.id))
                    .collect();
                self.rows_with(&mut trace, |row| {
                    row.model.as_ref() == Some(&input.sha256)
                        || imported.contains(&row.id)
                        || row.was.iter().any(|was| imported.contains(was))
                })?;
            }
            Thing::Template(template) => {
                trace.template = Some(template.as_ref().clone());
                self.rows_with(&mut trace, |row| row.template.as_ref() == Some(&template.id))?;
                trace.stages = simple_stages(self.members, TEMPLATES, &template.id)?;
            }
            Thing::Rating(rating) => {
                trace.ratings.push(rating.as_ref().clone());
                self.rows_with(&mut trace, |row| row.id == rating.row || row.ratings.contains(&rating.id))?;
                trace.stages = simple_stages(self.members, RATINGS, &rating.id)?;
            }
        }
        Ok(trace)
    }

    fn missing(&self) -> Vec<String> {
        let gone = |member: &&Member| !matches!(member.found, FoundParent::Here(_));
        self.members.iter().filter(gone).map(|member| member.named.path.clone()).collect()
    }

    fn row(&self, row: &Row, trace: &mut Trace) -> anyhow::Result<()> {
        let (stages, was) = row_stages(self.members, row)?;
        (trace.stages, trace.was) = (stages, was);
        trace.row = Some(row.clone());
        trace.seed = row.seed;
        // An imported row, or one that was made from one, has its place under the name it had then.
        let names: Vec<&str> = [row].into_iter().chain(&trace.was).map(|row| row.id.as_str()).collect();
        let origins = self.records::<Origin>(ORIGINS)?;
        let origin = names.iter().find_map(|id| origins.iter().find(|origin| origin.id == *id)).cloned();
        trace.origin = origin.and_then(|origin| {
            let input = self.at.manifest.inputs.iter().find(|input| input.sha256 == origin.input)?;
            Some(OriginPlace { file: self.input(input), origin })
        });
        let mut ratings = self.records::<Rating>(RATINGS)?;
        ratings.retain(|rating| row.ratings.contains(&rating.id) || names.contains(&rating.row.as_str()));
        let mut seen = HashSet::new();
        ratings.retain(|rating| seen.insert(rating.id.clone()));
        let mut since = read_journal(&journal_path(&self.at.folder))?;
        since.retain(|rating| rating.row == row.id && !seen.contains(&rating.id));
        (trace.ratings, trace.ratings_since) = (ratings, since);
        trace.template = match &row.template {
            Some(id) => self.records::<Template>(TEMPLATES)?.into_iter().find(|template| template.id == *id),
            None => None,
        };
        let model = self.at.manifest.inputs.iter().find(|input| Some(&input.sha256) == row.model.as_ref());
        trace.model = model.map(|input| self.input(input));
        self.chunks(&row.chunks.clone(), trace)
    }

    fn left_out(&self, skipped: &Skipped, trace: &mut Trace) -> anyhow::Result<()> {
        let row = skipped.content.clone().and_then(|content| serde_json::from_value::<Row>(content).ok());
        if let Some(row) = row.filter(|row| row.id == skipped.id) {
            self.row(&row, trace)?;
        }
        trace.left_out = Some(Skipped { content: None, ..skipped.clone() });
        Ok(())
    }

    fn source(&self, source: &Source, trace: &mut Trace) -> anyhow::Result<()> {
        trace.sources.push(self.file(source));
        let name = joined(&source.root, &source.path);
        with_shares(self.at.chunks()?, |chunk, chunks_of_range| {
            if chunk.source == source.id {
                trace.chunks.push(ChunkPlace { chunk, chunks_of_range, text_now_at: None });
            }
        })?;
        for skipped in self.at.skipped()? {
            let skipped = skipped?;
            if skipped.id == name {
                trace.notes.push(skipped);
            }
        }
        self.rows_with(trace, |row| row.sources.contains(&source.id))?;
        trace.stages = super::stages::source_stages(self.members, &source.id);
        Ok(())
    }

    /// Chunks by id, with their sources.
    fn chunks(&self, ids: &[String], trace: &mut Trace) -> anyhow::Result<()> {
        let mut wanted: HashSet<&str> = ids.iter().map(String::as_str).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        with_shares(self.at.chunks()?, |chunk, chunks_of_range| {
            if !wanted.remove(chunk.id.as_str()) {
                return;
            }
            let source = self.at.manifest.sources.iter().find(|source| source.id == chunk.source);
            let file = source.map(|source| self.file(source));
            let text_now_at = file.as_ref().and_then(|file| text_now_at(&chunk, file));
            if let Some(file) = file
                && trace.sources.iter().all(|known| known.id != file.id)
            {
                trace.sources.push(file);
            }
            trace.chunks.push(ChunkPlace { chunk, chunks_of_range, text_now_at });
        })?;
        trace.unknown_chunks = wanted.into_iter().map(str::to_owned).collect();
        trace.unknown_chunks.sort();
        Ok(())
    }

    /// Rows of the dataset, and rows that were left out, for which `of` holds.
    fn rows_with(&self, trace: &mut Trace, of: impl Fn(&Row) -> bool) -> anyhow::Result<()> {
        for row in self.at.rows()? {
            let row = row?;
            if of(&row) {
                trace.rows.push(row.id);
            }
        }
        for skipped in self.at.skipped()? {
            let row = skipped?.content.and_then(|content| serde_json::from_value::<Row>(content).ok());
            if let Some(row) = row.filter(|row| of(row)) {
                trace.rows_left_out.push(row.id);
            }
        }
        Ok(())
    }

    fn records<T: DeserializeOwned>(&self, file: &str) -> anyhow::Result<Vec<T>> {
        self.at.records(file)?.collect()
    }

    fn file(&self, source: &Source) -> FilePlace {
        let folders = self.members.iter().filter_map(|member| Some(member.dataset()?.folder.as_path()));
        let file = self.places.source(source, folders);
        FilePlace {
            id: Some(source.id.clone()),
            path: joined(&source.root, &source.path),
            role: "source".to_owned(),
            sha256: source.sha256.clone(),
            bytes: source.bytes,
            encoding: source.encoding.clone(),
            revision: source.revision.clone(),
            state: self.places.state(&file, &source.sha256),
            file,
        }
    }

    fn input(&self, input: &Input) -> FilePlace {
        FilePlace {
            id: None,
            path: input.path.clone(),
            file: self.places.path(Path::new(&input.path)),
            role: input.role.clone(),
            sha256: input.sha256.clone(),
            bytes: input.bytes,
            encoding: None,
            revision: None,
            state: self.places.input_state(input),
        }
    }
}
