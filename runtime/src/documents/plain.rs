//! Running text: paragraphs between blank lines, pages by form feeds and page marks.

use std::sync::Arc;

use super::block::{Block, BlockKind, Cut, Reading, trimmed};
use super::pages::page_mark;

/// Reads text. With `marks`, lines that are only a page number set the page and are no text.
pub fn read(text: &str, marks: bool) -> Reading {
    let none: Arc<[String]> = Arc::from([]);
    let mut reading = Reading::default();
    let mut page: Option<u32> = None;
    let mut start = 0;
    let mut at = 0;
    let mut close = |from: usize, to: usize, page: Option<u32>| {
        if let Some(range) = trimmed(text, from..to) {
            reading.blocks.push(Block { page, ..Block::prose(range, &none) });
        }
    };
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        let content = line.trim();
        if content.is_empty() {
            close(start, at, page);
            start = end;
        }
        if let Some(feeds) = line.bytes().filter(|byte| *byte == b'\x0c').count().checked_sub(1) {
            close(start, at, page);
            start = at;
            page = Some(page.unwrap_or(1) + feeds as u32 + 1);
        }
        if marks && let Some(number) = page_mark(content) {
            close(start, at, page);
            start = end;
            page = Some(number);
        }
        at = end;
    }
    close(start, text.len(), page);
    reading
}

/// Reads source code or configuration without a grammar: paragraphs that are cut between lines.
pub fn read_code(text: &str, ending: &str) -> Reading {
    let mut reading = read(text, false);
    for block in &mut reading.blocks {
        block.kind = BlockKind::Code;
        block.cut = Cut::Lines;
        block.language = Some(ending.to_owned());
        // The indent of the first line belongs to the code.
        let line = text[..block.range.start].rfind('\n').map_or(0, |end| end + 1);
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
        let expected = [("First.\nStill first.", None), ("Second.", None), ("Third.", Some(2)), ("Fourth.", Some(3))];
        assert_eq!(seen, expected);
    }

    #[test]
    fn code_keeps_the_indent_of_its_first_line() {
        let text = "a:\n\n  - b\n  - c\n";
        assert_eq!(read_code(text, "yaml").blocks[1].text(text), "  - b\n  - c");
    }
}
