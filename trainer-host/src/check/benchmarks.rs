//! Benchmark scores that the card states: MMLU, BBH, HumanEval, TruthfulQA against their minima.
//!
//! Scores come from `model-index` in the front matter, from Markdown tables and from sentences that name one number.
//! A table of several models counts only where a column or row bears this model's name; anything else is unknown.

use regex::Regex;
use serde_json::Value;

use super::candidate::Candidate;
use super::card::Card;
use super::{Finding, Verdict};

/// Benchmark, the names it goes by when all but letters and digits is taken away, and the score to exceed.
const BENCHMARKS: [(&str, &[&str], f64); 4] = [
    ("MMLU", &["mmlu"], 60.0),
    ("BBH", &["bbh", "bigbenchhard"], 50.0),
    ("HumanEval", &["humaneval"], 30.0),
    ("TruthfulQA", &["truthfulqa", "truthfulqamc2", "truthfulqamc"], 50.0),
];

/// A score and where it stands.
#[derive(Debug, Clone, PartialEq)]
struct Score {
    /// Percent.
    value: f64,
    place: String,
}

impl Score {
    /// A score as the card writes it: percent, or a share of one.
    fn stated(value: f64, place: &str) -> Score {
        if value > 1.0 {
            return Score { value, place: place.to_owned() };
        }
        // Thousandths of a percent are noise of the multiplication.
        Score { value: (value * 100_000.0).round() / 1000.0, place: format!("{place}, as the share {value}") }
    }
}

pub(super) fn rules(candidate: &Candidate) -> Vec<Finding> {
    BENCHMARKS.iter().map(|(name, spellings, minimum)| rule(candidate, name, spellings, *minimum)).collect()
}

fn rule(candidate: &Candidate, name: &'static str, spellings: &[&str], minimum: f64) -> Finding {
    let Some(card) = &candidate.card else { return Finding::unknown(name, "there is no model card") };
    let mut names: Vec<String> = candidate.aliases.iter().map(|alias| plain(alias)).collect();
    names.push(plain(&candidate.name));
    names.extend(card.title().map(|title| plain(&title)));
    names.retain(|name| !name.is_empty());
    let mut scores = from_index(card, spellings);
    let mut doubt = None;
    if scores.is_empty() {
        for table in tables(&card.body) {
            match from_table(&table, spellings, &names) {
                Found::Score(value) => scores.push(Score::stated(value, "a table in README.md")),
                Found::Unclear => doubt = Some("a table of several models, none of them named as this one"),
                Found::Nothing => {}
            }
        }
    }
    if scores.is_empty() && doubt.is_none() {
        scores = from_prose(&card.body, spellings);
    }
    let Some(first) = scores.first() else {
        let why = doubt.unwrap_or("the card does not state it");
        return Finding::unknown(name, why);
    };
    if scores.iter().any(|other| (other.value > minimum) != (first.value > minimum)) {
        let all: Vec<String> = scores.iter().map(|score| format!("{}", score.value)).collect();
        return Finding::unknown(name, format!("the card gives several scores: {}", all.join(", ")));
    }
    let verdict = if first.value > minimum { Verdict::Pass } else { Verdict::Fail };
    Finding::new(name, verdict, format!("{} ({}); more than {minimum} is wanted", first.value, first.place))
}

/// Lower-case letters and digits only, without what stands in brackets, such as `(5-shot)`.
fn plain(text: &str) -> String {
    let mut depth = 0usize;
    let mut kept = String::new();
    for character in text.chars() {
        match character {
            '(' | '[' | '<' => depth += 1,
            ')' | ']' | '>' => depth = depth.saturating_sub(1),
            _ if depth == 0 && character.is_alphanumeric() => kept.extend(character.to_lowercase()),
            _ => {}
        }
    }
    kept
}

/// Whether a cell names the benchmark: `MMLU (5-shot)` and `**MMLU** 5-shot`, but not `MMLU-Pro`.
fn names_benchmark(cell: &str, spellings: &[&str]) -> bool {
    let without_shots = match Regex::new(r"(?i)\b\d+[- ]shots?\b|\bpass@1\b|\bcot\b|\bacc(?:_norm)?\b") {
        Ok(pattern) => pattern.replace_all(cell, " ").into_owned(),
        Err(_) => cell.to_owned(),
    };
    // A link shows its text.
    let shown = without_shots.replace(['[', ']'], " ");
    spellings.contains(&plain(&shown).as_str())
}

/// A percentage as cards write it: `63.4`, `**63.4**`, `63.4%`, `0.634` is one too.
fn score(cell: &str) -> Option<f64> {
    let text = cell.trim().trim_matches(|c: char| matches!(c, '*' | '_' | '%' | '~' | '`')).trim();
    let text = text.split_whitespace().next()?.trim_matches(|c: char| matches!(c, '*' | '%'));
    let value: f64 = text.parse().ok()?;
    (0.0..=100.0).contains(&value).then_some(value)
}

/// `model-index[].results[]`: dataset or metric name, and value.
fn from_index(card: &Card, spellings: &[&str]) -> Vec<Score> {
    let mut scores = Vec::new();
    let results =
        card.front["model-index"].as_array().into_iter().flatten().filter_map(|model| model["results"].as_array());
    for result in results.flatten() {
        let dataset = ["name", "type"]
            .iter()
            .any(|key| result["dataset"][*key].as_str().is_some_and(|name| names_benchmark(name, spellings)));
        for metric in result["metrics"].as_array().into_iter().flatten() {
            let named = metric["name"].as_str().is_some_and(|name| names_benchmark(name, spellings));
            let value = match &metric["value"] {
                Value::Number(number) => number.as_f64(),
                Value::String(text) => score(text),
                _ => None,
            };
            if let (true, Some(value)) = (dataset || named, value) {
                scores.push(Score::stated(value, "model-index of README.md"));
            }
        }
    }
    scores
}

/// Rows of cells of each Markdown table, header first, the line of dashes left out.
fn tables(body: &str) -> Vec<Vec<Vec<String>>> {
    let mut found: Vec<Vec<Vec<String>>> = Vec::new();
    let mut current: Vec<Vec<String>> = Vec::new();
    for line in body.lines().chain([""]) {
        let line = line.trim();
        if line.contains('|') {
            let inner = line.strip_prefix('|').unwrap_or(line);
            let inner = inner.strip_suffix('|').unwrap_or(inner);
            let cells: Vec<String> = inner.split('|').map(|cell| cell.trim().to_owned()).collect();
            let ruler = cells.iter().all(|cell| !cell.is_empty() && cell.chars().all(|c| matches!(c, '-' | ':' | ' ')));
            if !ruler {
                current.push(cells);
            }
        } else if !current.is_empty() {
            found.push(std::mem::take(&mut current));
        }
    }
    found.retain(|table| table.len() > 1);
    found
}

/// What a table says.
#[derive(Debug, PartialEq)]
enum Found {
    Nothing,
    Score(f64),
    /// The benchmark is there, but not which number is this model's.
    Unclear,
}

fn from_table(table: &[Vec<String>], spellings: &[&str], names: &[String]) -> Found {
    let (header, rows) = (&table[0], &table[1..]);
    // Benchmarks down the side, models along the top.
    for row in rows {
        let Some(at) = row.iter().take(2).position(|cell| names_benchmark(cell, spellings)) else { continue };
        let own = header.iter().position(|cell| names.contains(&plain(cell)));
        return one_of(row, at, own);
    }
    // Benchmarks along the top, models down the side.
    if let Some(column) = header.iter().position(|cell| names_benchmark(cell, spellings)) {
        let own: Vec<&Vec<String>> =
            rows.iter().filter(|row| row.first().is_some_and(|cell| names.contains(&plain(cell)))).collect();
        let candidates = if own.is_empty() { rows.iter().collect() } else { own };
        let values: Vec<f64> = candidates.iter().filter_map(|row| score(row.get(column)?)).collect();
        return match values.as_slice() {
            [only] => Found::Score(*only),
            [] => Found::Nothing,
            _ => Found::Unclear,
        };
    }
    Found::Nothing
}

fn one_of(row: &[String], at: usize, own: Option<usize>) -> Found {
    if let Some(value) = own.and_then(|column| score(row.get(column)?)) {
        return Found::Score(value);
    }
    let values: Vec<f64> = row[at + 1..].iter().filter_map(|cell| score(cell)).collect();
    match values.as_slice() {
        [only] if own.is_none() => Found::Score(*only),
        [] => Found::Nothing,
        _ => Found::Unclear,
    }
}

/// Sentences such as `MMLU: 63.4` and `scores 63.4% on MMLU`.
fn from_prose(body: &str, spellings: &[&str]) -> Vec<Score> {
    let mut scores = Vec::new();
    for spelling in spellings {
        let name = if *spelling == "bigbenchhard" { r"big[- ]?bench[- ]?hard" } else { spelling };
        let number = r"(\d{1,3}(?:\.\d+)?)\s*%?";
        let shots = r"(?:\s*\([^)\n]{0,30}\))?";
        let patterns = [
            format!(r"(?i)\b{name}\b{shots}\s*(?:score)?\s*(?:of|is|:|=|at)\s*{number}(?:\s|[.,;)]|$)"),
            format!(r"(?i)\b{number}\s+(?:points\s+)?on\s+(?:the\s+)?{name}(?:\s|[.,;:)]|$)"),
        ];
        for pattern in patterns {
            let Ok(pattern) = Regex::new(&pattern) else { continue };
            for line in body.lines().filter(|line| !line.contains('|')) {
                for captures in pattern.captures_iter(line) {
                    if let Some(value) = score(&captures[1]) {
                        let place = format!("{:?} in README.md", crate::one_line(&captures[0]));
                        scores.push(Score::stated(value, &place));
                    }
                }
            }
        }
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    const MMLU: &[&str] = BENCHMARKS[0].1;

    fn table(text: &str, name: &str) -> Found {
        from_table(&tables(text)[0], MMLU, &[plain(name)])
    }

    #[test]
    fn own_column_of_a_table_counts_and_neighbours_do_not() {
        let text = "| Benchmark | Other-7B | Field-3B-Instruct |\n|---|---|---|\n| MMLU-Pro | 10.0 | 20.0 |\n| MMLU (5-shot) | 70.1 | **61.5** |\n";
        assert_eq!(table(text, "field-3b-instruct"), Found::Score(61.5));
        assert_eq!(table(text, "another-model"), Found::Unclear);
    }

    #[test]
    fn own_row_counts_where_models_stand_down_the_side() {
        let text = "Model | MMLU | BBH\n--- | --- | ---\n[Field-3B](http://x) | 55 | 40\nOther | 66 | 50\n";
        assert_eq!(table(text, "Field-3B"), Found::Unclear, "a link hides the name, so it is not guessed");
        let text = text.replace("[Field-3B](http://x)", "Field-3B");
        assert_eq!(table(&text, "Field-3B"), Found::Score(55.0));
    }

    #[test]
    fn single_column_needs_no_name() {
        let text = "| Metric | Value |\n|:--|--:|\n| Avg. | 50.0 |\n| MMLU 5-shot | 0.634 |\n";
        assert_eq!(table(text, "x"), Found::Score(0.634));
        assert_eq!(Score::stated(0.634, "a table").value, 63.4);
    }

    #[test]
    fn prose_counts_where_it_names_one_number() {
        let values = |text: &str| from_prose(text, MMLU).into_iter().map(|score| score.value).collect::<Vec<_>>();
        assert_eq!(values("It reaches an MMLU score of 63.4."), [63.4]);
        assert_eq!(values("MMLU (5-shot): 61"), [61.0]);
        assert_eq!(values("we measured 64.2% on MMLU, and more elsewhere"), [64.2]);
        assert_eq!(values("better than 3 models on MMLU-Pro"), Vec::<f64>::new());
        assert_eq!(values("MMLU covers 57 subjects"), Vec::<f64>::new());
    }

    #[test]
    fn model_index_counts_first_and_shares_become_percent() {
        let card = Card::parse(concat!(
            "---\nmodel-index:\n- name: x\n  results:\n  - task: {type: text-generation}\n",
            "    dataset: {name: MMLU, type: mmlu}\n    metrics:\n    - {type: acc, value: 0.61}\n---\n"
        ));
        assert_eq!(from_index(&card, MMLU)[0].value, 61.0);
        assert!(from_index(&card, BENCHMARKS[1].1).is_empty());
    }
}
