//! `halligan-host quantize`: a smaller model file, and what it costs.
//!
//! llama.cpp writes the file ([`halligan_runtime::quantize`]). Before and after are compared on a sample text, and
//! `--sweep` does so for several types at once, with memory and speed on this machine, so that a user can choose.

mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use halligan_finetune::gguf::{GgmlType, GgufFile};
use halligan_runtime::quantize::{
    self, Comparison, Importance, ImportanceUse, QuantType, QuantizeError, Recipe, TensorOverride,
};

use crate::progress::{Progress, bytes, count};
use crate::{
    about, interrupt,
    outputs::{self, Place},
    samples,
};
use report::{Facts, ImportanceFacts, Outcome, Row};

/// Largest text that is read for a sample or an importance matrix.
const TEXT_BYTES_MAX: u64 = 64 << 20;

/// Values in the smallest block that a type of llama.cpp has.
const BLOCK_ELEMENTS_MIN: usize = 32;

/// Arguments of `quantize`.
#[derive(Debug, Args)]
pub struct QuantizeArgs {
    /// Model to quantize, as F16, BF16 or F32
    #[arg(value_name = "IN.gguf")]
    pub input: PathBuf,
    /// File to write
    #[arg(short = 'o', long = "output", value_name = "OUT.gguf", required_unless_present = "sweep")]
    pub output: Option<PathBuf>,
    /// Type to write, such as Q4_K_M, Q5_K_M, Q6_K, Q8_0, Q4_0 or IQ4_XS; an unknown one is answered with all
    #[arg(long = "type", value_name = "TYPE", required_unless_present = "sweep", value_parser = crate::cli::parse::<QuantType>)]
    pub kind: Option<QuantType>,
    /// Give tensors whose name matches PATTERN (a regular expression) this type; may be repeated, the first match counts
    #[arg(long = "tensor", value_name = "PATTERN=TYPE", value_parser = parse_override)]
    pub tensors: Vec<TensorOverride>,
    /// Weigh rounding errors by the inputs that this text causes; needed for IQ1, IQ2, IQ3_XS, IQ3_XXS and Q2_K_S
    #[arg(long, value_name = "TEXT")]
    pub imatrix_data: Option<PathBuf>,
    /// Tokens of that text that are used at most
    #[arg(long, value_name = "TOKENS", default_value_t = 4096)]
    pub imatrix_tokens: usize,
    /// Text on which perplexity and divergence are measured [default: built in, English, Greek, code and numbers]
    #[arg(long, value_name = "TEXT")]
    pub sample: Option<PathBuf>,
    /// Tokens of the sample that are used at most
    #[arg(long, value_name = "TOKENS", default_value_t = 512)]
    pub sample_tokens: usize,
    /// Write the file without measuring what it costs
    #[arg(long, conflicts_with = "sweep")]
    pub no_report: bool,
    /// Quantize a file that is quantized already, which loses quality twice
    #[arg(long)]
    pub allow_requantize: bool,
    /// Threads [default: the physical cores]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub threads: u32,
    /// Write nothing, but compare these types: size, bits per weight, perplexity, divergence, memory and speed here
    #[arg(long, value_name = "TYPES", value_delimiter = ',', conflicts_with_all = ["output", "kind"], value_parser = crate::cli::parse::<QuantType>)]
    pub sweep: Vec<QuantType>,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

fn parse_override(text: &str) -> Result<TensorOverride, String> {
    let (pattern, name) = text.rsplit_once('=').ok_or("write PATTERN=TYPE, such as ffn_down=Q6_K")?;
    // The others hold indices or intermediate results, never weights.
    let holds_weights =
        |found: &GgmlType| !matches!(found.name(), "Q8_1" | "Q8_K" | "F64" | "I8" | "I16" | "I32" | "I64");
    let ggml_type = GgmlType::from_name(name)
        .filter(holds_weights)
        .ok_or_else(|| format!("{name:?} is no type of weights; write one such as Q4_K, Q6_K, IQ4_XS or F16"))?;
    if pattern.is_empty() {
        return Err("the pattern is empty; write for example ffn_down=Q6_K".to_owned());
    }
    Ok(TensorOverride { pattern: pattern.to_owned(), ggml_type })
}

/// Quantizes, measures and prints.
///
/// # Errors
/// An unusable input, a type that needs what was not given, a full disk.
pub fn run(args: &QuantizeArgs) -> anyhow::Result<ExitCode> {
    interrupt::listen("stopping; nothing is left behind")?;
    let done = if args.sweep.is_empty() { write_one(args) } else { sweep(args) };
    match done {
        Err(error) if matches!(error.downcast_ref(), Some(QuantizeError::Cancelled)) => {
            Ok(ExitCode::from(interrupt::INTERRUPTED))
        }
        other => other.map(|()| ExitCode::SUCCESS),
    }
}

fn write_one(args: &QuantizeArgs) -> anyhow::Result<()> {
    let (Some(output), Some(kind)) = (&args.output, args.kind) else {
        anyhow::bail!("give -o OUT.gguf and --type TYPE, or --sweep TYPES");
    };
    outputs::check_file(output)?;
    let texts = [("--imatrix-data", &args.imatrix_data), ("--sample", &args.sample)];
    let texts = texts.into_iter().filter_map(|(flag, path)| Some(Place::new(flag, path.as_ref()?)));
    let inputs: Vec<Place> = texts.chain([Place::new("IN.gguf", &args.input)]).collect();
    outputs::check_apart(&inputs, &[Place::new("-o", output)])?;
    let recipe = recipe(args, kind);
    let sample = sample(args)?;
    let plan = quantize::plan(&args.input, &recipe)?;
    if plan.needs_importance && args.imatrix_data.is_none() {
        return Err(QuantizeError::NeedsImportance { kind: kind.name() }.into());
    }
    quantize::check_room(&plan, output)?;
    let before = Facts::of(&args.input)?;
    eprintln!(
        "{}: {} to about {} as {kind}",
        args.input.display(),
        bytes(before.tensor_bytes),
        bytes(plan.tensor_bytes)
    );
    let importance = importance(args, &[kind])?;
    let began = Instant::now();
    quantize_to(args, output, &recipe, importance.as_ref())?;
    let seconds = began.elapsed().as_secs_f64();
    let after = Facts::of(output)?;
    if after.unquantizable > 0 {
        eprintln!(
            "note: {} of {} tensors cannot be quantized, because their rows are no multiple of {BLOCK_ELEMENTS_MIN} values",
            after.unquantizable,
            after.tensors.values().sum::<usize>()
        );
    }
    let comparison = if args.no_report { None } else { compare(args, output, &sample)? };
    let outcome = Outcome {
        input: args.input.display().to_string(),
        output: output.display().to_string(),
        r#type: kind.name(),
        before,
        after,
        comparison,
        importance: importance.map(|found| importance_facts(args, &found)),
        quantize_seconds: seconds,
    };
    if args.json {
        eprintln!("{}", outcome.describe());
        crate::print_data(&serde_json::to_string(&outcome)?);
    } else {
        crate::print_data(&outcome.describe());
    }
    Ok(())
}

fn sweep(args: &QuantizeArgs) -> anyhow::Result<()> {
    let sample = sample(args)?;
    let before = Facts::of(&args.input)?;
    // Everything is looked at before the first minute of work.
    let mut plans = Vec::new();
    for kind in &args.sweep {
        let recipe = recipe(args, *kind);
        plans.push((quantize::plan(&args.input, &recipe)?, recipe));
    }
    let folder = tempfile::Builder::new().prefix("halligan-sweep-").tempdir().map_err(|error| {
        anyhow::anyhow!("cannot make a temporary folder ({error}); set TMPDIR to one that takes files")
    })?;
    let usable = |needs: bool| !needs || args.imatrix_data.is_some();
    let largest =
        plans.iter().filter(|(plan, _)| usable(plan.needs_importance)).max_by_key(|(plan, _)| plan.tensor_bytes);
    if let Some((plan, _)) = largest {
        quantize::check_room(plan, folder.path())?;
    }
    let importance = importance(args, &args.sweep)?;
    let mut rows = vec![Row::of("(input)", before.clone())];
    measure(&args.input, &mut rows[0])?;
    for (plan, recipe) in &plans {
        let kind = recipe.kind;
        if !usable(plan.needs_importance) {
            rows.push(Row::skipped(kind.name(), "needs --imatrix-data TEXT"));
            continue;
        }
        let path = folder.path().join(format!("{kind}.gguf"));
        quantize_to(args, &path, recipe, importance.as_ref())?;
        let mut row = Row::of(kind.name(), Facts::of(&path)?);
        row.comparison = compare(args, &path, &sample)?;
        measure(&path, &mut row)?;
        rows.push(row);
        std::fs::remove_file(&path).map_err(|error| about(&path, error))?;
    }
    folder.close()?;
    let importance = importance.map(|found| importance_facts(args, &found));
    let table = report::table(&rows, importance.as_ref());
    if args.json {
        eprintln!("{table}");
        let input = args.input.display().to_string();
        crate::print_data(&serde_json::to_string(&report::Sweep { input, importance, rows })?);
    } else {
        crate::print_data(&table);
    }
    Ok(())
}

fn recipe(args: &QuantizeArgs, kind: QuantType) -> Recipe {
    Recipe {
        overrides: args.tensors.clone(),
        allow_requantize: args.allow_requantize,
        threads: args.threads,
        ..Recipe::new(kind)
    }
}

fn quantize_to(
    args: &QuantizeArgs,
    output: &Path,
    recipe: &Recipe,
    importance: Option<&Importance>,
) -> anyhow::Result<()> {
    let used =
        importance.filter(|_| recipe.kind.importance() != ImportanceUse::Ignored || !recipe.overrides.is_empty());
    let mut progress: Option<Progress> = None;
    let what = format!("writing {}", recipe.kind);
    let written = quantize::quantize(&args.input, output, recipe, used, &mut |step| {
        let progress = progress.get_or_insert_with(|| Progress::new(&what, 0, step.tensors));
        progress.show(step.tensor.saturating_sub(1), &step.name);
        !interrupt::requested()
    });
    if let Some(progress) = progress {
        progress.finish();
    }
    Ok(written?)
}

/// Measured only where one of the types looks at it.
fn importance(args: &QuantizeArgs, kinds: &[QuantType]) -> anyhow::Result<Option<Importance>> {
    let Some(path) = &args.imatrix_data else { return Ok(None) };
    let used = |kind: &QuantType| kind.importance() != ImportanceUse::Ignored;
    if !kinds.iter().any(used) && args.tensors.is_empty() {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        eprintln!("note: {} gains nothing from an importance matrix; --imatrix-data is not used", names.join(", "));
        return Ok(None);
    }
    let text = read_text(path)?;
    let mut progress: Option<Progress> = None;
    let measured = Importance::measure(&args.input, &text, args.imatrix_tokens, &mut |done, all| {
        progress.get_or_insert_with(|| Progress::new("weighing inputs", 0, all)).show(done, "tokens");
        !interrupt::requested()
    });
    if let Some(progress) = progress {
        progress.finish();
    }
    match measured {
        Err(error @ QuantizeError::TextTooShort { .. }) => Err(about(path, error)),
        other => Ok(Some(other?)),
    }
}

fn importance_facts(args: &QuantizeArgs, importance: &Importance) -> ImportanceFacts {
    ImportanceFacts {
        text: args.imatrix_data.as_ref().map_or(String::new(), |path| path.display().to_string()),
        tokens: importance.tokens(),
        matrices: importance.matrices().len(),
    }
}

/// `None`, with a word on stderr, for a model that predicts no next token.
fn compare(args: &QuantizeArgs, quantized: &Path, sample: &str) -> anyhow::Result<Option<Comparison>> {
    let mut progress: Option<Progress> = None;
    let compared = quantize::compare(&args.input, quantized, sample, args.sample_tokens, &mut |done, all| {
        progress.get_or_insert_with(|| Progress::new("comparing", 0, all)).show(done, "tokens");
        !interrupt::requested()
    });
    if let Some(progress) = progress {
        progress.finish();
    }
    match compared {
        Ok(comparison) => Ok(Some(comparison)),
        Err(error @ QuantizeError::NotMeasurable { .. }) => {
            eprintln!("note: {}; perplexity and divergence are not measured", crate::one_line(&error.to_string()));
            Ok(None)
        }
        Err(error @ QuantizeError::TextTooShort { .. }) => {
            Err(about(args.sample.as_deref().unwrap_or(Path::new("the built-in sample")), error))
        }
        Err(error) => Err(error.into()),
    }
}

/// Speed and memory of one file, alone in this process.
fn measure(path: &Path, row: &mut Row) -> anyhow::Result<()> {
    if interrupt::requested() {
        return Err(QuantizeError::Cancelled.into());
    }
    eprintln!("running {}", row.r#type);
    crate::bench::forget_peak_memory();
    let before = crate::bench::resident_memory_bytes();
    match quantize::probe_speed(path) {
        Ok(speed) => row.speed = Some(speed),
        Err(error) => {
            eprintln!("note: {}", crate::one_line(&error.to_string()));
            return Ok(());
        }
    }
    let peak = crate::bench::peak_memory_bytes();
    let taken = peak.zip(before).map(|(peak, before)| peak.saturating_sub(before));
    // A small model finds room that this process had taken before, which says nothing.
    let weights = row.facts.as_ref().map_or(0, |facts| facts.tensor_bytes);
    row.memory_bytes = taken.filter(|taken| *taken >= weights / 2);
    Ok(())
}

fn sample(args: &QuantizeArgs) -> anyhow::Result<String> {
    match &args.sample {
        Some(path) => read_text(path),
        None => Ok(samples::all()),
    }
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    let size = std::fs::metadata(path).map_err(|error| about(path, format!("{error}; give a text file")))?.len();
    if size > TEXT_BYTES_MAX {
        anyhow::bail!(
            "{}: {} is more than the {} that are read; give a shorter text",
            path.display(),
            bytes(size),
            bytes(TEXT_BYTES_MAX)
        );
    }
    let text = std::fs::read(path).map_err(|error| about(path, error))?;
    let text = String::from_utf8(text).map_err(|_| about(path, "not UTF-8 text; convert it first"))?;
    if text.trim().is_empty() {
        anyhow::bail!("{}: the text is empty; give one with at least a few sentences", path.display());
    }
    Ok(text)
}

impl Facts {
    /// Counts what is in a file.
    fn of(path: &Path) -> anyhow::Result<Self> {
        let file = GgufFile::open(path)?;
        let mut facts = Self { file_bytes: file.file_bytes() as u64, ..Self::default() };
        for tensor in file.tensors() {
            facts.tensor_bytes += tensor.bytes.len() as u64;
            facts.parameters += tensor.shape.iter().product::<usize>() as u64;
            let is_matrix = tensor.shape.len() > 1 && tensor.ggml_type.block_elements() == 1;
            let row = tensor.shape.first().copied().unwrap_or_default();
            facts.unquantizable += usize::from(is_matrix && !row.is_multiple_of(BLOCK_ELEMENTS_MIN));
            *facts.tensors.entry(tensor.ggml_type.to_string()).or_default() += 1;
        }
        facts.bits_per_weight = 8.0 * facts.tensor_bytes as f64 / facts.parameters.max(1) as f64;
        Ok(facts)
    }
}

impl ImportanceFacts {
    fn describe(&self) -> String {
        format!("{} matrices weighed over {} tokens of {}", self.matrices, count(self.tokens), self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn override_is_a_pattern_and_a_type() {
        let found = parse_override("blk\\.[0-3]\\.ffn_down=q6_k").unwrap();
        assert_eq!((found.pattern.as_str(), found.ggml_type), ("blk\\.[0-3]\\.ffn_down", GgmlType::Q6_K));
        for wrong in ["ffn_down", "ffn_down=Q9", "=Q6_K", "ffn_down=I8", "ffn_down=Q8_K"] {
            assert!(parse_override(wrong).is_err(), "{wrong}");
        }
        assert!(parse_override("ffn=IQ4_XS").is_ok());
    }
}
