//! Texts as sets of word 5-grams.
//!
//! A word is what stands between white space. A text of fewer than five words is one shingle of all of them,
//! so that short texts are alike only when they are equal; a text without words has none.

/// Words of a shingle.
pub const SHINGLE_WORDS: usize = 5;

/// Hash and place (its first byte) of each distinct shingle of a text, in the order of the hashes. `None` where two
/// different shingles of the text have one hash: hashes over another seed will tell them apart.
pub fn shingle_hashes(text: &str, word_hash: impl Fn(&str) -> u64) -> Option<Vec<(u64, usize)>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let hashes: Vec<u64> = words.iter().map(|word| word_hash(word)).collect();
    let start = |word: &&str| word.as_ptr() as usize - text.as_ptr() as usize;
    let mut found: Vec<(u64, usize)> = windows(&hashes).map(shingle_hash).zip(words.iter().map(start)).collect();
    found.sort_unstable_by_key(|(hash, _)| *hash);
    let is_one = found.windows(2).all(|two| two[0].0 != two[1].0 || same_shingle((text, two[0].1), (text, two[1].1)));
    found.dedup_by_key(|(hash, _)| *hash);
    is_one.then_some(found)
}

/// Whether the shingles that begin at these places have the same words.
pub fn same_shingle(first: (&str, usize), second: (&str, usize)) -> bool {
    let words = first.0[first.1..].split_whitespace().take(SHINGLE_WORDS);
    words.eq(second.0[second.1..].split_whitespace().take(SHINGLE_WORDS))
}

/// Shingles of a text in its order, each a run of words.
fn windows<T>(words: &[T]) -> impl Iterator<Item = &[T]> {
    let short = (!words.is_empty() && words.len() < SHINGLE_WORDS).then_some(words);
    short.into_iter().chain(words.windows(SHINGLE_WORDS))
}

/// Shared shingles of two texts over all their shingles, by the words themselves: what the faster ways are tested
/// against. Two texts without words are alike.
#[cfg(test)]
pub fn jaccard(first: &str, second: &str) -> f64 {
    use std::collections::HashSet;
    let (first, second): (Vec<&str>, Vec<&str>) =
        (first.split_whitespace().collect(), second.split_whitespace().collect());
    let first: HashSet<&[&str]> = windows(&first).collect();
    let second: HashSet<&[&str]> = windows(&second).collect();
    let shared = first.iter().filter(|shingle| second.contains(*shingle)).count();
    let all = first.len() + second.len() - shared;
    if all == 0 { 1.0 } else { shared as f64 / all as f64 }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo), begun elsewhere for each seed.
pub fn word_hash(word: &str, seed: u64) -> u64 {
    let basis = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word.bytes().fold(basis, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Mixes the hashes of words in their order (the finalizer of MurmurHash3 after each).
fn shingle_hash(words: &[u64]) -> u64 {
    words.iter().fold(words.len() as u64, |hash, word| {
        let mixed = hash.rotate_left(29) ^ word;
        let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        mixed ^ (mixed >> 33)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

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
            let hashes = shingle_hashes(text, |word| word_hash(word, 0)).unwrap();
            assert_eq!(hashes.len(), exact.len(), "{text:?}");
        }
    }

    #[test]
    fn different_shingles_of_one_hash_are_noticed() {
        assert_eq!(shingle_hashes("a b c d e f", |_| 1), None);
        assert_eq!(shingle_hashes("a a a a a a", |_| 1).unwrap().len(), 1);
    }
}
