//! Entry point of `halligan`; see the library for everything else.

use std::process::ExitCode;

fn main() -> ExitCode {
    halligan_tui::cli::run()
}
