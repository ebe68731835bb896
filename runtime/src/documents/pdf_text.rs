//! The text of a PDF: glyphs to lines, lines to paragraphs, tables, equations and headings.
//!
//! `pdf-extract` says where each glyph stands. Glyphs are taken in the order in which the file draws them, which
//! is the reading order of what word processors and typesetters write, columns included; a change of baseline
//! or a jump back begins a line, a wide gap a cell.

use std::collections::BTreeMap;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use flate2::read::ZlibDecoder;
use pdf_extract::{Document, Object, output_doc_page};

use super::pdf::{Extracted, Part, PartKind};
use page::{Line, Page};

mod page;
mod running;
mod strips;
mod tables;

/// Distance of lines, in sizes, above which a paragraph ends.
const PARAGRAPH: f64 = 1.75;
/// A heading is set so much larger than most text.
const HEADING: f64 = 1.12;
/// Longest heading in characters.
const HEADING_CHARS: usize = 160;
/// Most bytes that a stream of a page or font may unpack to.
const STREAM_BYTES_MAX: u64 = 64 << 20;
/// Best ratio of Flate: 258 bytes in two bits.
const FLATE_RATIO_MAX: u64 = 1032;
/// Most layers of Flate around a stream.
const FILTERS_MAX: usize = 4;
/// Deepest level that sizes are told apart for.
const LEVELS: usize = 4;

/// Extracts the text of a whole file.
pub fn extract(bytes: &[u8]) -> Extracted {
    let refuse =
        |reason: &str, detail: String| Extracted { refused: Some((reason.to_owned(), detail)), ..Extracted::default() };
    let mut document = match caught(|| Document::load_mem(bytes)) {
        Ok(Ok(document)) => document,
        Ok(Err(error)) => {
            let text = super::one_line(&error.to_string());
            let locked = ["ncrypt", "assword"].iter().any(|word| text.contains(word));
            return match locked {
                true => refuse("encrypted", "it is encrypted; save a copy without a password".to_owned()),
                false => refuse("broken", format!("not a sound PDF ({text}); print it to a new one")),
            };
        }
        Err(reason) => return refuse("broken", format!("not a sound PDF ({reason}); print it to a new one")),
    };
    if document.is_encrypted() && !matches!(caught(|| document.decrypt("")), Ok(Ok(()))) {
        return refuse("encrypted", "it is encrypted; save a copy without a password".to_owned());
    }
    if let Some(object) = document.objects.iter().find_map(|(id, object)| bomb(object).then_some(id.0)) {
        let limit = STREAM_BYTES_MAX as f64 / 1e6;
        return refuse("broken", format!("object {object} unpacks to more than {limit:.0} MB; print it to a new PDF"));
    }
    let mut extracted = Extracted::default();
    let mut pages: Vec<(u32, Vec<Line>)> = Vec::new();
    for number in document.get_pages().into_keys() {
        extracted.pages += 1;
        let mut page = Page::default();
        match caught(|| output_doc_page(&document, &mut page, number)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => extracted.failed.push((number, super::one_line(&error.to_string()))),
            Err(reason) => extracted.failed.push((number, reason)),
        }
        let lines = page.finish();
        if lines.is_empty() && extracted.failed.last().is_none_or(|(failed, _)| *failed != number) {
            extracted.empty.push(number);
        }
        if right_to_left(&lines) {
            extracted.right_to_left.push(number);
        }
        pages.push((number, lines));
    }
    if extracted.pages == 0 && document.trailer.get(b"Encrypt").is_ok() {
        return refuse("encrypted", "it is encrypted; save a copy without a password".to_owned());
    }
    if extracted.pages == 0 {
        return refuse("broken", "no page can be found in it; print it to a new PDF".to_owned());
    }
    let sizes = heading_sizes(&pages);
    for (number, lines) in pages {
        write_page(number, lines, &sizes, &mut extracted);
    }
    extracted
}

/// Whether a stream that may be text unpacks to more than anyone writes. Streams are unpacked into nothing, and only
/// those that could be so large at the best ratio of the method; other methods than Flate have no such ratio.
fn bomb(object: &Object) -> bool {
    let Object::Stream(stream) = object else { return false };
    let image = stream.dict.get(b"Subtype").and_then(Object::as_name).is_ok_and(|name| name == b"Image");
    let filters = stream.filters().unwrap_or_default();
    let flat = filters.iter().take_while(|filter| **filter == b"FlateDecode").count();
    let most = (stream.content.len() as u64).saturating_mul(FLATE_RATIO_MAX.saturating_pow(flat as u32));
    if image || flat == 0 || most <= STREAM_BYTES_MAX {
        return false;
    }
    let mut unpacked: Box<dyn Read + '_> = Box::new(stream.content.as_slice());
    for _ in 0..flat.min(FILTERS_MAX) {
        unpacked = Box::new(ZlibDecoder::new(unpacked));
    }
    // What is damaged ends early, here as when it is read.
    let count = std::io::copy(&mut unpacked.take(STREAM_BYTES_MAX + 1), &mut std::io::sink());
    flat > FILTERS_MAX || count.is_ok_and(|count| count > STREAM_BYTES_MAX)
}

fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        super::one_line(text.unwrap_or("the parser gave up"))
    })
}

impl Line {
    /// Whether two lines are set alike.
    fn alike(&self, other: &Self) -> bool {
        tenths(self.size).abs_diff(tenths(other.size)) <= 5
    }
}

/// Whether two lines stand as close as those of a paragraph.
fn near(above: &Line, below: &Line) -> bool {
    (above.y - below.y).abs() <= PARAGRAPH * above.size.max(below.size)
}

/// Sizes of headings in tenths of a point, the largest first: those above the size of most text.
fn heading_sizes(pages: &[(u32, Vec<Line>)]) -> Vec<u64> {
    let mut characters: BTreeMap<u64, usize> = BTreeMap::new();
    for line in pages.iter().flat_map(|(_, lines)| lines) {
        *characters.entry(tenths(line.size)).or_default() += line.text.chars().count();
    }
    let body = characters.iter().max_by_key(|(_, count)| **count).map_or(0, |(size, _)| *size);
    let larger = characters.keys().rev().copied().filter(|size| *size as f64 > body as f64 * HEADING);
    larger.take(LEVELS).collect()
}

fn tenths(size: f64) -> u64 {
    (size * 10.0).round() as u64
}

fn write_page(number: u32, lines: Vec<Line>, sizes: &[u64], extracted: &mut Extracted) {
    let lines = tables::arrange(lines, |line| kind_of(line, sizes));
    let kinds: Vec<PartKind> = lines.iter().map(|line| kind_of(line, sizes)).collect();
    let spaced = running::spaced(&lines, &kinds);
    for (at, line) in lines.iter().enumerate() {
        let goes_on = at.checked_sub(1).is_some_and(|above| {
            let before = &lines[above];
            let one = kinds[above] == kinds[at] && before.alike(line);
            let row = line.table.is_some() && before.table == line.table;
            spaced[at] || one && (row || near(before, line))
        });
        let text = &mut extracted.text;
        if !text.is_empty() {
            text.push_str(if goes_on { "\n" } else { "\n\n" });
        }
        let start = text.len();
        text.push_str(&line.text);
        let end = text.len();
        match extracted.parts.last_mut() {
            Some(part) if goes_on => part.bytes[1] = end,
            _ => extracted.parts.push(Part { kind: kinds[at], bytes: [start, end], page: number }),
        }
    }
}

fn kind_of(line: &Line, sizes: &[u64]) -> PartKind {
    if line.table.is_some() {
        return PartKind::Table;
    }
    if let Some(level) = sizes.iter().position(|size| *size == tenths(line.size))
        && line.text.chars().count() <= HEADING_CHARS
        && line.text.chars().any(char::is_alphabetic)
    {
        return PartKind::Heading(level + 1);
    }
    if is_equation(&line.text) {
        PartKind::Equation
    } else if !line.whole() {
        PartKind::Table
    } else {
        PartKind::Prose
    }
}

/// A line with a relation or operator and next to no words.
fn is_equation(text: &str) -> bool {
    const RELATIONS: &str = "=\u{2248}\u{2264}\u{2265}\u{2260}\u{221d}\u{2211}\u{222b}\u{220f}\u{221a}\u{2202}";
    let words = text.split_whitespace().filter(|word| word.chars().filter(|c| c.is_alphabetic()).count() > 3).count();
    text.chars().any(|c| RELATIONS.contains(c)) && words <= 1 && text.len() <= 200 && text.len() >= 5
}

fn right_to_left(lines: &[Line]) -> bool {
    let strong = |c: char| matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}');
    let (mut right, mut letters) = (0, 0);
    for c in lines.iter().flat_map(|line| line.text.chars()).filter(|c| c.is_alphabetic()) {
        letters += 1;
        right += usize::from(strong(c));
    }
    right * 5 > letters
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::ZlibEncoder};
    use pdf_extract::{Dictionary, Stream};

    use super::*;

    /// A line of the height 10, and its words of 6 units a letter with the places where they begin.
    pub type Row<'a> = (f64, &'a [(f64, &'a str)]);

    /// The page on which these words are drawn.
    pub fn drawn(rows: &[Row<'_>]) -> Page {
        let mut page = Page::default();
        for (y, words) in rows {
            for (start, word) in *words {
                for (at, letter) in word.chars().enumerate() {
                    page.glyph(start + 6.0 * at as f64, *y, 6.0, 10.0, &letter.to_string());
                }
            }
        }
        page
    }

    /// The page with these lines, so far below each other.
    pub fn set(lines: &[&str], pitch: f64) -> Page {
        let mut page = Page::default();
        for (at, line) in lines.iter().enumerate() {
            let y = 800.0 - pitch * at as f64;
            (0..).zip(line.chars()).for_each(|(at, c)| page.glyph(6.0 * f64::from(at), y, 6.0, 10.0, &c.to_string()));
        }
        page
    }

    /// What is read from a page.
    pub fn parts(page: Page) -> Vec<(PartKind, String)> {
        let mut extracted = Extracted::default();
        write_page(1, page.finish(), &[], &mut extracted);
        let part = |part: &Part| (part.kind, extracted.text[part.bytes[0]..part.bytes[1]].to_owned());
        extracted.parts.iter().map(part).collect()
    }

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn stream_that_unpacks_twice_into_far_too_much_is_told_from_a_page() {
        let stream = |content: Vec<u8>, layers: usize| {
            let mut dictionary = Dictionary::new();
            dictionary.set("Filter", vec![Object::Name(b"FlateDecode".to_vec()); layers]);
            Object::Stream(Stream::new(dictionary, content))
        };
        let large = vec![0; STREAM_BYTES_MAX as usize + 1];
        let twice = packed(&packed(&large));
        assert!(twice.len() < 2000 && bomb(&stream(twice, 2)));
        assert!(bomb(&stream(packed(&large), 1)));
        assert!(!bomb(&stream(packed(&packed(b"BT (Stay low.) Tj ET")), 2)));
        assert!(!bomb(&stream(packed(&large[1..]), 1)));
    }
}
