//! Source code in answers: a fenced block with the name of a language must parse in it.

use super::Finding;
use crate::data::ingest::{Language, parse};
use crate::data::row::Row;

/// Mark of a fenced block.
const FENCE: &str = "```";

/// The first block of a row's answer that does not parse. Blocks without a name, or in a language without a
/// grammar here, pass.
pub fn unparsable(row: &Row) -> Option<Finding> {
    row.messages.as_ref()?;
    let (number, name, line) = blocks(row.answer())
        .enumerate()
        .find_map(|(index, (name, code))| Some((index + 1, name, error_line(code, language(name)?)?)))?;
    Some(Finding::new("code", format!("line {line} of code block {number} does not parse as {name}")))
}

/// Names and contents of fenced blocks.
fn blocks(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(FENCE).skip(1).step_by(2).filter_map(|block| {
        let (name, code) = block.split_once('\n')?;
        Some((name.trim(), code))
    })
}

fn language(name: &str) -> Option<Language> {
    let ending = match name.to_lowercase().as_str() {
        "rust" => "rs",
        "python" | "python3" => "py",
        "c++" => "cpp",
        "javascript" => "js",
        other => return Language::of_ending(other),
    };
    Language::of_ending(ending)
}

/// Line, from 1, of the first error; `None` where there is none or the grammar took too long to say.
fn error_line(code: &str, language: Language) -> Option<usize> {
    let tree = parse(code, language)?;
    if !tree.root_node().has_error() {
        return None;
    }
    let mut cursor = tree.walk();
    // Down into the first child that holds the error, to the innermost one.
    loop {
        let node = cursor.node();
        if node.is_error() || node.is_missing() || !cursor.goto_first_child() {
            return Some(node.start_position().row + 1);
        }
        while !cursor.node().has_error() && !cursor.node().is_missing() {
            if !cursor.goto_next_sibling() {
                return Some(cursor.node().start_position().row + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(answer: &str) -> Option<String> {
        unparsable(&Row::of_answer("code", "g", "How?", answer)).map(|found| found.detail)
    }

    #[test]
    fn block_that_does_not_parse_is_named_by_its_line() {
        assert_eq!(
            detail("So:\n```rust\nfn a() -> u8 {\n    1\n}\n```\nand\n```python\ndef f(x):\n    return x\n```"),
            None
        );
        let broken = detail("```rust\nfn a() {}\n```\n```python\ndef f(x):\n    return x\n\ndef g(:\n```").unwrap();
        assert_eq!(broken, "line 4 of code block 2 does not parse as python");
        assert!(detail("```c++\nint main( { return 0; }\n```").unwrap().contains("line 1"));
    }

    #[test]
    fn text_and_unknown_languages_pass() {
        assert_eq!(detail("No code at all."), None);
        assert_eq!(detail("```\nfn a( {\n```"), None);
        assert_eq!(detail("```cobol\nMOVE\n```"), None);
    }
}
