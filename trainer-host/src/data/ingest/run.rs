//! Reading all files of a listing, in order, on all cores, in bounded memory.

mod large;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Mutex;

use rayon::prelude::*;

use super::super::canonical::{content_id, sha256_hex};
use super::super::ledger::{Left, Skipped};
use super::super::manifest::{CHUNKS, Source};
use super::super::writer::DatasetWriter;
use super::block::Note;
use super::earlier::{Earlier, Journal, Known};
use super::files::{Found, Listing, joined, skipped};
use super::format::{Format, SAMPLE_BYTES, Unread, detect};
use super::read::{Document, Outcome, Rules, read};
use super::schema::fit::{Columns, Fit};
use super::tokens::{Counter, Measure};
use super::windows::WINDOW_BYTES;
use crate::progress::{Progress, bytes};

/// Files that are read as a whole may have so many bytes.
const WHOLE_BYTES_MAX: u64 = 64 << 20;
/// Bytes and files of one batch; between two batches results are written and Ctrl-C is looked for.
const BATCH_BYTES: u64 = 32 << 20;
const BATCH_FILES: usize = 256;

/// What a run did.
pub struct Done<'a> {
    /// Sources that were read.
    pub files: usize,
    /// Of these, taken from an earlier run.
    pub reused: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Tokens of all chunks.
    pub tokens: u64,
    /// What was left out and what was changed.
    pub notes: Vec<Skipped>,
    /// How the schema fits what was read.
    pub fit: Fit<'a>,
    /// To be removed when the dataset is written.
    pub journal: Journal,
}

/// What became of one file, or of a piece of one.
#[derive(Default)]
struct Result {
    source: Option<Source>,
    lines: Vec<u8>,
    tokens: u64,
    notes: Vec<Skipped>,
    columns: Columns,
    origin: Origin,
}

/// Where a source was taken from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Origin {
    /// From its file.
    #[default]
    Read,
    /// From the dataset that an earlier run wrote.
    Dataset,
    /// From the journal of this run, which has it already.
    Journal,
}

impl Origin {
    fn of(known: &Known) -> Self {
        if known.in_journal() { Self::Journal } else { Self::Dataset }
    }
}

/// Reads all files and writes their chunks; `None` if it was interrupted.
///
/// # Errors
/// A disk that takes no more.
pub fn read_all<'a>(
    folder: &Path,
    listing: &Listing,
    rules: &'a Rules,
    measure: &Measure,
    fingerprint: &str,
    writer: &mut DatasetWriter,
) -> anyhow::Result<Option<Done<'a>>> {
    let earlier = Earlier::look(folder, fingerprint);
    let counters = (0..rayon::current_num_threads()).map(|_| Mutex::new(Counter::new(measure))).collect();
    let reader = Reader { rules, counters, earlier: &earlier };
    let journal = Journal::open(folder, fingerprint, earlier.journal_bytes)?;
    let fit = Fit::of(&rules.schema, listing.found.iter().map(|found| found.path.as_str()));
    let mut done = Done { files: 0, reused: 0, bytes: 0, tokens: 0, notes: Vec::new(), fit, journal };
    let total: u64 = listing.found.iter().map(|found| found.bytes).sum();
    // The bar counts kilobytes: files differ too much in size.
    let mut progress = Progress::new("reading kB", 0, (total / 1000) as usize);
    let (mut at, mut passed) = (0, 0);
    // Files that were read and are written while the next ones are read.
    let mut read: Vec<Result> = Vec::new();
    while at < listing.found.len() {
        if crate::interrupt::requested() {
            take_all(read, writer, &mut done)?;
            return Ok(None);
        }
        let first = &listing.found[at];
        let mut end = at + 1;
        if first.bytes as usize > WINDOW_BYTES
            && let Ok(format) = format_of(first)
            && format.in_windows()
        {
            take_all(std::mem::take(&mut read), writer, &mut done)?;
            if !reader.large(first, format, writer, &mut done)? {
                return Ok(None);
            }
        } else {
            let mut size = first.bytes;
            while end < listing.found.len() && end - at < BATCH_FILES && size + listing.found[end].bytes <= BATCH_BYTES
            {
                let next = &listing.found[end];
                if next.bytes as usize > WINDOW_BYTES {
                    break;
                }
                size += next.bytes;
                end += 1;
            }
            let before = std::mem::take(&mut read);
            let (next, taken) = rayon::join(
                || listing.found[at..end].par_iter().map(|found| reader.whole(found)).collect(),
                || take_all(before, writer, &mut done),
            );
            taken?;
            read = next;
        }
        passed += listing.found[at..end].iter().map(|found| found.bytes).sum::<u64>();
        at = end;
        progress.show((passed / 1000) as usize, &format!("{at} of {} files", listing.found.len()));
    }
    take_all(read, writer, &mut done)?;
    progress.finish();
    Ok(Some(done))
}

fn take_all(results: Vec<Result>, writer: &mut DatasetWriter, done: &mut Done<'_>) -> anyhow::Result<()> {
    for result in results {
        take(result, writer, done)?;
    }
    done.journal.flush()
}

fn take(result: Result, writer: &mut DatasetWriter, done: &mut Done<'_>) -> anyhow::Result<()> {
    for line in result.lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        writer.line(CHUNKS, line)?;
    }
    if let Some(source) = &result.source
        && result.origin != Origin::Journal
    {
        done.journal.done(source, &result.notes, &result.lines)?;
    }
    close(result, writer, done);
    Ok(())
}

/// Counts a file whose lines are written.
fn close(result: Result, writer: &mut DatasetWriter, done: &mut Done<'_>) {
    if let Some(source) = result.source {
        done.files += 1;
        done.reused += usize::from(result.origin != Origin::Read);
        done.bytes += source.bytes;
        done.tokens += result.tokens;
        done.fit.take(&source, &result.notes);
        writer.source(source);
    }
    done.notes.extend(result.notes);
}

/// The format by name and first bytes.
fn format_of(found: &Found) -> std::result::Result<Format, Unread> {
    let unreadable =
        |error: std::io::Error| Unread { reason: "unreadable", detail: format!("{error}; check its permissions") };
    let mut sample = Vec::with_capacity(SAMPLE_BYTES);
    let file = File::open(&found.file).map_err(unreadable)?;
    file.take(SAMPLE_BYTES as u64).read_to_end(&mut sample).map_err(unreadable)?;
    detect(&found.path, &sample)
}

struct Reader<'a> {
    rules: &'a Rules,
    counters: Vec<Mutex<Counter<'a>>>,
    earlier: &'a Earlier,
}

impl Reader<'_> {
    /// Reads a file as a whole.
    fn whole(&self, found: &Found) -> Result {
        let name = joined(&found.root, &found.path);
        let failed =
            |unread: Unread| Result { notes: vec![skipped(&name, unread.reason, &unread.detail)], ..Result::default() };
        let format = match format_of(found) {
            Ok(format) => format,
            Err(unread) => return failed(unread),
        };
        if found.bytes > WHOLE_BYTES_MAX {
            let limit = bytes(WHOLE_BYTES_MAX);
            let detail = format!("{} as one document, the limit is {limit}; split it", bytes(found.bytes));
            return failed(Unread { reason: "too_large", detail });
        }
        let content = match std::fs::read(&found.file) {
            Ok(content) => content,
            Err(error) => return failed(Unread { reason: "unreadable", detail: error.to_string() }),
        };
        let sha256 = sha256_hex(&content);
        let id = source_id(found, &sha256);
        if let Some((known, lines)) = self.earlier.find(&id) {
            let tokens = lines.split(|byte| *byte == b'\n').map(tokens_of).sum();
            let origin = Origin::of(&known);
            let source = Source { root: found.root.clone(), revision: found.revision.clone(), ..known.source };
            return Result { source: Some(source), lines, tokens, notes: known.notes, origin, ..Result::default() };
        }
        let document = Document {
            file: &found.file,
            path: &found.path,
            source: &id,
            format,
            bytes: &content,
            first_byte: 0,
            first_line: 1,
            first_page: None,
            encoding: None,
            head: None,
        };
        let outcome = match self.with_counter(|counter| read(&document, self.rules, counter)) {
            Ok(outcome) => outcome,
            Err(unread) => return failed(unread),
        };
        let mut result = Result::default();
        let mut source = source(found, format, sha256, id, content.len() as u64);
        absorb(outcome, &name, &mut source, &mut result);
        result.notes.extend(result.columns.notes().map(|one| note(&name, one)));
        result.source = Some(source);
        result
    }

    /// Lends the counter of this thread.
    fn with_counter<T>(&self, work: impl FnOnce(&mut Counter<'_>) -> T) -> T {
        let index = rayon::current_thread_index().unwrap_or(0) % self.counters.len();
        // A counter only remembers; one that a panic left behind is as good as any.
        let mut counter = self.counters[index].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        work(&mut counter)
    }
}

/// Name of a source: its path and content.
fn source_id(found: &Found, sha256: &str) -> String {
    content_id(&[found.path.as_bytes(), sha256.as_bytes()])
}

fn source(found: &Found, format: Format, sha256: String, id: String, bytes: u64) -> Source {
    Source {
        bytes,
        chunks: 0,
        encoding: None,
        id,
        media_type: format.media_type().to_owned(),
        path: found.path.clone(),
        revision: found.revision.clone(),
        root: found.root.clone(),
        sha256,
    }
}

fn absorb(outcome: Outcome, name: &str, source: &mut Source, result: &mut Result) {
    source.chunks += outcome.chunks.len() as u64;
    source.encoding = outcome.encoding.map(str::to_owned).or(source.encoding.take());
    for chunk in &outcome.chunks {
        result.tokens += u64::from(chunk.tokens);
        // A chunk is strings and numbers in the order of their names: it has a JSON form, and it is the canonical one.
        if serde_json::to_writer(&mut result.lines, chunk).is_ok() {
            result.lines.push(b'\n');
        }
    }
    result.notes.extend(outcome.notes.into_iter().map(|one| note(name, one)));
    result.columns = outcome.columns;
}

fn note(name: &str, note: Note) -> Skipped {
    Skipped { what: if note.lost { Left::Part } else { Left::Note }, ..skipped(name, note.reason, &note.detail) }
}

/// Tokens of a chunk that is a line already.
fn tokens_of(line: &[u8]) -> u64 {
    #[derive(serde::Deserialize)]
    struct Counted {
        tokens: u32,
    }
    // Between two lines there is none.
    serde_json::from_slice::<Counted>(line).map_or(0, |chunk| u64::from(chunk.tokens))
}
