//! Records of tables and JSON as blocks: one record, one block, with its columns kept for generators.

use std::ops::Range;
use std::sync::Arc;

use minijinja::Environment;

use super::super::chunk::ChunkKind;
use super::block::{Block, Cut, Note, Reading};
use super::schema::{Fields, Table, environment, render};

/// Notes of one reason that are written one by one; the rest are counted.
const NOTES_EACH: usize = 20;

/// Turns records into blocks by the rules of a schema, or without one.
pub struct Records<'a> {
    table: Option<&'a Table>,
    environment: Environment<'static>,
    clean: bool,
    cleaned: usize,
    failed: usize,
    /// Blocks and notes so far.
    pub reading: Reading,
}

impl<'a> Records<'a> {
    /// Records of a file that `table` describes; `clean` repairs the white space of cells.
    pub fn new(table: Option<&'a Table>, clean: bool) -> Self {
        Self { table, environment: environment(), clean, cleaned: 0, failed: 0, reading: Reading::default() }
    }

    /// Adds the record that stands at `range`; `name` is for notes, `heading` for the chain.
    pub fn add(&mut self, range: Range<usize>, heading: &Arc<[String]>, fields: Fields, name: &dyn Fn() -> String) {
        let mut steps = Vec::new();
        let mut kept: Fields = match self.table.and_then(|table| table.columns.as_ref()) {
            Some(columns) => {
                let cell =
                    |column: &String| fields.iter().find(|(name, _)| name == column).map(|(_, cell)| cell.clone());
                columns.iter().map(|column| (column.clone(), cell(column).unwrap_or_default())).collect()
            }
            None => fields,
        };
        if self.clean {
            for (_, cell) in &mut kept {
                let clean = crate::one_line(cell);
                if clean != *cell {
                    *cell = clean;
                    steps = vec!["cells"];
                }
            }
            self.cleaned += steps.len();
        }
        if kept.iter().all(|(_, cell)| cell.trim().is_empty()) {
            self.note(Note::part("empty_record", format!("{} has no content", name())));
            return;
        }
        let title = match self.table.and_then(|table| table.title.as_ref()) {
            Some(template) => match render(&self.environment, template, &kept, None) {
                Ok(title) => Some(title).filter(|title| !title.is_empty()),
                Err(error) => return self.failed(&error, name),
            },
            None => None,
        };
        let text = match self.table.and_then(|table| table.text.as_ref()) {
            Some(template) => match render(&self.environment, template, &kept, title.as_deref()) {
                Ok(text) => text,
                Err(error) => return self.failed(&error, name),
            },
            None => plain(&kept),
        };
        let heading = match title {
            Some(title) => heading.iter().cloned().chain([title]).collect(),
            None => Arc::clone(heading),
        };
        let mut block = Block::prose(range, &heading);
        block.kind = ChunkKind::Table;
        block.cut = Cut::Lines;
        block.alone = true;
        block.text = Some(text);
        block.fields = kept;
        block.cleaned = steps;
        self.reading.blocks.push(block);
    }

    /// Adds a note, unless there are many of its reason already.
    pub fn note(&mut self, note: Note) {
        let same = self.reading.notes.iter().filter(|other| other.reason == note.reason).count();
        match same {
            0..NOTES_EACH => self.reading.notes.push(note),
            _ => self.failed += 1,
        }
    }

    fn failed(&mut self, error: &anyhow::Error, name: &dyn Fn() -> String) {
        self.note(Note::part("template", format!("{}: {error}", name())));
    }

    /// The reading, with counts of what was not noted one by one.
    pub fn finish(mut self) -> Reading {
        if self.cleaned > 0 {
            let detail =
                format!("line breaks and runs of spaces within cells of {} records became single spaces", self.cleaned);
            self.reading.notes.push(Note::remark("cells", detail));
        }
        if self.failed > 0 {
            let detail = format!("{} more like those above, not listed one by one", self.failed);
            self.reading.notes.push(Note::part("more", detail));
        }
        self.reading
    }
}

/// A record without a template: `column: cell` lines, empty cells left out.
fn plain(fields: &Fields) -> String {
    let filled = fields.iter().filter(|(_, cell)| !cell.trim().is_empty());
    filled.map(|(name, cell)| format!("{name}: {cell}")).collect::<Vec<_>>().join("\n")
}
