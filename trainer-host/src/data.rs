//! `halligan-host data`: from documents and experts' ratings to a dataset one can trust.
//!
//! A dataset is a folder. Every verb reads folders and writes a new one that names its parents, so that a
//! row can be followed back to the bytes it came from. What the files hold is said by the types: [`chunk`],
//! [`row`], [`ledger`], and [`manifest`] over them; [`dataset`] reads a folder, [`writer`] writes one, and
//! all JSON is canonical ([`canonical`]), so that the same inputs give the same bytes.

pub mod canonical;
pub mod chunk;
pub mod dataset;
pub mod ingest;
pub mod ledger;
pub mod manifest;
pub mod row;
pub mod writer;

use std::process::ExitCode;

use clap::Subcommand;

/// The verbs of `data`; each has its arguments and its `run` in its own file.
#[derive(Debug, Subcommand)]
pub enum DataVerb {
    /// Read documents, tables and code into chunks that know where they came from
    Ingest(ingest::IngestArgs),
    /// Print the text of a PDF as JSON; `ingest` runs it in a process of its own
    #[command(hide = true)]
    PdfText(ingest::pdf::PdfTextArgs),
}

/// Runs the verb that was asked for.
///
/// # Errors
/// Whatever stopped the verb; the text names the thing and the next step.
pub fn run(verb: DataVerb) -> anyhow::Result<ExitCode> {
    match verb {
        DataVerb::Ingest(args) => ingest::run(&args),
        DataVerb::PdfText(args) => ingest::pdf::run(&args),
    }
}
