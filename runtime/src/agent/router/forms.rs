//! The forms of questions that the router knows.

use std::sync::LazyLock;

use regex::Regex;

/// A pattern that is known to be sound, since the tests use it.
pub fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern should be sound")
}

/// Value, unit, other unit, molar mass.
pub static CONCENTRATION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:convert |what is |how much is )?([\d,]*\.?\d+) ?(ppm|mg/m3) (?:to|in|into|as) (ppm|mg/m3) (?:for|at|with) (?:a )?(?:molar mass (?:of )?)?(\d+(?:\.\d+)?)(?: ?g/mol)?$",
    )
});

/// Value, unit, bearing, start.
pub static DESTINATION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:what is |where is |destination )?(\d+(?:\.\d+)?) ?(km|kilometers?|kilometres?|mi|miles?|m|meters?|metres?|ft|feet|nmi) (?:at|on|bearing)(?: a)?(?: bearing(?: of)?)? (\d+(?:\.\d+)?) ?(?:degrees?|deg|\x{b0})?(?: true)? from (.+)$",
    )
});

/// Percentage and whole.
pub static PERCENT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)^(-?[\d,]*\.?\d+) ?(?:%|percent|per cent|pct) of (-?[\d,]*\.?\d+)$"));

static CONVERT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:please )?(?:convert |what is |what are |what's |how much is |how much are |express |change )?(-?[\d,]*\.?\d+) ?([^\d\s].*?) (?:to|into|in|as|expressed in|=) ([^\d\s].*)$",
    )
});
static HOW_MANY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:how many|how much) ([^\d]+?) (?:is|are|in|are in|are there in|make|equals?|is in|does|do) (-?[\d,]*\.?\d+) ?([^\d\s].*?)(?: make| equal| have)?$",
    )
});

/// Value, unit, wanted unit.
pub fn conversion(question: &str) -> Option<(f64, String, String)> {
    let number = |text: &str| text.replace(',', "").parse::<f64>().ok();
    if let Some(parts) = HOW_MANY.captures(question) {
        return Some((number(&parts[2])?, parts[3].trim().to_owned(), parts[1].trim().to_owned()));
    }
    let parts = CONVERT.captures(question)?;
    Some((number(&parts[1])?, parts[2].trim().to_owned(), parts[3].trim().to_owned()))
}

/// The words of a question.
pub struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    /// Of this question.
    pub fn of(question: &'a str) -> Words<'a> {
        Words(question)
    }

    /// What follows the longest of these beginnings, letter case aside.
    pub fn after_any(&self, beginnings: &[&str]) -> Option<String> {
        let lower = self.0.to_ascii_lowercase();
        let longest = beginnings
            .iter()
            .filter(|begin| {
                lower.strip_prefix(**begin).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ':']))
            })
            .max_by_key(|begin| begin.len())?;
        let rest = self.0.get(longest.len()..)?.trim_start_matches([' ', ':']);
        Some(rest.to_owned())
    }
}

/// Whether a text is arithmetic and nothing else. Digits that are only joined by hyphens, slashes or points are phone
/// numbers, dates and versions unless `explicit` says that something is to be computed.
pub fn is_expression(text: &str, explicit: bool) -> bool {
    let functions = ["sqrt", "abs", "sin", "cos", "tan", "ln", "log10", "exp", "pi"];
    let allowed = |c: char| c.is_ascii_alphanumeric() || " .,+-*/^%()\u{d7}\u{f7}\u{2212}".contains(c);
    if !text.chars().all(allowed) || !text.contains(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    if !words.all(|word| functions.contains(&word) || word.bytes().all(|byte| byte.is_ascii_digit())) {
        return false;
    }
    let computes = text.contains(['+', '*', '^', '%', '(', '\u{d7}', '\u{f7}', '\u{2212}']);
    let spaced = [" - ", " / "].iter().any(|operator| text.contains(operator));
    let operator = computes || text.trim_start_matches('-').contains(['-', '/']);
    operator && (computes || spaced || explicit)
}
