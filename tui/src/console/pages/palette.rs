//! The command palette: every action of the conversation by its words.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher};
use ratatui::Frame;
use ratatui::crossterm::event::KeyEvent;
use ratatui::layout::{Constraint, Layout, Rect, Size};
use ratatui::style::Style;

use super::Outcome;
use super::help::key_and_words;
use super::rows::Choice;
use crate::console::actions::{ACTIONS, Action, Entry, Scope};
use crate::console::app::App;
use crate::console::editor::Editor;
use crate::console::theme::Theme;

/// Most rows of a command.
const ROWS_MAX: usize = 3;

/// The palette.
#[derive(Debug)]
pub struct PalettePage {
    input: Editor,
    choice: Choice,
}

impl PalettePage {
    /// A palette with an empty box.
    pub fn new(theme: Theme) -> PalettePage {
        PalettePage { input: Editor::new("Type a few letters of a command", theme), choice: Choice::default() }
    }

    pub(super) fn act(&mut self, action: Action, _app: &App, size: Size) -> Outcome {
        let found = self.found();
        match action {
            Action::Close => Outcome::Close,
            Action::Choose => match found.get(self.choice.0) {
                Some(entry) => Outcome::Perform(entry.action),
                None => Outcome::Notice("no command has these letters".to_owned()),
            },
            _ => {
                self.choice.act(action, found.len(), usize::from(size.height.saturating_sub(1)));
                Outcome::Stay
            }
        }
    }

    pub(super) fn typed(&mut self, key: KeyEvent) -> Outcome {
        self.input.key(key);
        self.choice = Choice::default();
        Outcome::Stay
    }

    pub(super) fn paste(&mut self, text: &str) -> Outcome {
        self.input.insert_line(text);
        self.choice = Choice::default();
        Outcome::Stay
    }

    /// Actions that fit the box, best first; all of them for an empty box.
    fn found(&self) -> Vec<&'static Entry> {
        let offered = ACTIONS.iter().filter(|entry| {
            let typed = matches!(
                entry.action,
                Action::Send | Action::NewLine | Action::HistoryEarlier | Action::HistoryLater | Action::Palette
            );
            matches!(entry.scope, Scope::Chat | Scope::Everywhere) && !typed
        });
        let wanted = self.input.text();
        if wanted.trim().is_empty() {
            return offered.collect();
        }
        let pattern = Pattern::parse(&wanted, CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let named: Vec<Named> = offered.map(|entry| Named(entry, format!("{} {}", entry.name, entry.words))).collect();
        pattern.match_list(named, &mut matcher).into_iter().map(|(named, _)| named.0).collect()
    }

    pub(super) fn draw(&self, frame: &mut Frame, app: &App, area: Rect) {
        let [head, list] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
        self.input.draw(frame, head, true);
        let found = self.found();
        self.choice.draw(frame, app.theme, list, (found.len(), ROWS_MAX), |index| {
            let (key, _) = key_and_words(found[index], &app.keymap);
            (format!("{key:<11} {}", found[index].words), Style::new())
        });
    }
}

struct Named(&'static Entry, String);

impl AsRef<str> for Named {
    fn as_ref(&self) -> &str {
        &self.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_letters_find_a_command() {
        for (letters, action) in [
            ("rollb", None),
            ("docum", Some(Action::Documents)),
            ("new conv", Some(Action::NewSession)),
            ("quit", Some(Action::Quit)),
        ] {
            let mut page = PalettePage::new(Theme::new(false));
            page.input.insert(letters);
            let best = page.found().first().map(|entry| entry.action);
            if let Some(action) = action {
                assert_eq!(best, Some(action), "{letters}");
            }
        }
    }
}
