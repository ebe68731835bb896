//! XLSX workbooks: a record each row, under the name of its sheet.
//!
//! A workbook is a ZIP archive, and small archives can hold endless zeros. Everything is unpacked once into
//! nothing and counted before anything is read, and cells are taken one by one: a sheet that claims to be a
//! million columns wide costs nothing.

use std::io::{Cursor, Read as _};
use std::sync::Arc;

use calamine::{Data, DataRef, Reader as _, Xlsx};
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
        loop {
            let next = match rows.next_cell() {
                Ok(next) => next.map(|cell| (cell.get_position(), cell_text(cell.get_value()))),
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
        other => Data::from(other.clone()).to_string(),
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
