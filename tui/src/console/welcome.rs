//! What an empty conversation shows: what this is, which keys matter first, and a question to begin with.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::actions::{Action, Scope};
use super::app::App;
use super::transcript::GUTTER_COLUMNS;
use super::wrap::{cut, wrap, wrap_styled};
use crate::example_kit;

/// Draws it; on a small screen the rows about the example kit stay and the others are cut.
pub fn draw(frame: &mut Frame, app: &App, area: Rect) {
    let width = area.width.saturating_sub(2 * GUTTER_COLUMNS).max(1);
    let mut lines = vec![Line::from(Span::styled("Halligan", app.theme.title())), Line::default()];
    let mut room = usize::from(area.height).saturating_sub(lines.len());
    let mut rows = wrap(&words(app), width);
    let mut example = Vec::new();
    for (text, style) in example_words(app) {
        example.push(Line::default());
        example.extend(wrap_styled(&text, width, style));
    }
    if rows.len() + example.len() > room {
        example.retain(|line| line.width() > 0);
    }
    room = room.saturating_sub(example.len());
    cut(&mut rows, room, width);
    lines.extend(rows.into_iter().map(Line::from));
    lines.extend(example);
    let inner = Rect { x: area.x + GUTTER_COLUMNS.min(area.width - 1), ..area }.intersection(area);
    frame.render_widget(Paragraph::new(lines), inner);
}

fn words(app: &App) -> String {
    let key = |action| app.key_name(action, Scope::Chat);
    let [good, bad, correct] = [Action::Good, Action::Bad, Action::Correct].map(key);
    let [learn, help, palette] = [Action::Learn, Action::Help, Action::Palette].map(key);
    format!(
        "Halligan answers from the model and the documents on this device, without a network. Judge each answer with \
        {good} (good), {bad} (bad) or {correct} (correct); {learn} learns from your corrections. {help} explains every \
        screen, {palette} finds every command."
    )
}

/// With the example kit: a question that its adapter answers from the guide, and what the kit is not for.
fn example_words(app: &App) -> Vec<(String, Style)> {
    let Some(status) = &app.status else { return Vec::new() };
    let mut words = Vec::new();
    if example_kit::is_adapter_of(status) {
        words.push((format!("For example: {}", example_kit::QUESTION), app.theme.question()));
    }
    if example_kit::is_model_of(status) {
        words.push((example_kit::WARNING.to_owned(), app.theme.bad()));
    }
    words
}
