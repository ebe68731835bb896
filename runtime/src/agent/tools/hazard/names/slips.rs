//! Slips of typing: which words of the tables an unknown word may stand for.
//!
//! In chemistry another ending is another substance, so `propene` is no slip for `propane`.

use super::STATES;
use super::index::Index;

/// Likeness from which on a word may be another one misspelled.
const SLIP: f64 = 0.9;
/// Likeness from which on a word is offered.
const ALIKE: f64 = 0.85;
/// Slips have at most so many edits.
const EDITS_MAX: usize = 2;
/// Spellings that are tried.
const SPELLINGS_MAX: usize = 8;

/// Endings of which each makes a substance of its own.
const ENDINGS: [&str; 15] =
    ["ane", "ene", "yne", "ine", "one", "ole", "ol", "al", "yl", "ide", "ite", "ate", "ic", "ous", "oin"];
/// Beginnings that count.
const COUNTS: [&str; 10] = ["mono", "di", "tri", "tetra", "penta", "hexa", "hepta", "octa", "hypo", "per"];

/// What was written, in words of the tables.
pub enum Spellings {
    /// All words are there, or are misspelled.
    Meant(Vec<Vec<String>>),
    /// Some words are only like words that are there; empty where they are not even that.
    Alike(Vec<Vec<String>>),
}

/// The spellings of `query` that have only words of the tables.
pub fn spellings(query: &[String], index: &Index) -> Spellings {
    let (mut all, mut meant) = (vec![Vec::new()], true);
    for word in query {
        let choices = if index.knows(word) || STATES.contains(&word.as_str()) {
            vec![word.as_str()]
        } else {
            let like = |least: f64, slips: bool| -> Vec<(f64, &str)> {
                let alike = index.words().filter(|other| !slips || !is_other_substance(word, other));
                alike.map(|other| (likeness(word, other), other)).filter(|(likeness, _)| *likeness >= least).collect()
            };
            let slips = like(SLIP, true);
            meant &= !slips.is_empty();
            let alike = if slips.is_empty() { like(ALIKE, false) } else { slips };
            let best = alike.iter().map(|(likeness, _)| *likeness).fold(0.0, f64::max);
            let mut words: Vec<&str> =
                alike.into_iter().filter(|(likeness, _)| *likeness == best).map(|(_, other)| other).collect();
            words.sort_unstable();
            words
        };
        all = all
            .iter()
            .flat_map(|begun: &Vec<String>| {
                choices.iter().map(|choice| [begun.as_slice(), &[(*choice).to_owned()]].concat())
            })
            .take(SPELLINGS_MAX)
            .collect();
    }
    if meant { Spellings::Meant(all) } else { Spellings::Alike(all) }
}

/// 1 for the same word, less for each edit, 0 for words that are not alike.
fn likeness(word: &str, other: &str) -> f64 {
    // Digits and short words are another thing when one character differs.
    let firm = |word: &str| word.len() < 5 || word.bytes().any(|byte| byte.is_ascii_digit());
    if firm(word) || firm(other) || word.len().abs_diff(other.len()) > EDITS_MAX {
        return 0.0;
    }
    let edits = strsim::osa_distance(word, other);
    if edits > EDITS_MAX { 0.0 } else { 1.0 - edits as f64 / word.len().max(other.len()) as f64 * 0.6 }
}

/// Whether two words that are alike are names of two substances.
fn is_other_substance(word: &str, other: &str) -> bool {
    let ending = |word: &str| ENDINGS.iter().find(|ending| word.ends_with(**ending)).copied();
    let count = |word: &str| COUNTS.iter().find(|count| word.starts_with(**count)).copied();
    let differ = |a: Option<&str>, b: Option<&str>| a.is_some() && b.is_some() && a != b;
    word.chars().next() != other.chars().next()
        || differ(ending(word), ending(other))
        || differ(count(word), count(other))
        || word.replace("meth", "eth") == other.replace("meth", "eth")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_ending_count_or_first_letter_is_another_substance() {
        for (word, other) in [
            ("propene", "propane"),
            ("methanal", "methanol"),
            ("chlorite", "chlorate"),
            ("benzine", "benzene"),
            ("hexafluoropropane", "heptafluoropropane"),
            ("dichloroethane", "dichloromethane"),
            ("ethylamine", "methylamine"),
        ] {
            assert!(is_other_substance(word, other), "{word} and {other}");
        }
        for (word, other) in [("chlorin", "chlorine"), ("acetaldehide", "acetaldehyde"), ("toulene", "toluene")] {
            assert!(!is_other_substance(word, other) && likeness(word, other) >= SLIP, "{word} and {other}");
        }
    }
}
