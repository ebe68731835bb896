//! Rows that give away the evaluation set.
//!
//! A question of the evaluation set is known by its word n-grams; a shorter one by all its words. A row
//! that holds at least the given share of them has seen the question.

use std::collections::{HashMap, HashSet};

use super::Finding;
use crate::data::words::words;

/// N-grams of the evaluation questions.
#[derive(Debug, Default)]
pub struct EvaluationSet {
    /// Words of an n-gram.
    length: usize,
    /// Names of the questions and the number of their distinct n-grams.
    questions: Vec<(String, usize)>,
    /// For each length of n-gram, which questions have it.
    grams: HashMap<usize, HashMap<Vec<String>, Vec<usize>>>,
}

impl EvaluationSet {
    /// An empty set with n-grams of `length` words.
    pub fn new(length: usize) -> Self {
        Self { length, ..Self::default() }
    }

    /// Adds a question; one without words is passed over.
    pub fn add(&mut self, name: &str, question: &str) {
        let words: Vec<String> = words(question).collect();
        let length = self.length.min(words.len());
        if length == 0 {
            return;
        }
        let distinct: HashSet<&[String]> = words.windows(length).collect();
        let number = self.questions.len();
        self.questions.push((name.to_owned(), distinct.len()));
        for gram in distinct {
            self.grams.entry(length).or_default().entry(gram.to_vec()).or_default().push(number);
        }
    }

    /// Questions in the set.
    pub fn len(&self) -> usize {
        self.questions.len()
    }

    /// Whether there is no question.
    pub fn is_empty(&self) -> bool {
        self.questions.is_empty()
    }

    /// Whether a text holds a question, to the given share of its n-grams.
    pub fn overlap(&self, text: &str, least: f64) -> Option<Finding> {
        let words: Vec<String> = words(text).collect();
        let mut shared: HashMap<usize, usize> = HashMap::new();
        for (length, grams) in &self.grams {
            let distinct: HashSet<&[String]> = words.windows(*length).collect();
            for question in distinct.into_iter().filter_map(|gram| grams.get(gram)).flatten() {
                *shared.entry(*question).or_default() += 1;
            }
        }
        let share = |question: usize, count: usize| count as f64 / self.questions[question].1 as f64;
        let worst = shared.into_iter().map(|(question, count)| (question, share(question, count)));
        let (question, share) = worst.max_by(|(a, x), (b, y)| x.total_cmp(y).then(b.cmp(a)))?;
        (share >= least).then(|| {
            let name = &self.questions[question].0;
            Finding::new(
                "evaluation_overlap",
                format!("{:.0} % of evaluation question {name} stand in it", 100.0 * share),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_that_holds_the_question_is_found_whatever_the_punctuation() {
        let mut set = EvaluationSet::new(8);
        set.add("e1", "How far do I isolate a small chlorine spill at night?");
        set.add("e2", "What is Level A?");
        let overlap = |text: &str| set.overlap(text, 0.5).map(|found| found.detail);
        assert!(overlap("how far do I isolate a small chlorine spill -- at night? 300 feet").unwrap().contains("e1"));
        assert!(overlap("Q: what is level a").unwrap().contains("100 % of evaluation question e2"));
        assert_eq!(overlap("How far do I isolate a large ammonia spill at night?"), None);
        assert_eq!(overlap("What is the level?"), None);
    }
}
