//! Keeps standard error off the console's screen.
//!
//! Graphics drivers and llama.cpp write to standard error from C, past every logger. On the
//! alternate screen such a line overwrites text and scrolls the rest away, so while the console
//! runs the stream goes into its log file, or nowhere without one.

use std::fs::File;
use std::io;

#[cfg(unix)]
mod stream {
    use std::fs::File;
    use std::io;
    use std::os::fd::{AsFd, OwnedFd};
    use std::sync::OnceLock;

    static ORIGINAL: OnceLock<OwnedFd> = OnceLock::new();

    pub fn divert(log: Option<File>) -> io::Result<()> {
        let original = io::stderr().as_fd().try_clone_to_owned()?;
        let target = match log {
            Some(log) => log,
            None => File::options().write(true).open("/dev/null")?,
        };
        // A second console in one process would keep the first one's stream, which is the same.
        let _ = ORIGINAL.set(original);
        rustix::stdio::dup2_stderr(&target)?;
        Ok(())
    }

    pub fn restore() {
        if let Some(original) = ORIGINAL.get() {
            let _ = rustix::stdio::dup2_stderr(original);
        }
    }
}

#[cfg(not(unix))]
mod stream {
    pub fn divert(_log: Option<std::fs::File>) -> std::io::Result<()> {
        Ok(())
    }

    pub fn restore() {}
}

/// Sends standard error into `log`, or nowhere.
///
/// # Errors
/// The system has no file handles left.
pub fn divert(log: Option<File>) -> io::Result<()> {
    stream::divert(log)
}

/// Gives standard error back. Harmless when it was never diverted.
pub fn restore() {
    stream::restore();
}
