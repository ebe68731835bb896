//! Held-out rewordings: rows of trained facts that ask in words that no training row uses.
//!
//! A fact that training never saw cannot be known, so the test split says what a model guesses or concludes. Whether
//! it knows a trained fact however it is asked, only these rows say. They stand in a split of their own, so that
//! nobody takes the one figure for the other.

use std::collections::{BTreeMap, HashMap};

use super::split::{Entry, draw};

/// Name of the split.
pub const REWORDING: &str = "rewording";
/// Rows of a fact that stay in training, at least.
const TRAINED_MIN: usize = 2;

/// Places of the rows to hold out: of each group in `training`, `wordings` rows drawn by the seed whose question no
/// other row asks. Groups that would keep fewer than two rows give none.
pub fn hold_out(entries: &[Entry], training: &[usize], wordings: usize, seed: u64) -> Vec<usize> {
    let mut asked: HashMap<&str, usize> = HashMap::new();
    entries.iter().flat_map(|entry| &entry.questions).for_each(|question| *asked.entry(question).or_default() += 1);
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    training.iter().for_each(|place| groups.entry(&entries[*place].group).or_default().push(*place));
    let mut held_out = Vec::new();
    for places in groups.values().filter(|places| places.len() >= wordings + TRAINED_MIN) {
        let mut alone: Vec<usize> = places
            .iter()
            .copied()
            .filter(|place| entries[*place].questions.iter().all(|one| asked[one.as_str()] == 1))
            .collect();
        alone.sort_by_cached_key(|place| draw(seed, &entries[*place].id));
        held_out.extend(alone.into_iter().take(wordings));
    }
    held_out.sort_unstable();
    held_out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(group: &str, question: &str) -> Entry {
        Entry {
            id: format!("{group} {question}"),
            group: group.to_owned(),
            was: Vec::new(),
            questions: vec![question.to_owned()],
            stratum: (0, "record".to_owned()),
        }
    }

    #[test]
    fn every_large_enough_fact_gives_as_many_rewordings_as_asked_for() {
        let mut entries: Vec<Entry> = (0..40).map(|row| entry(&format!("g{}", row % 8), &format!("q{row}"))).collect();
        entries.extend([entry("small", "a"), entry("small", "b")]);
        let all: Vec<usize> = (0..entries.len()).collect();
        let held = hold_out(&entries, &all, 2, 1);
        assert_eq!(held.len(), 16);
        assert!(held.iter().all(|place| entries[*place].group != "small"));
        assert_eq!(held, hold_out(&entries, &all, 2, 1));
        assert_ne!(held, hold_out(&entries, &all, 2, 2));
    }

    #[test]
    fn a_question_that_another_row_asks_is_never_held_out() {
        let entries = [entry("g", "same"), entry("g", "same"), entry("g", "other"), entry("h", "other")];
        assert!(hold_out(&entries, &[0, 1, 2, 3], 1, 1).is_empty());
    }
}
