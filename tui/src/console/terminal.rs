//! The terminal as the console needs it, and as it was before in every case.
//!
//! Raw mode, the alternate screen and bracketed paste are switched on by [`Screen::enter`] and off
//! by its drop, which errors and early returns reach too; a panic of the drawing thread restores
//! before its message is printed. Signals arrive as events, so they end the program by the same way.
//! A stop by the shell gives the terminal back until the program goes on.

use std::fs::File;
use std::io::{self, BufWriter, Stdout, Write, stdout};
use std::thread;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{
    DisableBracketedPaste, EnableBracketedPaste, KeyboardEnhancementFlags, PopKeyboardEnhancementFlags,
    PushKeyboardEnhancementFlags,
};
use ratatui::crossterm::execute;
use ratatui::crossterm::style::force_color_output;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::layout::{Position, Rect, Size};

use super::app::App;
use super::clipboard;
use super::draw::draw;
use super::stderr;

/// Room for the bytes of one frame, so that each frame is one write.
const FRAME_BYTES: usize = 64 * 1024;

/// Where frames go: the terminal, or a measuring stand-in.
pub trait Canvas {
    /// Draws the state.
    ///
    /// # Errors
    /// The terminal is gone.
    fn draw(&mut self, app: &App) -> io::Result<()>;

    /// Takes the terminal over as if for the first time, so that the next frame draws every cell.
    ///
    /// # Errors
    /// The terminal is gone.
    fn clear(&mut self) -> io::Result<()>;

    /// Puts a text on the clipboard of the user's terminal.
    ///
    /// # Errors
    /// The terminal is gone.
    fn copy(&mut self, text: &str) -> io::Result<()>;
}

/// The console's terminal; restored when dropped.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
}

impl Screen {
    /// Takes the terminal over; standard error goes into `log` until it is given back.
    ///
    /// # Errors
    /// Standard output is no terminal that can be switched.
    pub fn enter(log: Option<File>) -> io::Result<Screen> {
        restore_on_panic();
        stderr::divert(log)?;
        // Under NO_COLOR crossterm writes an empty sequence for each colour, which also ends bold and
        // reversed. The theme alone decides about colours.
        force_color_output(true);
        let entered = take_over()
            .and_then(|()| Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(FRAME_BYTES, stdout()))));
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
    pub fn size(&self) -> io::Result<Size> {
        self.terminal.size()
    }
}

impl Canvas for Screen {
    fn draw(&mut self, app: &App) -> io::Result<()> {
        self.terminal.draw(|frame| draw(frame, app)).map(|_| ())
    }

    fn clear(&mut self) -> io::Result<()> {
        // Who had the terminal meanwhile may have left its own modes; what crossterm takes to be on it does not switch on.
        let _ = disable_raw_mode();
        forget_exact_keys();
        take_over()?;
        // `Terminal::clear` would ask the terminal where its cursor is, and only the thread that waits for keys could
        // hear the answer.
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::from((Position::ORIGIN, size)))
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        let backend = self.terminal.backend_mut();
        backend.write_all(clipboard::sequence(text).as_bytes())?;
        io::Write::flush(backend)
    }
}

/// Enters every mode that the console needs.
fn take_over() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
    ask_for_exact_keys()
}

/// Leaves every mode that [`take_over`] enters. Failures have no one left to tell.
pub(super) fn release() {
    forget_exact_keys();
    let _ = execute!(stdout(), DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
    let _ = stdout().flush();
}

/// Shift+Enter reaches programs only in terminals that are asked for it. Old ones may print what
/// they do not know, so they are not asked.
fn ask_for_exact_keys() -> io::Result<()> {
    if knows_exact_keys() {
        execute!(stdout(), PushKeyboardEnhancementFlags(KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES))?;
    }
    Ok(())
}

fn forget_exact_keys() {
    if knows_exact_keys() {
        let _ = execute!(stdout(), PopKeyboardEnhancementFlags);
    }
}

fn knows_exact_keys() -> bool {
    const OLD: [&str; 5] = ["linux", "vt", "ansi", "dumb", "cons"];
    cfg!(unix) && std::env::var("TERM").is_ok_and(|term| !OLD.iter().any(|old| term.starts_with(old)))
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal and standard error back.
fn restore() {
    release();
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
