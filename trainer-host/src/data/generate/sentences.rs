//! Sentences of a text, where the full stop of an abbreviation is no end of one.

use unicode_segmentation::UnicodeSegmentation as _;

/// Abbreviations before a name or a part of the sentence; nothing ends with them.
const BEFORE_ANYTHING: [&str; 25] = [
    "approx.", "capt.", "cf.", "col.", "dr.", "e.g.", "esp.", "gen.", "gov.", "hon.", "i.e.", "incl.", "lt.", "maj.",
    "mr.", "mrs.", "ms.", "mt.", "prof.", "rep.", "rev.", "sen.", "sgt.", "st.", "vs.",
];
/// Abbreviations before a number; elsewhere they are words of their own ("the answer is no").
const BEFORE_NUMBER: [&str; 19] = [
    "art.", "ca.", "ch.", "eq.", "est.", "fig.", "figs.", "max.", "min.", "no.", "nos.", "p.", "para.", "pp.", "ref.",
    "sec.", "tab.", "temp.", "vol.",
];

/// Sentences with what stands around them cut off; pieces without a letter or digit are none.
pub fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, piece) in text.split_sentence_bound_indices() {
        let end = at + piece.len();
        if goes_on(&text[start..end], &text[end..]) {
            continue;
        }
        found.push(text[start..end].trim());
        start = end;
    }
    found.push(text[start..].trim());
    found.retain(|sentence| sentence.contains(char::is_alphanumeric));
    found
}

/// Whether a sentence that the segmenter ended goes on with `rest`.
fn goes_on(sentence: &str, rest: &str) -> bool {
    // A line end is an end in any case.
    let same_line = !sentence.ends_with(['\n', '\r']);
    let last = sentence.trim_end().rsplit([' ', '\t', '\n', '(', '[']).next().unwrap_or_default().to_lowercase();
    let number = rest.starts_with(|next: char| next.is_ascii_digit());
    same_line
        && !rest.trim().is_empty()
        && (BEFORE_ANYTHING.contains(&last.as_str()) || number && BEFORE_NUMBER.contains(&last.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_stop_of_an_abbreviation_ends_no_sentence() {
        let text = "The boss is Dr. Smith of St. Mary. Take No. 5 (see Fig. 2). It weighs approx. 15 lb. The answer is no. Go.";
        let expected = [
            "The boss is Dr. Smith of St. Mary.",
            "Take No. 5 (see Fig. 2).",
            "It weighs approx. 15 lb.",
            "The answer is no.",
            "Go.",
        ];
        assert_eq!(sentences(text), expected);
    }

    #[test]
    fn a_text_may_end_with_an_abbreviation_and_a_line_with_one_ends() {
        assert_eq!(sentences("Ask the Dr."), ["Ask the Dr."]);
        assert_eq!(sentences("Ask the Dr.\nHe knows.\n."), ["Ask the Dr.", "He knows."]);
    }
}
