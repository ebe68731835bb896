//! All pairs of texts whose similarity reaches a threshold, none missed.
//!
//! Prefix filtering (R. J. Bayardo, Y. Ma, R. Srikant, "Scaling up all pairs similarity search", 2007): order
//! all shingles from rare to common. Two sets with Jaccard similarity `t` must share a shingle among the first
//! `|x| - ceil(t |x|) + 1` of one and, for the one that is not larger, the first
//! `|y| - ceil(2 t / (1 + t) |y|) + 1` of the other. An index over those few, rare shingles gives every pair
//! that can reach the threshold; each is then compared exactly. Shingles of one text only can match nothing
//! and are not indexed at all.

use rayon::prelude::*;

use super::ranked::{Ranked, at_least, ranked};

/// Texts that are looked up between two reports of progress.
const BATCH: usize = 256;

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

/// Two texts that may be similar, by their places in the list.
pub struct MaybeSimilar<'a> {
    /// Place of the earlier text.
    pub first: usize,
    /// Place of the later text.
    pub second: usize,
    sets: (&'a Ranked, &'a Ranked),
    threshold: f64,
}

impl MaybeSimilar<'_> {
    /// Compares them.
    pub fn are_similar(&self) -> bool {
        self.sets.0.jaccard(self.sets.1, self.threshold).is_some()
    }
}

/// All pairs with `jaccard >= threshold`, by place. `texts` should be distinct: equal ones are found, at the
/// price of a quadratic number of pairs. `report` hears how many texts have been looked up.
pub fn similar_pairs(texts: &[&str], threshold: f64, mut report: impl FnMut(usize)) -> Vec<Similar> {
    let index = Index::new(texts, threshold);
    let mut pairs = Vec::new();
    for batch in index.batches() {
        let found = batch.par_iter().map_init(Vec::new, |seen, &place| {
            let others = index.candidates(place, seen).into_iter();
            others.filter_map(|other| index.similar(place, other as usize)).collect::<Vec<_>>()
        });
        pairs.par_extend(found.flatten_iter());
        report(batch[batch.len() - 1] + 1);
    }
    pairs.par_sort_unstable_by_key(|pair| (pair.first, pair.second));
    pairs
}

/// Goes through all pairs that may reach the threshold, always in the same order, and compares none: `visit` does
/// where it does not know the answer already, which in a crowd of similar texts is almost never.
pub fn visit_candidates(
    texts: &[&str],
    threshold: f64,
    mut visit: impl FnMut(MaybeSimilar<'_>),
    mut report: impl FnMut(usize),
) {
    let index = Index::new(texts, threshold);
    for batch in index.batches() {
        let others: Vec<Vec<u32>> =
            batch.par_iter().map_init(Vec::new, |seen, &place| index.candidates(place, seen)).collect();
        for (&place, others) in batch.iter().zip(others) {
            let set = &index.sets[place];
            for other in others.into_iter().map(|other| &index.sets[other as usize]) {
                let (first, second) = (set.text.min(other.text), set.text.max(other.text));
                visit(MaybeSimilar { first, second, sets: (set, other), threshold });
            }
        }
        report(batch[batch.len() - 1] + 1);
    }
}

/// For each rank the places of the sets with that shingle in their prefix, smaller sets first.
struct Index {
    /// Smaller sets first; equal sizes in the caller's order.
    sets: Vec<Ranked>,
    threshold: f64,
    /// Where each rank's places begin.
    starts: Vec<usize>,
    places: Vec<u32>,
    /// For each size the first place of a set that is at least as large.
    first_of_size: Vec<usize>,
}

impl Index {
    fn new(texts: &[&str], threshold: f64) -> Self {
        let mut sets = ranked(texts);
        sets.sort_by_key(|set| (set.size, set.text));
        let share = 2.0 * threshold / (1.0 + threshold);
        let ranks = sets.iter().flat_map(|set| &set.shared).max().map_or(0, |rank| *rank as usize + 1);
        let mut starts = vec![0; ranks + 1];
        for set in &sets {
            set.probe(share).iter().for_each(|rank| starts[*rank as usize + 1] += 1);
        }
        for rank in 0..ranks {
            starts[rank + 1] += starts[rank];
        }
        let mut next = starts.clone();
        let mut places = vec![0; starts[ranks]];
        for (place, set) in sets.iter().enumerate() {
            for rank in set.probe(share) {
                places[next[*rank as usize]] = u32::try_from(place).unwrap_or(u32::MAX);
                next[*rank as usize] += 1;
            }
        }
        let largest = sets.last().map_or(0, |set| set.size);
        let first_of_size = (0..=largest).map(|size| sets.partition_point(|set| set.size < size)).collect();
        Self { sets, threshold, starts, places, first_of_size }
    }

    /// Places of all sets, some at a time.
    fn batches(&self) -> Vec<Vec<usize>> {
        let places: Vec<usize> = (0..self.sets.len()).collect();
        places.chunks(BATCH).map(<[usize]>::to_vec).collect()
    }

    /// Earlier sets that may be similar to the one at `place`, each once. `seen` has the last place that each was a
    /// candidate for; it is filled here.
    fn candidates(&self, place: usize, seen: &mut Vec<usize>) -> Vec<u32> {
        seen.resize(self.sets.len(), usize::MAX);
        let set = &self.sets[place];
        let first_place = self.first_of_size[at_least(self.threshold, set.size).min(set.size)];
        let mut candidates: Vec<u32> = Vec::new();
        for rank in set.probe(self.threshold) {
            let list = &self.places[self.starts[*rank as usize]..self.starts[*rank as usize + 1]];
            let begin = list.partition_point(|other| (*other as usize) < first_place);
            let earlier = list[begin..].iter().take_while(|other| (**other as usize) < place);
            candidates.extend(earlier.filter(|other| std::mem::replace(&mut seen[**other as usize], place) != place));
        }
        candidates
    }

    fn similar(&self, place: usize, other: usize) -> Option<Similar> {
        let (set, other) = (&self.sets[place], &self.sets[other]);
        let (first, second) = (set.text.min(other.text), set.text.max(other.text));
        set.jaccard(other, self.threshold).map(|jaccard| Similar { first, second, jaccard })
    }
}
