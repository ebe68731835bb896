//! One document, from bytes to chunks: read, then pack.

use std::path::Path;

use halligan_runtime::documents::read::{Manner, Source, read as read_text};

use super::super::chunk::{Chunk, Measured};
use super::block::{Block, Note};
use super::code;
use super::format::{Format, Unread};
use super::pack::{Sheet, pack};
use super::records::Wording;
use super::schema::fit::Columns;
use super::schema::{Schema, Worded};
use super::table::Head;
use super::tokens::{Counter, Tally};

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
    /// Page of the file on which they begin, if that is known.
    pub first_page: Option<u32>,
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
    /// Columns that the schema names, by whether its records have them.
    pub columns: Columns,
}

/// Reads one document.
///
/// # Errors
/// Why nothing of it can be read.
pub fn read(document: &Document<'_>, rules: &Rules, counter: &mut Counter<'_>) -> Result<Outcome, Unread> {
    let table = rules.schema.table(document.path);
    let worded = table.map(Worded::new);
    let limit = rules.chunk_tokens;
    let source = Source {
        file: document.file,
        path: document.path,
        format: document.format,
        bytes: document.bytes,
        first_byte: document.first_byte,
        first_line: document.first_line,
        first_page: document.first_page,
        encoding: document.encoding,
        head: document.head,
    };
    let mut tally = None;
    let mut manner = Manner {
        clean: rules.clean,
        wording: worded.as_ref().map(|worded| worded as &dyn Wording),
        records: table.and_then(|table| table.records.as_deref()),
        code: &mut |text, language| {
            let tally = tally.insert(counter.tally(text));
            code::read(text, language, &mut |range| counter.fits(text, tally, range, limit))
        },
    };
    let text = read_text(&source, &mut manner)?;
    let sheet = Sheet {
        source: document.source,
        path: document.path,
        text: &text.decoded.text,
        first_byte: document.first_byte,
        first_line: document.first_line,
        measured: if text.extracted { Measured::Extracted } else { Measured::File },
    };
    let tally = tally.unwrap_or_else(|| match mostly_verbatim(&text.blocks) {
        true => counter.tally(sheet.text),
        false => Tally::default(),
    });
    let chunks = pack(&sheet, text.blocks, limit, counter, &tally, &mut text.decoded.offsets());
    let encoding = (!text.extracted).then(|| text.decoded.encoding.name());
    let columns = worded.map(Worded::columns_seen).unwrap_or_default();
    let mut outcome = Outcome { chunks, notes: text.notes, encoding, columns };
    // What was lost of it says why there is nothing.
    let told = outcome.notes.iter().any(|note| note.lost);
    if outcome.chunks.is_empty() && !told && document.first_byte == 0 && document.head.is_none() {
        outcome.notes.push(Note::part("empty", "no text was found in it"));
    }
    Ok(outcome)
}

/// Whether most of the text of `blocks` is that of their ranges, so that counting the whole document once pays.
fn mostly_verbatim(blocks: &[Block]) -> bool {
    let (verbatim, own): (Vec<_>, Vec<_>) = blocks.iter().partition(|block| block.text.is_none());
    let bytes = |blocks: &[&Block]| blocks.iter().map(|block| block.range.len()).sum::<usize>();
    bytes(&verbatim) > bytes(&own)
}
