//! Rows of cells to tables: a cell that is empty leaves its field empty, and columns of running text are none.

use super::page::{Line, Piece};
use super::running::{Span, is_running};
use super::strips::{cover, crosses, is_head, stands_below, strips, within};
use super::{PARAGRAPH, PartKind, near};

/// Widest distance of the rows of a table, in sizes.
const ROW: f64 = 3.0;
/// A first row so much farther off than the second from the third is no part of their table.
const HEAD: f64 = 1.6;
/// Most rows that are looked at together.
const ROWS_MAX: usize = 200;
/// Most pieces of a row; a line with more is a drawing.
const PIECES_MAX: usize = 200;
/// Most lines with only a first cell that stand between two rows with more.
const LONE_MAX: usize = 2;
/// A line with a single cell stands at most so much farther from the line above than the rows do.
const LONE: f64 = 1.2;
/// Rows from which on columns of running text can be told from a table, and the most columns of a page.
const TEXT_ROWS_MIN: usize = 8;
const TEXT_COLUMNS_MAX: usize = 3;

/// Brings the rows of each table into columns. Lines whose kind is neither table nor prose are left alone.
pub fn arrange(lines: Vec<Line>, kind: impl Fn(&Line) -> PartKind) -> Vec<Line> {
    let kinds: Vec<PartKind> = lines.iter().map(kind).collect();
    let mut arranged: Vec<Line> = Vec::with_capacity(lines.len());
    let (mut at, mut tables) = (0, 0);
    while at < lines.len() {
        let table = Table::grow(&lines, &kinds, at);
        let rows = &lines[at..at + table.rows];
        if table.rows < 2 || table.is_ragged(rows) {
            arranged.extend_from_slice(rows);
        } else if let Some(columns) = table.running(rows) {
            arranged.extend(columns);
        } else {
            tables += 1;
            arranged.extend(table.spelled(rows, tables));
        }
        at += table.rows;
    }
    arranged
}

/// Rows that follow each other, and the strips of the page that all of them leave free.
struct Table {
    rows: usize,
    strips: Vec<(f64, f64)>,
}

impl Table {
    /// The table that begins at the line `first`; a single row if none does.
    fn grow(lines: &[Line], kinds: &[PartKind], first: usize) -> Self {
        let mut table = Self { rows: 1, strips: Vec::new() };
        let head = kinds[first] == PartKind::Prose
            && lines
                .get(first + 1)
                .is_some_and(|row| kinds[first + 1] == PartKind::Table && is_head(&lines[first], row));
        let drawing = |line: &Line| line.pieces.len() > PIECES_MAX;
        if kinds[first] != PartKind::Table && !head || drawing(&lines[first]) {
            return table;
        }
        let size = lines[first].size;
        let mut ink = Vec::new();
        cover(&mut ink, &lines[first]);
        // Lines with only a first cell count when a row with more follows: they may be text behind the table.
        let (mut lone, mut sure, mut pitch) = (0, ink.clone(), PARAGRAPH * size);
        for at in first + 1..lines.len().min(first + ROWS_MAX) {
            let (above, line) = (&lines[at - 1], &lines[at]);
            let distance = (above.y - line.y).abs();
            if distance > ROW * size
                || !above.alike(line)
                || drawing(line)
                || !matches!(kinds[at], PartKind::Table | PartKind::Prose)
            {
                break;
            }
            cover(&mut ink, line);
            let free = strips(&ink, &lines[first..=at], size);
            if !lines[first..=at].iter().all(|row| row.gaps().all(|gap| free.iter().any(|strip| within(*strip, gap)))) {
                break;
            }
            if kinds[at] == PartKind::Prose {
                let rows = &lines[first..first + table.rows];
                if distance > LONE * pitch || !stands_below(line, rows) || crosses(line, &free) {
                    break;
                }
                lone += usize::from(free.first().is_none_or(|strip| line.start() < strip.1));
                if lone > LONE_MAX {
                    break;
                } else if lone > 0 {
                    continue;
                }
            }
            (lone, pitch) = (0, pitch.max(distance));
            table.rows = at + 1 - first;
            sure.clone_from(&ink);
        }
        table.strips = strips(&sure, &lines[first..first + table.rows], size);
        table.without_stray_head(&lines[first..])
    }

    /// A line far above the rows is a running head or a title.
    fn without_stray_head(self, lines: &[Line]) -> Self {
        let distance = |at: usize| (lines[at - 1].y - lines[at].y).abs();
        let stray = self.rows > 2 && distance(1) > HEAD * distance(2) && !near(&lines[0], &lines[1]);
        if stray { Self { rows: 1, strips: Vec::new() } } else { self }
    }

    /// The cells of a row, one for each column; those that are empty have no text.
    fn cells(&self, row: &Line) -> Vec<Piece> {
        let mut cells = vec![Piece::default(); self.strips.len() + 1];
        for piece in &row.pieces {
            let cell = &mut cells[self.strips.iter().filter(|strip| strip.1 <= piece.start).count()];
            if cell.text.is_empty() {
                cell.clone_from(piece);
            } else {
                cell.text.push(' ');
                cell.text.push_str(&piece.text);
                cell.end = piece.end;
            }
        }
        cells
    }

    /// Whether more than half of the cells are empty: what stands so is a form or a drawing.
    fn is_ragged(&self, rows: &[Line]) -> bool {
        let filled: usize =
            rows.iter().map(|row| self.cells(row).iter().filter(|cell| !cell.text.is_empty()).count()).sum();
        filled * 2 < rows.len() * (self.strips.len() + 1)
    }

    /// The rows with a tab for each border between columns; those behind the last cell say nothing. A line that only
    /// goes on with cells of the row above belongs to it.
    fn spelled(&self, rows: &[Line], table: usize) -> Vec<Line> {
        let lines: Vec<Vec<Piece>> = rows.iter().map(|row| self.cells(row)).collect();
        let edge = |column: usize| lines.iter().map(|cells| cells[column].end).fold(f64::NEG_INFINITY, f64::max);
        let edges: Vec<f64> = (0..=self.strips.len()).map(edge).collect();
        let mut spelled: Vec<(Line, Vec<String>)> = Vec::with_capacity(rows.len());
        for (at, (row, cells)) in rows.iter().zip(&lines).enumerate() {
            let above = at.checked_sub(1).filter(|above| cells[0].text.is_empty() && near(&rows[*above], row));
            let wraps = above.is_some_and(|above| {
                let cells = lines[above].iter().zip(cells).zip(&edges);
                let mut filled = cells.filter(|((_, cell), _)| !cell.text.is_empty());
                filled.all(|((above, cell), edge)| Span::of_piece(above).goes_on(&Span::of_piece(cell), *edge))
            });
            match spelled.last_mut() {
                Some((line, texts)) if wraps => {
                    line.y = row.y;
                    for (text, cell) in texts.iter_mut().zip(cells).filter(|(_, cell)| !cell.text.is_empty()) {
                        text.push(' ');
                        text.push_str(&cell.text);
                    }
                }
                _ => spelled.push((row.clone(), cells.iter().map(|cell| cell.text.clone()).collect())),
            }
        }
        let line = |(line, texts): (Line, Vec<String>)| {
            let text = texts.join("\t").trim_end().to_owned();
            Line { text, table: Some(table), ..line }
        };
        spelled.into_iter().map(line).collect()
    }

    /// The lines of columns of running text that were drawn across, one column after the other.
    fn running(&self, rows: &[Line]) -> Option<Vec<Line>> {
        let count = self.strips.len() + 1;
        let close = rows.windows(2).all(|pair| near(&pair[0], &pair[1]));
        if rows.len() < TEXT_ROWS_MIN || !(2..=TEXT_COLUMNS_MAX).contains(&count) || !close {
            return None;
        }
        let mut columns = vec![Vec::new(); count];
        for row in rows {
            for (column, cell) in columns.iter_mut().zip(self.cells(row)) {
                if !cell.text.is_empty() {
                    let text = cell.text.clone();
                    column.push(Line { text, y: row.y, size: row.size, pieces: vec![cell], table: None });
                }
            }
        }
        let running = columns.iter().all(|column| {
            let spans: Vec<Span<'_>> = column.iter().map(Span::of).collect();
            column.len() * 10 >= rows.len() * 9 && is_running(&spans)
        });
        running.then(|| columns.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Row, drawn, parts};
    use super::*;

    fn tables(rows: &[Row<'_>]) -> Vec<String> {
        let tables = parts(drawn(rows)).into_iter().filter(|(kind, _)| *kind == PartKind::Table);
        tables.map(|(_, text)| text).collect()
    }

    #[test]
    fn names_of_columns_that_leave_little_gaps_stay_with_their_rows() {
        let rows: [Row<'_>; 4] = [
            (140.0, &[(0.0, "The"), (21.0, "gases"), (54.0, "and"), (75.0, "their"), (108.0, "limits")]),
            (126.0, &[(0.0, "Substance"), (60.0, "Limit"), (93.0, "now")]),
            (112.0, &[(0.0, "Gas"), (60.0, "10")]),
            (98.0, &[(0.0, "Air"), (60.0, "20")]),
        ];
        let expected = [
            (PartKind::Prose, "The gases and their limits".to_owned()),
            (PartKind::Table, "Substance\tLimit now\nGas\t10\nAir\t20".to_owned()),
        ];
        assert_eq!(parts(drawn(&rows)), expected);
    }

    #[test]
    fn empty_cell_leaves_its_field_empty() {
        let rows: [Row<'_>; 5] = [
            (180.0, &[(0.0, "Gas"), (80.0, "IDLH"), (160.0, "Smell")]),
            (160.0, &[(0.0, "Chlorine"), (80.0, "10"), (160.0, "sharp")]),
            (140.0, &[(0.0, "Ammonia"), (160.0, "sharp")]),
            (120.0, &[(80.0, "300"), (160.0, "(goes on)")]),
            (100.0, &[(0.0, "Monoxide"), (80.0, "1200")]),
        ];
        let expected = "Gas\tIDLH\tSmell\nChlorine\t10\tsharp\nAmmonia\t\tsharp\n\t300\t(goes on)\nMonoxide\t1200";
        assert_eq!(tables(&rows), [expected]);
    }

    #[test]
    fn cells_with_little_room_between_them_are_told_apart_by_the_other_rows() {
        let rows: [Row<'_>; 3] = [
            (160.0, &[(0.0, "Size"), (60.0, "Flow"), (140.0, "Pressure")]),
            (140.0, &[(0.0, "Small"), (60.0, "50"), (140.0, "20")]),
            (120.0, &[(0.0, "Mediumest"), (66.0, "250"), (140.0, "80")]),
        ];
        assert_eq!(tables(&rows), ["Size\tFlow\tPressure\nSmall\t50\t20\nMediumest\t250\t80"]);
    }

    #[test]
    fn single_cell_below_a_later_column_is_the_last_row_and_the_paragraph_is_not() {
        let rows: [Row<'_>; 5] = [
            (180.0, &[(0.0, "Size"), (80.0, "Flow")]),
            (160.0, &[(0.0, "Small"), (80.0, "50")]),
            (140.0, &[(80.0, "700")]),
            (120.0, &[(0.0, "The"), (21.0, "flow"), (48.0, "follows"), (93.0, "from"), (120.0, "it.")]),
            (106.0, &[(0.0, "More.")]),
        ];
        let expected = [
            (PartKind::Table, "Size\tFlow\nSmall\t50\n\t700".to_owned()),
            (PartKind::Prose, "The flow follows from it.".to_owned()),
            (PartKind::Prose, "More.".to_owned()),
        ];
        let parts = parts(drawn(&rows));
        assert_eq!(parts[0], expected[0]);
        assert!(parts[1].1.starts_with(&expected[1].1), "{parts:?}");
    }

    #[test]
    fn cell_over_several_columns_joins_none_of_them() {
        let rows: [Row<'_>; 3] = [
            (160.0, &[(0.0, "Gas"), (80.0, "Limits"), (122.0, "in"), (140.0, "the"), (164.0, "air")]),
            (140.0, &[(0.0, "Air"), (80.0, "10"), (160.0, "20")]),
            (120.0, &[(0.0, "Gas"), (160.0, "40")]),
        ];
        assert_eq!(tables(&rows), ["Gas\tLimits in the air", "Air\t10\t20\nGas\t\t40"]);
    }

    #[test]
    fn cell_that_is_wrapped_is_one_cell_and_rows_of_a_group_stay_rows() {
        let rows: [Row<'_>; 5] = [
            (180.0, &[(0.0, "Tool"), (80.0, "What it is for")]),
            (162.0, &[(0.0, "Halligan"), (80.0, "A bar with a fork at its end")]),
            (150.0, &[(80.0, "which forces doors")]),
            (132.0, &[(0.0, "Axe"), (80.0, "chops")]),
            (120.0, &[(80.0, "cuts")]),
        ];
        let expected =
            "Tool\tWhat it is for\nHalligan\tA bar with a fork at its end which forces doors\nAxe\tchops\n\tcuts";
        assert_eq!(tables(&rows), [expected]);
    }

    const LEFT: [&str; 4] =
        ["The story of the fire", "moves on through trees", "until it is met by the", "river at the old mill."];
    const RIGHT: [&str; 4] =
        ["Another matter is told", "here which is of ropes", "and knots for a rescue", "that goes on at night."];

    #[test]
    fn columns_of_text_that_are_drawn_across_are_read_one_after_the_other() {
        let words: Vec<[(f64, &str); 2]> = (0..12).map(|at| [(0.0, LEFT[at % 4]), (200.0, RIGHT[at % 4])]).collect();
        let rows: Vec<Row<'_>> =
            words.iter().enumerate().map(|(at, row)| (800.0 - 14.0 * at as f64, &row[..])).collect();
        let text = |lines: [&str; 4]| (PartKind::Prose, [lines.join("\n").as_str(); 3].join("\n"));
        assert_eq!(parts(drawn(&rows)), [text(LEFT), text(RIGHT)]);
    }

    #[test]
    fn table_of_sentences_stays_a_table() {
        const DO: [&str; 4] =
            ["Stay low in the smoke.", "Test each step you go.", "Keep a hand on a wall.", "Call out what you see."];
        const NOT: [&str; 4] =
            ["Never run in the dark.", "Do not stand on glass.", "Do not leave the hose.", "Do not go in by night."];
        let words: Vec<[(f64, &str); 2]> = (0..12).map(|at| [(0.0, DO[at % 4]), (200.0, NOT[at % 4])]).collect();
        let rows: Vec<Row<'_>> =
            words.iter().enumerate().map(|(at, row)| (800.0 - 14.0 * at as f64, &row[..])).collect();
        let tables = tables(&rows);
        assert_eq!(tables.len(), 1);
        assert!(tables[0].starts_with("Stay low in the smoke.\tNever run in the dark.\nTest"), "{tables:?}");
    }
}
