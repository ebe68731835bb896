//! What pages share: a list with a chosen row, and a text that scrolls.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::console::actions::Action;
use crate::console::theme::Theme;
use crate::console::wrap::{cut, padded, shortened, wrap};

/// Row `at` after the action, from 0 to `last`, with `page` rows on the screen; `None` where the action is no move.
fn moved(at: usize, action: Action, last: usize, page: usize) -> Option<usize> {
    let page = page.max(1);
    let to = match action {
        Action::Up => at.saturating_sub(1),
        Action::Down => at.saturating_add(1),
        Action::PageUp => at.saturating_sub(page),
        Action::PageDown => at.saturating_add(page),
        Action::First => 0,
        Action::Last => last,
        _ => return None,
    };
    Some(to.min(last))
}

/// The chosen row of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choice(pub usize);

impl Choice {
    /// Moves as the action says, in a list of `len` rows shown `page` at a time. Returns whether
    /// the action was a move.
    pub fn act(&mut self, action: Action, len: usize, page: usize) -> bool {
        let to = moved(self.0, action, len.saturating_sub(1), page);
        self.0 = to.unwrap_or(self.0);
        to.is_some()
    }

    /// Draws the `len` entries around the chosen one, each in at most `rows_max` rows and in its style.
    pub fn draw(
        self,
        frame: &mut Frame,
        theme: Theme,
        area: Rect,
        (len, rows_max): (usize, usize),
        entry: impl Fn(usize) -> (String, Style),
    ) {
        let width = area.width.saturating_sub(2).max(1);
        let rows_of = |index: usize| {
            let (text, style) = entry(index);
            if rows_max <= 1 {
                return (vec![shortened(&text, usize::from(width))], style);
            }
            let mut rows = wrap(&text, width);
            cut(&mut rows, rows_max, width);
            (rows, style)
        };
        // The chosen entry is the last one that must be whole.
        let chosen = self.0.min(len.saturating_sub(1));
        let mut first = chosen;
        if len > 0 {
            let mut room = usize::from(area.height).saturating_sub(rows_of(chosen).0.len());
            while first > 0 {
                let Some(left) = room.checked_sub(rows_of(first - 1).0.len()) else { break };
                room = left;
                first -= 1;
            }
        }
        let shown = (first..len).flat_map(|index| {
            let (rows, style) = rows_of(index);
            rows.into_iter().enumerate().map(move |(row, text)| (index, row, text, style))
        });
        for ((index, row, text, style), y) in shown.zip(area.y..area.bottom()) {
            let style = if index == self.0 { theme.bar() } else { style };
            let mark = if index == self.0 && row == 0 { "> " } else { "  " };
            let text = padded(&format!("{mark}{text}"), usize::from(area.width));
            frame.render_widget(Span::styled(text, style), Rect::new(area.x, y, area.width, 1));
        }
    }
}

/// The first visible row of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scroll(pub usize);

impl Scroll {
    /// Moves as the action says, in a text of `len` rows shown `page` at a time. Returns whether
    /// the action was a move.
    pub fn act(&mut self, action: Action, len: usize, page: usize) -> bool {
        let to = moved(self.0, action, len.saturating_sub(page), page);
        self.0 = to.unwrap_or(self.0);
        to.is_some()
    }

    /// Draws the visible rows; says how many follow where some do.
    pub fn draw(self, frame: &mut Frame, theme: Theme, area: Rect, lines: &[Line<'static>]) {
        let shown = usize::from(area.height);
        let top = self.0.min(lines.len().saturating_sub(shown));
        for (line, y) in lines[top..].iter().zip(area.y..area.bottom()) {
            frame.render_widget(line, Rect::new(area.x, y, area.width, 1));
        }
        let left = lines.len().saturating_sub(top + shown);
        if left > 0 && area.height > 1 && area.y > 0 {
            let words = format!(" {left} more below ");
            let width = u16::try_from(words.len()).unwrap_or(u16::MAX);
            if width + 12 < area.width {
                // On the rule above, where it hides no text but the end of a long title.
                let place = Rect::new(area.right() - width, area.y - 1, width, 1);
                if hides_words(frame.buffer_mut(), place) {
                    frame
                        .render_widget(Span::styled(" ...", theme.title()), Rect { x: place.x - 4, width: 4, ..place });
                }
                frame.render_widget(Span::styled(words, theme.title()), place);
            }
        }
    }
}

fn hides_words(buffer: &Buffer, place: Rect) -> bool {
    place.positions().any(|at| buffer.cell(at).is_some_and(|cell| cell.symbol().chars().any(char::is_alphanumeric)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_stay_inside_of_lists_and_texts() {
        let mut choice = Choice(0);
        assert!(choice.act(Action::Up, 3, 10) && choice.0 == 0);
        assert!(choice.act(Action::PageDown, 3, 10) && choice.0 == 2);
        assert!(choice.act(Action::Down, 0, 10) && choice.0 == 0);
        assert!(!choice.act(Action::Close, 3, 10));
        let mut scroll = Scroll(0);
        assert!(scroll.act(Action::Last, 30, 10) && scroll.0 == 20);
        assert!(scroll.act(Action::Down, 30, 10) && scroll.0 == 20);
        assert!(scroll.act(Action::Down, 5, 10) && scroll.0 == 0);
    }
}
