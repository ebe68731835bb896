//! The model families that can be converted, as data.
//!
//! A family is a row: the `model_type` values of `config.json` that mean it, the name that llama.cpp knows it by,
//! what transformers takes where the file is silent, the hyper-parameters and the tensors with their shapes.
//! Names of GGUF keys and tensors are those of llama.cpp's loader (`llama-arch.cpp`, `models/*.cpp`).

mod families;
mod tensors;

pub use families::ARCHITECTURES;

/// A value that transformers' own configuration class has for a key.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    /// A whole number.
    Count(u32),
    /// A number.
    Number(f64),
    /// A name.
    Text(&'static str),
    /// Yes or no.
    Flag(bool),
}

/// One model family.
pub struct Architecture {
    /// `model_type` in `config.json` (of its `text_config`, for multimodal models).
    pub model_types: &'static [&'static str],
    /// `general.architecture` of the GGUF file.
    pub name: &'static str,
    /// In front of the names of most tensors; may be missing where only the inner model was saved.
    pub prefix: &'static str,
    /// What the class of transformers takes where the file is silent.
    pub defaults: &'static [(&'static str, Default)],
    /// Activations of the feed-forward network that llama.cpp computes for this family.
    pub activations: &'static [&'static str],
    /// How tokens know their place.
    pub positions: Positions,
    /// Which norm, by the key of its epsilon: `(GGUF key, config.json key)`.
    pub norm_epsilon: (&'static str, &'static str),
    /// Whether the width of all queries must be the hidden width, because llama.cpp takes it from there.
    pub queries_fill_hidden: bool,
    /// Tensors of the whole model and of each block; `{}` stands for the number of the block.
    pub tensors: &'static [&'static [TensorRule]],
    /// Starts of names that are left out: buffers and heads that play no role in llama.cpp. A `{}` stands for a number.
    pub dropped: &'static [&'static str],
    /// What only this family has.
    pub extras: &'static [Extra],
}

/// How tokens know their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// Rotation of queries and keys.
    Rotary,
    /// A learned vector for each position.
    Learned,
}

/// Traits that need more than a row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    /// Logits are bounded by `cap * tanh(x / cap)`.
    SoftCaps,
    /// Some layers see only a window; layer `i` sees all where `i % period == period - 1`.
    Window {
        /// Where neither `layer_types` nor `sliding_window_pattern` is given.
        period: u32,
    },
    /// llama.cpp scales queries by the head dimension (by hidden / heads at this number of layers), whatever
    /// `query_pre_attn_scalar` says; the difference goes into the weights.
    QueryScale {
        /// Layers of the one size that is scaled by hidden / heads.
        wide_layers: u32,
    },
    /// A sentence encoder: bidirectional, pooled, with token types.
    Encoder,
}

/// One tensor of a family.
pub struct TensorRule {
    /// Name in the checkpoint, without the prefix of the family.
    pub stored: &'static str,
    /// Name in the GGUF file.
    pub name: &'static str,
    /// Shape in the checkpoint, the contiguous dimension last.
    pub shape: &'static [Dim],
    /// When it must be there.
    pub presence: Presence,
    /// What happens to the values.
    pub change: Change,
}

/// When a tensor must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Always.
    Required,
    /// It may be missing.
    Optional,
    /// Unless the output shares the embedding; then a stored one is left out, as transformers ignores it.
    UnlessTied,
}

/// A dimension by what it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dim {
    /// Rows of the embedding.
    Vocabulary,
    /// Channels of the residual stream.
    Hidden,
    /// Channels of all query heads.
    Queries,
    /// Channels of all key heads.
    Keys,
    /// Queries, keys and values one after the other.
    QueriesKeysValues,
    /// Channels of one head.
    Head,
    /// Inner width of the feed-forward network.
    Inner,
    /// Gate and up projection one after the other.
    GateAndUp,
    /// Positions that have a learned vector.
    Positions,
    /// Token types.
    Types,
}

/// What happens to the values of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Keep,
    /// The two halves of each head become pairs: llama.cpp rotates neighbours, transformers halves.
    Pairs,
    /// One is added: the stored gain is the gain less one.
    AddOne,
    /// One is added, then the query scale is applied.
    AddOneAndScale,
    /// The query scale is applied.
    Scale,
    /// Inputs x outputs becomes outputs x inputs.
    Transpose,
    /// Kept in F32 whatever type is asked for, because llama.cpp adds it as it stands.
    KeepExact,
}

impl Architecture {
    /// The family of this `model_type`.
    pub fn find(model_type: &str) -> Option<&'static Self> {
        ARCHITECTURES.iter().find(|row| row.model_types.contains(&model_type))
    }

    /// All known `model_type` values, comma-separated.
    pub fn known() -> String {
        let names: Vec<&str> = ARCHITECTURES.iter().flat_map(|row| row.model_types).copied().collect();
        names.join(", ")
    }

    /// All tensors.
    pub fn rules(&self) -> impl Iterator<Item = &'static TensorRule> {
        self.tensors.iter().flat_map(|group| group.iter())
    }

    /// Whether this family has a trait.
    pub fn has(&self, extra: Extra) -> bool {
        self.extras.contains(&extra)
    }
}
