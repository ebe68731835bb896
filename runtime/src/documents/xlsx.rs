//! XLSX workbooks: a record each row, under the name of its sheet.
//!
//! A workbook is a ZIP archive, and small archives can hold endless zeros. Everything is unpacked once into
//! nothing and counted before anything is read, and cells are taken one by one: a sheet that claims to be a
//! million columns wide costs nothing.

use std::io::{Cursor, Read as _};
use std::sync::Arc;

use calamine::{Data, DataRef, ExcelDateTime, Reader as _, Xlsx};
use zip::ZipArchive;

use super::block::Note;
use super::format::Unread;
use super::records::{Fields, Records};

/// Most bytes that a workbook may unpack to.
const UNPACKED_BYTES_MAX: u64 = 256 << 20;
/// Most parts of a workbook.
const PARTS_MAX: usize = 10_000;

/// Reads all sheets; returns the text of the rows, over which the blocks' ranges go.
///
/// # Errors
/// A damaged or encrypted workbook, or one that unpacks to too much.
pub fn read(bytes: &[u8], records: &mut Records<'_>) -> Result<String, Unread> {
    check_size(bytes)?;
    let broken = |error: calamine::XlsxError| Unread {
        reason: if matches!(error, calamine::XlsxError::Password) { "encrypted" } else { "broken" },
        detail: format!("not a sound workbook: {}", super::one_line(&error.to_string())),
    };
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(broken)?;
    let mut text = String::new();
    for sheet in book.sheet_names() {
        let heading: Arc<[String]> = Arc::from([sheet.clone()]);
        let mut rows = match book.worksheet_cells_reader(&sheet) {
            Ok(rows) => rows,
            Err(error) => {
                let detail = format!("sheet {sheet:?} cannot be read: {}", super::one_line(&error.to_string()));
                records.note(Note::part("broken", detail));
                continue;
            }
        };
        let mut head: Option<Vec<(u32, String)>> = None;
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
                add_row(&sheet, number, cells, &mut head, &heading, &mut text, records);
            }
            let Some(((number, column), cell)) = next else { break };
            if !cell.trim().is_empty() {
                row.get_or_insert_with(|| (number, Vec::new())).1.push((column, cell));
            }
        }
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
    Ok(text)
}

fn add_row(
    sheet: &str,
    number: u32,
    cells: Vec<(u32, String)>,
    head: &mut Option<Vec<(u32, String)>>,
    heading: &Arc<[String]>,
    text: &mut String,
    records: &mut Records<'_>,
) {
    let start = text.len();
    text.push_str(&cells.iter().map(|(_, cell)| super::one_line(cell)).collect::<Vec<_>>().join("\t"));
    let range = start..text.len();
    text.push('\n');
    let Some(head) = head else {
        *head = Some(cells.into_iter().map(|(column, cell)| (column, super::one_line(&cell))).collect());
        return;
    };
    let name = |column: u32| head.iter().find(|(known, _)| *known == column).map(|(_, name)| name.clone());
    let mut fields: Fields = head.iter().map(|(_, name)| (name.clone(), String::new())).collect();
    for (column, cell) in cells {
        let name = name(column).unwrap_or_else(|| format!("column_{}", column + 1));
        match fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, place)) if place.is_empty() => *place = cell,
            _ => fields.push((name, cell)),
        }
    }
    records.add(range, heading, fields, &|| format!("row {} of sheet {sheet:?}", number + 1));
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

/// Unpacks everything into nothing and counts, because sizes in an archive's directory may lie.
fn check_size(bytes: &[u8]) -> Result<(), Unread> {
    let broken = |error: String| Unread {
        reason: "broken",
        detail: format!("not a sound workbook: {}", super::one_line(&error)),
    };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(error.to_string()))?;
    let mut left = UNPACKED_BYTES_MAX;
    let bomb = || Unread {
        reason: "zip_bomb",
        detail: format!(
            "{} bytes unpack to more than {:.1} MB or to more than {PARTS_MAX} parts; if that is meant, export its sheets as CSV",
            bytes.len(),
            UNPACKED_BYTES_MAX as f64 / 1e6
        ),
    };
    if archive.len() > PARTS_MAX {
        return Err(bomb());
    }
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|error| broken(error.to_string()))?;
        let count =
            std::io::copy(&mut part.take(left + 1), &mut std::io::sink()).map_err(|error| broken(error.to_string()))?;
        left = left.checked_sub(count).ok_or_else(bomb)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// A workbook of one sheet with these rows, whose cell styles 1 to 4 are date, date and time, time, hours.
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
        ];
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in parts {
            let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
            archive.start_file(name, stored).unwrap();
            archive.write_all(content.as_bytes()).unwrap();
        }
        archive.finish().unwrap().into_inner()
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
