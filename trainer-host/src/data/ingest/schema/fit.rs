//! Whether a schema fits the files that were read: a pattern that no file has, a column that no record has and a
//! template that words none are faults of the schema, and nobody would see them in a dataset that merely lacks them.

use std::collections::BTreeMap;

use halligan_runtime::documents::records::Fields;

use super::super::block::Note;
use super::super::format::Format;
use super::{Schema, Table};
use crate::data::chunk::Chunk;
use crate::data::ledger::Skipped;
use crate::data::manifest::Source;

/// Columns that are named in a message.
const LISTED: usize = 30;
/// Reason of a note on a column that no record of a file has.
const NO_COLUMN: &str = "no_column";
/// Reason of a note on a record that a template could not word.
const TEMPLATE: &str = "template";

/// Which columns that a schema names the records of a file have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// Those that no record had so far.
    absent: Vec<String>,
    /// Those there are, the first of them.
    there: Vec<String>,
}

impl Columns {
    /// Before the first record; these are looked for.
    pub fn wanted<'a>(named: impl Iterator<Item = &'a String>) -> Self {
        let mut absent: Vec<String> = Vec::new();
        for column in named {
            if !absent.contains(column) {
                absent.push(column.clone());
            }
        }
        Self { absent, there: Vec::new() }
    }

    /// Looks at a record.
    pub fn look(&mut self, fields: &Fields) {
        if self.absent.is_empty() {
            return;
        }
        self.absent.retain(|column| fields.iter().all(|(name, _)| name != column));
        for (name, _) in fields {
            if self.there.len() < LISTED && !self.there.contains(name) {
                self.there.push(name.clone());
            }
        }
    }

    /// Takes in what the next piece of the same file has.
    pub fn join(&mut self, next: Self) {
        if self.there.is_empty() {
            *self = next;
        } else if !next.there.is_empty() {
            self.absent.retain(|column| next.absent.contains(column));
        }
    }

    /// What is absent, said one by one; nothing where there was no record.
    fn missing(&self) -> impl Iterator<Item = (&str, String)> {
        let more = if self.there.len() < LISTED { "" } else { ", .." };
        let absent = self.absent.iter().filter(|_| !self.there.is_empty());
        absent.map(move |column| {
            (
                column.as_str(),
                format!("`{column}` of the schema is in no record; the columns are {}{more}", self.there.join(", ")),
            )
        })
    }

    /// For the report on one file: others may have the column.
    pub fn notes(&self) -> impl Iterator<Item = Note> {
        self.missing().map(|(_, said)| Note::remark(NO_COLUMN, said))
    }
}

/// What became of the files of each table of a schema.
#[derive(Debug)]
pub struct Fit<'a> {
    schema: &'a Schema,
    tables: Vec<Files>,
}

/// The files of a table.
#[derive(Clone, Debug, Default)]
struct Files {
    listed: usize,
    /// Those that held records.
    read: usize,
    /// Those that lack a column, and what was said about the first.
    lacking: BTreeMap<String, (usize, String)>,
    /// Those of which no record could be worded.
    unworded: usize,
    /// What was said about the first of these.
    first: String,
}

impl<'a> Fit<'a> {
    /// Before the first of the files with these `paths` is read.
    pub fn of<'p>(schema: &'a Schema, paths: impl Iterator<Item = &'p str>) -> Self {
        let mut tables = vec![Files::default(); schema.tables.len()];
        paths.filter_map(|path| schema.number(path)).for_each(|number| tables[number].listed += 1);
        Self { schema, tables }
    }

    /// Takes in a file that was read, now or in an earlier run.
    pub fn take(&mut self, source: &Source, notes: &[Skipped]) {
        let Some(number) = self.schema.number(&source.path).filter(|_| holds_records(source)) else { return };
        let files = &mut self.tables[number];
        let of = |reason: &'static str| notes.iter().filter(move |note| note.reason == reason);
        let failed = of(TEMPLATE).next().filter(|_| source.chunks == 0);
        if source.chunks == 0 && failed.is_none() && of(NO_COLUMN).next().is_none() {
            return;
        }
        files.read += 1;
        if let Some(note) = failed {
            if files.unworded == 0 {
                files.first = format!("{}: {}", source.path, note.detail);
            }
            files.unworded += 1;
        }
        for column in Columns::wanted(self.schema.tables[number].1.named()).absent {
            let begins = format!("`{column}` ");
            if let Some(note) = of(NO_COLUMN).find(|note| note.detail.starts_with(&begins)) {
                files.lacking.entry(column).or_insert_with(|| (0, note.detail.clone())).0 += 1;
            }
        }
    }

    /// Checks that each column of the schema is in some record and each table worded some record.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self) -> Result<(), String> {
        for ((_, table), files) in self.schema.tables.iter().zip(&self.tables) {
            if let Some((_, said)) = files.lacking.values().find(|(count, _)| *count == files.read) {
                return Err(absent(table, said));
            }
            if files.read > 0 && files.unworded == files.read {
                return Err(format!("files = {:?}: no record could be worded; {}", table.files, files.first));
            }
        }
        Ok(())
    }

    /// Patterns that took no file, each as a sentence.
    pub fn unused(&self) -> impl Iterator<Item = String> {
        let unused = self.schema.tables.iter().zip(&self.tables).filter(|(_, files)| files.listed == 0);
        unused.map(|((_, table), _)| {
            format!(
                "files = {:?} fits no file, or none that an earlier [[table]] leaves; check the pattern",
                table.files
            )
        })
    }
}

impl Schema {
    /// Checks that the columns of questions and answers are in some record of a dataset.
    ///
    /// # Errors
    /// The first that is in none, with those there are.
    pub fn check_questions(&self, chunks: &[Chunk]) -> Result<(), String> {
        let mut seen: Vec<Columns> = self
            .tables
            .iter()
            .map(|(_, table)| Columns::wanted(table.question_and_answer().into_iter().flatten()))
            .collect();
        for chunk in chunks.iter().filter(|chunk| !chunk.fields.is_empty()) {
            if let Some(number) = self.number(&chunk.path) {
                seen[number].look(&chunk.fields);
            }
        }
        for ((_, table), columns) in self.tables.iter().zip(&seen) {
            if let Some((_, said)) = columns.missing().next() {
                return Err(absent(table, &said));
            }
        }
        Ok(())
    }
}

fn absent(table: &Table, said: &str) -> String {
    format!("files = {:?}: {said}", table.files)
}

/// Whether a schema has a say in how a file of this kind is read.
fn holds_records(source: &Source) -> bool {
    let tables = [None, Some(b'\t')].map(|separator| Format::Table { separator });
    let of_records = tables.into_iter().chain([Format::Json, Format::JsonLines, Format::Xlsx]);
    of_records.into_iter().any(|format| format.media_type() == source.media_type)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ingest::files::skipped;

    const SCHEMA: &str = "[[table]]\nfiles = '*.csv'\ncolumns = ['name', 'clas', 'clas']\n";

    fn source(path: &str, chunks: u64) -> Source {
        Source {
            bytes: 1,
            chunks,
            encoding: None,
            id: path.to_owned(),
            media_type: "text/csv".to_owned(),
            path: path.to_owned(),
            revision: None,
            root: ".".to_owned(),
            sha256: "0".to_owned(),
        }
    }

    /// Notes on a file with these columns.
    fn notes(columns: &[&str]) -> Vec<Skipped> {
        let schema = Schema::parse(SCHEMA).unwrap();
        let mut seen = Columns::wanted(schema.tables[0].1.named());
        seen.look(&columns.iter().map(|column| ((*column).to_owned(), "x".to_owned())).collect());
        seen.notes().map(|note| skipped("a.csv", note.reason, &note.detail)).collect()
    }

    #[test]
    fn column_that_no_file_has_is_an_error_with_those_there_are() {
        let schema = Schema::parse(SCHEMA).unwrap();
        let mut fit = Fit::of(&schema, ["a.csv", "b.csv"].into_iter());
        fit.take(&source("a.csv", 3), &notes(&["name", "class"]));
        let error = fit.check().unwrap_err();
        assert!(error.ends_with("`clas` of the schema is in no record; the columns are name, class"), "{error}");
        fit.take(&source("b.csv", 3), &notes(&["name", "clas"]));
        assert_eq!(fit.check(), Ok(()), "one file has it");
    }

    #[test]
    fn pieces_of_a_file_together_have_a_column_that_one_of_them_lacks() {
        let wanted = ["a".to_owned(), "b".to_owned()];
        let piece = |columns: &[&str]| {
            let mut piece = Columns::wanted(wanted.iter());
            columns.iter().for_each(|column| piece.look(&vec![((*column).to_owned(), String::new())]));
            piece
        };
        let mut all = piece(&[]);
        all.join(piece(&["a"]));
        assert_eq!(all.missing().map(|(column, _)| column.to_owned()).collect::<Vec<_>>(), ["b"]);
        all.join(piece(&[]));
        all.join(piece(&["b"]));
        assert_eq!(all.notes().count(), 0);
    }

    #[test]
    fn template_that_words_no_record_is_an_error_and_one_that_words_some_is_none() {
        let schema = Schema::parse(SCHEMA).unwrap();
        let mut fit = Fit::of(&schema, ["a.csv"].into_iter());
        fit.take(&source("a.csv", 0), &[skipped("a.csv", TEMPLATE, "the record at line 2: undefined value")]);
        let error = fit.check().unwrap_err();
        assert!(error.ends_with("no record could be worded; a.csv: the record at line 2: undefined value"), "{error}");
        fit.take(&source("b.csv", 1), &[]);
        assert_eq!(fit.check(), Ok(()));
    }

    #[test]
    fn pattern_that_fits_no_file_is_named() {
        let text = "[[table]]\nfiles = '*.csv'\n[[table]]\nfiles = 'a.csv'\n[[table]]\nfiles = '*.json'\n";
        let schema = Schema::parse(text).unwrap();
        let unused: Vec<String> = Fit::of(&schema, ["a.csv", "b.json"].into_iter()).unused().collect();
        assert!(unused.len() == 1 && unused[0].starts_with("files = \"a.csv\" fits no file"), "{unused:?}");
    }
}
