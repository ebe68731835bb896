//! Hazard table lookup: what an imported table says about a UN or NA number or a name.
//!
//! Every figure that people see comes out of a cell of the table; [`describe`] words it, and nobody else.

mod columns;
mod entry;
mod found;
mod import;
mod names;
mod property;
mod tables;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::agent::tool::{Tool, ToolContext, read, result, schema_of};
use crate::error::ToolError;
use crate::home::Home;

pub use columns::{ColumnUse, Role};
pub use entry::{HazardEntry, describe};
pub use found::{Found, look_up, look_up_for};
pub use import::{HazardTable, import};
pub use property::Property;
pub use tables::{KeptTable, have_column, remove, tables};

/// Entries in one result.
const ENTRIES_MAX: usize = 12;

/// Name of the tool.
pub const LOOK_UP: &str = "hazard_lookup";

/// Looks a substance up.
pub struct LookUpHazard;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// UN or NA numbers, or a name.
    #[schemars(length(min = 1, max = 120))]
    substance: String,
}

impl Tool for LookUpHazard {
    fn name(&self) -> &str {
        LOOK_UP
    }

    fn description(&self) -> &str {
        "class, packing group, labels, guide and distances of a dangerous good"
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call(&self, arguments: Value, context: &ToolContext<'_>) -> Result<Value, ToolError> {
        let Arguments { substance } = read(self.name(), arguments)?;
        let (asked, name) = Property::split(&substance);
        match look_up_for(context.home, name, asked)? {
            Found::Entries { entries, also } => {
                if let Some(asked) = asked.filter(|asked| !entries.iter().any(|entry| asked.is_in(entry))) {
                    return Ok(result(asked.missing(&entries), json!({ "entries": [] })));
                }
                let mut says = describe(&entries[..entries.len().min(ENTRIES_MAX)], entries.len());
                if !also.is_empty() {
                    says.push_str(&format!("\nalso: {}.", also.join("; ")));
                }
                let entries: Vec<Value> = entries.iter().take(ENTRIES_MAX).map(HazardEntry::to_json).collect();
                Ok(result(says, json!({ "entries": entries, "also": also })))
            }
            Found::Choices(choices) => {
                let says = format!("`{name}` fits several entries: {}. Which one?", choices.join("; "));
                Ok(result(says, json!({ "choices": choices })))
            }
            Found::Near { names: near, .. } => {
                let says = format!("No entry is called `{name}`; nearest: {}. Which one?", near.join("; "));
                Ok(result(says, json!({ "choices": near })))
            }
            Found::Nothing => {
                let check = if entry::numbers_of(name).is_some() {
                    "check the number"
                } else {
                    "check the spelling or give the UN number"
                };
                Err(ToolError::NoResult(format!("no imported table has `{name}`; {check}")))
            }
        }
    }
}

/// Whether any table has been imported.
///
/// # Errors
/// [`ToolError::Database`].
pub fn has_table(home: &Home) -> Result<bool, ToolError> {
    home.connection()
        .query_row("SELECT EXISTS (SELECT 1 FROM hazard_tables)", [], |row| row.get(0))
        .map_err(ToolError::database("read the hazard tables in"))
}

/// Whether a table has this name, to the letter.
///
/// # Errors
/// [`ToolError::Database`].
pub fn is_name(home: &Home, name: &str) -> Result<bool, ToolError> {
    let known = entry::names(home)?;
    Ok(names::is_name(name, known.iter().map(|name| name.name.as_str())))
}
