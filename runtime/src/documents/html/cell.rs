//! The cell of a table that is being read. A row is one line, so what a page sets one below the other in a cell
//! stands behind one another there, and apart.

/// What stands between the words that come next and those before them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gap {
    #[default]
    None,
    /// The end of a line.
    Line,
    /// The end of a paragraph or an item.
    Block,
}

/// A cell that is open.
#[derive(Debug, Default)]
pub struct Cell {
    /// Where it begins in the text of the table.
    start: usize,
    gap: Gap,
}

impl Cell {
    /// A cell that begins at `start` of the table's text.
    pub fn new(start: usize) -> Self {
        Self { start, gap: Gap::None }
    }

    /// A line ends; two in a row end a paragraph.
    pub fn end_line(&mut self) {
        self.gap = if self.gap == Gap::None { Gap::Line } else { Gap::Block };
    }

    /// A block begins or ends.
    pub fn end_block(&mut self) {
        self.gap = Gap::Block;
    }

    /// Parts the words that come next, which begin with `next`, from those before. Two numbers must not become one.
    pub fn part(&mut self, text: &mut String, next: Option<char>) {
        let gap = std::mem::take(&mut self.gap);
        if gap == Gap::None {
            return;
        }
        self.trim(text);
        let Some(last) = text.get(self.start..).and_then(|cell| cell.chars().next_back()) else { return };
        let numbers = last.is_ascii_digit() && next.is_some_and(|next| next.is_ascii_digit());
        let said = matches!(last, '.' | ',' | ';' | ':' | '!' | '?');
        text.push_str(if said || gap == Gap::Line && !numbers { " " } else { "; " });
    }

    /// Ends the cell: a stroke in it is written so that it ends no cell.
    pub fn close(&self, text: &mut String) {
        self.trim(text);
        if text.get(self.start..).is_some_and(|cell| cell.contains('|')) {
            let cell = text.split_off(self.start).replace('|', "\\|");
            text.push_str(&cell);
        }
    }

    /// Takes spaces from the end of the cell.
    fn trim(&self, text: &mut String) {
        while text.len() > self.start && text.ends_with(' ') {
            text.pop();
        }
    }
}
