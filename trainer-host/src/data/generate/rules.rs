//! All rules together: facts of tables, statements and lists, each asked for once.

use std::collections::HashMap;

use super::fact::{Ask, Fact};
use super::sink::Left;
use super::{lists, records, statements};
use crate::data::chunk::Chunk;
use crate::data::ingest::schema::Schema;
use crate::data::words::words;

/// Facts of all chunks; `left` gets what cannot be asked, with the reason.
pub fn facts(chunks: &[Chunk], schema: &Schema, left: &mut Vec<Left>) -> Vec<Fact> {
    let mut all = records::facts(chunks, schema, left);
    all.extend(statements::facts(chunks));
    all.extend(lists::facts(chunks, left));
    united(all, left)
}

/// Facts that are asked for in the same words are one if their answers agree; otherwise the first stays, since no
/// question may have two answers.
fn united(all: Vec<Fact>, left: &mut Vec<Left>) -> Vec<Fact> {
    let mut places: HashMap<Vec<String>, usize> = HashMap::new();
    let mut kept: Vec<Fact> = Vec::new();
    for fact in all {
        let asked: Vec<String> = fact.asks.first().map(|ask| words(ask.text()).collect()).unwrap_or_default();
        let Some(&place) = places.get(&asked) else {
            places.insert(asked, kept.len());
            kept.push(fact);
            continue;
        };
        let first = &mut kept[place];
        if words(&first.answer.text).eq(words(&fact.answer.text)) {
            let new = |known: &[String], more: Vec<String>| -> Vec<String> {
                more.into_iter().filter(|one| !known.contains(one)).collect()
            };
            let (chunks, sources) = (new(&first.chunks, fact.chunks), new(&first.sources, fact.sources));
            first.chunks.extend(chunks);
            first.sources.extend(sources);
        } else {
            let asked = fact.asks.first().map(Ask::text).unwrap_or_default();
            let detail = format!("{asked:?} has another answer already: {:?}", first.answer.text);
            let id = fact.chunks.first().cloned().unwrap_or_default();
            left.push(Left { id, reason: "ambiguous", detail, content: Some(fact.answer.text) });
        }
    }
    kept
}
