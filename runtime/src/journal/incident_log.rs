//! The incident log when the journal forgets: its lines hold what responders said, so they go the way of the turns.

use rusqlite::{Transaction, params};

use super::forget::{Finder, Manner};

/// What a forgetting changed in the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Changed {
    /// Lines that were redacted or deleted.
    pub lines: usize,
    /// Pieces that were replaced.
    pub pieces: usize,
}

/// Redacts what `finder` finds, or deletes the lines that hold it.
pub(super) fn forget(transaction: &Transaction<'_>, finder: &Finder, manner: Manner) -> rusqlite::Result<Changed> {
    let lines = transaction
        .prepare("SELECT id, incident, text FROM incident_log ORDER BY id")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(i64, String, String)>>>()?;
    let mut changed = Changed::default();
    for (id, incident, text) in lines {
        let ((incident, in_name), (text, in_text)) = (finder.redact(&incident), finder.redact(&text));
        if in_name + in_text == 0 {
            continue;
        }
        changed.lines += 1;
        match manner {
            Manner::Delete => transaction.execute("DELETE FROM incident_log WHERE id = ?1", [id])?,
            Manner::Redact => {
                changed.pieces += in_name + in_text;
                let update = "UPDATE incident_log SET incident = ?1, text = ?2 WHERE id = ?3";
                transaction.execute(update, params![incident, text, id])?
            }
        };
    }
    Ok(changed)
}

/// Deletes lines that were written before `oldest` (Unix seconds).
pub(super) fn delete_older(transaction: &Transaction<'_>, oldest: i64) -> rusqlite::Result<usize> {
    transaction.execute("DELETE FROM incident_log WHERE at < ?1", [oldest])
}
