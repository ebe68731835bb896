//! CSV and TSV: a record each, found by the quoting rules of RFC 4180 as the `csv` crate reads them.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use csv::{ByteRecord, ReaderBuilder};

use super::block::Note;
use super::records::Records;

/// Separators that are tried, in the order in which ties are decided.
const SEPARATORS: [u8; 4] = [b',', b'\t', b';', b'|'];
/// Lines that are looked at to find the separator.
const SAMPLE_LINES: usize = 20;

/// Head of a table, kept for the pieces of a file that come after the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The separator.
    pub separator: u8,
}

/// The separator that cuts the first lines into the most columns, the same in each line.
pub fn separator(text: &str) -> u8 {
    let columns = |separator: u8| {
        let mut reader =
            ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(text.as_bytes());
        let mut record = ByteRecord::new();
        let mut widths = Vec::new();
        while widths.len() < SAMPLE_LINES && reader.read_byte_record(&mut record).unwrap_or(false) {
            widths.push(record.len());
        }
        let first = widths.first().copied().unwrap_or(1);
        let same = widths.iter().filter(|width| **width == first).count();
        if first < 2 { 0 } else { same * 1000 / widths.len().max(1) * 100 + first.min(99) }
    };
    let best = SEPARATORS.into_iter().rev().max_by_key(|separator| columns(*separator));
    best.filter(|separator| columns(*separator) > 0).unwrap_or(b',')
}

/// Reads the records of `text`. The first record names the columns, unless `head` does. Returns the head.
pub fn read(
    text: &str,
    separator: u8,
    head: Option<&Head>,
    first_line: u64,
    records: &mut Records<'_>,
) -> Option<Head> {
    let nothing: Arc<[String]> = Arc::from([]);
    let mut head = head.cloned();
    let mut ragged = 0;
    for (fields, range, line) in raw(text, separator) {
        let Some(head) = &head else {
            head = Some(Head { columns: column_names(fields), separator });
            continue;
        };
        ragged += usize::from(fields.len() != head.columns.len());
        let cells = fields.into_iter().enumerate().map(|(index, cell)| {
            let name = head.columns.get(index).cloned().unwrap_or_else(|| format!("column_{}", index + 1));
            (name, cell)
        });
        let line = first_line + line - 1;
        records.add(range, &nothing, cells.collect(), &|| format!("the record at line {line}"));
    }
    if ragged > 0 {
        let detail = format!("{ragged} records have more or fewer cells than the head; cells beyond it are `column_N`");
        records.note(Note::remark("ragged", detail));
    }
    head
}

/// Records with their bytes and first line (from 1).
fn raw(text: &str, separator: u8) -> impl Iterator<Item = (Vec<String>, Range<usize>, u64)> {
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

/// Names of columns: trimmed, numbered where they are empty or come twice.
fn column_names(cells: Vec<String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut known = HashSet::new();
    for (index, cell) in cells.into_iter().enumerate() {
        let name = super::one_line(cell.trim_start_matches('\u{feff}'));
        let taken = name.is_empty() || known.contains(&name);
        let name =
            if taken { format!("{name}{}column_{}", if name.is_empty() { "" } else { "_" }, index + 1) } else { name };
        known.insert(name.clone());
        names.push(name);
    }
    names
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
    }

    #[test]
    fn piece_ends_at_a_whole_record() {
        let end = last_record_end(TEXT, b',').unwrap();
        assert_eq!(&TEXT[end..], "long,1,2\n");
        assert_eq!(last_record_end("\"never closed", b','), None);
    }
}
