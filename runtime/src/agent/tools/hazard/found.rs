//! What the tables say about a number or a name.

use super::entry::{self, HazardEntry, KnownName};
use super::names::{self, Candidate, Fit};
use super::{Property, has_table, tables};
use crate::error::ToolError;
use crate::home::Home;

/// Names that are offered where a name fits several.
const CHOICES_MAX: usize = 8;

/// What a lookup found.
#[derive(Debug, PartialEq)]
pub enum Found {
    /// Entries of one substance.
    Entries {
        /// The entries.
        entries: Vec<HazardEntry>,
        /// Kinds of it that the tables have under other numbers, by name and number.
        also: Vec<String>,
    },
    /// Several substances could be meant; their names with numbers, best first.
    Choices(Vec<String>),
    /// None is called so; names that hold the words or are spelled alike.
    Near {
        /// The names with numbers, best first.
        names: Vec<String>,
        /// Whether the best of them holds every word as it was written.
        holds: bool,
    },
    /// None.
    Nothing,
}

/// Finds what the tables say about a number or a name.
///
/// # Errors
/// [`ToolError::NoResult`] without a table, [`ToolError::Database`].
pub fn look_up(home: &Home, substance: &str) -> Result<Found, ToolError> {
    look_up_for(home, substance, None)
}

/// Finds what the tables say about a number or a name of which one property is asked: where the name fits several
/// substances, it is an answer that only one of them is in a table with such a column, or that all say the same.
///
/// # Errors
/// As [`look_up`].
pub fn look_up_for(home: &Home, substance: &str, asked: Option<Property>) -> Result<Found, ToolError> {
    if !has_table(home)? {
        let advice = "no hazard table is on this device; import one with `halligan tools import-table TABLE.csv`";
        return Err(ToolError::NoResult(advice.to_owned()));
    }
    let numbers = entry::numbers_of(substance).unwrap_or_else(|| entry::numbers_in(substance));
    if !numbers.is_empty() {
        let entries = entry::with_numbers(home, &numbers)?;
        return Ok(if entries.is_empty() { Found::Nothing } else { Found::Entries { entries, also: Vec::new() } });
    }
    let known = entry::names(home)?;
    let candidates = names::rank(substance, known.iter().map(|name| name.name.as_str()));
    let Some(best) = candidates.first().map(|candidate| candidate.fit) else { return Ok(Found::Nothing) };
    if best < Fit::Qualified {
        let holds = names::holds_all(substance, &known[candidates[0].index].name);
        return Ok(Found::Near { names: choices(&known, &candidates), holds });
    }
    // A name that only begins with the words may be meant as little as its kin: `ammonia` is `Ammonia, anhydrous` and
    // `Ammonia solution`.
    let rival = if best == Fit::Same { Fit::Including } else { Fit::Ends };
    let first = &known[candidates[0].index];
    let rivals: Vec<Candidate> = candidates.iter().filter(|candidate| candidate.fit >= rival).copied().collect();
    // The same substance may be listed by several tables under names of its own.
    let is_first =
        |other: &KnownName| std::ptr::eq(other, first) || other.number.is_some() && other.number == first.number;
    if !rivals.iter().all(|other| is_first(&known[other.index])) {
        let entries = match asked {
            Some(property) => alone_in(home, property, &known, &rivals)?,
            None => Vec::new(),
        };
        let choices = choices(&known, &candidates);
        return Ok(if entries.is_empty() {
            Found::Choices(choices)
        } else {
            Found::Entries { entries, also: Vec::new() }
        });
    }
    let least = if best == Fit::Same { Fit::Same } else { Fit::Qualified };
    let meant = candidates.iter().filter(|candidate| candidate.fit >= least);
    let ids: Vec<i64> = meant.flat_map(|candidate| known[candidate.index].ids.clone()).collect();
    let mut entries = entry::with_ids(home, &ids)?;
    // Other tables may say more about the same number under another name.
    if let Some(number) = &first.number {
        let own: Vec<String> = entries.iter().map(|entry| entry.table.clone()).collect();
        let others = entry::with_numbers(home, std::slice::from_ref(number))?;
        entries.extend(others.into_iter().filter(|other| !own.contains(&other.table)));
    }
    let kinds = candidates.iter().filter(|other| other.fit >= Fit::Qualified && !is_first(&known[other.index]));
    let also = choices(&known, &kinds.copied().collect::<Vec<_>>());
    Ok(Found::Entries { entries, also })
}

/// The entries of rivals that answer for all of them: those in tables with a column for the property, where they have
/// one number or their cells are equal. An empty cell of such a table differs from a full one.
fn alone_in(
    home: &Home,
    property: Property,
    known: &[KnownName],
    rivals: &[Candidate],
) -> Result<Vec<HazardEntry>, ToolError> {
    let tables = tables::with_column(home, property)?;
    let ids: Vec<i64> = rivals.iter().flat_map(|rival| known[rival.index].ids.clone()).collect();
    let mut entries = entry::with_ids(home, &ids)?;
    entries.retain(|entry| tables.contains(&entry.table));
    let Some(first) = entries.first() else { return Ok(entries) };
    let one = first.number.is_some() && entries.iter().all(|entry| entry.number == first.number);
    let equal = entries.iter().all(|entry| property.cells_of(entry) == property.cells_of(first));
    let said = entries.iter().any(|entry| property.is_in(entry));
    // What stands only for a name that fits less well says nothing of the one that fits best.
    let best = &known[rivals[0].index];
    let is_best = entries.iter().any(|entry| entry.number == best.number);
    if !said || !is_best || !(one || equal) {
        entries.clear();
    }
    Ok(entries)
}

/// The first of the candidates by name and number, each once.
fn choices(known: &[KnownName], candidates: &[Candidate]) -> Vec<String> {
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
