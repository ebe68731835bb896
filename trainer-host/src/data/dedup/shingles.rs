//! Texts as sets of word 5-grams.
//!
//! A word is what stands between white space. A text of fewer than five words is one shingle of all of them,
//! so that short texts are alike only when they are equal; a text without words has none.

use std::collections::HashSet;

/// Words of a shingle.
pub const SHINGLE_WORDS: usize = 5;

/// Hashes of the distinct shingles, sorted. Equal shingles have equal hashes; different ones may meet with a
/// probability of about 1e-19 a pair, so hashes choose candidates and [`jaccard`] decides.
pub fn shingle_hashes(text: &str) -> Vec<u64> {
    let words: Vec<u64> = text.split_whitespace().map(word_hash).collect();
    let mut hashes: Vec<u64> = windows(&words).map(shingle_hash).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

/// Shingles of a text in its order, each a run of words.
pub fn windows<T>(words: &[T]) -> impl Iterator<Item = &[T]> {
    let short = (!words.is_empty() && words.len() < SHINGLE_WORDS).then_some(words);
    short.into_iter().chain(words.windows(SHINGLE_WORDS))
}

/// Shared shingles of two texts over all their shingles, exactly, by the words themselves. Two texts without
/// words are alike.
pub fn jaccard(first: &str, second: &str) -> f64 {
    let (first, second): (Vec<&str>, Vec<&str>) =
        (first.split_whitespace().collect(), second.split_whitespace().collect());
    let first: HashSet<&[&str]> = windows(&first).collect();
    let second: HashSet<&[&str]> = windows(&second).collect();
    let shared = first.iter().filter(|shingle| second.contains(*shingle)).count();
    let all = first.len() + second.len() - shared;
    if all == 0 { 1.0 } else { shared as f64 / all as f64 }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo).
pub fn word_hash(word: &str) -> u64 {
    word.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Mixes the hashes of words in their order (the finalizer of MurmurHash3 after each).
pub fn shingle_hash(words: &[u64]) -> u64 {
    words.iter().fold(words.len() as u64, |hash, word| {
        let mixed = hash.rotate_left(29) ^ word;
        let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        mixed ^ (mixed >> 33)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similarity_counts_distinct_shingles() {
        // a b c d e, b c d e f, c d e f g against the last two and one more: two of four.
        assert_eq!(jaccard("a b c d e f g", "b c d e f  g\nh"), 0.5);
        assert_eq!(jaccard("a b c d e", "a b c d e"), 1.0);
        assert_eq!(jaccard("a b c d e a b c d e", "a b c d e a b c d e a b c d e"), 1.0);
    }

    #[test]
    fn short_texts_are_alike_only_when_equal() {
        assert_eq!(jaccard("keep upwind", "keep  upwind"), 1.0);
        assert_eq!(jaccard("keep upwind", "keep upwind now"), 0.0);
        assert_eq!((jaccard("", " "), jaccard("", "a")), (1.0, 0.0));
    }

    #[test]
    fn hashes_count_the_same_shingles_as_the_words_do() {
        for text in ["", "one", "a b c d e", "a b c d e f a b c d e f", "a a a a a a a"] {
            let words: Vec<&str> = text.split_whitespace().collect();
            let exact: HashSet<&[&str]> = windows(&words).collect();
            assert_eq!(shingle_hashes(text).len(), exact.len(), "{text:?}");
        }
    }
}
