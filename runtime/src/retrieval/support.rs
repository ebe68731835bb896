//! Does a passage carry what an answer says? Numbers must occur in it; without numbers, most of
//! the words that the answer adds to the question must.

use super::Passage;

/// Share of an answer's own words that a supporting passage must contain.
const WORDS_SHARE_MIN: f32 = 0.6;

/// English words that say how a sentence is built, not what it is about.
const FUNCTION_WORDS: &[&str] = &[
    "a", "about", "after", "all", "an", "and", "any", "are", "as", "at", "be", "been", "by", "can", "could", "did",
    "do", "does", "for", "from", "had", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "me", "must",
    "my", "need", "of", "on", "or", "our", "please", "shall", "should", "so", "some", "tell", "than", "that", "the",
    "their", "them", "then", "there", "these", "they", "this", "those", "to", "us", "was", "we", "were", "what",
    "when", "where", "which", "who", "why", "will", "with", "would", "you", "your",
];

/// The words of a text: runs of letters and digits in lower case.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// Whether a lower-case word is one that says nothing about the subject.
pub fn is_function_word(word: &str) -> bool {
    FUNCTION_WORDS.binary_search(&word).is_ok()
}

/// Whether `passage` supports `answer` to `question`.
pub fn supports(passage: &Passage, question: &str, answer: &str) -> bool {
    let text = format!("{}\n{}", passage.heading, passage.text);
    let wanted = crate::evaluate::numbers(answer);
    if !wanted.is_empty() {
        let given = crate::evaluate::numbers(&text);
        return wanted.iter().all(|number| given.contains(number));
    }
    let asked: Vec<String> = words(question).collect();
    let telling: Vec<String> = words(answer).filter(|word| !is_function_word(word)).collect();
    let own: Vec<&String> = telling.iter().filter(|word| !asked.iter().any(|other| alike(word, other))).collect();
    let own = if own.is_empty() { telling.iter().collect() } else { own };
    if own.is_empty() {
        return false;
    }
    let given: Vec<String> = words(&text).collect();
    let found = own.iter().filter(|word| given.iter().any(|other| alike(word, other))).count();
    found as f32 >= WORDS_SHARE_MIN * own.len() as f32
}

/// Of passages in order of relevance, the first that supports the answer, else the first.
/// Returns whether it supports.
pub fn best_support(passages: Vec<Passage>, question: &str, answer: &str) -> (Option<Passage>, bool) {
    let supporting = passages.iter().position(|passage| supports(passage, question, answer));
    let passage = passages.into_iter().nth(supporting.unwrap_or(0));
    (passage, supporting.is_some())
}

/// Whether two words are the same but for their ending (`evacuate`, `evacuation`).
fn alike(left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    let shared = left.chars().zip(right.chars()).take_while(|(a, b)| a == b).count();
    let longest = left.chars().count().max(right.chars().count());
    shared >= 4 && shared + 3 >= longest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(text: &str) -> Passage {
        Passage {
            document: "guide.md".into(),
            heading: String::new(),
            text: text.into(),
            start_byte: 0,
            end_byte: text.len(),
            score: 1.0,
        }
    }

    #[test]
    fn the_function_words_are_sorted_for_the_search_in_them() {
        assert!(FUNCTION_WORDS.is_sorted());
        assert!(is_function_word("the") && !is_function_word("chlorine"));
    }

    #[test]
    fn numbers_of_the_answer_must_be_in_the_passage_as_whole_numbers() {
        let chlorine = passage("Isolate a chlorine spill for 1,500 feet in all directions.");
        assert!(supports(&chlorine, "How far?", "Isolate for 1500 feet."));
        assert!(!supports(&chlorine, "How far?", "Isolate for 150 feet."));
    }

    #[test]
    fn without_numbers_the_words_beyond_the_question_decide() {
        let hose = passage("Lay the attack line uphill and upwind of the spill.");
        let question = "Where do I lay the attack line?";
        assert!(supports(&hose, question, "Uphill and upwind of the spill."));
        assert!(!supports(&hose, question, "The attack line lies near water."));
        assert!(!supports(&hose, question, ""));
    }

    #[test]
    fn the_first_supporting_passage_wins_over_a_more_relevant_one() {
        let all = vec![passage("Stay 10 feet away."), passage("Stay 20 feet away.")];
        let (chosen, supported) = best_support(all.clone(), "How far?", "20 feet.");
        assert_eq!((chosen, supported), (Some(all[1].clone()), true));
        let (chosen, supported) = best_support(all.clone(), "How far?", "30 feet.");
        assert_eq!((chosen, supported), (Some(all[0].clone()), false));
        assert_eq!(best_support(Vec::new(), "How far?", "30 feet."), (None, false));
    }
}
