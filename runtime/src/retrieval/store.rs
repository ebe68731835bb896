//! The database of documents: a file of its own beside the journal's, so that a long ingest never holds up the
//! recording of a turn, and taking everything away is deleting one file.
//!
//! A document's text is not kept twice: each passage has the text of its range and the gap before it (headings,
//! blank lines), the document has what follows its last passage; joined in order they are the whole text.
//! `synchronous=NORMAL` in WAL mode: a power cut may undo the last transactions, never half of one, and the queue
//! of files is in the same transactions as what was made of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::error::RetrievalError;
use crate::home::Home;

/// Newest schema number; stored in SQLite's `user_version`.
const SCHEMA_VERSION: i64 = 1;

/// How long a write waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Words in a heading say more about a passage than words in its text; `search.rs` and the tests of its scores use
/// the same weights.
pub const HEADING_WEIGHT: f64 = 2.0;

/// Key of the fact that says which encoder made the vectors.
pub const ENCODER: &str = "encoder_sha256";

/// Reader of documents that came from a database which kept passages only; any other reader reads them again.
const READER_BEFORE_TEXTS: i64 = 0;

const SCHEMA: &str = "
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE, path TEXT NOT NULL, sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, media_type TEXT NOT NULL, pages INTEGER,
    passages INTEGER NOT NULL, reader INTEGER NOT NULL, added_at INTEGER NOT NULL,
    remarks TEXT NOT NULL, tail TEXT NOT NULL
) STRICT;
CREATE TABLE passages (
    id INTEGER PRIMARY KEY,
    document INTEGER NOT NULL REFERENCES documents (id),
    page INTEGER, heading TEXT NOT NULL, gap TEXT NOT NULL, text TEXT NOT NULL,
    start_byte INTEGER NOT NULL, end_byte INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX passages_by_place ON passages (document, start_byte);
CREATE VIRTUAL TABLE passage_words USING fts5 (
    heading, text, content = 'passages', content_rowid = 'id', tokenize = 'porter unicode61'
);
-- Vectors of passages with consecutive ids; see vectors.rs.
CREATE TABLE vectors (
    first_passage INTEGER PRIMARY KEY,
    document INTEGER NOT NULL REFERENCES documents (id), count INTEGER NOT NULL,
    coarse BLOB NOT NULL, exact BLOB NOT NULL
) STRICT;
CREATE INDEX vectors_by_document ON vectors (document);

-- Files that wait to be read, and files that were not taken.
CREATE TABLE queue (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, path TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE skipped (
    name TEXT PRIMARY KEY, path TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, at INTEGER NOT NULL
) STRICT;
";

/// Where the database of a home lies.
pub fn path(home: &Home) -> PathBuf {
    home.folder().join("documents.db")
}

/// Opens the database, makes it if it is not there, and takes over what an older home kept elsewhere.
///
/// # Errors
/// [`RetrievalError`]: an unusable database, one of a newer program.
pub fn open(home: &Home) -> Result<Connection, RetrievalError> {
    let path = path(home);
    let failed = |source| RetrievalError::Database { action: "open", path: path.clone(), source };
    let mut connection = connect(&path).map_err(failed)?;
    let found = prepare(&mut connection, home).map_err(failed)?;
    if found > SCHEMA_VERSION {
        return Err(RetrievalError::NewerSchema { path, found, known: SCHEMA_VERSION });
    }
    Ok(connection)
}

/// Makes the tables of a new database; returns the schema number that was found.
fn prepare(connection: &mut Connection, home: &Home) -> rusqlite::Result<i64> {
    // Immediate: of two processes that open a new home at once, one makes the tables.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found == 0 {
        transaction.execute_batch(SCHEMA)?;
        take_over(home.connection(), &transaction)?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    }
    transaction.commit()?;
    Ok(found)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Before the first table, so that pages of removed documents can be given back to the disk.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is removed is overwritten.
    connection.pragma_update(None, "secure_delete", true)?;
    Ok(connection)
}

/// Takes over documents from the device database, which keeps passages with their places but not what lies between
/// them: blanks stand for it.
fn take_over(device: &Connection, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let there = device
        .query_row("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'documents'", [], |_| Ok(()))
        .optional()?;
    if there.is_none() {
        return Ok(());
    }
    let mut documents = device.prepare("SELECT name, sha256, size_bytes, added_at FROM documents ORDER BY name")?;
    let mut rows = documents.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let (sha256, size, added_at): (String, i64, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
        transaction.execute(
            "INSERT INTO documents (name, path, sha256, size_bytes, media_type, passages, reader, added_at, remarks, tail)
             VALUES (?1, '', ?2, ?3, 'text/plain', 0, ?4, ?5, '[]', '')",
            params![name, sha256, size, READER_BEFORE_TEXTS, added_at],
        )?;
        let document = transaction.last_insert_rowid();
        let mut passages = device.prepare(
            "SELECT heading, text, start_byte, end_byte FROM passages WHERE document = ?1 ORDER BY start_byte",
        )?;
        let mut rows = passages.query([&name])?;
        let (mut end, mut count) = (0, 0);
        while let Some(row) = rows.next()? {
            let (heading, text): (String, String) = (row.get(0)?, row.get(1)?);
            let start: i64 = row.get(2)?;
            let gap = " ".repeat(usize::try_from(start - end).unwrap_or(0));
            end = row.get(3)?;
            insert_passage(transaction, document, None, &heading, &gap, &text, [start, end])?;
            count += 1;
        }
        transaction.execute("UPDATE documents SET passages = ?1 WHERE id = ?2", [count, document])?;
    }
    Ok(())
}

/// Adds a passage to its table and to the index of words.
pub fn insert_passage(
    transaction: &Transaction<'_>,
    document: i64,
    page: Option<u32>,
    heading: &str,
    gap: &str,
    text: &str,
    bytes: [i64; 2],
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO passages (document, page, heading, gap, text, start_byte, end_byte)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![document, page, heading, gap, text, bytes[0], bytes[1]])?;
    transaction
        .prepare_cached("INSERT INTO passage_words (rowid, heading, text) VALUES (?1, ?2, ?3)")?
        .execute(params![transaction.last_insert_rowid(), heading, text])?;
    Ok(())
}

/// Takes a document with everything that was made of it out of the tables.
pub fn forget(transaction: &Transaction<'_>, document: i64) -> rusqlite::Result<()> {
    // An FTS5 table with external content must be told the words that it forgets.
    transaction.execute(
        "INSERT INTO passage_words (passage_words, rowid, heading, text)
         SELECT 'delete', id, heading, text FROM passages WHERE document = ?1",
        [document],
    )?;
    transaction.execute("DELETE FROM vectors WHERE document = ?1", [document])?;
    transaction.execute("DELETE FROM passages WHERE document = ?1", [document])?;
    transaction.execute("DELETE FROM documents WHERE id = ?1", [document])?;
    Ok(())
}

/// A fact about the index.
pub fn fact(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection.query_row("SELECT value FROM facts WHERE key = ?1", [key], |row| row.get(0)).optional()
}

/// Remembers a fact about the index.
pub fn remember(connection: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO facts (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [key, value],
    )?;
    Ok(())
}
