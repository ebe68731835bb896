//! All pairs of texts whose similarity reaches a threshold, none missed.
//!
//! Prefix filtering (R. J. Bayardo, Y. Ma, R. Srikant, "Scaling up all pairs similarity search", 2007): order
//! all shingles from rare to common. Two sets with Jaccard similarity `t` must share a shingle among the first
//! `|x| - ceil(t |x|) + 1` of one and, for the one that is not larger, the first
//! `|y| - ceil(2 t / (1 + t) |y|) + 1` of the other. An index over those few, rare shingles gives every pair
//! that can reach the threshold; each is then compared exactly. Shingles of one text only can match nothing
//! and are not indexed at all.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use rayon::prelude::*;

use super::shingles::{jaccard, shingle_hashes};

/// Texts that are looked up between two reports of progress.
const BATCH: usize = 4_096;

/// Subtracted before rounding up, so that a product such as `0.7 * 10` counts as 7.
const ROUNDING: f64 = 1e-9;

/// Two similar texts, by their places in the list; `first < second`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similar {
    /// Place of the earlier text.
    pub first: usize,
    /// Place of the later text.
    pub second: usize,
    /// Shared shingles over all shingles.
    pub jaccard: f64,
}

/// Hashes are mixed already; hashing them again would only take time.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// A text as the ranks of its shared shingles, rare ones first.
struct Ranked {
    /// Place in the caller's list.
    text: usize,
    /// All distinct shingles.
    size: usize,
    /// Ranks of those that another text has as well.
    shared: Vec<u32>,
}

impl Ranked {
    /// The shared shingles among the first `count` of all: the unshared ones are the rarest and come first.
    fn prefix(&self, count: usize) -> &[u32] {
        let unshared = self.size - self.shared.len();
        &self.shared[..count.saturating_sub(unshared).min(self.shared.len())]
    }
}

fn at_least(share: f64, size: usize) -> usize {
    (share * size as f64 - ROUNDING).ceil().max(0.0) as usize
}

/// All pairs with `jaccard >= threshold`, by place. `texts` should be distinct: equal ones are found, at the
/// price of a quadratic number of pairs. `report` hears how many texts have been looked up.
pub fn similar_pairs(texts: &[&str], threshold: f64, mut report: impl FnMut(usize)) -> Vec<Similar> {
    let mut sets = ranked(texts);
    // Smaller sets first; equal sizes in the caller's order.
    sets.sort_by_key(|set| (set.size, set.text));
    let index = Index::new(&sets, threshold);
    let mut pairs = Vec::new();
    let mut done = 0;
    let places: Vec<usize> = (0..sets.len()).collect();
    for batch in places.chunks(BATCH) {
        let found = batch.par_iter().flat_map_iter(|&place| index.matches(&sets, place, threshold, texts));
        pairs.par_extend(found);
        done += batch.len();
        report(done);
    }
    pairs.sort_by_key(|pair| (pair.first, pair.second));
    pairs
}

fn ranked(texts: &[&str]) -> Vec<Ranked> {
    let hashes: Vec<Vec<u64>> = texts.par_iter().map(|text| shingle_hashes(text)).collect();
    let mut all: Vec<u64> = hashes.iter().flatten().copied().collect();
    all.par_sort_unstable();
    let runs = all.chunk_by(|a, b| a == b).filter(|run| run.len() > 1);
    let mut shared: Vec<(u32, u64)> = runs.map(|run| (u32::try_from(run.len()).unwrap_or(u32::MAX), run[0])).collect();
    drop(all);
    shared.par_sort_unstable();
    let mut ranks: HashMap<u64, u32, BuildHasherDefault<AsIs>> = HashMap::default();
    ranks.reserve(shared.len());
    // More than 2^32 shared shingles would take more memory than any machine of today has.
    ranks.extend(shared.iter().zip(0..=u32::MAX).map(|((_, hash), rank)| (*hash, rank)));
    let rank = |(text, hashes): (usize, Vec<u64>)| {
        let mut shared: Vec<u32> = hashes.iter().filter_map(|hash| ranks.get(hash).copied()).collect();
        shared.sort_unstable();
        Ranked { text, size: hashes.len(), shared }
    };
    hashes.into_par_iter().enumerate().map(rank).collect()
}

/// For each rank the places of the sets with that shingle in their prefix, smaller sets first.
struct Index {
    /// Where each rank's places begin.
    starts: Vec<usize>,
    places: Vec<u32>,
    /// For each size the first place of a set that is at least as large.
    first_of_size: Vec<usize>,
}

impl Index {
    fn new(sets: &[Ranked], threshold: f64) -> Self {
        let share = 2.0 * threshold / (1.0 + threshold);
        let prefix = |set: &Ranked| {
            let count = set.size + 1 - at_least(share, set.size).min(set.size);
            set.prefix(count).len()
        };
        let ranks = sets.iter().flat_map(|set| &set.shared).max().map_or(0, |rank| *rank as usize + 1);
        let mut starts = vec![0; ranks + 1];
        for set in sets {
            set.shared[..prefix(set)].iter().for_each(|rank| starts[*rank as usize + 1] += 1);
        }
        for rank in 0..ranks {
            starts[rank + 1] += starts[rank];
        }
        let mut next = starts.clone();
        let mut places = vec![0; starts[ranks]];
        for (place, set) in sets.iter().enumerate() {
            for rank in &set.shared[..prefix(set)] {
                places[next[*rank as usize]] = u32::try_from(place).unwrap_or(u32::MAX);
                next[*rank as usize] += 1;
            }
        }
        let largest = sets.last().map_or(0, |set| set.size);
        let first_of_size = (0..=largest).map(|size| sets.partition_point(|set| set.size < size)).collect();
        Self { starts, places, first_of_size }
    }

    /// Pairs of the set at `place` with earlier ones.
    fn matches(&self, sets: &[Ranked], place: usize, threshold: f64, texts: &[&str]) -> Vec<Similar> {
        let set = &sets[place];
        let smallest = at_least(threshold, set.size).min(set.size);
        let first_place = self.first_of_size[smallest];
        let mut candidates: Vec<u32> = Vec::new();
        for rank in set.prefix(set.size + 1 - smallest) {
            let list = &self.places[self.starts[*rank as usize]..self.starts[*rank as usize + 1]];
            let begin = list.partition_point(|other| (*other as usize) < first_place);
            candidates.extend(list[begin..].iter().take_while(|other| (**other as usize) < place));
        }
        candidates.sort_unstable();
        candidates.dedup();
        let pairs = candidates.into_iter().filter_map(|other| {
            let other = &sets[other as usize];
            let needed = at_least(threshold / (1.0 + threshold), set.size + other.size);
            if !shares(&set.shared, &other.shared, needed) {
                return None;
            }
            let jaccard = jaccard(texts[set.text], texts[other.text]);
            let (first, second) = (set.text.min(other.text), set.text.max(other.text));
            (jaccard >= threshold).then_some(Similar { first, second, jaccard })
        });
        pairs.collect()
    }
}

/// Whether two sorted lists have `needed` values in common; stops as soon as they cannot.
fn shares(mut a: &[u32], mut b: &[u32], mut needed: usize) -> bool {
    while needed > 0 {
        let ([x, rest_of_a @ ..], [y, rest_of_b @ ..]) = (a, b) else { return false };
        if a.len().min(b.len()) < needed {
            return false;
        }
        match x.cmp(y) {
            std::cmp::Ordering::Less => a = rest_of_a,
            std::cmp::Ordering::Greater => b = rest_of_b,
            std::cmp::Ordering::Equal => {
                (a, b) = (rest_of_a, rest_of_b);
                needed -= 1;
            }
        }
    }
    true
}
