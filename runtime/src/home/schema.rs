//! The tables of the device database, as steps from one version to the next.
//!
//! A database carries the number of steps that made it in SQLite's `user_version`; opening it takes the rest in one
//! transaction. A step that has been released is never edited: a change is another step.

/// Every step, oldest first.
const STEPS: &[&str] = &[FIRST, CONVERSATIONS, FOUND_TURNS, TOOLS];

/// Newest schema number.
pub fn version() -> i64 {
    STEPS.len() as i64
}

/// The steps that a database of version `found` lacks.
pub fn steps_after(found: i64) -> &'static [&'static str] {
    let taken = usize::try_from(found).unwrap_or(0).min(STEPS.len());
    &STEPS[taken..]
}

const FIRST: &str = "
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE turns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    question TEXT NOT NULL, answer TEXT NOT NULL,
    confidence REAL, passage TEXT, supported INTEGER NOT NULL,
    generation TEXT NOT NULL, tokens INTEGER NOT NULL, seconds REAL NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE feedback (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    turn INTEGER NOT NULL REFERENCES turns (id),
    kind TEXT NOT NULL CHECK (kind IN ('good', 'bad', 'correction')),
    text TEXT, created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX feedback_by_turn ON feedback (turn, id);

CREATE TABLE generations (
    id TEXT PRIMARY KEY,
    parent TEXT, created_at INTEGER NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('carried', 'learned')),
    gate_accuracy REAL, corrected_accuracy REAL,
    rejected TEXT, size_bytes INTEGER NOT NULL
) STRICT;
-- One row: the switch between generations is one update of it.
CREATE TABLE activation (
    slot INTEGER PRIMARY KEY CHECK (slot = 1),
    active TEXT NOT NULL, previous TEXT
) STRICT;
INSERT INTO activation (slot, active) VALUES (1, 'base');
-- Feedback that a generation knows, that of its ancestors included.
CREATE TABLE learned (
    generation TEXT NOT NULL, feedback INTEGER NOT NULL,
    PRIMARY KEY (generation, feedback)
) STRICT, WITHOUT ROWID;

CREATE TABLE documents (
    name TEXT PRIMARY KEY, sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, added_at INTEGER NOT NULL
) STRICT;
CREATE TABLE passages (
    id INTEGER PRIMARY KEY,
    document TEXT NOT NULL REFERENCES documents (name),
    heading TEXT NOT NULL, text TEXT NOT NULL,
    start_byte INTEGER NOT NULL, end_byte INTEGER NOT NULL
) STRICT;
CREATE INDEX passages_by_document ON passages (document);
CREATE VIRTUAL TABLE passage_words USING fts5 (
    heading, text, content = 'passages', content_rowid = 'id', tokenize = 'porter unicode61'
);
";

/// Turns belong to conversations and keep what they rest on, as JSON of the types in `turn.rs`. A turn of a database
/// without conversations is one of its own.
const CONVERSATIONS: &str = "
ALTER TABLE turns ADD COLUMN session INTEGER;
UPDATE turns SET session = id;
CREATE INDEX turns_by_session ON turns (session, id);
ALTER TABLE turns ADD COLUMN assessment TEXT;
ALTER TABLE turns ADD COLUMN citations TEXT;
ALTER TABLE turns ADD COLUMN tools TEXT;
ALTER TABLE feedback ADD COLUMN reasons TEXT;
";

/// Turns name their model and are found by words: triggers keep the word index, also when a piece is redacted, and its
/// deletions leave nothing behind. Each generation has the evidence for how far its answers can be trusted.
const FOUND_TURNS: &str = "
ALTER TABLE turns ADD COLUMN model TEXT;
CREATE VIRTUAL TABLE turn_words USING fts5 (question, answer, correction, tokenize = 'porter unicode61');
INSERT INTO turn_words (turn_words, rank) VALUES ('secure-delete', 1);
INSERT INTO turn_words (rowid, question, answer, correction)
    SELECT id, question, answer,
    coalesce((SELECT text FROM feedback WHERE turn = turns.id ORDER BY id DESC LIMIT 1), '') FROM turns;
CREATE TRIGGER turn_added AFTER INSERT ON turns BEGIN
    INSERT INTO turn_words (rowid, question, answer, correction) VALUES (new.id, new.question, new.answer, '');
END;
CREATE TRIGGER turn_changed AFTER UPDATE OF question, answer ON turns BEGIN
    UPDATE turn_words SET question = new.question, answer = new.answer WHERE rowid = new.id;
END;
CREATE TRIGGER turn_deleted AFTER DELETE ON turns BEGIN
    DELETE FROM turn_words WHERE rowid = old.id;
END;
CREATE TRIGGER feedback_added AFTER INSERT ON feedback BEGIN
    UPDATE turn_words SET correction = coalesce(new.text, '') WHERE rowid = new.turn;
END;
CREATE TRIGGER feedback_changed AFTER UPDATE OF text ON feedback BEGIN
    UPDATE turn_words SET correction =
        coalesce((SELECT text FROM feedback WHERE turn = new.turn ORDER BY id DESC LIMIT 1), '') WHERE rowid = new.turn;
END;
CREATE TABLE trust (
    generation TEXT NOT NULL, model TEXT NOT NULL,
    made_at INTEGER NOT NULL, evidence TEXT NOT NULL,
    PRIMARY KEY (generation, model)
) STRICT, WITHOUT ROWID;
";

/// What tools keep: imported hazard tables, the incident log and checklists that are being worked through.
const TOOLS: &str = "
CREATE TABLE hazard_tables (
    name TEXT PRIMARY KEY, file TEXT NOT NULL, sha256 TEXT NOT NULL, columns TEXT NOT NULL,
    entries INTEGER NOT NULL, imported_at INTEGER NOT NULL
) STRICT;
CREATE TABLE hazard_entries (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL REFERENCES hazard_tables (name) ON DELETE CASCADE,
    line INTEGER NOT NULL, number TEXT, name TEXT NOT NULL, fields TEXT NOT NULL
) STRICT;
CREATE INDEX hazard_entries_by_number ON hazard_entries (number);
CREATE INDEX hazard_entries_by_source ON hazard_entries (source);
CREATE TABLE incident_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT, incident TEXT NOT NULL, text TEXT NOT NULL, at INTEGER NOT NULL
) STRICT;
CREATE TABLE checklist_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, checklist TEXT NOT NULL, document TEXT NOT NULL,
    items TEXT NOT NULL, done TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER
) STRICT;
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::Home;
    use crate::journal::Journal;
    use crate::turn::SessionId;

    #[test]
    fn an_older_database_is_brought_forward_with_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let database = rusqlite::Connection::open(folder.path().join("device.db")).unwrap();
        database.execute_batch(FIRST).unwrap();
        database.pragma_update(None, "user_version", 1).unwrap();
        database
            .execute_batch(
                "INSERT INTO turns (question, answer, supported, generation, tokens, seconds, created_at)
                 VALUES ('How far?', '150 feet.', 1, 'base', 3, 0.5, 1);
                 INSERT INTO feedback (turn, kind, created_at) VALUES (1, 'good', 2);",
            )
            .unwrap();
        drop(database);
        let home = Home::open(Some(folder.path())).unwrap();
        let turns = Journal::new(&home).latest(10).unwrap();
        assert_eq!(turns.len(), 1);
        assert_eq!((turns[0].answer.as_str(), turns[0].session), ("150 feet.", SessionId(1)));
        assert!(turns[0].feedback.is_some() && turns[0].citations.is_empty());
    }
}
