//! XLSX workbooks: a record each row, under the name of its sheet.
//!
//! A workbook is a ZIP archive, and small archives can hold endless zeros. Everything is unpacked once into
//! nothing and counted before anything is read, and cells are taken one by one: a sheet that claims to be a
//! million columns wide costs nothing.

use std::io::Cursor;

use calamine::{Data, DataRef, ExcelDateTime, Reader as _, Xlsx};

use super::block::Note;
use super::format::Unread;
use super::records::Records;
use sheet::Sheet;

mod archive;
mod sheet;

/// Reads all sheets; returns the text of the rows, over which the blocks' ranges go.
///
/// # Errors
/// A damaged or encrypted workbook, or one that unpacks to too much.
pub fn read(bytes: &[u8], records: &mut Records<'_>) -> Result<String, Unread> {
    let comments = archive::check(bytes)?;
    let broken = |error: calamine::XlsxError| Unread {
        reason: if matches!(error, calamine::XlsxError::Password) { "encrypted" } else { "broken" },
        detail: format!("not a sound workbook: {}", super::one_line(&error.to_string())),
    };
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(broken)?;
    let mut text = String::new();
    for sheet in book.sheet_names() {
        let mut rows = match book.worksheet_cells_reader(&sheet) {
            Ok(rows) => rows,
            Err(error) => {
                let detail = format!("sheet {sheet:?} cannot be read: {}", super::one_line(&error.to_string()));
                records.note(Note::part("broken", detail));
                continue;
            }
        };
        let mut table = Sheet::new(&sheet);
        let mut row: Option<(u32, Vec<(u32, String)>)> = None;
        // Cells whose formula has no result in the file: their number, and the first.
        let mut open_formulas: Option<(usize, (u32, u32))> = None;
        loop {
            let next = match rows.next_cell_with_formula_metadata() {
                Ok(next) => next.map(|cell| {
                    if cell.formula.is_some() && matches!(cell.value, DataRef::Empty) {
                        open_formulas.get_or_insert((0, cell.pos)).0 += 1;
                    }
                    (cell.pos, cell_text(&cell.value))
                }),
                Err(error) => {
                    let detail = format!("sheet {sheet:?} breaks off: {}", super::one_line(&error.to_string()));
                    records.note(Note::part("broken", detail));
                    None
                }
            };
            let ended =
                next.as_ref().is_none_or(|((number, _), _)| row.as_ref().is_some_and(|(open, _)| open != number));
            if ended && let Some((number, cells)) = row.take() {
                table.add(number, cells, &mut text, records);
            }
            let Some(((number, column), cell)) = next else { break };
            if !cell.trim().is_empty() {
                row.get_or_insert_with(|| (number, Vec::new())).1.push((column, cell));
            }
        }
        table.end(records);
        if let Some((count, (row, column))) = open_formulas {
            let detail = format!(
                "{count} formulas of sheet {sheet:?} have no result in the file, the first in row {} column {}; \
                 open it in a spreadsheet program and save it",
                row + 1,
                column + 1
            );
            records.note(Note::part("no_result", detail));
        }
    }
    if comments > 0 {
        let detail = format!("{comments} comments on cells were left out; write into a column what is to be read");
        records.note(Note::part("comments", detail));
    }
    Ok(text)
}

fn cell_text(cell: &DataRef<'_>) -> String {
    match cell {
        DataRef::Empty => String::new(),
        DataRef::DateTime(moment) => iso_8601(moment),
        other => Data::from(other.clone()).to_string(),
    }
}

/// A date, a time, both, or a duration, as ISO 8601 writes it. A workbook holds days since its epoch; a number below
/// one is a time of no day.
fn iso_8601(moment: &ExcelDateTime) -> String {
    let days = moment.as_f64();
    let fraction = |milliseconds: u64| match milliseconds {
        0 => String::new(),
        _ => format!(".{milliseconds:03}"),
    };
    if moment.is_duration() {
        let total = (days.abs() * 86_400_000.0).round() as u64;
        let (hours, minutes, seconds) = (total / 3_600_000, total / 60_000 % 60, total / 1000 % 60);
        let sign = if days < 0.0 { "-" } else { "" };
        return format!("{sign}PT{hours}H{minutes}M{seconds}{}S", fraction(total % 1000));
    }
    let (year, month, day, hour, minute, second, millisecond) = moment.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    let time = format!("{hour:02}:{minute:02}:{second:02}{}", fraction(u64::from(millisecond)));
    if (0.0..1.0).contains(&days) {
        time
    } else if (hour, minute, second, millisecond) == (0, 0, 0, 0) {
        date
    } else {
        format!("{date}T{time}")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// A workbook of one sheet with these rows, whose cell styles 1 to 4 are date, date and time, time, hours; and
    /// two comments on cells that no sheet refers to.
    fn workbook(rows: &str) -> Vec<u8> {
        const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
        const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
        let styles: String = [0, 14, 22, 21, 46].map(|id| format!("<xf numFmtId=\"{id}\"/>")).concat();
        let parts = [
            ("[Content_Types].xml", format!("<Types xmlns=\"{PACKAGE}/content-types\"/>")),
            (
                "xl/workbook.xml",
                format!(
                    "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets><sheet name=\"Log\" sheetId=\"1\" r:id=\"a\"/></sheets></workbook>"
                ),
            ),
            (
                "_rels/.rels",
                format!(
                    "<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"w\" Type=\"{OFFICE}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
                ),
            ),
            (
                "xl/_rels/workbook.xml.rels",
                format!(
                    "<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"a\" Type=\"{OFFICE}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
                ),
            ),
            (
                "xl/styles.xml",
                format!("<styleSheet xmlns=\"{MAIN}\"><cellXfs count=\"5\">{styles}</cellXfs></styleSheet>"),
            ),
            (
                "xl/worksheets/sheet1.xml",
                format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>"),
            ),
            (
                "xl/comments1.xml",
                format!(
                    "<comments xmlns=\"{MAIN}\"><commentList><comment ref=\"A1\"/><comment ref=\"B1\"/></commentList></comments>"
                ),
            ),
        ];
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in parts {
            let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
            archive.start_file(name, stored).unwrap();
            archive.write_all(content.as_bytes()).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    /// Rows of texts, each an array; an empty text is no cell.
    fn rows(rows: &[&[&str]]) -> Vec<u8> {
        let cell = |row: usize, (column, text): (usize, &&str)| match text.is_empty() {
            true => String::new(),
            false => {
                let column = char::from(b'A' + column as u8);
                format!("<c r=\"{column}{row}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
            }
        };
        let row = |(row, cells): (usize, &&[&str])| {
            let cells: String = cells.iter().enumerate().map(|one| cell(row, one)).collect();
            format!("<row r=\"{row}\">{cells}</row>")
        };
        workbook(&(1..).zip(rows).map(row).collect::<String>())
    }

    fn seen(book: &[u8]) -> (Vec<(String, String)>, Vec<String>) {
        let mut records = Records::new(None, true);
        let text = read(book, &mut records).unwrap();
        let reading = records.finish();
        let blocks = reading.blocks.iter().map(|block| (block.heading.join(" > "), block.text(&text).to_owned()));
        (blocks.collect(), reading.notes.iter().map(|note| format!("{}: {}", note.reason, note.detail)).collect())
    }

    #[test]
    fn equal_names_of_columns_are_numbered_as_in_csv() {
        let (blocks, _) = seen(&rows(&[&["size", "", "size", "unit"], &["1", "x", "2", "mm"], &["", "", "3", ""]]));
        let texts: Vec<_> = blocks.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["size: 1\nsize_column_3: 2\nunit: mm\ncolumn_2: x", "size_column_3: 3"]);
    }

    #[test]
    fn sheet_of_one_row_is_text_and_comments_are_noted() {
        let (blocks, notes) = seen(&rows(&[&["Hoses are checked", "each May"]]));
        assert_eq!(blocks, [("Log".to_owned(), "Hoses are checked\teach May".to_owned())]);
        assert!(notes[0].starts_with("one_row: sheet \"Log\""), "{notes:?}");
        assert!(notes[1].starts_with("comments: 2 comments"), "{notes:?}");
    }

    #[test]
    fn row_above_the_names_is_the_title() {
        let (blocks, notes) =
            seen(&rows(&[&["Report 2024"], &["", "name", "qty"], &["", "Axe", "3"], &["", "Saw", ""]]));
        let expected = [("Log > Report 2024", "name: Axe\nqty: 3"), ("Log > Report 2024", "name: Saw")];
        assert_eq!(blocks, expected.map(|(heading, text)| (heading.to_owned(), text.to_owned())));
        assert!(notes[0].starts_with("title_row: \"Report 2024\""), "{notes:?}");
        let mut records = Records::new(None, true);
        read(&rows(&[&["Report 2024"], &[], &["name", "qty"], &["Axe", "3"]]), &mut records).unwrap();
        assert_eq!(records.finish().blocks[0].row, Some(4));
        let (list, _) = seen(&rows(&[&["Tools"], &["Axe"], &["Saw"]]));
        assert_eq!(list[0], ("Log".to_owned(), "Tools: Axe".to_owned()));
    }

    #[test]
    fn dates_times_and_durations_are_written_as_iso_8601_and_a_formula_without_result_is_noted() {
        let name = |cell, name| format!("<c r=\"{cell}\" t=\"inlineStr\"><is><t>{name}</t></is></c>");
        let names = ["date", "moment", "at", "took", "sum"].into_iter().zip(["A1", "B1", "C1", "D1", "E1"]);
        let head: String = names.map(|(text, cell)| name(cell, text)).collect();
        let cells = "<c r=\"A2\" s=\"1\"><v>45418</v></c><c r=\"B2\" s=\"2\"><v>45418.75</v></c>\
                     <c r=\"C2\" s=\"3\"><v>0.34375</v></c><c r=\"D2\" s=\"4\"><v>1.5</v></c><c r=\"E2\"><f>1+1</f></c>";
        let rows = format!("<row r=\"1\">{head}</row><row r=\"2\">{cells}</row>");
        let mut records = Records::new(None, true);
        let text = read(&workbook(&rows), &mut records).unwrap();
        let reading = records.finish();
        let expected = "date: 2024-05-06\nmoment: 2024-05-06T18:00:00\nat: 08:15:00\ntook: PT36H0M0S";
        assert_eq!(reading.blocks[0].text(&text), expected);
        assert_eq!(reading.notes[0].reason, "no_result");
        assert!(reading.notes[0].detail.contains("row 2 column 5"), "{:?}", reading.notes);
    }
}
