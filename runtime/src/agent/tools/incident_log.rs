//! The incident log: lines with their time, only ever added.

use jiff::Timestamp;
use rusqlite::params;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::agent::tool::{Tool, ToolContext, read, result, schema_of};
use crate::error::ToolError;

/// The incident of entries that name none.
const DEFAULT_INCIDENT: &str = "incident";
/// Incidents that are named where another was asked for.
const INCIDENTS: usize = 12;
/// Entries in one result.
const ENTRIES: u32 = 20;
/// Bytes of the entries in one result, as JSON, below what a result may have; the longest entry fits.
const ENTRIES_BYTES: usize = 24 * 1024;

/// Adds a line.
pub struct AddLogEntry;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// What happened.
    #[schemars(length(min = 1, max = 8000))]
    text: String,
    /// Name of the incident.
    #[schemars(length(min = 1, max = 60))]
    incident: Option<String>,
}

impl Tool for AddLogEntry {
    fn name(&self) -> &str {
        "log_entry"
    }

    fn description(&self) -> &str {
        "add a line to the incident log"
    }

    fn schema(&self) -> Value {
        schema_of::<Entry>()
    }

    fn changes_something(&self) -> bool {
        true
    }

    fn call(&self, arguments: Value, context: &ToolContext<'_>) -> Result<Value, ToolError> {
        let Entry { text, incident } = read(self.name(), arguments)?;
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            return Err(ToolError::NoResult("the entry has no words".to_owned()));
        }
        let incident = incident.unwrap_or_else(|| DEFAULT_INCIDENT.to_owned());
        let database = context.home.connection();
        database
            .execute(
                "INSERT INTO incident_log (incident, text, at) VALUES (?1, ?2, ?3)",
                params![incident, text, context.now],
            )
            .map_err(ToolError::database("write the log in"))?;
        let number = database.last_insert_rowid();
        Ok(result(
            format!("Entry {number} of the log: {} {text}", utc(context.now)),
            json!({ "entry": number, "at": context.now }),
        ))
    }
}

/// Reads the latest lines.
pub struct ReadLog;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Name of the incident; all if left out.
    #[schemars(length(min = 1, max = 60))]
    incident: Option<String>,
}

impl Tool for ReadLog {
    fn name(&self) -> &str {
        "read_log"
    }

    fn description(&self) -> &str {
        "latest lines of the incident log"
    }

    fn schema(&self) -> Value {
        schema_of::<Which>()
    }

    fn call(&self, arguments: Value, context: &ToolContext<'_>) -> Result<Value, ToolError> {
        let Which { incident } = read(self.name(), arguments)?;
        let wanted = incident.as_deref().map(folded);
        let incidents = incidents(context)?;
        // Letter case aside, which SQLite folds for ASCII alone.
        let named: Vec<&String> =
            incidents.iter().filter(|name| wanted.as_ref().is_none_or(|wanted| folded(name) == *wanted)).collect();
        if incidents.is_empty() {
            return Err(ToolError::NoResult("the log is empty; log_entry adds a line".to_owned()));
        }
        if named.is_empty() {
            let there = incidents.iter().take(INCIDENTS).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            return Err(ToolError::NoResult(format!(
                "the log has no incident `{}`; it has {there}",
                incident.unwrap_or_default()
            )));
        }
        let entries = || {
            context
                .home
                .connection()
                .prepare(
                    "SELECT * FROM (SELECT id, incident, text, at FROM incident_log
                     WHERE incident IN (SELECT value FROM json_each(?1)) ORDER BY id DESC LIMIT ?2) ORDER BY id",
                )?
                .query_map(params![json!(named).to_string(), ENTRIES], |row| {
                    Ok((
                        row.get::<_, i64>(0)?,
                        row.get::<_, String>(1)?,
                        row.get::<_, String>(2)?,
                        row.get::<_, i64>(3)?,
                    ))
                })?
                .collect::<Result<Vec<_>, _>>()
        };
        let entries = entries().map_err(ToolError::database("read the log in"))?;
        let mut lines: Vec<String> =
            entries.iter().map(|(id, incident, text, at)| format!("{id} {} {incident}: {text}", utc(*at))).collect();
        let mut room = ENTRIES_BYTES;
        let fitting = lines.iter().rev().take_while(|line| {
            let left = room.checked_sub(json!(line).to_string().len());
            room = left.unwrap_or(0);
            left.is_some()
        });
        let kept = fitting.count().max(1);
        let dropped = lines.len().saturating_sub(kept);
        lines.drain(..dropped);
        let count = lines.len();
        if dropped > 0 {
            lines.insert(0, format!("({dropped} before these left out: too long for one result)"));
        }
        Ok(result(lines.join("\n"), json!({ "entries": count })))
    }
}

/// The incidents of the log, the latest first.
fn incidents(context: &ToolContext<'_>) -> Result<Vec<String>, ToolError> {
    let read = || {
        context
            .home
            .connection()
            .prepare("SELECT incident FROM incident_log GROUP BY incident ORDER BY max(id) DESC")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<Vec<_>, _>>()
    };
    read().map_err(ToolError::database("read the log in"))
}

/// A name as it is compared.
fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

fn utc(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map_or_else(|_| seconds.to_string(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}
