//! reStructuredText: blocks under their section titles.
//!
//! Sections follow the docutils rule: the order in which adornments first appear is their order of depth, and a
//! title with a line above it is another adornment than one without.

use std::ops::Range;
use std::sync::Arc;

use super::block::{Block, BlockKind, Chain, Cut, Reading, trimmed};

/// Directives whose content is code.
const CODE: &[&str] = &["code-block", "code", "sourcecode", "literalinclude", "highlight", "parsed-literal"];

/// Reads reStructuredText.
pub fn read(text: &str) -> Reading {
    let lines = lines_of(text);
    let mut reading = Reading::default();
    let mut chain = Chain::default();
    let mut heading: Arc<[String]> = Arc::from([]);
    let mut adornments: Vec<(u8, bool)> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = &text[lines[at].clone()];
        if line.trim().is_empty() {
            at += 1;
            continue;
        }
        if let Some((title, length, adornment)) = title(text, &lines, at) {
            let level = adornments.iter().position(|known| *known == adornment).unwrap_or_else(|| {
                adornments.push(adornment);
                adornments.len() - 1
            });
            chain.open(level, title);
            heading = chain.names();
            let range = lines[at].start..lines[at + length - 1].end;
            if let Some(range) = trimmed(text, range) {
                reading.blocks.push(Block { opening: true, ..Block::prose(range, &heading) });
            }
            at += length;
            continue;
        }
        let end = block_end(text, &lines, at);
        if let Some(range) = trimmed(text, lines[at].start..lines[end - 1].end) {
            // The indent of the first line belongs to literal text.
            let range = lines[at].start..range.end;
            let mut block = Block::prose(range, &heading);
            mark_kind(&mut block, line, text, at.checked_sub(2).map(|before| &text[lines[before].clone()]));
            reading.blocks.push(block);
        }
        at = end;
    }
    reading
}

fn lines_of(text: &str) -> Vec<Range<usize>> {
    let mut at = 0;
    let next = |line: &str| {
        at += line.len();
        at - line.len()..at
    };
    text.split_inclusive('\n').map(next).collect()
}

/// The character of a line that is nothing but one repeated punctuation character.
fn adornment(line: &str) -> Option<u8> {
    let line = line.trim_end();
    let first = *line.as_bytes().first()?;
    (first.is_ascii_punctuation() && line.len() >= 2 && line.bytes().all(|byte| byte == first)).then_some(first)
}

/// A title that begins at line `at`: its words, how many lines it takes, its adornment.
fn title<'a>(text: &'a str, lines: &[Range<usize>], at: usize) -> Option<(&'a str, usize, (u8, bool))> {
    let line = |index: usize| lines.get(index).map(|range| text[range.clone()].trim_end());
    let first = line(at)?;
    if let Some(over) = adornment(first) {
        let (words, under) = (line(at + 1)?, line(at + 2)?);
        let fits =
            adornment(under) == Some(over) && !words.trim().is_empty() && first.len() >= words.trim().chars().count();
        return fits.then_some((words.trim(), 3, (over, true)));
    }
    let under = line(at + 1)?;
    let fits = adornment(under).is_some() && !first.starts_with(' ') && under.chars().count() >= first.chars().count();
    fits.then(|| (first, 2, (under.as_bytes()[0], false)))
}

/// The line after the block that begins at line `at`: a paragraph ends at a blank line; a directive and literal
/// text also take the indented lines that follow.
fn block_end(text: &str, lines: &[Range<usize>], at: usize) -> usize {
    let line = |index: usize| &text[lines[index].clone()];
    let blank = |index: usize| line(index).trim().is_empty();
    let indented = |index: usize| line(index).starts_with([' ', '\t']);
    let mut end = at + 1;
    while end < lines.len() && !blank(end) {
        end += 1;
    }
    if line(at).starts_with(".. ") || indented(at) {
        let mut next = end;
        while next < lines.len() && (blank(next) || indented(next)) {
            next += 1;
            if !blank(next - 1) {
                end = next;
            }
        }
    }
    end
}

fn mark_kind(block: &mut Block, line: &str, text: &str, before: Option<&str>) {
    let directive = line.trim_start().strip_prefix(".. ").and_then(|rest| rest.split_once("::"));
    if let Some((name, argument)) = directive {
        if CODE.contains(&name) {
            block.kind = BlockKind::Code;
            block.cut = Cut::Lines;
            block.language = Some(argument.trim().to_owned()).filter(|name| !name.is_empty());
        } else if name == "math" {
            block.kind = BlockKind::Equation;
        } else if name.ends_with("table") {
            block.kind = BlockKind::Table;
            block.cut = Cut::Lines;
        }
    } else if line.starts_with([' ', '\t']) && before.is_some_and(|before| before.trim_end().ends_with("::")) {
        block.kind = BlockKind::Code;
        block.cut = Cut::Lines;
    } else if line.starts_with("+-") || adornment(line.replace(' ', "").as_str()) == Some(b'=') {
        block.kind = BlockKind::Table;
        block.cut = Cut::Lines;
        let source = &text[block.range.clone()];
        block.repeat = Some(source.lines().take(3).collect::<Vec<_>>().join("\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_nest_in_the_order_of_their_adornments() {
        let text = "=====\nPumps\n=====\n\nA pump moves water.\n\nPriming\n-------\n\nOpen the valve.\n\nHose\n====\n\nRoll it.\n";
        let reading = read(text);
        let seen: Vec<_> = reading.blocks.iter().map(|b| (b.heading.join(" > "), b.text(text))).collect();
        assert_eq!(seen[1], ("Pumps".to_owned(), "A pump moves water."));
        assert_eq!(seen[3], ("Pumps > Priming".to_owned(), "Open the valve."));
        // A title with a line above is another adornment than one without, so this one is deeper still.
        assert_eq!(seen[5].0, "Pumps > Priming > Hose");
    }

    #[test]
    fn code_directive_takes_its_indented_lines() {
        let text = "Run::\n\n    make\n\n    make test\n\n.. code-block:: python\n   :linenos:\n\n   x = 1\n\n   y = 2\n\nDone.\n";
        let reading = read(text);
        let kinds: Vec<_> = reading.blocks.iter().map(|block| block.kind).collect();
        assert_eq!(kinds, [BlockKind::Prose, BlockKind::Code, BlockKind::Code, BlockKind::Prose]);
        assert_eq!(reading.blocks[1].text(text), "    make\n\n    make test");
        assert_eq!(reading.blocks[2].language.as_deref(), Some("python"));
    }

    #[test]
    fn math_and_tables_are_known() {
        let text = ".. math::\n\n   E = m c^2\n\n=====  =====\nGas    IDLH\n=====  =====\nA      1\n=====  =====\n";
        let reading = read(text);
        let kinds: Vec<_> = reading.blocks.iter().map(|block| block.kind).collect();
        assert_eq!(kinds, [BlockKind::Equation, BlockKind::Table]);
    }
}
