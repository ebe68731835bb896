//! A text box of several lines, for questions and corrections.
//!
//! Wraps the textarea widget so that both boxes look and limit alike: text wraps at words, the
//! terminal's own cursor is used (screen readers follow it), and no paste can grow without end.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::{Frame, widgets::Widget};
use ratatui_textarea::{CursorMove, TextArea, WrapMode};

use super::theme::Theme;
use super::wrap::wrap;
use crate::figures::printable;

/// Longest text of a box in characters; a question beyond it would not fit a context anyway.
pub const CHARACTERS_MAX: usize = 8_000;

/// A text box.
#[derive(Debug)]
pub struct Editor {
    area: TextArea<'static>,
}

impl Editor {
    /// An empty box with a hint that shows while it is empty.
    pub fn new(placeholder: &str, theme: Theme) -> Editor {
        let mut area = TextArea::default();
        area.set_wrap_mode(WrapMode::WordOrGlyph);
        area.set_cursor_line_style(Style::new());
        area.set_cursor_style(Style::new());
        area.set_placeholder_text(placeholder);
        area.set_placeholder_style(theme.aside());
        Editor { area }
    }

    /// The text with its line feeds.
    pub fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    /// Whether nothing but white space is in the box.
    pub fn is_blank(&self) -> bool {
        self.area.lines().iter().all(|line| line.trim().is_empty())
    }

    /// Replaces the text and puts the cursor at its end.
    pub fn set_text(&mut self, text: &str) {
        self.area.select_all();
        self.area.cut();
        self.insert(text);
        self.area.move_cursor(CursorMove::Bottom);
        self.area.move_cursor(CursorMove::End);
    }

    /// Inserts text at the cursor. Returns whether all of it found room.
    pub fn insert(&mut self, text: &str) -> bool {
        let room = CHARACTERS_MAX.saturating_sub(self.characters());
        // Of a paste of megabytes only the start is looked at.
        let enough = text.char_indices().nth(2 * CHARACTERS_MAX).map_or(text.len(), |(end, _)| end);
        let whole = enough == text.len();
        let clean = printable(&text[..enough].replace("\r\n", "\n").replace('\r', "\n"));
        let cut = clean.char_indices().nth(room).map_or(clean.len(), |(end, _)| end);
        self.area.insert_str(&clean[..cut]);
        whole && cut == clean.len()
    }

    /// Inserts text at the cursor as one line.
    pub fn insert_line(&mut self, text: &str) -> bool {
        self.insert(&text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Starts a new line.
    pub fn new_line(&mut self) {
        if self.characters() < CHARACTERS_MAX {
            self.area.insert_newline();
        }
    }

    /// Hands a key to the box: letters, movement, deletion, undo. Ctrl+U deletes to the start of
    /// the line and Ctrl+Z undoes, as in shells and editors; the other keys are the widget's own.
    pub fn key(&mut self, key: KeyEvent) {
        let control = key.modifiers == KeyModifiers::CONTROL;
        match key.code {
            KeyCode::Char('u') if control => self.area.delete_line_by_head(),
            KeyCode::Char('z') if control => self.area.undo(),
            _ => self.area.input(key),
        };
        if self.characters() > CHARACTERS_MAX {
            self.area.undo();
        }
    }

    fn characters(&self) -> usize {
        self.area.lines().iter().map(|line| line.chars().count() + 1).sum::<usize>() - 1
    }

    /// Rows that the text takes at `width` columns.
    pub fn rows(&self, width: u16) -> u16 {
        let rows: usize = self.area.lines().iter().map(|line| wrap(line, width).len()).sum();
        u16::try_from(rows).unwrap_or(u16::MAX)
    }

    /// Draws the text and places the terminal cursor.
    pub fn draw(&self, frame: &mut Frame, area: Rect, with_cursor: bool) {
        if area.is_empty() {
            return;
        }
        (&self.area).render(area, frame.buffer_mut());
        if with_cursor {
            let cursor = self.area.screen_cursor();
            let (top, left) = self.area.scroll_offset();
            let column = cursor.col.saturating_sub(usize::from(left)).min(usize::from(area.width) - 1);
            let row = cursor.row.saturating_sub(usize::from(top)).min(usize::from(area.height) - 1);
            // Both are below the u16 sides of the area.
            frame.set_cursor_position(Position::new(area.x + column as u16, area.y + row as u16));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_beyond_the_limit_is_cut_and_said_so() {
        let mut editor = Editor::new("", Theme::new(false));
        assert!(editor.insert("first\r\nsecond"));
        assert_eq!(editor.text(), "first\nsecond");
        assert!(!editor.insert(&"x".repeat(CHARACTERS_MAX)));
        assert_eq!(editor.text().chars().count(), CHARACTERS_MAX);
        editor.set_text("");
        assert!(editor.is_blank());
    }
}
