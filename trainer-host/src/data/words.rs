//! Words of a text as filters and splits compare them: without case and punctuation.

/// English words that carry no content of their own; every answer has them.
const STOP_WORDS: &[&str] = &[
    "a", "about", "above", "after", "again", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be",
    "because", "been", "before", "being", "below", "between", "both", "but", "by", "can", "could", "did", "do", "does",
    "doing", "down", "during", "each", "either", "few", "for", "from", "further", "had", "has", "have", "having", "he",
    "her", "here", "hers", "him", "his", "how", "i", "if", "in", "into", "is", "it", "its", "itself", "just", "may",
    "me", "might", "more", "most", "must", "my", "neither", "nor", "not", "of", "off", "on", "once", "only", "or",
    "other", "our", "out", "over", "own", "same", "shall", "she", "should", "so", "some", "such", "than", "that",
    "the", "their", "them", "then", "there", "these", "they", "this", "those", "through", "to", "too", "under",
    "until", "up", "upon", "us", "very", "was", "we", "were", "what", "when", "where", "which", "while", "who", "whom",
    "whose", "why", "will", "with", "would", "you", "your",
];

/// Words of a text in lower case: runs of letters and digits, with points and commas inside numbers.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    cased_words(text).map(|word| word.to_lowercase())
}

/// Words that say something, in lower case. A single capital inside a sentence does: Level A, packing group I.
pub fn content_words(text: &str) -> impl Iterator<Item = String> {
    let mut first = true;
    cased_words(text).filter_map(move |word| {
        let letter = !std::mem::take(&mut first) && word.chars().count() == 1 && word.chars().all(char::is_uppercase);
        let lower = word.to_lowercase();
        if letter {
            return Some(word.to_owned());
        }
        (!is_stop_word(&lower)).then_some(lower)
    })
}

fn cased_words(text: &str) -> impl Iterator<Item = &str> {
    let inside = |character: char| character.is_alphanumeric() || character == '.' || character == ',';
    let runs = text.split(move |character: char| !inside(character));
    runs.flat_map(|run| {
        let run = run.trim_matches(['.', ',']);
        let number = run.starts_with(|first: char| first.is_ascii_digit());
        // `1,000.5` is one word, `upwind,then` is two.
        let parts: Vec<&str> = if number { vec![run] } else { run.split(['.', ',']).collect() };
        parts.into_iter().filter(|part| !part.is_empty())
    })
}

/// Whether a word carries no content of its own.
pub fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

/// Whether a word is a number, or holds one.
pub fn has_digit(word: &str) -> bool {
    word.contains(|character: char| character.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lose_case_and_punctuation_but_numbers_stay_whole() {
        let found: Vec<String> = words("Stay upwind,then call (800) 424-9300: 1,000.5 L. UN1090!").collect();
        assert_eq!(found, ["stay", "upwind", "then", "call", "800", "424", "9300", "1,000.5", "l", "un1090"]);
    }

    #[test]
    fn single_capitals_say_something_and_articles_do_not() {
        let found: Vec<String> = content_words("A suit of Level A is in packing group I.").collect();
        assert_eq!(found, ["suit", "level", "A", "packing", "group", "I"]);
    }

    #[test]
    fn stop_words_are_sorted_for_their_search() {
        assert!(STOP_WORDS.is_sorted());
        assert!(is_stop_word("the") && !is_stop_word("acetone"));
    }
}
