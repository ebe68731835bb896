//! The pages that open over the conversation; one file each.
//!
//! A page holds only what it needs of its own (chosen row, texts in boxes, lists that the worker
//! sent). It takes actions and keys and says by an [`Outcome`] what should follow; it changes
//! nothing else.

pub mod adapters;
pub mod approval;
pub mod confirm;
pub mod device;
pub mod doctor;
pub mod documents;
pub mod help;
pub mod lesson;
pub mod palette;
pub mod reasons;
pub mod rows;
pub mod search;
pub mod sources;

use ratatui::Frame;
use ratatui::crossterm::event::KeyEvent;
use ratatui::layout::{Rect, Size};

use super::actions::{Action, Scope};
use super::app::{Activity, App};
use super::event::Command;

/// A page.
#[derive(Debug)]
pub enum Page {
    /// The keys and words of a screen.
    Help(help::HelpPage),
    /// Commands by their words.
    Palette(palette::PalettePage),
    /// Generations.
    Adapters(adapters::AdaptersPage),
    /// Documents.
    Documents(documents::DocumentsPage),
    /// The lesson.
    Lesson(lesson::LessonPage),
    /// Passages of an answer.
    Sources(sources::SourcesPage),
    /// Earlier conversations.
    Search(search::SearchPage),
    /// What the doctor found.
    Doctor(doctor::DoctorPage),
    /// Gauges.
    Device(device::DevicePage),
    /// Why an answer is good or bad.
    Reasons(reasons::ReasonsPage),
    /// Whether something should end.
    Confirm(confirm::ConfirmPage),
}

/// What should follow an action on a page.
#[derive(Debug)]
pub enum Outcome {
    /// Nothing.
    Stay,
    /// The page closes.
    Close,
    /// The page closes, the key goes to the question box, and the worker does something where there is a need.
    CloseAndType(KeyEvent, Option<Command>),
    /// The worker does something.
    Do(Command),
    /// The page closes and the worker does something.
    CloseAndDo(Command),
    /// The worker does something that only a free one may start.
    Start(Activity, Command),
    /// The page closes and an action of the conversation follows.
    Perform(Action),
    /// The page closes and something ends.
    End(confirm::Ending),
    /// A short word to the user.
    Notice(String),
}

impl Page {
    /// Where its keys come from.
    pub fn scope(&self) -> Scope {
        match self {
            Page::Help(_) | Page::Sources(_) | Page::Device(_) | Page::Confirm(_) => Scope::Page,
            Page::Palette(_) | Page::Search(_) => Scope::Picker,
            Page::Adapters(page) => page.scope(),
            Page::Documents(page) => page.scope(),
            Page::Lesson(_) => Scope::Lesson,
            Page::Doctor(_) => Scope::Doctor,
            Page::Reasons(_) => Scope::Reasons,
        }
    }

    /// Its title.
    pub fn title(&self) -> String {
        match self {
            Page::Help(page) => page.title(),
            Page::Palette(_) => " Commands ".to_owned(),
            Page::Adapters(page) => page.title(),
            Page::Documents(page) => page.title(),
            Page::Lesson(_) => " Learning ".to_owned(),
            Page::Sources(page) => page.title(),
            Page::Search(_) => " Conversations ".to_owned(),
            Page::Doctor(_) => " Doctor ".to_owned(),
            Page::Device(_) => " Device ".to_owned(),
            Page::Reasons(page) => format!(" Why? Turn {} ", page.turn()),
            Page::Confirm(page) => page.title(),
        }
    }

    /// What Enter does on a page that has no keys of its own; `None` where it does nothing.
    pub fn choose_word(&self) -> Option<&'static str> {
        match self {
            Page::Sources(page) => page.is_list().then_some("opens"),
            Page::Adapters(page) => page.is_rolling_back().then_some("rolls back"),
            Page::Documents(page) => page.is_removing().then_some("removes"),
            Page::Confirm(page) => Some(page.choose_word()),
            _ => None,
        }
    }

    /// Takes an action; `size` is that of the page's body.
    pub fn act(&mut self, action: Action, app: &App, size: Size) -> Outcome {
        match self {
            Page::Help(page) => page.act(action, app, size),
            Page::Palette(page) => page.act(action, app, size),
            Page::Adapters(page) => page.act(action, size),
            Page::Documents(page) => page.act(action, app, size),
            Page::Lesson(page) => page.act(action),
            Page::Sources(page) => page.act(action, app, size),
            Page::Search(page) => page.act(action, size),
            Page::Doctor(page) => page.act(action, app, size),
            Page::Device(page) => page.act(action, app, size),
            Page::Reasons(page) => page.act(action, size),
            Page::Confirm(page) => page.act(action),
        }
    }

    /// Takes a key that stands for no action.
    pub fn typed(&mut self, key: KeyEvent) -> Outcome {
        match self {
            Page::Palette(page) => page.typed(key),
            Page::Search(page) => page.typed(key),
            Page::Documents(page) => page.typed(key),
            Page::Reasons(page) => page.typed(key),
            _ => Outcome::Stay,
        }
    }

    /// Takes pasted text; pages without a box let it go.
    pub fn paste(&mut self, text: &str) -> Outcome {
        match self {
            Page::Palette(page) => page.paste(text),
            Page::Search(page) => page.paste(text),
            Page::Documents(page) => page.paste(text),
            _ => Outcome::Stay,
        }
    }

    /// Draws its body.
    pub fn draw(&self, frame: &mut Frame, app: &App, area: Rect) {
        if area.is_empty() {
            return;
        }
        match self {
            Page::Help(page) => page.draw(frame, app, area),
            Page::Palette(page) => page.draw(frame, app, area),
            Page::Adapters(page) => page.draw(frame, app, area),
            Page::Documents(page) => page.draw(frame, app, area),
            Page::Lesson(page) => page.draw(frame, app, area),
            Page::Sources(page) => page.draw(frame, app, area),
            Page::Search(page) => page.draw(frame, app, area),
            Page::Doctor(page) => page.draw(frame, app, area),
            Page::Device(page) => page.draw(frame, app, area),
            Page::Reasons(page) => page.draw(frame, app, area),
            Page::Confirm(page) => page.draw(frame, app, area),
        }
    }

    /// Whether the page holds the terminal's cursor.
    pub fn has_box(&self) -> bool {
        match self {
            Page::Palette(_) | Page::Search(_) => true,
            Page::Documents(page) => page.scope() == Scope::Writing,
            _ => false,
        }
    }
}
