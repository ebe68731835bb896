//! Breaks text into rows of a given width in terminal cells; the only place that wraps.
//!
//! The transcript needs its own wrapping because it caches rows per item and draws only the
//! visible ones; a paragraph widget would wrap the whole text again for every frame.

use std::ops::Range;

use ratatui::buffer::CellWidth;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
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
    clean.split('\n').flat_map(|line| row_ranges(line, width).into_iter().map(|row| line[row].to_owned())).collect()
}

/// Rows of `text` in one style.
pub fn wrap_styled(text: &str, width: u16, style: Style) -> Vec<Line<'static>> {
    wrap(text, width).into_iter().map(|row| Line::from(Span::styled(row, style))).collect()
}

/// Text in pieces of different styles that wraps as one.
#[derive(Debug, Clone, Default)]
pub struct Runs {
    text: String,
    /// Where each style ends in `text`.
    ends: Vec<(usize, Style)>,
}

impl Runs {
    /// Adds a piece; line feeds start rows of their own.
    pub fn push(&mut self, text: &str, style: Style) {
        self.text.push_str(&printable(text));
        let end = self.text.len();
        match self.ends.last_mut() {
            Some((last, known)) if *known == style => *last = end,
            _ => self.ends.push((end, style)),
        }
    }

    /// Whether nothing has been added.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text without its styles.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Rows at most `width` cells wide; at least one.
    pub fn rows(&self, width: u16) -> Vec<Line<'static>> {
        let width = usize::from(width.max(1));
        let mut rows = Vec::new();
        let mut start = 0;
        for line in self.text.split('\n') {
            let in_line = row_ranges(line, width);
            rows.extend(in_line.into_iter().map(|row| self.slice(start + row.start..start + row.end)));
            start += line.len() + 1;
        }
        rows
    }

    /// The styled pieces of a byte range, which must lie on character borders.
    fn slice(&self, range: Range<usize>) -> Line<'static> {
        let first = self.ends.partition_point(|(end, _)| *end <= range.start);
        let mut spans = Vec::new();
        let mut at = range.start;
        for (end, style) in &self.ends[first..] {
            if at >= range.end {
                break;
            }
            let to = (*end).min(range.end);
            spans.push(Span::styled(self.text[at..to].to_owned(), *style));
            at = to;
        }
        Line::from(spans)
    }
}

/// Byte ranges of the rows of one line without line feeds or control characters.
fn row_ranges(line: &str, width: usize) -> Vec<Range<usize>> {
    let mut rows = Vec::new();
    let (mut start, mut end, mut used) = (0, 0, 0);
    let mut finish = |start: &mut usize, end: usize, used: &mut usize| {
        let kept = line[*start..end].trim_end_matches(' ').len();
        rows.push(*start..*start + kept);
        *start = end;
        *used = 0;
    };
    for word in words_with_spaces(line) {
        let word_cells = cells(word.trim_end_matches(' '));
        if used > 0 && used + word_cells > width {
            finish(&mut start, end, &mut used);
        }
        if word_cells <= width {
            end += word.len();
            used += cells(word);
        } else {
            for grapheme in word.graphemes(true) {
                let wide = cells(grapheme);
                if used > 0 && used + wide > width {
                    finish(&mut start, end, &mut used);
                }
                end += grapheme.len();
                used += wide;
            }
        }
    }
    finish(&mut start, end, &mut used);
    rows
}

/// Words, each with the spaces that follow it.
fn words_with_spaces(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
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

/// Width of printable text in terminal cells, as ratatui draws it.
pub fn cells(text: &str) -> usize {
    // Segmenting costs much more than counting, and most text is ASCII.
    if text.is_ascii() {
        return text.len();
    }
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

/// `text` in at most `width` cells, with three points at its end where something is left out.
pub fn shortened(text: &str, width: usize) -> String {
    let text = text.trim_end();
    if cells(text) <= width {
        return text.to_owned();
    }
    let kept = fitting(text, width.saturating_sub(4)).trim_end();
    fitting(&format!("{kept} ..."), width).to_owned()
}

/// The longest end of `text` that fits into `width` cells, with two points in front where something is left out.
pub fn fitting_end(text: &str, width: usize) -> String {
    if cells(text) <= width {
        return text.to_owned();
    }
    let mut used = 2;
    let mut start = text.len();
    for (at, grapheme) in text.grapheme_indices(true).rev() {
        used += usize::from(grapheme.cell_width());
        if used > width {
            break;
        }
        start = at;
    }
    format!("{}{}", fitting("..", width), &text[start..])
}

/// Keeps `most` rows and marks where more would follow.
pub fn cut(rows: &mut Vec<String>, most: usize, width: u16) {
    if rows.len() <= most {
        return;
    }
    rows.truncate(most);
    if let Some(last) = rows.last_mut() {
        let room = usize::from(width).saturating_sub(4);
        if cells(last) > room {
            *last = fitting(last, room).trim_end().to_owned();
        }
        last.push_str(" ...");
    }
}

/// `text` in exactly `width` cells: cut, or filled with spaces.
pub fn padded(text: &str, width: usize) -> String {
    let shown = fitting(text, width);
    format!("{shown}{}", " ".repeat(width.saturating_sub(cells(shown))))
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
        assert_eq!(fitting_end("one > two > three", 9), "..> three");
        assert_eq!(fitting_end("a\u{706b}\u{706b}", 4), "..\u{706b}");
        assert_eq!((fitting_end("abc", 3), fitting_end("abcd", 1)), ("abc".to_owned(), ".".to_owned()));
        assert_eq!(padded("a\u{706b}b", 4), "a\u{706b}b");
        assert_eq!(shortened("one two three", 12), "one two ...");
        assert_eq!((shortened("one two", 7), shortened("one two  ", 7)), ("one two".to_owned(), "one two".to_owned()));
        assert_eq!(
            (shortened("one two", 2), shortened("\u{706b}\u{706b}\u{706b}", 5)),
            (" .".to_owned(), " ...".to_owned())
        );
        assert_eq!(padded("a\u{706b}b", 2), "a ");
    }

    #[test]
    fn styles_follow_their_words_across_rows() {
        let bold = Style::new().bold();
        let mut runs = Runs::default();
        runs.push("plain ", Style::new());
        runs.push("bold words here", bold);
        runs.push(" end", Style::new());
        let rows = runs.rows(10);
        let shown: Vec<Vec<(String, bool)>> = rows
            .iter()
            .map(|row| row.spans.iter().map(|span| (span.content.to_string(), span.style == bold)).collect())
            .collect();
        assert_eq!(
            shown,
            [
                vec![("plain ".to_owned(), false), ("bold".to_owned(), true)],
                vec![("words here".to_owned(), true)],
                vec![("end".to_owned(), false)],
            ]
        );
    }
}
