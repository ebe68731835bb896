//! Which rows the experts see: a share of each kind, drawn by seed.
//!
//! The sample of a dataset is drawn once and written to `.review/sample.json`, so that all experts see the same
//! rows; it depends on the rows, the share and the seed, not on their order in the file.

use std::collections::BTreeMap;
use std::path::Path;

use halligan_finetune::gguf::atomic_file::write_bytes_atomically;
use serde::{Deserialize, Serialize};

use super::rating::FOLDER;
use crate::data::build::{apportion::apportion, split::draw};
use crate::data::canonical::canonical_json;
use crate::data::row::Row;

/// Name of the sample's file.
pub const FILE: &str = "sample.json";

/// Share of rows that a review sees where none is asked for; 0.1 to 0.2 is usual.
pub const SHARE: f64 = 0.15;

/// A drawn sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Names of rows in the order in which they are shown.
    pub rows: Vec<String>,
    /// Seed of the draw.
    pub seed: u64,
    /// Share of the dataset.
    pub share: f64,
}

/// Draws `share` of the rows, rounded up, with each kind in proportion by the largest remainder.
pub fn draw_sample<'a>(rows: impl IntoIterator<Item = &'a Row>, share: f64, seed: u64) -> Sample {
    let mut strata: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in rows {
        strata.entry(&row.kind).or_default().push(&row.id);
    }
    let sizes: Vec<f64> = strata.values().map(|ids| ids.len() as f64).collect();
    let all: f64 = sizes.iter().sum();
    let total = (share * all - 1e-9).ceil().clamp(0.0, all) as usize;
    let parts = if total > 0 { apportion(total, &sizes) } else { vec![0; sizes.len()] };
    let mut drawn: Vec<&str> = Vec::new();
    for (ids, part) in strata.values_mut().zip(parts) {
        ids.sort_by_cached_key(|id| draw(seed, id));
        drawn.extend(ids.iter().take(part));
    }
    // Kinds are mixed, so that a review that ends early has seen some of each.
    drawn.sort_by_cached_key(|id| draw(seed, id));
    Sample { rows: drawn.into_iter().map(str::to_owned).collect(), seed, share }
}

/// The sample of a dataset folder: the one that was drawn, or a new one.
///
/// # Errors
/// Another share or seed than that of the drawn sample; a folder that takes no files.
pub fn sample_of(dataset: &Path, rows: &[Row], share: Option<f64>, seed: Option<u64>) -> anyhow::Result<Sample> {
    let path = dataset.join(FOLDER).join(FILE);
    if path.exists() {
        let text = std::fs::read_to_string(&path).map_err(|error| crate::about(&path, error))?;
        let sample: Sample = serde_json::from_str(&text)
            .map_err(|error| anyhow::anyhow!("{}: not a sample ({error}); remove it to draw again", path.display()))?;
        let other = share.is_some_and(|share| share != sample.share) || seed.is_some_and(|seed| seed != sample.seed);
        anyhow::ensure!(
            !other,
            "{}: the sample was drawn with --sample {} --seed {}; leave these away, or remove the file to draw again",
            path.display(),
            sample.share,
            sample.seed
        );
        return Ok(sample);
    }
    let sample = draw_sample(rows, share.unwrap_or(SHARE), seed.unwrap_or(1));
    std::fs::create_dir_all(dataset.join(FOLDER)).map_err(|error| crate::about(&path, error))?;
    write_bytes_atomically(&path, (canonical_json(&sample)? + "\n").as_bytes())?;
    Ok(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: usize) -> Vec<Row> {
        let kind = |at: usize| if at.is_multiple_of(4) { "definition" } else { "record" };
        (0..count).map(|at| Row::of_text(kind(at), &format!("g{at}"), &format!("text {at}"))).collect()
    }

    #[test]
    fn share_is_exact_overall_and_in_each_kind() {
        let rows = rows(400);
        let sample = draw_sample(&rows, 0.15, 1);
        assert_eq!(sample.rows.len(), 60);
        let definitions = rows.iter().filter(|row| row.kind == "definition" && sample.rows.contains(&row.id)).count();
        assert_eq!(definitions, 15);
        assert_eq!(draw_sample(&rows, 1.0, 1).rows.len(), 400);
        assert_eq!(draw_sample(&rows[..3], 0.1, 1).rows.len(), 1);
        assert!(draw_sample(&[], 0.1, 1).rows.is_empty());
    }

    #[test]
    fn seed_decides_and_the_order_of_rows_does_not() {
        let mut rows = rows(100);
        let sample = draw_sample(&rows, 0.2, 1);
        rows.reverse();
        assert_eq!(draw_sample(&rows, 0.2, 1), sample);
        assert_ne!(draw_sample(&rows, 0.2, 2).rows, sample.rows);
    }

    #[test]
    fn drawn_sample_stays_and_another_draw_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let first = sample_of(folder.path(), &rows(50), Some(0.2), Some(3)).unwrap();
        assert_eq!(sample_of(folder.path(), &rows(60), None, None).unwrap(), first);
        let error = sample_of(folder.path(), &rows(50), Some(0.1), None).unwrap_err().to_string();
        assert!(error.contains("--sample 0.2 --seed 3"), "{error}");
    }
}
