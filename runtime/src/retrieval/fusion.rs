//! Two rankings of passages, by words and by meaning, made one.
//!
//! Ranks alone lose what the scores know: a passage that has the very number of the question is far ahead of the
//! next one, and reciprocal rank fusion throws the lead away. Scores are added instead, each on its own scale from
//! "like any passage" (0) to "the best there is" (1). How much the words count depends on the question: where a
//! passage has nearly all that the question names, weighed by how rare each word is, words decide and meaning
//! breaks ties; where the question's words hardly occur, it was asked in other words, and meaning decides.

use std::collections::HashMap;

/// Share of the question's words (by rarity) from which on words decide: more than chance gives a passage.
const COVERAGE_OF_WORDS: f64 = 0.4;
/// Share up to which meaning alone decides. One word of four is what any question shares with some passage.
const COVERAGE_OF_MEANING: f64 = 0.3;
/// Weight of words where they decide; the rest lets meaning judge between passages with the same words.
const WEIGHT_MAX: f64 = 0.8;

/// What both rankings say about a question.
#[derive(Debug, Default)]
pub struct Rankings {
    /// Okapi BM25 of passages that have words of the question, best first; all above 0.
    pub by_words: Vec<(i64, f64)>,
    /// Cosines of the passages that are most similar, and of those in `by_words`.
    pub by_meaning: HashMap<i64, f64>,
    /// Cosine of an unrelated passage.
    pub unrelated: f64,
    /// Share of the question's words, weighed by rarity, that the best passage by words has: 0 to 1.
    pub coverage: f64,
}

/// Weight of words for a question of which a passage has this share.
pub fn weight_of_words(coverage: f64) -> f64 {
    let at = (coverage - COVERAGE_OF_MEANING) / (COVERAGE_OF_WORDS - COVERAGE_OF_MEANING);
    WEIGHT_MAX * at.clamp(0.0, 1.0)
}

/// Passages with their scores from 0 to 1, best first; ties in the order of their ids.
pub fn fuse(rankings: &Rankings) -> Vec<(i64, f64)> {
    let best_words = rankings.by_words.first().map_or(1.0, |(_, score)| *score);
    let best_cosine = rankings.by_meaning.values().copied().fold(rankings.unrelated, f64::max);
    let lead = best_cosine - rankings.unrelated;
    let weight = if rankings.by_words.is_empty() {
        0.0
    } else if rankings.by_meaning.is_empty() || lead <= 0.0 {
        1.0
    } else {
        weight_of_words(rankings.coverage)
    };
    let mut scores: HashMap<i64, f64> = HashMap::new();
    for (passage, score) in &rankings.by_words {
        *scores.entry(*passage).or_default() += weight * score / best_words;
    }
    for (passage, cosine) in &rankings.by_meaning {
        let meaning = if lead > 0.0 { ((cosine - rankings.unrelated) / lead).max(0.0) } else { 0.0 };
        *scores.entry(*passage).or_default() += (1.0 - weight) * meaning;
    }
    let mut fused: Vec<(i64, f64)> = scores.into_iter().collect();
    fused.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    fused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rankings(coverage: f64) -> Rankings {
        Rankings {
            by_words: vec![(1, 9.0), (2, 3.0)],
            by_meaning: HashMap::from([(1, 0.2), (2, 0.3), (3, 0.8)]),
            unrelated: 0.1,
            coverage,
        }
    }

    #[test]
    fn words_decide_where_a_passage_has_them_and_meaning_where_none_does() {
        assert_eq!(fuse(&rankings(1.0)).iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(fuse(&rankings(0.1))[0].0, 3);
    }

    #[test]
    fn each_ranking_alone_is_kept_in_its_order() {
        let words = Rankings { by_meaning: HashMap::new(), ..rankings(0.0) };
        assert_eq!(fuse(&words).iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 2]);
        let meaning = Rankings { by_words: Vec::new(), ..rankings(1.0) };
        assert_eq!(fuse(&meaning).iter().map(|(id, _)| *id).collect::<Vec<_>>(), [3, 2, 1]);
        assert!(fuse(&Rankings::default()).is_empty());
    }

    #[test]
    fn scores_lie_between_nothing_and_the_best_there_is() {
        for coverage in [0.0, 0.5, 1.0] {
            assert!(fuse(&rankings(coverage)).iter().all(|(_, score)| (0.0..=1.0).contains(score)));
        }
    }
}
