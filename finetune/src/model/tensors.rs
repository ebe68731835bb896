//! The frozen tensors of a base, checked against its description.

use std::{cell::RefCell, collections::BTreeSet};

use halligan_shaders::{Format, SharedBytes, WeightSource, format};

use super::{Description, FeedForward, ModelError, NormKind, Positions};
use crate::{
    gguf::{GgufFile, TensorView},
    lora::Target,
};

/// A frozen matrix, with its bias where the file has one.
pub struct LinearSource {
    /// `[n, k]`.
    pub weight: WeightSource,
    /// `[n]`.
    pub bias: Option<Vec<f32>>,
}

/// Gain of a normalisation layer, and the bias that layer normalisation has.
#[allow(missing_docs, reason = "named as in the sentence above")]
pub struct NormSource {
    pub gain: Vec<f32>,
    pub bias: Option<Vec<f32>>,
}

/// Frozen tensors of one block. Norm gains and biases are small and held as f32.
#[allow(missing_docs, reason = "named as the projections and norms of the description")]
pub struct LayerSources {
    pub attn_norm: NormSource,
    pub q: LinearSource,
    pub k: LinearSource,
    pub v: LinearSource,
    /// Per-head gains of queries and keys, `[d]`.
    pub qk_norm: Option<[Vec<f32>; 2]>,
    pub o: LinearSource,
    pub attn_post_norm: Option<NormSource>,
    pub ffn_norm: NormSource,
    pub gate: Option<LinearSource>,
    pub up: LinearSource,
    pub down: LinearSource,
    pub ffn_post_norm: Option<NormSource>,
}

/// Frozen tensors of a base.
pub struct ModelSources {
    /// `[v, c]`.
    pub token_embd: WeightSource,
    /// `[context, c]`, of models with learned positions.
    pub position_embd: Option<WeightSource>,
    /// One entry a block.
    pub layers: Vec<LayerSources>,
    /// The last norm.
    pub output_norm: NormSource,
    /// `[v, c]`; `None` when tied to `token_embd`.
    pub output: Option<WeightSource>,
}

impl ModelSources {
    /// Takes the tensors that `description` names, each checked for shape and format.
    pub fn from_gguf(file: &GgufFile, description: &Description) -> Result<Self, ModelError> {
        check_packed(file)?;
        let take = Taker { file, d: description, taken: RefCell::default() };
        let d = description;
        let output = file.tensor("output.weight").is_some();
        let learned = d.positions == Positions::Learned;
        let sources = Self {
            token_embd: take.matrix("token_embd.weight", d.vocabulary, d.hidden)?,
            position_embd: learned
                .then(|| take.matrix("position_embd.weight", d.context_tokens, d.hidden))
                .transpose()?,
            layers: (0..d.layers).map(|layer| take.layer(layer)).collect::<Result<_, _>>()?,
            output_norm: take.norm("output_norm")?,
            output: output.then(|| take.matrix("output.weight", d.vocabulary, d.hidden)).transpose()?,
        };
        take.nothing_left_over()?;
        Ok(sources)
    }
}

/// Tensors that are read with the description.
const ROPE_FACTORS: [&str; 3] = ["rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight"];

struct Taker<'a> {
    file: &'a GgufFile,
    d: &'a Description,
    taken: RefCell<BTreeSet<String>>,
}

impl Taker<'_> {
    /// A tensor that the forward pass would ignore means that it would compute another function.
    fn nothing_left_over(&self) -> Result<(), ModelError> {
        let taken = self.taken.borrow();
        let ignored = |name: &str| !ROPE_FACTORS.contains(&name) && !taken.contains(name);
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

    fn layer(&self, layer: usize) -> Result<LayerSources, ModelError> {
        let d = self.d;
        let name = |part: &str| format!("blk.{layer}.{part}");
        let gain = |part: &str| self.vector(&format!("{}.weight", name(part)), d.head_dim);
        let post_norm = |part: &str| d.post_norms.then(|| self.norm(&name(part))).transpose();
        let projection = |target: Target| self.projection(layer, target);
        let gated = matches!(d.feed_forward_kind, FeedForward::Gated(_));
        Ok(LayerSources {
            attn_norm: self.norm(&name("attn_norm"))?,
            q: projection(Target::Q)?,
            k: projection(Target::K)?,
            v: projection(Target::V)?,
            qk_norm: if d.qk_norm { Some([gain("attn_q_norm")?, gain("attn_k_norm")?]) } else { None },
            o: projection(Target::O)?,
            attn_post_norm: post_norm("post_attention_norm")?,
            ffn_norm: self.norm(&name("ffn_norm"))?,
            gate: gated.then(|| projection(Target::Gate)).transpose()?,
            up: projection(Target::Up)?,
            down: projection(Target::Down)?,
            ffn_post_norm: post_norm("post_ffw_norm")?,
        })
    }

    /// The rows of a projection: a matrix of its own, or its share of a fused one.
    fn projection(&self, layer: usize, target: Target) -> Result<LinearSource, ModelError> {
        let Some(matrix) = self.d.matrix_of(target) else {
            return Err(ModelError::MissingTensor(format!("blk.{layer} {}", target.name())));
        };
        let name = format!("blk.{layer}.{}", matrix.part);
        let (outputs, inputs) = self.d.matrix_shape(matrix);
        let before = matrix.targets.iter().take_while(|&&other| other != target);
        let first: usize = before.map(|other| other.shape(self.d).0).sum();
        let rows = target.shape(self.d).0;
        let whole = self.matrix(&format!("{name}.weight"), outputs, inputs)?;
        let bias_name = format!("{name}.bias");
        let bias = match self.file.tensor(&bias_name) {
            Some(_) => Some(self.vector(&bias_name, outputs)?[first..first + rows].to_vec()),
            None => None,
        };
        let weight = whole.rows_from(first, rows).ok_or(ModelError::MissingTensor(name))?;
        Ok(LinearSource { weight, bias })
    }

    /// A norm of `c` channels.
    fn norm(&self, name: &str) -> Result<NormSource, ModelError> {
        let gain = self.vector(&format!("{name}.weight"), self.d.hidden)?;
        let bias = match self.d.norm {
            NormKind::Rms => None,
            NormKind::Layer => Some(self.vector(&format!("{name}.bias"), self.d.hidden)?),
        };
        Ok(NormSource { gain, bias })
    }

    fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>, ModelError> {
        small_f32(&self.tensor(name)?, name, len)
    }
}

/// Tensors follow each other without a gap but the padding, as ggml writes and demands them: a type that is wrong in
/// the header leaves bytes over, which would otherwise be trained over in silence. (Overlaps are refused when the file
/// is opened.)
fn check_packed(file: &GgufFile) -> Result<(), ModelError> {
    let range = |name: &str| file.mapped_tensor(name).map(|(_, range)| range).unwrap_or_default();
    let mut tensors: Vec<_> = file.tensors().map(|tensor| (range(tensor.name), tensor.name)).collect();
    tensors.sort_by_key(|(range, _)| range.start);
    for pair in tensors.windows(2) {
        let ((range, name), (next_range, next)) = (&pair[0], &pair[1]);
        let end = range.end.next_multiple_of(file.alignment() as usize);
        if next_range.start > end {
            let (name, next) = ((*name).to_owned(), (*next).to_owned());
            return Err(ModelError::Gap { name, end, next, start: next_range.start });
        }
    }
    Ok(())
}

/// A one-dimensional tensor of `len` values as f32, all finite.
pub(super) fn small_f32(tensor: &TensorView<'_>, name: &str, len: usize) -> Result<Vec<f32>, ModelError> {
    expect_shape(tensor, name, &[len])?;
    let format = format_of(tensor, name)?;
    if format.block_elements() > 1 {
        return Err(ModelError::VectorFormat { name: name.to_owned(), found: format.to_string() });
    }
    let mut values = vec![0.0; len];
    format::decode(format, tensor.bytes, &mut values);
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
