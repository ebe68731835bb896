//! Descriptions of model families, read from GGUF metadata.
//!
//! One block implementation serves all of them; a new architecture of the family is a new row in
//! [`Description::from_gguf`], not a new forward pass.

use halligan_shaders::RopeStyle;

use super::ModelError;
use crate::gguf::GgufFile;

/// Values of `general.architecture` that can be trained.
pub const TRAINABLE_ARCHITECTURES: [&str; 3] = ["llama", "qwen2", "qwen3"];

/// Rotary positions of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeDescription {
    /// Which channels form a pair.
    pub style: RopeStyle,
    /// Channels of a head that are rotated.
    pub rotated: usize,
    /// Angle per position of each pair, radians; `rotated / 2` values.
    pub frequencies: Vec<f32>,
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
    /// Inner width of the gated feed-forward network.
    pub feed_forward: usize,
    /// v, rows of the embedding.
    pub vocabulary: usize,
    /// Longest context the base was made for, in tokens.
    pub context_tokens: usize,
    /// Added to the mean square in RMSNorm.
    pub norm_epsilon: f32,
    /// Positions.
    pub rope: RopeDescription,
    /// Query, key and value projections have a bias.
    pub qkv_bias: bool,
    /// Queries and keys are normalised per head before the rotation.
    pub qk_norm: bool,
}

impl Description {
    /// Reads the description of a known architecture.
    ///
    /// # Errors
    /// [`ModelError::UnknownArchitecture`], a missing key, or a value that cannot be.
    pub fn from_gguf(file: &GgufFile) -> Result<Self, ModelError> {
        let architecture = file.str("general.architecture")?.to_owned();
        let (style, qk_norm) = match architecture.as_str() {
            "llama" => (RopeStyle::Interleaved, false),
            "qwen2" => (RopeStyle::Split, false),
            "qwen3" => (RopeStyle::Split, true),
            _ => return Err(ModelError::UnknownArchitecture(architecture)),
        };
        let reader = Reader { file, architecture: &architecture };
        let hidden = reader.size("embedding_length")?;
        let heads = reader.size("attention.head_count")?;
        let kv_heads = reader.size_or("attention.head_count_kv", heads)?;
        let head_dim = reader.size_or("attention.key_length", hidden / heads)?;
        let rotated = reader.size_or("rope.dimension_count", head_dim)?;
        reader.require(heads % kv_heads == 0, "attention.head_count_kv", kv_heads, "does not divide the head count")?;
        reader.require(head_dim <= 256, "attention.key_length", head_dim, "is above the supported 256")?;
        let rotated_fits = rotated.is_multiple_of(2) && rotated <= head_dim;
        reader.require(rotated_fits, "rope.dimension_count", rotated, "is odd or above the head dimension")?;
        let rope = RopeDescription { style, rotated, frequencies: reader.frequencies(rotated)? };
        Ok(Self {
            layers: reader.size("block_count")?,
            hidden,
            heads,
            kv_heads,
            head_dim,
            feed_forward: reader.size("feed_forward_length")?,
            vocabulary: reader.vocabulary()?,
            context_tokens: reader.size("context_length")?,
            norm_epsilon: file.f32(&format!("{architecture}.attention.layer_norm_rms_epsilon"))?,
            rope,
            qkv_bias: file.tensor("blk.0.attn_q.bias").is_some(),
            qk_norm,
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
}

struct Reader<'a> {
    file: &'a GgufFile,
    architecture: &'a str,
}

impl Reader<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    fn size(&self, name: &str) -> Result<usize, ModelError> {
        let value = self.file.u32(&self.key(name))? as usize;
        // No model that exists comes near; sizes that do are damage and would overflow products.
        let plausible = (1..=1 << 24).contains(&value);
        self.require(plausible, name, value, "is not between 1 and 16777216")?;
        Ok(value)
    }

    fn size_or(&self, name: &str, default: usize) -> Result<usize, ModelError> {
        if self.file.has(&self.key(name)) { self.size(name) } else { Ok(default) }
    }

    fn require(&self, holds: bool, name: &str, found: usize, problem: &'static str) -> Result<(), ModelError> {
        if holds {
            return Ok(());
        }
        Err(ModelError::BadValue { key: self.key(name), found: found.to_string(), problem })
    }

    fn vocabulary(&self) -> Result<usize, ModelError> {
        let name = "token_embd.weight";
        let tensor = self.file.tensor(name).ok_or_else(|| ModelError::MissingTensor(name.to_owned()))?;
        match tensor.shape {
            [_, rows] => Ok(*rows),
            other => Err(ModelError::WrongShape { name: name.to_owned(), expected: vec![0, 0], found: other.to_vec() }),
        }
    }

    /// `base^(-2i/rotated)`, divided by linear scaling or by the file's own factors (llama 3.1 and later).
    fn frequencies(&self, rotated: usize) -> Result<Vec<f32>, ModelError> {
        let base_key = self.key("rope.freq_base");
        let base = if self.file.has(&base_key) { self.file.f32(&base_key)? } else { 10_000.0 };
        let scaling_key = self.key("rope.scaling.type");
        let linear = match self.file.has(&scaling_key).then(|| self.file.str(&scaling_key)).transpose()? {
            None | Some("none") => 1.0,
            Some("linear") => self.file.f32(&self.key("rope.scaling.factor"))?,
            Some(other) => return Err(ModelError::UnsupportedRope(other.to_owned())),
        };
        let factors = match self.file.tensor("rope_freqs.weight") {
            Some(tensor) => super::tensors::small_f32(&tensor, "rope_freqs.weight", rotated / 2)?,
            None => vec![1.0; rotated / 2],
        };
        let exponent = |pair: usize| -2.0 * pair as f64 / rotated as f64;
        let angle = |(pair, factor): (usize, &f32)| {
            (f64::from(base).powf(exponent(pair)) / f64::from(linear) / f64::from(*factor)) as f32
        };
        Ok(factors.iter().enumerate().map(angle).collect())
    }
}
