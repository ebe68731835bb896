//! The two panels: progress of learning and the list of adapter generations.

use halligan_runtime::{Generation, Origin};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Span;
use ratatui::widgets::{Block, Borders, Paragraph, Sparkline};

use super::learning::{Lesson, Stage};
use super::theme::Theme;
use super::wrap::{fitting, wrap};
use crate::figures::{counted, duration, percent, short_hash, utc_minute};

fn titled(title: &str, area: Rect, theme: Theme) -> Block<'static> {
    Block::new().borders(Borders::TOP).border_style(theme.aside()).title(Span::styled(
        fitting(title, usize::from(area.width)).to_owned(),
        theme.title(),
    ))
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
        (Some(corrections), Some(replay)) => format!(
            " Learning from {} and {} ",
            counted(corrections, "correction"),
            counted(replay, "earlier row")
        ),
        _ => " Learning ".to_owned(),
    };
    let block = titled(&title, area, theme);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let [text, bar, chart] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Fill(1)])
            .areas(inner);
    frame.render_widget(Span::raw(fitting(&words, width).to_owned()), text);
    frame.render_widget(Span::styled(progress_bar(lesson.progress(), width), theme.learned()), bar);
    if chart.is_empty() {
        return;
    }
    let label = "loss ";
    let [side, plot] =
        Layout::horizontal([Constraint::Length(label.len() as u16), Constraint::Fill(1)])
            .areas(chart);
    frame.render_widget(Span::styled(label, theme.aside()), side);
    // Eight steps a row is what the block characters of a sparkline can show.
    let height_max = u64::from(plot.height) * 8;
    let bars = lesson.bars(usize::from(plot.width), height_max);
    frame.render_widget(
        Sparkline::default().data(&bars).max(height_max).style(theme.learned()),
        plot,
    );
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

/// One generation as a table row; the columns that matter most come first, for narrow screens.
fn generation_row(generation: &Generation) -> String {
    let state = if generation.active { "active" } else { "" };
    let from = generation.parent.as_deref().map_or("-", short_hash);
    // The base was never added; it has no date.
    let added = match generation.origin {
        Origin::Base => "-".to_owned(),
        _ => utc_minute(generation.created_at),
    };
    format!(
        "{:<8}  {state:<6}  {:>5}  {:>9}  {:<7}  {added:<16}  {from}",
        short_hash(&generation.id),
        percent(generation.gate_accuracy),
        percent(generation.corrected_accuracy),
        origin_word(generation.origin),
    )
}

/// Draws the list of generations; `chosen` is the row that Enter activates.
pub fn adapters(
    frame: &mut Frame,
    theme: Theme,
    generations: Option<&[Generation]>,
    chosen: usize,
    area: Rect,
) {
    if area.is_empty() {
        return;
    }
    let block = titled(" Adapters ", area, theme);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let [head, list, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Max(3)])
            .areas(inner);
    let width = usize::from(area.width);
    let Some(generations) = generations else {
        frame.render_widget(Span::styled("asking the assistant ...", theme.aside()), head);
        return;
    };
    let heading = format!(
        "  {:<8}  {:<6}  {:>5}  {:>9}  {:<7}  {:<16}  {}",
        "adapter", "state", "gate", "corrected", "origin", "added (UTC)", "from"
    );
    frame.render_widget(Span::styled(fitting(&heading, width).to_owned(), theme.aside()), head);
    let rows = usize::from(list.height);
    let first = (chosen + 1).saturating_sub(rows);
    for ((index, generation), y) in
        generations.iter().enumerate().skip(first).zip(list.y..list.bottom())
    {
        let mark = if index == chosen { ">" } else { " " };
        let text = format!("{mark} {:<width$}", generation_row(generation), width = width);
        let style = match (index == chosen, generation.active) {
            (true, _) => theme.bar(),
            (false, true) => theme.good(),
            (false, false) => Style::new(),
        };
        let row = Rect::new(list.x, y, list.width, 1);
        frame.render_widget(Span::styled(fitting(&text, width).to_owned(), style), row);
    }
    let words = "gate: right answers on questions it must not forget; corrected: on the corrected \
        questions; both when it was learned.";
    let lines: Vec<_> = wrap(words, area.width)
        .into_iter()
        .map(|row| ratatui::text::Line::from(Span::styled(row, theme.aside())))
        .collect();
    if area.height >= 12 {
        frame.render_widget(Paragraph::new(lines), foot);
    }
}
