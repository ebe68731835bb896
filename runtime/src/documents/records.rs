//! Records of tables and JSON as blocks: one record, one block, with its columns kept for generators.

use std::ops::Range;
use std::sync::Arc;

use super::block::{Block, BlockKind, Cut, Note, Reading};

/// Notes of one reason that are written one by one; the rest are counted.
const NOTES_EACH: usize = 20;

/// A record: columns by name.
pub type Fields = Vec<(String, String)>;

/// How the records of a file are worded, where someone has said so.
pub trait Wording {
    /// Sees each record as its file has it, before columns are left out.
    fn look(&self, _fields: &Fields) {}

    /// Columns to keep, in this order; all where `None`.
    fn columns(&self) -> Option<&[String]>;

    /// Name of a record; `None` where records have none.
    ///
    /// # Errors
    /// Why it cannot be worded.
    fn title(&self, fields: &Fields) -> Result<Option<String>, String>;

    /// Text of a record called `title`; `None` leaves it to the lines `column: cell`.
    ///
    /// # Errors
    /// Why it cannot be worded.
    fn text(&self, fields: &Fields, title: Option<&str>) -> Result<Option<String>, String>;
}

/// Turns records into blocks by somebody's wording, or without one.
pub struct Records<'a> {
    wording: Option<&'a dyn Wording>,
    clean: bool,
    cleaned: usize,
    failed: usize,
    /// Blocks and notes so far.
    pub reading: Reading,
}

impl<'a> Records<'a> {
    /// Records worded by `wording`; `clean` repairs the white space of cells.
    pub fn new(wording: Option<&'a dyn Wording>, clean: bool) -> Self {
        Self { wording, clean, cleaned: 0, failed: 0, reading: Reading::default() }
    }

    /// Adds the record that stands at `range`; `name` is for notes, `heading` for the chain.
    pub fn add(&mut self, range: Range<usize>, heading: &Arc<[String]>, fields: Fields, name: &dyn Fn() -> String) {
        let mut steps = Vec::new();
        if let Some(wording) = self.wording {
            wording.look(&fields);
        }
        let mut kept: Fields = match self.wording.and_then(Wording::columns) {
            Some(columns) => {
                let cell =
                    |column: &String| fields.iter().find(|(name, _)| name == column).map(|(_, cell)| cell.clone());
                columns.iter().map(|column| (column.clone(), cell(column).unwrap_or_default())).collect()
            }
            None => fields,
        };
        if self.clean {
            for (_, cell) in &mut kept {
                let clean = super::one_line(cell);
                if clean != *cell {
                    *cell = clean;
                    steps = vec!["cells"];
                }
            }
            self.cleaned += steps.len();
        }
        if kept.iter().all(|(_, cell)| cell.trim().is_empty()) {
            let chosen = self.wording.is_some_and(|wording| wording.columns().is_some());
            let what = if chosen { "nothing in the columns that are kept" } else { "no content" };
            self.note(Note::part("empty_record", format!("{} has {what}", name())));
            return;
        }
        let title = match self.wording.map(|wording| wording.title(&kept)).transpose() {
            Ok(title) => title.flatten().filter(|title| !title.is_empty()),
            Err(error) => return self.failed(&error, name),
        };
        let text = match self.wording.map(|wording| wording.text(&kept, title.as_deref())).transpose() {
            Ok(text) => text.flatten().unwrap_or_else(|| plain(&kept)),
            Err(error) => return self.failed(&error, name),
        };
        let heading = match title {
            Some(title) => heading.iter().cloned().chain([title]).collect(),
            None => Arc::clone(heading),
        };
        let mut block = Block::prose(range, &heading);
        block.kind = BlockKind::Table;
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

    fn failed(&mut self, error: &str, name: &dyn Fn() -> String) {
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
