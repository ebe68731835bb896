//! Marks of Markdown inside a line, which are no part of what it says.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// `**bold**` after a blank or a bracket, so that `2**3` stays.
static BOLD: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(^|[\s(\u{2022}|])\*\*([^*\s](?:[^*]*[^*\s])?)\*\*").ok());
/// `code`, which is one run of anything.
static CODE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("`([^`]+)`").ok());

/// A text without the marks of bold words and of code.
pub fn without_marks(text: &str) -> Cow<'_, str> {
    let mut plain = Cow::Borrowed(text);
    for (mark, pattern, words) in [("**", &BOLD, "${1}${2}"), ("`", &CODE, "${1}")] {
        if plain.contains(mark)
            && let Some(pattern) = pattern.as_ref()
        {
            plain = Cow::Owned(pattern.replace_all(&plain, words).into_owned());
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_bold_words_and_code_go_and_powers_stay() {
        assert_eq!(
            without_marks("**PPE**: gear, `MOPP`: posture, **IDLH:** a level"),
            "PPE: gear, MOPP: posture, IDLH: a level"
        );
        assert_eq!(without_marks("2**3 and 4**5 * 6"), "2**3 and 4**5 * 6");
    }
}
