//! Words of questions, answers and passages, and when two of them are the same.

/// English words that say how a sentence is built, not what it is about.
const FUNCTION_WORDS: &[&str] = &[
    "a", "about", "after", "all", "an", "and", "any", "are", "as", "at", "be", "been", "by", "can", "could", "did",
    "do", "does", "for", "from", "had", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "me", "must",
    "my", "need", "of", "on", "or", "our", "please", "shall", "should", "so", "some", "tell", "than", "that", "the",
    "their", "them", "then", "there", "these", "they", "this", "those", "to", "us", "was", "we", "were", "what",
    "when", "where", "which", "who", "why", "will", "with", "would", "you", "your",
];

/// Words by which one asks, and which an answer may repeat without saying more.
const ASKING_WORDS: &[&str] = &[
    "away", "big", "called", "calls", "close", "cover", "covers", "deep", "far", "fast", "get", "give", "given",
    "gives", "go", "happen", "happens", "heavy", "high", "hot", "keep", "keeps", "know", "large", "long", "many",
    "mean", "means", "much", "number", "often", "old", "say", "says", "soon", "stay", "take", "takes", "tall", "use",
    "used", "wide",
];

/// The words of a text: runs of letters and digits in lower case.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// Whether a lower-case word is one that says nothing about the subject.
pub fn is_function_word(word: &str) -> bool {
    FUNCTION_WORDS.binary_search(&word).is_ok()
}

/// Whether a lower-case word only says how one asks.
pub fn is_asking_word(word: &str) -> bool {
    ASKING_WORDS.binary_search(&word).is_ok()
}

/// The words of a text that say what it is about, in lower case.
pub fn telling_words(text: &str) -> Vec<String> {
    words(text).filter(|word| !is_function_word(word)).collect()
}

/// Letters that two words must share before their endings are looked at.
const STEM_LETTERS_MIN: usize = 4;

/// Endings by which the forms of an English word differ, after what they share.
const ENDINGS: &[&str] = &[
    "", "al", "ation", "ations", "d", "e", "ed", "ely", "er", "ers", "es", "ied", "ies", "ing", "ings", "ion", "ions",
    "ity", "ly", "ment", "ments", "or", "ors", "r", "rs", "s", "y",
];

/// Whether two words are the same but for their ending (`evacuate`, `evacuation`). Names of substances that differ at
/// their end (`chlorine`, `chlorate`) are not.
pub fn alike(left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    let shared = left.chars().zip(right.chars()).take_while(|(a, b)| a == b).count();
    let is_form = |word: &str| {
        let ending: String = word.chars().skip(shared).collect();
        ENDINGS.binary_search(&ending.as_str()).is_ok()
    };
    shared >= STEM_LETTERS_MIN && is_form(left) && is_form(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_words_are_sorted_for_the_search_in_them() {
        assert!(FUNCTION_WORDS.is_sorted() && ASKING_WORDS.is_sorted());
        assert!(is_function_word("the") && !is_function_word("chlorine"));
    }

    #[test]
    fn words_with_other_endings_are_alike() {
        assert!(ENDINGS.is_sorted());
        assert!(alike("evacuate", "evacuation") && alike("spill", "spills") && alike("dense", "density"));
        assert!(!alike("100", "1000") && !alike("chlorine", "chlorate") && !alike("chloride", "chlorine"));
    }
}
