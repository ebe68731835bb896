//! What the records of one name say together: one answer, all their values, or nothing that could be asked.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::fact::{Ask, Fact, Worded};
use super::sink::Left;
use crate::data::chunk::Chunk;

/// Different values of one question that make one answer; more are ambiguous.
const VALUES_MAX: usize = 4;
/// Chunks that are named as the source of one fact.
const CHUNKS_MAX: usize = 8;
/// Different values of a column up to which each excludes the others.
const EXCLUSIVE_MAX: usize = 12;

/// A question about one record, before records of the same name are brought together.
pub struct Asked<'a> {
    /// Ways of asking.
    pub asks: Vec<Worded>,
    /// What this record says.
    pub answer: Worded,
    /// What a right answer must contain.
    pub value: Option<String>,
    /// Whether the noun phrases are plural.
    pub plural: bool,
    /// Chunks that hold the record.
    pub chunks: Vec<&'a Chunk>,
    /// Names of the record and the question that this one turns round.
    pub turns_round: Option<(String, String)>,
}

/// A question to all records of one name.
#[derive(Default)]
pub struct Together<'a> {
    /// What those say that answer.
    pub asked: Vec<Asked<'a>>,
    /// Records that say nothing: an empty cell, a placeholder, a text instead of a value.
    pub silent: usize,
}

/// What is asked, by name of the record and of the question, so that records of one name meet.
pub type ByName<'a> = BTreeMap<(String, String), Together<'a>>;

/// One fact of all records with this name: where they differ, it has all values, or it cannot be asked.
pub fn merged(path: &str, title: &str, name: &str, all: &Together<'_>, left: &mut Vec<Left>) -> Option<Fact> {
    let (silent, all) = (all.silent, &all.asked);
    let first = all.first()?;
    let mut values: Vec<&str> = Vec::new();
    let mut answers: BTreeSet<&str> = BTreeSet::new();
    for asked in all {
        answers.insert(&asked.answer.text);
        if let Some(value) = asked.value.as_deref()
            && !values.contains(&value)
        {
            values.push(value);
        }
    }
    let (mut answer, mut value) = (first.answer.clone(), first.value.clone());
    let mut ambiguous = |detail: String| left.push(Left::of(first.chunks[0], "ambiguous", detail));
    if silent > 0 {
        // The question does not say which of the records it is about.
        let records = all.len() + silent;
        ambiguous(format!("{silent} of {records} records named {title:?} have nothing for {name:?}"));
        return None;
    }
    if answers.len() > 1 {
        let whole = first.value.as_deref().unwrap_or_default();
        // Only where nothing but the value differs is "I, II or III" a true answer.
        let same_otherwise = !whole.is_empty()
            && all.iter().all(|asked| {
                asked.value.as_deref().is_some_and(|value| with_last(&answer.text, whole, value) == asked.answer.text)
            });
        if !same_otherwise || values.len() > VALUES_MAX {
            ambiguous(format!("{} records named {title:?} give {} answers for {name:?}", all.len(), answers.len()));
            return None;
        }
        let either = series(&values, "or");
        answer.text = with_last(&answer.text, whole, &either);
        value = Some(either);
    }
    let about = |title: &str, name: &str| ["record", path, title, name].map(str::to_owned).to_vec();
    let mut fact = Fact {
        kind: "record",
        about: about(title, name),
        turns_round: first.turns_round.as_ref().map(|(title, name)| about(title, name)),
        asks: first.asks.iter().cloned().map(Ask::new).collect(),
        plural: first.plural,
        answer,
        value,
        contradicts: Vec::new(),
        chunks: Vec::new(),
        sources: Vec::new(),
    };
    for chunk in sources(all) {
        fact.chunks.push(chunk.id.clone());
        if !fact.sources.contains(&chunk.source) {
            fact.sources.push(chunk.source.clone());
        }
    }
    Some(fact)
}

/// The chunks that a fact names: all of its records where they are few; otherwise at least one of each value.
fn sources<'a>(all: &[Asked<'a>]) -> Vec<&'a Chunk> {
    let mut known = HashSet::new();
    let mut chunks: Vec<&Chunk> = all.iter().flat_map(|asked| asked.chunks.iter().copied()).collect();
    chunks.retain(|chunk| known.insert(chunk.id.as_str()));
    if chunks.len() <= CHUNKS_MAX {
        return chunks;
    }
    let mut values = HashSet::new();
    let mut kept: Vec<&str> = Vec::new();
    for asked in all.iter().filter(|asked| values.insert(asked.value.as_deref())) {
        // A record that is larger than a chunk has its value in one of several.
        let value = asked.value.as_deref().unwrap_or_default();
        let holder = asked.chunks.iter().find(|chunk| chunk.text.contains(value)).or(asked.chunks.first());
        kept.extend(holder.map(|chunk| chunk.id.as_str()).filter(|id| !kept.contains(id)));
    }
    let more = chunks.iter().map(|chunk| chunk.id.as_str()).filter(|id| !kept.contains(id));
    let free = CHUNKS_MAX.saturating_sub(kept.len());
    let kept: HashSet<&str> = kept.iter().copied().chain(more.take(free)).collect();
    chunks.retain(|chunk| kept.contains(chunk.id.as_str()));
    chunks
}

/// `a`, `a and b`, `a, b and c`.
pub fn series(parts: &[impl AsRef<str>], word: &str) -> String {
    let texts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    match texts.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

/// `text` with the last `old` replaced: values stand at the end of an answer, names before them.
fn with_last(text: &str, old: &str, new: &str) -> String {
    match text.rfind(old) {
        Some(at) => format!("{}{new}{}", &text[..at], &text[at + old.len()..]),
        None => text.to_owned(),
    }
}

/// Where a question has few different answers over a table, each rules the others out.
pub fn exclude_others(facts: &mut [Fact]) {
    let mut values: HashMap<(String, String), BTreeSet<String>> = HashMap::new();
    let key = |fact: &Fact| (fact.about[1].clone(), fact.about[3].clone());
    for fact in facts.iter() {
        values.entry(key(fact)).or_default().extend(fact.value.clone());
    }
    for fact in facts.iter_mut() {
        let others = &values[&key(fact)];
        if others.len() <= EXCLUSIVE_MAX {
            let answer = plain(&fact.answer.text);
            // The name of a record may hold another's value; such an answer would rule itself out.
            fact.contradicts = others.iter().filter(|other| !answer.contains(&plain(other))).cloned().collect();
        }
    }
}

fn plain(text: &str) -> String {
    format!(" {} ", crate::data::words::words(text).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record<'a>(chunks: &'a [Chunk], value: &str) -> Asked<'a> {
        let parts = [("value", value)];
        Asked {
            asks: vec![Worded::fill("the load of the winch", &parts)],
            answer: Worded::fill("The load of the winch is {{ value }}.", &parts),
            value: Some(value.to_owned()),
            plural: false,
            chunks: chunks.iter().collect(),
            turns_round: None,
        }
    }

    fn chunk(id: &str, text: &str) -> Chunk {
        Chunk { id: id.to_owned(), ..Chunk::paragraph(text, "") }
    }

    fn told(asked: Vec<Asked<'_>>, silent: usize) -> (Option<Fact>, Vec<Left>) {
        let mut left = Vec::new();
        let fact = merged("t.csv", "Winch", "load", &Together { asked, silent }, &mut left);
        (fact, left)
    }

    #[test]
    fn a_fact_of_many_records_names_a_chunk_of_each_value() {
        let light: Vec<[Chunk; 1]> = (0..9).map(|place| [chunk(&format!("light {place}"), "2 tons")]).collect();
        // A record in two chunks, the second of which holds the value.
        let heavy = [chunk("heavy 0", "Winch"), chunk("heavy 1", "7 tons")];
        let mut all: Vec<Asked<'_>> = light.iter().map(|chunks| record(chunks, "2 tons")).collect();
        all.push(record(&heavy, "7 tons"));
        let fact = told(all, 0).0.unwrap();
        assert_eq!((fact.value.as_deref(), fact.chunks.len()), (Some("2 tons or 7 tons"), CHUNKS_MAX));
        assert_eq!((fact.chunks[0].as_str(), fact.chunks[7].as_str()), ("light 0", "heavy 1"));
    }

    #[test]
    fn a_record_that_says_nothing_makes_the_answer_of_its_namesake_uncertain() {
        let chunks = [chunk("c", "3 tons")];
        let (fact, left) = told(vec![record(&chunks, "3 tons")], 1);
        assert!(fact.is_none());
        assert_eq!(left[0].reason, "ambiguous");
        assert!(left[0].detail.ends_with("1 of 2 records named \"Winch\" have nothing for \"load\""), "{left:?}");
    }
}
