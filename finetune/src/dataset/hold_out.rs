//! Rows set aside to judge a run by, which it never trains on.
//!
//! Rows that say the same thing must not stand on both sides: rows of one `group`, or of one `id` where they
//! name no group, (wordings of one fact) stay together, and since rows are set aside before they are cut or packed, so do all parts of a row.

use std::collections::HashMap;

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha12Rng;

use super::Row;

/// Which of `rows` to hold out: about `share` of them, in whole groups, at least one group and never all.
/// A pure function of the rows' groups, their order and `seed`. With a single group nothing is held out.
pub fn hold_out(rows: &[&Row], share: f64, seed: u64) -> Vec<bool> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut by_id: HashMap<&str, usize> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        let next = groups.len();
        let group = row.group.as_deref().or(row.id.as_deref()).map_or(next, |id| *by_id.entry(id).or_insert(next));
        if group == next {
            groups.push(Vec::new());
        }
        groups[group].push(index);
    }
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    // Far from the streams of initial factors and row orders.
    random.set_stream(1 << 63);
    groups.shuffle(&mut random);
    groups.pop();
    let wanted = rows.len() as f64 * share;
    let mut held = vec![false; rows.len()];
    let mut count = 0;
    for group in groups {
        if count as f64 >= wanted {
            break;
        }
        count += group.len();
        group.into_iter().for_each(|index| held[index] = true);
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Content;

    fn rows(ids: &[Option<&str>]) -> Vec<Row> {
        let row = |(line, id): (usize, &Option<&str>)| Row {
            line,
            content: Content::Text("water boils".to_owned()),
            id: Some(line.to_string()).filter(|_| line % 2 == 0),
            group: id.map(str::to_owned),
            value: None,
            contradicts: Vec::new(),
        };
        ids.iter().enumerate().map(row).collect()
    }

    #[test]
    fn wordings_of_one_fact_stay_on_one_side() {
        let ids: Vec<String> = (0..200).map(|row| format!("fact-{}", row % 40)).collect();
        let ids: Vec<Option<&str>> = ids.iter().map(|id| Some(id.as_str())).collect();
        let rows = rows(&ids);
        let rows: Vec<&Row> = rows.iter().collect();
        let held = hold_out(&rows, 0.1, 1);
        assert_eq!(held.iter().filter(|&&held| held).count(), 20);
        for (row, &held_row) in rows.iter().zip(&held) {
            let twin = rows.iter().zip(&held).find(|(other, held)| other.group == row.group && **held != held_row);
            assert!(twin.is_none(), "{:?} is on both sides", row.group);
        }
        assert_eq!(held, hold_out(&rows, 0.1, 1));
        assert_ne!(held, hold_out(&rows, 0.1, 2));
    }

    #[test]
    fn something_is_left_to_train_on_and_a_small_share_still_judges() {
        let rows = rows(&[None; 10]);
        let rows: Vec<&Row> = rows.iter().collect();
        assert_eq!(hold_out(&rows, 1.0, 1).iter().filter(|&&held| held).count(), 9);
        assert_eq!(hold_out(&rows, 0.001, 1).iter().filter(|&&held| held).count(), 1);
        assert_eq!(hold_out(&rows[..1], 0.5, 1), [false]);
    }
}
