//! The help of a screen: its keys as they are set, and what the words on it mean.

use ratatui::Frame;
use ratatui::layout::{Rect, Size};
use ratatui::text::{Line, Span};

use super::Outcome;
use super::rows::Scroll;
use crate::console::actions::{ACTIONS, Action, Entry, Scope};
use crate::console::app::App;
use crate::console::keymap::Keymap;
use crate::console::theme::Theme;
use crate::console::wrap::{cells, wrap};

/// Columns of the keys.
const KEY_COLUMNS: usize = 13;

/// Keys that are not in the table of actions, and words that need explaining.
const MORE: [(&str, &str); 9] = [
    ("Ctrl+C", "stops, empties the box; twice: leaves"),
    ("Ctrl+U", "deletes to the start of the line; Ctrl+K to its end, Ctrl+Z undoes"),
    ("[+] [!]", "[+] the answer stands; [!] it needs checking; [?] say more; [x] outside of what is known here"),
    (
        "confidence",
        "mean probability of the answer's tokens: high from 0.90, fair from 0.70, else low. It says how sure the model is, not that it is right. Where it was measured how often such answers are right, that is said in its place.",
    ),
    ("passage", "the place in the documents that fits best. Read it before you act on an answer."),
    ("cited", "words of the answer's sources, checked letter by letter."),
    ("learn", "trains a new adapter from your corrections, tests it, and uses it only if it is better."),
    ("roll back", "returns to the adapter before, at once."),
    ("settings", "keys and colours: halligan settings shows the file"),
];

/// The help page.
#[derive(Debug)]
pub struct HelpPage {
    /// The screen that is explained.
    pub scope: Scope,
    scroll: Scroll,
}

impl HelpPage {
    /// The help of a screen.
    pub fn of(scope: Scope) -> HelpPage {
        HelpPage { scope, scroll: Scroll::default() }
    }

    pub(super) fn act(&mut self, action: Action, app: &App, size: Size) -> Outcome {
        let len = self.lines(size.width, &app.keymap, app.theme).len();
        match action {
            Action::Close | Action::Choose => Outcome::Close,
            _ => {
                self.scroll.act(action, len, usize::from(size.height));
                Outcome::Stay
            }
        }
    }

    pub(super) fn draw(&self, frame: &mut Frame, app: &App, area: Rect) {
        self.scroll.draw(frame, app.theme, area, &self.lines(area.width, &app.keymap, app.theme));
    }

    fn lines(&self, width: u16, keymap: &Keymap, theme: Theme) -> Vec<Line<'static>> {
        let mut lines = Vec::new();
        for scope in self.scope.chain() {
            for entry in ACTIONS.iter().filter(|entry| entry.scope == *scope) {
                let (key, words) = key_and_words(entry, keymap);
                row(&key, &words, width, theme, &mut lines);
            }
        }
        for (key, words) in MORE {
            row(key, words, width, theme, &mut lines);
        }
        lines
    }
}

/// The first key of an entry, and its words with the other keys.
pub fn key_and_words(entry: &Entry, keymap: &Keymap) -> (String, String) {
    match keymap.keys(entry) {
        [] => ("(no key)".to_owned(), entry.words.to_owned()),
        [only] => (only.to_string(), entry.words.to_owned()),
        [first, others @ ..] => {
            let others: Vec<String> = others.iter().map(ToString::to_string).collect();
            (first.to_string(), format!("{} (also {})", entry.words, others.join(", ")))
        }
    }
}

fn row(key: &str, words: &str, width: u16, theme: Theme, lines: &mut Vec<Line<'static>>) {
    let column = KEY_COLUMNS.max(cells(key) + 1);
    let room = width.saturating_sub(u16::try_from(column).unwrap_or(u16::MAX)).max(1);
    for (index, text) in wrap(words, room).into_iter().enumerate() {
        let key = if index == 0 { key } else { "" };
        lines.push(Line::from(vec![Span::styled(format!("{key:<column$}"), theme.key()), Span::raw(text)]));
    }
}
