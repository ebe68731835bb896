//! Which tensor of the checkpoint becomes which tensor of the file.
//!
//! The plan is complete before a byte is written: every tensor of the checkpoint is used, left out by a rule, or
//! an error; every tensor that llama.cpp needs is there with the shape that `config.json` implies.

use std::collections::BTreeMap;

use anyhow::bail;
use halligan_finetune::gguf::{GgmlType, TensorLayout};

use super::architecture::{Architecture, Change, Dim, Presence, TensorRule};
use super::checkpoint::{Checkpoint, StoredTensor};
use super::hyperparameters::Hyperparameters;

/// Starts of the names of a multimodal model's language part, and what stands there in the language model alone.
const LANGUAGE_PARTS: &[(&str, &str)] =
    &[("model.language_model.", "model."), ("language_model.model.", "model."), ("language_model.", "")];
/// Starts of the names of its other parts.
const OTHER_PARTS: &[&str] = &[
    "vision_tower.",
    "model.vision_tower.",
    "vision_model.",
    "multi_modal_projector.",
    "model.multi_modal_projector.",
    "visual.",
    "model.visual.",
    "image_newline",
    "model.image_newline",
    "audio_tower.",
];

/// Where the values of a tensor come from.
#[derive(Debug)]
pub enum Source {
    /// The checkpoint, by way of a change.
    Stored {
        /// The tensor.
        tensor: StoredTensor,
        /// What happens to it.
        change: Change,
    },
    /// Computed from the configuration.
    Computed(Vec<f32>),
}

/// One tensor of the file.
#[derive(Debug)]
pub struct Planned {
    /// Name, shape and type.
    pub layout: TensorLayout,
    /// Its name in the checkpoint, or its own name where it is computed.
    pub stored_name: String,
    /// Its values.
    pub source: Source,
}

/// All tensors of the file in order.
#[derive(Debug)]
pub struct Plan {
    /// The tensors.
    pub tensors: Vec<Planned>,
    /// Rows of the embedding.
    pub vocabulary: usize,
    /// Names that were left out because they belong to another part of a multimodal model.
    pub other_parts: usize,
}

/// Makes the plan; matrices are stored as `matrices`, all else as F32.
///
/// # Errors
/// A tensor that is missing, unknown, or of another shape than `config.json` implies.
pub fn plan(
    checkpoint: &Checkpoint,
    family: &Architecture,
    parameters: &Hyperparameters,
    matrices: GgmlType,
) -> anyhow::Result<Plan> {
    let mut names = Names::read(checkpoint, family)?;
    let embedding = family.rules().find(|rule| rule.name == "token_embd.weight");
    let embedding = embedding.and_then(|rule| names.found.get(rule.stored));
    let vocabulary = embedding.and_then(|(_, stored)| stored.shape.first().copied()).unwrap_or(0);
    let mut tensors: Vec<Planned> = parameters.tensors.iter().map(|(name, values)| computed(name, values)).collect();
    for rule in family.rules() {
        let layers = if rule.stored.contains("{}") { parameters.layers } else { 1 };
        for layer in 0..layers {
            let number = layer.to_string();
            let Some((name, tensor)) = names.take(rule, &number, parameters.tied)? else { continue };
            check_shape(&name, &tensor, rule, parameters, vocabulary)?;
            tensors.push(planned(rule, &number, name, tensor, matrices));
        }
    }
    names.refuse_rest(family)?;
    Ok(Plan { tensors, vocabulary, other_parts: names.other_parts })
}

/// The tensors of the checkpoint under the names that the rules have.
struct Names {
    found: BTreeMap<String, (String, StoredTensor)>,
    other_parts: usize,
    family: &'static str,
}

impl Names {
    fn read(checkpoint: &Checkpoint, family: &Architecture) -> anyhow::Result<Self> {
        let mut names = Self { found: BTreeMap::new(), other_parts: 0, family: family.name };
        for (name, tensor) in checkpoint.tensors() {
            if OTHER_PARTS.iter().any(|start| name.starts_with(start)) {
                names.other_parts += 1;
                continue;
            }
            let part = LANGUAGE_PARTS
                .iter()
                .find_map(|(start, instead)| name.strip_prefix(start).map(|rest| format!("{instead}{rest}")));
            let inner = part.unwrap_or_else(|| name.clone());
            let inner = inner.strip_prefix(family.prefix).unwrap_or(&inner).to_owned();
            if let Some((other, _)) = names.found.insert(inner, (name.clone(), tensor.clone())) {
                bail!("tensors `{other}` and `{name}` stand for the same weights; fetch the model again");
            }
        }
        Ok(names)
    }

    /// The tensor of a rule, with its name in the checkpoint.
    fn take(&mut self, rule: &TensorRule, layer: &str, tied: bool) -> anyhow::Result<Option<(String, StoredTensor)>> {
        let found = self.found.remove(&rule.stored.replace("{}", layer));
        match (found, rule.presence) {
            (_, Presence::UnlessTied) if tied => Ok(None),
            (Some(found), _) => Ok(Some(found)),
            (None, Presence::Optional) => Ok(None),
            (None, Presence::Required) => bail!(
                "tensor `{}` is missing, which a `{}` model has; fetch the model again",
                rule.stored.replace("{}", layer),
                self.family
            ),
            (None, Presence::UnlessTied) => bail!(
                "tensor `{}` is missing and config.json says `tie_word_embeddings: false`; fetch the model again",
                rule.stored
            ),
        }
    }

    fn refuse_rest(&self, family: &Architecture) -> anyhow::Result<()> {
        let dropped = |inner: &str| family.dropped.iter().any(|start| starts_with(inner, start));
        let unknown: Vec<&str> =
            (self.found.iter()).filter(|(inner, _)| !dropped(inner)).map(|(_, (name, _))| name.as_str()).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let more = if unknown.len() > 1 { format!(" and {} more", unknown.len() - 1) } else { String::new() };
        bail!(
            "tensor `{}`{more} has no place in llama.cpp's `{}`: the model is of another kind than config.json says, or \
             quantized, or has more layers; convert the plain model",
            unknown[0],
            family.name
        )
    }
}

/// Whether a name starts as a pattern says; `{}` stands for a number.
fn starts_with(name: &str, pattern: &str) -> bool {
    match pattern.split_once("{}") {
        None => name.starts_with(pattern),
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            digits > 0 && rest[digits..].starts_with(after)
        }),
    }
}

fn check_shape(
    name: &str,
    tensor: &StoredTensor,
    rule: &TensorRule,
    parameters: &Hyperparameters,
    vocabulary: usize,
) -> anyhow::Result<()> {
    let expected: Vec<usize> = rule.shape.iter().map(|dim| parameters.size(*dim, vocabulary)).collect();
    if tensor.shape != expected || expected.contains(&0) {
        bail!(
            "tensor `{name}` has the shape {:?}, config.json implies {expected:?}; fetch config.json and weights of the \
             same model",
            tensor.shape
        );
    }
    // Halves of a head can be paired only where there are two of one size.
    if rule.change == Change::Pairs && !parameters.size(Dim::Head, vocabulary).is_multiple_of(2) {
        bail!("config.json: heads of {} channels cannot be rotated; correct head_dim", parameters.head_dim);
    }
    Ok(())
}

fn planned(rule: &TensorRule, layer: &str, stored_name: String, tensor: StoredTensor, matrices: GgmlType) -> Planned {
    // ggml names the contiguous dimension first; a transposed matrix keeps its order.
    let mut shape = tensor.shape.clone();
    if rule.change != Change::Transpose {
        shape.reverse();
    }
    let exact = shape.len() < 2 || rule.change == Change::KeepExact;
    let ggml_type = if exact { GgmlType::F32 } else { matrices };
    let layout = TensorLayout { name: rule.name.replace("{}", layer), shape, ggml_type };
    Planned { layout, stored_name, source: Source::Stored { tensor, change: rule.change } }
}

fn computed(name: &str, values: &[f32]) -> Planned {
    let layout = TensorLayout { name: name.to_owned(), shape: vec![values.len()], ggml_type: GgmlType::F32 };
    Planned { layout, stored_name: name.to_owned(), source: Source::Computed(values.to_vec()) }
}
