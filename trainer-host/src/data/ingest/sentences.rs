//! Sentences, as Unicode bounds them (UAX #29, section 5), at the speed of a search for their ends.
//!
//! In Latin, Greek and Cyrillic text a sentence can only end at a full stop, a question or exclamation mark or a line
//! end. Up to the next of these, or to a character of another script, nothing has to be classified; the segmenter is
//! asked from the ASCII character before it on, which is all that its rules look back to.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

/// Ranges of the sentences of `text`, white space behind them included; together they are the text.
pub fn sentences(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = &text[start..];
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(may_end).map_or(rest.len(), |at| {
            // An ASCII character is no mark on the one before it.
            let from = rest.as_bytes()[..at].iter().rposition(u8::is_ascii).unwrap_or(0);
            from + rest[from..].split_sentence_bounds().next().map_or(0, str::len)
        });
        let sentence = start..start + end;
        start = sentence.end;
        Some(sentence)
    })
}

/// Whether a sentence may end with this character, as far as one can tell without the tables.
fn may_end(c: char) -> bool {
    match c {
        '.' | '!' | '?' | '\n' | '\r' | '\u{85}' => true,
        // The first full stop beyond ASCII is Armenian. Dashes and quotation marks are common in Latin text.
        _ => c >= '\u{589}' && !('\u{2010}'..='\u{2023}').contains(&c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_those_of_the_segmenter() {
        let texts = [
            "",
            "No end",
            "Stay upwind. Go uphill! Why? \u{201c}So.\u{201d} Then (etc.) and 3.5 m, U.S. units, e.g. this. And. that\n\nnext",
            ".. ?! a.b.C. D.\r\nE.\rF\u{2029}G.  \u{ab} h. i",
            "caf\u{e9}. \u{c9}t\u{e9}. \u{3053}\u{308c}\u{3002}\u{6b21}. n.\u{301} x. \u{ad}y.\u{ad} Z",
            include_str!("pack.rs"),
            include_str!("../../../guide/field-guide.md"),
        ];
        for text in texts {
            let ours: Vec<&str> = sentences(text).map(|range| &text[range]).collect();
            assert_eq!(ours, text.split_sentence_bounds().collect::<Vec<_>>());
        }
    }

    #[test]
    fn sentences_of_random_texts_are_those_of_the_segmenter() {
        const LETTERS: [&str; 32] = [
            ".", " ", "a", "B", "1", "\n", "\r", "?", ")", ",", "\"", "\u{e9}", "\u{301}", "\u{ad}", "\u{3002}",
            "\u{a0}", ".", " ", "C", "d", "\u{85}", "\u{2019}", "\u{201d}", "\u{2014}", "\u{2024}", "\u{2026}",
            "\u{2029}", "\u{203d}", "\u{5d0}", "\u{16f}", "\u{c9}", "\u{200b}",
        ];
        let mut state = 1_u32;
        for _ in 0..40_000 {
            let text: String = (0..12)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    LETTERS[(state >> 27) as usize]
                })
                .collect();
            let ours: Vec<&str> = sentences(&text).map(|range| &text[range]).collect();
            assert_eq!(ours, text.split_sentence_bounds().collect::<Vec<_>>(), "{text:?}");
        }
    }

    #[test]
    fn no_character_that_ends_a_sentence_is_passed_over() {
        for c in (char::MIN..=char::MAX).filter(|c| !may_end(*c)) {
            assert_eq!(format!("a{c} B").split_sentence_bounds().count(), 1, "{c:?}");
        }
    }
}
