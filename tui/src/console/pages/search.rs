//! Search over all conversations; the chosen one goes on.

use halligan_runtime::{Turn, TurnId};
use ratatui::Frame;
use ratatui::crossterm::event::KeyEvent;
use ratatui::layout::{Constraint, Layout, Rect, Size};
use ratatui::style::Style;
use ratatui::text::Span;

use super::Outcome;
use super::rows::Choice;
use crate::console::actions::Action;
use crate::console::app::App;
use crate::console::editor::Editor;
use crate::console::event::Command;
use crate::console::item::listed_answer;
use crate::console::theme::Theme;
use crate::console::wrap::fitting;
use crate::figures::{printable, utc_minute};

/// Columns from which on a turn takes one row.
const WIDE: u16 = 60;

/// The page.
#[derive(Debug)]
pub struct SearchPage {
    input: Editor,
    /// What the shown turns were found by; `None` before the first answer.
    shown: Option<String>,
    turns: Vec<Turn>,
    choice: Choice,
    /// Whether an answer to an earlier text is still to come.
    waiting: bool,
}

impl SearchPage {
    /// An empty search, which the worker answers with the latest turns.
    pub fn new(theme: Theme) -> SearchPage {
        SearchPage {
            input: Editor::new("Words of a question or an answer", theme),
            shown: None,
            turns: Vec::new(),
            choice: Choice::default(),
            waiting: true,
        }
    }

    /// Takes what was found. Searches again if the text has changed since.
    pub fn show(&mut self, query: String, turns: Vec<Turn>) -> Option<Command> {
        self.turns = turns;
        self.choice = Choice::default();
        self.shown = Some(query);
        self.waiting = false;
        self.search()
    }

    /// A search that failed is over too.
    pub fn failed(&mut self) {
        self.waiting = false;
    }

    fn search(&mut self) -> Option<Command> {
        let wanted = self.input.text().trim().to_owned();
        if self.waiting || self.shown.as_ref() == Some(&wanted) {
            return None;
        }
        self.waiting = true;
        Some(Command::Search(wanted))
    }

    fn searching(&mut self) -> Outcome {
        self.search().map_or(Outcome::Stay, Outcome::Do)
    }

    pub(super) fn act(&mut self, action: Action, size: Size) -> Outcome {
        match action {
            Action::Close => Outcome::Close,
            Action::Choose => match self.turns.get(self.choice.0) {
                Some(turn) => Outcome::CloseAndDo(Command::OpenSession(turn.session)),
                None => Outcome::Notice("no conversation has these words".to_owned()),
            },
            _ => {
                self.choice.act(action, self.turns.len(), usize::from(size.height.saturating_sub(2)));
                Outcome::Stay
            }
        }
    }

    pub(super) fn typed(&mut self, key: KeyEvent) -> Outcome {
        self.input.key(key);
        self.searching()
    }

    pub(super) fn paste(&mut self, text: &str) -> Outcome {
        self.input.insert_line(text);
        self.searching()
    }

    /// The turn that is chosen.
    pub fn chosen(&self) -> Option<TurnId> {
        self.turns.get(self.choice.0).map(|turn| turn.id)
    }

    pub(super) fn draw(&self, frame: &mut Frame, app: &App, area: Rect) {
        let theme = app.theme;
        let [head, list, foot] =
            Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)]).areas(area);
        self.input.draw(frame, head, true);
        if self.turns.is_empty() {
            let words = if self.waiting { "searching ..." } else { "nothing found" };
            frame.render_widget(Span::styled(words, theme.aside()), list);
            return;
        }
        let rows_max = if area.width < WIDE { 3 } else { 1 };
        self.choice.draw(frame, theme, list, (self.turns.len(), rows_max), |index| {
            let turn = &self.turns[index];
            let words = printable(&format!("{} | {}", turn.question, listed_answer(turn))).replace('\n', " ");
            (format!("{} {words}", &utc_minute(turn.created_at)[..10]), Style::new())
        });
        let place = self.turns.get(self.choice.0).map_or(String::new(), |turn| {
            format!("turn {}, conversation {}, {} UTC", turn.id, turn.session.0, utc_minute(turn.created_at))
        });
        frame.render_widget(Span::styled(fitting(&place, usize::from(area.width)).to_owned(), theme.aside()), foot);
    }
}
