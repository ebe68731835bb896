//! Sentence vectors in the database, and the exact scan over them.
//!
//! Vectors have length 1. Each is kept twice: in half precision, which defines its similarity to a question, and in
//! 8-bit integers with the length of what the rounding took away. The scan reads the small form and knows within
//! which bounds each similarity lies; whatever may belong to the best is computed again from the other form. The
//! result is that of a scan over the half-precision vectors, at half the bytes.

use std::collections::{BTreeMap, BinaryHeap, HashMap};

use half::f16;
use rusqlite::{Connection, Transaction, params};

/// Passages whose vectors share a row; also what is embedded and written at once.
pub const PASSAGES_PER_ROW: usize = 64;

/// Largest magnitude of the question's integers: with 127 of the other side, sums of 4,000 products fit 32 bits.
const QUESTION_STEPS: f32 = 4095.0;
/// Bytes before the integers of a vector: its scale and the length of its rounding error.
const PREFIX_BYTES: usize = 8;
/// Relative error of sums in 32-bit floats and of the bounds themselves; far below any bound.
const FLOAT_SLACK: f64 = 1e-6;

/// A passage with the cosine of its vector and the question's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similar {
    /// Id of the passage.
    pub passage: i64,
    /// Cosine, -1 to 1.
    pub cosine: f64,
}

/// What a scan found.
#[derive(Debug, Default, PartialEq)]
pub struct Scanned {
    /// The most similar passages, best first; ties in the order of their ids.
    pub best: Vec<Similar>,
    /// Mean cosine over all passages, to a thousandth: what an unrelated passage has.
    pub mean: f64,
    /// Vectors that were scanned.
    pub count: usize,
}

/// `vector` with length 1; all zeros stay zeros.
pub fn unit(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    vector.iter().map(|x| (f64::from(*x) * scale) as f32).collect()
}

/// Stores the vectors of the passages `first..first + vectors.len()` of `document`; at most [`PASSAGES_PER_ROW`].
pub fn store(transaction: &Transaction<'_>, document: i64, first: i64, vectors: &[Vec<f32>]) -> rusqlite::Result<()> {
    let (mut coarse, mut exact) = (Vec::new(), Vec::new());
    for vector in vectors {
        let halves: Vec<f16> = unit(vector).into_iter().map(f16::from_f32).collect();
        push_coarse(&halves, &mut coarse);
        exact.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
    }
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO vectors (first_passage, document, count, coarse, exact) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![first, document, vectors.len() as i64, coarse, exact])?;
    Ok(())
}

fn push_coarse(halves: &[f16], out: &mut Vec<u8>) {
    let largest = halves.iter().map(|half| half.to_f32().abs()).fold(0.0, f32::max);
    let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
    let steps: Vec<i8> = halves.iter().map(|half| (half.to_f32() / scale).round() as i8).collect();
    let lost = |(half, step): (&f16, &i8)| (half.to_f64() - f64::from(scale) * f64::from(*step)).powi(2);
    let slack = halves.iter().zip(&steps).map(lost).sum::<f64>().sqrt();
    out.extend(scale.to_le_bytes());
    out.extend(((slack * (1.0 + FLOAT_SLACK)) as f32).next_up().to_le_bytes());
    out.extend(steps.iter().map(|step| step.to_le_bytes()[0]));
}

/// The question in both forms.
struct Question {
    exact: Vec<f32>,
    steps: Vec<i16>,
    scale: f64,
    /// Length of what the rounding of the question took away.
    slack: f64,
}

impl Question {
    fn new(vector: &[f32]) -> Question {
        let exact = unit(vector);
        let largest = exact.iter().map(|x| x.abs()).fold(0.0, f32::max);
        let scale = if largest > 0.0 { largest / QUESTION_STEPS } else { 1.0 };
        let steps: Vec<i16> = exact.iter().map(|x| (x / scale).round() as i16).collect();
        let lost = |(x, step): (&f32, &i16)| (f64::from(*x) - f64::from(scale) * f64::from(*step)).powi(2);
        let slack = exact.iter().zip(&steps).map(lost).sum::<f64>().sqrt();
        Question { exact, steps, scale: f64::from(scale), slack }
    }

    /// Cosine to a coarse vector, and how far it may be from the exact one.
    fn coarse(&self, vector: &[u8]) -> (f64, f64) {
        let (prefix, steps) = vector.split_at(PREFIX_BYTES);
        let number = |at: usize| f32::from_le_bytes([prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]]);
        let (scale, slack) = (f64::from(number(0)), f64::from(number(4)));
        let products = self.steps.iter().zip(steps).map(|(q, v)| i32::from(*q) * i32::from(*v as i8));
        let cosine = f64::from(products.sum::<i32>()) * self.scale * scale;
        // |q.v - q'.v'| <= |q| |v - v'| + |q - q'| |v'|, and lengths are 1 but for rounding.
        (cosine, slack + self.slack * (1.0 + slack) + FLOAT_SLACK)
    }

    fn exact(&self, vector: &[u8]) -> f64 {
        let halves = vector.chunks_exact(2).map(|bytes| f16::from_le_bytes([bytes[0], bytes[1]]).to_f64());
        self.exact.iter().zip(halves).map(|(q, v)| f64::from(*q) * v).sum()
    }
}

/// A lower bound that orders as numbers do.
#[derive(PartialEq)]
struct Floor(f64);

impl Eq for Floor {}

impl Ord for Floor {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // The heap gives its largest; the smallest bound is what counts.
        other.0.total_cmp(&self.0)
    }
}

impl PartialOrd for Floor {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The `limit` passages whose vectors are most similar to `question`; vectors of another length are passed over.
///
/// # Errors
/// What SQLite said.
pub fn scan(connection: &Connection, question: &[f32], limit: usize) -> rusqlite::Result<Scanned> {
    let question = Question::new(question);
    let stride = PREFIX_BYTES + question.steps.len();
    let mut floors: BinaryHeap<Floor> = BinaryHeap::with_capacity(limit + 1);
    let mut candidates: Vec<(i64, usize, f64)> = Vec::new();
    let (mut sum, mut count) = (0.0, 0_usize);
    let mut statement =
        connection.prepare_cached("SELECT first_passage, count, coarse FROM vectors ORDER BY first_passage")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (first, rows_of_it): (i64, i64) = (row.get(0)?, row.get(1)?);
        let coarse = row.get_ref(2)?.as_blob().unwrap_or_default();
        if limit == 0 || coarse.len() as i64 != rows_of_it * stride as i64 {
            continue;
        }
        for (index, vector) in coarse.chunks_exact(stride).enumerate() {
            let (cosine, margin) = question.coarse(vector);
            sum += cosine;
            count += 1;
            let full = floors.len() == limit;
            if full && floors.peek().is_some_and(|floor| cosine + margin < floor.0) {
                continue;
            }
            candidates.push((first, index, cosine + margin));
            floors.push(Floor(cosine - margin));
            if full {
                floors.pop();
            }
        }
    }
    let floor = if floors.len() == limit { floors.peek().map_or(f64::MIN, |floor| floor.0) } else { f64::MIN };
    candidates.retain(|(_, _, ceiling)| *ceiling >= floor);
    let wanted = candidates.into_iter().map(|(first, index, _)| (first, index));
    let mut best = rescored(connection, &question, wanted)?;
    best.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.passage.cmp(&b.passage)));
    best.truncate(limit);
    Ok(Scanned { best, mean: if count == 0 { 0.0 } else { sum / count as f64 }, count })
}

/// Exact cosines of the vectors at `wanted` (row and place in it).
fn rescored(
    connection: &Connection,
    question: &Question,
    wanted: impl Iterator<Item = (i64, usize)>,
) -> rusqlite::Result<Vec<Similar>> {
    let mut by_row: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (first, index) in wanted {
        by_row.entry(first).or_default().push(index);
    }
    let stride = 2 * question.exact.len();
    let mut statement = connection.prepare_cached("SELECT exact FROM vectors WHERE first_passage = ?1")?;
    let mut found = Vec::new();
    for (first, places) in by_row {
        statement.query_row([first], |row| {
            let exact = row.get_ref(0)?.as_blob().unwrap_or_default();
            for place in places {
                if let Some(vector) = exact.get(place * stride..(place + 1) * stride) {
                    found.push(Similar { passage: first + place as i64, cosine: question.exact(vector) });
                }
            }
            Ok(())
        })?;
    }
    Ok(found)
}

/// Exact cosines of some passages, by id; those without a vector are missing.
///
/// # Errors
/// What SQLite said.
pub fn cosines(connection: &Connection, question: &[f32], passages: &[i64]) -> rusqlite::Result<HashMap<i64, f64>> {
    let question = Question::new(question);
    let mut row_of = connection.prepare_cached(
        "SELECT first_passage, count FROM vectors WHERE first_passage <= ?1 ORDER BY first_passage DESC LIMIT 1",
    )?;
    let mut wanted = Vec::new();
    for passage in passages {
        let mut rows = row_of.query([passage])?;
        if let Some(row) = rows.next()? {
            let (first, count): (i64, i64) = (row.get(0)?, row.get(1)?);
            if passage - first < count {
                wanted.push((first, (passage - first) as usize));
            }
        }
    }
    let found = rescored(connection, &question, wanted.into_iter())?;
    Ok(found.into_iter().map(|one| (one.passage, one.cosine)).collect())
}
