//! Large files in windows, some at a time, while what was read before is written.

use std::fs::File;
use std::io::BufRead as _;

use halligan_finetune::gguf::file_sha256;
use rayon::prelude::*;

use super::super::block::Note;
use super::super::earlier::UNREADABLE;
use super::super::files::{Found, joined, skipped};
use super::super::format::Format;
use super::super::read::{Document, read};
use super::super::windows::{Window, Windows};
use super::{Done, Origin, Reader, Result, absorb, close, note, source, source_id, tokens_of};
use crate::data::manifest::{CHUNKS, Source};
use crate::data::writer::DatasetWriter;
use crate::interrupt;
use crate::progress::bytes;

/// Windows that are read at the same time; between two such batches Ctrl-C is looked for.
const WINDOWS_AT_ONCE: usize = 4;

impl Reader<'_> {
    /// Reads a large file, or takes it from an earlier run; `false` if it was interrupted.
    pub fn large(
        &self,
        found: &Found,
        format: Format,
        writer: &mut DatasetWriter,
        done: &mut Done<'_>,
    ) -> anyhow::Result<bool> {
        let name = joined(&found.root, &found.path);
        let unreadable = |error: std::io::Error| skipped(&name, UNREADABLE, &format!("{error}; fix it and run again"));
        let opened = file_sha256(&found.file).and_then(|sha256| Ok((sha256, File::open(&found.file)?)));
        let (sha256, file) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                done.notes.push(unreadable(error));
                return Ok(true);
            }
        };
        let id = source_id(found, &sha256);
        if let Some(ended) = self.known_large(found, &id, writer, done)? {
            return Ok(ended);
        }
        let windows = match Windows::open(file, format, self.rules.clean) {
            Ok(windows) => windows,
            Err(error) => {
                done.notes.push(unreadable(error));
                return Ok(true);
            }
        };
        let encoding = windows.encoding;
        if encoding == encoding_rs::UTF_16LE || encoding == encoding_rs::UTF_16BE {
            let detail = format!("{} of {}; convert it to UTF-8", bytes(found.bytes), encoding.name());
            done.notes.push(skipped(&name, "too_large", &detail));
            return Ok(true);
        }
        let facts = source(found, format, sha256, id, found.bytes);
        self.by_windows(found, format, facts, windows, writer, done)
    }

    fn by_windows(
        &self,
        found: &Found,
        format: Format,
        facts: Source,
        mut windows: Windows,
        writer: &mut DatasetWriter,
        done: &mut Done<'_>,
    ) -> anyhow::Result<bool> {
        let name = joined(&found.root, &found.path);
        let first = writer.bytes(CHUNKS);
        let read_window = |window: &Window| {
            let document = Document {
                file: &found.file,
                path: &found.path,
                source: &facts.id,
                format,
                bytes: &window.bytes,
                first_byte: window.first_byte,
                first_line: window.first_line,
                first_page: window.first_page,
                encoding: window.encoding,
                head: window.head.as_ref(),
            };
            let mut part = facts.clone();
            let mut result = Result::default();
            match self.with_counter(|counter| read(&document, self.rules, counter)) {
                Ok(outcome) => absorb(outcome, &name, &mut part, &mut result),
                Err(unread) => result.notes.push(skipped(&name, unread.reason, &unread.detail)),
            }
            (part, result)
        };
        let mut whole = Result::default();
        let mut sum = facts.clone();
        let mut broke_off = false;
        // Windows that were read and are written while the next ones are read.
        let mut parts: Vec<(Source, Result)> = Vec::new();
        loop {
            if interrupt::requested() {
                return Ok(false);
            }
            let mut batch = Vec::new();
            while batch.len() < WINDOWS_AT_ONCE && !broke_off {
                match windows.next_window() {
                    Ok(Some(window)) => batch.push(window),
                    Ok(None) => break,
                    Err(error) => {
                        let detail =
                            format!("reading broke off before byte {}, its end: {error}; run again", facts.bytes);
                        whole.notes.push(note(&name, Note::part(UNREADABLE, detail)));
                        broke_off = true;
                    }
                }
            }
            let before = std::mem::take(&mut parts);
            let (next, taken) = rayon::join(
                || batch.par_iter().map(read_window).collect(),
                || {
                    before.into_iter().try_for_each(|(part, result)| {
                        sum.chunks += part.chunks;
                        sum.encoding = part.encoding.or(sum.encoding.take());
                        whole.tokens += result.tokens;
                        whole.columns.join(result.columns);
                        whole.notes.extend(result.notes);
                        lines(&result.lines).try_for_each(|line| writer.line(CHUNKS, line))
                    })
                },
            );
            taken?;
            parts = next;
            if batch.is_empty() {
                break;
            }
        }
        whole.notes.extend(windows.notes.drain(..).map(|one| note(&name, one)));
        whole.notes.extend(whole.columns.notes().map(|one| note(&name, one)));
        whole.source = Some(sum);
        // A file that broke off is not done: it is read again, not taken from the journal.
        end(whole, first, !broke_off, writer, done)?;
        Ok(true)
    }

    /// Takes a large file from an earlier run: whether it came to its end, or `None` where none has read it.
    fn known_large(
        &self,
        found: &Found,
        id: &str,
        writer: &mut DatasetWriter,
        done: &mut Done<'_>,
    ) -> anyhow::Result<Option<bool>> {
        let Some((known, mut reader)) = self.earlier.open(id) else { return Ok(None) };
        let (first, mut tokens, mut line) = (writer.bytes(CHUNKS), 0, Vec::new());
        while reader.read_until(b'\n', &mut line).map_err(|error| crate::about(&found.file, error))? > 0 {
            if interrupt::requested() {
                return Ok(Some(false));
            }
            for line in lines(&line) {
                tokens += tokens_of(line);
                writer.line(CHUNKS, line)?;
            }
            line.clear();
        }
        let origin = Origin::of(&known);
        let source = Source { root: found.root.clone(), revision: found.revision.clone(), ..known.source };
        let whole = Result { source: Some(source), tokens, notes: known.notes, origin, ..Result::default() };
        end(whole, first, origin != Origin::Journal, writer, done)?;
        Ok(Some(true))
    }
}

/// Counts a file whose lines were written from the byte `first` on, and notes in the journal that it is done.
fn end(whole: Result, first: u64, noted: bool, writer: &mut DatasetWriter, done: &mut Done<'_>) -> anyhow::Result<()> {
    if let Some(source) = whole.source.as_ref().filter(|_| noted) {
        let bytes = writer.bytes(CHUNKS) - first;
        done.journal.done_by(source, &whole.notes, bytes, |journal| writer.copy(CHUNKS, first, journal))?;
        done.journal.flush()?;
    }
    close(whole, writer, done);
    Ok(())
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}
