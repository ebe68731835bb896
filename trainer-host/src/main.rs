//! `halligan-host`: headquarters' command line.

use std::process::ExitCode;

use clap::Parser as _;
use halligan_trainer_host::cli::Cli;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("HALLIGAN_LOG").unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match halligan_trainer_host::run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", halligan_trainer_host::one_line(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}
