//! Stopping what runs and leaving; asks first where something would be lost.

use halligan_runtime::TurnId;

use super::actions::Scope;
use super::app::{Activity, App, Mode};
use super::event::Command;
use super::learning::{Lesson, Stage};
use super::pages::Page;
use super::pages::confirm::{ConfirmPage, Ending};

impl App {
    /// The lesson, while something would be lost if it ended: it runs, its update is not in use yet, and nobody has
    /// asked it to end.
    pub fn running_lesson(&self) -> Option<&Lesson> {
        let lesson = self.lesson.as_ref().filter(|_| self.activity == Activity::Learning)?;
        (lesson.stage != Stage::Stopping && !lesson.in_use).then_some(lesson)
    }

    /// The turn of a correction that was written and not saved.
    pub fn unsaved_correction(&self) -> Option<TurnId> {
        match &self.mode {
            Mode::Correcting { turn, editor, start } if !editor.is_blank() && editor.text().trim() != start => {
                Some(*turn)
            }
            _ => self.drafts.first().map(|(turn, _)| *turn),
        }
    }

    /// Ends the program. Where something would be lost it asks; asked for once more, it ends.
    pub(super) fn leave(&mut self) -> Vec<Command> {
        let asked = self.asked_to_end() == Some(Ending::Program);
        if asked || (self.running_lesson().is_none() && self.unsaved_correction().is_none()) {
            return self.quit();
        }
        self.ask_to_end(Ending::Program)
    }

    /// Stops what runs; asks first where that is a lesson.
    pub(super) fn stop_after_asking(&mut self) -> Vec<Command> {
        if self.running_lesson().is_some() { self.ask_to_end(Ending::Lesson) } else { self.stop() }
    }

    fn ask_to_end(&mut self, ending: Ending) -> Vec<Command> {
        self.pages.push(Page::Confirm(ConfirmPage { ending }));
        Vec::new()
    }

    fn asked_to_end(&self) -> Option<Ending> {
        match self.pages.last() {
            Some(Page::Confirm(page)) => Some(page.ending),
            _ => None,
        }
    }

    /// Ctrl-C: first stops what runs, then empties the box, then asks, then ends. To a page that asks it is a yes,
    /// but never drops a correction.
    pub(super) fn interrupt(&mut self, armed: bool) -> Vec<Command> {
        match self.asked_to_end() {
            Some(Ending::Program) => return self.quit(),
            Some(Ending::Lesson) => {
                self.pages.pop();
                return self.stop();
            }
            // What cannot be had back takes a key that was named.
            Some(Ending::Correction { .. }) => {
                self.pages.pop();
                return Vec::new();
            }
            None if armed => return self.leave(),
            None if self.running_lesson().is_some() => return self.ask_to_end(Ending::Lesson),
            None => {}
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
