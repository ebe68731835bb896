//! Breaks text into rows of a given width in terminal cells.
//!
//! The transcript needs its own wrapping because it caches rows per item and draws only the
//! visible ones; a paragraph widget would wrap the whole text again for every frame.

use ratatui::buffer::CellWidth;
use unicode_segmentation::UnicodeSegmentation;

use crate::figures::printable;

/// Rows of `text`, each at most `width` cells wide.
///
/// Line feeds are kept, rows break at spaces, and a word wider than a row breaks between
/// graphemes, so wide and combining characters stay whole. At least one row comes back. A
/// grapheme wider than `width` itself (a CJK character in a one-cell column) gets its own row.
pub fn wrap(text: &str, width: u16) -> Vec<String> {
    let width = usize::from(width.max(1));
    let clean = printable(text);
    let mut rows = Vec::new();
    for line in clean.split('\n') {
        wrap_line(line, width, &mut rows);
    }
    rows
}

fn wrap_line(line: &str, width: usize, rows: &mut Vec<String>) {
    let mut row = String::new();
    let mut row_cells = 0;
    for word in line.split_word_bounds_by_space() {
        let cells = cells(word.trim_end_matches(' '));
        if row_cells > 0 && row_cells + cells > width {
            rows.push(take_row(&mut row));
            row_cells = 0;
        }
        if cells <= width {
            row.push_str(word);
            row_cells += self::cells(word);
        } else {
            for grapheme in word.graphemes(true) {
                let cells = self::cells(grapheme);
                if row_cells > 0 && row_cells + cells > width {
                    rows.push(take_row(&mut row));
                    row_cells = 0;
                }
                row.push_str(grapheme);
                row_cells += cells;
            }
        }
    }
    rows.push(take_row(&mut row));
}

fn take_row(row: &mut String) -> String {
    let kept = row.trim_end_matches(' ').len();
    row.truncate(kept);
    std::mem::take(row)
}

/// Width of printable text in terminal cells, as ratatui draws it.
pub fn cells(text: &str) -> usize {
    text.graphemes(true).map(|grapheme| usize::from(grapheme.cell_width())).sum()
}

/// The longest start of `text` that fits into `width` cells.
pub fn fitting(text: &str, width: usize) -> &str {
    let mut used = 0;
    for (start, grapheme) in text.grapheme_indices(true) {
        used += usize::from(grapheme.cell_width());
        if used > width {
            return &text[..start];
        }
    }
    text
}

trait SpacedWords {
    /// Words, each with the spaces that follow it.
    fn split_word_bounds_by_space(&self) -> impl Iterator<Item = &str>;
}

impl SpacedWords for str {
    fn split_word_bounds_by_space(&self) -> impl Iterator<Item = &str> {
        let mut rest = self;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let word = rest.find(' ').unwrap_or(rest.len());
            let spaces = rest[word..].find(|character| character != ' ').unwrap_or(rest.len() - word);
            let (head, tail) = rest.split_at(word + spaces);
            rest = tail;
            Some(head)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_break_at_spaces_and_keep_every_word() {
        assert_eq!(wrap("isolate the spill area for 150 feet", 12), ["isolate the", "spill area", "for 150 feet"]);
        assert_eq!(wrap("", 10), [""]);
        assert_eq!(wrap("a\n\nb", 10), ["a", "", "b"]);
    }

    #[test]
    fn long_words_and_wide_characters_stay_whole() {
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        let wide = "\u{706b}\u{4e8b}\u{6ce8}\u{610f}";
        assert_eq!(wrap(wide, 5), ["\u{706b}\u{4e8b}", "\u{6ce8}\u{610f}"]);
        assert_eq!(wrap(wide, 1).len(), 4);
        let accents = "e\u{301}e\u{301}e\u{301}";
        assert_eq!(wrap(accents, 2), ["e\u{301}e\u{301}", "e\u{301}"]);
    }

    #[test]
    fn no_row_is_wider_than_asked() {
        for width in 2..20 {
            for row in wrap("Evacuate 0.3 km \u{2014} \u{706b}\u{707d} upwind,   then report.", width) {
                assert!(cells(&row) <= usize::from(width), "{row:?} at {width}");
            }
        }
    }

    #[test]
    fn fitting_cuts_before_a_wide_character() {
        assert_eq!(fitting("a\u{706b}b", 2), "a");
        assert_eq!(fitting("abc", 9), "abc");
    }
}
