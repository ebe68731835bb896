//! What of the generated text people see, and when.
//!
//! The beginning of a call is held back until it is known to be none, calls are not shown, and after a hazard lookup
//! every sentence passes the guard of figures.

use crate::agent::families::Family;
use crate::agent::figures::FigureGuard;

/// One answer on its way to the screen.
pub(super) struct Stream {
    family: &'static Family,
    hidden: bool,
    /// Generated in this step and not shown yet.
    pending: String,
    /// A call has begun in this step; nothing after it is shown.
    in_call: bool,
    guard: FigureGuard,
    guarded: bool,
    shown: String,
}

impl Stream {
    pub(super) fn new(family: &'static Family, hidden: bool) -> Stream {
        Stream {
            family,
            hidden,
            pending: String::new(),
            in_call: false,
            guard: FigureGuard::default(),
            guarded: false,
            shown: String::new(),
        }
    }

    /// Figures of this text may be said.
    pub(super) fn allow(&mut self, text: &str) {
        self.guard.allow(text);
    }

    /// Shows a record as it is, and guards what follows.
    pub(super) fn record(&mut self, says: &str) -> String {
        self.guarded = true;
        self.on_a_line(&format!("{says}\n"))
    }

    /// Shows the program's words on a line of their own.
    pub(super) fn on_a_line(&mut self, words: &str) -> String {
        let line = if self.shown.is_empty() || self.shown.ends_with('\n') { "" } else { "\n" };
        let text = format!("{line}{words}");
        self.shown.push_str(&text);
        text
    }

    /// Takes a piece; gives what can be shown of it.
    pub(super) fn push(&mut self, piece: &str) -> String {
        if self.in_call {
            return String::new();
        }
        self.pending.push_str(piece);
        let open = self.family.visible_open(self.hidden);
        let end = match self.pending.find(open) {
            Some(start) => {
                self.in_call = true;
                start
            }
            None => self.pending.len() - self.family.held_back(&self.pending, self.hidden),
        };
        let words: String = self.pending.drain(..end).collect();
        if self.in_call {
            self.pending.clear();
        }
        self.let_through(&words)
    }

    /// The step has ended; gives what is left of its words.
    pub(super) fn end_step(&mut self) -> String {
        let words = std::mem::take(&mut self.pending);
        let mut shown = if self.in_call { String::new() } else { self.let_through(&words) };
        self.in_call = false;
        if self.guarded {
            let rest = self.guard.finish();
            // The record stands above; words that only announce it would be followed by nothing.
            if !rest.trim_end().ends_with(':') {
                self.shown.push_str(&rest);
                shown.push_str(&rest);
            }
        }
        shown
    }

    /// All that was shown.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    fn let_through(&mut self, words: &str) -> String {
        // A step that begins after a call begins with the white space of the template.
        let words = if self.shown.is_empty() { words.trim_start() } else { words };
        let text = if self.guarded { self.guard.push(words) } else { words.to_owned() };
        self.shown.push_str(&text);
        text
    }
}
