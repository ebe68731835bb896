//! The tables on the device.

use serde::Serialize;

use super::columns::ColumnUse;
use super::property::Property;
use crate::error::ToolError;
use crate::home::Home;

/// A table on the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptTable {
    /// Name of the table.
    pub name: String,
    /// Name of the file that it came from.
    pub file: String,
    /// Entries.
    pub entries: i64,
    /// Seconds since 1970 at its import.
    pub imported_at: i64,
}

/// The tables, by name.
///
/// # Errors
/// [`ToolError::Database`].
pub fn tables(home: &Home) -> Result<Vec<KeptTable>, ToolError> {
    let read = || {
        let mut statement = home
            .connection()
            .prepare_cached("SELECT name, file, entries, imported_at FROM hazard_tables ORDER BY name")?;
        let rows = statement.query_map([], |row| {
            Ok(KeptTable { name: row.get(0)?, file: row.get(1)?, entries: row.get(2)?, imported_at: row.get(3)? })
        })?;
        rows.collect::<Result<Vec<_>, _>>()
    };
    read().map_err(ToolError::database("read the hazard tables in"))
}

/// Whether a table on the device has a column for this.
///
/// # Errors
/// [`ToolError::Database`].
pub fn have_column(home: &Home, property: Property) -> Result<bool, ToolError> {
    Ok(!with_column(home, property)?.is_empty())
}

/// The names of the tables that have a column for this.
pub fn with_column(home: &Home, property: Property) -> Result<Vec<String>, ToolError> {
    let read = || {
        let mut statement = home.connection().prepare_cached("SELECT name, columns FROM hazard_tables")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        rows.collect::<Result<Vec<_>, _>>()
    };
    let mut all = read().map_err(ToolError::database("read the hazard tables in"))?;
    all.retain(|(_, columns)| {
        let columns: Vec<ColumnUse> = serde_json::from_str(columns).unwrap_or_default();
        columns.iter().any(|column| property.is_of(column))
    });
    Ok(all.into_iter().map(|(name, _)| name).collect())
}

/// Removes the table `name` with its entries; gives how many these were.
///
/// # Errors
/// [`ToolError::NoResult`] where there is none of that name, [`ToolError::Database`].
pub fn remove(home: &Home, name: &str) -> Result<i64, ToolError> {
    let kept = tables(home)?;
    let Some(table) = kept.iter().find(|table| table.name == name) else {
        let names: Vec<&str> = kept.iter().map(|table| table.name.as_str()).collect();
        let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(ToolError::NoResult(format!("there is no hazard table `{name}`; on this device: {there}")));
    };
    let write = || {
        let transaction = home.connection().unchecked_transaction()?;
        transaction.execute("DELETE FROM hazard_entries WHERE source = ?1", [name])?;
        transaction.execute("DELETE FROM hazard_tables WHERE name = ?1", [name])?;
        transaction.commit()
    };
    write().map_err(ToolError::database("write the hazard tables in"))?;
    Ok(table.entries)
}
