//! Being stopped by the shell and going on: the terminal is the shell's meanwhile.
//!
//! Ctrl+Z is a key here and stops nothing, but `kill -TSTP` and `kill -STOP` do, and `fg` goes on.

use std::io;
use std::sync::mpsc::Sender;

use super::event::Event;

#[cfg(unix)]
mod signals {
    use std::io;
    use std::sync::mpsc::Sender;
    use std::thread::Builder;

    use signal_hook::consts::{SIGCONT, SIGTSTP};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    use crate::console::event::Event;
    use crate::console::terminal;

    pub fn watch(events: Sender<Event>) -> io::Result<()> {
        let mut signals = Signals::new([SIGTSTP, SIGCONT])?;
        Builder::new().name("suspend".to_owned()).spawn(move || {
            for signal in signals.forever() {
                if signal == SIGTSTP {
                    terminal::release();
                    let _ = emulate_default_handler(SIGTSTP);
                } else if events.send(Event::Continued).is_err() {
                    return;
                }
            }
        })?;
        Ok(())
    }
}

#[cfg(not(unix))]
mod signals {
    use std::io;
    use std::sync::mpsc::Sender;

    use crate::console::event::Event;

    pub fn watch(_events: Sender<Event>) -> io::Result<()> {
        Ok(())
    }
}

/// Gives the terminal back while the program is stopped, and reports when it goes on.
///
/// # Errors
/// The system refuses signal handlers or a thread.
pub fn watch(events: Sender<Event>) -> io::Result<()> {
    signals::watch(events)
}
