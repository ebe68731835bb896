//! Names of substances: which names of the tables a responder may mean.
//!
//! A record of another substance is worse than none. So only a whole name, its leading words up to a comma or a word
//! such as `with`, or one of these misspelled, counts as said; names that merely hold the words are offered.

mod index;
mod slips;

use std::cmp::Reverse;

use index::{Alias, Index};
use slips::Spellings;

/// How a name of a table fits what was written, loosest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// A word of it is spelled alike and is another word.
    Alike,
    /// It holds all the words.
    Holds,
    /// It ends with the words: `Acetaldehyde ammonia`.
    Ends,
    /// It begins with the words and goes on as another name: `Ammonia solution`.
    Begins,
    /// It begins with the words, and what follows says which kind: `Ammonia, anhydrous`.
    Qualified,
    /// It begins with the words, and what follows says what else goes by it: `Paint including lacquer`.
    Including,
    /// It is the words.
    Same,
}

/// A name with its fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Place of the name among the names given.
    pub index: usize,
    /// How it fits.
    pub fit: Fit,
    /// Words that it has beyond those written.
    extra: usize,
}

/// Words for the state or the vessel of a substance, which its name in a table may lack.
const STATES: [&str; 10] =
    ["gas", "liquid", "cylinder", "vapor", "vapour", "fume", "leak", "spill", "liquefied", "gaseous"];

/// Names that fit, best first.
pub fn rank<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<Candidate> {
    let index = Index::of(names);
    let query = index::words(wanted);
    if !query.iter().any(|word| word.contains(char::is_alphabetic)) {
        return Vec::new();
    }
    let mut found: Vec<Candidate> = match slips::spellings(&query, &index) {
        Spellings::Meant(spellings) => spellings.iter().flat_map(|words| of_words(words, &index)).collect(),
        Spellings::Alike(spellings) => spellings
            .iter()
            .flat_map(|words| index.fits(|alias| holds(alias, words).then_some(Fit::Alike), words.len()))
            .collect(),
    };
    // Where several spellings fit a name, its best fit counts.
    found.sort_by_key(|candidate| (candidate.index, Reverse(candidate.fit), candidate.extra));
    found.dedup_by_key(|candidate| candidate.index);
    found.sort_by_key(|candidate| (Reverse(candidate.fit), candidate.extra, candidate.index));
    found
}

/// Whether one of the names is what was written, to the letter.
pub fn is_name<'a>(wanted: &str, mut names: impl Iterator<Item = &'a str>) -> bool {
    let query = index::words(wanted);
    names.any(|name| index::aliases(name).iter().any(|alias| fit(alias, &query) == Some(Fit::Same)))
}

/// Whether a name has all the words as they were written, none of them misspelled.
pub fn holds_all(wanted: &str, name: &str) -> bool {
    let query = index::words(wanted);
    index::aliases(name).iter().any(|alias| holds(alias, &query))
}

/// Names that fit words which the names have.
fn of_words(words: &[String], index: &Index) -> Vec<Candidate> {
    let found = index.fits(|alias| fit(alias, words), words.len());
    let bare: Vec<String> = words.iter().filter(|word| !STATES.contains(&word.as_str())).cloned().collect();
    let said = found.iter().any(|candidate| candidate.fit >= Fit::Qualified);
    if said || bare.is_empty() || bare.len() == words.len() {
        return found;
    }
    // `Chlorine gas` where the table has `Chlorine`.
    let mut of_bare = index.fits(|alias| fit(alias, &bare).filter(|fit| *fit >= Fit::Ends), bare.len());
    if !of_bare.iter().any(|candidate| candidate.fit >= Fit::Qualified) {
        return found;
    }
    // `Liquid nitrogen` where the table has `Nitrogen, compressed` and `Nitrogen, refrigerated liquid`: either of them
    // alone would be an answer to another question.
    let in_state = |candidate: &Candidate| found.iter().any(|other| other.index == candidate.index);
    if of_bare.iter().any(|candidate| candidate.fit >= Fit::Qualified && in_state(candidate)) {
        for candidate in of_bare.iter_mut().filter(|candidate| candidate.fit >= Fit::Qualified) {
            candidate.extra = if in_state(candidate) { 0 } else { candidate.extra + 1 };
            candidate.fit = Fit::Same;
        }
    }
    of_bare
}

fn fit(alias: &Alias, words: &[String]) -> Option<Fit> {
    let leads = alias.words.starts_with(words);
    if leads && alias.words.len() == words.len() {
        Some(Fit::Same)
    } else if leads && alias.includes_at(words.len()) {
        Some(Fit::Including)
    } else if leads && alias.pauses.contains(&words.len()) {
        Some(Fit::Qualified)
    } else if alias.turned {
        None
    } else if leads {
        Some(Fit::Begins)
    } else if alias.head().ends_with(words) {
        Some(Fit::Ends)
    } else {
        holds(alias, words).then_some(Fit::Holds)
    }
}

fn holds(alias: &Alias, words: &[String]) -> bool {
    words.iter().all(|word| alias.words.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 23] = [
        "Chlorine",
        "Chloropicrin",
        "Ammonia, anhydrous; Anhydrous ammonia, see Ammonia, anhydrous",
        "Gasoline includes gasoline mixed with ethyl alcohol",
        "Sulfuric acid with more than 51 percent acid",
        "Sulfuric acid, fuming with less than 30 percent free sulfur trioxide",
        "Chlorine trifluoride",
        "Methyl chloride or Refrigerant gas R 40",
        "Xylenes",
        "5-tert-Butyl-2,4,6-trinitro-m-xylene or Musk xylene",
        "Gas oil",
        "Oil gas, compressed",
        "Stannic chloride, anhydrous; Tin chloride, fuming, see Stannic chloride, anhydrous",
        "Powder cake, wetted with not less than 17 percent alcohol by mass",
        "Propane",
        "Phosphorus, white; white phosphorus",
        "Nitrogen, compressed",
        "Nitrogen, refrigerated liquid (cryogenic liquid)",
        "Ammonia solution, with more than 50 percent ammonia",
        "Benzene",
        "Fibers or Fabrics, animal or vegetable or Synthetic, n.o.s. with animal or vegetable oil",
        "Dichloromethane",
        "Phosphorus (white or red) and a chlorate, mixtures of",
    ];

    fn found(wanted: &str) -> Vec<(Fit, &'static str)> {
        rank(wanted, NAMES.into_iter()).iter().map(|candidate| (candidate.fit, NAMES[candidate.index])).collect()
    }

    /// Names that were said.
    fn said(wanted: &str) -> Vec<&'static str> {
        found(wanted).into_iter().filter(|(fit, _)| *fit >= Fit::Qualified).map(|(_, name)| name).collect()
    }

    #[test]
    fn other_word_orders_spellings_plurals_and_slips_find_their_name() {
        for (wanted, name) in [
            ("chlorine", NAMES[0]),
            ("Chlorinne", NAMES[0]),
            ("chlorin", NAMES[0]),
            ("anhydrous ammonia", NAMES[2]),
            ("anhydrus amonia", NAMES[2]),
            ("gasoline", NAMES[3]),
            ("gasolin", NAMES[3]),
            ("fuming sulphuric acid", NAMES[5]),
            ("xylene", NAMES[8]),
            ("white phosphorus", NAMES[15]),
            ("refrigerant gas R 40", NAMES[7]),
            ("gas oil", NAMES[10]),
            ("oil gas", NAMES[11]),
        ] {
            assert_eq!(said(wanted), [name], "{wanted}");
        }
        assert_eq!(said("sulphuric acid"), [NAMES[4], NAMES[5]], "both are sulfuric acid");
        assert!(found("water").is_empty() && found("  ").is_empty());
    }

    #[test]
    fn a_state_or_a_vessel_beside_a_name_is_no_other_substance() {
        for wanted in ["chlorine gas", "liquid chlorine", "chlorine cylinder", "chlorine vapors", "chlorin gas"] {
            assert_eq!(said(wanted), [NAMES[0]], "{wanted}");
        }
        let liquid = found("liquid nitrogen");
        assert_eq!(liquid[..2], [(Fit::Same, NAMES[17]), (Fit::Same, NAMES[16])], "neither is the answer alone");
    }

    #[test]
    fn words_within_a_name_and_words_that_another_substance_is_made_of_are_only_offered() {
        for wanted in ["chloride", "acid", "oil", "tin", "gas", "alcohol", "vegetable oil", "white", "animal"] {
            assert_eq!(said(wanted), [""; 0], "{wanted}");
        }
        assert!(found("chloride").iter().any(|(_, name)| *name == NAMES[7]));
        assert!(found("17").is_empty(), "a number alone names nothing");
        assert_eq!(found("ammonia")[..2], [(Fit::Qualified, NAMES[2]), (Fit::Begins, NAMES[18])]);
    }

    #[test]
    fn a_word_of_the_tables_and_a_change_of_chemistry_are_no_slips() {
        // `chloride` is a word of these names, and the others are substances of their own.
        for wanted in ["chloride", "propene", "benzine", "dichloroethane", "trichloromethane"] {
            assert_eq!(said(wanted), [""; 0], "{wanted}");
        }
        assert_eq!(found("propene"), [(Fit::Alike, "Propane")], "it is offered");
    }

    #[test]
    fn only_what_is_written_to_the_letter_is_a_name() {
        assert!(is_name("Chlorine", NAMES.into_iter()) && is_name("white phosphorus", NAMES.into_iter()));
        for other in ["chlorin", "chlorine gas", "ammonia", "Engine 5", ""] {
            assert!(!is_name(other, NAMES.into_iter()), "{other}");
        }
    }
}
