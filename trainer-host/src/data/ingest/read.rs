//! One document, from bytes to chunks: decode, read, clean, pack.

use std::path::Path;

use super::super::chunk::{Chunk, Measured};
use super::block::{Note, Reading};
use super::decode::{decode, detect};
use super::format::{Format, Unread};
use super::pack::{Sheet, pack};
use super::records::{Records, Wording};
use super::schema::{Schema, Worded};
use super::table::{self, Head};
use super::tokens::Counter;
use super::{clean, code, html, json, markdown, pages, pdf, plain, rst, xlsx};

/// Page marks that a text must have before it counts as one that came out of a PDF.
const PAGE_MARKS_MIN: usize = 2;

/// What holds for all documents of a run.
#[derive(Debug, Default)]
pub struct Rules {
    /// Most tokens of a chunk.
    pub chunk_tokens: usize,
    /// Whether text is cleaned.
    pub clean: bool,
    /// How records are read.
    pub schema: Schema,
}

/// A document, or a piece of one that is read in windows.
pub struct Document<'a> {
    /// Where it lies; read by the PDF reader only.
    pub file: &'a Path,
    /// Path for readers and for the schema.
    pub path: &'a str,
    /// Id of the source.
    pub source: &'a str,
    /// How it is read.
    pub format: Format,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Byte of the file at which they begin.
    pub first_byte: u64,
    /// Line of the file at which they begin.
    pub first_line: u64,
    /// Encoding of the file, if it is known already.
    pub encoding: Option<&'static encoding_rs::Encoding>,
    /// Head of the table, for a piece after the first.
    pub head: Option<&'a Head>,
}

/// What a document gave.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Its chunks.
    pub chunks: Vec<Chunk>,
    /// What the report must say.
    pub notes: Vec<Note>,
    /// Encoding, where it is text.
    pub encoding: Option<&'static str>,
}

/// Reads one document.
///
/// # Errors
/// Why nothing of it can be read.
pub fn read(document: &Document<'_>, rules: &Rules, counter: &mut Counter<'_>) -> Result<Outcome, Unread> {
    let table = rules.schema.table(document.path);
    let worded = table.map(Worded::new);
    let mut records = Records::new(worded.as_ref().map(|worded| worded as &dyn Wording), rules.clean);
    let mut outcome = Outcome::default();
    match document.format {
        Format::Pdf => {
            let extracted = pdf::extract(document.file)?;
            let mut reading = pdf::reading(&extracted);
            if rules.clean {
                clean::clean(&mut reading, &extracted.text, true, true);
            }
            finish(document, &extracted.text, Measured::Extracted, reading, rules, counter, &mut outcome);
        }
        Format::Xlsx => {
            let text = xlsx::read(document.bytes, &mut records)?;
            finish(document, &text, Measured::Extracted, records.finish(), rules, counter, &mut outcome);
        }
        format => {
            let encoding = document.encoding.unwrap_or_else(|| detect(document.bytes));
            let decoded = decode(document.bytes, encoding, document.first_byte == 0);
            outcome.encoding = Some(encoding.name());
            if encoding != encoding_rs::UTF_8 && document.first_byte == 0 {
                let detail = format!("the text was converted from {} to UTF-8", encoding.name());
                outcome.notes.push(Note::remark("converted", detail));
            }
            if decoded.damaged > 0 {
                let detail =
                    format!("{} places are not {}; the mark U+FFFD stands for them", decoded.damaged, encoding.name());
                outcome.notes.push(Note::remark("damaged", detail));
            }
            let text = &decoded.text;
            let limit = rules.chunk_tokens;
            let reading = match format {
                Format::Table { separator } => {
                    let head = document.head;
                    let separator =
                        separator.or(head.map(|head| head.separator)).unwrap_or_else(|| table::separator(sample(text)));
                    table::read(text, separator, head, document.first_line, &mut records);
                    records.finish()
                }
                Format::Json => {
                    json::read(text, table.and_then(|table| table.records.as_deref()), &mut records);
                    records.finish()
                }
                Format::JsonLines => {
                    json::read_lines(text, document.first_line, &mut records);
                    records.finish()
                }
                Format::Code(language) => code::read(text, language, &mut |piece| counter.fits(piece, limit)),
                Format::OtherCode => plain::read_code(text, document.path.rsplit('.').next().unwrap_or_default()),
                Format::Html => cleaned(html::read(text), text, rules),
                Format::Rst => cleaned(rst::read(text), text, rules),
                Format::Markdown => cleaned(markdown::read(text, rules.clean), text, rules),
                _ => cleaned(plain::read(text, rules.clean), text, rules),
            };
            let mut offsets = decoded.offsets();
            let sheet = sheet(document, text, Measured::File);
            outcome.notes.extend(reading.notes);
            outcome.chunks = pack(&sheet, reading.blocks, limit, counter, &mut offsets);
        }
    }
    if outcome.chunks.is_empty() && document.first_byte == 0 && document.head.is_none() {
        outcome.notes.push(Note::part("empty", "no text was found in it"));
    }
    Ok(outcome)
}

fn cleaned(mut reading: Reading, text: &str, rules: &Rules) -> Reading {
    if rules.clean {
        let mut marks = text.lines().filter(|line| pages::page_mark(line).is_some());
        let derived = marks.nth(PAGE_MARKS_MIN - 1).is_some() || text.matches('\x0c').nth(PAGE_MARKS_MIN - 1).is_some();
        clean::clean(&mut reading, text, derived, false);
    }
    reading
}

fn finish(
    document: &Document<'_>,
    text: &str,
    measured: Measured,
    reading: Reading,
    rules: &Rules,
    counter: &mut Counter<'_>,
    outcome: &mut Outcome,
) {
    let plain = decode(text.as_bytes(), encoding_rs::UTF_8, false);
    outcome.notes.extend(reading.notes);
    let sheet = sheet(document, text, measured);
    outcome.chunks = pack(&sheet, reading.blocks, rules.chunk_tokens, counter, &mut plain.offsets());
}

fn sheet<'a>(document: &Document<'a>, text: &'a str, measured: Measured) -> Sheet<'a> {
    Sheet {
        source: document.source,
        path: document.path,
        text,
        first_byte: document.first_byte,
        first_line: document.first_line,
        measured,
    }
}

/// The first lines, in which the separator is looked for.
pub fn sample(text: &str) -> &str {
    let mut end = text.len().min(1 << 16);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
