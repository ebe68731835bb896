//! Markdown of an answer as styled rows.
//!
//! Models write lists, tables and code; a terminal shows them with indents and marks. Text that is
//! still growing is valid at every point: an open fence is code to the end, an open star is a star.
//! A single line feed stays one, because models mean it.

use pulldown_cmark::{Alignment, CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::theme::Theme;
use super::wrap::{Runs, cells, padded};

/// Spaces between the columns of a table.
const COLUMN_GAP: usize = 2;

/// Rows of `text`, at most `width` cells wide; none for blank text.
pub fn rows(text: &str, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut page = Page {
        theme,
        width: width.max(1),
        rows: Vec::new(),
        runs: Runs::default(),
        styles: vec![theme.answer()],
        blocks: Vec::new(),
        mark: None,
        links: Vec::new(),
        table: None,
        gap: false,
    };
    for event in Parser::new_ext(text, options) {
        page.take(event);
    }
    page.flush();
    page.rows
}

/// Something that indents the rows inside of it.
enum Block {
    Quote,
    List { next: Option<u64> },
    Item { indent: usize },
    Code,
}

#[derive(Default)]
struct Table {
    alignments: Vec<Alignment>,
    rows: Vec<Vec<Runs>>,
    row: Vec<Runs>,
}

struct Page {
    theme: Theme,
    width: u16,
    rows: Vec<Line<'static>>,
    runs: Runs,
    styles: Vec<Style>,
    blocks: Vec<Block>,
    /// Mark of a list item that has not been drawn yet.
    mark: Option<String>,
    links: Vec<String>,
    table: Option<Table>,
    /// Whether an empty row stands before the next block.
    gap: bool,
}

impl Page {
    fn style(&self) -> Style {
        self.styles.last().copied().unwrap_or_default()
    }

    fn push(&mut self, text: &str, style: Style) {
        self.runs.push(text, style);
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.push(&text, self.style()),
            Event::Code(text) => self.push(&text, self.style().patch(self.theme.code())),
            Event::SoftBreak | Event::HardBreak => self.push("\n", self.style()),
            Event::Rule => {
                self.flush();
                self.begin_block();
                self.put(Line::from(Span::styled("-".repeat(usize::from(self.room())), self.theme.aside())));
                self.gap = true;
            }
            Event::TaskListMarker(done) => self.push(if done { "[x] " } else { "[ ] " }, self.style()),
            // The options ask for neither footnotes nor mathematics.
            Event::FootnoteReference(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.push(&text, self.style());
            }
        }
    }

    fn start(&mut self, tag: Tag) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.begin_block(),
            Tag::Heading { .. } => {
                self.begin_block();
                self.styles.push(self.theme.title());
            }
            Tag::BlockQuote(_) => {
                self.begin_block();
                self.blocks.push(Block::Quote);
            }
            Tag::CodeBlock(kind) => {
                self.begin_block();
                if let CodeBlockKind::Fenced(language) = &kind
                    && !language.is_empty()
                {
                    self.put(Line::from(Span::styled(format!("{language}:"), self.theme.aside())));
                }
                self.blocks.push(Block::Code);
                self.styles.push(self.theme.code());
            }
            Tag::List(next) => {
                self.flush();
                if !self.blocks.iter().any(|block| matches!(block, Block::Item { .. })) {
                    self.begin_block();
                }
                self.gap = false;
                self.blocks.push(Block::List { next });
            }
            Tag::Item => {
                let mark = match self.blocks.last_mut() {
                    Some(Block::List { next: Some(number) }) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => self.theme.marks().bullet.to_owned(),
                };
                self.gap = false;
                self.blocks.push(Block::Item { indent: cells(&mark) });
                self.mark = Some(mark);
            }
            Tag::Emphasis => self.styles.push(self.style().patch(self.theme.emphasis())),
            Tag::Strong => self.styles.push(self.style().patch(self.theme.strong())),
            Tag::Strikethrough => {
                self.push("~", self.style());
                self.styles.push(self.style().patch(self.theme.aside()));
            }
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => self.links.push(dest_url.into_string()),
            Tag::Table(alignments) => {
                self.begin_block();
                self.table = Some(Table { alignments, ..Table::default() });
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => {
                self.flush();
                self.gap = true;
            }
            TagEnd::Heading(_) => {
                self.styles.pop();
                self.flush();
                self.gap = true;
            }
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.blocks.pop();
                self.gap = true;
            }
            TagEnd::CodeBlock => {
                self.flush();
                self.styles.pop();
                self.blocks.pop();
                self.gap = true;
            }
            TagEnd::List(_) => {
                self.blocks.pop();
                self.gap = true;
            }
            TagEnd::Item => {
                // An empty item still shows its mark.
                if self.mark.is_some() || !self.runs.is_empty() {
                    self.flush_always();
                }
                self.blocks.pop();
            }
            TagEnd::Emphasis | TagEnd::Strong => {
                self.styles.pop();
            }
            TagEnd::Strikethrough => {
                self.styles.pop();
                self.push("~", self.style());
            }
            TagEnd::Link | TagEnd::Image => {
                if let Some(target) = self.links.pop()
                    && !self.runs.text().ends_with(&target)
                {
                    self.push(&format!(" ({target})"), self.theme.source());
                }
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.runs);
                if let Some(table) = &mut self.table {
                    table.row.push(cell);
                }
            }
            TagEnd::TableHead | TagEnd::TableRow => {
                if let Some(table) = &mut self.table {
                    let row = std::mem::take(&mut table.row);
                    table.rows.push(row);
                }
            }
            TagEnd::Table => {
                if let Some(table) = self.table.take() {
                    self.table_rows(&table);
                }
                self.gap = true;
            }
            _ => {}
        }
    }

    /// Ends text that stands before a block and leaves the empty row between two blocks.
    fn begin_block(&mut self) {
        self.flush();
        let first_of_item = self.mark.is_some();
        if self.gap && !self.rows.is_empty() && !first_of_item {
            let prefix = self.prefix(true);
            self.rows.push(Line::from(prefix));
        }
        self.gap = false;
    }

    fn flush(&mut self) {
        if !self.runs.is_empty() {
            self.flush_always();
        }
    }

    fn flush_always(&mut self) {
        let runs = std::mem::take(&mut self.runs);
        let mut rows = runs.rows(self.room());
        // The line feed that ends a code block is no row.
        if matches!(self.blocks.last(), Some(Block::Code)) && runs.text().ends_with('\n') {
            rows.pop();
        }
        for row in rows {
            self.put(row);
        }
    }

    /// Cells left for text inside of all open blocks.
    fn room(&self) -> u16 {
        let used: usize = self
            .blocks
            .iter()
            .map(|block| match block {
                Block::Quote | Block::Code => 2,
                Block::Item { indent } => *indent,
                Block::List { .. } => 0,
            })
            .sum();
        self.width.saturating_sub(u16::try_from(used).unwrap_or(u16::MAX)).max(1)
    }

    /// What stands left of a row. The mark of the innermost item is shown once.
    fn prefix(&mut self, empty_row: bool) -> Vec<Span<'static>> {
        let innermost = self.blocks.iter().rposition(|block| matches!(block, Block::Item { .. }));
        let mut spans = Vec::new();
        for (at, block) in self.blocks.iter().enumerate() {
            match block {
                Block::Quote => spans.push(Span::styled(self.theme.marks().edge, self.theme.aside())),
                Block::Code if !empty_row => spans.push(Span::raw("  ")),
                Block::Item { .. } if Some(at) == innermost && self.mark.is_some() && !empty_row => {
                    spans.push(Span::raw(self.mark.take().unwrap_or_default()));
                }
                Block::Item { indent } if !empty_row => spans.push(Span::raw(" ".repeat(*indent))),
                _ => {}
            }
        }
        spans
    }

    fn put(&mut self, row: Line<'static>) {
        let mut spans = self.prefix(false);
        // A terminal too narrow for the indents shows the text without them.
        let indent: usize = spans.iter().map(|span| cells(&span.content)).sum();
        if indent + 1 > usize::from(self.width) {
            spans.clear();
        }
        spans.extend(row.spans);
        self.rows.push(Line::from(spans));
    }

    fn table_rows(&mut self, table: &Table) {
        let columns = table.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |column: usize| {
            table.rows.iter().filter_map(|row| row.get(column)).map(|cell| cells(cell.text())).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(widest).collect();
        let needed = widths.iter().sum::<usize>() + COLUMN_GAP * columns.saturating_sub(1);
        let Some((head, body)) = table.rows.split_first() else { return };
        if needed <= usize::from(self.room()) {
            self.put(self.table_row(head, &widths, &table.alignments, self.theme.title()));
            let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            let rule = rule.join(&" ".repeat(COLUMN_GAP));
            self.put(Line::from(Span::styled(rule, self.theme.aside())));
            for row in body {
                self.put(self.table_row(row, &widths, &table.alignments, self.theme.answer()));
            }
            return;
        }
        // Too wide: each cell on a row of its own, named by its column.
        for (index, row) in body.iter().enumerate() {
            if index > 0 {
                self.put(Line::default());
            }
            for (column, cell) in row.iter().enumerate() {
                let name = head.get(column).map_or("", Runs::text);
                let mut runs = Runs::default();
                if !name.is_empty() {
                    runs.push(&format!("{name}: "), self.theme.title());
                }
                runs.push(cell.text(), self.theme.answer());
                for line in runs.rows(self.room()) {
                    self.put(line);
                }
            }
        }
    }

    fn table_row(&self, row: &[Runs], widths: &[usize], alignments: &[Alignment], style: Style) -> Line<'static> {
        let mut text = String::new();
        for (column, width) in widths.iter().enumerate() {
            let cell = row.get(column).map_or("", Runs::text);
            let spare = width.saturating_sub(cells(cell));
            let left = match alignments.get(column) {
                Some(Alignment::Right) => spare,
                Some(Alignment::Center) => spare / 2,
                _ => 0,
            };
            text.push_str(&" ".repeat(left));
            text.push_str(&padded(cell, width - left));
            text.push_str(&" ".repeat(COLUMN_GAP));
        }
        Line::from(Span::styled(text.trim_end().to_owned(), style))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, width: u16) -> Vec<String> {
        rows(text, width, Theme::new(true)).iter().map(|row| row.to_string().trim_end().to_owned()).collect()
    }

    #[test]
    fn lists_keep_their_marks_and_hang() {
        let text = "Do this:\n\n1. Stay upwind of the spill\n2. Call\n   - the chief\n   - the desk\n\nThen wait.";
        assert_eq!(
            shown(text, 16),
            [
                "Do this:",
                "",
                "1. Stay upwind",
                "   of the spill",
                "2. Call",
                "   \u{2022} the chief",
                "   \u{2022} the desk",
                "",
                "Then wait."
            ]
        );
    }

    #[test]
    fn a_table_is_aligned_where_it_fits_and_listed_where_not() {
        let text = "| UN | distance |\n|---|---:|\n| 1017 | 60 m |\n| 1005 | 30 m |\n";
        assert_eq!(shown(text, 40), ["UN    distance", "----  --------", "1017      60 m", "1005      30 m"]);
        assert_eq!(shown(text, 12), ["UN: 1017", "distance: 60", "m", "", "UN: 1005", "distance: 30", "m"]);
    }

    #[test]
    fn code_and_html_are_shown_as_they_are() {
        assert_eq!(shown("```sh\nls -l\n  cat\n```", 40), ["sh:", "  ls -l", "    cat"]);
        assert_eq!(shown("if a < b and <b>c</b>", 40), ["if a < b and <b>c</b>"]);
        assert_eq!(shown("> quoted\n> twice", 40), ["\u{2502} quoted", "\u{2502} twice"]);
    }

    #[test]
    fn half_written_text_never_loses_a_word() {
        let text = "# Head\n\nTake **bold steps** and `code`.\n\n- one\n- two *three*\n\n```\nlet x\n```\n\n| a | b |\n|---|---|\n| c | d |\n";
        for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            let page = shown(&text[..end], 30).join(" ");
            for word in text[..end].split(|letter: char| !letter.is_alphanumeric()).filter(|word| word.len() > 2) {
                // The word at the end may still become a language or a reference.
                assert!(page.contains(word), "{word:?} of {:?} is missing in {page:?}", &text[..end]);
            }
        }
    }

    #[test]
    fn no_row_is_wider_than_asked() {
        let text = "- deep\n  - deeper\n    - deepest with a longer text\n\n> > quote in quote\n\n| wide | table |\n|---|---|\n| with many words | in it |";
        for width in 1..40 {
            for row in shown(text, width) {
                let indented = row.len() - row.trim_start().len();
                assert!(cells(&row) <= usize::from(width).max(indented + 1), "{row:?} at {width}");
            }
        }
    }
}
