//! Splits without leaks: rows that would give each other away stand on the same side.
//!
//! Rows are tied when they have the same group (paraphrases and chunks of one fact), when one was made from the
//! other, when they ask the same in any turn, or when their words are similar. Tied rows form a family, and families are
//! dealt out whole. Within a stratum each split's quota is exact by the largest remainder; large families are dealt first, each to the
//! split that lacks most, so that quotas are met as closely as whole families allow.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest as _, Sha256};

use super::apportion::apportion;

/// Names of the splits, in the order of the shares.
pub const SPLITS: [&str; 3] = ["train", "validation", "test"];

/// What the split needs to know of a row.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Name of the row.
    pub id: String,
    /// Name of the fact.
    pub group: String,
    /// Rows that it was made from.
    pub was: Vec<String>,
    /// Words of each of its questions; rows that ask the same are tied.
    pub questions: Vec<String>,
    /// Where it counts: source folder and kind.
    pub stratum: (usize, String),
}

/// Families of tied rows.
#[derive(Debug)]
pub struct Families {
    parents: Vec<usize>,
}

impl Families {
    /// Ties rows by group, by origin and by question.
    pub fn new(entries: &[Entry]) -> Self {
        let mut families = Self { parents: (0..entries.len()).collect() };
        let mut groups: HashMap<&str, usize> = HashMap::new();
        let mut questions: HashMap<&str, usize> = HashMap::new();
        let places: HashMap<&str, usize> =
            entries.iter().enumerate().map(|(place, entry)| (entry.id.as_str(), place)).collect();
        for (place, entry) in entries.iter().enumerate() {
            families.tie(place, *groups.entry(&entry.group).or_insert(place));
            for question in &entry.questions {
                families.tie(place, *questions.entry(question).or_insert(place));
            }
            for was in &entry.was {
                // The row it was made from is often gone; then those that share the name are tied.
                match places.get(was.as_str()) {
                    Some(&other) => families.tie(place, other),
                    None => families.tie(place, *groups.entry(was).or_insert(place)),
                }
            }
        }
        families
    }

    /// First row of the family of the row at `place`.
    pub fn of(&self, mut place: usize) -> usize {
        while self.parents[place] != place {
            place = self.parents[place];
        }
        place
    }

    /// Makes the families of two rows one.
    pub fn tie(&mut self, a: usize, b: usize) {
        let (a, b) = (self.of(a), self.of(b));
        let (low, high) = (a.min(b), a.max(b));
        self.parents[high] = low;
        // Paths stay short because every visited row points at its family directly from now on.
        let mut place = high;
        while self.parents[place] != low && self.parents[place] != place {
            place = std::mem::replace(&mut self.parents[place], low);
        }
    }

    /// Places of each family's rows, by its first row.
    pub fn members(&self) -> BTreeMap<usize, Vec<usize>> {
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for place in 0..self.parents.len() {
            members.entry(self.of(place)).or_default().push(place);
        }
        members
    }
}

/// The split of each row, as an index into [`SPLITS`]. A pure function of the rows, the shares and the seed.
pub fn split(entries: &[Entry], families: &Families, shares: [f64; 3], seed: u64) -> Vec<usize> {
    /// Places of a family's rows, and the number that decides when it is dealt.
    type Hand = (Vec<usize>, [u8; 32]);
    let mut strata: BTreeMap<&(usize, String), Vec<Hand>> = BTreeMap::new();
    for members in families.members().into_values() {
        let stratum = &entries[members[0]].stratum;
        let smallest = members.iter().map(|place| entries[*place].id.as_str()).min().unwrap_or_default();
        let draw = draw(seed, smallest);
        strata.entry(stratum).or_default().push((members, draw));
    }
    let mut splits = vec![0; entries.len()];
    for families in strata.values_mut() {
        let rows = families.iter().map(|(members, _)| members.len()).sum();
        let mut lacking: Vec<i64> = apportion(rows, &shares).into_iter().map(|part| part as i64).collect();
        families.sort_by(|(a, draw_a), (b, draw_b)| b.len().cmp(&a.len()).then(draw_a.cmp(draw_b)));
        for (members, _) in families.iter() {
            let most = lacking.iter().max().copied().unwrap_or(0);
            let side = lacking.iter().position(|lack| *lack == most).unwrap_or(0);
            lacking[side] -= members.len() as i64;
            members.iter().for_each(|place| splits[*place] = side);
        }
    }
    splits
}

/// A number for a name that the seed decides, the same on every machine.
pub fn draw(seed: u64, name: &str) -> [u8; 32] {
    Sha256::new().chain_update(seed.to_le_bytes()).chain_update(name.as_bytes()).finalize().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries(groups: &[u8]) -> Vec<Entry> {
        let entry = |(place, group): (usize, &u8)| Entry {
            id: format!("r{place}"),
            group: format!("g{group}"),
            was: Vec::new(),
            questions: vec![format!("q{place}")],
            stratum: (0, if group % 2 == 0 { "record" } else { "definition" }.to_owned()),
        };
        groups.iter().enumerate().map(entry).collect()
    }

    proptest! {
        #[test]
        fn rows_of_a_group_and_similar_rows_stand_on_one_side(
            groups in proptest::collection::vec(0..30_u8, 2..120),
            ties in proptest::collection::vec((0..120_usize, 0..120_usize), 0..10),
            seed in 0..4_u64,
        ) {
            let entries = entries(&groups);
            let similar: Vec<(usize, usize)> =
                ties.iter().map(|(a, b)| (a % entries.len(), b % entries.len())).collect();
            let mut families = Families::new(&entries);
            similar.iter().for_each(|(a, b)| families.tie(*a, *b));
            let splits = split(&entries, &families, [0.8, 0.1, 0.1], seed);
            for a in 0..entries.len() {
                for b in 0..a {
                    if entries[a].group == entries[b].group {
                        prop_assert_eq!(splits[a], splits[b]);
                    }
                }
            }
            for (a, b) in &similar {
                prop_assert_eq!(splits[*a], splits[*b]);
            }
        }

        #[test]
        fn quotas_are_exact_in_every_stratum_when_each_fact_has_one_row(rows in 1..200_usize, seed in 0..4_u64) {
            let entries: Vec<Entry> = (0..rows)
                .map(|place| Entry {
                    id: format!("r{place}"),
                    group: format!("g{place}"),
                    was: Vec::new(),
                    questions: vec![format!("q{place}")],
                    stratum: (place % 3, "record".to_owned()),
                })
                .collect();
            let splits = split(&entries, &Families::new(&entries), [0.7, 0.2, 0.1], seed);
            for stratum in 0..3 {
                let of = |side| (0..rows).filter(|place| place % 3 == stratum && splits[*place] == side).count();
                let all = of(0) + of(1) + of(2);
                prop_assert_eq!(vec![of(0), of(1), of(2)], apportion(all, &[0.7, 0.2, 0.1]));
            }
        }
    }

    #[test]
    fn seed_changes_the_split_and_the_order_of_rows_does_not() {
        let groups: Vec<u8> = (0..100).collect();
        let entries = entries(&groups);
        let of = |entries: &[Entry], seed| {
            let splits = split(entries, &Families::new(entries), [0.8, 0.1, 0.1], seed);
            let named = entries.iter().zip(splits).map(|(entry, split)| (entry.id.clone(), split));
            named.collect::<BTreeMap<_, _>>()
        };
        let turned: Vec<Entry> = entries.iter().rev().cloned().collect();
        assert_eq!(of(&entries, 1), of(&turned, 1));
        assert_ne!(of(&entries, 1), of(&entries, 2));
    }

    #[test]
    fn rows_made_from_one_row_stay_together_though_it_is_gone() {
        let mut entries = entries(&[0, 2, 4, 6, 8, 10, 12, 14]);
        entries[0].was = vec!["gone".to_owned()];
        entries[7].was = vec!["gone".to_owned()];
        let families = Families::new(&entries);
        assert_eq!(families.of(0), families.of(7));
    }

    #[test]
    fn rows_that_share_any_question_stand_on_one_side() {
        let mut entries = entries(&[0, 2, 4]);
        entries[0].questions.push("later".to_owned());
        entries[2].questions = vec!["later".to_owned()];
        let families = Families::new(&entries);
        assert_eq!(families.of(0), families.of(2));
        assert_ne!(families.of(0), families.of(1));
    }
}
