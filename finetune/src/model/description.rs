//! Descriptions of model families, read from GGUF metadata.
//!
//! One block implementation serves all of them; a new architecture of the family is a new row in
//! [`family`], not a new forward pass.

use halligan_shaders::{Activation, RopeStyle};

use super::{ModelError, metadata::Reader, rope::RopeDescription};
use crate::{gguf::GgufFile, lora::Target};

/// Values of `general.architecture` that can be trained.
pub const TRAINABLE_ARCHITECTURES: [&str; 7] = ["llama", "qwen2", "qwen3", "phi3", "gemma2", "gemma3", "gpt2"];

/// Kind of the normalisation layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormKind {
    /// Root mean square, with a gain (arXiv 1910.07467).
    Rms,
    /// Mean and variance, with gain and bias (arXiv 1607.06450).
    Layer,
}

/// Feed-forward network of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedForward {
    /// `down(activation(gate(x)) * up(x))` (arXiv 2002.05202).
    Gated(Activation),
    /// `down(activation(up(x)))`.
    Plain(Activation),
}

/// How tokens learn their place.
#[derive(Debug, Clone, PartialEq)]
pub enum Positions {
    /// Rotation of queries and keys.
    Rotary(RopeDescription),
    /// A row of `position_embd` added to each token.
    Learned,
}

/// Sliding-window attention of some layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Keys that a query sees, itself among them.
    pub tokens: usize,
    /// For each layer whether it has the window; the others see everything.
    pub local: Vec<bool>,
}

/// A matrix in the file that can carry an adapter, and the projections of the block that it holds: one, or
/// several whose rows follow each other (a fused matrix).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdaptedMatrix {
    /// Part of the tensor name, as in `blk.0.<part>.weight`.
    pub part: &'static str,
    /// Projections, in the order of their rows.
    pub targets: &'static [Target],
}

/// What the forward pass needs to know of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// GGUF `general.architecture`.
    pub architecture: String,
    /// Transformer blocks.
    pub layers: usize,
    /// c, channels of the residual stream.
    pub hidden: usize,
    /// h, query heads.
    pub heads: usize,
    /// g, key/value heads.
    pub kv_heads: usize,
    /// d, channels of a head.
    pub head_dim: usize,
    /// Inner width of the feed-forward network.
    pub feed_forward: usize,
    /// v, rows of the embedding.
    pub vocabulary: usize,
    /// Longest context the base was made for, in tokens.
    pub context_tokens: usize,
    /// Factor on the embeddings.
    pub embedding_scale: f32,
    /// Normalisation layers.
    pub norm: NormKind,
    /// Added to the mean square (or variance) in them.
    pub norm_epsilon: f32,
    /// Outputs of attention and feed-forward are normalised before they join the residual stream.
    pub post_norms: bool,
    /// Queries and keys are normalised per head before the rotation.
    pub qk_norm: bool,
    /// Positions.
    pub positions: Positions,
    /// Factor on the attention scores.
    pub attention_scale: f32,
    /// Bound of the attention scores.
    pub attention_softcap: Option<f32>,
    /// Sliding window of some layers.
    pub window: Option<Window>,
    /// Feed-forward network.
    pub feed_forward_kind: FeedForward,
    /// Bound of the logits.
    pub logit_softcap: Option<f32>,
    /// Matrices of a block that can carry an adapter.
    pub matrices: &'static [AdaptedMatrix],
}

/// What distinguishes an architecture beyond its sizes.
struct Family {
    rope: Option<RopeStyle>,
    norm: NormKind,
    qk_norm: bool,
    /// Post norms, scaled embeddings, soft caps and windows come together in this line of models.
    gemma: bool,
    feed_forward: FeedForward,
    matrices: &'static [AdaptedMatrix],
}

const fn one(part: &'static str, targets: &'static [Target]) -> AdaptedMatrix {
    AdaptedMatrix { part, targets }
}

const SEPARATE: &[AdaptedMatrix] = &[
    one("attn_q", &[Target::Q]),
    one("attn_k", &[Target::K]),
    one("attn_v", &[Target::V]),
    one("attn_output", &[Target::O]),
    one("ffn_gate", &[Target::Gate]),
    one("ffn_up", &[Target::Up]),
    one("ffn_down", &[Target::Down]),
];

const FUSED: &[AdaptedMatrix] = &[
    one("attn_qkv", &[Target::Q, Target::K, Target::V]),
    one("attn_output", &[Target::O]),
    one("ffn_up", &[Target::Gate, Target::Up]),
    one("ffn_down", &[Target::Down]),
];

const FUSED_WITHOUT_GATE: &[AdaptedMatrix] = &[
    one("attn_qkv", &[Target::Q, Target::K, Target::V]),
    one("attn_output", &[Target::O]),
    one("ffn_up", &[Target::Up]),
    one("ffn_down", &[Target::Down]),
];

/// The table of architectures.
fn family(architecture: &str) -> Option<Family> {
    let llama = Family {
        rope: Some(RopeStyle::Split),
        norm: NormKind::Rms,
        qk_norm: false,
        gemma: false,
        feed_forward: FeedForward::Gated(Activation::Silu),
        matrices: SEPARATE,
    };
    let gemma = FeedForward::Gated(Activation::Gelu);
    Some(match architecture {
        "llama" => Family { rope: Some(RopeStyle::Interleaved), ..llama },
        "qwen2" => llama,
        "qwen3" => Family { qk_norm: true, ..llama },
        "phi3" => Family { matrices: FUSED, ..llama },
        "gemma2" => Family { gemma: true, feed_forward: gemma, ..llama },
        "gemma3" => Family { gemma: true, qk_norm: true, feed_forward: gemma, ..llama },
        "gpt2" => Family {
            rope: None,
            norm: NormKind::Layer,
            feed_forward: FeedForward::Plain(Activation::Gelu),
            matrices: FUSED_WITHOUT_GATE,
            ..llama
        },
        _ => return None,
    })
}

/// Layers of the 27-billion Gemma models, whose scores are scaled by the width per head, not by its root alone.
const GEMMA_27B_LAYERS: [(&str, usize); 2] = [("gemma2", 46), ("gemma3", 62)];

impl Description {
    /// Reads the description of a known architecture.
    ///
    /// # Errors
    /// [`ModelError::UnknownArchitecture`], a missing key, or a value that cannot be.
    pub fn from_gguf(file: &GgufFile) -> Result<Self, ModelError> {
        let architecture = file.str("general.architecture")?.to_owned();
        let family = family(&architecture).ok_or_else(|| ModelError::UnknownArchitecture(architecture.clone()))?;
        let reader = Reader { file, architecture: &architecture };
        let layers = reader.size("block_count")?;
        let hidden = reader.size("embedding_length")?;
        let heads = reader.size("attention.head_count")?;
        let kv_heads = reader.size_or("attention.head_count_kv", heads)?;
        let head_dim = reader.size_or("attention.key_length", hidden / heads)?;
        let value_dim = reader.size_or("attention.value_length", head_dim)?;
        reader.require(heads % kv_heads == 0, "attention.head_count_kv", kv_heads, "does not divide the head count")?;
        reader.require(head_dim <= 256, "attention.key_length", head_dim, "is above the supported 256")?;
        reader.require(value_dim == head_dim, "attention.value_length", value_dim, "is not the key length")?;
        let window =
            if family.gemma { reader.window(layers, if architecture == "gemma2" { 2 } else { 6 })? } else { None };
        let positions = match family.rope {
            Some(style) => {
                let local = architecture == "gemma3" && window.is_some();
                Positions::Rotary(RopeDescription::read(&reader, style, head_dim, local)?)
            }
            None => Positions::Learned,
        };
        let width_per_head =
            if GEMMA_27B_LAYERS.contains(&(architecture.as_str(), layers)) { hidden / heads } else { head_dim };
        let epsilon = match family.norm {
            NormKind::Rms => "attention.layer_norm_rms_epsilon",
            NormKind::Layer => "attention.layer_norm_epsilon",
        };
        Ok(Self {
            layers,
            hidden,
            heads,
            kv_heads,
            head_dim,
            feed_forward: reader.size("feed_forward_length")?,
            vocabulary: reader.vocabulary()?,
            context_tokens: reader.size("context_length")?,
            embedding_scale: if family.gemma { (hidden as f32).sqrt() } else { 1.0 },
            norm: family.norm,
            norm_epsilon: reader.float(epsilon)?,
            post_norms: family.gemma,
            qk_norm: family.qk_norm,
            positions,
            attention_scale: 1.0 / (width_per_head as f32).sqrt(),
            attention_softcap: reader.softcap("attn_logit_softcapping", architecture == "gemma2", 50.0)?,
            window,
            feed_forward_kind: family.feed_forward,
            logit_softcap: reader.softcap("final_logit_softcapping", architecture == "gemma2", 30.0)?,
            matrices: family.matrices,
            architecture,
        })
    }

    /// Channels of all query heads.
    pub fn query_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Channels of all key (or value) heads.
    pub fn key_value_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Window of a layer's attention, if it has one.
    pub fn window_of(&self, layer: usize) -> Option<usize> {
        let window = self.window.as_ref()?;
        window.local.get(layer).is_some_and(|&local| local).then_some(window.tokens)
    }

    /// The matrix of the file that holds a projection; none where the model has no such projection.
    pub fn matrix_of(&self, target: Target) -> Option<&'static AdaptedMatrix> {
        self.matrices.iter().find(|matrix| matrix.targets.contains(&target))
    }

    /// `(n, k)`: output and input features of a matrix.
    pub fn matrix_shape(&self, matrix: &AdaptedMatrix) -> (usize, usize) {
        let shapes = matrix.targets.iter().map(|target| target.shape(self));
        shapes.fold((0, 0), |(rows, _), (outputs, inputs)| (rows + outputs, inputs))
    }
}
