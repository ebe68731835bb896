//! The page of the lesson: loss chart with its scale, time left, and how it ended.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Span;
use ratatui::widgets::Paragraph;

use super::Outcome;
use crate::console::actions::{Action, Scope};
use crate::console::app::App;
use crate::console::event::Command;
use crate::console::panels::{chart, lesson_sources, lesson_words, progress_bar};
use crate::console::wrap::{fitting, shortened, wrap_styled};

/// The page; what it shows belongs to the console's state.
#[derive(Debug, Default)]
pub struct LessonPage;

impl LessonPage {
    pub(super) fn act(&mut self, action: Action) -> Outcome {
        match action {
            Action::Close => Outcome::Close,
            Action::Pause => Outcome::Perform(Action::Pause),
            Action::CancelLesson => Outcome::Do(Command::Stop),
            _ => Outcome::Stay,
        }
    }

    pub(super) fn draw(&self, frame: &mut Frame, app: &App, area: Rect) {
        let theme = app.theme;
        let width = usize::from(area.width);
        let Some(lesson) = &app.lesson else {
            let words = "No lesson yet. Correct an answer, then learn from it: the console trains an adapter from your \
                corrections, tests it, and uses it only if it is better.";
            frame.render_widget(Paragraph::new(wrap_styled(words, area.width, theme.aside())), area);
            return;
        };
        let ended = lesson.ended.as_deref().unwrap_or("");
        let ended = if ended.is_empty() { Vec::new() } else { wrap_styled(ended, area.width, theme.learned()) };
        let ended_rows = u16::try_from(ended.len()).unwrap_or(u16::MAX).min(area.height / 2);
        let [from, words, bar, plot, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Fill(1),
            Constraint::Length(ended_rows),
        ])
        .areas(area);
        let sources = match lesson.in_use && lesson.ended.is_none() {
            true => {
                let key = app.key_name(Action::CancelLesson, Scope::Lesson);
                format!("the update is in use; measuring how far it can be trusted; {key} skips that")
            }
            false => lesson_sources(lesson).unwrap_or_else(|| "choosing the rows".to_owned()),
        };
        frame.render_widget(Span::styled(shortened(&sources, width), theme.aside()), from);
        frame.render_widget(Span::raw(fitting(&lesson_words(lesson), width).to_owned()), words);
        if lesson.ended.is_none() {
            frame.render_widget(Span::styled(progress_bar(lesson.progress(), width), theme.learned()), bar);
        }
        chart(frame, theme, lesson, plot);
        frame.render_widget(Paragraph::new(ended), foot);
    }
}
