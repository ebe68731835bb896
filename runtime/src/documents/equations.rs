//! Displayed equations that an author marked in a text: `$$ .. $$` and `\[ .. \]`.
//!
//! The marks alone prove nothing: programs that write Markdown escape every bracket as `\[`, and `$$` stands for a
//! price. What stands between them must look like mathematics.

use super::block::{Block, BlockKind};

/// Opening marks and what closes them.
const MARKS: [(&str, &str); 2] = [("$$", "$$"), ("\\[", "\\]")];
/// Longest equation in bytes.
const BYTES_MAX: usize = 4096;
/// Blocks that the marks of one equation may enclose.
const BLOCKS_MAX: usize = 8;
/// Words in running letters that an equation may hold.
const WORDS_MAX: usize = 4;

/// Whether a document can hold displayed equations at all; cheap.
pub fn may_hold(text: &str) -> bool {
    MARKS.iter().any(|(open, _)| text.contains(open))
}

/// Whether `text` displays an equation.
pub fn displays(text: &str) -> bool {
    MARKS.iter().any(|(open, close)| {
        text.match_indices(open).any(|(at, _)| {
            let rest = &text[at + open.len()..];
            rest.find(close).is_some_and(|end| end <= BYTES_MAX && is_math(&rest[..end])) && !in_code(text, at)
        })
    })
}

/// Marks paragraphs that display an equation. One that Markdown took for several blocks, because a line in it begins
/// with a minus or is empty, becomes one.
pub fn mark(blocks: &mut Vec<Block>, text: &str) {
    let mut at = 0;
    while at < blocks.len() {
        let block = &blocks[at];
        if block.kind == BlockKind::Prose && !block.opening && block.text.is_none() {
            let source = &text[block.range.clone()];
            if displays(source) {
                blocks[at].kind = BlockKind::Equation;
            } else if opens(source)
                && let Some(last) = end_of(blocks, at, text)
            {
                let end = blocks[last].range.end;
                let block = &mut blocks[at];
                (block.kind, block.range.end) = (BlockKind::Equation, end);
                blocks.drain(at + 1..=last);
            }
        }
        at += 1;
    }
}

/// Whether a line of `text` begins an equation that does not end in it.
fn opens(text: &str) -> bool {
    MARKS.iter().any(|(open, close)| {
        text.rfind(open).is_some_and(|at| {
            let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
            let closed = match open == close {
                true => text.matches(open).count() % 2 == 0,
                false => text[at..].contains(close),
            };
            text[line..at].trim().is_empty() && !closed
        })
    })
}

/// The block in which the equation ends that begins in block `first`.
fn end_of(blocks: &[Block], first: usize, text: &str) -> Option<usize> {
    let start = blocks[first].range.start;
    (first + 1..blocks.len().min(first + BLOCKS_MAX)).find(|last| {
        let one_place = blocks[first..=*last]
            .iter()
            .all(|block| block.heading == blocks[first].heading && block.kind == BlockKind::Prose && !block.opening);
        one_place && displays(&text[start..blocks[*last].range.end])
    })
}

/// A relation, an exponent, an index or a command, and next to no words.
fn is_math(text: &str) -> bool {
    const RELATIONS: &str = "=<>^\u{2248}\u{2264}\u{2265}\u{2260}\u{221d}\u{2211}\u{222b}\u{220f}\u{221a}\u{2202}";
    let command = |(at, _): (usize, &str)| text[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic());
    // The index of a letter or two; a longer word with an underscore is a name.
    let index = |(at, _): (usize, &str)| {
        let before = text[..at].chars().rev().take_while(|c| c.is_alphanumeric()).count();
        (1..=2).contains(&before)
    };
    let marked = text.chars().any(|c| RELATIONS.contains(c))
        || text.match_indices('\\').any(command)
        || text.match_indices('_').any(index);
    let words = text
        .split_whitespace()
        .filter(|word| word.len() > 3 && word.trim_end_matches([',', '.']).chars().all(char::is_alphabetic));
    marked && words.count() <= WORDS_MAX
}

/// Whether a place stands between backticks.
fn in_code(text: &str, at: usize) -> bool {
    text[..at].matches('`').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_are_told_from_prices_and_escaped_brackets() {
        for text in ["$$E = mc^2$$", "So \\[ p = \\rho g h \\] holds.", "$$\n\\frac{a}{b}\n$$", "$$ F_d $$"] {
            assert!(displays(text), "{text}");
        }
        let none = [
            "It costs $5 and $6.",
            "From $$ to $$$ a night.",
            "See \\[1\\] and \\[Source: a guide in file_name\\].",
            "Write `$$E = mc^2$$` for it.",
            "$$ is not closed = here",
        ];
        for text in none {
            assert!(!displays(text), "{text}");
        }
    }
}
