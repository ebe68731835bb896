//! Words whose ligatures were lost on the way out of a PDF: `Wildfre` for `Wildfire`, `ofcer` for `officer`.
//!
//! A typesetter joins f with i, l or another f into one glyph, and T with h; an extractor without the font's
//! table keeps the first letter only. A word is mended when it is no word of the document's sound part, and
//! exactly one way of putting the letters back gives a word that is in the list or in the document. Words that
//! are right as they stand (`fight`, though `flight` is one too) are never touched.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::vocabulary::words;

/// Words with the ligatures, and words that they must not be mistaken for.
static KNOWN: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("ligature_words.txt").split_whitespace().collect());

/// Words that are right although a ligature could be put into them.
const RIGHT: &[&str] = &[
    "of", "if", "fame", "fed", "fat", "fare", "fee", "feet", "fog", "fan", "fair", "fake", "fax", "for", "fir", "far",
    "fur", "few", "elf", "self", "half", "safe", "life", "wife", "knife", "tough", "to", "ten", "tin", "tree", "tank",
    "torn", "te", "tick", "ticks", "tan", "food", "foods", "fog",
];

/// What may have stood where an `f` is.
const AFTER_F: [&str; 5] = ["i", "l", "f", "fi", "fl"];

/// Distinct broken words that a document must have before any is mended.
const SIGNS_MIN: usize = 2;

/// The words of a document that lost ligatures, with what they should be.
#[derive(Debug, Default)]
pub struct Repairs {
    words: HashMap<String, String>,
}

impl Repairs {
    /// Looks for broken words in the vocabulary of a document.
    pub fn find(counts: &HashMap<String, usize>) -> Self {
        let mut found: Vec<(&String, String)> =
            counts.keys().filter_map(|word| Some((word, mended(word, counts)?))).collect();
        found.sort();
        // One odd word may be a name. Where ligatures were lost, they were lost all over.
        let certain = found.iter().filter(|(_, word)| KNOWN.contains(word.as_str())).count();
        if certain < SIGNS_MIN {
            return Self::default();
        }
        Self { words: found.into_iter().map(|(broken, whole)| (broken.clone(), whole)).collect() }
    }

    /// `text` with its broken words mended, and how many they were; `None` where there are none.
    pub fn apply(&self, text: &str) -> Option<(String, usize)> {
        if self.words.is_empty() {
            return None;
        }
        let (mut mended, mut count, mut at) = (String::with_capacity(text.len() + 16), 0, 0);
        for word in words(text) {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            let Some(whole) = self.words.get(&word.to_lowercase()) else { continue };
            mended.push_str(&text[at..start]);
            mended.push_str(&in_case_of(word, whole));
            at = start + word.len();
            count += 1;
        }
        (count > 0).then(|| {
            mended.push_str(&text[at..]);
            (mended, count)
        })
    }
}

/// The one word that `word` was, if it lost a ligature.
fn mended(word: &str, counts: &HashMap<String, usize>) -> Option<String> {
    if !word.is_ascii() || word.len() > 40 || KNOWN.contains(word) {
        return None;
    }
    // `Te` is a word of its own kind: `The` in nearly every document that lost the ligature.
    if word == "te" {
        return Some("the".to_owned());
    }
    if RIGHT.contains(&word) {
        return None;
    }
    let mut candidates = Vec::new();
    for (at, _) in word.match_indices('f') {
        candidates.extend(AFTER_F.iter().map(|letters| format!("{}{letters}{}", &word[..=at], &word[at + 1..])));
    }
    if let Some(rest) = word.strip_prefix('t') {
        candidates.push(format!("th{rest}"));
    }
    candidates.sort();
    candidates.dedup();
    let listed = |candidate: &&String| KNOWN.contains(candidate.as_str());
    let mut known = candidates.iter().filter(listed);
    if let Some(first) = known.next() {
        return known.next().is_none().then(|| first.clone());
    }
    // A word of the document counts if it is the more common one, and the broken one is too odd to be a word.
    let common = |candidate: &&String| {
        word.len() >= 5 && counts.get(*candidate).is_some_and(|count| *count > counts.get(word).copied().unwrap_or(0))
    };
    let mut common = candidates
        .iter()
        .filter(|candidate| candidate.contains("ff") || candidate.contains("fi") || candidate.contains("fl"))
        .filter(common);
    let first = common.next()?;
    common.next().is_none().then(|| first.clone())
}

fn in_case_of(word: &str, whole: &str) -> String {
    if word.len() > 1 && word.chars().all(char::is_uppercase) {
        whole.to_uppercase()
    } else if word.starts_with(char::is_uppercase) {
        whole[..1].to_uppercase() + &whole[1..]
    } else {
        whole.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::vocabulary::vocabulary;
    use super::*;

    fn mend(text: &str) -> String {
        Repairs::find(&vocabulary([text].into_iter())).apply(text).map_or_else(|| text.to_owned(), |(text, _)| text)
    }

    #[test]
    fn lost_ligatures_come_back_in_the_case_of_the_word() {
        let broken = "Te Wildfre ofcer was afected; SIGNIFCANT efort on the frst fank, terrain infuences. Staf stayed of the road.";
        let whole = "The Wildfire officer was affected; SIGNIFICANT effort on the first flank, terrain influences. Staff stayed of the road.";
        assert_eq!(mend(broken), whole);
    }

    #[test]
    fn sound_text_is_left_alone() {
        let text = "Fog is safe for the fir. Half of the feet fit; a fair fight. Te is tellurium. Fame, not flame. Self-fed fan.";
        assert_eq!(mend(text), text);
        // A single odd word is no sign.
        assert_eq!(mend("Mr Fre came to the office."), "Mr Fre came to the office.");
    }

    #[test]
    fn words_of_the_document_count_too() {
        let text = "The frst specifc Kefler valve. The Kefler valve. A kefer valve leaked.";
        assert!(mend(text).contains("A kefler valve leaked."), "{}", mend(text));
    }
}
