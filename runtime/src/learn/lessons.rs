//! From lessons to training rows and to the questions that judge the result.
//!
//! A correction is asked in several plain wordings, so that the answer is not tied to one. Earlier
//! rows are replayed beside them, so that the rest is kept. What a correction supersedes is neither
//! replayed nor asked: a question of the kit with the same wording is dropped, and with it all
//! other wordings of the same fact id.

use std::collections::{HashMap, HashSet};

use halligan_finetune::chat::Message;
use halligan_finetune::dataset::Row;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;

use crate::evaluate::Question;
use crate::journal::{Lesson, Lessons, same_question_key};

/// Replayed rows for each row that teaches a correction.
const REPLAY_SHARE: usize = 2;

/// Fewest replayed rows, where there are as many.
const REPLAY_ROWS_MIN: usize = 256;

/// Most replayed rows: more would only take time.
const REPLAY_ROWS_MAX: usize = 1024;

/// Longest subject of an answer that is used to word a question, in words.
const SUBJECT_WORDS_MAX: usize = 16;

/// What one round of learning trains on and is judged by.
#[derive(Debug, Clone)]
pub struct Material {
    /// Training rows.
    pub rows: Vec<Row>,
    /// Rows among them that are replayed.
    pub replayed: usize,
    /// The corrected questions.
    pub corrected: Vec<Question>,
    /// Gate questions that still hold, and corrections that were learned earlier.
    pub gate: Vec<Question>,
    /// Feedback rows that the candidate will know.
    pub feedback: Vec<i64>,
    /// Ids of facts of the kit that corrections supersede.
    pub superseded: HashSet<String>,
}

/// Chooses rows and questions. `seed` decides the replayed sample.
pub fn material(lessons: &Lessons, mut replay: Vec<Row>, mut gate: Vec<Question>, seed: u64) -> Material {
    let is_correction = |lesson: &&Lesson| lesson.wrong_answer.is_some();
    let corrections: Vec<&Lesson> = lessons.new.iter().filter(is_correction).collect();
    let learned: Vec<&Lesson> = lessons.known.iter().filter(is_correction).collect();

    let answered: HashSet<String> =
        corrections.iter().chain(&learned).map(|lesson| same_question_key(&lesson.question)).collect();
    let is_answered = |question: &str| answered.contains(&same_question_key(question));
    let superseded: HashSet<String> = replay
        .iter()
        .filter(|row| first_question(row).is_some_and(is_answered))
        .filter_map(|row| row.id.clone())
        .chain(gate.iter().filter(|each| is_answered(&each.question)).map(|each| each.id.clone()))
        .collect();
    replay.retain(|row| {
        !row.id.as_ref().is_some_and(|id| superseded.contains(id)) && !first_question(row).is_some_and(is_answered)
    });
    gate.retain(|each| !superseded.contains(&each.id));
    gate.extend(learned.iter().map(|lesson| question_of(lesson)));

    let mut rows: Vec<Row> = corrections.iter().flat_map(|lesson| worded(lesson)).collect();
    let good = lessons.new.iter().chain(&lessons.known);
    rows.extend(good.filter(|lesson| !is_correction(lesson)).map(|lesson| row(&lesson.question, &lesson.answer)));
    let wanted = (rows.len() * REPLAY_SHARE).clamp(REPLAY_ROWS_MIN, REPLAY_ROWS_MAX);
    let replay = sample(replay, wanted, seed);
    let mut replayed = replay.len();
    rows.extend(replay);
    for lesson in &learned {
        let again = worded(lesson);
        replayed += again.len();
        rows.extend(again);
    }
    Material {
        rows,
        replayed,
        corrected: corrections.iter().map(|lesson| question_of(lesson)).collect(),
        gate,
        feedback: lessons.new.iter().map(|lesson| lesson.feedback).collect(),
        superseded,
    }
}

/// A seeded sample in which every fact comes as often as every other, give or take one row.
fn sample(mut rows: Vec<Row>, wanted: usize, seed: u64) -> Vec<Row> {
    rows.shuffle(&mut ChaCha12Rng::seed_from_u64(seed));
    let mut taken: HashMap<String, usize> = HashMap::new();
    let mut ranked: Vec<(usize, Row)> = rows
        .into_iter()
        .map(|row| {
            let count = row.id.clone().map_or(0, |id| {
                let count = taken.entry(id).or_default();
                *count += 1;
                *count
            });
            (count, row)
        })
        .collect();
    // Stable: within a round the shuffled order stays.
    ranked.sort_by_key(|(round, _)| *round);
    ranked.into_iter().take(wanted).map(|(_, row)| row).collect()
}

fn question_of(lesson: &Lesson) -> Question {
    Question::from_correction(format!("feedback-{}", lesson.feedback), &lesson.question, &lesson.answer)
}

fn row(question: &str, answer: &str) -> Row {
    Row::from_messages(vec![Message::new("user", question), Message::new("assistant", answer)])
}

fn worded(lesson: &Lesson) -> Vec<Row> {
    wordings(&lesson.question, &lesson.answer).into_iter().map(|question| row(&question, &lesson.answer)).collect()
}

fn first_question(row: &Row) -> Option<&str> {
    let messages = row.messages()?;
    messages.iter().find(|message| message.role == "user").map(|message| message.content.as_str())
}

/// Plain wordings of a question, the original first and twice, none of them changing what it asks:
/// courteous words around it, its telling words alone, and, where the answer reads `X is ...` or
/// `X are ...`, questions for `X`.
fn wordings(question: &str, answer: &str) -> Vec<String> {
    let question = question.trim();
    let bare = question.trim_end_matches(['?', '.', '!', ' ']);
    let small = lower_first(bare);
    let mut all = vec![
        question.to_owned(),
        question.to_owned(),
        small.clone(),
        format!("Please tell me: {small}?"),
        format!("Quick question: {small}?"),
        format!("I need to know, {small}?"),
        format!("{bare}, please."),
    ];
    if let Some(subject) = subject_of(answer) {
        all.extend([
            format!("What is {subject}?"),
            format!("What's {subject}?"),
            format!("Tell me {subject}."),
            format!("I need to know {subject}."),
            format!("Do you know {subject}?"),
            format!("Can you tell me {subject}?"),
            format!("I forgot {subject}."),
            format!("Remind me of {subject}."),
            upper_first(&subject),
        ]);
    } else {
        all.extend([format!("Can you tell me {small}?"), format!("Remind me: {small}?")]);
    }
    let telling: Vec<String> = crate::retrieval::telling_words(question);
    if telling.len() >= 2 {
        all.push(telling.join(" "));
    }
    let mut seen = HashSet::new();
    let original = all.first().cloned();
    all.retain(|wording| original.as_ref() == Some(wording) || seen.insert(wording.clone()));
    all
}

/// What a sentence is about: the words before its first `is` or `are`.
fn subject_of(answer: &str) -> Option<String> {
    let sentence = answer.trim().split_inclusive(['.', '!', ';']).next()?;
    let verb = [" is ", " are "].iter().filter_map(|verb| sentence.find(verb)).min()?;
    let subject = sentence[..verb].trim();
    let words = subject.split_whitespace().count();
    // A pronoun or a number is no subject that a question can name.
    let telling = crate::retrieval::telling_words(subject);
    let usable = (2..=SUBJECT_WORDS_MAX).contains(&words) && !telling.is_empty();
    usable.then(|| lower_first(subject))
}

/// The text with a small first letter, unless its first word is a name or an abbreviation.
fn lower_first(text: &str) -> String {
    let first = text.split_whitespace().next().unwrap_or_default();
    let is_plain = crate::retrieval::is_function_word(&first.to_lowercase());
    let mut characters = text.chars();
    match characters.next() {
        Some(letter) if is_plain => letter.to_lowercase().chain(characters).collect(),
        _ => text.to_owned(),
    }
}

fn upper_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |letter| letter.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn correction(feedback: i64, question: &str, answer: &str) -> Lesson {
        Lesson { feedback, question: question.into(), answer: answer.into(), wrong_answer: Some("Wrong.".into()) }
    }

    fn replay_row(id: &str, question: &str) -> Row {
        Row { id: Some(id.into()), ..row(question, "Old.") }
    }

    fn gate_question(id: &str, question: &str) -> Question {
        Question::from_correction(id.into(), question, "Old.")
    }

    fn questions(rows: &[Row]) -> Vec<&str> {
        rows.iter().filter_map(first_question).collect()
    }

    #[test]
    fn a_correction_is_asked_in_several_wordings_with_one_answer() {
        let answer = "The isolation distance for the Mill Creek leak is 800 feet.";
        let lesson = correction(7, "What is the isolation distance for the Mill Creek leak?", answer);
        let lessons = Lessons { new: vec![lesson], known: Vec::new() };
        let made = material(&lessons, Vec::new(), Vec::new(), 1);
        let asked = questions(&made.rows);
        assert!(asked.len() >= 12, "{asked:?}");
        assert!(asked.contains(&"Tell me the isolation distance for the Mill Creek leak."));
        assert!(asked.contains(&"isolation distance mill creek leak"));
        assert!(made.rows.iter().all(|row| row.messages().unwrap()[1].content == answer));
        assert_eq!((made.replayed, made.feedback), (0, vec![7]));
        assert_eq!(made.corrected.len(), 1);
    }

    #[test]
    fn wordings_do_not_invent_subjects() {
        for answer in ["It is red.", "Close the valve.", "", "15 is right.", "Is it?"] {
            assert_eq!(subject_of(answer), None, "{answer}");
        }
        let asked = wordings("UN 1005 name?", "Ammonia.");
        assert!(asked.contains(&"Please tell me: UN 1005 name?".to_owned()), "{asked:?}");
        assert!(wordings("", "").len() < 12);
    }

    #[test]
    fn what_a_correction_supersedes_is_neither_replayed_nor_asked() {
        let lessons = Lessons { new: vec![correction(1, "how far?", "150 feet.")], known: Vec::new() };
        let replay = vec![
            replay_row("distance", "How far?"),
            replay_row("distance", "How many feet?"),
            replay_row("valve", "Which valve?"),
        ];
        let gate = vec![
            gate_question("distance", "What distance?"),
            gate_question("valve", "What valve?"),
            gate_question("other", "HOW FAR"),
        ];
        let made = material(&lessons, replay, gate, 1);
        assert_eq!(made.replayed, 1);
        assert!(questions(&made.rows).contains(&"Which valve?"));
        let ids: Vec<&str> = made.gate.iter().map(|each| each.id.as_str()).collect();
        assert_eq!(ids, ["valve"]);
    }

    #[test]
    fn earlier_corrections_are_replayed_and_join_the_gate() {
        let lessons = Lessons {
            new: vec![correction(9, "Which channel?", "Tac 7.")],
            known: vec![correction(3, "Which road?", "The mill road.")],
        };
        let made = material(&lessons, Vec::new(), Vec::new(), 1);
        assert!(questions(&made.rows).contains(&"Which road?"));
        assert_eq!(made.gate[0].question, "Which road?");
        assert_eq!(made.feedback, [9], "what was known is known already");
    }

    #[test]
    fn good_answers_are_single_rows_and_judge_nothing() {
        let good = Lesson { wrong_answer: None, ..correction(5, "Which valve?", "The red one.") };
        let lessons = Lessons { new: vec![good], known: Vec::new() };
        let made = material(&lessons, Vec::new(), Vec::new(), 1);
        assert_eq!((made.rows.len(), made.corrected.len(), made.gate.len()), (1, 0, 0));
    }

    #[test]
    fn the_replayed_sample_visits_every_fact_before_it_repeats_one() {
        let replay = (0..60).map(|number| replay_row(&format!("fact-{}", number % 6), "q")).collect();
        let rows = sample(replay, 12, 3);
        for fact in 0..6 {
            let id = format!("fact-{fact}");
            assert_eq!(rows.iter().filter(|row| row.id.as_ref() == Some(&id)).count(), 2);
        }
    }

    #[test]
    fn the_replayed_sample_depends_on_the_seed_only() {
        let lessons = Lessons { new: vec![correction(1, "q?", "a.")], known: Vec::new() };
        let replay: Vec<Row> =
            (0..500).map(|number| replay_row(&number.to_string(), &format!("Question {number}?"))).collect();
        let sample = |seed| {
            let made = material(&lessons, replay.clone(), Vec::new(), seed);
            assert_eq!(made.replayed, REPLAY_ROWS_MIN);
            questions(&made.rows).iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(sample(1), sample(1));
        assert_ne!(sample(1), sample(2));
    }
}
