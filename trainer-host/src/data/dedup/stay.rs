//! Which rows stay when some that are similar are different all the same.
//!
//! As in [`super::cluster`], texts are visited in their order and each goes for the most similar one that stays;
//! here only for one that the caller lets it go for. Each is compared with those that stay alone, so a crowd of
//! similar texts takes no longer than as many that differ.

use super::cluster::Dropped;
use super::ranked::{Ranked, ranked};

/// Texts between two reports of progress.
const REPORT_EVERY: usize = 256;

/// For each text why it goes, or `None` when it stays. `may_go(text, kept)` says, by places, whether a text may go for
/// one with similar words; `report` hears the number of texts looked up.
pub fn fates(
    texts: &[&str],
    threshold: f64,
    may_go: impl Fn(usize, usize) -> bool,
    mut report: impl FnMut(usize),
) -> Vec<Option<Dropped>> {
    let sets = ranked(texts);
    let ranks = sets.iter().flat_map(|set| &set.shared).max().map_or(0, |rank| *rank as usize + 1);
    // For each rank the texts that stay with that shingle in their prefix, and those that stay without words.
    let mut holders: Vec<Vec<usize>> = vec![Vec::new(); ranks];
    let mut wordless: Vec<usize> = Vec::new();
    let mut fates = Vec::with_capacity(texts.len());
    let mut seen = vec![usize::MAX; texts.len()];
    for (place, set) in sets.iter().enumerate() {
        let probe = set.probe(threshold);
        let holding = probe.iter().flat_map(|rank| &holders[*rank as usize]);
        let others = holding.chain(wordless.iter().filter(|_| set.size == 0));
        let others = others.filter(|other| std::mem::replace(&mut seen[**other], place) != place);
        let fate = best(texts, &sets, place, threshold, others.copied().filter(|other| may_go(place, *other)));
        if fate.is_none() {
            probe.iter().for_each(|rank| holders[*rank as usize].push(place));
            wordless.extend((set.size == 0).then_some(place));
        }
        fates.push(fate);
        if place.is_multiple_of(REPORT_EVERY) {
            report(place);
        }
    }
    fates
}

/// The most similar of these texts: among equally similar ones one with the same words, then the earliest.
fn best(
    texts: &[&str],
    sets: &[Ranked],
    place: usize,
    threshold: f64,
    others: impl Iterator<Item = usize>,
) -> Option<Dropped> {
    let fate = |kept: usize| {
        let jaccard = sets[place].jaccard(&sets[kept], threshold)?;
        let exact = jaccard == 1.0 && texts[place].split_whitespace().eq(texts[kept].split_whitespace());
        Some(Dropped { kept, jaccard, exact })
    };
    others
        .filter_map(fate)
        .max_by(|a, b| a.jaccard.total_cmp(&b.jaccard).then(a.exact.cmp(&b.exact)).then(b.kept.cmp(&a.kept)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cluster::duplicates;
    use super::*;

    proptest! {
        #[test]
        fn the_same_texts_stay_as_when_all_pairs_are_compared(
            words in proptest::collection::vec(proptest::collection::vec(0..3_u8, 0..12), 1..40),
            percent in 10..=100_u32,
        ) {
            let text = |words: &Vec<u8>| words.iter().map(|word| format!("w{word}")).collect::<Vec<_>>().join(" ");
            let texts: Vec<String> = words.iter().map(text).collect();
            let views: Vec<&str> = texts.iter().map(String::as_str).collect();
            let threshold = f64::from(percent) / 100.0;
            let (own, all) = (fates(&views, threshold, |_, _| true, |_| ()), duplicates(&views, threshold, |_| ()).fates);
            for (own, all) in own.iter().zip(&all) {
                prop_assert_eq!(own.is_some(), all.is_some());
                // Of texts with the same words the first decides there; here each finds its own, which is no worse.
                prop_assert!(own.is_none_or(|own| all.is_some_and(|all| own.jaccard >= all.jaccard)));
            }
        }
    }

    #[test]
    fn texts_that_may_not_go_for_each_other_both_stay_and_take_their_own_copies() {
        let texts = ["a b c d e f g", "a b c d e f h", "a b c d e f g", "a b c d e f h"];
        let facts = [0, 1, 0, 1];
        let found = fates(&texts, 0.5, |text, kept| facts[text] == facts[kept], |_| ());
        let kept: Vec<Option<usize>> = found.iter().map(|fate| fate.map(|dropped| dropped.kept)).collect();
        assert_eq!(kept, [None, None, Some(0), Some(1)]);
        assert!(found[2].is_some_and(|dropped| dropped.exact));
    }
}
