//! Where things stand for a given terminal size.
//!
//! Kept apart from drawing because scrolling needs the same numbers.

use ratatui::layout::{Constraint, Layout, Rect};

use super::app::{Activity, App, Mode};
use super::pages::Page;
use super::wrap::wrap;

/// Rows of the screen below which the hints line gives way to the text.
const HINTS_FROM_ROWS: u16 = 8;
/// Most rows of a notice in place of the hints.
const NOTICE_ROWS_MAX: u16 = 4;
/// Most rows of the question box.
const QUESTION_ROWS_MAX: u16 = 6;

/// The parts of the screen, top to bottom. Parts without room are empty.
#[derive(Debug, Clone, Copy)]
pub struct Areas {
    /// The conversation.
    pub transcript: Rect,
    /// Progress of learning.
    pub lesson: Rect,
    /// Title row and text of the box that takes the keys.
    pub input: Rect,
    /// The status line.
    pub status: Rect,
    /// The hints line, or the rows of a notice.
    pub hints: Rect,
}

/// Divides the terminal.
pub fn areas(app: &App) -> Areas {
    let screen = Rect::new(0, 0, app.size.width, app.size.height);
    let rows = screen.height;
    let text_rows = match &app.mode {
        Mode::Correcting { editor, .. } => editor.rows(screen.width).clamp(3, (rows / 2).max(3)),
        _ => app.question.rows(screen.width).clamp(1, (rows / 4).clamp(1, QUESTION_ROWS_MAX)),
    };
    // The page of the lesson shows the same, larger.
    let on_page = matches!(app.pages.last(), Some(Page::Lesson(_)));
    let lesson_rows = match app.activity {
        Activity::Learning if on_page => 0,
        Activity::Learning if rows >= 20 => 7,
        Activity::Learning if rows >= 10 => 3,
        Activity::Learning => 1,
        _ => 0,
    };
    let hint_rows = match &app.notice {
        _ if rows < HINTS_FROM_ROWS => 0,
        Some(notice) => u16::try_from(wrap(notice, screen.width).len()).unwrap_or(u16::MAX).clamp(1, NOTICE_ROWS_MAX),
        None => 1,
    };
    let [transcript, lesson, input, status, hints] = Layout::vertical([
        Constraint::Fill(1),
        Constraint::Length(lesson_rows),
        Constraint::Length(text_rows + 1),
        Constraint::Length(1),
        Constraint::Length(hint_rows),
    ])
    .areas(screen);
    Areas { transcript, lesson, input, status, hints }
}
