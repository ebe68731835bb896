//! `schema.toml`: how the records of tables and JSON files become text, questions and answers.
//!
//! Templates are minijinja over the record's columns. Unknown keys, pointers that are none and templates that do not
//! parse are refused when the file is read; what only the records can tell, such as a column that none of them has,
//! when all are read and before anything is written (see [`fit`]).

pub mod fit;
mod wording;

use std::path::Path;

use globset::{Glob, GlobMatcher};
use serde::Deserialize;

pub use halligan_runtime::documents::records::Fields;
pub use wording::{Worded, environment, reference, render};

/// The file as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(default, rename = "table")]
    tables: Vec<Table>,
}

/// How the records of some files are read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Files it is for, such as `*.csv` or `hazmat/*.csv`.
    pub files: String,
    /// Where the records stand in a JSON file, as a JSON pointer such as `/data/items`.
    pub records: Option<String>,
    /// Columns to keep, in this order; all where absent.
    pub columns: Option<Vec<String>>,
    /// Name of a record, for headings and questions.
    pub title: Option<String>,
    /// Text of a record.
    pub text: Option<String>,
    /// Column that holds a question.
    pub question_column: Option<String>,
    /// Column that holds its answer.
    pub answer_column: Option<String>,
    /// Questions to make from each record; see `data generate`.
    #[serde(default, rename = "question")]
    pub questions: Vec<Question>,
}

/// A question about a record, in several wordings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// What it asks for, such as `hazard class`.
    pub name: String,
    /// Wordings: whole questions, and noun phrases (without a mark at the end) that are put into many sentences.
    pub ask: Vec<String>,
    /// Whether the noun phrases are plural: `What are the labels of ..?`
    #[serde(default)]
    pub plural: bool,
    /// The answer.
    pub answer: String,
    /// What a right answer must contain.
    pub value: Option<String>,
    /// The question is asked where this is not empty.
    pub when: Option<String>,
}

/// A schema with its templates checked.
#[derive(Debug, Default)]
pub struct Schema {
    tables: Vec<(GlobMatcher, Table)>,
}

impl Schema {
    /// Reads `path`.
    ///
    /// # Errors
    /// What is wrong with the file, with the line.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| anyhow::anyhow!("{}: {error}; check the path", path.display()))?;
        Self::parse(&text).map_err(|error| crate::about(path, format!("{error:#}")))
    }

    /// Parses the text of a schema.
    ///
    /// # Errors
    /// Unknown keys; patterns, pointers and templates that do not parse; questions that could never be asked.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let stored: Stored = toml::from_str(text)?;
        let mut tables = Vec::new();
        for table in stored.tables {
            let glob =
                Glob::new(&table.files).map_err(|error| anyhow::anyhow!("files = {:?}: {error}", table.files))?;
            table.check().map_err(|problem| anyhow::anyhow!("files = {:?}: {problem}", table.files))?;
            tables.push((glob.compile_matcher(), table));
        }
        Ok(Self { tables })
    }

    /// The first table whose pattern fits the path, or the name alone.
    pub fn table(&self, path: &str) -> Option<&Table> {
        self.number(path).map(|number| &self.tables[number].1)
    }

    /// Number of that table.
    fn number(&self, path: &str) -> Option<usize> {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.tables.iter().position(|(glob, _)| glob.is_match(path) || glob.is_match(name))
    }
}

impl Table {
    /// What is wrong with it whatever the records hold.
    fn check(&self) -> Result<(), String> {
        if self.question_column.is_some() != self.answer_column.is_some() {
            return Err("`question_column` and `answer_column` belong together; give both or none".to_owned());
        }
        if let Some(pointer) =
            self.records.as_deref().filter(|pointer| !pointer.is_empty() && !pointer.starts_with('/'))
        {
            let meant = format!("/{}", pointer.trim_start_matches(['$', '.']).replace('.', "/"));
            return Err(format!("records = {pointer:?} is no JSON pointer, which begins with `/`; write {meant:?}"));
        }
        if let (Some(kept), [Some(question), Some(answer)]) = (&self.columns, self.question_and_answer())
            && let Some(gone) = [question, answer].into_iter().find(|column| !kept.contains(column))
        {
            return Err(format!("`columns` leaves out {gone:?}, which a question or its answer needs; add it"));
        }
        if let Some(question) = self.questions.iter().find(|question| question.ask.is_empty()) {
            return Err(format!("question {:?}: `ask` is empty; give one wording or more", question.name));
        }
        let environment = environment();
        self.templates().try_for_each(|template| match environment.template_from_str(template) {
            Ok(_) => Ok(()),
            Err(error) => {
                let hint = "a column whose name is no single word is written {{ row[\"un number\"] }}";
                Err(format!("template {template:?}: {}; {hint}", crate::one_line(&error.to_string())))
            }
        })
    }

    fn question_and_answer(&self) -> [Option<&String>; 2] {
        [self.question_column.as_ref(), self.answer_column.as_ref()]
    }

    /// Columns that it names outside of templates.
    fn named(&self) -> impl Iterator<Item = &String> {
        self.columns.iter().flatten().chain(self.question_and_answer().into_iter().flatten())
    }

    fn templates(&self) -> impl Iterator<Item = &str> {
        let questions = self.questions.iter().flat_map(|question| {
            let others = [Some(&question.answer), question.value.as_ref(), question.when.as_ref()];
            question.ask.iter().chain(others.into_iter().flatten())
        });
        self.title.iter().chain(&self.text).chain(questions).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_key_and_half_a_pair_are_refused() {
        assert!(
            Schema::parse("[[table]]\nfiles = '*.csv'\ncolour = 'red'\n").unwrap_err().to_string().contains("colour")
        );
        let error = Schema::parse("[[table]]\nfiles = '*.csv'\nquestion_column = 'q'\n").unwrap_err().to_string();
        assert!(error.contains("belong together"), "{error}");
        assert!(Schema::parse("[[table]]\nfiles = '*.csv'\ntext = '{{ x'\n").is_err());
    }

    #[test]
    fn first_table_that_fits_path_or_name_wins() {
        let schema = Schema::parse("[[table]]\nfiles = 'a/*.csv'\n[[table]]\nfiles = '*.csv'\n").unwrap();
        assert_eq!(schema.table("a/x.csv").unwrap().files, "a/*.csv");
        assert_eq!(schema.table("b/c/x.csv").unwrap().files, "*.csv");
        assert!(schema.table("x.json").is_none());
    }

    fn refused(table: &str) -> String {
        Schema::parse(&format!("[[table]]\nfiles = '*.json'\n{table}\n")).unwrap_err().to_string()
    }

    #[test]
    fn pointer_that_would_be_passed_over_is_refused_with_the_right_form() {
        let error = refused("records = 'data.items'");
        assert!(error.contains("is no JSON pointer") && error.ends_with("write \"/data/items\""), "{error}");
        assert!(Schema::parse("[[table]]\nfiles = '*.json'\nrecords = '/data/items'\n").is_ok());
        assert!(Schema::parse("[[table]]\nfiles = '*.json'\nrecords = ''\n").is_ok(), "the whole document");
    }

    #[test]
    fn question_that_could_never_be_asked_is_refused() {
        let error = refused("[[table.question]]\nname = 'class'\nask = []\nanswer = 'x'");
        assert!(error.contains("question \"class\": `ask` is empty"), "{error}");
        let error = refused("columns = ['q']\nquestion_column = 'q'\nanswer_column = 'a'");
        assert!(error.contains("`columns` leaves out \"a\""), "{error}");
    }

    #[test]
    fn column_of_two_words_in_a_template_is_answered_with_how_it_is_written() {
        let error = refused("text = '{{ un number }}'");
        assert!(error.contains("syntax error") && error.contains("row[\"un number\"]"), "{error}");
    }
}
