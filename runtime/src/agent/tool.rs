//! What a tool is.

use std::time::Instant;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::ToolError;
use crate::home::Home;
use crate::retrieval::Passage;
use crate::turn::{ToolOutcome, ToolUse};

/// Key of a result under which a tool says it in words. The words hold every figure that people are to see, so that
/// nobody has to word it again.
pub const SAYS: &str = "says";

/// Finds passages of the documents: query and limit in, best passage first.
pub type FindPassages<'a> = dyn Fn(&str, usize) -> Result<Vec<Passage>, ToolError> + 'a;

/// What a tool may use while it runs.
pub struct ToolContext<'a> {
    /// The device's data.
    pub home: &'a Home,
    /// The documents.
    pub find_passages: &'a FindPassages<'a>,
    /// When the call must have ended.
    pub deadline: Instant,
    /// Seconds since 1970 UTC, so that a test can choose its day.
    pub now: i64,
}

/// Something that can be called by name with JSON arguments.
pub trait Tool {
    /// Its name: lower case and underscores.
    fn name(&self) -> &str;

    /// One line that says when to use it.
    fn description(&self) -> &str;

    /// JSON Schema of the arguments, an object.
    fn schema(&self) -> Value;

    /// Whether a call changes something that stays changed.
    fn changes_something(&self) -> bool {
        false
    }

    /// Runs it. The arguments have been checked against the schema.
    ///
    /// # Errors
    /// [`ToolError`]: values that make no sense together, nothing found, a failing database.
    fn call(&self, arguments: Value, context: &ToolContext<'_>) -> Result<Value, ToolError>;
}

/// The schema of a type of arguments, without what only costs tokens.
pub(crate) fn schema_of<Arguments: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Arguments>().to_value();
    shorten(&mut schema);
    schema
}

fn shorten(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.remove("$schema");
            fields.remove("title");
            if fields.get("format").is_some_and(Value::is_string) {
                // Number widths of Rust, which no caller can use.
                fields.remove("format");
            }
            // An optional field may be left out; that it may be null too only doubles the grammar.
            if fields.get("default").is_some_and(Value::is_null) {
                fields.remove("default");
            }
            if let Some(Value::Array(kinds)) = fields.get("type") {
                let kinds: Vec<Value> = kinds.iter().filter(|kind| *kind != "null").cloned().collect();
                if let [kind] = &kinds[..] {
                    fields.insert("type".to_owned(), kind.clone());
                }
            }
            if let Some(Value::Array(choices)) = fields.get_mut("enum") {
                choices.retain(|choice| !choice.is_null());
            }
            if let Some(Value::Array(options)) = fields.get("anyOf") {
                let options: Vec<Value> = options.iter().filter(|option| option["type"] != "null").cloned().collect();
                if let [Value::Object(only)] = &options[..] {
                    let only = only.clone();
                    fields.remove("anyOf");
                    fields.extend(only);
                }
            }
            fields.values_mut().for_each(shorten);
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        _ => {}
    }
}

/// The arguments as their type.
pub(crate) fn read<Arguments: DeserializeOwned>(tool: &str, arguments: Value) -> Result<Arguments, ToolError> {
    serde_json::from_value(arguments)
        .map_err(|error| ToolError::Arguments { tool: tool.to_owned(), reason: error.to_string() })
}

/// A result with its words and its fields.
pub(crate) fn result(says: impl Into<String>, fields: Value) -> Value {
    let mut result = Map::new();
    result.insert(SAYS.to_owned(), Value::from(says.into()));
    if let Value::Object(fields) = fields {
        result.extend(fields);
    }
    Value::Object(result)
}

/// What people read of a call that has ended.
pub(crate) fn words_of(used: &ToolUse) -> String {
    match &used.outcome {
        ToolOutcome::Done(result) => result[SAYS].as_str().unwrap_or_default().to_owned(),
        ToolOutcome::Failed(reason) => reason.clone(),
        ToolOutcome::Denied => {
            format!("`{}` changes something and was not allowed, so nothing was changed.", used.call.name)
        }
    }
}

/// A number as people write it: at most `digits` significant digits, no trailing zeros, no exponent for the sizes of
/// daily life.
pub(crate) fn figure(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor();
    if !(-6.0..15.0).contains(&magnitude) {
        let text = format!("{value:.*e}", digits.saturating_sub(1));
        let Some((digits, power)) = text.split_once('e') else { return text };
        return format!("{}e{power}", without_zeros(digits));
    }
    let decimals = (digits as f64 - 1.0 - magnitude).max(0.0) as usize;
    let text = format!("{value:.decimals$}");
    without_zeros(&text).to_owned()
}

/// Without the zeros at the end of a fraction.
fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_people_write_them() {
        let cases = [
            (0.0, "0"),
            (1892.705892, "1892.71"),
            (0.1, "0.1"),
            (100.0, "100"),
            (-40.0, "-40"),
            (0.000_03, "0.00003"),
            (123_456_789.0, "123456789"),
            (1e-9, "1e-9"),
            (1.5e-9, "1.5e-9"),
        ];
        for (value, expected) in cases {
            assert_eq!(figure(value, 6), expected);
        }
    }
}
