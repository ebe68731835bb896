//! Where the columns of a table stand: the strips of a page without text between them.

use super::near;
use super::page::{Line, STOP};

/// How exactly columns stand below each other, in sizes of the font.
const ALIGNED: f64 = 0.1;

/// Adds the pieces of a line to the stretches of the page that hold text, which stay in order and apart.
pub fn cover(ink: &mut Vec<(f64, f64)>, line: &Line) {
    ink.extend(line.pieces.iter().map(|piece| (piece.start, piece.end)));
    ink.sort_by(|a, b| a.0.total_cmp(&b.0));
    ink.dedup_by(|next, last| {
        let joined = next.0 <= last.1;
        if joined {
            last.1 = last.1.max(next.1);
        }
        joined
    });
}

/// The borders of columns: strips without text that at least one row leaves as a gap between cells. A gap with several
/// strips in it shows nothing: it may be an empty cell, or stand below the words of a head.
pub fn strips(ink: &[(f64, f64)], rows: &[Line], size: f64) -> Vec<(f64, f64)> {
    let free = ink.windows(2).map(|pair| (pair[0].1, pair[1].0)).filter(|(start, end)| end - start > STOP * size);
    let free: Vec<(f64, f64)> = free.collect();
    let mut shown = vec![false; free.len()];
    for gap in rows.iter().flat_map(Line::gaps) {
        let mut inside = (0..free.len()).filter(|at| within(free[*at], gap));
        if let (Some(at), None) = (inside.next(), inside.next()) {
            shown[at] = true;
        }
    }
    free.into_iter().zip(shown).filter_map(|(strip, shown)| shown.then_some(strip)).collect()
}

/// Whether a strip lies in a gap.
pub fn within(strip: (f64, f64), gap: (f64, f64)) -> bool {
    strip.0 >= gap.0 && strip.1 <= gap.1
}

/// Whether a line has text on both sides of a border.
pub fn crosses(line: &Line, strips: &[(f64, f64)]) -> bool {
    strips.iter().any(|strip| line.start() < strip.1 && line.end() > strip.0)
}

/// Whether a line begins, ends or has its middle exactly where a cell above it does.
pub fn stands_below(line: &Line, rows: &[Line]) -> bool {
    let places = |start: f64, end: f64| [start, end, (start + end) / 2.0];
    let own = places(line.start(), line.end());
    rows.iter().flat_map(|row| &row.pieces).any(|piece| {
        let pairs = places(piece.start, piece.end).into_iter().zip(own);
        pairs.into_iter().any(|(theirs, own)| (theirs - own).abs() <= ALIGNED * line.size)
    })
}

/// Names of columns are longer than their cells, so that only little gaps are left between them: a line whose words
/// begin behind such gaps exactly where the cells of the row below do is the head of its table.
pub fn is_head(head: &Line, row: &Line) -> bool {
    let aligned = |a: f64, b: f64| (a - b).abs() <= ALIGNED * row.size;
    let starts = || head.pieces.iter().map(|piece| piece.start);
    head.pieces.len() > 1
        && near(head, row)
        && aligned(head.start(), row.start())
        && row.gaps().all(|(_, start)| starts().any(|own| aligned(own, start)))
}
