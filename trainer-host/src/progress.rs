//! Progress on stderr: a bar on a terminal, a plain line every few seconds elsewhere.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use halligan_finetune::train::StepReport;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Time between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Progress of one kind of work with a known number of parts.
pub struct Progress {
    what: String,
    total: usize,
    bar: Option<ProgressBar>,
    last_line: Instant,
}

impl Progress {
    /// Starts at `done` of `total`, 0 where that is not known; `what` stands in front, such as `training`.
    pub fn new(what: &str, done: usize, total: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr_with_hz(10));
            bar.set_style(style(total));
            bar.set_prefix(what.to_owned());
            bar.set_position(done as u64);
            bar
        });
        Self { what: what.to_owned(), total, bar, last_line: Instant::now() }
    }

    /// Shows `done` parts and a note such as the loss.
    pub fn show(&mut self, done: usize, note: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(done as u64);
            bar.set_message(note.to_owned());
        } else if self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            let gap = if note.is_empty() { "" } else { "  " };
            let of = if self.total > 0 { format!("/{}", self.total) } else { String::new() };
            eprintln!("{} {done}{of}{gap}{note}", self.what);
        }
    }

    /// Shows `done` of a `total` that may have changed.
    pub fn show_of(&mut self, done: usize, total: usize, note: &str) {
        self.total = total;
        if let Some(bar) = &self.bar {
            bar.set_length(total as u64);
            bar.set_style(style(total));
        }
        self.show(done, note);
    }

    /// Shows one optimizer step.
    pub fn show_step(&mut self, report: &StepReport) {
        self.show(report.step, &step_note(report));
    }

    /// Prints a line without disturbing the bar.
    pub fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A bar that fills, or the count alone where nobody knows how many there are.
fn style(total: usize) -> ProgressStyle {
    let template = if total > 0 { "{prefix} [{bar:24}] {pos}/{len}  {msg}" } else { "{prefix} {pos}  {msg}" };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("=> ")
}

/// A step in words: loss, speed, time left, and the batch where it adapts.
pub fn step_note(report: &StepReport) -> String {
    let (loss, speed, left) = (report.loss, report.tokens_per_second, duration(report.seconds_left));
    let batch = report.device_batches.map(|batches| format!("  {batches} batches a step")).unwrap_or_default();
    format!("loss {loss:.3}  {speed:.0} tokens/s  {left} left{batch}")
}

/// Seconds for a reader: `7 s`, `3 min 05 s`, `2 h 10 min`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "unknown time".to_owned();
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A count with commas at the thousands.
pub fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes for a reader: `812 B`, `3.4 MB` (powers of 1,000).
pub fn bytes(number: u64) -> String {
    let (value, unit) = match number {
        0..1_000 => return format!("{number} B"),
        1_000..1_000_000 => (1e3, "kB"),
        1_000_000..1_000_000_000 => (1e6, "MB"),
        _ => (1e9, "GB"),
    };
    format!("{:.1} {unit}", number as f64 / value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well_at_every_size() {
        assert_eq!(duration(0.4), "0 s");
        assert_eq!(duration(59.6), "1 min 00 s");
        assert_eq!(duration(185.0), "3 min 05 s");
        assert_eq!(duration(7800.0), "2 h 10 min");
        assert_eq!(duration(f64::NAN), "unknown time");
    }

    #[test]
    fn counts_have_commas_and_bytes_have_units() {
        assert_eq!(count(7), "7");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(bytes(812), "812 B");
        assert_eq!(bytes(3_400_000), "3.4 MB");
    }
}
