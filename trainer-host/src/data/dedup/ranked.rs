//! Texts as sorted lists of numbers, one for each shingle that another text has as well.
//!
//! Numbers are given by hashes, and every shingle is compared with the first of its number by its words, once. So
//! what two texts share is counted by merging two lists, exactly, and words are not looked at again.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::OnceLock;

use rayon::prelude::*;

use super::shingles::{same_shingle, shingle_hashes, word_hash};

/// Subtracted before rounding up, so that a product such as `0.7 * 10` counts as 7.
const ROUNDING: f64 = 1e-9;

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
#[derive(Debug, PartialEq, Eq)]
pub struct Ranked {
    /// Place in the caller's list.
    pub text: usize,
    /// All distinct shingles.
    pub size: usize,
    /// Ranks of those that another text has as well.
    pub shared: Vec<u32>,
}

impl Ranked {
    /// The shared shingles among the first `count` of all: the unshared ones are the rarest and come first.
    pub fn prefix(&self, count: usize) -> &[u32] {
        let unshared = self.size - self.shared.len();
        &self.shared[..count.saturating_sub(unshared).min(self.shared.len())]
    }

    /// The shared shingles of which a set that reaches the threshold must have one.
    pub fn probe(&self, threshold: f64) -> &[u32] {
        self.prefix(self.size + 1 - at_least(threshold, self.size).min(self.size))
    }

    /// Shared shingles over all shingles, where that reaches the threshold.
    pub fn jaccard(&self, other: &Self, threshold: f64) -> Option<f64> {
        if self.size == 0 && other.size == 0 {
            return Some(1.0);
        }
        let needed = at_least(threshold / (1.0 + threshold), self.size + other.size);
        let both = common(&self.shared, &other.shared, needed)?;
        let jaccard = both as f64 / (self.size + other.size - both) as f64;
        (jaccard >= threshold).then_some(jaccard)
    }
}

/// The least whole number that is this share of `size`.
pub fn at_least(share: f64, size: usize) -> usize {
    (share * size as f64 - ROUNDING).ceil().max(0.0) as usize
}

/// How many values two sorted lists have in common; `None` as soon as they cannot be `needed`.
fn common(mut a: &[u32], mut b: &[u32], needed: usize) -> Option<usize> {
    let mut found = 0;
    loop {
        if found + a.len().min(b.len()) < needed {
            return None;
        }
        let ([x, rest_of_a @ ..], [y, rest_of_b @ ..]) = (a, b) else { return Some(found) };
        // Without branches on the values, which nothing could foresee.
        found += usize::from(x == y);
        (a, b) = (if x <= y { rest_of_a } else { a }, if y <= x { rest_of_b } else { b });
    }
}

/// The texts in their order.
pub fn ranked(texts: &[&str]) -> Vec<Ranked> {
    ranked_by(texts, word_hash)
}

/// Different shingles that meet in one hash are rarer than one in a hundred thousand runs over millions of rows; the
/// next seed tells them apart.
fn ranked_by(texts: &[&str], word_hash: impl Fn(&str, u64) -> u64 + Sync) -> Vec<Ranked> {
    let mut seed = 0;
    loop {
        if let Some(sets) = with_seed(texts, |word| word_hash(word, seed)) {
            return sets;
        }
        seed += 1;
    }
}

fn with_seed(texts: &[&str], word_hash: impl Fn(&str) -> u64 + Sync) -> Option<Vec<Ranked>> {
    let hashes: Vec<Vec<(u64, usize)>> =
        texts.par_iter().map(|text| shingle_hashes(text, &word_hash)).collect::<Option<_>>()?;
    let mut all: Vec<u64> = hashes.iter().flatten().map(|(hash, _)| *hash).collect();
    all.par_sort_unstable();
    let runs = all.chunk_by(|a, b| a == b).filter(|run| run.len() > 1);
    let mut shared: Vec<(u32, u64)> = runs.map(|run| (u32::try_from(run.len()).unwrap_or(u32::MAX), run[0])).collect();
    drop(all);
    shared.par_sort_unstable();
    let mut ranks: HashMap<u64, u32, BuildHasherDefault<AsIs>> = HashMap::default();
    ranks.reserve(shared.len());
    // More than 2^32 shared shingles would take more memory than any machine of today has.
    ranks.extend(shared.iter().zip(0..=u32::MAX).map(|((_, hash), rank)| (*hash, rank)));
    let firsts: Vec<OnceLock<(usize, usize)>> = vec![OnceLock::new(); shared.len()];
    let rank = |(text, hashes): (usize, Vec<(u64, usize)>)| {
        let mut shared = Vec::new();
        for (hash, start) in &hashes {
            if let Some(rank) = ranks.get(hash) {
                let first = *firsts[*rank as usize].get_or_init(|| (text, *start));
                if first.0 != text && !same_shingle((texts[first.0], first.1), (texts[text], *start)) {
                    return None;
                }
                shared.push(*rank);
            }
        }
        shared.sort_unstable();
        Some(Ranked { text, size: hashes.len(), shared })
    };
    hashes.into_par_iter().enumerate().map(rank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shingles_that_meet_in_one_hash_are_told_apart_by_their_words() {
        let texts = ["a b c d e f g", "a b c d e f h", "p q r s t u", "a b"];
        let meeting = |word: &str, seed: u64| if seed == 0 { 1 } else { word_hash(word, seed) };
        assert_eq!(with_seed(&texts, |word| meeting(word, 0)), None);
        // One shingle each, so that they meet across the texts only.
        assert_eq!(with_seed(&["a b c d e", "p q r s t"], |_| 1), None);
        let sets = ranked_by(&texts, meeting);
        let sizes: Vec<(usize, usize)> = sets.iter().map(|set| (set.size, set.shared.len())).collect();
        assert_eq!(sizes, [(3, 2), (3, 2), (2, 0), (1, 0)]);
        assert_eq!(sets[0].jaccard(&sets[1], 0.5), Some(0.5));
        assert_eq!(sets[0].jaccard(&sets[1], 0.51), None);
    }

    #[test]
    fn values_in_common_are_counted_only_while_they_can_be_enough() {
        assert_eq!(common(&[1, 3, 5, 7], &[2, 3, 7, 9], 2), Some(2));
        assert_eq!(common(&[1, 3, 5, 7], &[2, 3, 7, 9], 3), None);
        assert_eq!(common(&[], &[1], 0), Some(0));
    }
}
