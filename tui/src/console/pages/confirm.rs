//! Asks before a key ends what cannot be had back: a running lesson, a correction that is unsaved or would be dropped.

use halligan_runtime::TurnId;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::widgets::Paragraph;

use super::Outcome;
use crate::console::actions::{Action, Scope};
use crate::console::app::App;
use crate::console::panels::lesson_words;
use crate::console::wrap::wrap_styled;

/// What would end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The running lesson.
    Lesson,
    /// The program.
    Program,
    /// The correction of a turn, for a bare mark in its place.
    Correction {
        /// The turn.
        turn: TurnId,
        /// Whether the mark is a good one.
        good: bool,
    },
}

/// The page.
#[derive(Debug)]
pub struct ConfirmPage {
    /// What would end.
    pub ending: Ending,
}

impl ConfirmPage {
    pub(super) fn title(&self) -> String {
        match self.ending {
            Ending::Lesson => " End the lesson? ".to_owned(),
            Ending::Program => " Leave? ".to_owned(),
            Ending::Correction { .. } => " Drop the correction? ".to_owned(),
        }
    }

    /// What Enter does, for the hints.
    pub(super) fn choose_word(&self) -> &'static str {
        match self.ending {
            Ending::Lesson => "ends it",
            Ending::Program => "leaves",
            Ending::Correction { .. } => "drops it",
        }
    }

    pub(super) fn act(&self, action: Action) -> Outcome {
        match action {
            Action::Choose => Outcome::End(self.ending),
            Action::Close => Outcome::Close,
            _ => Outcome::Stay,
        }
    }

    pub(super) fn draw(&self, frame: &mut Frame, app: &App, area: Rect) {
        let lines = wrap_styled(&self.words(app), area.width, app.theme.bad());
        frame.render_widget(Paragraph::new(lines), area);
    }

    fn words(&self, app: &App) -> String {
        let learning = app.running_lesson().map(|lesson| {
            format!(
                "Learning is running: {}. If it ends now, what it has learned is lost; adapter and corrections stay as \
                they are.",
                lesson_words(lesson)
            )
        });
        let unsaved = app.unsaved_correction().map(|turn| format!("The correction of turn {turn} is not saved."));
        let is_paused = app.running_lesson().is_some_and(|lesson| lesson.paused);
        let [yes, no] = [Action::Choose, Action::Close].map(|action| app.key_name(action, Scope::Page));
        let end = match self.ending {
            Ending::Correction { turn, good } => {
                let mark = if good { "good" } else { "bad" };
                return format!(
                    "Turn {turn} has a correction. Marked {mark}, the turn loses it, and no lesson learns from it. \
                    {yes} drops it, {no} keeps it."
                );
            }
            Ending::Lesson if is_paused => format!(
                "{yes} ends it, {no} leaves it paused; then {} goes on with it.",
                app.key_name(Action::Pause, Scope::Chat)
            ),
            Ending::Lesson => format!(
                "{yes} ends it, {no} lets it go on; then {} halts it without loss.",
                app.key_name(Action::Pause, Scope::Chat)
            ),
            Ending::Program => format!("{yes} leaves, {no} goes back."),
        };
        let unsaved = unsaved.filter(|_| self.ending == Ending::Program);
        learning.into_iter().chain(unsaved).chain([end]).collect::<Vec<_>>().join(" ")
    }
}
