//! CSV and TSV: a record each, found by the quoting rules of RFC 4180 as the `csv` crate reads them.

use std::ops::Range;
use std::sync::Arc;

use csv::{ByteRecord, ReaderBuilder};

use super::block::Note;
use super::records::Records;
use head::{ROWS_SEEN, separator_line, stands_alone_above};
pub(super) use head::{column_names, title_remark, title_rows};

mod head;

/// Separators that are tried, in the order in which ties are decided.
const SEPARATORS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// Head of a table, kept for the pieces of a file that come after the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The separator.
    pub separator: u8,
    /// Title of the table, from rows above the names; empty where it has none.
    pub titles: Vec<String>,
}

/// The separator that the first line names, or else the one that cuts the first lines into the most columns, the
/// same in each line.
pub fn separator(text: &str) -> u8 {
    if let Some((separator, _)) = separator_line(text) {
        return separator;
    }
    let columns = |separator: u8| {
        let mut reader =
            ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(text.as_bytes());
        let mut record = ByteRecord::new();
        let mut widths = Vec::new();
        while widths.len() < ROWS_SEEN && reader.read_byte_record(&mut record).unwrap_or(false) {
            widths.push(record.len());
        }
        // A title has no separators; the rows below it are all alike.
        if let [1, names, _, ..] = widths[..]
            && names > 1
            && widths[1..].iter().all(|width| *width == names)
        {
            widths.remove(0);
        }
        let first = widths.first().copied().unwrap_or(1);
        let same = widths.iter().filter(|width| **width == first).count();
        if first < 2 { 0 } else { same * 1000 / widths.len().max(1) * 100 + first.min(99) }
    };
    let best = SEPARATORS.into_iter().rev().max_by_key(|separator| columns(*separator));
    best.filter(|separator| columns(*separator) > 0).unwrap_or(b',')
}

/// Reads the records of `text`. The first record names the columns, unless `head` does; what stands above it is the
/// title, the heading of all records. Returns the head.
pub fn read(
    text: &str,
    separator: u8,
    head: Option<&Head>,
    first_line: u64,
    records: &mut Records<'_>,
) -> Option<Head> {
    let (separator, start) = match head {
        Some(head) => (head.separator, 0),
        None => separator_line(text).unwrap_or((separator, 0)),
    };
    let first_line = first_line + u64::from(start > 0);
    let mut rows = raw(&text[start..], separator);
    let (head, first) = match head {
        Some(head) => (head.clone(), Vec::new()),
        None => {
            let (head, first) = begin(rows.by_ref().take(ROWS_SEEN).collect(), separator)?;
            if !head.titles.is_empty() {
                records.note(title_remark(&head.titles, "of the table"));
            }
            (head, first)
        }
    };
    let heading: Arc<[String]> = head.titles.iter().cloned().collect();
    let mut ragged = 0;
    for (fields, range, line) in first.into_iter().chain(rows) {
        ragged += usize::from(fields.len() != head.columns.len());
        let cells = fields.into_iter().enumerate().map(|(index, cell)| {
            let name = head.columns.get(index).cloned().unwrap_or_else(|| format!("column_{}", index + 1));
            (name, cell)
        });
        let line = first_line + line - 1;
        let range = start + range.start..start + range.end;
        records.add(range, &heading, cells.collect(), &|| format!("the record at line {line}"));
    }
    if ragged > 0 {
        let detail = format!("{ragged} records have more or fewer cells than the head; cells beyond it are `column_N`");
        records.note(Note::remark("ragged", detail));
    }
    Some(head)
}

/// The head of the table that begins with `text`.
pub fn head(text: &str, separator: u8) -> Option<Head> {
    let (separator, start) = separator_line(text).unwrap_or((separator, 0));
    begin(raw(&text[start..], separator).take(ROWS_SEEN).collect(), separator).map(|(head, _)| head)
}

/// The head and the first records from the first rows of a table; `None` where it has none.
fn begin(mut rows: Vec<Row>, separator: u8) -> Option<(Head, Vec<Row>)> {
    let cells: Vec<Vec<String>> = rows.iter().map(|(cells, ..)| cells.clone()).collect();
    let ragged = cells.first().is_some_and(|row| row.len() == 1) && !stands_alone_above(&cells);
    let above = if ragged { 0 } else { title_rows(&cells) };
    let titles = cells[..above].iter().flatten().map(|cell| super::one_line(cell.trim_start_matches('\u{feff}')));
    let titles = titles.filter(|title| !title.is_empty()).collect();
    let records = rows.split_off((above + 1).min(rows.len()));
    let (names, ..) = rows.pop()?;
    let columns = column_names(names.into_iter().enumerate());
    Some((Head { columns, separator, titles }, records))
}

/// Cells of a record, its bytes and its first line (from 1).
type Row = (Vec<String>, Range<usize>, u64);

fn raw(text: &str, separator: u8) -> impl Iterator<Item = Row> {
    let mut reader =
        ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut record = ByteRecord::new();
    std::iter::from_fn(move || {
        let (start, line) = (reader.position().byte() as usize, reader.position().line());
        // Reading from memory cannot fail, and byte records take any bytes.
        if !reader.read_byte_record(&mut record).unwrap_or(false) {
            return None;
        }
        let end = reader.position().byte() as usize;
        let fields = record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
        // Empty lines before a record belong to no record.
        let blank = text[start..end].bytes().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        let lines = text[start..start + blank].bytes().filter(|byte| *byte == b'\n').count() as u64;
        let body = text[start + blank..end].trim_end_matches(['\n', '\r']).len();
        Some((fields, start + blank..start + blank + body, line + lines))
    })
}

/// The end of the last whole record of `text`, which goes on after it; `None` where no record ends.
pub fn last_record_end(text: &str, separator: u8) -> Option<usize> {
    let mut ends = raw(text, separator).map(|(_, range, _)| range.end).collect::<Vec<_>>();
    // The last one may go on.
    ends.pop();
    let end = ends.pop()?;
    let line_end = text[end..].find('\n').map_or(text.len(), |at| end + at + 1);
    Some(line_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name,class\nAcetone,3\n\n\"Acid,\nglacial; \n\",8\nshort\nlong,1,2\n";

    #[test]
    fn records_keep_their_bytes_through_line_breaks_in_cells() {
        let mut records = Records::new(None, true);
        read(TEXT, b',', None, 1, &mut records);
        let reading = records.finish();
        let seen: Vec<_> = reading.blocks.iter().map(|block| (&TEXT[block.range.clone()], block.text(TEXT))).collect();
        assert_eq!(seen[0], ("Acetone,3", "name: Acetone\nclass: 3"));
        assert_eq!(seen[1], ("\"Acid,\nglacial; \n\",8", "name: Acid, glacial;\nclass: 8"));
        assert_eq!(seen[3].1, "name: long\nclass: 1\ncolumn_3: 2");
        let reasons: Vec<_> = reading.notes.iter().map(|note| note.reason).collect();
        assert_eq!(reasons, ["ragged", "cells"]);
    }

    #[test]
    fn separator_is_found() {
        assert_eq!(separator("a;b;c\n1,5;2;3\n"), b';');
        assert_eq!(separator("a\tb\n1\t2\n"), b'\t');
        assert_eq!(separator("one\ntwo\n"), b',');
        assert_eq!(separator("Report 2024\nname;load, in kg\nAxe;3\n"), b';');
        assert_eq!(separator("sep=|\na;b|c\n1;2|3\n"), b'|');
    }

    #[test]
    fn separator_line_is_no_record_and_the_title_is_a_heading() {
        for (text, titles) in [
            ("sep=;\r\nname;qty\r\nAxe;3\r\n", &[][..]),
            ("sep=;\nReport 2024;\nname;qty\nAxe;3\n", &["Report 2024".to_owned()]),
            ("Report 2024\nname;qty\nAxe;3\n", &["Report 2024".to_owned()]),
        ] {
            let mut records = Records::new(None, true);
            let head = read(text, b';', None, 1, &mut records);
            let reading = records.finish();
            let [block] = &reading.blocks[..] else { panic!("{text}: {:?}", reading.blocks) };
            assert_eq!((block.text(text), &*block.heading), ("name: Axe\nqty: 3", titles), "{text}");
            assert_eq!(&text[block.range.clone()], "Axe;3");
            assert_eq!(reading.notes.len(), titles.len(), "{:?}", reading.notes);
            assert_eq!(super::head(text, b';'), head);
        }
    }

    #[test]
    fn later_piece_of_a_table_goes_by_the_head_of_the_first() {
        let head = head("sep=;\nReport 2024;\nname;qty\nAxe;3\n", b'\t').unwrap();
        let mut records = Records::new(None, true);
        read("Saw;\nHose;2\nPump;3\n", b'\t', Some(&head), 5, &mut records);
        let reading = records.finish();
        assert_eq!((reading.blocks.len(), reading.notes.len()), (3, 0));
        assert_eq!(
            (&reading.blocks[0].fields[0].1, &*reading.blocks[0].heading),
            (&"Saw".to_owned(), &head.titles[..])
        );
    }

    #[test]
    fn piece_ends_at_a_whole_record() {
        let end = last_record_end(TEXT, b',').unwrap();
        assert_eq!(&TEXT[end..], "long,1,2\n");
        assert_eq!(last_record_end("\"never closed", b','), None);
    }
}
