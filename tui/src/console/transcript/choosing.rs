//! The turn that the keys act on: the chosen one, else the latest one that has an answer.

use halligan_runtime::{Turn, TurnId};

use super::{Entry, Position, Transcript};
use crate::console::item::{Item, TurnView};

impl Transcript {
    fn recorded(&self, entry: usize) -> Option<&Turn> {
        match &self.entries.get(entry)?.item {
            Item::Turn(turn) => turn.recorded.as_ref(),
            Item::Note(..) => None,
        }
    }

    /// The turn that keys act on: the chosen one, else the latest recorded one. None after a question that failed: the
    /// answer before it is not the one that the user has in mind.
    pub fn target(&self) -> Option<&Turn> {
        self.target_view()?.recorded.as_ref()
    }

    /// The same turn as it is shown.
    pub fn target_view(&self) -> Option<&TurnView> {
        let recorded = |entry: &Entry| match &entry.item {
            Item::Turn(turn) if turn.recorded.is_some() => true,
            Item::Turn(_) | Item::Note(..) => false,
        };
        let entry = match self.chosen {
            Some(chosen) => self.entries.get(chosen).filter(|entry| recorded(entry)),
            None if self.latest_failed() => None,
            None => self.entries.iter().rev().find(|entry| recorded(entry)),
        };
        match &entry?.item {
            Item::Turn(turn) => Some(turn),
            Item::Note(..) => None,
        }
    }

    /// Whether the latest question has no answer, and no other turn is chosen.
    pub fn latest_failed(&self) -> bool {
        let latest = self.entries.iter().rev().find_map(|entry| match &entry.item {
            Item::Turn(turn) => Some(turn.failed),
            Item::Note(..) => None,
        });
        self.chosen.is_none() && latest == Some(true)
    }

    /// Chooses a turn and shows it from its start. Returns whether it is there.
    pub fn choose(&mut self, turn: TurnId, width: u16, height: u16) -> bool {
        let place = (0..self.entries.len()).find(|at| self.recorded(*at).is_some_and(|recorded| recorded.id == turn));
        if place.is_some() {
            self.chosen = place;
            self.show_chosen(width, height);
        }
        place.is_some()
    }

    /// Whether a turn is chosen.
    pub fn has_chosen(&self) -> bool {
        self.chosen.is_some()
    }

    /// Chooses the recorded turn before the chosen one; from none, the latest. Wraps to none.
    pub fn choose_earlier(&mut self, width: u16, height: u16) {
        let end = self.chosen.unwrap_or(self.entries.len());
        self.chosen = (0..end).rev().find(|entry| self.recorded(*entry).is_some());
        self.show_chosen(width, height);
    }

    /// Chooses the recorded turn after the chosen one; after the latest, none.
    pub fn choose_later(&mut self, width: u16, height: u16) {
        let Some(chosen) = self.chosen else { return };
        self.chosen = (chosen + 1..self.entries.len()).find(|entry| self.recorded(*entry).is_some());
        self.show_chosen(width, height);
    }

    /// Chooses no turn and looks at the newest row again.
    pub fn choose_none(&mut self) {
        self.chosen = None;
        self.position = Position::Bottom;
    }

    fn show_chosen(&mut self, width: u16, height: u16) {
        match self.chosen {
            Some(entry) => {
                self.position = Position::At { entry, row: 0 };
                self.settle(width, height);
            }
            None => self.position = Position::Bottom,
        }
    }
}
