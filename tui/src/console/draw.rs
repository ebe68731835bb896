//! Draws the whole console from its state. Pure: no state changes, no clock, no input.

use ratatui::Frame;
use ratatui::buffer::{Buffer, CellWidth};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use super::actions::{Action, Scope, entry_of};
use super::app::{Activity, App, Mode};
use super::layout::Areas;
use super::learning::Stage;
use super::pages::Page;
use super::panels;
use super::transcript::GUTTER_COLUMNS;
use super::welcome;
use super::wrap::{cells, fitting, wrap_styled};
use crate::example_kit;
use crate::figures::{counted, short_hash};

/// Draws one frame. The terminal is taken to have the size that the state knows; what does not
/// fit a frame that is smaller for a moment is left out.
pub fn draw(frame: &mut Frame, app: &App) {
    let screen = frame.area();
    let areas = clipped(app.areas(), screen);
    let page = areas.transcript.union(areas.input);
    if let (Activity::Learning, Some(lesson)) = (app.activity, &app.lesson) {
        panels::lesson(frame, app.theme, lesson, areas.lesson);
    }
    match app.pages.last() {
        Some(top) => {
            frame.render_widget(Clear, page);
            let block = panels::titled(&top.title(), page, app.theme);
            let body = block.inner(page);
            frame.render_widget(block, page);
            top.draw(frame, app, body);
        }
        None => {
            transcript(frame, app, areas.transcript);
            input(frame, app, areas.input);
        }
    }
    if let Some(prompt) = app.approval.as_ref().filter(|_| app.asks_for_approval()) {
        prompt.draw(frame, app, page);
    }
    status(frame, app, areas.status);
    hints(frame, app, areas.hints);
    if app.theme.ascii() {
        to_ascii(frame.buffer_mut());
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

/// Replaces every character that an ASCII terminal lacks by one that looks or sounds like it, in
/// as many cells.
fn to_ascii(buffer: &mut Buffer) {
    for at in 0..buffer.content.len() {
        let (symbol, style) = (buffer.content[at].symbol(), buffer.content[at].style());
        if symbol.is_ascii() {
            continue;
        }
        let width = usize::from(symbol.cell_width()).max(1);
        let letter = symbol.chars().next().and_then(deunicode::deunicode_char).unwrap_or("?");
        let mut shown = letter.chars().filter(char::is_ascii_graphic);
        // One letter a cell: a second one in the first cell would not be known to stand in the cell behind it.
        for (index, cell) in buffer.content[at..].iter_mut().take(width).enumerate() {
            let none = if index == 0 { '?' } else { ' ' };
            cell.set_char(shown.next().unwrap_or(none)).set_style(style);
        }
    }
}

fn transcript(frame: &mut Frame, app: &App, area: Rect) {
    if area.is_empty() {
        return;
    }
    if app.transcript.is_empty() {
        welcome::draw(frame, app, area);
        return;
    }
    let gutter = GUTTER_COLUMNS.min(area.width);
    let rows = app.transcript.visible(area.width, area.height);
    for (row, y) in rows.iter().zip(area.y..area.bottom()) {
        if row.chosen {
            let mark = Rect::new(area.x, y, gutter, 1);
            frame.render_widget(Span::styled(app.theme.marks().chosen, app.theme.learned()), mark);
        }
        let text = Rect::new(area.x + gutter, y, area.width - gutter, 1);
        frame.render_widget(&row.line, text);
    }
}

fn input(frame: &mut Frame, app: &App, area: Rect) {
    if area.is_empty() {
        return;
    }
    let (title, editor) = match &app.mode {
        Mode::Correcting { turn, editor, .. } => (format!(" Right answer of turn {turn} "), editor.as_ref()),
        Mode::Asking => (" Question ".to_owned(), &app.question),
    };
    let mut block = panels::titled(&title, area, app.theme);
    let more = format!(" newer text below: {} ", app.key_name(Action::ScrollDown, Scope::Chat));
    let view = app.areas().transcript;
    if app.transcript.has_newer(view.width, view.height) && cells(&title) + more.len() + 2 < usize::from(area.width) {
        block = block.title(Line::from(more).right_aligned());
    }
    let inner = block.inner(area);
    frame.render_widget(block, area);
    editor.draw(frame, inner, app.approval.is_none());
}

/// What the worker does, in words.
pub fn activity_words(app: &App) -> String {
    match (app.activity, &app.lesson) {
        _ if app.approval.is_some() => "waiting for your word".to_owned(),
        (Activity::Opening, _) => "starting".to_owned(),
        (Activity::LoadingModel, _) => "loading model".to_owned(),
        (Activity::Ready, _) => "ready".to_owned(),
        (Activity::Answering, _) => "answering".to_owned(),
        (Activity::StoppingAnswer, _) => "stopping".to_owned(),
        (Activity::Switching, _) => "switching adapter".to_owned(),
        (Activity::AddingDocuments, _) => app.adding.as_ref().map_or_else(
            || "adding documents".to_owned(),
            |adding| match adding.total {
                Some(total) => format!("adding {}/{total}", adding.done),
                None => format!("adding {}", adding.done),
            },
        ),
        (Activity::Dead, _) => "ended".to_owned(),
        (Activity::Learning, None) => "learning".to_owned(),
        (Activity::Learning, Some(lesson)) => {
            let words = match &lesson.stage {
                Stage::Preparing => "learning".to_owned(),
                Stage::Training { step, steps, .. } => format!("learning {step}/{steps}"),
                Stage::Evaluating { done, total, .. } => format!("checking {done}/{total}"),
                Stage::Stopping => "cancelling".to_owned(),
            };
            if lesson.paused { format!("{words} paused") } else { words }
        }
    }
}

fn status(frame: &mut Frame, app: &App, area: Rect) {
    // Order on screen, each with its rank: lower ranks survive on narrow screens.
    let mut parts = vec![(0, activity_words(app))];
    if let Some(status) = &app.status {
        parts.push((3, status.model.clone().unwrap_or_else(|| "no model".to_owned())));
        parts.push((1, format!("adapter {}", short_hash(&status.generation.id))));
        if example_kit::is_model_of(status) {
            parts.push((2, "demonstration".to_owned()));
        }
        parts.push((6, status.profile.clone()));
        let waiting = status.corrections_waiting;
        if waiting > 0 {
            parts.push((2, format!("{} waiting", counted(waiting, "correction"))));
        }
    }
    if let Some(speed) = app.speed {
        parts.push((4, format!("{speed:.0} tok/s")));
    }
    if let Some(memory) = app.gauges.memory_mib {
        parts.push((7, format!("{memory} MiB")));
    }
    if let (Some(used), Some(status)) = (app.context_used, &app.status) {
        parts.push((5, format!("context {used}/{}", status.context_tokens)));
    }
    if let Some(celsius) = app.gauges.celsius {
        parts.push((5, format!("{celsius} C")));
    }
    if let Some(charge) = app.gauges.battery_percent {
        parts.push((4, format!("battery {charge} %")));
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

/// Actions that the hints line names, the most useful first.
fn hinted(app: &App) -> &'static [Action] {
    use Action::{
        Adapters, Add, Bad, CancelLesson, Choose, ChooseEarlier, Close, Correct, Down, Good, Help, Learn, NewLine,
        Pause, Quit, Refresh, Remove, RollBack, Save, Sources, Stop, Toggle,
    };
    match app.scope() {
        Scope::Writing => &[Save, Close, NewLine],
        Scope::Adapters => &[Choose, RollBack, Close, Help],
        Scope::Documents if app.activity == Activity::AddingDocuments => &[Stop, Close, Help],
        Scope::Documents => &[Add, Remove, Close, Help],
        Scope::Lesson if app.activity != Activity::Learning => &[Close, Help],
        Scope::Lesson => &[Pause, CancelLesson, Close, Help],
        Scope::Doctor => &[Refresh, Close, Help],
        Scope::Reasons => &[Toggle, Choose, Close, Help],
        Scope::Page => match app.pages.last() {
            Some(Page::Help(_)) => &[Close, Down],
            Some(Page::Sources(_)) if choose_word(app).is_some() => &[Choose, Close, Help, Down],
            _ if choose_word(app).is_some() => &[Choose, Close, Help],
            _ => &[Close, Down, Help],
        },
        Scope::Approval => &[Choose, Down, Close, Help],
        Scope::Picker => &[Choose, Down, Close],
        Scope::Chat | Scope::Everywhere => match app.activity {
            Activity::Learning => &[Stop, Pause, Help, Quit],
            Activity::Answering | Activity::AddingDocuments => &[Stop, Help, Quit],
            _ if app.transcript.has_chosen() => &[Good, Bad, Correct, Sources, ChooseEarlier, Stop],
            _ => &[Help, Good, Bad, Correct, Learn, Adapters, Quit],
        },
    }
}

/// What Enter does on a page without keys of its own.
fn choose_word(app: &App) -> Option<&'static str> {
    app.pages.last().filter(|_| app.scope() == Scope::Page)?.choose_word()
}

fn hints(frame: &mut Frame, app: &App, area: Rect) {
    if let Some(notice) = &app.notice {
        frame.render_widget(Paragraph::new(wrap_styled(notice, area.width, app.theme.title())), area);
        return;
    }
    let scope = app.scope();
    let mut spans = Vec::new();
    let mut used = 0;
    for action in hinted(app) {
        let Some(entry) = entry_of(*action, scope) else { continue };
        let Some(chord) = app.keymap.keys(entry).first() else { continue };
        let key = match action {
            // Both ways are one hint.
            Action::Down => format!("{}/{chord}", app.key_name(Action::Up, scope)),
            _ => chord.to_string(),
        };
        let busy = matches!(app.activity, Activity::Answering | Activity::Learning | Activity::AddingDocuments);
        let skips = app.activity == Activity::Learning && app.lesson.as_ref().is_some_and(|lesson| lesson.in_use);
        let paused = app.lesson.as_ref().is_some_and(|lesson| lesson.paused);
        let word = match action {
            Action::Down => "move",
            Action::Pause if paused => "goes on",
            Action::Choose => choose_word(app).unwrap_or(entry.word),
            Action::Stop | Action::CancelLesson if skips => "skips the rest",
            // Nothing runs: only the chosen answer is let go.
            Action::Stop if !busy => "leaves it",
            _ => entry.word,
        };
        let needed = key.len() + 1 + word.len();
        if used + needed > usize::from(area.width) {
            break;
        }
        used += needed + 2;
        spans.push(Span::styled(key, app.theme.key()));
        spans.push(Span::styled(format!(" {word}  "), Style::new()));
    }
    frame.render_widget(Line::from(spans), area);
}
