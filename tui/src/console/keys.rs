//! Where each key goes: the approval prompt, the top page, the correction or the conversation.
//!
//! What a key means is in the keymap; what an action of the conversation does is in `chat.rs`.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::actions::{Action, Scope};
use super::app::{Activity, App, Mode};
use super::event::Command;
use super::learning::Stage;
use super::pages::help::HelpPage;
use super::pages::palette::PalettePage;
use super::pages::{Outcome, Page};

impl App {
    /// Handles a key.
    pub(super) fn key(&mut self, key: KeyEvent) -> Vec<Command> {
        if key.kind == KeyEventKind::Release {
            return Vec::new();
        }
        self.notice = None;
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let armed = std::mem::replace(&mut self.interrupt_armed, false);
        if control && matches!(key.code, KeyCode::Char('c' | 'C')) {
            return self.interrupt(armed);
        }
        match self.keymap.action(self.scope(), key) {
            Some(action) => self.act(action, Some(key)),
            None => self.typed(key),
        }
    }

    /// Does what an action says, as far as it means something here. `key` is the key that asked.
    pub(super) fn act(&mut self, action: Action, key: Option<KeyEvent>) -> Vec<Command> {
        match action {
            Action::Quit => return self.quit(),
            Action::Redraw => {
                self.redraw = true;
                return Vec::new();
            }
            Action::NextTheme => {
                let palette = self.theme.palette().next();
                self.set_theme(self.theme.with_palette(palette));
                self.notice = Some(format!("colours: {}", palette.name()));
                return Vec::new();
            }
            _ => {}
        }
        if let Some(prompt) = &mut self.approval {
            return match prompt.act(action) {
                Some(approval) => {
                    self.approval = None;
                    vec![Command::Approve(approval)]
                }
                None => Vec::new(),
            };
        }
        match action {
            Action::Help => {
                match self.pages.last() {
                    Some(Page::Help(_)) => {
                        self.pages.pop();
                    }
                    _ => {
                        let scope = self.scope();
                        self.pages.push(Page::Help(HelpPage::of(scope)));
                    }
                }
                return Vec::new();
            }
            Action::Palette => {
                if !matches!(self.pages.last(), Some(Page::Palette(_))) {
                    self.pages.push(Page::Palette(PalettePage::new(self.theme)));
                }
                return Vec::new();
            }
            _ => {}
        }
        if let Some(mut page) = self.pages.pop() {
            let size = self.page_size();
            let outcome = page.act(action, self, size);
            return self.follow(page, outcome);
        }
        match self.mode {
            Mode::Asking => self.chat(action, key),
            Mode::Correcting { .. } => self.correction(action),
        }
    }

    /// Does what a page asked for.
    fn follow(&mut self, page: Page, outcome: Outcome) -> Vec<Command> {
        match outcome {
            Outcome::Stay => self.pages.push(page),
            Outcome::Close => {}
            Outcome::CloseAndType(key) => return self.typed(key),
            Outcome::Do(Command::Stop) => {
                self.pages.push(page);
                return self.stop();
            }
            Outcome::Do(command) => {
                self.pages.push(page);
                return vec![command];
            }
            Outcome::CloseAndDo(command) => {
                if matches!(command, Command::OpenSession(_)) && !self.may_start() {
                    self.pages.push(page);
                    return Vec::new();
                }
                return vec![command];
            }
            Outcome::Start(activity, command) => {
                self.pages.push(page);
                if self.may_start() {
                    self.activity = activity;
                    return vec![command];
                }
            }
            Outcome::Perform(action) => {
                if matches!(page, Page::Lesson(_)) {
                    self.pages.push(page);
                }
                return self.perform(action);
            }
            Outcome::Notice(words) => {
                self.pages.push(page);
                self.notice = Some(words);
            }
        }
        Vec::new()
    }

    /// An action that the palette or a page asked for, as if its key had been pressed.
    pub(super) fn perform(&mut self, action: Action) -> Vec<Command> {
        match action {
            Action::Quit | Action::Redraw | Action::NextTheme | Action::Help | Action::Palette => {
                self.act(action, None)
            }
            _ => self.chat(action, None),
        }
    }

    /// A key that stands for no action.
    fn typed(&mut self, key: KeyEvent) -> Vec<Command> {
        if self.approval.is_some() {
            self.notice = Some("choose with Up and Down, then press Enter; Esc says no".to_owned());
            return Vec::new();
        }
        if let Some(mut page) = self.pages.pop() {
            let outcome = page.typed(key);
            return self.follow(page, outcome);
        }
        match &mut self.mode {
            Mode::Asking => {
                self.history_back = 0;
                self.question.key(key);
            }
            Mode::Correcting { editor, .. } => editor.key(key),
        }
        Vec::new()
    }

    /// Takes pasted text into the box that has the keys.
    pub(super) fn paste(&mut self, text: &str) -> Vec<Command> {
        if self.approval.is_some() {
            return Vec::new();
        }
        if let Some(mut page) = self.pages.pop() {
            let outcome = page.paste(text);
            return self.follow(page, outcome);
        }
        let complete = match &mut self.mode {
            Mode::Asking => self.question.insert(text),
            Mode::Correcting { editor, .. } => editor.insert(text),
        };
        if !complete {
            self.notice =
                Some("the pasted text was too long and has been cut; long texts are better documents".to_owned());
        }
        Vec::new()
    }

    /// Ctrl-C: first stops what runs, then empties the box, then asks, then ends.
    fn interrupt(&mut self, armed: bool) -> Vec<Command> {
        if armed {
            return self.quit();
        }
        let stop = self.stop();
        if !stop.is_empty() {
            return stop;
        }
        if self.scope() == Scope::Chat && !self.question.is_blank() {
            self.question.set_text("");
            return Vec::new();
        }
        self.interrupt_armed = true;
        self.notice = Some("press Ctrl-C again to leave".to_owned());
        Vec::new()
    }

    /// Asks the worker to stop what runs; nothing if nothing runs. A waiting approval is a no.
    pub(super) fn stop(&mut self) -> Vec<Command> {
        match (self.activity, &mut self.lesson) {
            (Activity::Answering, _) => {
                self.activity = Activity::StoppingAnswer;
                self.approval = None;
                vec![Command::Stop]
            }
            (Activity::Learning, Some(lesson)) if lesson.stage != Stage::Stopping => {
                lesson.stage = Stage::Stopping;
                vec![Command::Stop]
            }
            (Activity::AddingDocuments, _) => vec![Command::Stop],
            _ => Vec::new(),
        }
    }
}
