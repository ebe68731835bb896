//! One document, from bytes to blocks: decode, read by its format, clean.

use std::borrow::Cow;
use std::path::Path;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::block::{Block, Note, Reading};
use super::decode::{Decoded, declared, decode, detect, detect_within};
use super::format::{Format, Unread, looks_like_text};
use super::language::Language;
use super::records::{Records, Wording};
use super::table::{self, Head};
use super::{clean, html, json, markdown, pages, pdf, plain, rst, xlsx};

/// Page marks that a text must have before it counts as one that came out of a PDF.
const PAGE_MARKS_MIN: usize = 2;
/// First bytes of a table in which its separator is looked for.
const SAMPLE_BYTES: usize = 1 << 16;

/// A document, or a piece of one that is read in windows.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Where it lies; read by the PDF reader only.
    pub file: &'a Path,
    /// Path or name; its ending names the language of code without a grammar.
    pub path: &'a str,
    /// How it is read.
    pub format: Format,
    /// Its bytes; empty for a PDF.
    pub bytes: &'a [u8],
    /// Byte of the file at which they begin.
    pub first_byte: u64,
    /// Line of the file at which they begin.
    pub first_line: u64,
    /// Page of the file on which they begin, if that is known.
    pub first_page: Option<u32>,
    /// Encoding of the file, if it is known already.
    pub encoding: Option<&'static Encoding>,
    /// Head of the table, for a piece after the first.
    pub head: Option<&'a Head>,
}

/// How documents are read.
pub struct Manner<'a> {
    /// Whether text is cleaned.
    pub clean: bool,
    /// How records are worded.
    pub wording: Option<&'a dyn Wording>,
    /// Where the records stand in a JSON document, as a JSON pointer.
    pub records: Option<&'a str>,
    /// Reads source code of a language with a grammar.
    pub code: &'a mut dyn FnMut(&str, Language) -> Reading,
}

/// What a document says.
#[derive(Debug)]
pub struct Text<'a> {
    /// The text, over which the ranges of the blocks go.
    pub decoded: Decoded<'a>,
    /// Whether it was extracted from a format that is no text; otherwise it is the file, decoded.
    pub extracted: bool,
    /// Its blocks, in order.
    pub blocks: Vec<Block>,
    /// What the report must say.
    pub notes: Vec<Note>,
    /// Number of pages, of a format that has them.
    pub pages: Option<u32>,
}

/// Reads one document.
///
/// # Errors
/// Why nothing of it can be read.
pub fn read<'a>(source: &Source<'a>, manner: &mut Manner<'_>) -> Result<Text<'a>, Unread> {
    let mut records = Records::new(manner.wording, manner.clean);
    match source.format {
        Format::Pdf => {
            let extracted = pdf::extract(source.file)?;
            let mut reading = pdf::reading(&extracted);
            if manner.clean {
                clean::clean(&mut reading, &extracted.text, true, true);
            }
            Ok(Text { pages: Some(extracted.pages), ..of_extracted(extracted.text, reading) })
        }
        Format::Xlsx => {
            let text = xlsx::read(source.bytes, &mut records)?;
            Ok(of_extracted(text, records.finish()))
        }
        format => {
            let first = source.first_byte == 0;
            let find = || if first { detect(source.bytes) } else { detect_within(source.bytes) };
            let encoding = source.encoding.unwrap_or_else(find);
            check_text(source, encoding)?;
            let decoded = decode(source.bytes, encoding, first);
            let mut notes = encoding_notes(source, &decoded);
            let text: &str = &decoded.text;
            let reading = match format {
                Format::Table { separator } => {
                    let known = separator.or(source.head.map(|head| head.separator));
                    let separator = known.unwrap_or_else(|| table::separator(sample(text)));
                    table::read(text, separator, source.head, source.first_line, &mut records);
                    records.finish()
                }
                Format::Json => {
                    json::read(text, manner.records, &mut records);
                    records.finish()
                }
                Format::JsonLines => {
                    json::read_lines(text, source.first_line, &mut records);
                    records.finish()
                }
                Format::Code(language) => (manner.code)(text, language),
                Format::OtherCode => plain::read_code(text, source.path.rsplit('.').next().unwrap_or_default()),
                Format::Html => cleaned(html::read(text), text, manner.clean),
                Format::Rst => cleaned(rst::read(text), text, manner.clean),
                Format::Markdown => cleaned(markdown::read(text, manner.clean), text, manner.clean),
                _ => cleaned(plain::read_from(text, source.first_page, manner.clean), text, manner.clean),
            };
            notes.extend(reading.notes);
            Ok(Text { decoded, extracted: false, blocks: reading.blocks, notes, pages: None })
        }
    }
}

/// A file may begin as text and go on as something else; what looks like a text in a single-byte encoding is none
/// if it holds zeros.
fn check_text(source: &Source<'_>, encoding: &Encoding) -> Result<(), Unread> {
    if encoding == UTF_16LE || encoding == UTF_16BE || looks_like_text(source.bytes) {
        return Ok(());
    }
    let [first, end] = [source.first_byte, source.first_byte + source.bytes.len() as u64];
    let zero = source.bytes.iter().position(|byte| *byte == 0);
    let place = zero.map_or_else(String::new, |at| format!(", a zero at byte {}", first + at as u64));
    let detail = format!("bytes {first} to {end} are binary data{place}; keep only the text of it");
    Err(Unread { reason: "binary", detail })
}

fn of_extracted(text: String, reading: Reading) -> Text<'static> {
    let decoded = Decoded::of_text(Cow::Owned(text));
    Text { decoded, extracted: true, blocks: reading.blocks, notes: reading.notes, pages: None }
}

/// What the report must say of the encoding: once for a file that is read in pieces, where it was found.
fn encoding_notes(source: &Source<'_>, decoded: &Decoded<'_>) -> Vec<Note> {
    let mut notes = Vec::new();
    let name = decoded.encoding.name();
    let found_here = source.first_byte == 0 || source.encoding.is_none();
    if decoded.encoding != UTF_8 && found_here {
        let said = declared(source.bytes).filter(|_| source.first_byte == 0);
        let wide = decoded.encoding == UTF_16LE || decoded.encoding == UTF_16BE;
        let guess = format!("it was read as {name}, a guess; convert it to UTF-8 to be sure");
        notes.push(match said {
            _ if wide => Note::remark("converted", format!("the text was converted from {name} to UTF-8")),
            Some(said) if said.encoding == Some(decoded.encoding) => {
                let detail = format!("it says that it is {}; it was converted from {name} to UTF-8", said.label);
                Note::remark("converted", detail)
            }
            Some(said) => {
                let why = if said.encoding.is_some() { "its bytes are not" } else { "that cannot be read here" };
                Note::remark("guessed", format!("it says that it is {}, but {why}; {guess}", said.label))
            }
            None => Note::remark("guessed", format!("it does not say its encoding; {guess}")),
        });
    }
    if decoded.damaged > 0 {
        let detail = format!("{} places are not {name}; the mark U+FFFD stands for them", decoded.damaged);
        notes.push(Note::remark("damaged", detail));
    }
    notes
}

fn cleaned(mut reading: Reading, text: &str, clean: bool) -> Reading {
    if clean {
        let mut marks = text.lines().filter(|line| pages::page_mark(line).is_some());
        let derived = marks.nth(PAGE_MARKS_MIN - 1).is_some() || text.matches('\x0c').nth(PAGE_MARKS_MIN - 1).is_some();
        clean::clean(&mut reading, text, derived, false);
    }
    reading
}

/// The first lines, in which the separator of a table is looked for.
pub fn sample(text: &str) -> &str {
    let mut end = text.len().min(SAMPLE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_goes_on_as_binary_is_named_and_not_read() {
        let bytes = [b"Plain text line.\n".repeat(1000), vec![0, 159, 146, 150]].concat();
        let source = Source {
            file: Path::new("a.txt"),
            path: "a.txt",
            format: Format::Text,
            bytes: &bytes,
            first_byte: 0,
            first_line: 1,
            first_page: None,
            encoding: None,
            head: None,
        };
        let mut code = |_: &str, _: Language| Reading::default();
        let unread = read(&source, &mut Manner { clean: true, wording: None, records: None, code: &mut code });
        let unread = unread.unwrap_err();
        assert_eq!(unread.reason, "binary");
        assert!(unread.detail.contains("a zero at byte 17000"), "{}", unread.detail);
    }

    #[test]
    fn remark_says_whether_the_encoding_was_declared_or_guessed() {
        let remark = |bytes: &[u8], format: Format| {
            let source = Source {
                file: Path::new("a"),
                path: "a",
                format,
                bytes,
                first_byte: 0,
                first_line: 1,
                first_page: None,
                encoding: None,
                head: None,
            };
            let mut code = |_: &str, _: Language| Reading::default();
            let mut manner = Manner { clean: true, wording: None, records: None, code: &mut code };
            let notes = read(&source, &mut manner).unwrap().notes;
            notes.iter().map(|note| format!("{}: {}", note.reason, note.detail)).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(
            remark(b"<meta charset=koi8-r><p>\xf7\xcf\xc4\xc1</p>", Format::Html),
            "converted: it says that it is koi8-r; it was converted from KOI8-R to UTF-8"
        );
        let unknown = remark(b"# coding: cp437\nThe caf\xe9 is closed, the caf\xe9.\n", Format::Text);
        let start =
            "guessed: it says that it is cp437, but that cannot be read here; it was read as windows-1252, a guess";
        assert!(unknown.starts_with(start), "{unknown}");
        let silent = remark(b"The caf\xe9 is closed, the caf\xe9.\n", Format::Text);
        assert!(silent.starts_with("guessed: it does not say its encoding; it was read as windows-1252"), "{silent}");
    }
}
