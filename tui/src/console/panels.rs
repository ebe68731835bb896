//! The panel of a running lesson, and the parts that its page shares: words, bar and chart.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Span;
use ratatui::widgets::{Block, Borders};

use super::learning::{Lesson, PARTS, Stage};
use super::theme::Theme;
use super::wrap::{cells, fitting, shortened};
use crate::figures::{counted, duration};

/// Columns left of a chart, for its scale.
const SCALE_COLUMNS: u16 = 8;

/// A rule with a title, which opens every box of the console.
pub fn titled(title: &str, area: Rect, theme: Theme) -> Block<'static> {
    let width = usize::from(area.width);
    let title = match cells(title) > width {
        true => format!("{} ", shortened(title, width.saturating_sub(1))),
        false => title.to_owned(),
    };
    Block::new().borders(Borders::TOP).border_style(theme.aside()).title(Span::styled(title, theme.title()))
}

/// What the lesson does now, in one line.
pub fn lesson_words(lesson: &Lesson) -> String {
    let words = match &lesson.stage {
        _ if lesson.ended.is_some() => "ended".to_owned(),
        Stage::Preparing => "preparing the training rows".to_owned(),
        Stage::Training { step, steps, loss, tokens_per_second, seconds_left } => format!(
            "step {step} of {steps}, loss {loss:.3}, {tokens_per_second:.0} tokens/s, {} left in it",
            duration(f64::from(*seconds_left))
        ),
        Stage::Evaluating { what, done, total } => format!("checking {what}: {done} of {total}"),
        Stage::Stopping if lesson.in_use => "skipping the rest: the running question ends first".to_owned(),
        Stage::Stopping => "cancelling: the running step ends first".to_owned(),
    };
    let words = match lesson.part() {
        Some(part) if lesson.ended.is_none() => format!("part {part} of {PARTS}: {words}"),
        _ => words,
    };
    if lesson.paused { format!("paused at {words}") } else { words }
}

/// What the lesson learns from, once known.
pub fn lesson_sources(lesson: &Lesson) -> Option<String> {
    let (corrections, replay) = (lesson.corrections?, lesson.replay?);
    Some(format!("from {} and {}", counted(corrections, "correction"), counted(replay, "earlier row")))
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
    let title = match lesson_sources(lesson) {
        Some(sources) => format!(" Learning {sources} "),
        None => " Learning ".to_owned(),
    };
    let title = if cells(&title) > width { " Learning ".to_owned() } else { title };
    let block = titled(&title, area, theme);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let [text, bar, plot] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Fill(1)]).areas(inner);
    frame.render_widget(Span::raw(fitting(&words, width).to_owned()), text);
    frame.render_widget(Span::styled(progress_bar(lesson.progress(), width), theme.learned()), bar);
    chart(frame, theme, lesson, plot);
}

/// Draws the losses as bars from zero, with the largest one at the side.
pub fn chart(frame: &mut Frame, theme: Theme, lesson: &Lesson, area: Rect) {
    if area.is_empty() {
        return;
    }
    let [side, plot] =
        Layout::horizontal([Constraint::Length(SCALE_COLUMNS.min(area.width)), Constraint::Fill(1)]).areas(area);
    let largest = lesson.losses.iter().copied().filter(|loss| loss.is_finite()).fold(0.0_f32, f32::max);
    let has_scale = largest > 0.0 && side.height > 1;
    let title = Rect { y: side.y + u16::from(has_scale), height: 1, ..side };
    frame.render_widget(Span::styled("loss", theme.aside()), title);
    if has_scale {
        // The tallest bar ends in the top row, so its figure stands there.
        frame.render_widget(Span::styled(format!("{largest:>6.2}"), theme.aside()), Rect { height: 1, ..side });
        if side.height > 2 {
            let bottom = Rect { y: side.bottom() - 1, height: 1, ..side };
            frame.render_widget(Span::styled(format!("{:>6.2}", 0.0), theme.aside()), bottom);
        }
    }
    let marks = theme.marks().bars;
    let steps = (marks.len() - 1) as u64;
    let bars = lesson.bars(usize::from(plot.width), u64::from(plot.height) * steps);
    for (row, y) in (plot.y..plot.bottom()).enumerate() {
        let below = u64::from(plot.height - 1).saturating_sub(row as u64) * steps;
        let text: String = bars.iter().map(|bar| marks[bar.saturating_sub(below).min(steps) as usize]).collect();
        frame.render_widget(Span::styled(text, theme.learned()), Rect::new(plot.x, y, plot.width, 1));
    }
}

/// `[#####-----]  50 %`, in ASCII so that every terminal and screen reader can take it.
pub fn progress_bar(progress: f64, width: usize) -> String {
    let number = format!(" {:>3.0} %", progress * 100.0);
    let room = width.saturating_sub(number.len() + 2);
    let full = ((progress * room as f64).round() as usize).min(room);
    format!("[{}{}]{number}", "#".repeat(full), "-".repeat(room - full))
}
