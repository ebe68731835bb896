//! Where the program writes its log: standard error for verbs, a file in the home folder for the console.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::Mutex;

use halligan_runtime::home::Home;
use tracing_subscriber::EnvFilter;

use super::Common;

/// Size of the console's log at which the next session starts a new one.
const LOG_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Environment variable that chooses what is logged.
const LOG_VARIABLE: &str = "HALLIGAN_LOG";

fn filter(default: &str) -> EnvFilter {
    EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new(default))
}

/// Warnings and errors to standard error.
pub fn log_to_stderr() {
    // A second subscriber can only exist when tests run the program twice in one process.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter("warn,llama-cpp-2=error,rmcp=off"))
        .with_writer(io::stderr)
        .with_ansi(false)
        .try_init();
}

/// The console owns the screen, so its log is a file in the home folder, which is returned for
/// others who would write there. Without a writable home the console still starts (and shows why
/// nothing works); only the log is missing then.
pub fn log_to_file(common: &Common) -> Option<File> {
    let home = Home::open(common.home.as_deref()).ok()?;
    let path = home.folder().join("console.log");
    if std::fs::metadata(&path).is_ok_and(|known| known.len() > LOG_BYTES_MAX) {
        // Only the latest sessions help to understand a problem.
        let _ = std::fs::remove_file(&path);
    }
    let file = OpenOptions::new().create(true).append(true).open(path).ok()?;
    let for_others = file.try_clone().ok();
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter("info,llama-cpp-2=warn,rmcp=warn"))
        .with_writer(Mutex::new(LogFile(file)))
        .with_ansi(false)
        .try_init();
    for_others
}

/// A log that is never a reason to fail: a full disk loses log lines and nothing else.
struct LogFile(File);

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
