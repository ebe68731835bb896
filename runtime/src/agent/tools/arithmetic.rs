//! Arithmetic: exact rational numbers, within a time limit.

use std::sync::LazyLock;
use std::time::Instant;

use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::agent::tool::{Tool, ToolContext, read, result, schema_of};
use crate::error::ToolError;

/// Computes an expression.
pub struct Calculate;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// Numbers, + - * / ^ % ( ) or plus, minus, times, divided by, percent of; sqrt abs sin cos tan ln log10 exp, pi.
    #[schemars(length(min = 1, max = 200))]
    expression: String,
}

/// Words that an expression may hold; the library knows many more, among them units and functions of its own language.
const WORDS: [&str; 14] =
    ["sqrt", "abs", "sin", "cos", "tan", "asin", "acos", "atan", "ln", "log10", "exp", "pi", "round", "degrees"];

/// Sums as people say them, longer phrases first.
const SPOKEN: [(&str, &str); 10] = [
    ("the square root of", "sqrt"),
    ("square root of", "sqrt"),
    ("multiplied by", "*"),
    ("divided by", "/"),
    ("percent of", "/ 100 *"),
    ("times", "*"),
    ("plus", "+"),
    ("minus", "-"),
    ("over", "/"),
    ("x", "*"),
];

/// Longest value that is written out; a longer one gets a power of ten.
const WRITTEN_MAX: usize = 40;
/// Digits before a power of ten.
const DIGITS: usize = 10;

/// `1e-5`, which is a number and no difference.
static SCIENTIFIC: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?P<digits>(?:^|[^\w.])(?:\d+\.?\d*|\.\d+))[eE](?P<power>[+-]?\d{1,4})\b")
        .expect("a constant pattern should be sound")
});

struct Deadline(Instant);

impl fend_core::Interrupt for Deadline {
    fn should_interrupt(&self) -> bool {
        Instant::now() >= self.0
    }
}

impl Tool for Calculate {
    fn name(&self) -> &str {
        "calculate"
    }

    fn description(&self) -> &str {
        "exact arithmetic"
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call(&self, arguments: Value, context: &ToolContext<'_>) -> Result<Value, ToolError> {
        let Arguments { expression } = read(self.name(), arguments)?;
        let (value, exact) = evaluate(&expression, context.deadline)?;
        let sign = if exact { "=" } else { "is about" };
        Ok(result(
            format!("{} {sign} {value}.", expression.trim()),
            json!({ "expression": expression, "value": value, "exact": exact }),
        ))
    }
}

/// The value of an expression as decimal text, and whether these are all its digits.
///
/// # Errors
/// [`ToolError::NoResult`]: what stands there is no arithmetic, has no value, or takes too long.
pub fn evaluate(expression: &str, deadline: Instant) -> Result<(String, bool), ToolError> {
    let wrong = |reason: &str| ToolError::NoResult(format!("`{}` has no value: {reason}", expression.trim()));
    let expression = expression.replace(['\u{d7}', '\u{22c5}'], "*").replace(['\u{f7}', '\u{2215}'], "/");
    let expression = expression.replace('\u{2212}', "-");
    if let Some(other) = expression.chars().find(|c| !(c.is_ascii_alphanumeric() || " \t.,+-*/^%()".contains(*c))) {
        return Err(wrong(&format!("`{}` is no arithmetic", other.escape_default())));
    }
    // Thousands separators only where they stand before three digits, so that `1,5` is not read as 15.
    let mut plain = String::with_capacity(expression.len());
    let characters: Vec<char> = expression.chars().collect();
    for (index, character) in characters.iter().enumerate() {
        if *character != ',' {
            plain.push(*character);
            continue;
        }
        let digits_after = characters[index + 1..].iter().take_while(|c| c.is_ascii_digit()).count();
        let digit_before = index > 0 && characters[index - 1].is_ascii_digit();
        if !(digit_before && digits_after == 3) {
            return Err(wrong("a comma may only divide thousands"));
        }
    }
    let plain = written(&plain);
    let without_powers = SCIENTIFIC.replace_all(&plain, "$digits");
    let words = without_powers.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').filter(|word| !word.is_empty());
    for word in words {
        let number = word.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        let is_number = number && word.parse::<f64>().is_ok();
        if !is_number && !WORDS.contains(&word) {
            return Err(wrong(&format!("`{word}` is neither a number nor a known function")));
        }
    }
    let plain = SCIENTIFIC.replace_all(&plain, "${digits}e${power}").replace('%', " mod ");
    let mut fend = fend_core::Context::new();
    fend.disable_rng();
    let value = fend_core::evaluate_with_interrupt(&plain, &mut fend, &Deadline(deadline))
        .map_err(|reason| wrong(reason.lines().next().unwrap_or("it cannot be computed")))?;
    let text = value.get_main_result();
    let (text, exact) = match text.strip_prefix("approx. ") {
        Some(rest) => (rest, false),
        None => (text, true),
    };
    if text.parse::<f64>().is_err() {
        return Err(wrong("it is not a number"));
    }
    Ok(if text.len() > WRITTEN_MAX { with_power(text, exact) } else { (text.to_owned(), exact) })
}

/// A long decimal text with a power of ten, and whether these are still all its digits.
fn with_power(text: &str, exact: bool) -> (String, bool) {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let Some(first) = all.find(|c: char| c != '0') else { return (text.to_owned(), exact) };
    let power = i64::try_from(whole.len()).unwrap_or(i64::MAX) - i64::try_from(first).unwrap_or(0) - 1;
    let significant = all[first..].trim_end_matches('0');
    let kept = significant.get(..DIGITS).unwrap_or(significant);
    let (lead, rest) = kept.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    (format!("{sign}{lead}{point}{rest}e{power}"), exact && kept.len() == significant.len())
}

/// `12 times 7` as `12 * 7`: models that cannot write a sign, and people, use words.
fn written(expression: &str) -> String {
    let words: Vec<&str> = expression.split_whitespace().collect();
    let mut text = format!(" {} ", words.join(" "));
    for (said, sign) in SPOKEN {
        text = text.replace(&format!(" {said} "), &format!(" {sign} "));
    }
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn value(expression: &str) -> Result<(String, bool), String> {
        evaluate(expression, Instant::now() + Duration::from_millis(500)).map_err(|error| error.to_string())
    }

    #[test]
    fn fractions_are_exact_and_irrational_values_say_that_they_are_not() {
        for (expression, expected) in [
            ("0.1 + 0.2", "0.3"),
            ("1/3 + 1/6", "0.5"),
            ("2^10", "1024"),
            ("-3 * (2 + 5)", "-21"),
            ("1,250 * 4", "5000"),
            ("17 % 5", "2"),
            ("(500 - 20) / 8", "60"),
            ("sqrt(144)", "12"),
            ("12 times 7 plus 1", "85"),
            ("45 divided by 5 minus 2", "7"),
            ("18 percent of 250", "45"),
            ("the square root of 144", "12"),
            ("3 x 4 x 5", "60"),
            ("3 \u{d7} 4 \u{f7} 2 \u{2212} 1", "5"),
            ("1e5", "100000"),
            ("1e-5", "0.00001"),
            ("2.5E+2 - 1", "249"),
            ("1e400", "1e400"),
        ] {
            assert_eq!(value(expression), Ok((expected.to_owned(), true)), "{expression}");
        }
        let (root, exact) = value("sqrt(2)").unwrap();
        assert!(root.starts_with("1.414") && !exact);
    }

    #[test]
    fn a_value_of_many_digits_is_written_with_a_power_of_ten() {
        for (expression, begins, ends) in [
            ("exp(1000)", "1.97007111", "e434"),
            ("2^500", "3.273390607", "e150"),
            ("-(2^-200)", "-6.22301527", "e-61"),
        ] {
            let (text, exact) = value(expression).unwrap();
            assert!(text.starts_with(begins) && text.ends_with(ends) && !exact, "{expression}: {text}");
        }
        assert_eq!(value("2^64").unwrap().0, "18446744073709551616");
    }

    #[test]
    fn what_is_no_arithmetic_is_refused_and_nothing_runs_for_long() {
        for expression in
            ["rm -rf", "5 feet", "5 times", "x = 3", "1,5 + 2", "1/0", "(((", "", "today", "9^9^9^9^9", "\u{1F525}"]
        {
            let start = Instant::now();
            assert!(value(expression).is_err(), "{expression}");
            assert!(start.elapsed() < Duration::from_secs(5), "{expression}");
        }
    }
}
