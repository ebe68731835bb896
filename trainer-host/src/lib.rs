//! Headquarters: train adapters, evaluate them, look into files, measure.
//!
//! Each verb of `halligan-host` is one module with a `run` that takes its parsed arguments. Training is
//! `halligan-finetune`'s work; answering questions is done by the code that the device runs, so that
//! headquarters judges exactly what responders get. What a program may read goes to stdout, all talk to
//! stderr.

pub mod bench;
pub mod check;
pub mod cli;
pub mod convert;
pub mod data;
pub mod demo;
pub mod devices;
pub mod eval;
pub mod inspect;
pub mod interrupt;
pub mod logits;
pub mod loss_chart;
pub mod merge;
pub mod model_card;
pub mod outputs;
pub mod progress;
pub mod quantize;
pub mod rows;
pub mod samples;
pub mod shell;
pub mod train;

use std::process::ExitCode;

use cli::{BenchVerb, Cli, Verb};

pub use halligan_runtime::documents::one_line;

/// Runs the verb that was asked for.
///
/// # Errors
/// Whatever stopped the verb; the text names the thing and the next step.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.verb {
        Verb::Convert(args) => convert::run(&args),
        Verb::Train(args) => train::run(&args),
        Verb::Merge(args) => merge::run(&args),
        Verb::Eval(args) => eval::run(&args),
        Verb::Logits(args) => logits::run(&args),
        Verb::Inspect(args) => inspect::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Quantize(args) => quantize::run(&args),
        Verb::Bench { verb: BenchVerb::Train(args) } => bench::run(&args),
        Verb::Bench { verb: BenchVerb::Inference(args) } => bench::inference::run(&args),
        Verb::Data { verb } => data::run(verb),
        Verb::PdfText { file } => {
            print_data(&halligan_runtime::documents::pdf::answer(&file)?);
            Ok(ExitCode::SUCCESS)
        }
        Verb::Demo(args) => demo::run(&args),
        Verb::Completions { shell } => shell::completions(shell),
        Verb::Man { dir } => shell::man(dir.as_deref()),
    }
}

/// Names `path` in front of an error whose text does not name it already.
pub fn about(path: &std::path::Path, error: impl std::fmt::Display) -> anyhow::Error {
    let (path, text) = (path.display().to_string(), error.to_string());
    if text.contains(&path) { anyhow::anyhow!(text) } else { anyhow::anyhow!("{path}: {text}") }
}

thread_local! {
    static SILENT: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs a verb inside another: what it would print as data goes nowhere, its talk stays.
pub fn silently<T>(work: impl FnOnce() -> T) -> T {
    let before = SILENT.replace(true);
    let result = work();
    SILENT.set(before);
    result
}

/// Whether stdout is a terminal that may show colours.
pub fn in_colour() -> bool {
    use std::io::IsTerminal as _;
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Prints to stdout; a reader that has gone away (`| head`) ends the program quietly.
pub fn print_data(text: &str) {
    use std::io::Write as _;
    if SILENT.get() {
        return;
    }
    if writeln!(std::io::stdout().lock(), "{text}").is_err() {
        std::process::exit(0);
    }
}
