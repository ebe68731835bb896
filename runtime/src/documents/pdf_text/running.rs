//! Running text: lines that end where the next word found no room.
//!
//! What a table or list says in a line is as long as it is; a line of running text is as long as its column.

use super::page::{Line, Piece};
use super::{PartKind, near};

/// Widest distance of the lines of one paragraph, in sizes: double spacing.
const SPACED: f64 = 2.8;
/// How evenly the lines of a paragraph stand below each other, in sizes.
const EVEN: f64 = 0.1;
/// Deepest indent within a paragraph, in sizes.
const INDENT: f64 = 3.0;
/// Lines from which on it can be seen that they are running text.
const LINES_MIN: usize = 4;
/// Least mean length in characters of lines of running text.
const CHARS_MIN: usize = 20;

/// A line of a column.
#[derive(Clone, Debug)]
pub struct Span<'a> {
    /// Its text.
    pub text: &'a str,
    /// Where it begins on the page.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
}

impl<'a> Span<'a> {
    /// A whole line.
    pub fn of(line: &'a Line) -> Self {
        Self { text: &line.text, start: line.start(), end: line.end() }
    }

    /// A cell.
    pub fn of_piece(piece: &'a Piece) -> Self {
        Self { text: &piece.text, start: piece.start, end: piece.end }
    }

    /// Whether a sentence goes on in `next` for want of room before `edge`.
    pub fn goes_on(&self, next: &Span<'_>, edge: f64) -> bool {
        let characters = self.text.chars().count();
        let open = match next.small() {
            true => characters >= CHARS_MIN,
            // A name or a number; in short cells it would be the next entry.
            false => characters >= 2 * CHARS_MIN && !self.ends(),
        };
        let comma = self.text.ends_with(',') && next.small();
        self.breaks_off(next) || comma || open && self.full(next, edge)
    }

    fn ends(&self) -> bool {
        self.text.ends_with(['.', '!', '?', ':'])
    }

    /// Whether the first word of `next` has no room behind this line before `edge`.
    fn full(&self, next: &Span<'_>, edge: f64) -> bool {
        let letter = (next.end - next.start) / next.text.chars().count().max(1) as f64;
        let word = next.text.split_whitespace().next().unwrap_or_default().chars().count();
        self.end + letter * (word as f64 + 0.5) > edge
    }

    /// Whether a word breaks off at its end and goes on in `next`.
    fn breaks_off(&self, next: &Span<'_>) -> bool {
        let word = self.text.strip_suffix(['-', '\u{ad}', '\u{2010}']);
        word.is_some_and(|word| word.ends_with(char::is_alphabetic)) && next.small()
    }

    fn small(&self) -> bool {
        self.text.starts_with(char::is_lowercase)
    }
}

fn edge(lines: &[Span<'_>]) -> f64 {
    lines.iter().map(|line| line.end).fold(f64::NEG_INFINITY, f64::max)
}

/// Whether `lines` are running text: they are long, many begin within a sentence, and nearly all end at the edge of their
/// column or with a sentence.
pub fn is_running(lines: &[Span<'_>]) -> bool {
    let edge = edge(lines);
    let (mut pairs, mut small, mut full, mut ends) = (0, 0, 0, 0);
    for pair in lines.windows(2) {
        let [line, next] = pair else { continue };
        pairs += 1;
        small += usize::from(next.small());
        if line.full(next, edge) || line.breaks_off(next) {
            full += 1;
        } else {
            ends += usize::from(line.ends());
        }
    }
    let characters: usize = lines.iter().map(|line| line.text.chars().count()).sum();
    let long = characters >= CHARS_MIN * lines.len();
    pairs > 0 && long && small * 3 >= pairs && full * 5 >= pairs * 3 && (full + ends) * 5 >= pairs * 4
}

/// For each line whether it goes on with the one before although it stands apart: text with wide or double spacing.
pub fn spaced(lines: &[Line], kinds: &[PartKind]) -> Vec<bool> {
    let mut goes_on = vec![false; lines.len()];
    let distance = |at: usize| (lines[at - 1].y - lines[at].y).abs() / lines[at - 1].size.max(lines[at].size);
    let follows = |at: usize| {
        kinds[at - 1] == PartKind::Prose
            && kinds[at] == PartKind::Prose
            && lines[at - 1].alike(&lines[at])
            && distance(at) <= SPACED
            && !near(&lines[at - 1], &lines[at])
            && (lines[at - 1].start() - lines[at].start()).abs() <= INDENT * lines[at].size
    };
    let mut first = 0;
    while first + 1 < lines.len() {
        let mut end = first + 1;
        while end < lines.len() && follows(end) && (distance(end) - distance(first + 1)).abs() <= EVEN {
            end += 1;
        }
        let run: Vec<Span<'_>> = lines[first..end].iter().map(Span::of).collect();
        let edge = edge(&run);
        let mut from = 0;
        // A line that ends early without a sentence is an entry of a list; the text before it is not.
        while from < run.len() {
            let whole =
                |pair: &[Span<'_>]| pair[0].ends() || pair[0].full(&pair[1], edge) || pair[0].breaks_off(&pair[1]);
            let to = from + 1 + run[from..].windows(2).take_while(|pair| whole(pair)).count();
            let running = to - from >= LINES_MIN && is_running(&run[from..to]);
            for (at, pair) in run[from..to].windows(2).enumerate() {
                let [line, next] = pair else { continue };
                goes_on[first + from + at + 1] = line.breaks_off(next) || running && line.full(next, edge);
            }
            from = to;
        }
        first = if end - first > 1 { end - 1 } else { end };
    }
    goes_on
}

#[cfg(test)]
mod tests {
    use super::super::PartKind;
    use super::super::tests::{parts, set};

    #[test]
    fn double_spaced_lines_are_one_paragraph_up_to_its_end() {
        let lines = [
            "The crew moves up the hill in the morn-",
            "ing and lays a line along the ridge at",
            "once. When the wind turns, all go back.",
            "Then they rest.",
            "The lookout stays up there and watches",
            "the smoke until it is dark.",
        ];
        let expected = [(PartKind::Prose, lines[..4].join("\n")), (PartKind::Prose, lines[4..].join("\n"))];
        assert_eq!(parts(set(&lines, 24.0)), expected);
    }

    #[test]
    fn list_with_wide_spacing_keeps_its_lines_apart() {
        let lines = ["Wear the following:", "gloves", "helmet", "boots of leather", "Mind the wires above you"];
        assert_eq!(parts(set(&lines, 24.0)).len(), lines.len());
    }
}
