//! What each key does; the help page (`help.rs`) is the same list in words.
//!
//! Alt+1 to Alt+6 stand for F1 to F6, because some terminals and serial lines keep the function
//! keys for themselves.

use halligan_runtime::Feedback;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::app::{Activity, App, Mode};
use super::editor::Editor;
use super::event::Command;
use super::help;
use super::item::{Item, TurnView};
use super::learning::{Lesson, Stage};

impl App {
    /// Handles a key.
    pub(super) fn key(&mut self, key: KeyEvent) -> Vec<Command> {
        if key.kind == KeyEventKind::Release {
            return Vec::new();
        }
        self.notice = None;
        let key = with_function_key(key);
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let interrupt = control && matches!(key.code, KeyCode::Char('c' | 'C'));
        let armed = std::mem::replace(&mut self.interrupt_armed, false);
        if interrupt {
            return self.interrupt(armed);
        }
        match key.code {
            KeyCode::F(10) => return self.quit(),
            KeyCode::Char('q' | 'Q') if control => return self.quit(),
            KeyCode::Char('l' | 'L') if control => {
                self.redraw = true;
                return Vec::new();
            }
            KeyCode::F(1) => {
                self.mode = match self.mode {
                    Mode::Help(_) => Mode::Asking,
                    // A half-written correction is not thrown away for a look at the help.
                    Mode::Correcting { .. } => {
                        self.notice = Some("Enter saves, Alt+Enter new line, Esc leaves".to_owned());
                        return Vec::new();
                    }
                    _ => Mode::Help(0),
                };
                return Vec::new();
            }
            _ => {}
        }
        match self.mode {
            Mode::Asking => self.asking_key(key),
            Mode::Help(_) => self.help_key(key),
            Mode::Correcting { .. } => self.correcting_key(key),
            Mode::Adapters { .. } => self.adapters_key(key),
        }
    }

    /// Takes pasted text into the box that has the keys.
    pub(super) fn paste(&mut self, text: &str) {
        let complete = match &mut self.mode {
            Mode::Asking => self.question.insert(text),
            Mode::Correcting { editor, .. } => editor.insert(text),
            Mode::Help(_) | Mode::Adapters { .. } => return,
        };
        if !complete {
            self.notice = Some("the pasted text was too long and has been cut".to_owned());
        }
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
        if matches!(self.mode, Mode::Asking) && !self.question.is_blank() {
            self.question.set_text("");
            return Vec::new();
        }
        self.interrupt_armed = true;
        self.notice = Some("press Ctrl-C again to leave".to_owned());
        Vec::new()
    }

    /// Asks the worker to stop what runs; nothing if nothing runs.
    fn stop(&mut self) -> Vec<Command> {
        match &mut self.activity {
            Activity::Answering => {
                self.activity = Activity::StoppingAnswer;
                vec![Command::Stop]
            }
            Activity::Learning(lesson) if lesson.stage != Stage::Stopping => {
                lesson.stage = Stage::Stopping;
                vec![Command::Stop]
            }
            _ => Vec::new(),
        }
    }

    fn asking_key(&mut self, key: KeyEvent) -> Vec<Command> {
        let view = self.areas().transcript;
        let (width, height) = (view.width, view.height);
        let page = height.saturating_sub(1).max(1);
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::F(2) => return self.rate(Feedback::Good),
            KeyCode::F(3) => return self.rate(Feedback::Bad),
            KeyCode::F(4) => self.start_correction(),
            KeyCode::F(5) => return self.start_lesson(),
            KeyCode::F(6) => {
                self.mode = Mode::Adapters { generations: None, chosen: 0 };
                return vec![Command::ListGenerations];
            }
            KeyCode::PageUp => self.transcript.scroll_up(page, width, height),
            KeyCode::PageDown => self.transcript.scroll_down(page, width, height),
            KeyCode::Home if control => self.transcript.scroll_to_top(width, height),
            KeyCode::End if control => self.transcript.scroll_to_bottom(),
            KeyCode::Tab => self.transcript.choose_earlier(width, height),
            KeyCode::BackTab => self.transcript.choose_later(width, height),
            KeyCode::Esc => {
                let stop = self.stop();
                if stop.is_empty() {
                    self.transcript.choose_none();
                }
                return stop;
            }
            KeyCode::Up if self.question.is_blank() || self.history_back > 0 => self.recall(true),
            KeyCode::Down if self.history_back > 0 => self.recall(false),
            KeyCode::Char('j' | 'J') if control => self.question.new_line(),
            KeyCode::Enter if starts_line(key) => self.question.new_line(),
            KeyCode::Enter => return self.ask(),
            _ => {
                self.history_back = 0;
                self.question.key(key);
            }
        }
        Vec::new()
    }

    fn ask(&mut self) -> Vec<Command> {
        if self.question.is_blank() || !self.may_start() {
            return Vec::new();
        }
        let question = self.question.text().trim().to_owned();
        self.question.set_text("");
        self.history_back = 0;
        self.transcript.choose_none();
        self.transcript.push(Item::Turn(Box::new(TurnView { question: question.clone(), ..TurnView::default() })));
        self.activity = Activity::Answering;
        vec![Command::Ask(question)]
    }

    /// Puts an earlier (or later) question into the box.
    fn recall(&mut self, earlier: bool) {
        let back = if earlier { self.history_back + 1 } else { self.history_back - 1 };
        let text = match back {
            0 => Some(String::new()),
            _ => self.transcript.questions().rev().nth(back - 1).map(str::to_owned),
        };
        if let Some(text) = text {
            self.question.set_text(&text);
            self.history_back = back;
        }
    }

    fn start_correction(&mut self) {
        let Some(turn) = self.transcript.target() else {
            self.notice = Some("no answer to correct yet: ask a question first".to_owned());
            return;
        };
        let known = match &turn.feedback {
            Some(Feedback::Correction(text)) => text,
            _ => &turn.answer,
        };
        let mut editor = Editor::new("Write the right answer", self.theme);
        editor.set_text(known.trim());
        self.mode = Mode::Correcting { turn: turn.id, editor: Box::new(editor) };
    }

    fn start_lesson(&mut self) -> Vec<Command> {
        if !self.may_start() {
            return Vec::new();
        }
        if self.status.as_ref().is_some_and(|status| status.corrections_waiting == 0) {
            self.notice = Some("nothing to learn yet: F4 corrects an answer".to_owned());
            return Vec::new();
        }
        self.activity = Activity::Learning(Lesson::new());
        vec![Command::Learn]
    }

    fn correcting_key(&mut self, key: KeyEvent) -> Vec<Command> {
        let Mode::Correcting { turn, editor } = &mut self.mode else { return Vec::new() };
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => self.mode = Mode::Asking,
            KeyCode::Char('j' | 'J') if control => editor.new_line(),
            KeyCode::Enter if starts_line(key) => editor.new_line(),
            KeyCode::Enter if editor.is_blank() => {
                self.notice = Some("write the right answer first, or leave with Esc".to_owned());
            }
            KeyCode::Enter => {
                let feedback = Feedback::Correction(editor.text().trim().to_owned());
                let turn = *turn;
                self.mode = Mode::Asking;
                return vec![Command::Rate { turn, feedback }];
            }
            _ => editor.key(key),
        }
        Vec::new()
    }

    fn adapters_key(&mut self, key: KeyEvent) -> Vec<Command> {
        let Mode::Adapters { generations, chosen } = &mut self.mode else { return Vec::new() };
        let last = generations.as_ref().map_or(0, |list| list.len().saturating_sub(1));
        match key.code {
            KeyCode::Esc | KeyCode::F(6) => self.mode = Mode::Asking,
            KeyCode::Up => *chosen = chosen.saturating_sub(1),
            KeyCode::Down => *chosen = (*chosen + 1).min(last),
            KeyCode::Home => *chosen = 0,
            KeyCode::End => *chosen = last,
            KeyCode::Enter => {
                let id = generations.as_ref().and_then(|list| list.get(*chosen)).map(|g| g.id.clone());
                if let Some(id) = id
                    && self.may_start()
                {
                    self.activity = Activity::Switching;
                    return vec![Command::Activate(id)];
                }
            }
            KeyCode::Char('r' | 'R') if self.may_start() => {
                self.activity = Activity::Switching;
                return vec![Command::RollBack];
            }
            _ => {}
        }
        Vec::new()
    }

    fn help_key(&mut self, key: KeyEvent) -> Vec<Command> {
        let areas = self.areas();
        // One row of the page is its title.
        let page = areas.transcript.union(areas.input).height.saturating_sub(1).max(1);
        let Mode::Help(top) = &mut self.mode else { return Vec::new() };
        let end = help::rows_at(self.size.width).saturating_sub(page);
        match key.code {
            KeyCode::Down => *top = top.saturating_add(1).min(end),
            KeyCode::PageDown | KeyCode::Char(' ') => *top = top.saturating_add(page).min(end),
            KeyCode::Up => *top = top.saturating_sub(1),
            KeyCode::PageUp => *top = top.saturating_sub(page),
            _ => self.mode = Mode::Asking,
        }
        Vec::new()
    }
}

fn starts_line(key: KeyEvent) -> bool {
    key.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SHIFT)
}

fn with_function_key(key: KeyEvent) -> KeyEvent {
    match key.code {
        KeyCode::Char(digit @ '1'..='6') if key.modifiers == KeyModifiers::ALT => {
            KeyEvent::new(KeyCode::F(digit as u8 - b'0'), KeyModifiers::NONE)
        }
        _ => key,
    }
}
