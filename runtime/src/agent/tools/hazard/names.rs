//! Fuzzy names: which names of a table a responder may mean.

/// Scores closer than this count as equal.
pub const TIE: f64 = 0.015;
/// A score from which on the name itself was written.
pub const SURE: f64 = 0.9;
/// Likeness of two words that may be one word misspelled.
const LIKE: f64 = 0.9;
/// Words that say nothing of the substance.
const FILLERS: [&str; 6] = ["the", "of", "a", "an", "and", "or"];

/// A name with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Place of the name among the names given.
    pub index: usize,
    /// 0 to 1.
    pub score: f64,
}

/// Names that fit, best first.
pub fn rank<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<Candidate> {
    let query = words(wanted);
    if query.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<Candidate> = names
        .enumerate()
        .filter_map(|(index, name)| {
            let score = aliases(name).into_iter().map(|alias| score(&query, &words(alias))).fold(0.0, f64::max);
            (score > 0.0).then_some(Candidate { index, score })
        })
        .collect();
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.index.cmp(&b.index)));
    found
}

/// The names in a cell: `A; B, see A` are A and B, and `A or B` is A, B and all of it.
fn aliases(cell: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for name in cell.split(';').map(|part| part.split_once(", see ").map_or(part, |(name, _)| name)) {
        found.push(name);
        if name.contains(" or ") {
            found.extend(name.split(" or "));
        }
    }
    found.retain(|name| !name.trim().is_empty());
    found
}

fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase().replace("sulph", "sulf");
    lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && !FILLERS.contains(word))
        .map(str::to_owned)
        .collect()
}

/// 1 for the same words in the same order; less for more words, other order, misspelled words; 0 for another name.
fn score(query: &[String], name: &[String]) -> f64 {
    if name.is_empty() {
        return 0.0;
    }
    if query == name {
        return 1.0;
    }
    let mut likeness = 0.0;
    for word in query {
        let best = name.iter().map(|other| alike(word, other)).fold(0.0, f64::max);
        if best < LIKE {
            return 0.0;
        }
        likeness += best;
    }
    let likeness = likeness / query.len() as f64;
    let extra = name.len().saturating_sub(query.len()) as f64;
    if extra == 0.0 && likeness == 1.0 {
        return 0.98;
    }
    // A name that begins with the words is what its first words name: `Gasoline includes ..`.
    let leads = if name.starts_with(query) { 0.05 } else { 0.0 };
    (0.9 + leads - 0.02 * extra.min(20.0)) * likeness.powi(3)
}

fn alike(word: &str, other: &str) -> f64 {
    if word == other {
        return 1.0;
    }
    // Digits and short words are another thing when one character differs.
    if word.len() < 5 || other.len() < 5 || word.bytes().any(|byte| byte.is_ascii_digit()) {
        return 0.0;
    }
    let edits = strsim::osa_distance(word, other);
    if edits > 2 { 0.0 } else { 1.0 - edits as f64 / word.len().max(other.len()) as f64 * 0.6 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 7] = [
        "Chlorine",
        "Chloropicrin",
        "Ammonia, anhydrous; Anhydrous ammonia, see Ammonia, anhydrous",
        "Gasoline includes gasoline mixed with ethyl alcohol",
        "Sulfuric acid with more than 51 percent acid",
        "Sulfuric acid, fuming with less than 30 percent free sulfur trioxide",
        "Chlorine trifluoride",
    ];

    fn best(wanted: &str) -> Option<&'static str> {
        rank(wanted, NAMES.into_iter()).first().map(|candidate| NAMES[candidate.index])
    }

    #[test]
    fn other_word_orders_spellings_and_slips_find_their_name() {
        assert_eq!(best("chlorine"), Some(NAMES[0]));
        assert_eq!(best("Chlorinne"), Some(NAMES[0]));
        assert_eq!(best("anhydrous ammonia"), Some(NAMES[2]));
        assert_eq!(best("anhydrus amonia"), Some(NAMES[2]));
        assert_eq!(best("gasoline"), Some(NAMES[3]));
        assert_eq!(best("sulphuric acid"), Some(NAMES[4]));
        assert_eq!(best("water"), None);
        assert_eq!(best("  "), None);
    }
}
