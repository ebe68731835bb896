//! Rotary positions of a model (Su et al. 2021, arXiv 2104.09864) and their scaling for long contexts.

use halligan_shaders::RopeStyle;

use super::{ModelError, metadata::Reader, tensors::small_f32};

/// Rotary positions of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeDescription {
    /// Which channels form a pair.
    pub style: RopeStyle,
    /// Channels of a head that are rotated.
    pub rotated: usize,
    /// Angle per position of each pair, radians; `rotated / 2` values.
    pub frequencies: Vec<f32>,
    /// Angles of layers with a sliding window, where they differ.
    pub local_frequencies: Option<Vec<f32>>,
    /// Angles of samples longer than the original context.
    pub long: Option<LongRope>,
    /// Factor on rotated channels.
    pub magnitude: f32,
}

/// The second set of factors of LongRoPE (arXiv 2402.13753).
#[derive(Debug, Clone, PartialEq)]
pub struct LongRope {
    /// Longest sample, in tokens, that still uses the short factors.
    pub original_context: usize,
    /// Angle per position of each pair of a longer one.
    pub frequencies: Vec<f32>,
}

impl RopeDescription {
    /// Reads base, dimension and scaling: linear, or the file's own factors (Llama 3.1, LongRoPE).
    pub(super) fn read(
        reader: &Reader<'_>,
        style: RopeStyle,
        head_dim: usize,
        local: bool,
    ) -> Result<Self, ModelError> {
        let rotated = reader.size_or("rope.dimension_count", head_dim)?;
        let fits = rotated.is_multiple_of(2) && rotated <= head_dim;
        reader.require(fits, "rope.dimension_count", rotated, "is odd or above the head dimension")?;
        let base = reader.float_or("rope.freq_base", 10_000.0)?;
        let scaling_key = reader.key("rope.scaling.type");
        let linear = match reader.file.has(&scaling_key).then(|| reader.file.str(&scaling_key)).transpose()? {
            None | Some("none" | "longrope") => 1.0,
            Some("linear") => reader.float("rope.scaling.factor")?,
            Some(other) => return Err(ModelError::UnsupportedRope(other.to_owned())),
        };
        let factors = |name: &str| {
            let tensor = reader.file.tensor(name);
            tensor.map(|tensor| small_f32(&tensor, name, rotated / 2)).transpose()
        };
        let global = |factors: Option<Vec<f32>>| frequencies(rotated, base, linear, factors);
        let (short, long) = (factors("rope_factors_short.weight")?, factors("rope_factors_long.weight")?);
        let long = match long {
            Some(long) => {
                let original_context = reader.size("rope.scaling.original_context_length")?;
                Some(LongRope { original_context, frequencies: global(Some(long)) })
            }
            None => None,
        };
        let local_base = reader.float_or("rope.freq_base_swa", 10_000.0)?;
        Ok(Self {
            style,
            rotated,
            frequencies: global(factors("rope_freqs.weight")?.or(short)),
            local_frequencies: local.then(|| frequencies(rotated, local_base, 1.0, None)),
            long,
            magnitude: reader.float_or("rope.scaling.attn_factor", 1.0)?,
        })
    }
}

/// `base^(-2i/rotated)`, divided by linear scaling and by a factor per pair.
fn frequencies(rotated: usize, base: f32, linear: f32, factors: Option<Vec<f32>>) -> Vec<f32> {
    let factors = factors.unwrap_or_else(|| vec![1.0; rotated / 2]);
    let exponent = |pair: usize| -2.0 * pair as f64 / rotated as f64;
    let angle = |(pair, factor): (usize, &f32)| {
        (f64::from(base).powf(exponent(pair)) / f64::from(linear) / f64::from(*factor)) as f32
    };
    factors.iter().enumerate().map(angle).collect()
}
