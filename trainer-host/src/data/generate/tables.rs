//! Records of the tables inside texts, as Markdown (`| a | b |`) and HTML (`a | b`) bring them.
//!
//! In Markdown, a line of dashes says which row is the head. HTML has lost that: the first row is taken for it where it
//! reads like one.

use std::collections::BTreeMap;

use super::marks::without_marks;
use super::sink::Left;
use crate::data::chunk::{Chunk, ChunkKind};
use crate::data::ingest::schema::Fields;

/// Longest name of a column in words, where nothing but its place says that it is one.
const HEAD_WORDS_MAX: usize = 5;

/// Records of one file under one head, each with the chunk it stands in.
pub type Rows<'a> = Vec<(Fields, &'a Chunk)>;

/// Records by path and head; a table that is larger than a chunk has its head in each. `left` gets rows that do not
/// fit their head.
pub fn records<'a>(chunks: &'a [Chunk], left: &mut Vec<Left>) -> BTreeMap<(&'a str, Vec<String>), Rows<'a>> {
    let mut all: BTreeMap<(&str, Vec<String>), Rows<'_>> = BTreeMap::new();
    // A table stands in one chunk with the text around it, of whichever kind.
    for chunk in chunks.iter().filter(|chunk| chunk.kind != ChunkKind::Code && chunk.fields.is_empty()) {
        for table in tables(&chunk.text) {
            let Some((head, rows)) = with_head(table) else { continue };
            for row in rows {
                if row.len() == head.len() {
                    let fields = head.iter().cloned().zip(row).collect();
                    all.entry((&chunk.path, head.clone())).or_default().push((fields, chunk));
                } else {
                    let detail = format!("a row has {} cells and its head {}", row.len(), head.len());
                    left.push(Left { content: Some(row.join(" | ")), ..Left::of(chunk, "ragged", detail) });
                }
            }
        }
    }
    all
}

/// Runs of lines with cells.
fn tables(text: &str) -> Vec<Vec<Vec<String>>> {
    let mut all: Vec<Vec<Vec<String>>> = vec![Vec::new()];
    for line in text.lines() {
        match (cells(line), all.last_mut()) {
            (Some(row), Some(table)) => table.push(row),
            _ => all.push(Vec::new()),
        }
    }
    all.retain(|table| table.len() > 1);
    all
}

/// The cells of a line; a mark behind a backslash is one of the text.
fn cells(line: &str) -> Option<Vec<String>> {
    if !line.contains('|') {
        return None;
    }
    let line = line.trim_end();
    let framed = line.trim_start().starts_with('|') && line.ends_with('|') && !line.ends_with("\\|");
    let line = if framed { line.trim_start().trim_start_matches('|').strip_suffix('|')? } else { line };
    let mut row = vec![String::new()];
    let mut escaped = false;
    for character in line.chars() {
        match (row.last_mut(), character) {
            (_, '|') if !escaped => row.push(String::new()),
            (Some(cell), _) => {
                if escaped && character != '|' {
                    cell.push('\\');
                }
                if character != '\\' {
                    cell.push(character);
                }
            }
            _ => {}
        }
        escaped = character == '\\' && !escaped;
    }
    let cell = |text: &String| crate::one_line(&without_marks(text.trim()));
    (row.len() > 1 || framed).then(|| row.iter().map(cell).collect())
}

/// The head of a table and its records.
fn with_head(mut table: Vec<Vec<String>>) -> Option<(Vec<String>, Vec<Vec<String>>)> {
    let dashes = |cell: &String| cell.contains('-') && cell.chars().all(|c| matches!(c, '-' | ':'));
    let marked = table.get(1).is_some_and(|row| row.iter().all(dashes));
    let head = table.remove(0);
    if marked {
        table.remove(0);
    }
    let mut names: Vec<&String> = head.iter().collect();
    names.sort();
    let distinct = names.windows(2).all(|pair| pair[0] != pair[1]);
    let named = distinct && head.iter().all(|name| name.contains(char::is_alphabetic));
    (named && (marked || reads_like_a_head(&head, &table))).then_some((head, table))
}

/// Whether the first row names columns. A table of two columns may as well hold a property a row ("Color | red"):
/// there, only numbers under a word tell.
fn reads_like_a_head(head: &[String], rows: &[Vec<String>]) -> bool {
    let number = |cell: &str| cell.starts_with(|c: char| c.is_ascii_digit());
    let names = head.iter().all(|name| !number(name) && name.split_whitespace().count() <= HEAD_WORDS_MAX);
    let numbers = || rows.iter().all(|row| row.last().is_some_and(|cell| number(cell)));
    names && (head.len() > 2 || rows.len() > 1 && numbers())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Fields>, Vec<Left>) {
        let mut left = Vec::new();
        let chunks = [Chunk::paragraph(text, "Gases")];
        let all = records(&chunks, &mut left).into_values().flatten().map(|(fields, _)| fields).collect();
        let code = [Chunk { kind: ChunkKind::Code, ..Chunk::paragraph(text, "") }];
        assert!(records(&code, &mut left).is_empty());
        (all, left)
    }

    fn row(cells: &[(&str, &str)]) -> Fields {
        cells.iter().map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned())).collect()
    }

    #[test]
    fn rows_of_markdown_and_html_are_records_under_their_head() {
        let expected = [row(&[("Gas", "Ammonia"), ("IDLH", "300 ppm")]), row(&[("Gas", "A|B"), ("IDLH", "10 ppm")])];
        let markdown =
            "## Gases\n\n| **Gas** | IDLH |\n|:--|--:|\n| Ammonia | 300 ppm |\n| A\\|B | `10 ppm` |\n\nMore | less.";
        assert_eq!(read(markdown).0, expected);
        assert_eq!(read("Gases\n\nGas | IDLH\nAmmonia | 300 ppm\nA\\|B | 10 ppm\n\nBy hand.").0, expected);
    }

    #[test]
    fn a_table_of_properties_without_a_head_is_none() {
        assert!(read("Name | Ammonia\nColor | none\nIDLH | 300 ppm").0.is_empty());
        assert!(read("1 | 2 | 3\n4 | 5 | 6").0.is_empty());
    }

    #[test]
    fn rows_that_do_not_fit_their_head_are_left_with_the_reason() {
        let (all, left) = read("| Gas | IDLH |\n|---|---|\n| Ammonia |\n| Chlorine | 10 ppm |");
        assert_eq!(all, [row(&[("Gas", "Chlorine"), ("IDLH", "10 ppm")])]);
        assert_eq!((left[0].reason, left[0].content.as_deref()), ("ragged", Some("Ammonia")));
    }
}
