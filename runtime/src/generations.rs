//! Adapter generations: immutable files named by content hash, one of them active.
//!
//! A file `adapters/<sha256>.gguf` is complete and synced before the database names it, and is
//! never written again. Which generation answers is one row; activation and rollback each update
//! that row in one transaction, so a kill leaves the old state or the new one.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use crate::error::AdapterStoreError;
use crate::home::{Home, copy_atomically, now, sha256_of_file};

/// Id of the state without any adapter.
pub const BASE: &str = "base";

/// Where a generation came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The model itself, without adapter.
    Base,
    /// Carried here in a kit from headquarters.
    Carried,
    /// Learned on this device from corrections.
    Learned,
}

/// One adapter generation; the base counts as one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Generation {
    /// SHA-256 of the adapter file in lower-case hex; `base` for no adapter.
    pub id: String,
    /// Id of the generation it was trained from.
    pub parent: Option<String>,
    /// When it was added, in seconds since 1970 UTC.
    pub created_at: i64,
    /// Where it came from.
    pub origin: Origin,
    /// Right answers on the gate questions, 0 to 1, when it was learned.
    pub gate_accuracy: Option<f32>,
    /// Right answers on the corrected questions, 0 to 1, when it was learned.
    pub corrected_accuracy: Option<f32>,
    /// Why it may not answer; `None` for a usable generation.
    pub rejected: Option<String>,
    /// Whether this generation answers now.
    pub active: bool,
    /// Size of the adapter file.
    pub size_bytes: u64,
}

/// A candidate with its evaluation, as learning hands it over.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// The adapter file, outside the store.
    pub file: &'a Path,
    /// Generation it was trained from.
    pub parent: &'a str,
    /// Right answers on the gate; `None` without gate questions.
    pub gate_accuracy: Option<f32>,
    /// Right answers on the corrected questions.
    pub corrected_accuracy: Option<f32>,
    /// Feedback rows it was trained on.
    pub learned: &'a [i64],
}

/// The generations of a home.
pub struct Generations<'home> {
    home: &'home Home,
}

const COLUMNS: &str = "g.id, g.parent, g.created_at, g.origin, g.gate_accuracy,
    g.corrected_accuracy, g.rejected, g.size_bytes, a.active = g.id
    FROM generations g, activation a";

impl<'home> Generations<'home> {
    /// The generations of `home`.
    pub fn new(home: &'home Home) -> Generations<'home> {
        Generations { home }
    }

    /// All generations, the base first, then by age; rejected ones included.
    ///
    /// # Errors
    /// [`AdapterStoreError::Database`].
    pub fn list(&self) -> Result<Vec<Generation>, AdapterStoreError> {
        let read = || -> rusqlite::Result<Vec<Generation>> {
            self.home
                .connection()
                .prepare(&format!("SELECT {COLUMNS} ORDER BY g.created_at, g.rowid"))?
                .query_map([], read_generation)?
                .collect()
        };
        let mut all = vec![self.base()?];
        all.extend(read().map_err(|source| self.failed("read", source))?);
        Ok(all)
    }

    /// The generation that answers now.
    ///
    /// # Errors
    /// [`AdapterStoreError::Database`].
    pub fn active(&self) -> Result<Generation, AdapterStoreError> {
        let active = self
            .home
            .connection()
            .query_row(&format!("SELECT {COLUMNS} WHERE a.active = g.id"), [], read_generation)
            .optional()
            .map_err(|source| self.failed("read", source))?;
        active.map_or_else(|| self.base(), Ok)
    }

    /// Id of the generation that [`Generations::roll_back`] returns to.
    ///
    /// # Errors
    /// [`AdapterStoreError::Database`].
    pub fn previous(&self) -> Result<Option<String>, AdapterStoreError> {
        self.home
            .connection()
            .query_row("SELECT previous FROM activation", [], |row| row.get(0))
            .map_err(|source| self.failed("read", source))
    }

    /// The file of a generation, its content compared with its name; `None` for the base.
    ///
    /// # Errors
    /// [`AdapterStoreError::Missing`] or [`AdapterStoreError::Corrupted`].
    pub fn verified_file(&self, id: &str) -> Result<Option<PathBuf>, AdapterStoreError> {
        if id == BASE {
            return Ok(None);
        }
        let path = self.file_of(id);
        match sha256_of_file(&path) {
            Ok(found) if found == id => Ok(Some(path)),
            Ok(found) => Err(AdapterStoreError::Corrupted { path, found }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(AdapterStoreError::Missing { path }),
            Err(source) => Err(AdapterStoreError::Io { action: "read", path, source }),
        }
    }

    /// Adds an adapter that headquarters made and activates it. The caller has validated it.
    ///
    /// # Errors
    /// [`AdapterStoreError`]: unreadable file, full disk, failing database; nothing is active that
    /// was not before.
    pub fn install_carried(&self, file: &Path) -> Result<Generation, AdapterStoreError> {
        let candidate = Candidate { file, parent: BASE, gate_accuracy: None, corrected_accuracy: None, learned: &[] };
        self.install(&candidate, Origin::Carried)
    }

    /// Adds a learned adapter that passed its evaluation and activates it.
    ///
    /// # Errors
    /// As [`Generations::install_carried`].
    pub fn install_learned(&self, candidate: &Candidate) -> Result<Generation, AdapterStoreError> {
        self.install(candidate, Origin::Learned)
    }

    /// Remembers a candidate that did not pass, with its figures; its file is not kept.
    ///
    /// # Errors
    /// As [`Generations::install_carried`].
    pub fn record_rejected(&self, candidate: &Candidate, reason: &str) -> Result<String, AdapterStoreError> {
        let io = |source| AdapterStoreError::Io { action: "read", path: candidate.file.to_path_buf(), source };
        let id = sha256_of_file(candidate.file).map_err(io)?;
        let size = std::fs::metadata(candidate.file).map_err(io)?.len();
        self.home
            .connection()
            .execute(
                // A candidate with the same bytes that passed earlier stays usable.
                "INSERT INTO generations (id, parent, created_at, origin, gate_accuracy,
                 corrected_accuracy, rejected, size_bytes)
                 VALUES (?1, ?2, ?3, 'learned', ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING",
                params![
                    id,
                    candidate.parent,
                    now(),
                    candidate.gate_accuracy,
                    candidate.corrected_accuracy,
                    reason,
                    size as i64
                ],
            )
            .map_err(|source| self.failed("append to", source))?;
        Ok(id)
    }

    /// Activates the generation whose id starts with `prefix`, or `base`.
    ///
    /// # Errors
    /// [`AdapterStoreError`]: unknown, ambiguous, rejected, missing or damaged.
    pub fn activate(&self, prefix: &str) -> Result<Generation, AdapterStoreError> {
        let found = self.find(prefix)?;
        if let Some(reason) = found.rejected {
            return Err(AdapterStoreError::Rejected { id: found.id, reason });
        }
        self.verified_file(&found.id)?;
        self.home
            .connection()
            .execute("UPDATE activation SET previous = active, active = ?1 WHERE active <> ?1", [&found.id])
            .map_err(|source| self.failed("update", source))?;
        self.active()
    }

    /// Returns to the generation that was active before. One step: afterwards there is no
    /// previous one until the next activation.
    ///
    /// # Errors
    /// [`AdapterStoreError`]: nothing to return to, or its file is missing or damaged.
    pub fn roll_back(&self) -> Result<Generation, AdapterStoreError> {
        let previous = self.previous()?.ok_or(AdapterStoreError::NoPrevious)?;
        self.verified_file(&previous)?;
        self.home
            .connection()
            .execute("UPDATE activation SET active = previous, previous = NULL WHERE previous = ?1", [&previous])
            .map_err(|source| self.failed("update", source))?;
        self.active()
    }

    /// Lets the base answer and marks every generation as unusable, in one transaction.
    ///
    /// # Errors
    /// [`AdapterStoreError::Database`].
    pub fn retire_all(&self, reason: &str) -> Result<(), AdapterStoreError> {
        let retire = || {
            let transaction = self.home.connection().unchecked_transaction()?;
            transaction.execute("UPDATE activation SET active = 'base', previous = NULL", [])?;
            transaction.execute("UPDATE generations SET rejected = ?1 WHERE rejected IS NULL", [reason])?;
            transaction.commit()
        };
        retire().map_err(|source| self.failed("update", source))
    }

    /// Records that `generation` gives the answers of these feedback entries, so that they wait no longer.
    ///
    /// # Errors
    /// [`AdapterStoreError`] when the record cannot be written; then nothing is changed.
    pub fn mark_known(&self, generation: &str, feedback: &[i64]) -> Result<(), AdapterStoreError> {
        let mark = || {
            let transaction = self.home.connection().unchecked_transaction()?;
            mark_learned(&transaction, generation, feedback)?;
            transaction.commit()
        };
        mark().map_err(|source| self.failed("update", source))
    }

    fn install(&self, candidate: &Candidate, origin: Origin) -> Result<Generation, AdapterStoreError> {
        let io = |path: &Path, source| AdapterStoreError::Io { action: "store", path: path.to_path_buf(), source };
        let id = sha256_of_file(candidate.file).map_err(|source| io(candidate.file, source))?;
        let path = self.file_of(&id);
        let written = copy_atomically(candidate.file, &path).map_err(|source| io(&path, source))?;
        if written != id {
            return Err(AdapterStoreError::Corrupted { path, found: written });
        }
        let size = std::fs::metadata(&path).map_err(|source| io(&path, source))?.len();
        let origin = if origin == Origin::Carried { "carried" } else { "learned" };
        let store = || -> rusqlite::Result<()> {
            let transaction = self.home.connection().unchecked_transaction()?;
            transaction.execute(
                "INSERT INTO generations (id, parent, created_at, origin, gate_accuracy,
                 corrected_accuracy, size_bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (id) DO UPDATE SET rejected = NULL,
                 gate_accuracy = excluded.gate_accuracy,
                 corrected_accuracy = excluded.corrected_accuracy",
                params![
                    id,
                    candidate.parent,
                    now(),
                    origin,
                    candidate.gate_accuracy,
                    candidate.corrected_accuracy,
                    size as i64
                ],
            )?;
            transaction.execute(
                "INSERT OR IGNORE INTO learned (generation, feedback)
                 SELECT ?1, feedback FROM learned WHERE generation = ?2",
                [id.as_str(), candidate.parent],
            )?;
            mark_learned(&transaction, &id, candidate.learned)?;
            transaction.execute("UPDATE activation SET previous = active, active = ?1 WHERE active <> ?1", [&id])?;
            transaction.commit()
        };
        store().map_err(|source| self.failed("update", source))?;
        self.active()
    }

    fn find(&self, prefix: &str) -> Result<Generation, AdapterStoreError> {
        if prefix == BASE {
            return self.base();
        }
        let wanted = prefix.to_ascii_lowercase();
        let mut found: Vec<Generation> = self
            .list()?
            .into_iter()
            .filter(|generation| !wanted.is_empty() && generation.id != BASE && generation.id.starts_with(&wanted))
            .collect();
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(AdapterStoreError::Unknown(prefix.to_owned())),
            count => Err(AdapterStoreError::Ambiguous { prefix: prefix.to_owned(), count }),
        }
    }

    fn base(&self) -> Result<Generation, AdapterStoreError> {
        let active: bool = self
            .home
            .connection()
            .query_row("SELECT active = 'base' FROM activation", [], |row| row.get(0))
            .map_err(|source| self.failed("read", source))?;
        Ok(Generation {
            id: BASE.to_owned(),
            parent: None,
            created_at: 0,
            origin: Origin::Base,
            gate_accuracy: None,
            corrected_accuracy: None,
            rejected: None,
            active,
            size_bytes: 0,
        })
    }

    fn file_of(&self, id: &str) -> PathBuf {
        self.home.adapters_folder().join(format!("{id}.gguf"))
    }

    fn failed(&self, action: &'static str, source: rusqlite::Error) -> AdapterStoreError {
        AdapterStoreError::Database { action, path: self.home.database_path(), source }
    }
}

fn read_generation(row: &Row<'_>) -> rusqlite::Result<Generation> {
    let accuracy =
        |index| -> rusqlite::Result<Option<f32>> { Ok(row.get::<_, Option<f64>>(index)?.map(|value| value as f32)) };
    let origin: String = row.get(3)?;
    Ok(Generation {
        id: row.get(0)?,
        parent: row.get(1)?,
        created_at: row.get(2)?,
        origin: if origin == "carried" { Origin::Carried } else { Origin::Learned },
        gate_accuracy: accuracy(4)?,
        corrected_accuracy: accuracy(5)?,
        rejected: row.get(6)?,
        size_bytes: row.get::<_, i64>(7)? as u64,
        active: row.get(8)?,
    })
}

fn mark_learned(connection: &Connection, generation: &str, feedback: &[i64]) -> rusqlite::Result<()> {
    for feedback in feedback {
        connection.execute(
            "INSERT OR IGNORE INTO learned (generation, feedback) VALUES (?1, ?2)",
            params![generation, feedback],
        )?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "generations_tests.rs"]
mod tests;
