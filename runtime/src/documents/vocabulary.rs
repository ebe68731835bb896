//! The words of a document.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// How often each word stands in `texts`, in lower case.
pub fn vocabulary<'a>(texts: impl Iterator<Item = &'a str>) -> HashMap<String, usize> {
    // As written first: a document repeats its words, and lower case costs an allocation.
    let mut written: HashMap<&str, usize, RandomState> = HashMap::default();
    for word in texts.flat_map(words) {
        *written.entry(word).or_default() += 1;
    }
    let mut counts = HashMap::with_capacity(written.len());
    for (word, count) in written {
        *counts.entry(word.to_lowercase()).or_default() += count;
    }
    counts
}

/// The words of `text`: runs of letters.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty())
}
