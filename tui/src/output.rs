//! Where words go: data to standard output, talk to standard error.
//!
//! A reader that closes its end early (`halligan docs list | head`) is no error and no panic:
//! [`is_broken_pipe`] recognises it and the program ends quietly.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// Writes one line of data.
///
/// # Errors
/// Standard output is closed or full.
pub fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Writes a piece of data without a line feed and shows it at once.
///
/// # Errors
/// Standard output is closed or full.
pub fn piece(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes one JSON object as one line.
///
/// # Errors
/// Standard output is closed or full.
pub fn json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string(value).context("cannot write the result as JSON")?;
    line(&text)?;
    Ok(())
}

/// Says something beside the data. A closed standard error has no one to tell.
pub fn talk(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether a failure is only a reader that stopped reading.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe))
}

/// A progress bar on standard error; invisible where that is no terminal.
pub fn progress_bar(length: u64) -> ProgressBar {
    let target = if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(length), target);
    // The template is a constant, so the fall-back never shows.
    let style = ProgressStyle::with_template("{prefix} [{bar:24}] {pos}/{len} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("#>-");
    bar.with_style(style)
}

/// A flag that the first Ctrl-C (or SIGTERM) sets; the second one ends the program at once.
///
/// # Errors
/// The system refuses signal handlers.
pub fn stop_on_interrupt() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if set.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        talk("stopping; press Ctrl-C again to end at once");
    })
    .context("cannot watch for Ctrl-C")?;
    Ok(stop)
}
