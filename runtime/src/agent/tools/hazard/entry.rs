//! Entries of hazard tables: how they are kept, found by number and put into words.

use std::sync::LazyLock;

use regex::Regex;
use rusqlite::Row;
use serde_json::{Value, json};

use super::columns::Role;
use crate::error::ToolError;
use crate::home::Home;

/// A number with its kind.
static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(UN|NA|ID)(?: ?(?:number|no\.?))?[ #:-]{0,2}(\d{4})\b")
        .expect("a constant pattern should be sound")
});

/// One row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HazardEntry {
    /// Name of the table.
    pub table: String,
    /// Line of the file, from 1.
    pub line: i64,
    /// `UN1017`; none where the table has none.
    pub number: Option<String>,
    /// Names as the table has them.
    pub name: String,
    /// Cells with role and heading, in the order of the table, empty ones left out.
    pub fields: Vec<(Role, String, String)>,
}

impl HazardEntry {
    /// The entry with all cells by their headings.
    pub fn to_json(&self) -> Value {
        let cells: serde_json::Map<String, Value> =
            self.fields.iter().map(|(_, heading, cell)| (heading.clone(), json!(cell))).collect();
        json!({ "table": self.table, "line": self.line, "number": self.number, "name": self.name, "cells": cells })
    }

    fn cells(&self) -> Vec<String> {
        let mut said = Vec::new();
        for (role, heading, cell) in &self.fields {
            let none = cell.eq_ignore_ascii_case("none");
            match role {
                Role::PackingGroup if none => said.push("no packing group".to_owned()),
                Role::Labels if none => said.push("no labels".to_owned()),
                Role::Guide if none => said.push("no guide".to_owned()),
                Role::Class if cell.eq_ignore_ascii_case("forbidden") => {
                    said.push("forbidden for transport".to_owned())
                }
                Role::Class => said.push(format!("class {cell}")),
                Role::PackingGroup => said.push(format!("packing group {cell}")),
                Role::Labels => said.push(format!("labels {}", cell.replace(';', ","))),
                Role::Guide => said.push(format!("guide {cell}")),
                Role::Shown => said.push(format!("{}: {cell}", heading.to_lowercase().replace('_', " "))),
                Role::Number | Role::Name | Role::Kept => {}
            }
        }
        said
    }
}

/// Puts entries into words: one line each, with the place in the table. `all` is how many were found.
pub fn describe(entries: &[HazardEntry], all: usize) -> String {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for entry in entries {
        let number = entry.number.as_ref().map(|number| format!("{} ", spaced(number))).unwrap_or_default();
        let cells = entry.cells();
        let said = if cells.is_empty() { String::new() } else { format!(": {}", cells.join("; ")) };
        let text = format!("{number}{}{said}", first_name(&entry.name));
        let place = format!("{} line {}", entry.table, entry.line);
        match lines.iter_mut().find(|(known, _)| *known == text) {
            Some((_, places)) => places.push(place),
            None => lines.push((text, vec![place])),
        }
    }
    let mut said: Vec<String> =
        lines.into_iter().map(|(text, places)| format!("{text} ({}).", places.join(", "))).collect();
    if all > entries.len() {
        said.push(match all - entries.len() {
            1 => "1 more entry is in the table.".to_owned(),
            more => format!("{more} more entries are in the table."),
        });
    }
    said.join("\n")
}

/// `UN 1017`.
fn spaced(number: &str) -> String {
    match number.split_at_checked(2) {
        Some((kind, digits)) => format!("{kind} {digits}"),
        None => number.to_owned(),
    }
}

/// The first of several names.
pub fn first_name(names: &str) -> &str {
    names.split(';').map(own_name).find(|name| !name.is_empty()).unwrap_or(names)
}

/// The name without the one that it refers to: `X, see Y` and `X see also Y` name X.
pub fn own_name(name: &str) -> &str {
    name.split_once(" see ").map_or(name, |(own, _)| own).trim_end_matches([' ', ',']).trim_start()
}

/// The numbers that stand in a text beside other words: `chlorine (UN1017)`, `UN1017 and UN1005`, `UN#1203`.
pub fn numbers_in(text: &str) -> Vec<String> {
    let mut numbers = Vec::new();
    for found in NUMBER.captures_iter(text) {
        let number = format!("{}{}", found[1].to_uppercase(), &found[2]);
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    numbers
}

/// The numbers that a text names, one or several; none where it says anything else.
pub fn numbers_of(text: &str) -> Option<Vec<String>> {
    if let Some(number) = number_of(text) {
        return Some(number);
    }
    let words = text.split([' ', ',', ';']).filter(|word| !word.is_empty());
    words.map(number_of).collect::<Option<Vec<_>>>().map(|all| all.concat()).filter(|all| !all.is_empty())
}

/// `UN1017`, and for bare digits `NA1017` and `ID1017` too.
fn number_of(text: &str) -> Option<Vec<String>> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect::<String>().to_uppercase();
    let plain = plain.replace("NUMBER", "").replace("NO.", "");
    let (kind, digits) = match plain.split_at_checked(2) {
        Some((kind @ ("UN" | "NA" | "ID"), digits)) => (Some(kind), digits),
        _ => (None, plain.as_str()),
    };
    let sound = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    sound.then(|| match kind {
        Some(kind) => vec![format!("{kind}{digits}")],
        None => ["UN", "NA", "ID"].map(|kind| format!("{kind}{digits}")).to_vec(),
    })
}

const COLUMNS: &str = "SELECT source, line, number, name, fields FROM hazard_entries";

fn read_entry(row: &Row<'_>) -> rusqlite::Result<HazardEntry> {
    let fields: String = row.get(4)?;
    Ok(HazardEntry {
        table: row.get(0)?,
        line: row.get(1)?,
        number: row.get(2)?,
        name: row.get(3)?,
        fields: serde_json::from_str(&fields).unwrap_or_default(),
    })
}

/// Entries with any of these numbers.
pub fn with_numbers(home: &Home, numbers: &[String]) -> Result<Vec<HazardEntry>, ToolError> {
    let read = || {
        let mut statement = home.connection().prepare_cached(&format!("{COLUMNS} WHERE number = ?1 ORDER BY id"))?;
        let mut found = Vec::new();
        for number in numbers {
            found.extend(statement.query_map([number], read_entry)?.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(found)
    };
    read().map_err(ToolError::database("read the hazard tables in"))
}

/// Entries by their row in the database.
pub fn with_ids(home: &Home, ids: &[i64]) -> Result<Vec<HazardEntry>, ToolError> {
    let read = || {
        let mut statement = home.connection().prepare_cached(&format!("{COLUMNS} WHERE id = ?1"))?;
        ids.iter().map(|id| statement.query_row([id], read_entry)).collect::<Result<Vec<_>, _>>()
    };
    read().map_err(ToolError::database("read the hazard tables in"))
}

/// A name that a table has, with the entries under it.
pub struct KnownName {
    /// As the table has it.
    pub name: String,
    /// Number of these entries.
    pub number: Option<String>,
    /// Rows in the database.
    pub ids: Vec<i64>,
}

/// All names of all tables.
pub fn names(home: &Home) -> Result<Vec<KnownName>, ToolError> {
    let read = || {
        let mut names: Vec<KnownName> = Vec::new();
        let mut statement = home
            .connection()
            .prepare_cached("SELECT name, number, id FROM hazard_entries ORDER BY name, number, id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (name, number, id): (String, Option<String>, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            match names.last_mut() {
                Some(last) if last.name == name && last.number == number => last.ids.push(id),
                _ => names.push(KnownName { name, number, ids: vec![id] }),
            }
        }
        Ok(names)
    };
    read().map_err(ToolError::database("read the hazard tables in"))
}
