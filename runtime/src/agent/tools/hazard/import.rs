//! Import of a CSV file into the device's tables.

use std::path::Path;

use encoding_rs::WINDOWS_1252;
use rusqlite::params;
use serde::Serialize;

use super::columns::{ColumnUse, Role, detect};
use super::entry::numbers_of;
use crate::error::ToolError;
use crate::home::{Home, now, sha256_of_bytes};

/// Largest file.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Largest cell; a longer one means that a quote was never closed.
const CELL_BYTES_MAX: usize = 8 * 1024;

/// An imported table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HazardTable {
    /// Name of the table.
    pub name: String,
    /// How each column is used.
    pub columns: Vec<ColumnUse>,
    /// Entries kept.
    pub entries: usize,
    /// Rows without a name, which were left out.
    pub skipped: usize,
    /// Entries without a number.
    pub without_number: usize,
}

/// Imports `path` as table `name`, in place of an earlier one of that name. `chosen` are column uses that go before what
/// the headings tell: heading and role.
///
/// # Errors
/// [`ToolError::Import`]: unreadable, too large, without a heading for number and name, damaged quotes.
pub fn import(home: &Home, path: &Path, name: &str, chosen: &[(String, Role)]) -> Result<HazardTable, ToolError> {
    let wrong = |reason: String| ToolError::Import { path: path.to_path_buf(), reason };
    if name.trim().is_empty() {
        return Err(wrong("its table would have no name; give it one with --name".to_owned()));
    }
    let bytes = std::fs::metadata(path).map_err(|error| wrong(format!("{error}; check the path")))?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(wrong(format!("it has {bytes} bytes, the limit is {FILE_BYTES_MAX}; leave out rows or columns")));
    }
    let bytes = std::fs::read(path).map_err(|error| wrong(format!("{error}; check the path")))?;
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text.to_owned(),
        // Spreadsheets of older systems.
        Err(_) => WINDOWS_1252.decode(&bytes).0.into_owned(),
    };
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().next().unwrap_or_default();
    let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|d| first.bytes().filter(|byte| byte == d).count());
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter.unwrap_or(b','))
        .flexible(true)
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut rows: Vec<(i64, Vec<String>)> = Vec::new();
    let (mut line, mut counted) = (1, 0);
    for record in reader.records() {
        let record = record.map_err(|error| wrong(format!("{error}; save it as CSV again")))?;
        // The reader takes the line feed of a row's end for the beginning of the next one.
        let start = record.position().map_or(0, |position| usize::try_from(position.byte()).unwrap_or(usize::MAX));
        let start = text
            .len()
            .min(start + text.get(start..).map_or(0, |rest| rest.len() - rest.trim_start_matches(['\r', '\n']).len()));
        line += text.as_bytes()[counted..start].iter().filter(|byte| **byte == b'\n').count();
        counted = start;
        if let Some(cell) = record.iter().find(|cell| cell.len() > CELL_BYTES_MAX) {
            return Err(wrong(format!("line {line} has a cell of {} bytes; a quote may be missing", cell.len())));
        }
        rows.push((i64::try_from(line).unwrap_or(i64::MAX), record.iter().map(clean).collect()));
    }
    if rows.is_empty() {
        return Err(wrong("it holds no rows; give a CSV file with a line of headings".to_owned()));
    }
    let (_, headings) = rows.remove(0);
    let cells: Vec<Vec<String>> = rows.iter().map(|(_, row)| row.clone()).collect();
    let mut columns = detect(&headings, &cells);
    for (heading, role) in chosen {
        let Some(index) = columns.iter().position(|column| column.heading.eq_ignore_ascii_case(heading.trim())) else {
            let known: Vec<&str> = columns.iter().map(|column| column.heading.as_str()).collect();
            return Err(wrong(format!("it has no column `{heading}`; it has {}", known.join(", "))));
        };
        for other in
            columns.iter_mut().filter(|column| column.role == *role && *role != Role::Shown && *role != Role::Kept)
        {
            other.role = Role::Shown;
        }
        columns[index].role = *role;
    }
    let place = |role: Role| columns.iter().position(|column| column.role == role);
    let (Some(number_column), Some(name_column)) = (place(Role::Number), place(Role::Name)) else {
        return Err(wrong(format!(
            "no column is recognised as number and name among {}; say which with --column number=HEADING --column name=HEADING",
            headings.join(", ")
        )));
    };
    let mut table =
        HazardTable { name: name.to_owned(), columns: columns.clone(), entries: 0, skipped: 0, without_number: 0 };
    let mut store = || -> rusqlite::Result<()> {
        let transaction = home.connection().unchecked_transaction()?;
        transaction.execute("DELETE FROM hazard_entries WHERE source = ?1", [name])?;
        transaction.execute("DELETE FROM hazard_tables WHERE name = ?1", [name])?;
        transaction.execute(
            "INSERT INTO hazard_tables (name, file, sha256, columns, entries, imported_at) VALUES (?1, ?2, ?3, ?4, 0, ?5)",
            params![
                name,
                path.file_name().unwrap_or_default().to_string_lossy(),
                sha256_of_bytes(&bytes),
                serde_json::to_string(&columns).unwrap_or_default(),
                now()
            ],
        )?;
        let mut insert = transaction
            .prepare("INSERT INTO hazard_entries (source, line, number, name, fields) VALUES (?1, ?2, ?3, ?4, ?5)")?;
        for (line, row) in &rows {
            let cell = |index: usize| row.get(index).map_or("", String::as_str);
            let entry_name = names_of(cell(name_column));
            if entry_name.is_empty() {
                table.skipped += 1;
                continue;
            }
            // A bare number in the column of UN numbers is a UN number.
            let number = numbers_of(cell(number_column)).map(|mut numbers| numbers.swap_remove(0));
            table.without_number += usize::from(number.is_none());
            let fields: Vec<(Role, &str, &str)> = columns
                .iter()
                .enumerate()
                .map(|(index, column)| (column.role, column.heading.as_str(), cell(index)))
                .filter(|(role, _, cell)| !cell.is_empty() && !matches!(role, Role::Number | Role::Name))
                .collect();
            let fields = serde_json::to_string(&fields).unwrap_or_default();
            insert.execute(params![name, line, number, entry_name, fields])?;
            table.entries += 1;
        }
        drop(insert);
        transaction
            .execute("UPDATE hazard_tables SET entries = ?1 WHERE name = ?2", params![table.entries as i64, name])?;
        transaction.commit()
    };
    store().map_err(ToolError::database("write the hazard tables in"))?;
    Ok(table)
}

/// One line without control characters.
fn clean(cell: &str) -> String {
    let plain: String = cell.chars().map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c }).collect();
    plain.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The names of a cell, each once.
fn names_of(cell: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in cell.split(';').map(str::trim).filter(|name| !name.is_empty()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join("; ")
}
