//! Finds special tokens in a text before it is merged.
//!
//! The rule is that of llama.cpp: the tokens are searched one after the other, the longest text first,
//! in the stretches that are still plain text. Control tokens are found only outside protected stretches
//! (what a user wrote); user-defined tokens are found everywhere.

use std::ops::Range;

use super::vocabulary::{Kind, Vocabulary};

/// A stretch of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fragment {
    /// Plain text, by its byte range.
    Text(Range<usize>),
    /// A special token.
    Special(u32),
}

/// Cuts `text` at its special tokens. `protected` holds byte ranges in which control tokens are text.
pub(super) fn partition(text: &str, protected: &[Range<usize>], vocabulary: &Vocabulary) -> Vec<Fragment> {
    let mut fragments = vec![Fragment::Text(0..text.len())];
    for &id in &vocabulary.specials {
        let special = vocabulary.texts[id as usize].as_str();
        let everywhere = vocabulary.kinds[id as usize] == Kind::UserDefined;
        if !text.contains(special) {
            continue;
        }
        let mut cut = Vec::with_capacity(fragments.len() + 2);
        for fragment in fragments {
            match fragment {
                Fragment::Text(range) => {
                    let allowed = |found: &Range<usize>| {
                        everywhere || !protected.iter().any(|kept| kept.start < found.end && found.start < kept.end)
                    };
                    cut_stretch(text, range, special, id, allowed, &mut cut);
                }
                special => cut.push(special),
            }
        }
        fragments = cut;
    }
    fragments.retain(|fragment| !matches!(fragment, Fragment::Text(range) if range.is_empty()));
    fragments
}

fn cut_stretch(
    text: &str,
    range: Range<usize>,
    special: &str,
    id: u32,
    allowed: impl Fn(&Range<usize>) -> bool,
    cut: &mut Vec<Fragment>,
) {
    let mut start = range.start;
    let mut search = range.start;
    while let Some(position) = text[search..range.end].find(special) {
        let found = search + position..search + position + special.len();
        if allowed(&found) {
            cut.push(Fragment::Text(start..found.start));
            cut.push(Fragment::Special(id));
            start = found.end;
            search = found.end;
        } else {
            let first = special.chars().next().map_or(1, char::len_utf8);
            search = found.start + first;
        }
    }
    cut.push(Fragment::Text(start..range.end));
}
