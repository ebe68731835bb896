//! `halligan-host convert`: a model folder of the Hugging Face hub becomes one GGUF file.
//!
//! The whole file is planned before the first byte is written: configuration, tokenizer and every tensor are
//! checked, so that what cannot be converted is refused at once. Then the inputs are hashed, and weights stream
//! from the checkpoint to the disk.

mod architecture;
mod checkpoint;
pub mod config;
mod encoder;
mod hyperparameters;
mod plan;
mod proof;
mod provenance;
mod rope;
mod tokenizer;
mod weights;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use halligan_finetune::gguf::MetadataValue::{String as Text, Uint32};
use halligan_finetune::gguf::{GgmlType, GgufFile, TensorLayout, file_sha256, write_gguf_streamed};
use halligan_finetune::model::BaseModel;
use halligan_finetune::tokenizer::Tokenizer;
use serde::Serialize;

use crate::model_card::ModelCard;
use crate::outputs::{self, Place};
use crate::progress::{Progress, bytes, count};
use crate::{interrupt, one_line, print_data};
use architecture::{Architecture, Extra};
use checkpoint::Checkpoint;
use config::Config;
use hyperparameters::Hyperparameters;
use plan::Plan;
use proof::TokenizerProof;
use provenance::Names;
use weights::Heads;

/// Arguments of `convert`.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// Folder of a model as the Hugging Face hub ships it: config.json, safetensors, tokenizer files
    #[arg(value_name = "HF_DIR")]
    pub folder: PathBuf,
    /// Model to write
    #[arg(short = 'o', long = "output", value_name = "GGUF")]
    pub output: PathBuf,
    /// How matrices are stored: f16, bf16 or f32; vectors are always f32
    #[arg(long = "type", default_value = "f16", value_parser = parse_type)]
    pub storage: GgmlType,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

fn parse_type(text: &str) -> Result<GgmlType, String> {
    match text.to_ascii_lowercase().as_str() {
        "f16" => Ok(GgmlType::F16),
        "bf16" => Ok(GgmlType::BF16),
        "f32" => Ok(GgmlType::F32),
        _ => Err("choose f16, bf16 or f32; `halligan-host quantize` makes smaller ones".to_owned()),
    }
}

/// What was done.
#[derive(Debug, Serialize)]
struct Summary {
    output: String,
    sha256: String,
    bytes: u64,
    architecture: &'static str,
    name: String,
    r#type: &'static str,
    tensors: usize,
    parameters: usize,
    vocabulary: usize,
    tokenizer: &'static str,
    pre_tokenizer: Option<&'static str>,
    licence: Option<String>,
    /// Hostile texts through the original and the converted tokenizer; null where there is no tokenizer.json.
    tokenizer_proof: Option<TokenizerProof>,
    /// Whether `halligan-host train` can use it as a base.
    trainable: bool,
    /// Why it cannot be trained here.
    reason: Option<String>,
    /// What llama.cpp does otherwise than the original.
    notes: Vec<String>,
    /// What is wrong with the weights.
    warnings: Vec<String>,
}

/// Converts.
///
/// # Errors
/// What makes the folder no model that llama.cpp can run, in one line; then nothing was written.
pub fn run(args: &ConvertArgs) -> anyhow::Result<ExitCode> {
    outputs::check_file(&args.output)?;
    outputs::check_apart(&Place::folder("the model folder", &args.folder), &[Place::new("-o", &args.output)])?;
    interrupt::listen("stopping; nothing is left behind")?;
    let mut model = Model::read(&args.folder, args.storage)?;
    let Some(warnings) = model.write(&args.output)? else {
        return Ok(ExitCode::from(interrupt::INTERRUPTED));
    };
    let summary = model.summary(args, warnings)?;
    for note in &summary.notes {
        eprintln!("note: {note}");
    }
    for warning in &summary.warnings {
        eprintln!("warning: {warning}");
    }
    let text = if args.json { serde_json::to_string(&summary)? } else { describe(&summary) };
    print_data(&text);
    Ok(ExitCode::SUCCESS)
}

/// A tensor that a safetensors file announces.
#[derive(Debug)]
pub struct Announced {
    /// Its name.
    pub name: String,
    /// Number of elements.
    pub elements: usize,
    /// How they are stored, such as `BF16`.
    pub storage: String,
    /// Bytes that it takes in its file.
    pub bytes: usize,
}

/// The tensors of a folder's safetensors files, each proven to lie inside its file.
///
/// # Errors
/// As `convert`, for the weights alone.
pub fn stored_tensors(folder: &Path) -> anyhow::Result<Vec<Announced>> {
    let checkpoint = Checkpoint::open(folder)?;
    let announced = |(name, tensor): (&String, &checkpoint::StoredTensor)| Announced {
        name: name.clone(),
        elements: tensor.elements(),
        storage: tensor.dtype.to_string(),
        bytes: tensor.elements() * tensor.dtype.bitsize() / 8,
    };
    Ok(checkpoint.tensors().iter().map(announced).collect())
}

/// The method that a `quantization_config` names (`gptq`, `awq`, `bitsandbytes`); such weights are no plain numbers.
pub fn quantized_by(quantization: &serde_json::Value) -> Option<&str> {
    quantization.is_object().then(|| quantization["quant_method"].as_str().unwrap_or("a method without a name"))
}

/// A model folder, read and checked, with the plan of the file.
struct Model {
    family: &'static Architecture,
    checkpoint: Checkpoint,
    plan: Plan,
    heads: Heads,
    metadata: hyperparameters::Entries,
    inputs: Vec<PathBuf>,
    name: String,
    licence: Option<String>,
    tokenizer: &'static str,
    pre_tokenizer: Option<&'static str>,
    notes: Vec<String>,
}

impl Model {
    fn read(folder: &Path, storage: GgmlType) -> anyhow::Result<Self> {
        let mut config = Config::open(folder)?;
        if let Some(method) = config.find(&["quantization_config"]).and_then(quantized_by) {
            bail!(
                "{}: config.json says that the weights are quantized by {method}; fetch the model before quantization, \
                 and `halligan-host quantize` the result",
                folder.display()
            );
        }
        let family = family_of(&config)?;
        config.use_defaults(family.defaults);
        let parameters = Hyperparameters::read(&config, family)?;
        let checkpoint = Checkpoint::open(folder)?;
        let plan = plan::plan(&checkpoint, family, &parameters, storage)?;
        let tokenizer = tokenizer::convert(folder, &config, family, plan.vocabulary)?;
        let card = ModelCard::read(folder)?;
        let names = Names::find(folder, &config, &card, tokenizer.swallows);
        let mut notes = parameters.notes;
        notes.extend(tokenizer.notes);
        notes.extend(card.problem.iter().map(|problem| format!("README.md: its head cannot be read ({problem})")));
        if plan.other_parts > 0 {
            notes.push(format!("{} tensors of other parts (vision, audio) are left out", plan.other_parts));
        }
        let mut metadata = parameters.entries;
        metadata.extend(tokenizer.entries);
        metadata.extend(provenance::entries(folder, &names, &card)?);
        if family.has(Extra::Encoder) {
            metadata.extend(encoder::entries(folder, family.name, &mut notes)?);
        }
        let file_type = match storage {
            GgmlType::F32 => 0,
            GgmlType::F16 => 1,
            _ => 32,
        };
        metadata.extend([
            ("general.type".to_owned(), Text("model".to_owned())),
            ("general.architecture".to_owned(), Text(family.name.to_owned())),
            ("general.file_type".to_owned(), Uint32(file_type)),
            (format!("{}.vocab_size", family.name), Uint32(plan.vocabulary as u32)),
            ("halligan.converter".to_owned(), Text(format!("halligan-host {}", env!("CARGO_PKG_VERSION")))),
        ]);
        let mut inputs: Vec<PathBuf> = ["config.json", "generation_config.json", "README.md", "chat_template.jinja"]
            .into_iter()
            .chain(card.licence_file)
            .chain(tokenizer.files)
            .map(|name| folder.join(name))
            .filter(|path| path.is_file())
            .collect();
        inputs.extend_from_slice(checkpoint.files());
        inputs.sort();
        let heads = Heads { channels: parameters.head_dim as usize, query_scale: parameters.query_scale };
        Ok(Self {
            family,
            checkpoint,
            plan,
            heads,
            metadata,
            inputs,
            name: names.name,
            licence: card.licence,
            tokenizer: tokenizer.model,
            pre_tokenizer: tokenizer.pre,
            notes,
        })
    }

    /// Hashes the inputs and writes the file. Returns what is wrong with the weights, `None` when interrupted.
    fn write(&mut self, output: &Path) -> anyhow::Result<Option<Vec<String>>> {
        let hashes = self.hash_inputs()?;
        let Some(hashes) = hashes else { return Ok(None) };
        self.metadata.push(provenance::hashes(&hashes));
        let layouts: Vec<TensorLayout> = self.plan.tensors.iter().map(|planned| planned.layout.clone()).collect();
        let size = |layout: &TensorLayout| layout.ggml_type.tensor_bytes(&layout.shape).unwrap_or(0);
        let total: usize = layouts.iter().map(size).sum();
        let mut progress = Progress::new("writing MB", 0, megabytes(total));
        let mut written = 0;
        let mut warnings = Vec::new();
        let Self { checkpoint, plan, heads, metadata, .. } = self;
        let result = write_gguf_streamed(output, std::mem::take(metadata), &layouts, |index, sink| {
            let planned = &plan.tensors[index];
            let mut on_bytes = |count: usize| {
                written += count;
                progress.show(megabytes(written), &planned.layout.name);
                if interrupt::requested() { Err(Stopped.into()) } else { Ok(()) }
            };
            let findings = weights::write(checkpoint, planned, *heads, sink, &mut on_bytes)?;
            warnings.extend(findings.warning(&planned.stored_name));
            Ok::<(), anyhow::Error>(())
        });
        progress.finish();
        match result {
            Ok(()) => Ok(Some(warnings)),
            Err(error) if error.is::<Stopped>() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn hash_inputs(&self) -> anyhow::Result<Option<Vec<(PathBuf, String)>>> {
        let mut progress = Progress::new("hashing files", 0, self.inputs.len());
        let mut hashes = Vec::new();
        for path in &self.inputs {
            if interrupt::requested() {
                return Ok(None);
            }
            progress.show(hashes.len(), &path.file_name().unwrap_or_default().to_string_lossy());
            match file_sha256(path) {
                Ok(hash) => hashes.push((path.clone(), hash)),
                Err(error) => bail!("{}: cannot read the file ({error}); check it", path.display()),
            }
        }
        progress.finish();
        Ok(Some(hashes))
    }

    /// Opens what was written as its readers will.
    fn summary(self, args: &ConvertArgs, warnings: Vec<String>) -> anyhow::Result<Summary> {
        let file = GgufFile::open(&args.output)?;
        let (sha256, size) = (file.sha256().to_owned(), file.file_bytes() as u64);
        let unusable = if self.family.has(Extra::Encoder) {
            Some("an encoder turns text into vectors; adapters are trained over decoders".to_owned())
        } else {
            let trained = BaseModel::open(&args.output).map(drop).map_err(|error| error.to_string());
            let tokens = Tokenizer::from_gguf(&file).map(drop).map_err(|error| error.to_string());
            trained.and(tokens).err().map(|error| one_line(&error))
        };
        Ok(Summary {
            output: args.output.display().to_string(),
            sha256,
            bytes: size,
            architecture: self.family.name,
            name: self.name,
            r#type: args.storage.name(),
            tensors: self.plan.tensors.len(),
            parameters: self.plan.tensors.iter().map(|planned| planned.layout.shape.iter().product::<usize>()).sum(),
            vocabulary: self.plan.vocabulary,
            tokenizer: self.tokenizer,
            pre_tokenizer: self.pre_tokenizer,
            licence: self.licence,
            tokenizer_proof: proof::prove(&args.folder, &file)?,
            trainable: unusable.is_none(),
            reason: unusable,
            notes: self.notes,
            warnings,
        })
    }
}

/// The run was interrupted.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
struct Stopped;

fn megabytes(count: usize) -> usize {
    count.div_ceil(1_000_000)
}

/// The family that `config.json` names.
fn family_of(config: &Config) -> anyhow::Result<&'static Architecture> {
    let Some(kind) = config.find_str(&["model_type"]) else {
        bail!("config.json: `model_type` is missing; fetch the file again");
    };
    match Architecture::find(kind) {
        Some(family) => Ok(family),
        None => {
            let part = if config.is_multimodal() { "language part of the model" } else { "model" };
            bail!(
                "config.json: the {part} is of type `{kind}`, which is not known; known are {}",
                Architecture::known()
            )
        }
    }
}

fn describe(summary: &Summary) -> String {
    let pre = summary.pre_tokenizer.map_or_else(String::new, |pre| format!(", cuts of {pre}"));
    let mut lines = vec![
        format!("{}  {}", summary.output, bytes(summary.bytes)),
        format!("  model      {} ({}), {}", summary.name, summary.architecture, summary.r#type),
        format!("  weights    {} parameters in {} tensors", count(summary.parameters), summary.tensors),
        format!("  tokenizer  {}{pre}, {} tokens", summary.tokenizer, count(summary.vocabulary)),
        format!("  licence    {}", summary.licence.as_deref().unwrap_or("not stated; see the model's page")),
        format!("  sha256     {}", summary.sha256),
    ];
    if let Some(proof) = &summary.tokenizer_proof {
        lines.push(format!("  proof      {}", proof.describe()));
        let texts =
            proof.differences.iter().map(|found| format!("             {} differs on {:?}", found.reader, found.text));
        lines.extend(texts);
    }
    lines.push(match &summary.reason {
        None => "  trainable  yes".to_owned(),
        Some(reason) => format!("  trainable  no: {reason}"),
    });
    lines.join("\n")
}
