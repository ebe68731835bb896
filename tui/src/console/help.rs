//! The help page: every key in words. `keys.rs` is where they act.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::panels::titled;
use super::theme::Theme;
use super::wrap::wrap;

const KEY_COLUMNS: u16 = 13;

const KEYS: [(&str, &str); 21] = [
    ("Enter", "asks the question"),
    ("Alt+Enter", "new line (also Ctrl+J)"),
    ("Up, Down", "earlier questions, when the box is empty"),
    ("PgUp, PgDn", "scroll; Ctrl+Home, Ctrl+End: oldest, newest"),
    ("Tab", "choose an earlier answer, Shift+Tab a later one"),
    ("Ctrl+U", "delete to the start of the line; Ctrl+K to its end, Ctrl+Z undo"),
    ("F2", "the chosen (or latest) answer is good"),
    ("F3", "it is bad"),
    ("F4", "write the right answer; Enter saves it"),
    ("F5", "learn from the corrections"),
    ("F6", "adapters: Enter activates, r rolls back"),
    ("Esc", "stops an answer, cancels learning, closes a page"),
    ("Ctrl+C", "stops, empties the box; twice: leaves"),
    ("Ctrl+L", "draws the screen again"),
    ("F10, Ctrl+Q", "leaves"),
    ("Alt+1 .. 6", "F1 to F6, where the terminal keeps those"),
    ("", ""),
    (
        "confidence",
        "mean probability of the answer's tokens: high from 0.90, fair from 0.70, else low. It says how sure the model is, not that it is right.",
    ),
    ("passage", "the place in the documents that fits best. Read it before you act on an answer."),
    ("learn", "trains a new adapter from your corrections, tests it, and uses it only if it is better."),
    ("roll back", "returns to the adapter before, at once."),
];

fn lines(width: u16, theme: Theme) -> Vec<Line<'static>> {
    let room = width.saturating_sub(KEY_COLUMNS).max(1);
    let mut lines = Vec::new();
    for (key, meaning) in KEYS {
        for (index, row) in wrap(meaning, room).into_iter().enumerate() {
            let key = if index == 0 { key } else { "" };
            lines.push(Line::from(vec![
                Span::styled(format!("{key:<width$}", width = usize::from(KEY_COLUMNS)), theme.key()),
                Span::raw(row),
            ]));
        }
    }
    lines
}

/// Rows of the page at a screen width of `width` columns.
pub fn rows_at(width: u16) -> u16 {
    u16::try_from(lines(width, Theme::new(false)).len()).unwrap_or(u16::MAX)
}

/// Draws the page from row `top` on.
pub fn draw(frame: &mut Frame, theme: Theme, area: Rect, top: u16) {
    let block = titled(" Help ", area, theme);
    let text = block.inner(area);
    frame.render_widget(block, area);
    frame.render_widget(Paragraph::new(lines(area.width, theme)).scroll((top, 0)), text);
}
