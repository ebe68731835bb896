//! What hashes of files cannot show: records whose name is not that of their content, and references to records
//! that are not there. Such a dataset was not damaged by a disk but edited and hashed again.

use std::collections::HashSet;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::super::canonical::content_id;
use super::super::chunk::Chunk;
use super::super::dataset::{Dataset, Lines};
use super::super::ledger::{Origin, Template};
use super::super::manifest::{CHUNKS, ORIGINS, RATINGS, ROWS, TEMPLATES};
use super::super::review::rating::{FOLDER, JOURNAL, Rating};
use super::super::review::sample::{FILE as SAMPLE, Sample, draw_sample};
use super::super::row::Row;
use super::Problem;

/// Checks the names of all records of a dataset whose files are intact.
///
/// # Errors
/// A record that cannot be read.
pub fn check(dataset: &Dataset) -> anyhow::Result<Vec<Problem>> {
    let mut names = Names { dataset, problems: Vec::new() };
    let chunks = names.all(CHUNKS, |chunk: &Chunk, _| {
        (chunk.id.clone(), Chunk::name(&chunk.source, chunk.place.bytes, &chunk.text))
    })?;
    let templates = names.all(TEMPLATES, |template: &Template, _| {
        (template.id.clone(), Template::new(&template.kind, &template.name, &template.text).id)
    })?;
    let ratings = names.all(RATINGS, |rating: &Rating, line| (rating.id.clone(), rating_name(rating, line)))?;
    let imported: HashSet<String> = names.all(ORIGINS, |origin: &Origin, _| (origin.id.clone(), origin.id.clone()))?;
    let models: HashSet<&str> = dataset.manifest.inputs.iter().map(|input| input.sha256.as_str()).collect();
    let mut at = 0;
    for row in dataset.rows()? {
        let row: Row = row?;
        at += 1;
        if row.name() != row.id {
            names.wrong(ROWS, at, &row.id, "its words are not those that its id stands for".to_owned());
        }
        // A row that came from another program's file brings names along that this dataset never knew.
        if imported.contains(&row.id) || row.was.iter().any(|was| imported.contains(was)) {
            continue;
        }
        let lost = |of: &HashSet<String>, ids: &[String]| ids.iter().find(|id| !of.contains(*id)).cloned();
        let found = [
            ("chunk", lost(&chunks, &row.chunks)),
            ("rating", lost(&ratings, &row.ratings)),
            ("template", row.template.clone().filter(|id| !templates.contains(id))),
            ("model", row.model.clone().filter(|id| !models.contains(id.as_str()))),
        ];
        for (what, id) in found {
            if let Some(id) = id {
                names.wrong(ROWS, at, &row.id, format!("its {what} {id} is not in the dataset"));
            }
        }
    }
    Ok(names.problems)
}

struct Names<'a> {
    dataset: &'a Dataset,
    problems: Vec<Problem>,
}

impl Names<'_> {
    /// Ids of a file's records; `name` gives the id of a record and the one that its content asks for.
    fn all<T: DeserializeOwned>(
        &mut self,
        file: &str,
        name: impl Fn(&T, &[u8]) -> (String, String),
    ) -> anyhow::Result<HashSet<String>> {
        let mut ids = HashSet::new();
        if !self.dataset.manifest.files.contains_key(file) {
            return Ok(ids);
        }
        let path = self.dataset.folder.join(file);
        let mut lines = Lines::open(&path)?;
        while let Some((line, bytes)) = lines.next_line()? {
            let record: T = serde_json::from_slice(&bytes)
                .map_err(|error| anyhow::anyhow!("{}:{line}: not a record of this file ({error})", path.display()))?;
            let (id, expected) = name(&record, &bytes);
            if id != expected {
                self.wrong(file, line, &id, "its content is not what its id stands for".to_owned());
            }
            ids.insert(id);
        }
        Ok(ids)
    }

    fn wrong(&mut self, file: &str, line: usize, id: &str, detail: String) {
        let mut problem = Problem::new(&self.dataset.folder, file, "forged", detail);
        (problem.line, problem.id) = (Some(line), Some(id.to_owned()));
        self.problems.push(problem);
    }
}

/// The name of a rating by the text of its line: numbers keep their spelling.
fn rating_name(rating: &Rating, line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let unnamed = text.replacen(&format!("\"id\":\"{}\"", rating.id), "\"id\":\"\"", 1);
    content_id(&[unnamed.as_bytes()])
}

/// Checks a review in the dataset's folder: each rating by its name, the sample by drawing it again.
///
/// # Errors
/// Rows that cannot be read.
pub fn check_review(dataset: &Dataset) -> anyhow::Result<Vec<Problem>> {
    let folder = dataset.folder.join(FOLDER);
    let mut problems = Vec::new();
    let journal = folder.join(JOURNAL);
    if journal.exists() {
        let file = format!("{FOLDER}/{JOURNAL}");
        let mut lines = Lines::open(&journal)?;
        while let Some((line, bytes)) = lines.next_line()? {
            let rating = serde_json::from_slice::<Rating>(&bytes);
            let sound = rating.as_ref().is_ok_and(|rating| rating_name(rating, &bytes) == rating.id);
            if !sound {
                let mut problem =
                    Problem::new(&dataset.folder, &file, "changed", "changed after it was written".to_owned());
                problem.id = rating.ok().map(|rating| rating.id);
                problems.push(problem.at(line, lines.bytes()));
            }
        }
    }
    let path = folder.join(SAMPLE);
    if path.exists() && !sample_is_drawn(dataset, &path)? {
        let detail =
            "it is not the draw of these rows: changed, or the dataset was made again since; remove it to draw";
        let length = std::fs::metadata(&path).map_or(0, |facts| facts.len());
        let problem = Problem::new(&dataset.folder, &format!("{FOLDER}/{SAMPLE}"), "changed", detail.to_owned());
        problems.push(problem.at(1, [0, length]));
    }
    Ok(problems)
}

fn sample_is_drawn(dataset: &Dataset, path: &Path) -> anyhow::Result<bool> {
    let bytes = std::fs::read(path).map_err(|error| crate::about(path, error))?;
    let Ok(sample) = serde_json::from_slice::<Sample>(&bytes) else { return Ok(false) };
    let rows: Vec<Row> = dataset.rows()?.collect::<anyhow::Result<_>>()?;
    let drawn = draw_sample(&rows, sample.share, sample.seed);
    Ok(bytes == (super::super::canonical::canonical_json(&drawn)? + "\n").as_bytes())
}
