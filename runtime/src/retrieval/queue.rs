//! The queue of files that wait to be read, and the record of those that were not taken.

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, params};

use super::SkippedFile;
use super::walk::{Found, same_name};
use crate::home::now;

/// Puts files into the queue; gives those that waited under the name of another one of them.
pub(super) fn enqueue(connection: &Connection, found: &[Found]) -> rusqlite::Result<Vec<SkippedFile>> {
    let transaction = connection.unchecked_transaction()?;
    let mut displaced = Vec::new();
    for one in found {
        let path = one.path.to_string_lossy();
        let waiting: Option<String> = transaction
            .prepare_cached("SELECT path FROM queue WHERE name = ?1")?
            .query_row([&one.name], |row| row.get(0))
            .optional()?;
        displaced.extend(waiting.filter(|known| *known != path).map(|known| same_name(known.into(), &one.path)));
        transaction
            .prepare_cached(
                "INSERT INTO queue (name, path) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET path = excluded.path, tries = 0",
            )?
            .execute(params![one.name, path])?;
    }
    for one in &displaced {
        note_skipped(&transaction, one)?;
    }
    transaction.commit()?;
    Ok(displaced)
}

/// The files that wait, in the order in which they came.
pub(super) fn queued(connection: &Connection) -> rusqlite::Result<Vec<Found>> {
    let mut statement = connection.prepare("SELECT name, path FROM queue ORDER BY id")?;
    let rows = statement.query_map([], |row| {
        let path = PathBuf::from(row.get::<_, String>(1)?);
        let bytes = std::fs::metadata(&path).map_or(0, |facts| facts.len());
        Ok(Found { name: row.get(0)?, path, bytes })
    })?;
    rows.collect()
}

/// Keeps on record that a file was not taken.
pub(super) fn note_skipped(connection: &Connection, one: &SkippedFile) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO skipped (name, path, reason, detail, at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![one.name, one.path.to_string_lossy(), one.reason, one.detail, now()])?;
    Ok(())
}
