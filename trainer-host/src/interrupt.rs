//! Ctrl-C: the first asks for an orderly stop, the second ends the program at once.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Exit code of a run that was interrupted, as shells report it for SIGINT.
pub const INTERRUPTED: u8 = 130;

static REQUESTS: AtomicUsize = AtomicUsize::new(0);

/// Listens for Ctrl-C, SIGTERM and SIGHUP from now on; `message` is said at the first one, unless it is empty. Where a
/// verb runs inside another, the message of the first to listen stays.
///
/// # Errors
/// When the system does not allow a handler.
pub fn listen(message: &'static str) -> anyhow::Result<()> {
    let set = ctrlc::set_handler(move || {
        if REQUESTS.fetch_add(1, Ordering::SeqCst) > 0 {
            std::process::exit(i32::from(INTERRUPTED));
        }
        if !message.is_empty() {
            eprintln!("\n{message}");
        }
    });
    match set {
        Ok(()) | Err(ctrlc::Error::MultipleHandlers) => Ok(()),
        Err(error) => anyhow::bail!("cannot listen for Ctrl-C ({error}); start the program again"),
    }
}

/// Whether a stop was asked for.
pub fn requested() -> bool {
    REQUESTS.load(Ordering::SeqCst) > 0
}
