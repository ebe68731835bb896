//! The list of adapter generations: what answered when, with which scores.

use halligan_runtime::generations::BASE;
use halligan_runtime::{Generation, Origin};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect, Size};
use ratatui::style::Style;
use ratatui::text::Span;
use ratatui::widgets::Paragraph;

use super::Outcome;
use super::rows::Choice;
use crate::console::actions::{Action, Scope};
use crate::console::app::{Activity, App};
use crate::console::event::Command;
use crate::console::wrap::{fitting, wrap_styled};
use crate::figures::{percent, short_hash, utc_minute};

/// Rows of the page from which on a foot explains the columns.
const FOOT_FROM_ROWS: u16 = 11;

/// The page.
#[derive(Debug, Default)]
pub struct AdaptersPage {
    /// The list, newest first; `None` until the worker has sent it.
    generations: Option<Vec<Generation>>,
    choice: Choice,
    /// Whether it asks before it returns to the generation before.
    rolling_back: bool,
}

impl AdaptersPage {
    /// Takes the runtime's list, oldest first. The chosen generation stays chosen; at first it is
    /// the active one.
    pub fn show(&mut self, mut list: Vec<Generation>) {
        // What a user switches to is nearly always recent.
        list.reverse();
        let before = self.generations.as_ref().and_then(|known| known.get(self.choice.0)).map(|known| known.id.clone());
        let fits = |generation: &Generation| match &before {
            Some(id) => generation.id == *id,
            None => generation.active,
        };
        self.choice = Choice(list.iter().position(fits).unwrap_or(0));
        self.generations = Some(list);
    }

    pub(super) fn is_rolling_back(&self) -> bool {
        self.rolling_back
    }

    pub(super) fn scope(&self) -> Scope {
        if self.rolling_back { Scope::Page } else { Scope::Adapters }
    }

    pub(super) fn title(&self) -> String {
        if self.rolling_back { " Roll back ".to_owned() } else { " Adapters ".to_owned() }
    }

    pub(super) fn act(&mut self, action: Action, size: Size) -> Outcome {
        if self.rolling_back {
            match action {
                Action::Choose => {
                    self.rolling_back = false;
                    return Outcome::Start(Activity::Switching, Command::RollBack);
                }
                Action::Close => self.rolling_back = false,
                _ => {}
            }
            return Outcome::Stay;
        }
        let list = self.generations.as_deref().unwrap_or_default();
        match action {
            Action::Close => Outcome::Close,
            Action::Choose => match list.get(self.choice.0) {
                Some(chosen) => Outcome::Start(Activity::Switching, Command::Activate(chosen.id.clone())),
                None => Outcome::Stay,
            },
            Action::RollBack => {
                self.rolling_back = true;
                Outcome::Stay
            }
            _ => {
                self.choice.act(action, list.len(), usize::from(size.height.saturating_sub(1)));
                Outcome::Stay
            }
        }
    }

    pub(super) fn draw(&self, frame: &mut Frame, app: &App, area: Rect) {
        let theme = app.theme;
        if self.rolling_back {
            let words = roll_back_words(app);
            frame.render_widget(Paragraph::new(wrap_styled(&words, area.width, theme.bad())), area);
            return;
        }
        let foot_rows = if area.height >= FOOT_FROM_ROWS { 3 } else { 0 };
        let [head, list, foot] =
            Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(foot_rows)]).areas(area);
        let width = usize::from(area.width);
        let Some(generations) = self.generations.as_deref() else {
            frame.render_widget(Span::styled("asking the assistant ...", theme.aside()), head);
            return;
        };
        let room = width.saturating_sub(2);
        let heading = format!("  {}", table_row(COLUMNS.map(|(name, ..)| name), room));
        frame.render_widget(Span::styled(fitting(&heading, width).to_owned(), theme.aside()), head);
        self.choice.draw(frame, theme, list, (generations.len(), 1), |index| {
            let generation = &generations[index];
            let cells = generation_cells(generation);
            let style = if generation.active { theme.good() } else { Style::new() };
            (table_row(cells.iter().map(String::as_str), room), style)
        });
        let reason = generations.get(self.choice.0).and_then(|generation| generation.rejected.as_deref());
        let words = match reason {
            Some(reason) => format!("refused: {reason}"),
            None => "gate: right answers on held-out questions when it was learned or set up; corrected: on the \
                corrected questions."
                .to_owned(),
        };
        frame.render_widget(Paragraph::new(wrap_styled(&words, area.width, theme.aside())), foot);
    }
}

/// What rolling back would do.
fn roll_back_words(app: &App) -> String {
    let status = app.status.as_ref();
    let active = status.map_or(String::new(), |status| format!(" from adapter {}", short_hash(&status.generation.id)));
    let (to, warning) = match status.and_then(|status| status.previous_generation.as_deref()) {
        Some(BASE) => ("the base".to_owned(), " No adapter would be active then: the base model alone would answer."),
        Some(id) => (format!("adapter {}", short_hash(id)), ""),
        None => ("the adapter before".to_owned(), ""),
    };
    let [yes, no] = [Action::Choose, Action::Close].map(|action| app.key_name(action, Scope::Page));
    format!("Return{active} to {to}?{warning} The other one stays on this device. {yes} returns, {no} leaves it.")
}

fn origin_word(origin: Origin) -> &'static str {
    match origin {
        Origin::Base => "base",
        Origin::Carried => "carried",
        Origin::Learned => "learned",
    }
}

/// Whether a generation answers, may answer, or was refused by the gate.
pub fn state_word(generation: &Generation) -> &'static str {
    match (generation.active, &generation.rejected) {
        (true, _) => "active",
        (false, Some(_)) => "refused",
        (false, None) => "",
    }
}

/// A generation in one line of words, for faces without columns.
pub fn generation_words(generation: &Generation) -> String {
    let mut words = format!("adapter {}, {}", short_hash(&generation.id), origin_word(generation.origin));
    let state = state_word(generation);
    if !state.is_empty() {
        words.push_str(&format!(", {state}"));
    }
    if generation.gate_accuracy.is_some() || generation.corrected_accuracy.is_some() {
        let (gate, corrected) = (percent(generation.gate_accuracy), percent(generation.corrected_accuracy));
        words.push_str(&format!(", gate {gate}, corrected {corrected}"));
    }
    if let Some(reason) = &generation.rejected {
        words.push_str(&format!(": {reason}"));
    }
    words
}

/// A generation as table cells; the columns that matter most come first, for narrow screens.
fn generation_cells(generation: &Generation) -> [String; COLUMNS.len()] {
    // The base was never added; it has no date.
    let added = match generation.origin {
        Origin::Base => "-".to_owned(),
        _ => utc_minute(generation.created_at),
    };
    [
        short_hash(&generation.id).to_owned(),
        state_word(generation).to_owned(),
        percent(generation.gate_accuracy),
        percent(generation.corrected_accuracy),
        origin_word(generation.origin).to_owned(),
        added,
        generation.parent.as_deref().map_or("-", short_hash).to_owned(),
    ]
}

/// Heading and width of each column; numbers are aligned to the right.
const COLUMNS: [(&str, usize, bool); 7] = [
    ("adapter", 8, false),
    ("state", 7, false),
    ("gate", 5, true),
    ("corrected", 9, true),
    ("origin", 7, false),
    ("added (UTC)", 16, false),
    ("from", 8, false),
];

/// Cells in their columns; columns that do not fit into `width` are left out whole.
fn table_row<'a>(cells: impl IntoIterator<Item = &'a str>, width: usize) -> String {
    let mut row = String::new();
    let mut used = 0;
    for (cell, (_, column, right)) in cells.into_iter().zip(COLUMNS) {
        if used + column > width {
            break;
        }
        used += column + 2;
        row.push_str(&if right { format!("{cell:>column$}  ") } else { format!("{cell:<column$}  ") });
    }
    row
}
