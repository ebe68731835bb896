//! What a sentence claims, as far as words go, and whether a piece of a passage says the same.

use super::sentences;
use crate::retrieval::Passage;
use crate::retrieval::words::{alike, is_asking_word, is_function_word, words};

/// Share of a sentence's own words that a piece must have.
const WORDS_SHARE_MIN: f32 = 0.7;

/// Words that a sentence has at most for it to lean on the question: `Guide 124.`, `330 feet.`
const LEANING_WORDS_MAX: usize = 2;

/// Words by which a sentence goes on about what stands before it.
const REFERRING_WORDS: &[&str] =
    &["it", "its", "such", "that", "their", "them", "there", "these", "they", "this", "those"];

/// Words between a negation and what it negates.
const NEGATION_REACH: usize = 3;

/// What a sentence says, as far as words go.
pub(super) struct Claim {
    numbers: Vec<String>,
    /// Letters that stand alone, which name things as numbers do.
    letters: Vec<char>,
    /// What it is about: words that it shares with the question, and those that it names behind `of` or `for`.
    subject: Vec<String>,
    /// Numbers that were asked about and that the answer does not repeat.
    asked_numbers: Vec<String>,
    /// What the question asks about, where the sentence leans on it.
    leans_on: Vec<String>,
    /// Words that the sentence adds to the question; all that say something where it adds none.
    own: Vec<String>,
    /// All words that say something.
    telling: Vec<String>,
    negated: bool,
}

impl Claim {
    /// What `sentence` of `answer` says; `None` where no word or number of it says anything.
    pub(super) fn new(question: &str, answer: &str, sentence: &str) -> Option<Claim> {
        let numbers = crate::evaluate::numbers(sentence);
        let asked: Vec<String> = words(question).collect();
        let says = |word: &String| !is_function_word(word) && !is_negation(word) && !is_number(word);
        let telling: Vec<String> = words(sentence).filter(says).collect();
        let is_asked = |word: &String| has(&asked, word);
        let (subject, mut own): (Vec<String>, Vec<String>) = telling.iter().cloned().partition(is_asked);
        let names = |word: &String| says(word) && !is_asking_word(word);
        let leans = telling.len() <= LEANING_WORDS_MAX;
        let leans_on = if leans { asked.iter().filter(|word| names(word)).cloned().collect() } else { Vec::new() };
        if own.is_empty() && numbers.is_empty() {
            own.clone_from(&telling);
        }
        let named = behind_of(sentence).filter(|word| names(word));
        let repeated = crate::evaluate::numbers(answer);
        let asked_numbers = crate::evaluate::numbers(question);
        let negated = tokens(sentence).any(|word| is_negation(&word));
        (!numbers.is_empty() || !telling.is_empty()).then_some(Claim {
            numbers,
            letters: lone_letters(sentence),
            subject: subject.into_iter().filter(names).chain(named).collect(),
            asked_numbers: asked_numbers.into_iter().filter(|number| !repeated.contains(number)).collect(),
            leans_on,
            own,
            telling,
            negated,
        })
    }

    /// How well `piece` of `passage` supports it, if it does: the share of its words that the piece has.
    pub(super) fn support(&self, passage: &Passage, piece: &str) -> Option<f32> {
        let heading = &passage.heading;
        let given: Vec<String> = words(heading).chain(words(piece)).collect();
        let is_said = share(&self.own, &given) >= WORDS_SHARE_MIN
            && self.stands_in_one_sentence(heading, piece)
            && !self.contradicted(piece)
            && self.is_what_was_asked(passage);
        let telling = self.telling.iter().filter(|word| has(&given, word)).count();
        is_said.then_some((1 + telling) as f32 / (1 + self.telling.len()) as f32)
    }

    /// Whether what it says stands together: figures, subject and most of its own words in one sentence of `piece` under
    /// `heading`, with what stands before it where the sentence refers to that.
    fn stands_in_one_sentence(&self, heading: &str, piece: &str) -> bool {
        let numbers_of = |text: &str| crate::evaluate::numbers(&format!("{heading}\n{text}"));
        sentences(piece).into_iter().any(|range| {
            let sentence = &piece[range.clone()];
            let numbers = numbers_of(sentence);
            if !self.numbers.iter().all(|number| numbers.contains(number)) {
                return false;
            }
            let refers = words(sentence).any(|word| REFERRING_WORDS.binary_search(&word.as_str()).is_ok());
            let text = format!("{heading}\n{}", if refers { &piece[..range.end] } else { sentence });
            let (given, letters): (Vec<String>, _) = (words(&text).collect(), lone_letters(&text));
            self.subject.iter().all(|word| has(&given, word))
                && self.letters.iter().all(|letter| letters.contains(letter))
                && share(&self.own, &given) >= WORDS_SHARE_MIN
        })
    }

    /// Whether the passage knows the numbers that were asked about, and what a short answer leaves to the question.
    fn is_what_was_asked(&self, passage: &Passage) -> bool {
        let text = format!("{}\n{}", passage.heading, passage.text);
        let numbers = crate::evaluate::numbers(&text);
        let given: Vec<String> = words(&text).collect();
        self.asked_numbers.iter().all(|number| numbers.contains(number))
            && share(&self.leans_on, &given) >= WORDS_SHARE_MIN
    }

    /// Whether one of sentence and piece negates what the other affirms.
    fn contradicted(&self, piece: &str) -> bool {
        let words: Vec<String> = tokens(piece).collect();
        let denied = |at: usize| {
            let before = &words[at.saturating_sub(NEGATION_REACH)..at];
            let clause = before.iter().rposition(|word| word == CLAUSE_END).map_or(0, |end| end + 1);
            before[clause..].iter().any(|word| is_negation(word))
        };
        if self.negated {
            return !words.iter().any(|word| is_negation(word));
        }
        let claimed = if self.own.is_empty() { &self.telling } else { &self.own };
        claimed.iter().any(|word| {
            let said: Vec<usize> = (0..words.len()).filter(|at| alike(word, &words[*at])).collect();
            !said.is_empty() && said.into_iter().all(denied)
        })
    }
}

/// The words behind `of` or `for`, up to a number or a word that only builds the sentence: `acetone` of `the class of acetone
/// is`.
fn behind_of(sentence: &str) -> impl Iterator<Item = String> {
    let mut named = Vec::new();
    let mut is_behind = false;
    for word in words(sentence) {
        match word.as_str() {
            "of" | "for" => is_behind = true,
            "a" | "an" | "the" => {}
            _ if is_function_word(&word) || is_number(&word) => is_behind = false,
            _ if is_behind => named.push(word),
            _ => {}
        }
    }
    named.into_iter()
}

/// Whether `given` has the word in one of its forms.
fn has(given: &[String], word: &str) -> bool {
    given.iter().any(|other| alike(word, other))
}

/// Share of `wanted` that `given` has; all of nothing.
fn share(wanted: &[String], given: &[String]) -> f32 {
    let found = wanted.iter().filter(|word| has(given, word)).count();
    if wanted.is_empty() { 1.0 } else { found as f32 / wanted.len() as f32 }
}

/// Capital letters that stand alone, as in `Class B`. One at the beginning of a sentence may be the article, one behind a
/// number a unit.
fn lone_letters(text: &str) -> Vec<char> {
    let mut found = Vec::new();
    for range in sentences(text) {
        let words: Vec<&str> =
            text[range].split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2).filter(|pair| !is_number(pair[0])) {
            let mut letters = pair[1].chars();
            found.extend(letters.next().filter(|c| c.is_uppercase() && *c != 'I' && letters.next().is_none()));
        }
    }
    found
}

/// Stands for the end of a clause among the tokens of a text.
const CLAUSE_END: &str = ",";

/// Words in lower case, and the marks between clauses.
fn tokens(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split_inclusive([',', ';', ':', '.', '!', '?', '(', ')', '\n']).flat_map(|clause| {
        let ended = !clause.ends_with(|c: char| c.is_alphanumeric());
        words(clause).chain(ended.then(|| CLAUSE_END.to_owned()))
    })
}

/// Whether a word turns a sentence round; `don't` is read as `don` and `t`.
fn is_negation(word: &str) -> bool {
    matches!(
        word,
        "not"
            | "no"
            | "never"
            | "without"
            | "cannot"
            | "nor"
            | "neither"
            | "don"
            | "doesn"
            | "didn"
            | "isn"
            | "aren"
            | "wasn"
            | "won"
            | "shouldn"
            | "mustn"
            | "couldn"
            | "wouldn"
    )
}

fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn referring_words_are_sorted_for_the_search_in_them() {
        assert!(REFERRING_WORDS.is_sorted());
    }
}
