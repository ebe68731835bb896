//! The gauges: how fast it answers, how full the context is, memory, heat and power.

use ratatui::Frame;
use ratatui::layout::{Rect, Size};
use ratatui::text::{Line, Span};

use super::Outcome;
use super::rows::Scroll;
use crate::console::actions::Action;
use crate::console::app::App;
use crate::console::wrap::wrap;
use crate::figures::{counted, power, short_hash};

/// Columns of the names.
const NAME_COLUMNS: usize = 14;

/// The page.
#[derive(Debug, Default)]
pub struct DevicePage {
    scroll: Scroll,
}

impl DevicePage {
    pub(super) fn act(&mut self, action: Action, app: &App, size: Size) -> Outcome {
        if action == Action::Close {
            return Outcome::Close;
        }
        self.scroll.act(action, lines(app, size.width).len(), usize::from(size.height));
        Outcome::Stay
    }

    pub(super) fn draw(&self, frame: &mut Frame, app: &App, area: Rect) {
        self.scroll.draw(frame, app.theme, area, &lines(app, area.width));
    }
}

/// The gauges as names and words; what a device does not tell says so.
pub fn gauge_words(app: &App) -> Vec<(&'static str, String)> {
    let unknown = || "not readable here".to_owned();
    let gauges = app.gauges;
    let mut words = vec![
        ("speed", app.speed.map_or_else(|| "no answer yet".to_owned(), |speed| format!("{speed:.1} tokens/s"))),
        (
            "memory",
            match (gauges.memory_mib, gauges.memory_available_mib) {
                (Some(own), Some(free)) => format!("{own} MiB used here, {free} MiB free"),
                (Some(own), None) => format!("{own} MiB used here"),
                (None, Some(free)) => format!("{free} MiB free"),
                (None, None) => unknown(),
            },
        ),
        ("temperature", gauges.celsius.map_or_else(unknown, |celsius| format!("{celsius} degrees Celsius"))),
        ("power", power(gauges.on_mains_power, gauges.battery_percent)),
    ];
    if let Some(status) = &app.status {
        words.insert(1, ("context", app.context_words(status.context_tokens)));
        words.push(("model", status.model.clone().unwrap_or_else(|| "none".to_owned())));
        words.push(("adapter", short_hash(&status.generation.id).to_owned()));
        words.push(("profile", status.profile.clone()));
        words.push((
            "knowledge",
            format!(
                "{}, {}, {}",
                counted(status.documents, "document"),
                counted(status.passages, "passage"),
                counted(status.turns, "turn")
            ),
        ));
        words.push(("home", status.home.display().to_string()));
    }
    words
}

fn lines(app: &App, width: u16) -> Vec<Line<'static>> {
    let room = width.saturating_sub(NAME_COLUMNS as u16).max(1);
    let mut lines = Vec::new();
    for (name, words) in gauge_words(app) {
        for (index, row) in wrap(&words, room).into_iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            lines.push(Line::from(vec![
                Span::styled(format!("{name:<NAME_COLUMNS$}"), app.theme.aside()),
                Span::raw(row),
            ]));
        }
    }
    lines
}
