//! Where a table begins: the line that names its separator, rows with its title, the names of its columns.

use std::collections::HashSet;

use super::super::one_line;

/// Most rows above the names of the columns.
const TITLES_MAX: usize = 3;
/// Rows that are looked at to tell a title from the names of the columns.
pub const ROWS_SEEN: usize = 20;

/// The separator that the first line names (`sep=;`, as Excel writes and reads it), and the bytes of that line.
pub fn separator_line(text: &str) -> Option<(u8, usize)> {
    let mark = text.len() - text.trim_start_matches('\u{feff}').len();
    let line = text[mark..].split_inclusive('\n').next()?;
    let named = line.trim_end_matches(['\r', '\n']);
    let named = named.strip_prefix('"').and_then(|named| named.strip_suffix('"')).unwrap_or(named);
    match named.as_bytes() {
        [s, e, p, b'=', separator] if [s, e, p].map(u8::to_ascii_lowercase) == *b"sep" => {
            let sound = *separator == b'\t' || separator.is_ascii_punctuation() && *separator != b'"';
            sound.then_some((*separator, mark + line.len()))
        }
        _ => None,
    }
}

/// Number of rows above the names of the columns, where `rows` are the first ones of a table: rows with one filled
/// cell or none, of which one is filled, above a row that fills several with names and has records below it.
pub fn title_rows<S: AsRef<str>>(rows: &[Vec<S>]) -> usize {
    let filled = |row: &Vec<S>| row.iter().filter(|cell| !cell.as_ref().trim().is_empty()).count();
    let above = rows.iter().take_while(|row| filled(row) < 2).count();
    let named = |row: &Vec<S>| row.iter().all(|cell| is_name(cell.as_ref()));
    let sound = (1..=TITLES_MAX).contains(&above) && rows.len() > above + 1 && named(&rows[above]);
    if sound { above } else { 0 }
}

/// A number names no column, unless it is a year.
fn is_name(cell: &str) -> bool {
    let cell = cell.trim();
    let year = cell.len() == 4 && (cell.starts_with("19") || cell.starts_with("20"));
    year || cell.trim_end_matches('%').parse::<f64>().is_err()
}

/// Whether a first row of a single cell stands above a table although it has no separators as the other rows do
/// (`rows` are the first ones): several words over rows of one width. In running text commas have spaces behind them.
pub fn stands_alone_above(rows: &[Vec<String>]) -> bool {
    let Some((title, [names, records @ ..])) = rows.split_first() else { return false };
    let words = title.iter().flat_map(|cell| cell.split_whitespace()).count();
    let apart = names.iter().all(|name| !name.starts_with(' '));
    title.len() == 1
        && words > 1
        && names.len() > 1
        && apart
        && !records.is_empty()
        && records.iter().all(|row| row.len() == names.len())
}

/// Names of columns from their numbers (from 0) and cells: trimmed, numbered where they are empty or come twice.
pub fn column_names(cells: impl IntoIterator<Item = (usize, String)>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut known = HashSet::new();
    for (index, cell) in cells {
        let name = one_line(cell.trim_start_matches('\u{feff}'));
        let taken = name.is_empty() || known.contains(&name);
        let name =
            if taken { format!("{name}{}column_{}", if name.is_empty() { "" } else { "_" }, index + 1) } else { name };
        known.insert(name.clone());
        names.push(name);
    }
    names
}

/// What the report says of rows that were read as a title.
pub fn title_remark(titles: &[String], place: &str) -> super::Note {
    let titles = titles.iter().map(|title| format!("{title:?}")).collect::<Vec<_>>().join(" and ");
    let detail = format!("{titles} above the names of the columns was read as the title {place}");
    super::Note::remark("title_row", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Vec<String>> {
        text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
    }

    #[test]
    fn title_is_told_from_names_of_columns() {
        for (text, above) in [
            ("Report 2024,,\nname,qty,unit\nAxe,3,pc", 1),
            ("Report,,\n,,\nof May,,\nItem,2023,2024\nAxe,3,4", 3),
            ("name,qty\nAxe,\nSaw,2", 0),
            ("Item,,\nAxe,3,ok\nSaw,4,ok", 0),
            ("Report 2024,,\nname,qty,unit", 0),
            ("one\ntwo\nthree", 0),
            ("a,\nb,\nc,\nd,\ne,f\ng,h", 0),
        ] {
            assert_eq!(title_rows(&rows(text)), above, "{text}");
        }
        assert!(stands_alone_above(&rows("Report 2024\nname,qty\nAxe,3")));
        assert!(!stands_alone_above(&rows("Some text\nHello, world\nBye, all")));
        assert!(!stands_alone_above(&rows("text\nHello,world\nBye,all")));
        assert!(!stands_alone_above(&rows("Some text\nHello,world\nBye")));
    }

    #[test]
    fn separator_line_is_excels_and_nothing_else() {
        assert_eq!(separator_line("\u{feff}sep=;\r\na;b\n"), Some((b';', 10)));
        assert_eq!(separator_line("\"SEP=\t\"\na\tb"), Some((b'\t', 8)));
        for text in ["sep=,b\n1,2", "sep=a\n", "sep=\n", "name,sep=;\n", ""] {
            assert_eq!(separator_line(text), None, "{text}");
        }
    }
}
