//! The terminal as the console needs it, and as it was before in every case.
//!
//! Raw mode, the alternate screen and bracketed paste are switched on by [`Screen::enter`] and off
//! by its drop, which errors and early returns reach too; a panic of the drawing thread restores
//! before its message is printed. Signals arrive as events, so they end the program by the same way.

use std::fs::File;
use std::io::{self, Stdout, Write, stdout};
use std::thread;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};

use super::app::App;
use super::draw::draw;
use super::stderr;

/// The console's terminal; restored when dropped.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal over; standard error goes into `log` until it is given back.
    ///
    /// # Errors
    /// Standard output is no terminal that can be switched.
    pub fn enter(log: Option<File>) -> io::Result<Screen> {
        restore_on_panic();
        stderr::divert(log)?;
        let entered = enable_raw_mode()
            .and_then(|()| execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste))
            .and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        match entered {
            Ok(terminal) => Ok(Screen { terminal }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }

    /// Size in cells.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn size(&self) -> io::Result<ratatui::layout::Size> {
        self.terminal.size()
    }

    /// Forgets what is on the screen, so that the next frame draws every cell.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn clear(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }

    /// Draws the state.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn draw(&mut self, app: &App) -> io::Result<()> {
        self.terminal.draw(|frame| draw(frame, app)).map(|_| ())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Leaves every mode that [`Screen::enter`] entered. Failures have no one left to tell.
fn restore() {
    let _ = execute!(stdout(), DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
    let _ = stdout().flush();
    stderr::restore();
}

fn restore_on_panic() {
    let drawing_thread = thread::current().id();
    let earlier = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // The worker's panics become reports; the console goes on and its screen stays.
        if thread::current().id() == drawing_thread {
            restore();
            earlier(panic);
        } else {
            tracing::error!(%panic, "thread ended by a panic");
        }
    }));
}
