//! The passages that an answer rests on, and each one in the text around it.

use halligan_runtime::Turn;
use ratatui::Frame;
use ratatui::layout::{Rect, Size};
use ratatui::text::{Line, Span};

use super::Outcome;
use super::rows::{Choice, Scroll};
use crate::console::actions::Action;
use crate::console::app::App;
use crate::console::event::Command;
use crate::console::source::{Source, SourceText};
use crate::console::theme::Theme;
use crate::console::wrap::{Runs, cells, wrap_styled};

/// Columns from which on a source takes one row.
const WIDE: u16 = 60;

/// Cells that must be left for a quote to say anything.
const QUOTE_FROM_CELLS: usize = 16;

/// The page.
#[derive(Debug)]
pub struct SourcesPage {
    sources: Vec<Source>,
    choice: Choice,
    open: Option<SourceText>,
    scroll: Scroll,
    /// Whether the view still has to move to the cited words.
    find_words: bool,
}

impl SourcesPage {
    /// The passages of a turn; `None` if it rests on none.
    pub fn of(turn: &Turn) -> Option<SourcesPage> {
        let sources = Source::all_of(turn);
        (!sources.is_empty()).then(|| SourcesPage {
            sources,
            choice: Choice::default(),
            open: None,
            scroll: Scroll::default(),
            find_words: false,
        })
    }

    /// The passage to read at once: the only one.
    pub fn only(&self) -> Option<Source> {
        match self.sources.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        }
    }

    /// Opens a text that the worker has read, if the page still waits for it.
    pub fn show(&mut self, text: SourceText) {
        if self.sources.get(self.choice.0) == Some(&text.source) {
            self.open = Some(text);
            self.scroll = Scroll::default();
            self.find_words = true;
        }
    }

    /// Whether the list is shown, of which one can be opened.
    pub(super) fn is_list(&self) -> bool {
        self.open.is_none()
    }

    pub(super) fn title(&self) -> String {
        match &self.open {
            Some(open) => format!(" {} ", open.source.place()),
            None => format!(" Sources: {} ", self.sources.len()),
        }
    }

    pub(super) fn act(&mut self, action: Action, app: &App, size: Size) -> Outcome {
        let page = usize::from(size.height);
        if let Some(open) = &self.open {
            if action == Action::Close && self.sources.len() > 1 {
                self.open = None;
                return Outcome::Stay;
            }
            if action == Action::Close {
                return Outcome::Close;
            }
            let (lines, first) = text_lines(open, size.width, app.theme);
            self.settle(first);
            self.scroll.act(action, lines.len(), page);
            return Outcome::Stay;
        }
        match action {
            Action::Close => Outcome::Close,
            Action::Choose => match self.sources.get(self.choice.0) {
                Some(source) => Outcome::Do(Command::ReadSource(source.clone())),
                None => Outcome::Stay,
            },
            _ => {
                self.choice.act(action, self.sources.len(), page / 2);
                Outcome::Stay
            }
        }
    }

    fn settle(&mut self, first: usize) {
        if std::mem::take(&mut self.find_words) {
            self.scroll = Scroll(first.saturating_sub(2));
        }
    }

    pub(super) fn draw(&self, frame: &mut Frame, app: &App, area: Rect) {
        let theme = app.theme;
        if let Some(open) = &self.open {
            let (lines, first) = text_lines(open, area.width, theme);
            let scroll = if self.find_words { Scroll(first.saturating_sub(2)) } else { self.scroll };
            scroll.draw(frame, theme, area, &lines);
            return;
        }
        let rows_max = if area.width < WIDE { 2 } else { 1 };
        // Mark, kind and the gaps between them stand before the place; a second row breaks between words.
        let room = (usize::from(area.width.saturating_sub(8)) * rows_max).saturating_sub(8 * (rows_max - 1));
        self.choice.draw(frame, theme, area, (self.sources.len(), rows_max), |index| {
            let source = &self.sources[index];
            let kind = if source.cited { "cited" } else { "fits " };
            let place = source.short_place(room);
            let quote = source.quote.split_whitespace().collect::<Vec<_>>().join(" ");
            let quote = if cells(&place) + QUOTE_FROM_CELLS > room { String::new() } else { format!(" | {quote}") };
            (format!("{kind} {place}{quote}"), theme.source())
        });
    }
}

/// The rows of a text and the first row of the cited words.
fn text_lines(text: &SourceText, width: u16, theme: Theme) -> (Vec<Line<'static>>, usize) {
    let mut lines: Vec<Line<'static>> = Vec::new();
    let kind = if text.source.cited { "the reversed words are cited" } else { "the reversed words fit the question" };
    let place =
        format!("bytes {} to {} of {}; {kind}", text.source.start_byte, text.source.end_byte, text.source.document);
    lines.extend(wrap_styled(&place, width, theme.aside()));
    lines.push(Line::from(Span::raw("")));
    let mut runs = Runs::default();
    runs.push(&text.before, theme.answer());
    let first = lines.len() + runs.rows(width).len().saturating_sub(1);
    runs.push(&text.words, theme.cited());
    runs.push(&text.after, theme.answer());
    lines.extend(runs.rows(width));
    (lines, first)
}
