//! The frozen tensors of a base, checked against its description.

use std::{cell::RefCell, collections::BTreeSet};

use halligan_shaders::{Format, SharedBytes, WeightSource, format};

use super::{Description, ModelError};
use crate::gguf::{GgufFile, TensorView};

/// Frozen tensors of one block. Norm gains and biases are small and held as f32.
#[allow(missing_docs, reason = "named as in GGUF")]
pub struct LayerSources {
    pub attn_norm: Vec<f32>,
    pub attn_q: WeightSource,
    pub attn_k: WeightSource,
    pub attn_v: WeightSource,
    pub attn_q_bias: Option<Vec<f32>>,
    pub attn_k_bias: Option<Vec<f32>>,
    pub attn_v_bias: Option<Vec<f32>>,
    pub attn_q_norm: Option<Vec<f32>>,
    pub attn_k_norm: Option<Vec<f32>>,
    pub attn_output: WeightSource,
    pub ffn_norm: Vec<f32>,
    pub ffn_gate: WeightSource,
    pub ffn_up: WeightSource,
    pub ffn_down: WeightSource,
}

/// Frozen tensors of a base.
pub struct ModelSources {
    /// `[v, c]`.
    pub token_embd: WeightSource,
    /// One entry a block.
    pub layers: Vec<LayerSources>,
    /// Gain of the last norm, `[c]`.
    pub output_norm: Vec<f32>,
    /// `[v, c]`; `None` when tied to `token_embd`.
    pub output: Option<WeightSource>,
}

impl ModelSources {
    /// Takes the tensors that `description` names, each checked for shape and format.
    pub fn from_gguf(file: &GgufFile, description: &Description) -> Result<Self, ModelError> {
        let take = Taker { file, taken: RefCell::default() };
        let d = description;
        let output = file.tensor("output.weight").is_some();
        let layers = (0..d.layers)
            .map(|layer| {
                let name = |part: &str| format!("blk.{layer}.{part}.weight");
                let bias = |part: &str, len: usize| -> Result<Option<Vec<f32>>, ModelError> {
                    d.qkv_bias.then(|| take.vector(&format!("blk.{layer}.{part}.bias"), len)).transpose()
                };
                let head_gain = |part: &str| -> Result<Option<Vec<f32>>, ModelError> {
                    d.qk_norm.then(|| take.vector(&name(part), d.head_dim)).transpose()
                };
                Ok(LayerSources {
                    attn_norm: take.vector(&name("attn_norm"), d.hidden)?,
                    attn_q: take.matrix(&name("attn_q"), d.query_width(), d.hidden)?,
                    attn_k: take.matrix(&name("attn_k"), d.key_value_width(), d.hidden)?,
                    attn_v: take.matrix(&name("attn_v"), d.key_value_width(), d.hidden)?,
                    attn_q_bias: bias("attn_q", d.query_width())?,
                    attn_k_bias: bias("attn_k", d.key_value_width())?,
                    attn_v_bias: bias("attn_v", d.key_value_width())?,
                    attn_q_norm: head_gain("attn_q_norm")?,
                    attn_k_norm: head_gain("attn_k_norm")?,
                    attn_output: take.matrix(&name("attn_output"), d.hidden, d.query_width())?,
                    ffn_norm: take.vector(&name("ffn_norm"), d.hidden)?,
                    ffn_gate: take.matrix(&name("ffn_gate"), d.feed_forward, d.hidden)?,
                    ffn_up: take.matrix(&name("ffn_up"), d.feed_forward, d.hidden)?,
                    ffn_down: take.matrix(&name("ffn_down"), d.hidden, d.feed_forward)?,
                })
            })
            .collect::<Result<_, ModelError>>()?;
        let sources = Self {
            token_embd: take.matrix("token_embd.weight", d.vocabulary, d.hidden)?,
            layers,
            output_norm: take.vector("output_norm.weight", d.hidden)?,
            output: output.then(|| take.matrix("output.weight", d.vocabulary, d.hidden)).transpose()?,
        };
        take.nothing_left_over()?;
        Ok(sources)
    }
}

struct Taker<'a> {
    file: &'a GgufFile,
    taken: RefCell<BTreeSet<String>>,
}

impl Taker<'_> {
    /// A tensor that the forward pass would ignore means that it would compute another function.
    fn nothing_left_over(&self) -> Result<(), ModelError> {
        let taken = self.taken.borrow();
        // Rope factors are read with the description.
        let ignored = |name: &str| name != "rope_freqs.weight" && !taken.contains(name);
        match self.file.tensors().find(|tensor| ignored(tensor.name)) {
            Some(tensor) => Err(ModelError::UnknownTensor(tensor.name.to_owned())),
            None => Ok(()),
        }
    }

    fn tensor(&self, name: &str) -> Result<TensorView<'_>, ModelError> {
        self.taken.borrow_mut().insert(name.to_owned());
        self.file.tensor(name).ok_or_else(|| ModelError::MissingTensor(name.to_owned()))
    }

    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<WeightSource, ModelError> {
        let tensor = self.tensor(name)?;
        expect_shape(&tensor, name, &[columns, rows])?;
        let format = format_of(&tensor, name)?;
        let missing = || ModelError::MissingTensor(name.to_owned());
        let (map, range) = self.file.mapped_tensor(name).ok_or_else(missing)?;
        let bytes = SharedBytes::new(map, range.start, range.len()).ok_or_else(missing)?;
        Ok(WeightSource { format, rows, columns, bytes })
    }

    fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>, ModelError> {
        small_f32(&self.tensor(name)?, name, len)
    }
}

/// A one-dimensional tensor of `len` values as f32, all finite.
pub(super) fn small_f32(tensor: &TensorView<'_>, name: &str, len: usize) -> Result<Vec<f32>, ModelError> {
    expect_shape(tensor, name, &[len])?;
    let mut values = vec![0.0; len];
    format::decode(format_of(tensor, name)?, tensor.bytes, &mut values);
    if values.iter().all(|value| value.is_finite()) { Ok(values) } else { Err(ModelError::NotFinite(name.to_owned())) }
}

fn expect_shape(tensor: &TensorView<'_>, name: &str, expected: &[usize]) -> Result<(), ModelError> {
    if tensor.shape == expected {
        return Ok(());
    }
    Err(ModelError::WrongShape { name: name.to_owned(), expected: expected.to_vec(), found: tensor.shape.to_vec() })
}

/// The kernels' name of a tensor's format.
fn format_of(tensor: &TensorView<'_>, name: &str) -> Result<Format, ModelError> {
    let known = |format: &Format| format.to_string() == tensor.ggml_type.name();
    Format::ALL
        .into_iter()
        .find(known)
        .ok_or_else(|| ModelError::UnsupportedFormat { name: name.to_owned(), found: tensor.ggml_type.to_string() })
}
