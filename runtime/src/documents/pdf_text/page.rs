//! The lines of a page, from its glyphs in the order in which they are drawn.

use std::ops::Range;

use pdf_extract::{MediaBox, OutputDev, OutputError, Transform};

use super::super::superscript::superscript;

/// Gap between two glyphs that is a space, in sizes of the font.
const SPACE: f64 = 0.15;
/// Gap that begins a new cell.
pub const CELL: f64 = 1.6;
/// Gap behind which a column may begin, wider than a space.
pub const STOP: f64 = 0.5;
/// Change of the baseline that begins a line; below it stand sub- and superscripts.
const BASELINE: f64 = 0.55;
/// A superscript is at most so large, in sizes of the font of its line.
const SCRIPT_SIZE: f64 = 0.9;
/// A superscript stands at least so much higher than its line.
const SCRIPT_RISE: f64 = 0.2;
/// A superscript follows what it belongs to within this gap.
const SCRIPT_GAP: f64 = 0.35;
/// Longest superscript in characters; beside an initial, whole lines stand raised and small.
const SCRIPT_CHARS: usize = 12;

/// Words of a line with no more than spaces between them.
#[derive(Clone, Debug, Default)]
pub struct Piece {
    /// The words.
    pub text: String,
    /// Where they begin on the page.
    pub start: f64,
    /// Where they end.
    pub end: f64,
    /// Bytes of the text that stand raised.
    raised: Vec<Range<usize>>,
}

/// A line of glyphs on one baseline.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// Its words, with a tab before each cell but the first.
    pub text: String,
    /// Height of the baseline.
    pub y: f64,
    /// Size of its largest glyphs.
    pub size: f64,
    /// What stands apart in it, from left to right.
    pub pieces: Vec<Piece>,
    /// The table whose row it is.
    pub table: Option<usize>,
}

impl Line {
    /// Where it begins.
    pub fn start(&self) -> f64 {
        self.pieces.first().map_or(0.0, |piece| piece.start)
    }

    /// Where it ends.
    pub fn end(&self) -> f64 {
        self.pieces.last().map_or(0.0, |piece| piece.end)
    }

    /// The gaps that begin a new cell, as the places of their ends.
    pub fn gaps(&self) -> impl Iterator<Item = (f64, f64)> {
        let gaps = self.pieces.windows(2).map(|pair| (pair[0].end, pair[1].start));
        gaps.filter(|(end, start)| start - end > CELL * self.size)
    }

    /// Whether nothing in it stands apart like a cell.
    pub fn whole(&self) -> bool {
        self.gaps().next().is_none()
    }

    /// Writes the text from the pieces.
    pub fn spell(&mut self) {
        let mut text = String::new();
        let mut end = f64::INFINITY;
        for piece in &self.pieces {
            match piece.start - end > CELL * self.size {
                true => text.push('\t'),
                false if !text.is_empty() => text.push(' '),
                false => {}
            }
            text.push_str(&piece.text);
            end = piece.end;
        }
        self.text = text;
    }
}

/// Takes the glyphs of a page.
#[derive(Default)]
pub struct Page {
    lines: Vec<Line>,
    line: Option<Line>,
}

impl Page {
    /// Takes the next glyph: its place, width and size, and what it stands for.
    pub fn glyph(&mut self, x: f64, y: f64, advance: f64, size: f64, text: &str) {
        if let Some(line) = &mut self.line {
            let larger = line.size.max(size);
            let gap = x - line.end();
            let raised = (y - line.y).abs();
            if raised > BASELINE * larger || gap < -larger * 1.2 {
                self.lines.extend(self.line.take());
            } else {
                line.add(x, y, advance, size, text);
                // A small glyph beside a large one is a script; the line stays where the large ones stand.
                if size > line.size * 1.05 && raised > 0.05 * size {
                    line.y = y;
                }
                line.size = larger;
                return;
            }
        }
        if !text.trim().is_empty() {
            let piece = Piece { text: text.to_owned(), start: x, end: x + advance, raised: Vec::new() };
            self.line = Some(Line { y, size, pieces: vec![piece], ..Line::default() });
        }
    }

    /// The lines in the order in which they were drawn.
    pub fn finish(mut self) -> Vec<Line> {
        self.lines.extend(self.line.take());
        for line in &mut self.lines {
            line.pieces.iter_mut().for_each(Piece::finish);
            line.pieces.retain(|piece| !piece.text.is_empty());
        }
        self.lines.retain(|line| !line.pieces.is_empty());
        let mut lines = join_rows(self.lines);
        lines.iter_mut().for_each(Line::spell);
        lines
    }
}

impl Line {
    fn add(&mut self, x: f64, y: f64, advance: f64, size: f64, text: &str) {
        let (larger, gap) = (self.size.max(size), x - self.end());
        let script = size <= SCRIPT_SIZE * self.size && y - self.y >= SCRIPT_RISE * self.size;
        let Some(piece) = self.pieces.last_mut() else { return };
        if gap > STOP * larger && !piece.text.trim().is_empty() {
            self.pieces.push(Piece { text: text.to_owned(), start: x, end: x + advance, raised: Vec::new() });
            return;
        }
        let behind = piece.text.len();
        if piece.text.trim().is_empty() {
            (piece.text, piece.start, piece.end) = (String::new(), x, x);
        } else if gap > SPACE * larger && !piece.text.ends_with(' ') {
            piece.text.push(' ');
        }
        let at = piece.text.len();
        piece.text.push_str(text);
        piece.end = piece.end.max(x + advance);
        if script {
            match piece.raised.last_mut() {
                Some(run) if run.end == behind => run.end = piece.text.len(),
                _ if at > 0 && gap <= SCRIPT_GAP * larger => piece.raised.push(at..piece.text.len()),
                _ => {}
            }
        }
    }
}

impl Piece {
    /// Writes the superscripts as such and takes off the spaces around the words.
    fn finish(&mut self) {
        let mut text = String::with_capacity(self.text.len());
        let mut at = 0;
        for run in &self.raised {
            let (script, behind) = (&self.text[run.clone()], &self.text[run.end..]);
            text.push_str(&self.text[at..run.start]);
            at = run.end;
            if behind.starts_with(['/', '\u{2044}']) {
                // The upper half of a fraction.
                if text.ends_with(|before: char| before.is_ascii_digit()) {
                    text.push(' ');
                }
                text.push_str(script);
            } else if script.chars().count() <= SCRIPT_CHARS {
                text.push_str(&superscript(script));
            } else {
                text.push_str(script);
            }
        }
        text.push_str(&self.text[at..]);
        self.text = text.trim().to_owned();
    }
}

/// Joins lines that follow each other on one baseline from left to right: cells that were drawn one by one.
fn join_rows(lines: Vec<Line>) -> Vec<Line> {
    let mut joined: Vec<Line> = Vec::with_capacity(lines.len());
    for line in lines {
        match joined.last_mut() {
            Some(last) if (last.y - line.y).abs() < 0.2 * last.size && line.start() >= last.end() => {
                last.pieces.extend(line.pieces);
            }
            _ => joined.push(line),
        }
    }
    joined
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws a word of letters of half their size, raised by so much above the baseline.
    fn word(page: &mut Page, x: f64, rise: f64, size: f64, word: &str) -> f64 {
        let mut x = x;
        for letter in word.chars() {
            page.glyph(x, 100.0 + rise, size / 2.0, size, &letter.to_string());
            x += size / 2.0;
        }
        x
    }

    fn text(words: &[(f64, f64, &str)]) -> String {
        let (mut page, mut x) = (Page::default(), 0.0);
        for (rise, size, letters) in words {
            x = word(&mut page, x, *rise, *size, letters);
        }
        page.finish().into_iter().map(|line| line.text).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn powers_stay_powers_and_formulas_stay_as_people_type_them() {
        let flux = [(0.0, 10.0, "10"), (4.0, 7.0, "5"), (0.0, 10.0, " W/m"), (4.0, 7.0, "2")];
        assert_eq!(text(&flux), "10\u{2075} W/m\u{b2}");
        assert_eq!(text(&[(0.0, 10.0, "3 x 10"), (3.5, 8.0, "-6"), (0.0, 10.0, ".")]), "3 x 10\u{207b}\u{2076}.");
        assert_eq!(text(&[(0.0, 10.0, "H"), (-2.0, 7.0, "2"), (0.0, 10.0, "O")]), "H2O");
        assert_eq!(text(&[(0.0, 10.0, "the 1"), (4.0, 7.0, "st"), (0.0, 10.0, " crew")]), "the 1st crew");
    }

    #[test]
    fn upper_half_of_a_fraction_is_no_power() {
        let hose = [(0.0, 10.0, "2"), (4.0, 6.0, "1"), (0.0, 10.0, "/"), (-1.0, 6.0, "2"), (0.0, 10.0, " inch")];
        assert_eq!(text(&hose), "2 1/2 inch");
    }

    #[test]
    fn small_words_beside_an_initial_are_no_power() {
        assert_eq!(text(&[(0.0, 24.0, "T"), (12.0, 10.0, "he crew goes on")]), "The crew goes on");
    }
}
