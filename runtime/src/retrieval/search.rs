//! Searching: candidates by words and by meaning, fused, and the best read again by a reranker.

use rusqlite::{Connection, OptionalExtension, params};

use super::embed::with_heading;
use super::encoder::{Encoder, Reranker, Role};
use super::fusion::{Rankings, fuse};
use super::store::{self, HEADING_WEIGHT};
use super::words::{is_function_word, words};
use super::{Library, Passage, vectors};
use crate::error::RuntimeError;

/// Words of a query that are used; the rest of a longer text adds nothing to its meaning.
const QUERY_WORDS_MAX: usize = 32;

/// Candidates of each ranking that are fused; beyond, neither says anything.
const CANDIDATES_BY_WORDS: usize = 500;
const CANDIDATES_BY_MEANING: usize = 200;

/// Passages that a reranker reads.
const RERANKED: usize = 20;

/// Best passages by words that are looked at for how much of the question they have.
const COVERAGE_PASSAGES: usize = 3;

/// Rarity of a word that most passages have; FTS5 uses the same.
const RARITY_MIN: f64 = 1e-6;

/// Words that ask rather than say what is asked about; they are in no passage, or in any.
const ASKING_WORDS: &[&str] = &[
    "again", "ask", "asked", "asking", "confirm", "could", "describe", "explain", "find", "get", "give", "gives",
    "got", "happen", "happens", "hear", "heard", "hello", "hey", "idea", "ideas", "know", "known", "knows", "let",
    "like", "look", "looking", "mind", "need", "needs", "question", "quick", "quickly", "refresh", "remember",
    "remind", "say", "says", "show", "someone", "tell", "telling", "thank", "thanks", "think", "want", "wants",
];

impl Library<'_> {
    /// The passages that fit `query` best, best first. Without an encoder a query without words finds nothing.
    ///
    /// # Errors
    /// An unusable index, a failing encoder or reranker.
    pub fn search(&self, query: &str, limit: usize) -> Result<Vec<Passage>, RuntimeError> {
        let wanted = if self.reranker.is_some() { limit.max(RERANKED) } else { limit };
        let ranked = self.ranked(query, wanted)?;
        let mut passages = self.database("read", |connection| {
            ranked
                .into_iter()
                .filter_map(|(id, score)| passage(connection, id, score).transpose())
                .collect::<Result<Vec<_>, _>>()
        })?;
        if let Some(reranker) = self.reranker {
            rerank(reranker, query, &mut passages)?;
        }
        passages.truncate(limit);
        Ok(passages)
    }

    /// Ids and scores of the passages that fit best.
    fn ranked(&self, query: &str, limit: usize) -> Result<Vec<(i64, f64)>, RuntimeError> {
        let question = match self.encoder {
            Some(encoder) if self.has_vectors(encoder)? && !query.trim().is_empty() => {
                encoder.encode(&[query], Role::Question)?.pop()
            }
            _ => None,
        };
        let Some(question) = question else {
            return Ok(self.database("search", |connection| by_words(connection, query, limit))?);
        };
        let rankings = self.database("search", |connection| {
            let by_words = by_words(connection, query, CANDIDATES_BY_WORDS.max(limit))?;
            let scanned = vectors::scan(connection, &question, CANDIDATES_BY_MEANING.max(limit))?;
            let ids: Vec<i64> = by_words.iter().map(|(id, _)| *id).collect();
            let mut by_meaning = vectors::cosines(connection, &question, &ids)?;
            by_meaning.extend(scanned.best.iter().map(|one| (one.passage, one.cosine)));
            let coverage = coverage(connection, query, &ids[..ids.len().min(COVERAGE_PASSAGES)])?;
            Ok(Rankings { by_words, by_meaning, unrelated: scanned.mean, coverage })
        })?;
        let mut fused = fuse(&rankings);
        fused.truncate(limit);
        Ok(fused)
    }

    fn has_vectors(&self, encoder: &dyn Encoder) -> Result<bool, RuntimeError> {
        Ok(self.database("read", |connection| {
            let there = connection.query_row("SELECT 1 FROM vectors LIMIT 1", [], |_| Ok(())).optional()?.is_some();
            Ok(there && store::fact(connection, store::ENCODER)?.as_deref() == Some(encoder.id()))
        })?)
    }
}

/// Passages with words of the query and their BM25, best first; ties in the order of their ids.
fn by_words(connection: &Connection, query: &str, limit: usize) -> rusqlite::Result<Vec<(i64, f64)>> {
    let words = query_words(query);
    if words.is_empty() {
        return Ok(Vec::new());
    }
    connection
        .prepare_cached(&format!(
            "SELECT rowid, bm25(passage_words, {HEADING_WEIGHT}, 1.0) AS distance FROM passage_words
             WHERE passage_words MATCH ?1 ORDER BY distance, rowid LIMIT ?2"
        ))?
        .query_map(params![any_of(&words), i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            Ok((row.get(0)?, -row.get::<_, f64>(1)?))
        })?
        .collect()
}

fn passage(connection: &Connection, id: i64, score: f64) -> rusqlite::Result<Option<Passage>> {
    connection
        .prepare_cached(
            "SELECT d.name, p.page, p.heading, p.text, p.start_byte, p.end_byte
             FROM passages p JOIN documents d ON d.id = p.document WHERE p.id = ?1",
        )?
        .query_row([id], |row| {
            Ok(Passage {
                document: row.get(0)?,
                page: row.get(1)?,
                heading: row.get(2)?,
                text: row.get(3)?,
                start_byte: row.get::<_, i64>(4)? as usize,
                end_byte: row.get::<_, i64>(5)? as usize,
                score: score as f32,
            })
        })
        .optional()
}

/// Share of the query's words, weighed by rarity, that the one of `passages` with most of them has.
fn coverage(connection: &Connection, query: &str, passages: &[i64]) -> rusqlite::Result<f64> {
    let total: i64 = connection.query_row("SELECT coalesce(sum(passages), 0) FROM documents", [], |row| row.get(0))?;
    let mut with_word = connection.prepare_cached("SELECT count(*) FROM passage_words WHERE passage_words MATCH ?1")?;
    let mut has_word =
        connection.prepare_cached("SELECT 1 FROM passage_words WHERE passage_words MATCH ?1 AND rowid = ?2")?;
    let mut all = 0.0;
    let mut had = vec![0.0; passages.len()];
    for word in query_words(query) {
        let quoted = any_of(&[word]);
        let count: i64 = with_word.query_row([&quoted], |row| row.get(0))?;
        let rarity = rarity(total, count);
        all += rarity;
        for (sum, passage) in had.iter_mut().zip(passages) {
            if has_word.exists(params![quoted, passage])? {
                *sum += rarity;
            }
        }
    }
    Ok(if all > 0.0 { had.into_iter().fold(0.0, f64::max) / all } else { 0.0 })
}

/// The inverse document frequency of BM25 for a word that `count` of `total` passages have.
fn rarity(total: i64, count: i64) -> f64 {
    (((total - count) as f64 + 0.5) / (count as f64 + 0.5)).ln().max(RARITY_MIN)
}

/// Puts the passages into the order of the reranker.
fn rerank(reranker: &dyn Reranker, query: &str, passages: &mut Vec<Passage>) -> Result<(), RuntimeError> {
    let rest = passages.split_off(passages.len().min(RERANKED));
    let texts: Vec<String> = passages.iter().map(|passage| with_heading(&passage.heading, &passage.text)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let scores = reranker.scores(query, &texts)?;
    for (passage, score) in passages.iter_mut().zip(scores) {
        passage.score = score;
    }
    // Stable: equal scores keep the order of the search.
    passages.sort_by(|a, b| b.score.total_cmp(&a.score));
    passages.extend(rest);
    Ok(())
}

/// An FTS5 query for any of the words. They are letters and digits only, so no quote can end a quoted one.
fn any_of(words: &[String]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" OR ")
}

/// The words of a query that are searched for, each once: those that say what it is about, or all if none does.
fn query_words(text: &str) -> Vec<String> {
    let asks = |word: &String| ASKING_WORDS.binary_search(&word.as_str()).is_ok();
    let chosen = first_words(words(text).filter(|word| !is_function_word(word) && !asks(word)));
    if chosen.is_empty() { first_words(words(text)) } else { chosen }
}

/// The first words, each once.
fn first_words(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut chosen: Vec<String> = Vec::new();
    for word in words {
        if !chosen.contains(&word) {
            chosen.push(word);
        }
        if chosen.len() == QUERY_WORDS_MAX {
            break;
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_ask_are_sorted_for_the_search_in_them() {
        assert!(ASKING_WORDS.is_sorted());
    }

    #[test]
    fn query_is_the_words_it_is_about_or_all_it_has() {
        assert_eq!(query_words("Could you remind me of the RQ of chlorine, chlorine?"), ["rq", "chlorine"]);
        assert_eq!(query_words("What is it?"), ["what", "is", "it"]);
        assert_eq!(query_words(&"chlorine ".repeat(100_000)), ["chlorine"]);
    }
}
