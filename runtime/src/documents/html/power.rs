//! Raised text in a line: powers, and what only looks like one.

use super::super::superscript::superscript;

/// `text` that stands raised behind `before`. What stands on nothing is a mark or small print and no power; so is
/// the number of a note in brackets. `behind` is the source behind it: the upper half of a fraction is no power either.
pub fn raised(before: &str, text: &str, behind: &str) -> String {
    let trimmed = text.trim();
    if is_numerator(before, trimmed, behind) {
        let space = if before.ends_with(|c: char| c.is_ascii_digit()) { " " } else { "" };
        return format!("{space}{trimmed}");
    }
    let on_nothing = || {
        let before = before.trim_end_matches(' ');
        before.is_empty() || before.ends_with(['\n', '|'])
    };
    let raised = if trimmed.starts_with('[') { trimmed.to_owned() } else { superscript(trimmed) };
    if raised.starts_with("^(") && on_nothing() { trimmed.to_owned() } else { raised }
}

/// Whether raised digits are the upper half of a fraction. A stroke alone does not tell (`m<sup>2</sup>/s`): behind it
/// stands lowered text, or the digits stand on nothing.
fn is_numerator(before: &str, digits: &str, behind: &str) -> bool {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let Some(below) = behind.strip_prefix('/') else {
        return ["\u{2044}", "&frasl;", "&#8260;", "&#x2044;"].iter().any(|stroke| behind.starts_with(stroke));
    };
    let lowered = below.get(..4).is_some_and(|tag| tag.eq_ignore_ascii_case("<sub"));
    let alone = before.is_empty() || before.ends_with(|c: char| c.is_whitespace() || matches!(c, '(' | '|'));
    lowered || alone && below.starts_with(|c: char| c.is_ascii_digit())
}
