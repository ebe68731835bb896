//! What ties rows together: their questions and their words.

use std::collections::HashMap;

use super::split::{Entry, Families};
use super::{Candidate, REWORDED};
use crate::data::dedup::join::{MaybeSimilar, visit_candidates};
use crate::data::row::Row;
use crate::data::words::words;
use crate::progress::Progress;

/// What the split needs to know of a row.
pub(super) fn entry(candidate: &Candidate) -> Entry {
    let Candidate { row, dataset } = candidate;
    Entry {
        id: row.id.clone(),
        group: row.group.clone(),
        was: row.was.clone(),
        questions: questions(row),
        stratum: (*dataset, row.kind.clone()),
    }
}

/// The words of each question, without case and punctuation.
fn questions(row: &Row) -> Vec<String> {
    row.questions().map(|question| words(question).collect::<Vec<_>>().join(" ")).collect()
}

/// Ties rows with similar words. Those of one family already need no comparison.
pub(super) fn tie_similar(families: &mut Families, candidates: &[Candidate], overlap: f64) {
    let texts: Vec<String> = candidates.iter().map(|candidate| candidate.row.said()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut progress = Progress::new("comparing rows", 0, texts.len());
    let tie = |pair: MaybeSimilar<'_>| {
        if families.of(pair.first) != families.of(pair.second) && pair.are_similar() {
            families.tie(pair.first, pair.second);
        }
    };
    visit_candidates(&texts, overlap, tie, |done| progress.show(done, ""));
    progress.finish();
}

/// A second look at what will be written, by words alone: how often rows on two sides ask the same or are similar.
/// Rewordings are similar to their training rows on purpose, but ask nothing that is asked in training.
pub(super) fn leaks(candidates: &[Candidate], sides: &[usize], chosen: &[bool], overlap: f64) -> usize {
    let used: Vec<usize> = (0..candidates.len()).filter(|place| chosen[*place]).collect();
    let mut asked: HashMap<String, usize> = HashMap::new();
    let mut leaks = 0;
    for place in &used {
        for question in questions(&candidates[*place].row) {
            leaks += usize::from(*asked.entry(question).or_insert(sides[*place]) != sides[*place]);
        }
    }
    let texts: Vec<String> = used.iter().map(|place| candidates[*place].row.said()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let of = |place: usize| if sides[used[place]] == REWORDED { 0 } else { sides[used[place]] };
    let count = |pair: MaybeSimilar<'_>| {
        leaks += usize::from(of(pair.first) != of(pair.second) && pair.are_similar());
    };
    visit_candidates(&texts, overlap, count, |_| ());
    leaks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(rows: Vec<Row>) -> Vec<Candidate> {
        rows.into_iter().map(|row| Candidate { row, dataset: 0 }).collect()
    }

    #[test]
    fn a_system_prompt_that_all_rows_share_ties_none() {
        let long = (0..100).map(|word| format!("rule{word}")).collect::<Vec<_>>().join(" ");
        let row = |number: usize| {
            let mut row = Row::of_answer("record", &format!("g{number}"), &format!("What is item {number}?"), "Iron.");
            row.messages.as_mut().unwrap().insert(0, halligan_finetune::chat::Message::new("system", &long));
            row.named()
        };
        let candidates = candidates((0..6).map(row).collect());
        let entries: Vec<Entry> = candidates.iter().map(entry).collect();
        let mut families = Families::new(&entries);
        tie_similar(&mut families, &candidates, 0.7);
        assert_eq!(families.members().len(), 6);
    }

    #[test]
    fn similar_rows_and_questions_on_two_sides_are_leaks() {
        let words =
            |last: &str| format!("The tank holds foam for the first attack until relief comes from the {last}.");
        let rows = vec![
            Row::of_answer("record", "a", "How long does the foam last?", &words("mill")),
            Row::of_answer("record", "b", "How long does the foam last then?", &words("mill")),
            Row::of_answer("record", "c", "How long does the foam last?", "An hour."),
        ];
        let candidates = candidates(rows);
        let leaks = |sides: [usize; 3]| leaks(&candidates, &sides, &[true; 3], 0.5);
        assert_eq!((leaks([0, 0, 0]), leaks([0, 1, 0]), leaks([0, 0, 2])), (0, 1, 1));
        assert_eq!(leaks([0, REWORDED, 0]), 0);
    }
}
