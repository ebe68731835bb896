//! Cutting a document into passages: blocks under one heading and on one page join up to a size, a block that is
//! larger is cut at line or sentence ends, never inside a character.
//!
//! A passage is a range of the document's text, which is the decoded file where its blocks are pieces of it, and
//! otherwise (HTML, tables, PDF, repaired text) the texts of the blocks one after the other.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::documents::block::{Block, BlockKind, Cut};

/// A passage joins blocks until it has this many bytes.
const PASSAGE_BYTES: usize = 500;

/// A single block longer than this is cut.
const BLOCK_BYTES_MAX: usize = 1000;

/// Between blocks whose texts were put one after the other.
const BETWEEN_BLOCKS: &str = "\n\n";

/// A passage as a range of the document's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Headings above it, outermost first, joined by ` > `.
    pub heading: String,
    /// Page, where the document has pages, from 1.
    pub page: Option<u32>,
    /// Its bytes, at character boundaries.
    pub bytes: Range<usize>,
}

/// The text of a document and its blocks as ranges of it.
pub fn laid_out<'a>(text: &'a str, mut blocks: Vec<Block>) -> (Cow<'a, str>, Vec<Block>) {
    let in_order = blocks.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start);
    if in_order && blocks.iter().all(|block| block.text.is_none()) {
        return (Cow::Borrowed(text), blocks);
    }
    let mut laid = String::new();
    for block in &mut blocks {
        if !laid.is_empty() {
            laid.push_str(BETWEEN_BLOCKS);
        }
        let start = laid.len();
        laid.push_str(block.text(text));
        block.range = start..laid.len();
        block.text = None;
    }
    (Cow::Owned(laid), blocks)
}

/// Cuts the blocks of `text` into passages. Every character of a block that is not white space is in exactly one
/// passage, in order; only headings that stand above a passage are in none, since each passage carries them.
pub fn cut(text: &str, blocks: &[Block]) -> Vec<Piece> {
    let mut cutter = Cutter { text, pieces: Vec::new(), open: None };
    for (index, block) in blocks.iter().enumerate() {
        if is_heading(block) && blocks.get(index + 1).is_some_and(|next| stands_under(next, block)) {
            cutter.close();
        } else {
            cutter.add(block);
        }
    }
    cutter.close();
    cutter.pieces
}

/// Openings of code are text; those of prose are headings.
fn is_heading(block: &Block) -> bool {
    block.opening && block.kind == BlockKind::Prose
}

fn stands_under(block: &Block, heading: &Block) -> bool {
    block.heading.starts_with(&heading.heading)
}

struct Cutter<'a> {
    text: &'a str,
    pieces: Vec<Piece>,
    open: Option<Open>,
}

/// A passage that may grow.
struct Open {
    heading: Arc<[String]>,
    page: Option<u32>,
    bytes: Range<usize>,
}

impl Cutter<'_> {
    fn add(&mut self, block: &Block) {
        if let Some(open) = &mut self.open {
            let together = open.heading == block.heading && open.page == block.page;
            if together && !block.alone && block.range.end - open.bytes.start <= PASSAGE_BYTES {
                open.bytes.end = block.range.end;
                return;
            }
            self.close();
        }
        let whole = Open { heading: Arc::clone(&block.heading), page: block.page, bytes: block.range.clone() };
        if block.range.len() <= BLOCK_BYTES_MAX {
            self.open = Some(whole);
            if block.alone {
                self.close();
            }
            return;
        }
        let mut from = block.range.start;
        while from < block.range.end {
            let to = cut_point(self.text, from..block.range.end, block.cut);
            self.push(&block.heading, block.page, from..to);
            from = to;
        }
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.push(&open.heading, open.page, open.bytes);
        }
    }

    fn push(&mut self, heading: &[String], page: Option<u32>, bytes: Range<usize>) {
        let piece = &self.text[bytes.clone()];
        let start = bytes.start + (piece.len() - piece.trim_start().len());
        let end = bytes.start + piece.trim_end().len();
        if start < end {
            self.pieces.push(Piece { heading: heading.join(" > "), page, bytes: start..end });
        }
    }
}

/// Where to end a piece of a long block: the last sentence or line end or space within the limit, else the last
/// character that fits.
fn cut_point(text: &str, range: Range<usize>, cut: Cut) -> usize {
    if range.len() <= BLOCK_BYTES_MAX {
        return range.end;
    }
    let mut limit = range.start + BLOCK_BYTES_MAX;
    while !text.is_char_boundary(limit) {
        limit -= 1;
    }
    let window = &text[range.start..limit];
    let after = |mark: &str| window.rfind(mark).map(|at| range.start + at + mark.len());
    let line = || after("\n");
    let sentence = || [". ", ".\n", "! ", "? "].into_iter().filter_map(after).max();
    let found = match cut {
        Cut::Lines => line().or_else(sentence),
        Cut::Sentences => sentence().or_else(line),
    };
    found.or_else(|| after(" ")).filter(|point| *point > range.start).unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::{markdown, plain};

    fn pieces(text: &str) -> Vec<(String, String)> {
        let (laid, blocks) = laid_out(text, markdown::read(text, false).blocks);
        cut(&laid, &blocks).into_iter().map(|piece| (piece.heading, laid[piece.bytes].to_owned())).collect()
    }

    #[test]
    fn passages_carry_the_headings_above_them() {
        let text = "Preface.\n# Hazmat\nStay back.\n## Chlorine ##\n150 feet.\n\n# Fire\nRun.\n";
        let expected =
            [("", "Preface."), ("Hazmat", "Stay back."), ("Hazmat > Chlorine", "150 feet."), ("Fire", "Run.")];
        assert_eq!(pieces(text), expected.map(|(heading, text)| (heading.to_owned(), text.to_owned())));
    }

    #[test]
    fn hash_signs_in_code_and_in_words_are_no_headings() {
        let text = "# Radio\n```\n# not a heading\n```\n#hashtag\n";
        assert_eq!(pieces(text), [("Radio".to_owned(), "```\n# not a heading\n```\n#hashtag".to_owned())]);
    }

    #[test]
    fn short_blocks_join_and_long_ones_are_cut() {
        let short = "One two three.\n\nFour five six.\n";
        assert_eq!(pieces(short).len(), 1);
        let long = "A sentence of words. ".repeat(200);
        let cuts = pieces(&long);
        assert!(cuts.len() >= 4);
        assert!(cuts.iter().all(|(_, text)| text.len() <= BLOCK_BYTES_MAX && text.ends_with('.')));
    }

    #[test]
    fn heading_with_nothing_under_it_is_a_passage_so_that_it_is_found() {
        let expected = [("Call 911", "# Call 911"), ("Fire", "Run.")];
        let expected = expected.map(|(heading, text)| (heading.to_owned(), text.to_owned()));
        assert_eq!(pieces("# Call 911\n# Fire\nRun.\n"), expected);
        assert_eq!(pieces("# Only a heading\n").len(), 1);
    }

    #[test]
    fn every_word_lands_in_exactly_one_passage_whatever_the_bytes() {
        let mut text = String::from("intro \u{1f525}\r\n\r\n");
        for number in 0..400 {
            text.push_str(&format!("w{number}\u{4e2d}\u{6587}"));
            text.push_str(["", " ", "\n", "\r\n\r\n"][number % 4]);
        }
        text.push_str(&"\u{1f525}".repeat(900));
        let (laid, blocks) = laid_out(&text, plain::read(&text, false).blocks);
        let (mut end, mut kept) = (0, String::new());
        for piece in cut(&laid, &blocks) {
            assert!(piece.bytes.start >= end && piece.bytes.end > piece.bytes.start);
            end = piece.bytes.end;
            kept.push_str(&laid[piece.bytes]);
        }
        let squeeze = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(squeeze(&kept), squeeze(&text));
    }

    #[test]
    fn empty_text_has_no_passages() {
        assert!(pieces("").is_empty());
        assert!(pieces(" \n\r\n\t").is_empty());
    }
}
