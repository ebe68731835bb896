//! The names of the tables in words.

use std::collections::HashSet;

use super::super::entry::own_name;
use super::{Candidate, Fit};

/// Words that say nothing of the substance.
const FILLERS: [&str; 6] = ["the", "of", "a", "an", "and", "or"];

/// Words after which a name says which kind of the substance is meant, where no comma stands before them.
const KINDS: [&str; 17] = [
    "with",
    "without",
    "in",
    "include",
    "including",
    "containing",
    "contained",
    "packed",
    "other",
    "n",
    "not",
    "compressed",
    "liquefied",
    "refrigerated",
    "anhydrous",
    "stabilized",
    "monomer",
];

/// Words after which a name says what else goes by it.
const INCLUDES: [&str; 2] = ["include", "including"];

/// One of the names in a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// Its words, in lower case and without the ending of a plural.
    pub words: Vec<String>,
    /// Places of words before which the name pauses.
    pub pauses: Vec<usize>,
    /// `White phosphorus`, where the table has `Phosphorus, white`.
    pub turned: bool,
}

impl Alias {
    fn of(name: &str) -> Alias {
        let mut alias = Alias { words: Vec::new(), pauses: Vec::new(), turned: false };
        let mut rest = name;
        while let Some(start) = rest.find(char::is_alphanumeric) {
            let (between, tail) = rest.split_at(start);
            let (word, after) = tail.split_at(tail.find(|c: char| !c.is_alphanumeric()).unwrap_or(tail.len()));
            let word = plain(word);
            // The comma of `1,1-dichloroethane` is none of these.
            let pauses = between.contains(['(', '[', ':']) || between.contains(", ");
            if !alias.words.is_empty() && (pauses || KINDS.contains(&word.as_str())) {
                alias.pauses.push(alias.words.len());
            }
            if !FILLERS.contains(&word.as_str()) {
                alias.words.push(word);
            }
            rest = after;
        }
        alias.pauses.dedup();
        alias
    }

    /// The words before the first pause.
    pub fn head(&self) -> &[String] {
        &self.words[..self.pauses.first().copied().unwrap_or(self.words.len())]
    }

    /// Whether the name goes on at this word with what it includes: `Paint including lacquer`.
    pub fn includes_at(&self, place: usize) -> bool {
        self.words.get(place).is_some_and(|word| INCLUDES.contains(&word.as_str()))
    }

    /// The name with the words after the first pause in front.
    fn turn(&self) -> Option<Alias> {
        let (first, second) = (*self.pauses.first()?, self.pauses.get(1).copied().unwrap_or(self.words.len()));
        let mut words = self.words.clone();
        words[..second].rotate_left(first);
        Some(Alias { words, pauses: self.pauses[1..].to_vec(), turned: true })
    }
}

/// The names in a cell: `A; B, see A` are A and B, and `A or B` is A, B and all of it.
pub fn aliases(cell: &str) -> Vec<Alias> {
    let mut found = Vec::new();
    for name in cell.split(';').map(own_name) {
        let mut texts = vec![name];
        if name.contains(" or ") {
            texts.extend(
                name.split(" or ")
                    .enumerate()
                    .filter(|(at, part)| !is_half(part, name) && is_name(part, if *at == 0 { part } else { name }))
                    .map(|(_, part)| part),
            );
        }
        for text in texts {
            let alias = Alias::of(text);
            found.extend(alias.turn());
            found.push(alias);
        }
    }
    found.retain(|alias| !alias.words.is_empty());
    found
}

/// Whether a bracket that opens or closes in the part does not end or begin there. A closing one too many in the whole
/// name is a slip of the table.
fn is_half(part: &str, name: &str) -> bool {
    let brackets = |text: &str| (text.matches('(').count(), text.matches(')').count());
    let ((open, closed), (all_open, all_closed)) = (brackets(part), brackets(name));
    open > closed || closed > open && closed + all_open != open + all_closed
}

/// Whether the part behind an `or` is a name of its own, which `vegetable oil` in `animal or vegetable oil` is not.
fn is_name(part: &str, name: &str) -> bool {
    let first = |text: &str| text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_lowercase();
    let letters = |text: &str| text.chars().find(|c| c.is_alphabetic());
    let lower = letters(name).is_some_and(char::is_lowercase);
    letters(part).is_some_and(|letter| letter.is_uppercase() || lower) || first(part) == first(name)
}

/// The words of a text.
pub fn words(text: &str) -> Vec<String> {
    Alias::of(text).words
}

/// A word in lower case, with American spelling and without the ending of a plural.
fn plain(word: &str) -> String {
    let lower = word.to_lowercase().replace("sulph", "sulf");
    let whole = lower.len() <= 3 || ["ss", "us", "is"].iter().any(|ending| lower.ends_with(ending));
    let without = |ending: &str| lower.strip_suffix(ending).map(str::to_owned);
    if whole {
        return lower;
    }
    // `Batteries`; the words of four letters, such as `dies`, have no such ending.
    if lower.len() > 4
        && let Some(stem) = lower.strip_suffix("ies")
    {
        return format!("{stem}y");
    }
    let long = ["ases", "sses", "xes", "ches"].iter().any(|ending| lower.ends_with(ending));
    long.then(|| without("es")).flatten().or_else(|| without("s")).unwrap_or(lower)
}

/// All names, and all words of them.
pub struct Index {
    names: Vec<Vec<Alias>>,
    words: HashSet<String>,
}

impl Index {
    /// Of these names.
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Index {
        let names: Vec<Vec<Alias>> = names.map(aliases).collect();
        let words = names.iter().flatten().flat_map(|alias| alias.words.iter().cloned()).collect();
        Index { names, words }
    }

    /// Whether a name has this word.
    pub fn knows(&self, word: &str) -> bool {
        self.words.contains(word)
    }

    /// All words.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(String::as_str)
    }

    /// The names whose best alias fits, of `written` words.
    pub fn fits(&self, fit: impl Fn(&Alias) -> Option<Fit>, written: usize) -> Vec<Candidate> {
        let of_name = |(index, aliases): (usize, &Vec<Alias>)| {
            let of_alias = |alias: &Alias| {
                Some(Candidate { index, fit: fit(alias)?, extra: alias.words.len().saturating_sub(written) })
            };
            aliases.iter().filter_map(of_alias).max_by(|a, b| a.fit.cmp(&b.fit).then(b.extra.cmp(&a.extra)))
        };
        self.names.iter().enumerate().filter_map(of_name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_and_british_spelling_are_the_same_word() {
        for (word, same) in [
            ("Xylenes", "xylene"),
            ("gases", "gas"),
            ("gas", "gas"),
            ("Sulphuric", "sulfuric"),
            ("Batteries", "battery"),
        ] {
            assert_eq!(plain(word), same);
        }
        for word in ["phosphorus", "glass", "arsenious"] {
            assert_eq!(plain(word), word);
        }
    }

    #[test]
    fn a_name_behind_an_or_is_a_name_and_an_adjective_is_none() {
        let has = |cell: &str, name: &str| aliases(cell).iter().any(|alias| alias.words == words(name));
        assert!(has("Methane, compressed or Natural gas, compressed", "natural gas compressed"));
        assert!(has("Naphthalene, crude or naphthalene, refined", "naphthalene refined"));
        assert!(has("gasoline or petrol", "petrol"));
        assert!(!has("Fabrics, animal or vegetable oil", "vegetable oil"));
        assert!(!has("Fuel oil (No. 1, 2, 4, 5, or 6)", "6"));
        assert!(!has("Fuel oil (No. 1, 2, 4, 5, or 6)", "fuel oil No 1 2 4 5"));
    }

    #[test]
    fn a_stray_bracket_and_a_reference_without_a_comma_hide_no_name() {
        let has = |cell: &str, name: &str| aliases(cell).iter().any(|alias| alias.words == words(name));
        let gas = "Methane, liquid (cryogenic) or Natural gas, liquid (cryogenic), with high methane content)";
        assert!(has(gas, "natural gas liquid cryogenic with high methane content"));
        assert!(has("Butane see also Petroleum gases, liquefied", "butane"));
        assert!(has("Propyl chloride see 1-Chloropropane", "propyl chloride"));
    }
}
