//! `halligan-host inspect`: what a GGUF file holds, and whether it can be trained here.

use std::collections::BTreeMap;
use std::process::ExitCode;

use halligan_finetune::{adapter::Adapter, gguf::GgufFile, model::BaseModel, tokenizer::Tokenizer};
use serde::Serialize;
use serde_json::Value;

use crate::{
    cli::InspectArgs,
    progress::{bytes, count},
};

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
    /// Tensors and bytes by storage type.
    types: BTreeMap<String, TypeCount>,
    tokenizer: Option<TokenizerFacts>,
    /// Whether `halligan-host train` can use it as a base.
    trainable: bool,
    /// Why it cannot be trained.
    reason: Option<String>,
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
    let reason = why_not_trainable(file, &kind);
    Inspection {
        file: file.path().display().to_string(),
        file_bytes: file.file_bytes(),
        sha256: file.sha256().to_owned(),
        version: file.version(),
        kind,
        architecture: text("general.architecture"),
        name: text("general.name"),
        parameters: file.tensors().map(|tensor| tensor.shape.iter().product::<usize>()).sum(),
        types,
        tokenizer: tokenizer_facts(file),
        trainable: reason.is_none(),
        reason,
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

fn why_not_trainable(file: &GgufFile, kind: &str) -> Option<String> {
    if kind == "adapter" {
        let problem = Adapter::read_gguf(file.path()).err();
        return Some(problem.map_or_else(
            || "it is an adapter; train over its base with --init-adapter".to_owned(),
            |problem| crate::one_line(&problem.to_string()),
        ));
    }
    let model = BaseModel::open(file.path()).err().map(|error| error.to_string());
    let tokenizer = || Tokenizer::from_gguf(file).err().map(|error| error.to_string());
    model.or_else(tokenizer).map(|reason| crate::one_line(&reason))
}

fn tokenizer_facts(file: &GgufFile) -> Option<TokenizerFacts> {
    let model = file.find_str("tokenizer.ggml.model").ok().flatten()?.to_owned();
    Some(TokenizerFacts {
        pre: file.find_str("tokenizer.ggml.pre").ok().flatten().map(str::to_owned),
        tokens: file.find_array_length("tokenizer.ggml.tokens").ok().flatten().unwrap_or(0),
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
            "{:<11} {}{}, {} parameters",
            facts.kind,
            facts.architecture.as_deref().unwrap_or("unknown architecture"),
            facts.name.as_ref().map_or(String::new(), |name| format!(" \"{name}\"")),
            count(facts.parameters)
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
    }
    lines.push(match &facts.reason {
        None => "trainable   yes".to_owned(),
        Some(reason) => format!("trainable   no: {reason}"),
    });
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
