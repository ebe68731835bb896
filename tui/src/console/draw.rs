//! Draws the whole console from its state. Pure: no state changes, no clock, no input.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use super::app::{Activity, App, Mode};
use super::help;
use super::layout::Areas;
use super::learning::Stage;
use super::panels;
use super::transcript::GUTTER_COLUMNS;
use super::wrap::{cells, fitting, wrap};
use crate::figures::{counted, short_hash};

/// Draws one frame. The terminal is taken to have the size that the state knows; what does not
/// fit a frame that is smaller for a moment is left out.
pub fn draw(frame: &mut Frame, app: &App) {
    let screen = frame.area();
    let areas = clipped(app.areas(), screen);
    transcript(frame, app, areas.transcript);
    if let Activity::Learning(lesson) = &app.activity {
        panels::lesson(frame, app.theme, lesson, areas.lesson);
    }
    input(frame, app, areas.input);
    status(frame, app, areas.status);
    hints(frame, app, areas.hints);
    match &app.mode {
        Mode::Help(top) => {
            let page = areas.transcript.union(areas.input);
            frame.render_widget(Clear, page);
            help::draw(frame, app.theme, page, *top);
        }
        Mode::Adapters { generations, chosen } => {
            let page = areas.transcript.union(areas.input);
            frame.render_widget(Clear, page);
            panels::adapters(frame, app.theme, generations.as_deref(), *chosen, page);
        }
        Mode::Asking | Mode::Correcting { .. } => {}
    }
}

fn clipped(areas: Areas, screen: Rect) -> Areas {
    Areas {
        transcript: areas.transcript.intersection(screen),
        lesson: areas.lesson.intersection(screen),
        input: areas.input.intersection(screen),
        status: areas.status.intersection(screen),
        hints: areas.hints.intersection(screen),
    }
}

fn transcript(frame: &mut Frame, app: &App, area: Rect) {
    if area.is_empty() {
        return;
    }
    if app.transcript.is_empty() {
        welcome(frame, app, area);
        return;
    }
    let gutter = GUTTER_COLUMNS.min(area.width);
    let rows = app.transcript.visible(area.width, area.height);
    for (row, y) in rows.iter().zip(area.y..area.bottom()) {
        if row.chosen {
            let mark = Rect::new(area.x, y, gutter, 1);
            frame.render_widget(Span::styled("\u{258c}", app.theme.learned()), mark);
        }
        let text = Rect::new(area.x + gutter, y, area.width - gutter, 1);
        frame.render_widget(&row.line, text);
    }
}

fn welcome(frame: &mut Frame, app: &App, area: Rect) {
    let words = "Halligan answers from the model and the documents on this device, without a network. \
        Judge each answer with F2 (good), F3 (bad) or F4 (correct); F5 learns from your corrections.";
    let width = area.width.saturating_sub(2 * GUTTER_COLUMNS).max(1);
    let mut lines = vec![Line::from(Span::styled("Halligan", app.theme.title())), Line::default()];
    lines.extend(wrap(words, width).into_iter().map(Line::from));
    let inner = Rect { x: area.x + GUTTER_COLUMNS.min(area.width - 1), ..area }.intersection(area);
    frame.render_widget(Paragraph::new(lines), inner);
}

fn input(frame: &mut Frame, app: &App, area: Rect) {
    if area.is_empty() {
        return;
    }
    let (title, editor) = match &app.mode {
        Mode::Correcting { turn, editor } => (format!(" Right answer of turn {turn} "), editor.as_ref()),
        _ => (" Question ".to_owned(), &app.question),
    };
    let mut block = panels::titled(&title, area, app.theme);
    let more = " newer text below: PgDn ";
    let view = app.areas().transcript;
    if app.transcript.has_newer(view.width, view.height) && cells(&title) + more.len() + 2 < usize::from(area.width) {
        block = block.title(Line::from(more).right_aligned());
    }
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let with_cursor = matches!(app.mode, Mode::Asking | Mode::Correcting { .. });
    editor.draw(frame, inner, with_cursor);
}

/// What the worker does, in words.
fn activity_words(activity: &Activity) -> String {
    match activity {
        Activity::Opening => "starting".to_owned(),
        Activity::LoadingModel => "loading model".to_owned(),
        Activity::Ready => "ready".to_owned(),
        Activity::Answering => "answering".to_owned(),
        Activity::StoppingAnswer => "stopping".to_owned(),
        Activity::Switching => "switching adapter".to_owned(),
        Activity::Dead => "ended".to_owned(),
        Activity::Learning(lesson) => match &lesson.stage {
            Stage::Preparing => "learning".to_owned(),
            Stage::Training { step, steps, .. } => format!("learning {step}/{steps}"),
            Stage::Evaluating { done, total, .. } => format!("checking {done}/{total}"),
            Stage::Stopping => "cancelling".to_owned(),
        },
    }
}

fn status(frame: &mut Frame, app: &App, area: Rect) {
    // Order on screen, each with its rank: lower ranks survive on narrow screens.
    let mut parts = vec![(0, activity_words(&app.activity))];
    if let Some(status) = &app.status {
        parts.push((3, status.model.clone().unwrap_or_else(|| "no model".to_owned())));
        parts.push((1, format!("adapter {}", short_hash(&status.generation.id))));
        parts.push((4, status.profile.clone()));
        let waiting = status.corrections_waiting;
        if waiting > 0 {
            parts.push((2, format!("{} waiting", counted(waiting, "correction"))));
        }
    }
    let room = usize::from(area.width).saturating_sub(2);
    while parts.len() > 1 && parts.iter().map(|(_, part)| cells(part) + 3).sum::<usize>() > room + 3 {
        let least = parts.iter().enumerate().max_by_key(|(_, (rank, _))| *rank).map(|(at, _)| at);
        parts.remove(least.unwrap_or(0));
    }
    let text = parts.into_iter().map(|(_, part)| part).collect::<Vec<_>>().join(" | ");
    let text = format!(" {}", fitting(&text, room));
    let style = app.theme.bar();
    frame.buffer_mut().set_style(area, style);
    frame.render_widget(Span::styled(text, style), area);
}

fn hints(frame: &mut Frame, app: &App, area: Rect) {
    if let Some(notice) = &app.notice {
        let text = fitting(notice, usize::from(area.width)).to_owned();
        frame.render_widget(Span::styled(text, app.theme.title()), area);
        return;
    }
    let hints: &[(&str, &str)] = match &app.mode {
        Mode::Help(_) => &[("Esc", "closes"), ("Up/Down", "scroll")],
        Mode::Correcting { .. } => &[("Enter", "saves"), ("Esc", "leaves"), ("Alt+Enter", "new line")],
        Mode::Adapters { .. } => &[("Enter", "activates"), ("r", "rolls back"), ("Esc", "closes")],
        Mode::Asking => match &app.activity {
            Activity::Answering => &[("Esc", "stops the answer"), ("F1", "help"), ("F10", "quit")],
            Activity::Learning(_) => &[("Esc", "cancels learning"), ("F1", "help"), ("F10", "quit")],
            _ if app.transcript.has_chosen() => {
                &[("F2", "good"), ("F3", "bad"), ("F4", "correct"), ("Tab", "earlier"), ("Esc", "back to the latest")]
            }
            _ => &[
                ("F1", "help"),
                ("F2", "good"),
                ("F3", "bad"),
                ("F4", "correct"),
                ("F5", "learn"),
                ("F6", "adapters"),
                ("F10", "quit"),
            ],
        },
    };
    let mut spans = Vec::new();
    let mut used = 0;
    for (key, meaning) in hints {
        let needed = key.len() + 1 + meaning.len();
        if used + needed > usize::from(area.width) {
            break;
        }
        used += needed + 2;
        spans.push(Span::styled(*key, app.theme.key()));
        spans.push(Span::styled(format!(" {meaning}  "), Style::new()));
    }
    frame.render_widget(Line::from(spans), area);
}
