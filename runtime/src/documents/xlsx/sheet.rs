//! The rows of a sheet as records: which row names the columns, what stands above it, and what is no table at all.

use std::ops::Range;
use std::sync::Arc;

use super::super::block::{Block, BlockKind, Cut, Note};
use super::super::one_line;
use super::super::records::{Fields, Records};
use super::super::table::{column_names, title_remark, title_rows};

/// Rows that are looked at before one is taken for the names of the columns.
const ROWS_SEEN: usize = 20;

/// A row with its filled cells by column; rows and columns count from 0.
struct Row {
    number: u32,
    cells: Vec<(u32, String)>,
    range: Range<usize>,
}

/// A sheet whose rows come one by one.
pub struct Sheet<'a> {
    name: &'a str,
    heading: Arc<[String]>,
    /// Rows that wait until the names of the columns are known.
    waiting: Vec<Row>,
    /// Names of the columns.
    head: Option<Vec<(u32, String)>>,
}

impl<'a> Sheet<'a> {
    /// The sheet of this name.
    pub fn new(name: &'a str) -> Self {
        Self { name, heading: Arc::from([name.to_owned()]), waiting: Vec::new(), head: None }
    }

    /// Adds a row with its filled cells; `text` gets it as a line.
    pub fn add(&mut self, number: u32, cells: Vec<(u32, String)>, text: &mut String, records: &mut Records<'_>) {
        let start = text.len();
        text.push_str(&cells.iter().map(|(_, cell)| one_line(cell)).collect::<Vec<_>>().join("\t"));
        let row = Row { number, cells, range: start..text.len() };
        text.push('\n');
        if self.head.is_some() {
            return self.record(row, records);
        }
        self.waiting.push(row);
        if self.waiting.len() == ROWS_SEEN {
            self.begin(records);
        }
    }

    /// The sheet ends.
    pub fn end(mut self, records: &mut Records<'_>) {
        match &self.waiting[..] {
            [] => {}
            [row] => {
                // Names without records: it is a text.
                let number = Some(row.number + 1);
                let mut block = Block { alone: true, row: number, ..Block::prose(row.range.clone(), &self.heading) };
                if row.cells.len() > 1 {
                    (block.kind, block.cut) = (BlockKind::Table, Cut::Lines);
                }
                records.reading.blocks.push(block);
                let detail = format!("sheet {:?} has one row; it was read as text, not as names of columns", self.name);
                records.note(Note::remark("one_row", detail));
            }
            _ => self.begin(records),
        }
    }

    /// Takes a row for the names of the columns; those above it are the title, those below it records.
    fn begin(&mut self, records: &mut Records<'_>) {
        let cells: Vec<Vec<&str>> =
            self.waiting.iter().map(|row| row.cells.iter().map(|(_, cell)| cell.as_str()).collect()).collect();
        let above = title_rows(&cells);
        let titles: Vec<String> = cells[..above].iter().flatten().map(|cell| one_line(cell)).collect();
        if !titles.is_empty() {
            records.note(title_remark(&titles, &format!("of sheet {:?}", self.name)));
            self.heading = self.heading.iter().cloned().chain(titles).collect();
        }
        let mut rows = std::mem::take(&mut self.waiting).into_iter().skip(above);
        let Some(names) = rows.next() else { return };
        let columns: Vec<u32> = names.cells.iter().map(|(column, _)| *column).collect();
        let names = column_names(names.cells.into_iter().map(|(column, cell)| (column as usize, cell)));
        self.head = Some(columns.into_iter().zip(names).collect());
        rows.for_each(|row| self.record(row, records));
    }

    fn record(&self, row: Row, records: &mut Records<'_>) {
        let head = self.head.as_deref().unwrap_or_default();
        let mut fields: Fields = head.iter().map(|(_, name)| (name.clone(), String::new())).collect();
        for (column, cell) in row.cells {
            match head.iter().position(|(known, _)| *known == column) {
                Some(place) => fields[place].1 = cell,
                None => fields.push((format!("column_{}", column + 1), cell)),
            }
        }
        let name = || format!("row {} of sheet {:?}", row.number + 1, self.name);
        let before = records.reading.blocks.len();
        records.add(row.range, &self.heading, fields, &name);
        for block in &mut records.reading.blocks[before..] {
            block.row = Some(row.number + 1);
        }
    }
}
