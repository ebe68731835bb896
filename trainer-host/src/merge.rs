//! `halligan-host merge`: a base and an adapter in, one dense model out, for tools that take no adapter.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use halligan_finetune::{
    gguf::file_sha256,
    merge::{self, MergedType},
    model::BaseModel,
};
use serde::Serialize;

use crate::{
    about,
    outputs::{self, Place},
    progress::{Progress, bytes, count},
    rows,
};

/// Arguments of `merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Base model
    #[arg(long, value_name = "GGUF")]
    pub base: PathBuf,
    /// Adapter: a GGUF file or a PEFT folder
    #[arg(long, value_name = "GGUF_OR_PEFT_DIR")]
    pub adapter: PathBuf,
    /// Model to write
    #[arg(short = 'o', long, value_name = "GGUF")]
    pub output: PathBuf,
    /// How matrices are stored: f16, q8_0 or f32
    #[arg(long = "type", default_value = "f16", value_parser = crate::cli::parse::<MergedType>)]
    pub storage: MergedType,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Serialize)]
struct Summary {
    model: PathBuf,
    sha256: String,
    bytes: u64,
    tensors: usize,
    changed: usize,
}

/// Merges and writes the model.
///
/// # Errors
/// A bad base or adapter, an output that cannot be written, a value that the type cannot hold.
pub fn run(args: &MergeArgs) -> anyhow::Result<ExitCode> {
    outputs::check_file(&args.output)?;
    let mut inputs = Place::folder("--adapter", &args.adapter);
    inputs.push(Place::new("--base", &args.base));
    outputs::check_apart(&inputs, &[Place::new("-o", &args.output)])?;
    let base = BaseModel::open(&args.base).map_err(|error| about(&args.base, error))?;
    let adapter = rows::open_adapter(&args.adapter, &base)?;
    let tensors =
        if args.adapter.is_dir() { args.adapter.join("adapter_model.safetensors") } else { args.adapter.clone() };
    let sha256 = file_sha256(&tensors).map_err(|error| about(&tensors, error))?;
    let mut progress = Progress::new("merging", 0, base.file.tensors().len());
    let merged = merge::merge(&base.file, &adapter, &sha256, args.storage, &args.output, &mut |done, _| {
        progress.show(done, "");
    });
    progress.finish();
    let merged = merged.map_err(|error| about(&args.output, error))?;
    let summary = Summary {
        sha256: file_sha256(&args.output).map_err(|error| about(&args.output, error))?,
        bytes: std::fs::metadata(&args.output).map_or(0, |metadata| metadata.len()),
        model: args.output.clone(),
        tensors: merged.tensors,
        changed: merged.changed,
    };
    let text = format!(
        "merged  {} of {} tensors changed\nwrote   {} ({}, sha256 {})",
        count(summary.changed),
        count(summary.tensors),
        args.output.display(),
        bytes(summary.bytes),
        &summary.sha256[..12]
    );
    if args.json {
        eprintln!("{text}");
        crate::print_data(&serde_json::to_string(&summary)?);
    } else {
        crate::print_data(&text);
    }
    Ok(ExitCode::SUCCESS)
}
