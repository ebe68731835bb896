//! `halligan-host data`: from documents and experts' ratings to a dataset one can trust.
//!
//! A dataset is a folder. Every verb reads folders and writes a new one that names its parents, so that a
//! row can be followed back to the bytes it came from. What the files hold is said by the types: [`chunk`],
//! [`row`], [`ledger`], and [`manifest`] over them; [`dataset`] reads a folder, [`writer`] writes one, and
//! all JSON is canonical ([`canonical`]), so that the same inputs give the same bytes.

pub mod agreement;
pub mod build;
pub mod canonical;
pub mod chunk;
pub mod dataset;
pub mod dedup;
pub mod doctor;
pub mod documents;
pub mod encoding;
pub mod export;
pub mod filter;
pub mod formats;
pub mod generate;
pub mod import;
pub mod ingest;
pub mod ledger;
pub mod lineage;
pub mod manifest;
pub mod places;
pub mod rebuild;
pub mod resolve;
pub mod review;
pub mod row;
pub mod trace;
pub mod verify;
pub mod words;
pub mod writer;

use std::process::ExitCode;

use clap::Subcommand;

/// The verbs of `data`; each has its arguments and its `run` in its own file.
#[derive(Debug, Subcommand)]
pub enum DataVerb {
    /// Read documents, tables and code into chunks that know where they came from
    Ingest(ingest::IngestArgs),
    /// Say how far experts agree: kappa, alpha, intraclass correlation
    Agreement(agreement::AgreementArgs),
    /// Split, mix and write down the rows that a training run reads
    Build(build::BuildArgs),
    /// Find rows that say the same, and keep one of each
    Dedup(dedup::DedupArgs),
    /// Show which tokens of rows are trained, how long rows are, and which cannot be used
    Doctor(doctor::DoctorArgs),
    /// Write a dataset in the form that another program reads
    Export(export::ExportArgs),
    /// Drop rows that would teach badly, each with its reason
    Filter(Box<filter::FilterArgs>),
    /// Make questions and answers of chunks: by rules, from blueprints, with a local model
    Generate(Box<generate::GenerateArgs>),
    /// Read rows that another program wrote
    Import(import::ImportArgs),
    /// Make a dataset again from its recipe and compare it to the byte
    Rebuild(rebuild::RebuildArgs),
    /// Make the next dataset from what experts have said
    Resolve(resolve::ResolveArgs),
    /// Let experts rate rows, on a screen or in a table
    Review(review::ReviewArgs),
    /// Say which bytes of which file, which experts and which template made a row
    Trace(trace::TraceArgs),
    /// Check a dataset, its parents and its originals to the byte
    Verify(verify::VerifyArgs),
}

impl DataVerb {
    /// Whether the verb makes a dataset, so that a manifest may name it as its recipe.
    pub fn makes_dataset(&self) -> bool {
        use DataVerb::{Agreement, Doctor, Export, Rebuild, Review, Trace, Verify};
        !matches!(self, Agreement(_) | Doctor(_) | Export(_) | Rebuild(_) | Review(_) | Trace(_) | Verify(_))
    }
}

/// Runs the verb that was asked for.
///
/// # Errors
/// Whatever stopped the verb; the text names the thing and the next step.
pub fn run(verb: DataVerb) -> anyhow::Result<ExitCode> {
    match verb {
        DataVerb::Ingest(args) => ingest::run(&args),
        DataVerb::Agreement(args) => agreement::run(&args),
        DataVerb::Build(args) => build::run(&args),
        DataVerb::Dedup(args) => dedup::run(&args),
        DataVerb::Doctor(args) => doctor::run(&args),
        DataVerb::Export(args) => export::run(&args),
        DataVerb::Filter(args) => filter::run(&args),
        DataVerb::Generate(args) => generate::run(&args),
        DataVerb::Import(args) => import::run(&args),
        DataVerb::Rebuild(args) => rebuild::run(&args),
        DataVerb::Resolve(args) => resolve::run(&args),
        DataVerb::Review(args) => review::run(&args),
        DataVerb::Trace(args) => trace::run(&args),
        DataVerb::Verify(args) => verify::run(&args),
    }
}
