//! Arithmetic: exact rational numbers, within a time limit.

use std::time::Instant;

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
    let words = plain.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').filter(|word| !word.is_empty());
    for word in words {
        let number = word.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        let is_number = number && word.parse::<f64>().is_ok();
        if !is_number && !WORDS.contains(&word) {
            return Err(wrong(&format!("`{word}` is neither a number nor a known function")));
        }
    }
    let plain = plain.replace('%', " mod ");
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
    Ok((text.to_owned(), exact))
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
        ] {
            assert_eq!(value(expression), Ok((expected.to_owned(), true)), "{expression}");
        }
        let (root, exact) = value("sqrt(2)").unwrap();
        assert!(root.starts_with("1.414") && !exact);
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
