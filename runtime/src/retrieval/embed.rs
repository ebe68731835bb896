//! Vectors for passages that have none: a row of them at a time, each a transaction, so that a stop loses one row.

use rusqlite::{Connection, OptionalExtension, params};

use super::encoder::{Encoder, Role};
use super::{IndexControl, IndexEvent, Library, store, vectors};
use crate::error::RuntimeError;

impl Library<'_> {
    /// Makes the vectors that are missing, a row at a time, and returns how many passages got one. Vectors of another
    /// encoder are dropped first.
    pub(super) fn embed(
        &self,
        encoder: &dyn Encoder,
        on_event: &mut dyn FnMut(IndexEvent) -> IndexControl,
    ) -> Result<usize, RuntimeError> {
        self.database("write", |connection| use_encoder(connection, encoder.id()))?;
        let count = |sql: &'static str| {
            self.database("read", |connection| connection.query_row(sql, [], |row| row.get::<_, i64>(0)))
        };
        let passages = count("SELECT count(*) FROM passages")? as usize;
        let mut done = count("SELECT coalesce(sum(count), 0) FROM vectors")? as usize;
        let mut embedded = 0;
        while done < passages {
            let Some(batch) = self.database("read", without_vectors)? else { break };
            if on_event(IndexEvent::Embedding { done, passages }) == IndexControl::Stop {
                break;
            }
            let texts: Vec<&str> = batch.texts.iter().map(String::as_str).collect();
            let made = encoder.encode(&texts, Role::Passage)?;
            self.database("add to", |connection| {
                let transaction = connection.unchecked_transaction()?;
                // Another process may have removed the document meanwhile.
                let there = transaction
                    .query_row("SELECT 1 FROM documents WHERE id = ?1", [batch.document], |_| Ok(()))
                    .optional()?;
                if there.is_some() {
                    vectors::store(&transaction, batch.document, batch.first, &made)?;
                }
                transaction.commit()
            })?;
            done += made.len();
            embedded += made.len();
        }
        on_event(IndexEvent::Embedding { done, passages });
        Ok(embedded)
    }
}

/// Passages of one document, one after the other, that have no vector.
struct Batch {
    document: i64,
    first: i64,
    texts: Vec<String>,
}

fn without_vectors(connection: &Connection) -> rusqlite::Result<Option<Batch>> {
    let next: Option<(i64, i64)> = connection
        .query_row(
            "SELECT p.document, min(p.id) FROM passages p
             WHERE p.document = (
                 SELECT d.id FROM documents d
                 WHERE d.passages > (SELECT coalesce(sum(count), 0) FROM vectors WHERE document = d.id)
                 ORDER BY d.id LIMIT 1)
             AND p.id >= (SELECT coalesce(max(first_passage + count), 0) FROM vectors WHERE document = p.document)
             GROUP BY p.document",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((document, first)) = next else { return Ok(None) };
    let mut statement = connection
        .prepare_cached("SELECT heading, text FROM passages WHERE document = ?1 AND id >= ?2 ORDER BY id LIMIT ?3")?;
    let rows = statement.query_map(params![document, first, vectors::PASSAGES_PER_ROW as i64], |row| {
        let (heading, text): (String, String) = (row.get(0)?, row.get(1)?);
        Ok(with_heading(&heading, &text))
    })?;
    Ok(Some(Batch { document, first, texts: rows.collect::<Result<_, _>>()? }))
}

/// A passage as encoders see it: what it is about stands above it.
pub fn with_heading(heading: &str, text: &str) -> String {
    if heading.is_empty() { text.to_owned() } else { format!("{heading}\n{text}") }
}

/// Vectors of different encoders cannot be compared: those of another one go.
fn use_encoder(connection: &Connection, id: &str) -> rusqlite::Result<()> {
    if store::fact(connection, store::ENCODER)?.as_deref() == Some(id) {
        return Ok(());
    }
    let transaction = connection.unchecked_transaction()?;
    transaction.execute("DELETE FROM vectors", [])?;
    store::remember(&transaction, store::ENCODER, id)?;
    transaction.commit()
}
