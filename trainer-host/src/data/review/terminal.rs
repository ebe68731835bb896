//! The loop of the review: keys from the terminal, ratings to the journal, frames to the screen.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use ratatui::crossterm::event::{self, DisableBracketedPaste, EnableBracketedPaste, Event};
use ratatui::crossterm::execute;

use super::draw::{Look, draw, extent};
use super::rating::{Journal, now};
use super::screen::{Action, Screen};
use crate::interrupt::INTERRUPTED;

/// Longest wait for a key before a signal to end is looked for.
const PATIENCE: Duration = Duration::from_millis(200);

/// Runs the screen until the expert leaves; each rating is on the disk before the next key is read. The exit code says
/// whether the expert left or was interrupted.
///
/// # Errors
/// No terminal, or a journal that takes no more; what was rated before is kept.
pub fn run(screen: &mut Screen, journal: &mut Journal) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        std::io::stdout().is_terminal() && std::io::stdin().is_terminal(),
        "the review screen needs a terminal; use --csv TABLE.csv and --import TABLE.csv instead"
    );
    let ended = Arc::new(AtomicBool::new(false));
    let flag = ended.clone();
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed)).context("cannot watch for signals")?;
    let look = Look::from_environment();
    let mut terminal = ratatui::try_init().context("cannot use this terminal; use --csv instead")?;
    // A terminal without bracketed paste gives pasted text as keys.
    let _ = execute!(std::io::stdout(), EnableBracketedPaste);
    let outcome = turns(screen, journal, &mut terminal, look, &ended);
    let _ = execute!(std::io::stdout(), DisableBracketedPaste);
    ratatui::restore();
    outcome
}

fn turns(
    screen: &mut Screen,
    journal: &mut Journal,
    terminal: &mut ratatui::DefaultTerminal,
    look: Look,
    ended: &AtomicBool,
) -> anyhow::Result<ExitCode> {
    while !ended.load(Ordering::Relaxed) {
        terminal.draw(|frame| draw(frame, screen, look)).context("the terminal is gone")?;
        if !event::poll(PATIENCE).context("the terminal is gone")? {
            continue;
        }
        match event::read().context("the terminal is gone")? {
            Event::Paste(text) => screen.paste(&text),
            Event::Key(key) => {
                let size = terminal.size().context("the terminal is gone")?;
                let (page, lines) = extent(screen, size.width, size.height, look);
                match screen.update(key, page, lines) {
                    Some(Action::Quit) => return Ok(ExitCode::SUCCESS),
                    Some(Action::Interrupt) => return Ok(ExitCode::from(INTERRUPTED)),
                    Some(Action::Rate(mut rating)) => {
                        rating.time = now();
                        journal.add(&[rating.named()])?;
                    }
                    None => {}
                }
            }
            _ => {}
        }
    }
    Ok(ExitCode::from(INTERRUPTED))
}
