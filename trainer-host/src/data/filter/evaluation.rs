//! Rows that give away the evaluation set.
//!
//! A question of the evaluation set is known by its word n-grams; a shorter one by all its words. A row
//! that holds at least the given share of them has seen the question. A question of hardly a word that says something
//! ("Chlorine?") stands in many rows that have not: it counts only where a row asks just that.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Finding;
use crate::data::dataset::{Dataset, Lines};
use crate::data::documents::{object, text};
use crate::data::manifest::MANIFEST;
use crate::data::row::{Row, stands_alone};
use crate::data::words::{content_words, words};
use crate::data::writer::DatasetWriter;

/// Words of an n-gram of the evaluation set.
const GRAM_WORDS: usize = 8;
/// Content words from which a question is looked for inside a row.
const CONTENT_WORDS_MIN: usize = 2;

/// N-grams of the evaluation questions.
#[derive(Debug, Default)]
pub struct EvaluationSet {
    /// Words of an n-gram.
    length: usize,
    /// Names of the questions and the number of their distinct n-grams.
    questions: Vec<(String, usize)>,
    /// For each length of n-gram, which questions have it.
    grams: HashMap<usize, HashMap<Vec<String>, Vec<usize>>>,
    /// Questions that say too little to be looked for, by all their words.
    short: HashMap<Vec<String>, usize>,
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
        let number = self.questions.len();
        if content_words(question).take(CONTENT_WORDS_MIN).count() < CONTENT_WORDS_MIN {
            self.questions.push((name.to_owned(), 1));
            self.short.entry(words).or_insert(number);
            return;
        }
        let distinct: HashSet<&[String]> = words.windows(length).collect();
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

    /// Whether a row holds a question, to the given share of its n-grams.
    pub fn overlap(&self, row: &Row, least: f64) -> Option<Finding> {
        if self.is_empty() {
            return None;
        }
        let said: Vec<String> = words(&row.said()).collect();
        let mut shared: HashMap<usize, usize> = HashMap::new();
        for (length, grams) in &self.grams {
            let distinct: HashSet<&[String]> = said.windows(*length).collect();
            for question in distinct.into_iter().filter_map(|gram| grams.get(gram)).flatten() {
                *shared.entry(*question).or_default() += 1;
            }
        }
        let asked: Vec<String> = words(row.question()).collect();
        shared.extend(self.short.get(&asked).map(|question| (*question, 1)));
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

/// The questions of these datasets and files, each of which becomes an input of the dataset that is written.
///
/// # Errors
/// A set that cannot be read, or has no questions.
pub(super) fn read(paths: &[PathBuf], writer: &mut DatasetWriter) -> anyhow::Result<EvaluationSet> {
    let mut set = EvaluationSet::new(GRAM_WORDS);
    for path in paths {
        anyhow::ensure!(
            path.exists(),
            "--evaluation {}: there is no such file; give a JSONL file or a dataset folder",
            path.display()
        );
        if path.is_dir() {
            let dataset = Dataset::open(path)?;
            writer.input("evaluation", &path.join(MANIFEST))?;
            for row in dataset.rows()? {
                let row = row?;
                row.questions().for_each(|question| set.add(&row.id, question));
            }
        } else {
            writer.input("evaluation", path)?;
            add_file(path, &mut set)?;
        }
    }
    Ok(set)
}

/// Questions of a JSONL file: what the user asks, or the `question`, or the text.
fn add_file(path: &Path, set: &mut EvaluationSet) -> anyhow::Result<()> {
    let before = set.len();
    let mut lines = Lines::open(path)?;
    while let Some((line, bytes)) = lines.next_line()? {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let wrong = |problem: String| anyhow::anyhow!("{}:{line}: {problem}", path.display());
        let object = object(&bytes).map_err(wrong)?;
        let messages = object.get("messages").and_then(Value::as_array).into_iter().flatten();
        let said =
            messages.filter(|message| message["role"] == "user").filter_map(|message| message["content"].as_str());
        let mut asked: Vec<&str> =
            said.enumerate().filter(|(turn, said)| *turn == 0 || stands_alone(said)).map(|(_, said)| said).collect();
        if asked.is_empty() {
            asked.extend(object.get("question").and_then(Value::as_str));
        }
        let whole = if asked.is_empty() { Some(text(&object).map_err(wrong)?) } else { None };
        asked.extend(whole.as_deref());
        asked.into_iter().for_each(|question| set.add(&format!("{}:{line}", path.display()), question));
    }
    anyhow::ensure!(set.len() > before, "{}: there are no questions in it; give rows with messages", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_that_holds_the_question_is_found_whatever_the_punctuation() {
        let mut set = EvaluationSet::new(8);
        set.add("e1", "How far do I isolate a small chlorine spill at night?");
        set.add("e2", "What is Level A?");
        let overlap = |text: &str| set.overlap(&Row::of_text("text", "g", text), 0.5).map(|found| found.detail);
        assert!(overlap("how far do I isolate a small chlorine spill -- at night? 300 feet").unwrap().contains("e1"));
        assert!(overlap("Q: what is level a").unwrap().contains("100 % of evaluation question e2"));
        assert_eq!(overlap("How far do I isolate a large ammonia spill at night?"), None);
        assert_eq!(overlap("What is the level?"), None);
    }

    #[test]
    fn a_question_that_says_next_to_nothing_counts_only_where_a_row_asks_just_that() {
        let mut set = EvaluationSet::new(8);
        set.add("e1", "Chlorine");
        set.add("e2", "What is it?");
        let overlap =
            |question: &str| set.overlap(&Row::of_answer("record", "g", question, "Chlorine. What is it?"), 0.5);
        assert_eq!(overlap("How far do I stay from chlorine?"), None);
        assert!(overlap("chlorine?").unwrap().detail.contains("e1"));
        assert!(overlap("What is it").unwrap().detail.contains("e2"));
    }

    #[test]
    fn later_turns_of_an_evaluation_are_questions_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gate.jsonl");
        let line = r#"{"messages":[{"role":"user","content":"Hello there, friend."},{"role":"assistant","content":"Yes?"},
            {"role":"user","content":"Which channel does the night shift use?"},{"role":"assistant","content":"Nine."}]}"#;
        std::fs::write(&path, line.replace('\n', "")).unwrap();
        let mut set = EvaluationSet::new(8);
        add_file(&path, &mut set).unwrap();
        let row = Row::of_answer("record", "g", "Which channel does the night shift use?", "Nine.");
        assert!(set.overlap(&row, 0.5).unwrap().detail.contains("gate.jsonl:1"));
    }
}
