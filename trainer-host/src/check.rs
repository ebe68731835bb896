//! `halligan-host check`: is this model a good base? The selection rules, each with the evidence.
//!
//! Looks at a Hugging Face folder or a GGUF file and judges by what is written there: configuration, tensors,
//! tokenizer, licence file and model card. A rule without evidence is `unknown`; nothing is guessed. Several paths
//! are set side by side.

mod architecture;
mod benchmarks;
mod candidate;
mod card;
mod gguf;
mod hugging_face;
mod licence;
mod memory;
mod table;
mod tokens;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use halligan_finetune::gguf::GgufFile;
use halligan_firmware_profiles::ModelShape;
use serde::Serialize;

use candidate::Candidate;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Hugging Face folders or GGUF files; several print a decision matrix
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Print the findings as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// What a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// As wanted.
    Pass,
    /// Usable, with a price.
    Warn,
    /// Not as wanted.
    Fail,
    /// The files do not tell.
    Unknown,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
            Self::Unknown => "unknown",
        }
    }
}

/// One rule applied to one model.
#[derive(Debug, Clone, Serialize)]
struct Finding {
    rule: &'static str,
    verdict: Verdict,
    /// What was found, and where.
    evidence: String,
}

impl Finding {
    fn new(rule: &'static str, verdict: Verdict, evidence: impl Into<String>) -> Self {
        Self { rule, verdict, evidence: evidence.into() }
    }

    fn unknown(rule: &'static str, missing: impl Into<String>) -> Self {
        Self::new(rule, Verdict::Unknown, missing)
    }
}

/// Verdicts of one model, counted.
#[derive(Debug, Default, Serialize)]
struct Counts {
    pass: usize,
    warn: usize,
    fail: usize,
    unknown: usize,
}

/// Everything about one model.
#[derive(Debug, Serialize)]
struct Judged {
    path: String,
    name: String,
    format: &'static str,
    counts: Counts,
    findings: Vec<Finding>,
    /// The model at each storage type on each device profile.
    memory: Vec<memory::Placement>,
}

#[derive(Debug, Serialize)]
struct Report {
    models: Vec<Judged>,
}

/// Judges and prints.
///
/// # Errors
/// A path that is neither a model folder nor a sound GGUF file.
pub fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let mut models = Vec::new();
    for path in &args.paths {
        let candidate = if path.is_dir() { hugging_face::read(path)? } else { gguf::read(path)? };
        models.push(judge(&candidate));
    }
    let report = Report { models };
    let text = match report.models.as_slice() {
        [only] => table::one(only),
        several => table::matrix(several),
    };
    if args.json {
        eprintln!("{text}");
        crate::print_data(&serde_json::to_string(&report)?);
    } else {
        crate::print_data(&text);
    }
    Ok(ExitCode::SUCCESS)
}

/// What a model file needs memory for on a device, and the context it was made for; `None` where its metadata does not
/// tell or it holds no weights.
pub fn device_shape(file: &GgufFile) -> Option<(ModelShape, Option<u32>)> {
    let shape = gguf::shape(file);
    let narrow = |value: Option<u64>| u32::try_from(value?).ok();
    let model_bytes = file.tensors().map(|tensor| tensor.bytes.len() as u64).sum();
    let model = ModelShape {
        model_bytes,
        layers: narrow(shape.layers)?,
        kv_heads: narrow(shape.kv_heads)?,
        head_dim: narrow(shape.head_dim)?,
    };
    (model_bytes > 0).then_some((model, narrow(shape.context)))
}

fn judge(candidate: &Candidate) -> Judged {
    let mut findings = vec![licence::rule(candidate)];
    findings.extend(architecture::rules(candidate));
    findings.extend(tokens::rules(candidate));
    let memory = memory::placements(candidate);
    findings.extend(memory::rules(candidate, &memory));
    findings.extend(card::rules(candidate));
    findings.extend(benchmarks::rules(candidate));
    let mut counts = Counts::default();
    for finding in &findings {
        match finding.verdict {
            Verdict::Pass => counts.pass += 1,
            Verdict::Warn => counts.warn += 1,
            Verdict::Fail => counts.fail += 1,
            Verdict::Unknown => counts.unknown += 1,
        }
    }
    Judged {
        path: candidate.path.display().to_string(),
        name: candidate.name.clone(),
        format: candidate.format,
        counts,
        findings,
        memory,
    }
}
