//! `halligan-host inspect`: what a GGUF file holds, which device it fits, and whether it can be trained here.

mod training;

use std::collections::BTreeMap;
use std::process::ExitCode;

use halligan_finetune::{adapter::Adapter, gguf::GgufFile, model::BaseModel, tokenizer::Tokenizer};
use serde::Serialize;
use serde_json::Value;

use crate::{
    check,
    cli::InspectArgs,
    devices::{self, Fit},
    progress::{bytes, count},
};
use training::TrainingMemory;

/// Longer arrays of metadata are shown by their length only.
const SHOWN_ELEMENTS: usize = 8;

#[derive(Debug, Serialize)]
struct Inspection {
    file: String,
    file_bytes: usize,
    sha256: String,
    version: u32,
    /// `model`, `adapter`, or what `general.type` says.
    kind: String,
    architecture: Option<String>,
    name: Option<String>,
    parameters: usize,
    /// Bits of tensors per weight; null without weights.
    bits_per_weight: Option<f64>,
    /// Tensors and bytes by storage type.
    types: BTreeMap<String, TypeCount>,
    tokenizer: Option<TokenizerFacts>,
    /// The chat template as it stands; null without one.
    chat_template: Option<String>,
    /// The model on each built-in device profile; null where its shape is not known.
    profiles: Option<Vec<Fit>>,
    /// Whether `halligan-host train` can use it as a base.
    trainable: bool,
    /// Why it cannot be trained.
    reason: Option<String>,
    /// What training takes at the default options; null where it cannot be trained.
    training: Option<TrainingMemory>,
    metadata: BTreeMap<String, Value>,
    tensors: Vec<TensorFacts>,
}

#[derive(Debug, Default, Serialize)]
struct TypeCount {
    tensors: usize,
    bytes: usize,
}

#[derive(Debug, Serialize)]
struct TokenizerFacts {
    model: String,
    pre: Option<String>,
    tokens: usize,
    merges: Option<usize>,
    /// Begin, end, end of turn and padding token, with their texts.
    special: BTreeMap<String, String>,
    /// Whether a sequence starts with the begin token.
    adds_bos: Option<bool>,
    chat_template: bool,
    /// Why it cannot be used; null where it can.
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
struct TensorFacts {
    name: String,
    /// Dimensions in ggml order, the contiguous one first.
    shape: Vec<usize>,
    r#type: String,
    bytes: usize,
}

/// Reads and prints.
///
/// # Errors
/// A file that is no sound GGUF.
pub fn run(args: &InspectArgs) -> anyhow::Result<ExitCode> {
    let file = GgufFile::open(&args.file)?;
    let inspection = inspect(&file);
    if args.json {
        crate::print_data(&serde_json::to_string(&inspection)?);
    } else {
        crate::print_data(&describe(&inspection, args.tensors));
    }
    Ok(ExitCode::SUCCESS)
}

fn inspect(file: &GgufFile) -> Inspection {
    let text = |key: &str| file.find_str(key).ok().flatten().map(str::to_owned);
    let mut types: BTreeMap<String, TypeCount> = BTreeMap::new();
    for tensor in file.tensors() {
        let entry = types.entry(tensor.ggml_type.to_string()).or_default();
        entry.tensors += 1;
        entry.bytes += tensor.bytes.len();
    }
    let kind = text("general.type").unwrap_or_else(|| "model".to_owned());
    let (reason, training) = match trainable(file, &kind) {
        Ok(memory) => (None, Some(memory)),
        Err(reason) => (Some(reason), None),
    };
    let parameters: usize = file.tensors().map(|tensor| tensor.shape.iter().product::<usize>()).sum();
    let stored: usize = types.values().map(|part| part.bytes).sum();
    let is_model = kind == "model";
    Inspection {
        file: file.path().display().to_string(),
        file_bytes: file.file_bytes(),
        sha256: file.sha256().to_owned(),
        version: file.version(),
        kind,
        architecture: text("general.architecture"),
        name: text("general.name"),
        parameters,
        bits_per_weight: (parameters > 0).then(|| 8.0 * stored as f64 / parameters as f64),
        types,
        tokenizer: tokenizer_facts(file),
        chat_template: text("tokenizer.chat_template"),
        profiles: (check::device_shape(file).filter(|_| is_model))
            .map(|(model, context)| devices::fits(&model, context)),
        trainable: reason.is_none(),
        reason,
        training,
        metadata: file.keys().filter_map(|key| Some((key.to_owned(), shortened(file.json(key)?)))).collect(),
        tensors: file
            .tensors()
            .map(|tensor| TensorFacts {
                name: tensor.name.to_owned(),
                shape: tensor.shape.to_vec(),
                r#type: tensor.ggml_type.to_string(),
                bytes: tensor.bytes.len(),
            })
            .collect(),
    }
}

/// The memory that training takes, or why it is not possible.
fn trainable(file: &GgufFile, kind: &str) -> Result<TrainingMemory, String> {
    if kind == "adapter" {
        let problem = Adapter::read_gguf(file.path()).err();
        return Err(problem.map_or_else(
            || "it is an adapter; train over its base with --init-adapter".to_owned(),
            |problem| crate::one_line(&problem.to_string()),
        ));
    }
    if file.tensors().len() == 0 {
        return Err("it holds a vocabulary without weights".to_owned());
    }
    let base = BaseModel::open(file.path()).map_err(|error| crate::one_line(&error.to_string()))?;
    Tokenizer::from_gguf(file).map_err(|error| crate::one_line(&error.to_string()))?;
    TrainingMemory::of(&base).map_err(|error| error.to_string())
}

fn tokenizer_facts(file: &GgufFile) -> Option<TokenizerFacts> {
    let model = file.find_str("tokenizer.ggml.model").ok().flatten()?.to_owned();
    let length = |key: &str| file.find_array_length(key).ok().flatten();
    let texts = file.strings("tokenizer.ggml.tokens").unwrap_or_default();
    let special = |role: &&str| {
        let id = file.find_u32(&format!("tokenizer.ggml.{role}_token_id")).ok().flatten()?;
        let text = texts.get(id as usize).copied().unwrap_or("outside the vocabulary");
        Some(((*role).to_owned(), format!("{text} ({id})")))
    };
    Some(TokenizerFacts {
        pre: file.find_str("tokenizer.ggml.pre").ok().flatten().map(str::to_owned),
        tokens: length("tokenizer.ggml.tokens").unwrap_or(0),
        merges: length("tokenizer.ggml.merges"),
        special: ["bos", "eos", "eot", "padding", "unknown"].iter().filter_map(special).collect(),
        adds_bos: file.find_bool("tokenizer.ggml.add_bos_token").ok().flatten(),
        chat_template: file.has("tokenizer.chat_template"),
        problem: Tokenizer::from_gguf(file).err().map(|error| crate::one_line(&error.to_string())),
        model,
    })
}

fn shortened(value: &Value) -> Value {
    match value.as_array() {
        Some(items) if items.len() > SHOWN_ELEMENTS => Value::String(format!("[{} elements]", items.len())),
        _ => value.clone(),
    }
}

fn describe(facts: &Inspection, list_tensors: bool) -> String {
    let mut lines = vec![
        format!("{} ({}, GGUF version {})", facts.file, bytes(facts.file_bytes as u64), facts.version),
        format!("sha256      {}", facts.sha256),
        format!(
            "{:<11} {}{}, {} parameters{}",
            facts.kind,
            facts.architecture.as_deref().unwrap_or("unknown architecture"),
            facts.name.as_ref().map_or(String::new(), |name| format!(" \"{name}\"")),
            count(facts.parameters),
            facts.bits_per_weight.map_or(String::new(), |bits| format!(", {bits:.2} bits per weight"))
        ),
    ];
    for (name, part) in &facts.types {
        lines.push(format!("tensors     {} of {name}, {}", part.tensors, bytes(part.bytes as u64)));
    }
    if let Some(tokenizer) = &facts.tokenizer {
        lines.push(format!(
            "tokenizer   {}{}, {} tokens, {} chat template{}",
            tokenizer.model,
            tokenizer.pre.as_ref().map_or(String::new(), |pre| format!(" ({pre})")),
            count(tokenizer.tokens),
            if tokenizer.chat_template { "with" } else { "without" },
            tokenizer.problem.as_ref().map_or(String::new(), |problem| format!("; {problem}"))
        ));
        let special: Vec<String> = tokenizer.special.iter().map(|(role, token)| format!("{role} {token}")).collect();
        if !special.is_empty() {
            lines.push(format!("            {}", special.join(", ")));
        }
    }
    if let Some(template) = &facts.chat_template {
        lines.push(format!("template    {}", crate::one_line(template).chars().take(90).collect::<String>()));
    }
    for fit in facts.profiles.iter().flatten() {
        lines.push(format!("device      {}", describe_fit(fit)));
    }
    lines.push(match &facts.reason {
        None => "trainable   yes".to_owned(),
        Some(reason) => format!("trainable   no: {reason}"),
    });
    if let Some(training) = &facts.training {
        lines.push(format!("            {}", training.describe()));
    }
    lines.push("metadata".to_owned());
    for (key, value) in &facts.metadata {
        let text: String = value.to_string().chars().take(90).collect();
        lines.push(format!("  {key} = {text}"));
    }
    if list_tensors {
        lines.push("tensors".to_owned());
        for tensor in &facts.tensors {
            lines.push(format!(
                "  {:<32} {:<8} {:?} {}",
                tensor.name,
                tensor.r#type,
                tensor.shape,
                bytes(tensor.bytes as u64)
            ));
        }
    }
    lines.join("\n")
}

fn describe_fit(fit: &Fit) -> String {
    let memory = format!("{} of {}", bytes(fit.needed_bytes), bytes(fit.limit_bytes));
    match fit.fits {
        true => format!("{:<22} fits with {} tokens: {memory}", fit.profile, count(fit.context_tokens as usize)),
        false => format!("{:<22} does not fit: {memory}", fit.profile),
    }
}
