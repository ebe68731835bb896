//! Hazard table lookup: what an imported table says about a UN or NA number or a name.
//!
//! Every figure that people see comes out of a cell of the table; [`describe`] words it, and nobody else.

mod columns;
mod entry;
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
use entry::KnownName;
use names::Fit;

pub use columns::{ColumnUse, Role};
pub use entry::{HazardEntry, describe};
pub use import::{HazardTable, import};
pub use property::Property;
pub use tables::{KeptTable, have_column, remove, tables};

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
        let (asked, name) = Property::split(&substance);
        match look_up(context.home, name)? {
            Found::Entries(entries) => {
                if let Some(asked) = asked.filter(|asked| !entries.iter().any(|entry| asked.is_in(entry))) {
                    return Ok(result(asked.missing(&entries), json!({ "entries": [] })));
                }
                let says = describe(&entries[..entries.len().min(ENTRIES_MAX)], entries.len());
                let entries: Vec<Value> = entries.iter().take(ENTRIES_MAX).map(HazardEntry::to_json).collect();
                Ok(result(says, json!({ "entries": entries })))
            }
            Found::Choices(choices) => {
                let says = format!("`{name}` fits several entries: {}. Which one?", choices.join("; "));
                Ok(result(says, json!({ "choices": choices })))
            }
            Found::Near(near) => {
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

/// What a lookup found.
#[derive(Debug, PartialEq)]
pub enum Found {
    /// Entries of one substance.
    Entries(Vec<HazardEntry>),
    /// Several substances could be meant; their names with numbers, best first.
    Choices(Vec<String>),
    /// None is called so; names that hold the words or are spelled alike.
    Near(Vec<String>),
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

/// Whether a table has this name, to the letter.
///
/// # Errors
/// [`ToolError::Database`].
pub fn is_name(home: &Home, name: &str) -> Result<bool, ToolError> {
    let known = entry::names(home)?;
    Ok(names::is_name(name, known.iter().map(|name| name.name.as_str())))
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
    let Some(best) = candidates.first().map(|candidate| candidate.fit) else { return Ok(Found::Nothing) };
    if best < Fit::Qualified {
        return Ok(Found::Near(choices(&known, &candidates)));
    }
    // A name that only begins with the words may be meant as little as its kin: `ammonia` is `Ammonia, anhydrous` and
    // `Ammonia solution`.
    let rival = if best == Fit::Same { Fit::Same } else { Fit::Ends };
    let first = &known[candidates[0].index];
    let mut rivals = candidates.iter().filter(|candidate| candidate.fit >= rival).map(|found| &known[found.index]);
    // The same substance may be listed by several tables under names of its own.
    let same = rivals.all(|other| std::ptr::eq(other, first) || other.number.is_some() && other.number == first.number);
    if !same {
        return Ok(Found::Choices(choices(&known, &candidates)));
    }
    let meant = candidates.iter().filter(|candidate| candidate.fit >= best);
    let ids: Vec<i64> = meant.flat_map(|candidate| known[candidate.index].ids.clone()).collect();
    let mut entries = entry::with_ids(home, &ids)?;
    // Other tables may say more about the same number under another name.
    if let Some(number) = &first.number {
        let own: Vec<String> = entries.iter().map(|entry| entry.table.clone()).collect();
        let others = entry::with_numbers(home, std::slice::from_ref(number))?;
        entries.extend(others.into_iter().filter(|other| !own.contains(&other.table)));
    }
    Ok(Found::Entries(entries))
}

/// The first of the candidates by name and number, each once.
fn choices(known: &[KnownName], candidates: &[names::Candidate]) -> Vec<String> {
    let mut choices: Vec<String> = Vec::new();
    for candidate in candidates {
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
    choices
}
