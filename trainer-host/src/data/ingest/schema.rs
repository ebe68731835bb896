//! `schema.toml`: how the records of tables and JSON files become text, questions and answers.
//!
//! Templates are minijinja over the record's columns. Unknown keys and columns that no template could mean are
//! refused when the file is read, not in the middle of a long run.

use std::collections::BTreeMap;

use std::path::Path;

use globset::{Glob, GlobMatcher};
use halligan_runtime::documents::records::Wording;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Deserialize;

pub use halligan_runtime::documents::records::Fields;

/// Most work a template may do for one record; a loop over a record ends long before.
const TEMPLATE_FUEL: u64 = 100_000;

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
    /// Unknown keys, patterns and templates that do not parse.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let stored: Stored = toml::from_str(text)?;
        let mut tables = Vec::new();
        for table in stored.tables {
            let glob =
                Glob::new(&table.files).map_err(|error| anyhow::anyhow!("files = {:?}: {error}", table.files))?;
            anyhow::ensure!(
                table.question_column.is_some() == table.answer_column.is_some(),
                "files = {:?}: `question_column` and `answer_column` belong together; give both or none",
                table.files
            );
            for template in table.templates() {
                environment()
                    .template_from_str(template)
                    .map_err(|error| anyhow::anyhow!("template {template:?}: {error}"))?;
            }
            tables.push((glob.compile_matcher(), table));
        }
        Ok(Self { tables })
    }

    /// The first table whose pattern fits the path, or the name alone.
    pub fn table(&self, path: &str) -> Option<&Table> {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.tables.iter().find(|(glob, _)| glob.is_match(path) || glob.is_match(name)).map(|(_, table)| table)
    }
}

impl Table {
    fn templates(&self) -> impl Iterator<Item = &str> {
        let questions = self.questions.iter().flat_map(|question| {
            let others = [Some(&question.answer), question.value.as_ref(), question.when.as_ref()];
            question.ask.iter().chain(others.into_iter().flatten())
        });
        self.title.iter().chain(&self.text).chain(questions).map(String::as_str)
    }
}

/// A table whose templates are ready to be used.
pub struct Worded<'a> {
    table: &'a Table,
    environment: Environment<'static>,
}

impl<'a> Worded<'a> {
    /// The wording of the records of `table`.
    pub fn new(table: &'a Table) -> Self {
        Self { table, environment: environment() }
    }

    fn rendered(
        &self,
        template: Option<&String>,
        fields: &Fields,
        title: Option<&str>,
    ) -> Result<Option<String>, String> {
        let render = |template: &String| render(&self.environment, template, fields, title);
        template.map(render).transpose().map_err(|error| error.to_string())
    }
}

impl Wording for Worded<'_> {
    fn columns(&self) -> Option<&[String]> {
        self.table.columns.as_deref()
    }

    fn title(&self, fields: &Fields) -> Result<Option<String>, String> {
        self.rendered(self.table.title.as_ref(), fields, None)
    }

    fn text(&self, fields: &Fields, title: Option<&str>) -> Result<Option<String>, String> {
        self.rendered(self.table.text.as_ref(), fields, title)
    }
}

/// The environment of all templates: the filters below, and nothing of the machine.
pub fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(TEMPLATE_FUEL));
    minijinja_contrib_filters(&mut environment);
    environment
}

fn minijinja_contrib_filters(environment: &mut Environment<'static>) {
    let before = |text: &str, mark: &str| text.split(mark).next().unwrap_or_default().trim().to_owned();
    let after = |text: &str, mark: &str| text.split_once(mark).map_or("", |(_, rest)| rest).trim().to_owned();
    environment.add_filter("before", move |text: String, mark: String| before(&text, &mark));
    environment.add_filter("after", move |text: String, mark: String| after(&text, &mark));
}

/// Renders `template` over the columns of a record; runs of white space become single spaces.
///
/// # Errors
/// A column that the record does not have, or another fault of the template.
pub fn render(
    environment: &Environment<'_>,
    template: &str,
    fields: &Fields,
    title: Option<&str>,
) -> anyhow::Result<String> {
    let mut columns: Vec<(&str, Value)> =
        fields.iter().map(|(name, cell)| (name.as_str(), Value::from(cell.as_str()))).collect();
    columns.extend(title.map(|title| ("title", Value::from(title))));
    let text = environment.render_str(template, Value::from(columns.into_iter().collect::<BTreeMap<_, _>>())).map_err(
        |error| {
            let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
            anyhow::anyhow!(
                "template {template:?}: {}; columns are {}",
                crate::one_line(&error.to_string()),
                names.join(", ")
            )
        },
    )?;
    Ok(text.lines().map(crate::one_line).collect::<Vec<_>>().join("\n").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_see_columns_and_filters() {
        let fields = vec![("name".to_owned(), "Acetone; Propanone".to_owned()), ("class".to_owned(), "3".to_owned())];
        let text = render(&environment(), "{{ name | before(';') }} is class {{ class }}.", &fields, None).unwrap();
        assert_eq!(text, "Acetone is class 3.");
    }

    #[test]
    fn missing_column_is_named_with_those_there_are() {
        let fields = vec![("name".to_owned(), "x".to_owned())];
        let error = render(&environment(), "{{ klass }}", &fields, None).unwrap_err().to_string();
        assert!(error.contains("klass") && error.contains("columns are name"), "{error}");
    }

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
}
