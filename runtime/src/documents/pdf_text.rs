//! The text of a PDF: glyphs to lines, lines to paragraphs, tables, equations and headings.
//!
//! `pdf-extract` says where each glyph stands. Glyphs are taken in the order in which the file draws them, which
//! is the reading order of what word processors and typesetters write, columns included; a change of baseline
//! or a jump back begins a line, a wide gap a cell.

use std::collections::BTreeMap;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use flate2::read::ZlibDecoder;
use pdf_extract::{Document, MediaBox, Object, OutputDev, OutputError, Transform, output_doc_page};

use super::pdf::{Extracted, Part, PartKind};

/// Gap between two glyphs that is a space, in sizes of the font.
const SPACE: f64 = 0.15;
/// Gap that begins a new cell.
const CELL: f64 = 1.6;
/// Gap behind which a column may begin, wider than a space.
const STOP: f64 = 0.5;
/// How exactly columns stand below each other, in sizes of the font.
const ALIGNED: f64 = 0.1;
/// Change of the baseline that begins a line; below it stand sub- and superscripts.
const BASELINE: f64 = 0.55;
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
    for (number, lines) in &pages {
        write_page(*number, lines, &sizes, &mut extracted);
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

/// A line of glyphs on one baseline.
#[derive(Clone, Debug, Default)]
struct Line {
    text: String,
    y: f64,
    start: f64,
    end: f64,
    size: f64,
    cells: usize,
    /// Where words begin behind a gap that is wider than a space: byte of the text, place on the page.
    stops: Vec<(usize, f64)>,
}

#[derive(Default)]
struct Page {
    lines: Vec<Line>,
    line: Option<Line>,
}

impl Page {
    fn glyph(&mut self, x: f64, y: f64, advance: f64, size: f64, text: &str) {
        if let Some(line) = &mut self.line {
            let larger = line.size.max(size);
            let gap = x - line.end;
            let raised = (y - line.y).abs();
            if raised > BASELINE * larger || gap < -larger * 1.2 {
                self.lines.extend(self.line.take());
            } else {
                if gap > STOP * larger {
                    line.stops.push((line.text.len(), x));
                }
                if gap > CELL * larger {
                    line.text.push('\t');
                    line.cells += 1;
                } else if gap > SPACE * larger && !line.text.ends_with([' ', '\t']) {
                    line.text.push(' ');
                }
                // A small glyph beside a large one is a script; the line stays where the large ones stand.
                if size > line.size * 1.05 && raised > 0.05 * size {
                    line.y = y;
                }
                line.size = larger;
                line.end = line.end.max(x + advance);
                line.text.push_str(text);
                return;
            }
        }
        if !text.trim().is_empty() {
            let text = text.to_owned();
            self.line = Some(Line { text, y, start: x, end: x + advance, size, cells: 1, stops: Vec::new() });
        }
    }

    fn finish(mut self) -> Vec<Line> {
        self.lines.extend(self.line.take());
        self.lines.retain_mut(|line| {
            line.text = line.text.trim().to_owned();
            !line.text.is_empty()
        });
        let mut lines = join_rows(self.lines);
        for row in 1..lines.len() {
            let (before, rows) = lines.split_at_mut(row);
            if let (Some(head), Some(row)) = (before.last_mut(), rows.first()) {
                as_head(head, row);
            }
        }
        lines
    }
}

/// Joins lines that follow each other on one baseline from left to right: cells that were drawn one by one.
fn join_rows(lines: Vec<Line>) -> Vec<Line> {
    let mut joined: Vec<Line> = Vec::with_capacity(lines.len());
    for line in lines {
        match joined.last_mut() {
            Some(last) if (last.y - line.y).abs() < 0.2 * last.size && line.start >= last.end => {
                let gap = line.start - last.end;
                let cell = gap > CELL * last.size.max(line.size);
                last.stops.push((last.text.len(), line.start));
                let behind = last.text.len() + 1;
                last.stops.extend(line.stops.iter().map(|(at, x)| (at + behind, *x)));
                last.text.push(if cell { '\t' } else { ' ' });
                last.text.push_str(&line.text);
                last.end = line.end;
                last.cells += line.cells - usize::from(!cell);
            }
            _ => joined.push(line),
        }
    }
    joined
}

/// Names of columns are longer than their cells, so that only little gaps are left between them: a line whose words
/// begin behind such gaps exactly where the cells of the row below do is the head of its table.
fn as_head(head: &mut Line, row: &Line) {
    let near = (head.y - row.y).abs() <= PARAGRAPH * head.size.max(row.size);
    if head.cells > 1 || row.cells < 2 || !near || (head.start - row.start).abs() > ALIGNED * row.size {
        return;
    }
    let cells = row.stops.iter().filter(|(at, _)| row.text.as_bytes().get(*at) == Some(&b'\t'));
    let stop = |x: f64| head.stops.iter().find(|(_, own)| (own - x).abs() <= ALIGNED * row.size);
    let Some(stops) = cells.map(|(_, x)| stop(*x).map(|(at, _)| *at)).collect::<Option<Vec<usize>>>() else { return };
    head.cells += stops.len();
    for at in stops {
        // The gap is a space so far: a drawn one before the place, or the one that was written there.
        let mut space = [Some(at), at.checked_sub(1)].into_iter().flatten();
        if let Some(at) = space.find(|at| head.text.as_bytes().get(*at) == Some(&b' ')) {
            head.text.replace_range(at..=at, "\t");
        }
    }
}

impl OutputDev for Page {
    fn begin_page(&mut self, _: u32, _: &MediaBox, _: Option<(f64, f64, f64, f64)>) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn output_character(
        &mut self,
        at: &Transform,
        width: f64,
        _: f64,
        font_size: f64,
        text: &str,
    ) -> Result<(), OutputError> {
        // Text that runs up or down the page is read in its own direction.
        let turned = at.m12.abs() > at.m11.abs();
        let (x, y) = if turned { (at.m32 * at.m12.signum(), -at.m31) } else { (at.m31, at.m32) };
        let along = if turned { at.m12.abs() } else { at.m11.abs() };
        let upright = if turned { at.m21.abs() } else { at.m22.abs() };
        let size = (upright * font_size).max(0.1);
        if [x, y, size].iter().all(|number| number.is_finite()) {
            self.glyph(x, y, width * font_size * along, size, text);
        }
        Ok(())
    }

    fn begin_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), OutputError> {
        Ok(())
    }
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

fn write_page(number: u32, lines: &[Line], sizes: &[u64], extracted: &mut Extracted) {
    let mut last: Option<(&Line, PartKind)> = None;
    for line in lines {
        let kind = kind_of(line, sizes);
        let goes_on = last.is_some_and(|(before, kind_before)| {
            let near = (before.y - line.y).abs() <= PARAGRAPH * before.size.max(line.size);
            let alike = tenths(before.size).abs_diff(tenths(line.size)) <= 5;
            kind == kind_before && near && alike
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
            _ => extracted.parts.push(Part { kind, bytes: [start, end], page: number }),
        }
        last = Some((line, kind));
    }
}

fn kind_of(line: &Line, sizes: &[u64]) -> PartKind {
    if let Some(level) = sizes.iter().position(|size| *size == tenths(line.size))
        && line.text.chars().count() <= HEADING_CHARS
        && line.text.chars().any(char::is_alphabetic)
    {
        return PartKind::Heading(level + 1);
    }
    if is_equation(&line.text) {
        PartKind::Equation
    } else if line.cells > 1 {
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

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    /// Draws words of 6 units a letter at these places of a line.
    fn draw(page: &mut Page, y: f64, words: &[(f64, &str)]) {
        for (start, word) in words {
            for (at, letter) in word.chars().enumerate() {
                page.glyph(start + 6.0 * at as f64, y, 6.0, 10.0, &letter.to_string());
            }
        }
    }

    #[test]
    fn names_of_columns_that_leave_little_gaps_stay_with_their_rows() {
        let mut page = Page::default();
        draw(&mut page, 140.0, &[(0.0, "The"), (21.0, "gases"), (54.0, "and"), (75.0, "their"), (108.0, "limits")]);
        draw(&mut page, 126.0, &[(0.0, "Substance"), (60.0, "Limit"), (93.0, "now")]);
        draw(&mut page, 112.0, &[(0.0, "Gas"), (60.0, "10")]);
        draw(&mut page, 98.0, &[(0.0, "Air"), (60.0, "20")]);
        let mut extracted = Extracted::default();
        write_page(1, &page.finish(), &[], &mut extracted);
        let parts = extracted.parts.iter().map(|part| (part.kind, &extracted.text[part.bytes[0]..part.bytes[1]]));
        let expected = [
            (PartKind::Prose, "The gases and their limits"),
            (PartKind::Table, "Substance\tLimit now\nGas\t10\nAir\t20"),
        ];
        assert_eq!(parts.collect::<Vec<_>>(), expected);
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
