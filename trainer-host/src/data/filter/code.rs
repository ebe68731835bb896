//! Source code in answers: a fenced block with the name of a language must parse in it.

use super::Finding;
use crate::data::ingest::{Language, parse};
use crate::data::row::Row;

/// Fewest marks of a fence.
const FENCE_MIN: usize = 3;

/// The first block of a row's answer that does not parse. Blocks without a name, or in a language without a
/// grammar here, pass.
pub fn unparsable(row: &Row) -> Option<Finding> {
    row.messages.as_ref()?;
    let (number, name, line) = blocks(row.answer()).into_iter().enumerate().find_map(|(index, (name, code))| {
        let code = if name.to_lowercase().starts_with("py") { typed(&code) } else { code };
        Some((index + 1, name, error_line(&code, language(name)?)?))
    })?;
    Some(Finding::new("code", format!("line {line} of code block {number} does not parse as {name}")))
}

/// Names and contents of fenced blocks: three or more backticks or tildes, closed by at least as many or by the end.
/// The name is the first word behind the fence: `rust,ignore` and `python title="a.py"` have one. Beyond CommonMark
/// a block may begin behind the words that announce it, as small models write.
fn blocks(text: &str) -> Vec<(&str, String)> {
    let mut blocks: Vec<(&str, String)> = Vec::new();
    let mut open: Option<(char, usize)> = None;
    for line in text.lines() {
        if let (Some((mark, count)), Some((_, code))) = (open, blocks.last_mut()) {
            let last = last_line(line, mark, count);
            code.push_str(last.unwrap_or(line));
            code.push('\n');
            open = open.filter(|_| last.is_none());
        } else if let Some((mark, count, rest)) = opening(line) {
            open = Some((mark, count));
            let end = rest.find(|character: char| character.is_whitespace() || ",{:".contains(character));
            blocks.push((&rest[..end.unwrap_or(rest.len())], String::new()));
        }
    }
    blocks
}

/// Mark and length of the fence that opens in a line, and what stands behind it.
fn opening(line: &str) -> Option<(char, usize, &str)> {
    let line = line.trim();
    let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~')).unwrap_or('`');
    let rest = line.trim_start_matches(mark);
    let count = line.len() - rest.len();
    if count >= FENCE_MIN && (mark == '~' || !rest.contains('`')) {
        return Some((mark, count, rest.trim()));
    }
    // Fences in pairs are a piece of code inside a sentence.
    let start = line.rfind("```").filter(|_| fences(line) % 2 == 1)?;
    let count = line[..start].bytes().rev().take_while(|byte| *byte == b'`').count() + FENCE_MIN;
    let rest = line[start + FENCE_MIN..].trim();
    (!rest.contains(char::is_whitespace)).then_some(('`', count, rest))
}

/// Runs of three or more backticks.
fn fences(line: &str) -> usize {
    line.split(|character| character != '`').filter(|run| run.len() >= FENCE_MIN).count()
}

/// What stands before the fence that closes a block in this line. A fence in a comment is part of the code.
fn last_line(line: &str, mark: char, count: usize) -> Option<&str> {
    let line = line.trim_end();
    let before = line.trim_end_matches(mark);
    let is_comment = ["//", "#", "*"].iter().any(|comment| before.trim_start().starts_with(comment));
    (line.len() - before.len() >= count && !is_comment).then_some(before)
}

/// What was typed in an interactive session of Python, each line where it stood; other code as it is.
fn typed(code: &str) -> String {
    if !code.lines().any(|line| line.trim_start().starts_with(">>>")) {
        return code.to_owned();
    }
    let line = |line: &str| {
        let line = line.trim_start();
        let typed = line.strip_prefix(">>>").or_else(|| line.strip_prefix("..."));
        typed.map(|typed| typed.strip_prefix(' ').unwrap_or(typed)).unwrap_or_default().to_owned() + "\n"
    };
    code.lines().map(line).collect()
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
    fn every_way_to_fence_and_name_a_block_is_known() {
        for opening in ["~~~rust", "```rust,ignore", "```rust title=\"a.rs\"", "````rust", "  ```rust"] {
            let closing = "````".replace('`', if opening.starts_with('~') { "~" } else { "`" });
            let found = detail(&format!("So:\n{opening}\nfn a( {{\n{closing}\nand on"));
            assert!(found.is_some_and(|found| found.ends_with("does not parse as rust")), "{opening}");
        }
        assert!(detail("```rust\nfn a( {").is_some());
        assert_eq!(detail("````markdown\n```rust\nfn a( {\n```\n````"), None);
        assert!(detail("It is this: ```rust\nfn a( {\n```").is_some());
        assert_eq!(detail("It is this: ```rust\nfn a() {}```\nand ```b( {``` is not."), None);
        assert_eq!(detail("```rust\n/// ```\n/// a( {\n/// ```\nfn a() {}\n```"), None);
        assert_eq!(detail("Write ```rust``` so, or ```fn a( {```."), None);
    }

    #[test]
    fn what_was_typed_in_a_session_is_checked_and_what_it_printed_is_not() {
        assert_eq!(detail("```python\n>>> for a in b:\n...     c(a)\n...\n1: no code\n>>> d\n<D at 0x1>\n```"), None);
        let broken = detail("```python\n>>> d\n<D at 0x1>\n>>> for a b:\n```").unwrap();
        assert_eq!(broken, "line 3 of code block 1 does not parse as python");
    }

    #[test]
    fn text_and_unknown_languages_pass() {
        assert_eq!(detail("No code at all."), None);
        assert_eq!(detail("```\nfn a( {\n```"), None);
        assert_eq!(detail("```cobol\nMOVE\n```"), None);
    }
}
