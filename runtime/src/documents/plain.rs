//! Running text: paragraphs between blank lines, pages by form feeds and page marks.

use std::sync::Arc;

use super::block::{Block, BlockKind, Cut, Reading, trimmed};
use super::pages::page_mark;

/// Ends a page.
const FEED: char = '\u{c}';

/// Reads text. With `marks`, lines that are only a page number set the page and are no text.
pub fn read(text: &str, marks: bool) -> Reading {
    read_from(text, None, marks)
}

/// Reads a piece of a text, of which `page` is the page it begins on.
pub fn read_from(text: &str, page: Option<u32>, marks: bool) -> Reading {
    let none: Arc<[String]> = Arc::from([]);
    let mut reading = Reading::default();
    let mut page = page.or_else(|| first_page(text));
    let mut start = 0;
    let mut close = |from: usize, to: usize, page: Option<u32>| {
        if let Some(range) = trimmed(text, from..to) {
            reading.blocks.push(Block { page, ..Block::prose(range, &none) });
        }
    };
    for (at, line) in lines(text) {
        let end = at + line.len();
        let mark = mark(line, marks);
        if mark.is_some() || line.trim().is_empty() {
            close(start, at, page);
            start = end;
            page = mark.or(page);
        }
        if line.ends_with(FEED) {
            close(start, end, page);
            start = end;
            page = following(page);
        }
    }
    close(start, text.len(), page);
    reading
}

/// The page on which a piece of a text ends that begins on `page`.
pub fn last_page(text: &str, page: Option<u32>, marks: bool) -> Option<u32> {
    lines(text).fold(page.or_else(|| first_page(text)), |page, (_, line)| {
        let page = mark(line, marks).or(page);
        if line.ends_with(FEED) { following(page) } else { page }
    })
}

fn mark(line: &str, marks: bool) -> Option<u32> {
    marks.then(|| page_mark(line.trim())).flatten()
}

fn following(page: Option<u32>) -> Option<u32> {
    Some(page.unwrap_or(1).saturating_add(1))
}

/// A text with form feeds begins on its first page; one without has none until a mark names it.
fn first_page(text: &str) -> Option<u32> {
    text.contains(FEED).then_some(1)
}

/// Lines of `text`, each with its end, which is also where a page ends.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive(['\n', FEED]).map(move |line| {
        at += line.len();
        (at - line.len(), line)
    })
}

/// Reads source code or configuration without a grammar: paragraphs that are cut between lines.
pub fn read_code(text: &str, ending: &str) -> Reading {
    let mut reading = read(text, false);
    for block in &mut reading.blocks {
        block.kind = BlockKind::Code;
        block.cut = Cut::Lines;
        block.language = Some(ending.to_owned());
        // The indent of the first line belongs to the code.
        let line = text[..block.range.start].rfind(['\n', FEED]).map_or(0, |end| end + 1);
        block.range.start = line;
    }
    reading
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_know_their_page() {
        let text = "First.\nStill first.\n\nSecond.\n\x0cPage 2\nThird.\n- 3 -\nFourth.";
        let reading = read(text, true);
        let seen: Vec<_> = reading.blocks.iter().map(|block| (block.text(text), block.page)).collect();
        let expected =
            [("First.\nStill first.", Some(1)), ("Second.", Some(1)), ("Third.", Some(2)), ("Fourth.", Some(3))];
        assert_eq!(seen, expected);
    }

    #[test]
    fn page_ends_at_the_form_feed_itself() {
        let text = "Alpha on page one.\x0cBeta on page two,\nmore of it.\n\x0c\x0cDelta on page four.";
        let reading = read(text, false);
        let seen: Vec<_> = reading.blocks.iter().map(|block| (block.text(text), block.page)).collect();
        let expected = [
            ("Alpha on page one.", Some(1)),
            ("Beta on page two,\nmore of it.", Some(2)),
            ("Delta on page four.", Some(4)),
        ];
        assert_eq!(seen, expected);
        assert_eq!(read("No pages here.", true).blocks[0].page, None);
    }

    #[test]
    fn pieces_of_a_text_count_its_pages_on() {
        let pieces = ["One.\n\x0cTwo.\n\n", "Still two.\n\x0cThree.\n- 7 -\nSeven.\n\n", "Still seven.\n"];
        let mut page = None;
        let mut seen = Vec::new();
        for piece in pieces {
            seen.extend(read_from(piece, page, true).blocks.iter().map(|block| block.page));
            page = last_page(piece, page, true);
        }
        assert_eq!(seen, [1, 2, 2, 3, 7, 7].map(Some));
    }

    #[test]
    fn code_keeps_the_indent_of_its_first_line() {
        let text = "a:\n\n  - b\n  - c\n";
        assert_eq!(read_code(text, "yaml").blocks[1].text(text), "  - b\n  - c");
    }
}
