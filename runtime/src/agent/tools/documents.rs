//! Document search: verbatim passages with their places.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::agent::tool::{Tool, ToolContext, read, result, schema_of};
use crate::error::ToolError;

/// Passages in one result.
const PASSAGES: usize = 3;

/// Finds passages.
pub struct SearchDocuments;

/// Name of the tool that looks into the documents.
pub const SEARCH_DOCUMENTS: &str = "search_documents";

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// Words to look for.
    #[schemars(length(min = 1, max = 300))]
    query: String,
}

impl Tool for SearchDocuments {
    fn name(&self) -> &str {
        SEARCH_DOCUMENTS
    }

    fn description(&self) -> &str {
        "find passages in the documents on this device"
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call(&self, arguments: Value, context: &ToolContext<'_>) -> Result<Value, ToolError> {
        let Arguments { query } = read(self.name(), arguments)?;
        let passages = (context.find_passages)(&query, PASSAGES)?;
        if passages.is_empty() {
            return Err(ToolError::NoResult("no passage of the documents holds these words; try others".to_owned()));
        }
        let says = passages.iter().map(|passage| passage.text.trim()).collect::<Vec<_>>().join("\n\n");
        let places: Vec<Value> = passages
            .iter()
            .map(|passage| {
                json!({
                    "document": passage.document, "heading": passage.heading,
                    "start_byte": passage.start_byte, "end_byte": passage.end_byte,
                })
            })
            .collect();
        Ok(result(says, json!({ "places": places })))
    }
}
