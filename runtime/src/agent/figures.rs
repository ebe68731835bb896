//! The guard of figures: after a hazard lookup no figure reaches people that the table, the question or another tool did
//! not give.
//!
//! A model that has read `isolate 200 feet` may still write 300. The program words the record itself; what the model adds
//! goes through here sentence by sentence, and a sentence with a figure of its own is taken out.

use std::collections::BTreeSet;

/// What stands in place of sentences that were taken out.
pub const REMOVED: &str = "[left out: a figure that the table does not give]";

/// Words that are figures too.
const NUMBER_WORDS: [&str; 30] = [
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "hundred",
    "thousand",
    "half",
    "quarter",
];

/// Lets sentences through whose figures are known.
#[derive(Debug, Default)]
pub struct FigureGuard {
    known: BTreeSet<String>,
    open: String,
    /// Sentences that were taken out.
    pub removed: usize,
}

impl FigureGuard {
    /// Adds a text whose figures may be said.
    pub fn allow(&mut self, text: &str) {
        self.known.extend(figures(text));
    }

    /// Whether all figures of this text were given.
    pub fn knows(&self, text: &str) -> bool {
        figures(text).is_subset(&self.known)
    }

    /// Takes a piece of generated text; gives what may be shown.
    pub fn push(&mut self, piece: &str) -> String {
        self.open.push_str(piece);
        let mut shown = String::new();
        while let Some(end) = sentence_end(&self.open) {
            let rest = self.open.split_off(end);
            let sentence = std::mem::replace(&mut self.open, rest);
            shown.push_str(&self.checked(&sentence));
        }
        shown
    }

    /// The rest, when nothing follows.
    pub fn finish(&mut self) -> String {
        let sentence = std::mem::take(&mut self.open);
        self.checked(&sentence)
    }

    fn checked(&mut self, sentence: &str) -> String {
        if self.knows(sentence) {
            return sentence.to_owned();
        }
        self.removed += 1;
        let space: String = sentence.chars().rev().take_while(|c| c.is_whitespace()).collect();
        let before: String = sentence.chars().take_while(|c| c.is_whitespace()).collect();
        format!("{before}{REMOVED}{}", space.chars().rev().collect::<String>())
    }
}

/// Just behind the first sentence, if it has certainly ended.
fn sentence_end(text: &str) -> Option<usize> {
    let mut characters = text.char_indices().peekable();
    while let Some((index, character)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        let ends = match character {
            '\n' => true,
            // A point inside a figure is followed by a digit.
            '.' | '!' | '?' => next.is_some_and(char::is_whitespace),
            _ => false,
        };
        if ends {
            let rest = &text[index + character.len_utf8()..];
            let space = rest.len() - rest.trim_start_matches(' ').len();
            return Some(index + character.len_utf8() + space);
        }
    }
    None
}

/// The figures of a text in one form: `1,000` is `1000`, `2.30` is `2.3`.
pub(super) fn figures(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut current = String::new();
    let characters: Vec<char> = text.chars().collect();
    for (index, character) in characters.iter().enumerate() {
        let next_is_digit = characters.get(index + 1).is_some_and(char::is_ascii_digit);
        if let Some(digit) = character.to_digit(10) {
            current.push_str(&digit.to_string());
        } else if *character == '.' && !current.is_empty() && next_is_digit && !current.contains('.') {
            current.push('.');
        } else if *character == ',' && !current.is_empty() && next_is_digit {
            // Thousands.
        } else if character.is_numeric() {
            // Digits of other scripts and fractions of one character.
            found.insert(character.to_string());
        } else if !current.is_empty() {
            found.insert(plain(&std::mem::take(&mut current)));
        }
    }
    if !current.is_empty() {
        found.insert(plain(&current));
    }
    let lower = text.to_lowercase();
    for word in lower.split(|c: char| !c.is_alphabetic()) {
        if NUMBER_WORDS.contains(&word) {
            found.insert(word.to_owned());
        }
    }
    found
}

fn plain(figure: &str) -> String {
    let figure = if figure.contains('.') { figure.trim_end_matches('0').trim_end_matches('.') } else { figure };
    let bare = figure.trim_start_matches('0');
    if bare.is_empty() || bare.starts_with('.') { format!("0{bare}") } else { bare.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_with_a_figure_of_its_own_is_taken_out_and_the_others_stay() {
        let mut guard = FigureGuard::default();
        guard.allow("UN 1017 Chlorine: class 2.3; initial isolation: 1,000 feet");
        let text = "Isolate 1000 feet. Then go 300 feet upwind. Wear SCBA.\nClass 2.30 it is. Wait twenty minutes";
        let mut shown = String::new();
        // One character at a time, as tokens may cut anywhere.
        for character in text.chars() {
            shown.push_str(&guard.push(&character.to_string()));
        }
        shown.push_str(&guard.finish());
        assert_eq!(shown, format!("Isolate 1000 feet. {REMOVED} Wear SCBA.\nClass 2.30 it is. {REMOVED}"));
        assert_eq!(guard.removed, 2);
    }
}
