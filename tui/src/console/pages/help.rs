//! The help of a screen: its keys as they are set, and what the words on it mean.

use ratatui::Frame;
use ratatui::layout::{Rect, Size};
use ratatui::text::{Line, Span};

use super::rows::Scroll;
use super::{Outcome, Page};
use crate::console::actions::{ACTIONS, Action, Entry, Scope};
use crate::console::app::App;
use crate::console::keymap::{Chord, Keymap};
use crate::console::theme::Theme;
use crate::console::wrap::{cells, wrap};

/// Columns of the keys.
const KEY_COLUMNS: usize = 13;

/// Keys that are not in the table of actions, and words that need explaining.
const MORE: [(&str, &str); 9] = [
    ("Ctrl+C", "stops, empties the box; twice: leaves"),
    ("Ctrl+U", "deletes to the start of the line; Ctrl+K to its end, Ctrl+Z undoes"),
    (
        "[+] [!]",
        "[+] the answer stands; [~] the model is only fairly sure of it; [!] it needs checking; [?] say more; [x] outside of what is known here",
    ),
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
    scope: Scope,
    /// Its name.
    name: &'static str,
    /// What Enter does where the keys of all pages are the only ones; `None` where it does nothing.
    chooses: Option<&'static str>,
    /// Whether it has rows to move over.
    moves: bool,
    scroll: Scroll,
}

impl HelpPage {
    /// The help of a screen; `page` is the one that has the keys there, if a page has them.
    pub fn of(scope: Scope, page: Option<&Page>) -> HelpPage {
        let page = page.filter(|page| page.scope() == scope);
        let name = match page {
            Some(Page::Sources(_)) => "sources",
            Some(Page::Device(_)) => "device",
            Some(Page::Confirm(_)) => "leaving",
            Some(Page::Adapters(_)) => "adapters",
            Some(Page::Documents(_)) if scope == Scope::Page => "documents",
            Some(Page::Search(_)) => "conversations",
            Some(Page::Palette(_)) => "commands",
            _ => scope.title(),
        };
        let asks = scope == Scope::Page && matches!(page, Some(Page::Adapters(_) | Page::Documents(_)));
        let moves = !asks && !matches!(page, Some(Page::Lesson(_) | Page::Confirm(_)));
        HelpPage { scope, name, chooses: page.and_then(Page::choose_word), moves, scroll: Scroll::default() }
    }

    pub(super) fn title(&self) -> String {
        format!(" Help: {} ", self.name)
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

    /// Whether a key of all pages does something on this one.
    fn means_something(&self, action: Action) -> bool {
        match action {
            Action::Choose => self.chooses.is_some(),
            Action::Close => true,
            _ => self.moves,
        }
    }

    fn lines(&self, width: u16, keymap: &Keymap, theme: Theme) -> Vec<Line<'static>> {
        let mut lines = Vec::new();
        let mut taken: Vec<Chord> = Vec::new();
        for scope in self.scope.chain() {
            let entries = ACTIONS.iter().filter(|entry| entry.scope == *scope);
            for entry in entries.clone().filter(|entry| *scope != Scope::Page || self.means_something(entry.action)) {
                let keys = keymap.keys(entry);
                // A key of the screen itself hides the same key of all pages.
                let free: Vec<Chord> = keys.iter().copied().filter(|key| !taken.contains(key)).collect();
                if free.is_empty() && !keys.is_empty() {
                    continue;
                }
                let own = entry.scope == Scope::Page && entry.action == Action::Choose;
                let does = self.chooses.filter(|word| own && *word != entry.word).unwrap_or(entry.words);
                let (key, words) = named(&free, does);
                row(&key, &words, width, theme, &mut lines);
            }
            taken.extend(entries.flat_map(|entry| keymap.keys(entry)));
        }
        for (key, words) in MORE {
            row(key, words, width, theme, &mut lines);
        }
        lines
    }
}

/// The first key of an entry, and its words with the other keys.
pub fn key_and_words(entry: &Entry, keymap: &Keymap) -> (String, String) {
    named(keymap.keys(entry), entry.words)
}

fn named(keys: &[Chord], words: &str) -> (String, String) {
    match keys {
        [] => ("(no key)".to_owned(), words.to_owned()),
        [only] => (only.to_string(), words.to_owned()),
        [first, others @ ..] => {
            let others: Vec<String> = others.iter().map(ToString::to_string).collect();
            (first.to_string(), format!("{words} (also {})", others.join(", ")))
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
