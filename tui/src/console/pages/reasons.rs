//! Why an answer is good or bad: tags that travel to headquarters with the feedback.

use halligan_runtime::{Feedback, Reason, TurnId};
use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::{Rect, Size};
use ratatui::style::Style;

use super::Outcome;
use super::rows::Choice;
use crate::console::actions::Action;
use crate::console::app::App;
use crate::console::event::Command;

/// A reason in words.
pub fn reason_words(reason: Reason) -> &'static str {
    match reason {
        Reason::Incorrect => "a figure or fact is wrong",
        Reason::Incomplete => "something needed is missing",
        Reason::Outdated => "it was right once",
        Reason::Unsafe => "acting on it would put people at risk",
        Reason::OffTopic => "another question was answered",
        Reason::Unclear => "it cannot be understood quickly enough",
        Reason::WrongSource => "the cited source does not say so",
    }
}

/// Most rows of a reason.
const ROWS_MAX: usize = 2;

/// The page.
#[derive(Debug)]
pub struct ReasonsPage {
    turn: TurnId,
    feedback: Feedback,
    /// What is on disk.
    kept: Vec<Reason>,
    marked: Vec<Reason>,
    choice: Choice,
}

impl ReasonsPage {
    /// The reasons of feedback that is on disk already.
    pub fn of(turn: TurnId, feedback: Feedback, marked: Vec<Reason>) -> ReasonsPage {
        ReasonsPage { turn, feedback, kept: marked.clone(), marked, choice: Choice::default() }
    }

    /// The turn that was judged.
    pub fn turn(&self) -> TurnId {
        self.turn
    }

    fn save(&self) -> Command {
        Command::Rate { turn: self.turn, feedback: self.feedback.clone(), reasons: self.marked.clone() }
    }

    fn toggle(&mut self, index: usize) {
        if let Some(reason) = Reason::ALL.get(index) {
            match self.marked.iter().position(|marked| marked == reason) {
                Some(at) => {
                    self.marked.remove(at);
                }
                None => self.marked.push(*reason),
            }
        }
    }

    pub(super) fn act(&mut self, action: Action, size: Size) -> Outcome {
        match action {
            Action::Close => Outcome::Close,
            Action::Toggle => {
                self.toggle(self.choice.0);
                Outcome::Stay
            }
            Action::Choose => Outcome::CloseAndDo(self.save()),
            _ => {
                self.choice.act(action, Reason::ALL.len(), usize::from(size.height));
                Outcome::Stay
            }
        }
    }

    pub(super) fn typed(&mut self, key: KeyEvent) -> Outcome {
        match key.code {
            KeyCode::Char(digit @ '1'..='9') if key.modifiers.is_empty() => {
                self.toggle(usize::from(digit as u8 - b'1'));
                Outcome::Stay
            }
            // The next question begins; what was marked is meant all the same.
            KeyCode::Char(_) | KeyCode::Backspace => {
                Outcome::CloseAndType(key, (self.marked != self.kept).then(|| self.save()))
            }
            _ => Outcome::Stay,
        }
    }

    pub(super) fn draw(&self, frame: &mut Frame, app: &App, area: Rect) {
        self.choice.draw(frame, app.theme, area, (Reason::ALL.len(), ROWS_MAX), |index| {
            let reason = Reason::ALL[index];
            let mark = if self.marked.contains(&reason) { "[x]" } else { "[ ]" };
            (format!("{mark} {} {}", index + 1, reason_words(reason)), Style::new())
        });
    }
}
