//! The conversation on the screen: turns and notes, wrapped once per item and width.
//!
//! Each entry keeps the rows it was last wrapped to, so a frame costs the visible rows and not the
//! whole conversation. The place on screen is remembered as (entry, row), which survives new text
//! and new widths. `choosing.rs` says which turn the keys act on.

mod choosing;

use std::cell::RefCell;
use std::rc::Rc;

use halligan_runtime::{Feedback, Reason, TurnId};
use ratatui::text::Line;

use super::item::{Item, NoteKind, TurnView};
use super::theme::Theme;
use super::turn_rows;

/// Columns left of the text that show which turn is chosen.
pub const GUTTER_COLUMNS: u16 = 2;

/// Most entries kept on screen; older ones stay in the journal.
pub const ENTRIES_MAX: usize = 2_000;

#[derive(Debug)]
struct Entry {
    item: Item,
    wrapped: RefCell<Option<Wrapped>>,
}

#[derive(Debug, Clone)]
struct Wrapped {
    width: u16,
    expanded: bool,
    rows: Rc<[Line<'static>]>,
}

/// Where the screen looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    /// The newest row, following new text.
    Bottom,
    /// A fixed row at the top edge.
    At { entry: usize, row: usize },
}

/// A row that is on screen.
#[derive(Debug, Clone)]
pub struct VisibleRow {
    /// The text.
    pub line: Line<'static>,
    /// Whether it belongs to the chosen turn.
    pub chosen: bool,
}

/// The conversation.
#[derive(Debug)]
pub struct Transcript {
    entries: Vec<Entry>,
    position: Position,
    chosen: Option<usize>,
    theme: Theme,
}

impl Transcript {
    /// An empty conversation.
    pub fn new(theme: Theme) -> Transcript {
        Transcript { entries: Vec::new(), position: Position::Bottom, chosen: None, theme }
    }

    /// Whether nothing has been said.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the newest row is in view and stays there.
    pub fn follows(&self) -> bool {
        self.position == Position::Bottom
    }

    /// Adds an entry and drops the oldest one beyond [`ENTRIES_MAX`].
    pub fn push(&mut self, item: Item) {
        self.entries.push(Entry { item, wrapped: RefCell::new(None) });
        if self.entries.len() > ENTRIES_MAX {
            self.entries.remove(0);
            self.chosen = self.chosen.and_then(|chosen| chosen.checked_sub(1));
            if let Position::At { entry, row } = self.position {
                self.position = match entry.checked_sub(1) {
                    Some(entry) => Position::At { entry, row },
                    None => Position::At { entry: 0, row: 0 },
                };
            }
        }
    }

    /// Adds a note.
    pub fn note(&mut self, kind: NoteKind, text: impl Into<String>) {
        self.push(Item::Note(kind, text.into()));
    }

    /// The turn whose answer is still running.
    pub fn running(&mut self) -> Option<&mut TurnView> {
        let entry = self
            .entries
            .iter_mut()
            .rev()
            .find(|entry| matches!(&entry.item, Item::Turn(turn) if turn.recorded.is_none() && !turn.failed))?;
        entry.wrapped.replace(None);
        match &mut entry.item {
            Item::Turn(turn) => Some(turn),
            Item::Note(..) => None,
        }
    }

    /// Shows feedback beside its turn, if the turn is on screen.
    pub fn mark(&mut self, turn: TurnId, feedback: Feedback, reasons: Vec<Reason>) {
        for entry in self.entries.iter_mut().rev() {
            if let Item::Turn(view) = &mut entry.item
                && let Some(recorded) = &mut view.recorded
                && recorded.id == turn
            {
                recorded.feedback = Some(feedback);
                recorded.reasons = reasons;
                entry.wrapped.replace(None);
                return;
            }
        }
    }

    /// Shows the answer of a turn that is withheld.
    pub fn reveal(&mut self, turn: TurnId) {
        for entry in &mut self.entries {
            if let Item::Turn(view) = &mut entry.item
                && let Some(recorded) = view.recorded.as_ref().filter(|recorded| recorded.id == turn)
            {
                view.answer.clone_from(&recorded.answer);
                view.hidden = false;
                entry.wrapped.replace(None);
            }
        }
    }

    /// Forgets all entries.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.position = Position::Bottom;
        self.chosen = None;
    }

    /// Draws in other styles from now on.
    pub fn set_theme(&mut self, theme: Theme) {
        self.theme = theme;
        for entry in &self.entries {
            entry.wrapped.replace(None);
        }
    }

    fn rows(&self, entry: usize, width: u16) -> Rc<[Line<'static>]> {
        let expanded = self.chosen == Some(entry);
        let entry = &self.entries[entry];
        let mut cache = entry.wrapped.borrow_mut();
        match &*cache {
            Some(known) if known.width == width && known.expanded == expanded => Rc::clone(&known.rows),
            _ => {
                let text_width = width.saturating_sub(GUTTER_COLUMNS).max(1);
                let rows: Rc<[Line<'static>]> = turn_rows::rows(&entry.item, text_width, expanded, self.theme).into();
                *cache = Some(Wrapped { width, expanded, rows: Rc::clone(&rows) });
                rows
            }
        }
    }

    /// Rows that an entry needs: the newest one does without the empty row at its end.
    fn shown_rows(&self, entry: usize, width: u16) -> usize {
        let rows = self.rows(entry, width).len();
        if entry + 1 == self.entries.len() { rows.saturating_sub(1) } else { rows }
    }

    /// Row at the top edge when the newest row is at the bottom edge.
    fn top_of_bottom(&self, width: u16, height: u16) -> (usize, usize) {
        let mut missing = usize::from(height);
        for entry in (0..self.entries.len()).rev() {
            let rows = self.shown_rows(entry, width);
            if rows >= missing {
                return (entry, rows - missing);
            }
            missing -= rows;
        }
        (0, 0)
    }

    fn top(&self, width: u16, height: u16) -> (usize, usize) {
        let bottom = self.top_of_bottom(width, height);
        match self.position {
            Position::Bottom => bottom,
            Position::At { entry, row } => {
                let entry = entry.min(self.entries.len().saturating_sub(1));
                let last = match self.entries.get(entry) {
                    Some(_) => self.rows(entry, width).len().saturating_sub(1),
                    None => 0,
                };
                (entry, row.min(last)).min(bottom)
            }
        }
    }

    /// Follows the newest row again once it is in view.
    fn settle(&mut self, width: u16, height: u16) {
        if self.top(width, height) == self.top_of_bottom(width, height) && self.chosen.is_none() {
            self.position = Position::Bottom;
        }
    }

    /// Moves the view towards older rows.
    pub fn scroll_up(&mut self, by: u16, width: u16, height: u16) {
        let (mut entry, mut row) = self.top(width, height);
        let mut left = usize::from(by);
        while left > row && entry > 0 {
            left -= row + 1;
            entry -= 1;
            row = self.rows(entry, width).len().saturating_sub(1);
        }
        row = row.saturating_sub(left);
        if (entry, row) != self.top(width, height) {
            self.position = Position::At { entry, row };
        }
    }

    /// Moves the view towards newer rows and follows them at the end.
    pub fn scroll_down(&mut self, by: u16, width: u16, height: u16) {
        let (mut entry, mut row) = self.top(width, height);
        let mut left = usize::from(by);
        while left > 0 && entry < self.entries.len() {
            let after = self.rows(entry, width).len().saturating_sub(row + 1);
            if left <= after {
                row += left;
                break;
            }
            left -= after + 1;
            entry += 1;
            row = 0;
        }
        if (entry, row) >= self.top_of_bottom(width, height) {
            self.position = Position::Bottom;
        } else {
            self.position = Position::At { entry, row };
        }
    }

    /// Looks at the oldest row.
    pub fn scroll_to_top(&mut self, width: u16, height: u16) {
        self.position = Position::At { entry: 0, row: 0 };
        self.settle(width, height);
    }

    /// Looks at the first row of the newest entry if the entry is taller than the screen part,
    /// unless the user is reading elsewhere. A complete answer is read from its start.
    pub fn show_latest_from_start(&mut self, width: u16, height: u16) {
        let Some(entry) = self.entries.len().checked_sub(1) else { return };
        if self.position == Position::Bottom && self.shown_rows(entry, width) > usize::from(height) {
            self.position = Position::At { entry, row: 0 };
        }
    }

    /// Whether rows below the visible ones exist.
    pub fn has_newer(&self, width: u16, height: u16) -> bool {
        self.top(width, height) < self.top_of_bottom(width, height)
    }

    /// Looks at the newest row and follows it.
    pub fn scroll_to_bottom(&mut self) {
        self.position = Position::Bottom;
    }

    /// The rows on a screen part of `width` x `height` cells, top first.
    pub fn visible(&self, width: u16, height: u16) -> Vec<VisibleRow> {
        let (mut entry, mut skip) = self.top(width, height);
        let mut visible = Vec::with_capacity(usize::from(height));
        while entry < self.entries.len() && visible.len() < usize::from(height) {
            let chosen = self.chosen == Some(entry);
            let missing = usize::from(height) - visible.len();
            let rows = self.rows(entry, width);
            visible.extend(rows.iter().skip(skip).take(missing).map(|line| VisibleRow { line: line.clone(), chosen }));
            skip = 0;
            entry += 1;
        }
        visible
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(count: usize) -> Transcript {
        let mut transcript = Transcript::new(Theme::new(false));
        for number in 0..count {
            transcript.note(NoteKind::Information, format!("note {number}"));
        }
        transcript
    }

    fn first_row(transcript: &Transcript, height: u16) -> String {
        transcript.visible(40, height).first().map(|row| row.line.to_string()).unwrap_or_default()
    }

    #[test]
    fn new_text_does_not_move_a_reader_who_scrolled_up() {
        let mut transcript = numbered(50);
        transcript.scroll_up(30, 40, 10);
        let before = first_row(&transcript, 10);
        transcript.note(NoteKind::Information, "late");
        assert_eq!(first_row(&transcript, 10), before);
        assert!(!transcript.follows());
        transcript.scroll_down(1_000, 40, 10);
        assert!(transcript.follows());
        assert_eq!(
            transcript.visible(40, 10).iter().rev().find_map(|row| {
                let text = row.line.to_string();
                (!text.is_empty()).then_some(text)
            }),
            Some("late".to_owned())
        );
    }

    #[test]
    fn scrolling_past_both_ends_stays_in_the_text() {
        let mut transcript = numbered(5);
        transcript.scroll_up(100, 40, 4);
        assert_eq!(first_row(&transcript, 4), "note 0");
        transcript.scroll_up(1, 40, 4);
        transcript.scroll_down(u16::MAX, 40, 4);
        assert!(transcript.follows());
        transcript.scroll_up(1, 40, 100);
        assert!(transcript.follows());
    }

    #[test]
    fn oldest_entries_leave_the_screen_at_the_limit() {
        let transcript = numbered(ENTRIES_MAX + 10);
        assert_eq!(transcript.entries.len(), ENTRIES_MAX);
    }
}
