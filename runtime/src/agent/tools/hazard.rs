//! Hazard table lookup: what an imported table says about a UN or NA number or a name.
//!
//! Every figure that people see comes out of a cell of the table; [`describe`] words it, and nobody else.

mod columns;
mod entry;
mod import;
mod names;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::agent::tool::{Tool, ToolContext, read, result, schema_of};
use crate::error::ToolError;
use crate::home::Home;

pub use columns::{ColumnUse, Role};
pub use entry::{HazardEntry, describe};
pub use import::{HazardTable, import};

/// Entries in one result.
const ENTRIES_MAX: usize = 12;
/// Names that are offered where a name fits several.
const CHOICES_MAX: usize = 8;

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
        match look_up(context.home, &substance)? {
            Found::Entries(entries) => {
                let says = describe(&entries[..entries.len().min(ENTRIES_MAX)], entries.len());
                let entries: Vec<Value> = entries.iter().take(ENTRIES_MAX).map(HazardEntry::to_json).collect();
                Ok(result(says, json!({ "entries": entries })))
            }
            Found::Choices(choices) => {
                let says = format!("`{substance}` fits several entries: {}. Which one?", choices.join("; "));
                Ok(result(says, json!({ "choices": choices })))
            }
            Found::Nothing => {
                let check = if entry::numbers_of(&substance).is_some() {
                    "check the number"
                } else {
                    "check the spelling or give the UN number"
                };
                Err(ToolError::NoResult(format!("no imported table has `{substance}`; {check}")))
            }
        }
    }
}

/// What a lookup found.
#[derive(Debug, PartialEq)]
pub enum Found {
    /// Entries of one substance.
    Entries(Vec<HazardEntry>),
    /// Several substances could be meant; their names with numbers, best first.
    Choices(Vec<String>),
    /// None.
    Nothing,
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

/// How much `name` is like the name in a table that is most like it, 0 to 1.
///
/// # Errors
/// [`ToolError::Database`].
pub fn likeness(home: &Home, name: &str) -> Result<f64, ToolError> {
    let known = entry::names(home)?;
    let best = names::rank(name, known.iter().map(|name| name.name.as_str())).first().map(|found| found.score);
    Ok(best.unwrap_or(0.0))
}

/// Finds what the tables say about a number or a name.
///
/// # Errors
/// [`ToolError::NoResult`] without a table, [`ToolError::Database`].
pub fn look_up(home: &Home, substance: &str) -> Result<Found, ToolError> {
    if !has_table(home)? {
        let advice = "no hazard table is on this device; import one with `halligan tools import-table TABLE.csv`";
        return Err(ToolError::NoResult(advice.to_owned()));
    }
    if let Some(numbers) = entry::numbers_of(substance) {
        let entries = entry::with_numbers(home, &numbers)?;
        return Ok(if entries.is_empty() { Found::Nothing } else { Found::Entries(entries) });
    }
    let known = entry::names(home)?;
    let candidates = names::rank(substance, known.iter().map(|name| name.name.as_str()));
    let Some(best) = candidates.first().map(|candidate| candidate.score) else { return Ok(Found::Nothing) };
    let near: Vec<_> = candidates.iter().filter(|candidate| candidate.score >= best - names::TIE).collect();
    let lines = |id: usize| known[id].ids.clone();
    let first = &known[near[0].index];
    // The same substance may be listed by several tables under names of its own.
    let same = near.iter().all(|other| {
        let other = &known[other.index];
        other.number.is_some() && other.number == first.number
    });
    if near.len() == 1 || same {
        let ids: Vec<i64> = near.iter().flat_map(|candidate| lines(candidate.index)).collect();
        let mut entries = entry::with_ids(home, &ids)?;
        // Other tables may say more about the same number under another name.
        if let (true, Some(number)) = (best >= names::SURE, &first.number) {
            for other in entry::with_numbers(home, std::slice::from_ref(number))? {
                if entries.iter().all(|known| known.table != other.table) {
                    entries.push(other);
                }
            }
        }
        return Ok(Found::Entries(entries));
    }
    let mut choices: Vec<String> = Vec::new();
    for candidate in candidates.iter() {
        let name = &known[candidate.index];
        let number = name.number.as_deref().unwrap_or("no number");
        let choice = format!("{} ({number})", entry::first_name(&name.name));
        if !choices.contains(&choice) {
            choices.push(choice);
        }
        if choices.len() == CHOICES_MAX {
            break;
        }
    }
    Ok(Found::Choices(choices))
}
