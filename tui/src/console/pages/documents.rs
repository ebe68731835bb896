//! The documents on the device: list, add with progress, remove.

use std::path::PathBuf;

use halligan_runtime::Document;
use ratatui::Frame;
use ratatui::crossterm::event::KeyEvent;
use ratatui::layout::{Constraint, Layout, Rect, Size};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::Outcome;
use super::rows::Choice;
use crate::console::actions::{Action, Scope};
use crate::console::app::{Activity, Adding, App};
use crate::console::editor::Editor;
use crate::console::event::Command;
use crate::console::theme::Theme;
use crate::console::wrap::{cut, fitting, padded, shortened, wrap, wrap_styled};
use crate::figures::{bytes, counted, printable, utc_minute};

/// Width of the numbers right of a name.
const FIGURES_COLUMNS: usize = 42;
/// Most rows that say how adding goes, or how it ended.
const FOOT_ROWS_MAX: usize = 3;
/// Width of the numbers on a narrow screen.
const FEW_FIGURES_COLUMNS: usize = 14;

#[derive(Debug)]
enum State {
    Listing,
    /// Writing the path of a file or folder.
    Adding(Box<Editor>),
    /// Asking whether to remove the document of that name.
    Removing(String),
}

/// The page.
#[derive(Debug)]
pub struct DocumentsPage {
    documents: Option<Vec<Document>>,
    choice: Choice,
    state: State,
    /// How the latest adding ended.
    ended: Option<String>,
    theme: Theme,
}

impl DocumentsPage {
    /// A page that waits for the list.
    pub fn new(theme: Theme) -> DocumentsPage {
        DocumentsPage { documents: None, choice: Choice::default(), state: State::Listing, ended: None, theme }
    }

    /// Takes the list.
    pub fn show(&mut self, documents: Vec<Document>) {
        self.choice = Choice(self.choice.0.min(documents.len().saturating_sub(1)));
        self.documents = Some(documents);
    }

    /// Says how adding ended, until documents are added again.
    pub fn show_end(&mut self, words: String) {
        self.ended = Some(words);
    }

    pub(super) fn is_removing(&self) -> bool {
        matches!(self.state, State::Removing(_))
    }

    pub(super) fn scope(&self) -> Scope {
        match self.state {
            State::Adding(_) => Scope::Writing,
            State::Removing(_) => Scope::Page,
            State::Listing => Scope::Documents,
        }
    }

    pub(super) fn title(&self) -> String {
        match &self.state {
            State::Adding(_) => " File or folder to add ".to_owned(),
            State::Removing(_) => " Remove a document ".to_owned(),
            State::Listing => " Documents ".to_owned(),
        }
    }

    pub(super) fn act(&mut self, action: Action, app: &App, size: Size) -> Outcome {
        match (&mut self.state, action) {
            (State::Listing, Action::Close) => return Outcome::Close,
            (_, Action::Close) => self.state = State::Listing,
            (State::Adding(editor), Action::Save) => {
                let path = editor.text().trim().to_owned();
                if path.is_empty() {
                    return Outcome::Notice("write a path first, or leave".to_owned());
                }
                self.state = State::Listing;
                self.ended = None;
                return Outcome::Start(Activity::AddingDocuments, Command::AddDocuments(vec![in_home(&path)]));
            }
            (State::Removing(name), Action::Choose) => {
                let command = Command::RemoveDocument(std::mem::take(name));
                self.state = State::Listing;
                return Outcome::Do(command);
            }
            (State::Listing, Action::Stop) => {
                return match app.activity {
                    Activity::AddingDocuments => Outcome::Do(Command::Stop),
                    _ => Outcome::Notice("no documents are being added".to_owned()),
                };
            }
            (State::Listing, Action::Add) => {
                self.state = State::Adding(Box::new(Editor::new("e.g. /media/usb/manuals, ~/guide.md", self.theme)));
            }
            (State::Listing, Action::Remove) => {
                match self.documents.as_deref().unwrap_or_default().get(self.choice.0) {
                    Some(document) => self.state = State::Removing(document.name.clone()),
                    None => return Outcome::Notice("no document to remove".to_owned()),
                }
            }
            (State::Listing, action) => {
                let len = self.documents.as_ref().map_or(0, Vec::len);
                self.choice.act(action, len, usize::from(size.height.saturating_sub(2)));
            }
            _ => {}
        }
        Outcome::Stay
    }

    pub(super) fn typed(&mut self, key: KeyEvent) -> Outcome {
        if let State::Adding(editor) = &mut self.state {
            editor.key(key);
        }
        Outcome::Stay
    }

    pub(super) fn paste(&mut self, text: &str) -> Outcome {
        if let State::Adding(editor) = &mut self.state {
            editor.insert_line(text);
        }
        Outcome::Stay
    }

    pub(super) fn draw(&self, frame: &mut Frame, app: &App, area: Rect) {
        let theme = app.theme;
        match &self.state {
            State::Adding(editor) => editor.draw(frame, area, true),
            State::Removing(name) => {
                let [yes, no] = [Action::Choose, Action::Close].map(|action| app.key_name(action, Scope::Page));
                let words = format!(
                    "Remove {name} and its passages from this device? The file that it came from stays. \
                    {yes} removes, {no} keeps."
                );
                frame.render_widget(Paragraph::new(wrap_styled(&words, area.width, theme.bad())), area);
            }
            State::Listing => self.list(frame, app, area),
        }
    }

    fn list(&self, frame: &mut Frame, app: &App, area: Rect) {
        let theme = app.theme;
        let words = app.adding.as_ref().map(Adding::words).or_else(|| self.ended.clone()).unwrap_or_default();
        let mut said = wrap(&words, area.width);
        cut(&mut said, FOOT_ROWS_MAX, area.width);
        let foot_rows = Constraint::Length(said.len() as u16);
        let [head, list, foot] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1), foot_rows]).areas(area);
        let width = usize::from(area.width);
        let said: Vec<Line> = said.into_iter().map(|row| Line::styled(row, theme.learned())).collect();
        frame.render_widget(Paragraph::new(said), foot);
        let Some(documents) = self.documents.as_deref() else {
            frame.render_widget(Span::styled("asking the assistant ...", theme.aside()), head);
            return;
        };
        let total = counted(documents.len(), "document");
        let words =
            if documents.is_empty() { "no documents yet: answers cite nothing without some".to_owned() } else { total };
        frame.render_widget(Span::styled(fitting(&words, width).to_owned(), theme.aside()), head);
        let wide = width >= 2 * FIGURES_COLUMNS - 10;
        let figures = if wide { FIGURES_COLUMNS } else { FEW_FIGURES_COLUMNS };
        let name_columns = width.saturating_sub(figures + 3).max(1);
        self.choice.draw(frame, theme, list, (documents.len(), 1), |index| {
            let document = &documents[index];
            let name = padded(&shortened(&printable(&document.name), name_columns), name_columns);
            let passages = counted(document.passages, "passage");
            let row = if wide {
                let (size, added) = (bytes(document.size_bytes), utc_minute(document.added_at));
                format!("{name} {passages:>14} {size:>10} {added}")
            } else {
                format!("{name} {passages:>14}")
            };
            (row, Style::new())
        });
    }
}

/// A path as a user writes it, `~` being the account's folder.
pub fn in_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}
