//! Records in the words of a schema: its templates over their columns.

use std::cell::RefCell;
use std::collections::BTreeMap;

use halligan_runtime::documents::records::{Fields, Wording};
use minijinja::{Environment, UndefinedBehavior, Value};

use super::Table;
use super::fit::Columns;

/// Most work a template may do for one record; a loop over a record ends long before.
const TEMPLATE_FUEL: u64 = 100_000;
/// The record itself in a template, for columns whose names are no single words: `row["un number"]`.
const ROW: &str = "row";

/// A table whose templates are ready to be used.
pub struct Worded<'a> {
    table: &'a Table,
    environment: Environment<'static>,
    columns: RefCell<Columns>,
}

impl<'a> Worded<'a> {
    /// The wording of the records of `table`.
    pub fn new(table: &'a Table) -> Self {
        Self { table, environment: environment(), columns: RefCell::new(Columns::wanted(table.named())) }
    }

    /// Which columns of the schema the records had.
    pub fn columns_seen(self) -> Columns {
        self.columns.into_inner()
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
    fn look(&self, fields: &Fields) {
        self.columns.borrow_mut().look(fields);
    }

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
    let cells = || fields.iter().map(|(name, cell)| (name.as_str(), Value::from(cell.as_str())));
    let mut columns: BTreeMap<&str, Value> = BTreeMap::new();
    if template.contains(ROW) {
        // A column of that name is meant where there is one.
        columns.insert(ROW, Value::from(cells().collect::<BTreeMap<_, _>>()));
    }
    columns.extend(cells());
    columns.extend(title.map(|title| ("title", Value::from(title))));
    let text = environment.render_str(template, Value::from(columns)).map_err(|error| {
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        let odd = names.iter().find(|name| !is_identifier(name));
        let hint = odd.map_or_else(String::new, |name| format!("; write {} for {name:?}", reference(name)));
        let error = crate::one_line(&error.to_string());
        anyhow::anyhow!("template {template:?}: {error}; columns are {}{hint}", names.join(", "))
    })?;
    Ok(text.lines().map(crate::one_line).collect::<Vec<_>>().join("\n").trim().to_owned())
}

/// The column as a template names it.
pub fn reference(column: &str) -> String {
    match is_identifier(column) {
        true => format!("{{{{ {column} }}}}"),
        false => format!("{{{{ {ROW}[{column:?}] }}}}"),
    }
}

fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_alphanumeric() || letter == '_')
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
    fn column_whose_name_is_no_word_is_reached_through_the_row_and_the_error_says_so() {
        let fields = vec![("un number".to_owned(), "1090".to_owned()), ("class".to_owned(), "3".to_owned())];
        let said = |template: &str| render(&environment(), template, &fields, None);
        assert_eq!(said("UN{{ row['un number'] }}, class {{ class }}").unwrap(), "UN1090, class 3");
        assert_eq!(said(&reference("un number")).unwrap(), "1090");
        assert_eq!(reference("class"), "{{ class }}");
        let error = said("{{ un_number }}").unwrap_err().to_string();
        assert!(
            error.ends_with("columns are un number, class; write {{ row[\"un number\"] }} for \"un number\""),
            "{error}"
        );
        assert!(said("{{ row['klass'] }}").is_err(), "a typo is no empty cell");
    }

    #[test]
    fn column_called_row_is_still_a_column() {
        let fields = vec![("row".to_owned(), "7".to_owned())];
        assert_eq!(render(&environment(), "{{ row }}", &fields, None).unwrap(), "7");
    }
}
