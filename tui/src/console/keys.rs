//! Where each key goes: the approval prompt, the top page, the correction or the conversation.
//!
//! What a key means is in the keymap; what an action of the conversation does is in `chat.rs`.

use halligan_runtime::Feedback;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::Size;

use super::actions::{Action, Scope};
use super::app::{App, Mode};
use super::event::Command;
use super::orders::order_of;
use super::pages::confirm::Ending;
use super::pages::help::HelpPage;
use super::pages::palette::PalettePage;
use super::pages::{Outcome, Page};

impl App {
    /// Handles a key.
    pub(super) fn key(&mut self, key: KeyEvent) -> Vec<Command> {
        if key.kind == KeyEventKind::Release {
            return Vec::new();
        }
        self.note_what_was_shown();
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
            Action::Quit => return self.leave(),
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
        if action == Action::Help {
            match self.pages.last() {
                Some(Page::Help(_)) => {
                    self.pages.pop();
                }
                _ => {
                    let page = HelpPage::of(self.scope(), self.pages.last());
                    self.pages.push(Page::Help(page));
                }
            }
            return Vec::new();
        }
        if self.asks_for_approval() {
            return self.answer_prompt(action);
        }
        if action == Action::Palette {
            if !matches!(self.pages.last(), Some(Page::Palette(_))) {
                self.pages.push(Page::Palette(PalettePage::new(self.theme)));
            }
            return Vec::new();
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

    /// Whether the keys go to a tool's prompt: it stands before all pages but those that were opened from it.
    pub fn asks_for_approval(&self) -> bool {
        self.approval.is_some() && !matches!(self.pages.last(), Some(Page::Help(_) | Page::Confirm(_)))
    }

    /// The first key of an action, for words that name it; its order on a face that has no keys.
    pub fn key_name(&self, action: Action, scope: Scope) -> String {
        match order_of(action).filter(|_| self.by_lines) {
            Some(order) => order.to_owned(),
            None => self.keymap.name(action, scope),
        }
    }

    /// A notice takes rows from the prompt, so this is said before the notice goes.
    fn note_what_was_shown(&mut self) {
        if self.asks_for_approval() {
            let size = self.prompt_size();
            if let Some(prompt) = &mut self.approval {
                prompt.seen(size);
            }
        }
    }

    fn prompt_size(&self) -> Size {
        let areas = self.areas();
        areas.transcript.union(areas.input).as_size()
    }

    fn answer_prompt(&mut self, action: Action) -> Vec<Command> {
        let size = self.prompt_size();
        let Some(prompt) = &mut self.approval else { return Vec::new() };
        if let Some(approval) = prompt.act(action, size) {
            self.approval = None;
            return vec![Command::Approve(approval)];
        }
        if action == Action::Choose {
            let key = self.key_name(Action::PageDown, Scope::Approval);
            self.notice = Some(format!("read all of it before you say yes: {key} shows what follows"));
        }
        Vec::new()
    }

    /// Does what a page asked for.
    fn follow(&mut self, page: Page, outcome: Outcome) -> Vec<Command> {
        match outcome {
            Outcome::Stay => self.pages.push(page),
            Outcome::Close => {}
            Outcome::CloseAndType(key, command) => {
                let mut commands = self.typed(key);
                commands.extend(command);
                return commands;
            }
            Outcome::Do(Command::Stop) => {
                self.pages.push(page);
                return self.stop();
            }
            Outcome::Do(command) => {
                self.pages.push(page);
                return vec![command];
            }
            Outcome::CloseAndDo(command) => {
                if matches!(command, Command::OpenSession(_)) && !self.may_open() {
                    self.pages.push(page);
                    return Vec::new();
                }
                if let Page::Search(search) = &page {
                    self.sought = search.chosen();
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
            Outcome::End(Ending::Lesson) => return self.stop(),
            Outcome::End(Ending::Program) => return self.quit(),
            Outcome::End(Ending::Correction { turn, good }) => {
                let feedback = if good { Feedback::Good } else { Feedback::Bad };
                return self.judge(turn, feedback, Vec::new());
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
        if self.asks_for_approval() {
            let [up, down, choose, no] = [Action::Up, Action::Down, Action::Choose, Action::Close]
                .map(|action| self.key_name(action, Scope::Approval));
            self.notice = Some(format!("choose with {up} and {down}, then press {choose}; {no} says no"));
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
        if self.asks_for_approval() {
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
}
