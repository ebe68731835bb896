//! The model card: front matter, and what its prose states about training and languages.

use std::path::Path;

use regex::Regex;
use serde_json::Value;

use super::candidate::Candidate;
use super::{Finding, Verdict};
use crate::model_card::ModelCard;

/// Longest card that is read.
const CARD_BYTES_MAX: u64 = 2 << 20;

/// Tokens of pre-training that are good, and below which a model knows too little.
const TRAINING_TOKENS_GOOD: f64 = 1e12;
const TRAINING_TOKENS_POOR: f64 = 5e11;

/// A README.md of a model.
pub struct Card {
    /// The YAML between the first two `---` lines; null where there is none.
    pub front: Value,
    /// Why the front matter cannot be read.
    pub problem: Option<String>,
    /// The Markdown after it.
    pub body: String,
    /// `tags` of the front matter.
    pub tags: Vec<String>,
}

impl Card {
    /// Reads `README.md` of a folder; `None` where there is none.
    pub fn read(folder: &Path) -> Option<Card> {
        let path = folder.join("README.md");
        if std::fs::metadata(&path).ok()?.len() > CARD_BYTES_MAX {
            return None;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&path).ok()?).into_owned();
        Some(Self::parse(&text))
    }

    /// Splits and parses a card.
    pub fn parse(text: &str) -> Card {
        let ModelCard { head: front, body, problem, .. } = ModelCard::parse(&text.replace("\r\n", "\n"));
        let tags = texts(&front["tags"]);
        Card { front, problem, body, tags }
    }

    /// The first heading.
    pub fn title(&self) -> Option<String> {
        self.body.lines().find_map(|line| line.strip_prefix("# ")).map(|line| line.trim().to_owned())
    }
}

/// A text, or the texts of a list.
pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        // YAML reads the language code `no` as false.
        _ => Vec::new(),
    }
}

pub(super) fn rules(candidate: &Candidate) -> Vec<Finding> {
    vec![training_tokens(candidate), languages(candidate)]
}

fn training_tokens(candidate: &Candidate) -> Finding {
    let rule = "training tokens";
    let Some(card) = &candidate.card else { return Finding::unknown(rule, "there is no model card") };
    let found = stated_tokens(&card.body);
    let Some((_, first)) = found.first() else { return Finding::unknown(rule, "the card does not state them") };
    let class = |tokens: f64| match tokens {
        _ if tokens > TRAINING_TOKENS_GOOD => Verdict::Pass,
        _ if tokens < TRAINING_TOKENS_POOR => Verdict::Fail,
        _ => Verdict::Warn,
    };
    let quotes: Vec<String> = found.iter().map(|(_, quote)| format!("{quote:?}")).collect();
    let verdict = class(found[0].0);
    if found.iter().any(|(tokens, _)| class(*tokens) != verdict) {
        return Finding::unknown(rule, format!("the card gives several numbers: {}", quotes.join(", ")));
    }
    let remark = match verdict {
        Verdict::Pass => "more than 1T",
        Verdict::Fail => "below 500B",
        _ => "between 500B and 1T",
    };
    Finding::new(rule, verdict, format!("{first:?} (README.md); {remark}"))
}

/// Numbers of tokens that the prose says the model was trained on, with their words.
fn stated_tokens(body: &str) -> Vec<(f64, String)> {
    let number = r"(\d[\d,]*(?:\.\d+)?)\s*(T|B|trillion|billion)\b";
    let patterns = [
        format!(r"(?i)(?:pre-?)?train(?:ed|ing)\b[^.\n|]{{0,60}}?\b{number}[^.\n|]{{0,20}}?tokens"),
        format!(r"(?i)\b{number}\s+tokens\s+of\s+(?:pre-?)?training"),
        format!(r"(?i)(?:training|pre-?training)\s+tokens\W{{1,6}}{number}"),
    ];
    let mut found: Vec<(f64, String)> = Vec::new();
    for pattern in patterns {
        let Ok(pattern) = Regex::new(&pattern) else { continue };
        for captures in pattern.captures_iter(body) {
            let Ok(value) = captures[1].replace(',', "").parse::<f64>() else { continue };
            let unit = if captures[2].to_lowercase().starts_with('t') { 1e12 } else { 1e9 };
            let tokens = value * unit;
            if found.iter().all(|(other, _)| (other - tokens).abs() > 1.0) {
                found.push((tokens, crate::one_line(&captures[0])));
            }
        }
    }
    found
}

fn languages(candidate: &Candidate) -> Finding {
    let rule = "languages (Greek)";
    let Some(card) = &candidate.card else { return Finding::unknown(rule, "there is no model card") };
    if let Some(problem) = &card.problem {
        return Finding::unknown(rule, format!("the front matter of README.md is damaged: {problem}"));
    }
    let listed = texts(&card.front["language"]);
    if listed.is_empty() {
        return Finding::unknown(rule, "the card lists no languages");
    }
    let shown = format!("the card lists {}", listed.join(", "));
    let greek = |code: &String| matches!(code.to_lowercase().as_str(), "el" | "ell" | "gre" | "greek");
    match listed.iter().any(greek) {
        true => Finding::new(rule, Verdict::Pass, shown),
        false if listed.iter().any(|code| code == "multilingual") => Finding::unknown(rule, shown),
        false => Finding::new(rule, Verdict::Warn, format!("{shown}, not Greek (el)")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn front_matter_is_read_and_the_rest_is_prose() {
        let card = Card::parse("---\nlicense: apache-2.0\nlanguage:\n- en\n- el\ntags: [chat]\n---\n# Title\ntext\n");
        assert_eq!(card.front["license"], "apache-2.0");
        assert_eq!(texts(&card.front["language"]), ["en", "el"]);
        assert_eq!(card.tags, ["chat"]);
        assert!(card.body.contains("# Title") && !card.body.contains("license"));
        let broken = Card::parse("---\nlicense: [\n---\nbody");
        assert!(broken.problem.is_some() && broken.body.contains("body"));
        assert!(Card::parse("no front matter").front.is_null());
    }

    #[test]
    fn training_tokens_are_taken_from_statements_about_training_only() {
        let tokens = |text: &str| stated_tokens(text).into_iter().map(|(tokens, _)| tokens).collect::<Vec<_>>();
        assert_eq!(tokens("The model was pretrained on up to 18 trillion tokens."), [18e12]);
        assert_eq!(tokens("trained on over 2T tokens of text"), [2e12]);
        assert_eq!(tokens("| Training tokens | 300B |"), [3e11]);
        assert_eq!(tokens("supports 128K tokens of context"), Vec::<f64>::new());
        assert_eq!(tokens("a model of 7B parameters, trained well"), Vec::<f64>::new());
        assert_eq!(tokens("trained on 1,500 billion tokens"), [1.5e12]);
    }
}
