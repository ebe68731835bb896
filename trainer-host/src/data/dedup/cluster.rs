//! Which of several similar texts stays.
//!
//! Texts are visited in their order. One that is similar to a text that stays is dropped in favour of the most
//! similar such text (the earlier of two equally similar); any other stays. So no two that stay are similar,
//! and each that goes is itself similar to the one it goes for: a chain of small changes does not pull a far
//! text into a cluster, as joining all pairs would.

use std::collections::HashMap;

use super::join::{Similar, similar_pairs};

/// Why a text goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropped {
    /// Place of the text that stays for it; the cluster is named after that one.
    pub kept: usize,
    /// Similarity to it.
    pub jaccard: f64,
    /// Whether the words are the same one by one.
    pub exact: bool,
}

/// Similar texts of a list and what is to become of them.
#[derive(Debug)]
pub struct Duplicates {
    /// For each text why it goes, or `None` when it stays.
    pub fates: Vec<Option<Dropped>>,
    /// Similar pairs among texts that are the first of their words.
    pairs: Vec<Similar>,
    /// For each first text all places with the same words, itself included.
    equal: HashMap<usize, Vec<usize>>,
}

/// Finds equal and similar texts and decides which stay. `report` hears the number of texts looked up.
pub fn duplicates(texts: &[&str], threshold: f64, report: impl FnMut(usize)) -> Duplicates {
    let mut first_of: HashMap<Vec<&str>, usize> = HashMap::new();
    let mut equal: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut distinct = Vec::new();
    for (place, text) in texts.iter().enumerate() {
        let first = *first_of.entry(text.split_whitespace().collect()).or_insert(place);
        equal.entry(first).or_default().push(place);
        if first == place {
            distinct.push(place);
        }
    }
    drop(first_of);
    let distinct_texts: Vec<&str> = distinct.iter().map(|place| texts[*place]).collect();
    let mut pairs = similar_pairs(&distinct_texts, threshold, report);
    for pair in &mut pairs {
        (pair.first, pair.second) = (distinct[pair.first], distinct[pair.second]);
    }
    let fates = fates(texts.len(), &distinct, &pairs, &equal);
    Duplicates { fates, pairs, equal }
}

fn fates(
    texts: usize,
    distinct: &[usize],
    pairs: &[Similar],
    equal: &HashMap<usize, Vec<usize>>,
) -> Vec<Option<Dropped>> {
    let mut earlier: HashMap<usize, Vec<(usize, f64)>> = HashMap::new();
    for pair in pairs {
        earlier.entry(pair.second).or_default().push((pair.first, pair.jaccard));
    }
    let mut fates: Vec<Option<Dropped>> = vec![None; texts];
    for &place in distinct {
        let mut best: Option<Dropped> = None;
        for &(kept, jaccard) in earlier.get(&place).into_iter().flatten() {
            let stays = fates[kept].is_none();
            if stays && best.is_none_or(|best| jaccard > best.jaccard) {
                best = Some(Dropped { kept, jaccard, exact: false });
            }
        }
        fates[place] = best;
        for &copy in equal[&place].iter().filter(|copy| **copy != place) {
            fates[copy] = Some(best.unwrap_or(Dropped { kept: place, jaccard: 1.0, exact: true }));
        }
    }
    fates
}

impl Duplicates {
    /// How many pairs of texts reach the threshold, equal ones included.
    pub fn pair_count(&self) -> u64 {
        let size = |place: usize| self.equal.get(&place).map_or(1, Vec::len) as u64;
        let within: u64 = self.equal.values().map(|places| places.len() as u64 * (places.len() as u64 - 1) / 2).sum();
        let across: u64 = self.pairs.iter().map(|pair| size(pair.first) * size(pair.second)).sum();
        within + across
    }

    /// The first `limit` pairs in the order of their places.
    pub fn pairs(&self, limit: usize) -> Vec<Similar> {
        let mut neighbours: HashMap<usize, Vec<(usize, f64)>> = HashMap::new();
        for pair in &self.pairs {
            neighbours.entry(pair.first).or_default().push((pair.second, pair.jaccard));
            neighbours.entry(pair.second).or_default().push((pair.first, pair.jaccard));
        }
        let mut first_of = HashMap::new();
        for (first, places) in &self.equal {
            first_of.extend(places.iter().map(|place| (*place, *first)));
        }
        let mut pairs = Vec::new();
        for place in 0..self.fates.len() {
            let own = first_of[&place];
            let mut others: Vec<(usize, f64)> = self.equal[&own].iter().map(|other| (*other, 1.0)).collect();
            for (neighbour, jaccard) in neighbours.get(&own).into_iter().flatten() {
                others.extend(self.equal[neighbour].iter().map(|other| (*other, *jaccard)));
            }
            others.retain(|(other, _)| *other > place);
            others.sort_by_key(|(other, _)| *other);
            let pair = |(second, jaccard)| Similar { first: place, second, jaccard };
            pairs.extend(others.into_iter().map(pair).take(limit - pairs.len()));
            if pairs.len() >= limit {
                break;
            }
        }
        pairs
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::shingles::jaccard;
    use super::*;

    /// Texts of a few words over a small vocabulary, so that similar ones are common.
    fn texts() -> impl Strategy<Value = Vec<String>> {
        let base = proptest::collection::vec(0..6_u8, 0..30);
        let edits = proptest::collection::vec((0..30_usize, 0..6_u8), 0..3);
        proptest::collection::vec((0..4_usize, edits), 1..40).prop_flat_map(move |members| {
            proptest::collection::vec(base.clone(), 4).prop_map(move |bases| {
                let text = |(family, edits): &(usize, Vec<(usize, u8)>)| {
                    let mut words = bases[*family].clone();
                    for (at, word) in edits {
                        if let Some(place) = words.get_mut(*at) {
                            *place = *word;
                        }
                    }
                    words.iter().map(|word| format!("w{word}")).collect::<Vec<_>>().join(" ")
                };
                members.iter().map(text).collect()
            })
        })
    }

    fn brute_force(texts: &[String], threshold: f64) -> Vec<(usize, usize, f64)> {
        let all = (0..texts.len()).flat_map(|first| (first + 1..texts.len()).map(move |second| (first, second)));
        all.map(|(first, second)| (first, second, jaccard(&texts[first], &texts[second])))
            .filter(|(_, _, jaccard)| *jaccard >= threshold)
            .collect()
    }

    proptest! {
        #[test]
        fn every_similar_pair_is_found_and_no_other(texts in texts(), percent in 10..=100_u32) {
            let threshold = f64::from(percent) / 100.0;
            let views: Vec<&str> = texts.iter().map(String::as_str).collect();
            let found = duplicates(&views, threshold, |_| ());
            let pairs = found.pairs(usize::MAX);
            let expected = brute_force(&texts, threshold);
            prop_assert_eq!(found.pair_count(), expected.len() as u64);
            let pairs: Vec<_> = pairs.iter().map(|pair| (pair.first, pair.second, pair.jaccard)).collect();
            prop_assert_eq!(pairs, expected);
        }

        #[test]
        fn texts_that_stay_are_not_similar_and_those_that_go_are(texts in texts()) {
            let views: Vec<&str> = texts.iter().map(String::as_str).collect();
            let fates = duplicates(&views, 0.7, |_| ()).fates;
            for (place, fate) in fates.iter().enumerate() {
                if let Some(dropped) = fate {
                    prop_assert!(dropped.kept < place && fates[dropped.kept].is_none());
                    prop_assert_eq!(jaccard(&texts[place], &texts[dropped.kept]), dropped.jaccard);
                    prop_assert!(dropped.jaccard >= 0.7);
                }
            }
            for (first, second, _) in brute_force(&texts, 0.7) {
                prop_assert!(fates[first].is_some() || fates[second].is_some());
            }
        }
    }
}
