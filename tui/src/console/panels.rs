//! The two panels: progress of learning and the list of adapter generations.

use halligan_runtime::{Generation, Origin};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Span;
use ratatui::widgets::{Block, Borders, Paragraph, Sparkline};

use super::learning::{Lesson, Stage};
use super::theme::Theme;
use super::wrap::{cells, fitting, wrap};
use crate::figures::{counted, duration, percent, short_hash, utc_minute};

/// A rule with a title, which opens every box of the console.
pub fn titled(title: &str, area: Rect, theme: Theme) -> Block<'static> {
    Block::new()
        .borders(Borders::TOP)
        .border_style(theme.aside())
        .title(Span::styled(fitting(title, usize::from(area.width)).to_owned(), theme.title()))
}

/// What the lesson does now, in one line.
pub fn lesson_words(lesson: &Lesson) -> String {
    match &lesson.stage {
        Stage::Preparing => "preparing the training rows".to_owned(),
        Stage::Training { step, steps, loss, tokens_per_second, seconds_left } => format!(
            "step {step} of {steps}, loss {loss:.3}, {tokens_per_second:.0} tokens/s, {} left",
            duration(f64::from(*seconds_left))
        ),
        Stage::Evaluating { what, done, total } => format!("checking {what}: {done} of {total}"),
        Stage::Stopping => "cancelling: the running step ends first".to_owned(),
    }
}

/// Draws the progress of learning into one, three or more rows.
pub fn lesson(frame: &mut Frame, theme: Theme, lesson: &Lesson, area: Rect) {
    if area.is_empty() {
        return;
    }
    let width = usize::from(area.width);
    let words = lesson_words(lesson);
    if area.height == 1 {
        frame.render_widget(Span::raw(fitting(&words, width).to_owned()), area);
        return;
    }
    let title = match (lesson.corrections, lesson.replay) {
        (Some(corrections), Some(replay)) => {
            format!(" Learning from {} and {} ", counted(corrections, "correction"), counted(replay, "earlier row"))
        }
        _ => " Learning ".to_owned(),
    };
    let title = if cells(&title) > width { " Learning ".to_owned() } else { title };
    let block = titled(&title, area, theme);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let [text, bar, chart] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Fill(1)]).areas(inner);
    frame.render_widget(Span::raw(fitting(&words, width).to_owned()), text);
    frame.render_widget(Span::styled(progress_bar(lesson.progress(), width), theme.learned()), bar);
    if chart.is_empty() {
        return;
    }
    let label = "loss ";
    let [side, plot] = Layout::horizontal([Constraint::Length(label.len() as u16), Constraint::Fill(1)]).areas(chart);
    frame.render_widget(Span::styled(label, theme.aside()), side);
    // Eight steps a row is what the block characters of a sparkline can show.
    let height_max = u64::from(plot.height) * 8;
    let bars = lesson.bars(usize::from(plot.width), height_max);
    frame.render_widget(Sparkline::default().data(&bars).max(height_max).style(theme.learned()), plot);
}

/// `[#####-----]  50 %`, in ASCII so that every terminal and screen reader can take it.
fn progress_bar(progress: f64, width: usize) -> String {
    let number = format!(" {:>3.0} %", progress * 100.0);
    let room = width.saturating_sub(number.len() + 2);
    let full = ((progress * room as f64).round() as usize).min(room);
    format!("[{}{}]{number}", "#".repeat(full), "-".repeat(room - full))
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

/// Draws the list of generations; `chosen` is the row that Enter activates.
pub fn adapters(frame: &mut Frame, theme: Theme, generations: Option<&[Generation]>, chosen: usize, area: Rect) {
    if area.is_empty() {
        return;
    }
    let block = titled(" Adapters ", area, theme);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let [head, list, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Max(3)]).areas(inner);
    let width = usize::from(area.width);
    let Some(generations) = generations else {
        frame.render_widget(Span::styled("asking the assistant ...", theme.aside()), head);
        return;
    };
    let room = width.saturating_sub(2);
    let heading = format!("  {}", table_row(COLUMNS.map(|(name, ..)| name), room));
    frame.render_widget(Span::styled(fitting(&heading, width).to_owned(), theme.aside()), head);
    let rows = usize::from(list.height);
    let first = (chosen + 1).saturating_sub(rows);
    for ((index, generation), y) in generations.iter().enumerate().skip(first).zip(list.y..list.bottom()) {
        let mark = if index == chosen { ">" } else { " " };
        let cells = generation_cells(generation);
        let text = format!("{mark} {:<room$}", table_row(cells.iter().map(String::as_str), room));
        let style = match (index == chosen, generation.active) {
            (true, _) => theme.bar(),
            (false, true) => theme.good(),
            (false, false) => Style::new(),
        };
        let row = Rect::new(list.x, y, list.width, 1);
        frame.render_widget(Span::styled(fitting(&text, width).to_owned(), style), row);
    }
    let reason = generations.get(chosen).and_then(|generation| generation.rejected.as_deref());
    let words = match reason {
        Some(reason) => format!("refused: {reason}"),
        None => "gate: right answers on questions it must not forget; corrected: on the corrected \
            questions; both when it was learned."
            .to_owned(),
    };
    let lines: Vec<_> = wrap(&words, area.width)
        .into_iter()
        .map(|row| ratatui::text::Line::from(Span::styled(row, theme.aside())))
        .collect();
    if area.height >= 12 {
        frame.render_widget(Paragraph::new(lines), foot);
    }
}
