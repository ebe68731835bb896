//! Reading files into the index: a queue on the disk, one transaction a file, vectors after the words.
//!
//! All files are listed first and put into the queue. Each is then read, cut and stored, and leaves the queue in
//! the same transaction, so whatever ends the program loses at most the file in hand, and the next run goes on
//! with it. Searching by words works from the first file on; vectors, which take longer, follow.

use std::fs::File;
use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

use super::passages::{cut, laid_out};
use super::queue::{enqueue, note_skipped, queued};
use super::walk::{Found, list, skipped};
use super::{Document, Library, SkippedFile, store};
use crate::documents::block::Note;
use crate::documents::format::{Format, SAMPLE_BYTES, Unread, detect};
use crate::documents::plain;
use crate::documents::read::{Manner, Source, read};
use crate::error::RuntimeError;
use crate::home::{now, sha256_of_bytes, sha256_of_file};

/// Largest file that is read as a whole. Its text, its blocks and their copy in the database are in memory at once.
pub const DOCUMENT_BYTES_MAX: u64 = 16 << 20;

/// Largest PDF: most of its bytes are pictures, and another process with bounds of its own reads it.
pub const PDF_BYTES_MAX: u64 = 512 << 20;

/// Version of what is made of a file; a file that an earlier version read is read again when it is added again.
const READER: i64 = 3;

/// A file in whose reading the program ended so often (killed, out of memory) is not tried again by itself.
const TRIES_MAX: i64 = 3;

/// Remarks on one document that are kept.
const REMARKS_MAX: usize = 20;

/// Progress of adding documents.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum IndexEvent {
    /// The files are known.
    Listed {
        /// Files that will be read.
        files: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// A file is being read.
    Reading {
        /// Its name.
        name: String,
        /// Files done.
        done: usize,
        /// Files in all.
        files: usize,
    },
    /// A document can be searched.
    Added {
        /// What was added.
        document: Document,
        /// Whether it took the place of an earlier one of its name.
        replaced: bool,
    },
    /// The file is on the device already.
    Unchanged {
        /// Its name.
        name: String,
    },
    /// A file, or a part of one, was not taken.
    Skipped(SkippedFile),
    /// Vectors are being made.
    Embedding {
        /// Passages that have one.
        done: usize,
        /// Passages in all.
        passages: usize,
    },
}

/// What the observer wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexControl {
    /// Go on.
    Continue,
    /// Stop after what is in hand; the rest stays in the queue.
    Stop,
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct IndexReport {
    /// Documents that were added or replaced.
    pub added: Vec<Document>,
    /// Files that are on the device already.
    pub unchanged: usize,
    /// Files that were not taken.
    pub skipped: Vec<SkippedFile>,
    /// Files that still wait in the queue.
    pub waiting: usize,
    /// Passages that got a vector.
    pub embedded: usize,
    /// Bytes of the files that were read.
    pub bytes: u64,
    /// Time that it took.
    pub seconds: f64,
}

impl Library<'_> {
    /// Adds the files at `paths`, those of folders included, and whatever an earlier run left in the queue; with no
    /// path only the latter. A file whose content is on the device under the same name is left as it is; another
    /// content takes its place. A file that cannot be read is reported and does not stop the others.
    ///
    /// # Errors
    /// A path that is not there, a folder without files, an unusable index, a failing encoder.
    pub fn add(
        &self,
        paths: &[PathBuf],
        on_event: &mut dyn FnMut(IndexEvent) -> IndexControl,
    ) -> Result<IndexReport, RuntimeError> {
        let started = Instant::now();
        let listing = list(paths)?;
        let mut report = IndexReport::default();
        for one in listing.skipped {
            self.database("write", |connection| note_skipped(connection, &one))?;
            on_event(IndexEvent::Skipped(one.clone()));
            report.skipped.push(one);
        }
        for one in self.database("write", |connection| enqueue(connection, &listing.found))? {
            on_event(IndexEvent::Skipped(one.clone()));
            report.skipped.push(one);
        }
        let queue = self.database("read", queued)?;
        let bytes = queue.iter().map(|found| found.bytes).sum();
        let mut control = on_event(IndexEvent::Listed { files: queue.len(), bytes });
        for (done, found) in queue.iter().enumerate() {
            if control == IndexControl::Stop {
                break;
            }
            let name = found.name.clone();
            control = on_event(IndexEvent::Reading { name, done, files: queue.len() });
            if control == IndexControl::Stop {
                break;
            }
            let outcome = self.database("add to", |connection| take(connection, found))?;
            control = match outcome {
                Outcome::Added { document, replaced } => {
                    report.bytes += document.size_bytes;
                    report.added.push(document.clone());
                    on_event(IndexEvent::Added { document, replaced })
                }
                Outcome::Unchanged => {
                    report.unchanged += 1;
                    on_event(IndexEvent::Unchanged { name: found.name.clone() })
                }
                Outcome::Skipped(one) => {
                    report.skipped.push(one.clone());
                    on_event(IndexEvent::Skipped(one))
                }
            };
        }
        if control == IndexControl::Continue
            && let Some(encoder) = self.encoder
        {
            report.embedded = self.embed(encoder, on_event)?;
        }
        report.waiting = self.database("read", |connection| {
            connection.query_row("SELECT count(*) FROM queue", [], |row| row.get::<_, i64>(0))
        })? as usize;
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }
}

enum Outcome {
    Added { document: Document, replaced: bool },
    Unchanged,
    Skipped(SkippedFile),
}

/// Reads a file of the queue and stores what it says; whatever becomes of it, it leaves the queue.
fn take(connection: &Connection, found: &Found) -> rusqlite::Result<Outcome> {
    let known: Option<(i64, String, i64, String)> = connection
        .query_row("SELECT id, sha256, reader, path FROM documents WHERE name = ?1", [&found.name], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let same = |sha256: &str| known.as_ref().is_some_and(|(_, known, reader, _)| known == sha256 && *reader == READER);
    let tries: i64 = connection.query_row(
        "UPDATE queue SET tries = tries + 1 WHERE name = ?1 RETURNING tries",
        [&found.name],
        |row| row.get(0),
    )?;
    let outcome = if tries > TRIES_MAX { Err(given_up()) } else { guarded(|| prepare(found, &same)) };
    let transaction = connection.unchecked_transaction()?;
    transaction.execute("DELETE FROM queue WHERE name = ?1", [&found.name])?;
    let path = found.path.to_string_lossy();
    transaction.execute("DELETE FROM skipped WHERE name IN (?1, ?2)", [found.name.as_str(), &path])?;
    let outcome = match outcome {
        Ok(None) => Outcome::Unchanged,
        Ok(Some(mut prepared)) => {
            let replaced = known.is_some();
            if let Some((id, sha256, _, was)) = known {
                store::forget(&transaction, id)?;
                prepared.remarks.splice(..0, in_place_of(found, &was, sha256 == prepared.sha256));
            }
            Outcome::Added { document: keep(&transaction, found, prepared)?, replaced }
        }
        Err(unread) => {
            let one = skipped(found.name.clone(), &found.path, unread.reason, &unread.detail);
            note_skipped(&transaction, &one)?;
            Outcome::Skipped(one)
        }
    };
    transaction.commit()?;
    Ok(outcome)
}

/// What is said where another file has the name of the one that is added: it may be an older edition, or quite another
/// document.
fn in_place_of(found: &Found, was: &str, is_same: bool) -> Option<String> {
    let known = !was.is_empty() && !is_same && Path::new(was) != found.path;
    known.then(|| format!("replaced: {was} had the same name; add the folder above both to keep both"))
}

/// A parser that panics has met a broken file, no more.
fn guarded<T>(work: impl FnOnce() -> Result<T, Unread>) -> Result<T, Unread> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let detail = "its reader gave up; save it again, or give its text".to_owned();
        Err(Unread { reason: "broken", detail })
    })
}

fn given_up() -> Unread {
    let detail = format!("the program ended {TRIES_MAX} times while it was read; give its text, or add it by name");
    Unread { reason: "crashed", detail }
}

/// A document before it is stored.
struct Prepared {
    sha256: String,
    size_bytes: u64,
    format: Format,
    pages: Option<u32>,
    text: String,
    pieces: Vec<super::passages::Piece>,
    remarks: Vec<String>,
}

/// Reads and cuts a file; `None` if its content is on the device already.
fn prepare(found: &Found, same: &dyn Fn(&str) -> bool) -> Result<Option<Prepared>, Unread> {
    let unreadable =
        |error: std::io::Error| Unread { reason: "unreadable", detail: format!("{error}; check path and permissions") };
    let mut file = File::open(&found.path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    (&mut file).take(SAMPLE_BYTES as u64).read_to_end(&mut bytes).map_err(unreadable)?;
    let format = detect(&found.name, &bytes)?;
    let limit = if format == Format::Pdf { PDF_BYTES_MAX } else { DOCUMENT_BYTES_MAX };
    let size_bytes = file.metadata().map_err(unreadable)?.len();
    if size_bytes > limit {
        let detail = format!("{size_bytes} bytes, the limit is {limit}; split it into parts");
        return Err(Unread { reason: "too_large", detail });
    }
    let sha256 = if format == Format::Pdf {
        bytes.clear();
        sha256_of_file(&found.path).map_err(unreadable)?
    } else {
        // A file that grows while it is read is cut, not followed.
        let rest = limit.saturating_sub(bytes.len() as u64);
        file.take(rest).read_to_end(&mut bytes).map_err(unreadable)?;
        sha256_of_bytes(&bytes)
    };
    if same(&sha256) {
        return Ok(None);
    }
    let source = Source {
        file: &found.path,
        path: &found.name,
        format,
        bytes: &bytes,
        first_byte: 0,
        first_line: 1,
        first_page: None,
        encoding: None,
        head: None,
    };
    let mut manner = Manner {
        clean: true,
        wording: None,
        records: None,
        code: &mut |text, language| plain::read_code(text, language.name()),
    };
    let read = read(&source, &mut manner)?;
    let (text, blocks) = laid_out(&read.decoded.text, read.blocks);
    let pieces = cut(&text, &blocks);
    if pieces.is_empty() {
        let lost = read.notes.iter().find(|note| note.lost);
        return Err(match lost {
            Some(note) => Unread { reason: note.reason, detail: note.detail.clone() },
            None => Unread { reason: "empty", detail: "no text was found in it".to_owned() },
        });
    }
    let remarks = read.notes.iter().map(|note: &Note| format!("{}: {}", note.reason, note.detail));
    Ok(Some(Prepared {
        sha256,
        size_bytes,
        format,
        pages: read.pages,
        remarks: remarks.take(REMARKS_MAX).collect(),
        pieces,
        text: text.into_owned(),
    }))
}

fn keep(transaction: &rusqlite::Transaction<'_>, found: &Found, prepared: Prepared) -> rusqlite::Result<Document> {
    let end = prepared.pieces.last().map_or(0, |piece| piece.bytes.end);
    let document = Document {
        name: found.name.clone(),
        path: absolute(&found.path),
        sha256: prepared.sha256,
        size_bytes: prepared.size_bytes,
        media_type: prepared.format.media_type().to_owned(),
        pages: prepared.pages,
        passages: prepared.pieces.len(),
        embedded: 0,
        remarks: prepared.remarks,
        added_at: now(),
    };
    transaction.execute(
        "INSERT INTO documents (name, path, sha256, size_bytes, media_type, pages, passages, reader, added_at, remarks,
         tail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            document.name,
            document.path.to_string_lossy(),
            document.sha256,
            document.size_bytes as i64,
            document.media_type,
            document.pages,
            document.passages as i64,
            READER,
            document.added_at,
            serde_json::to_string(&document.remarks).unwrap_or_default(),
            &prepared.text[end..],
        ],
    )?;
    let id = transaction.last_insert_rowid();
    let mut at = 0;
    for piece in &prepared.pieces {
        let (start, end) = (piece.bytes.start, piece.bytes.end);
        let (gap, text) = (&prepared.text[at..start], &prepared.text[start..end]);
        store::insert_passage(transaction, id, piece.page, &piece.heading, gap, text, [start as i64, end as i64])?;
        at = end;
    }
    Ok(document)
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}
