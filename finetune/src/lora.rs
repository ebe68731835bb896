//! Low-rank adapters (LoRA, Hu et al. 2021, arXiv 2106.09685): which projections, and with what start.
//!
//! Each adapted matrix `W [n, k]` gains `scale * B A` with `A [r, k]`, `B [n, r]`, `scale = alpha / r`.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::{
    adapter::{Adapter, LoraPair},
    model::{AdaptedMatrix, Description},
};

/// A projection of a block that can carry an adapter, named as on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the field's own names")]
pub enum Target {
    Q,
    K,
    V,
    O,
    Gate,
    Up,
    Down,
}

impl Target {
    /// All seven, in the order of the forward pass.
    pub const ALL: [Target; 7] = [Target::Q, Target::K, Target::V, Target::O, Target::Gate, Target::Up, Target::Down];

    /// Name on the command line and in configuration files.
    pub fn name(self) -> &'static str {
        match self {
            Target::Q => "q",
            Target::K => "k",
            Target::V => "v",
            Target::O => "o",
            Target::Gate => "gate",
            Target::Up => "up",
            Target::Down => "down",
        }
    }

    /// The target of a name, if it is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }

    /// `(n, k)`: output and input features of the projection.
    pub fn shape(self, d: &Description) -> (usize, usize) {
        match self {
            Target::Q => (d.query_width(), d.hidden),
            Target::K | Target::V => (d.key_value_width(), d.hidden),
            Target::O => (d.hidden, d.query_width()),
            Target::Gate | Target::Up => (d.feed_forward, d.hidden),
            Target::Down => (d.hidden, d.feed_forward),
        }
    }
}

/// What a fresh adapter looks like.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LoraOptions {
    /// Adapted projections. Where the file fuses several into one matrix, that matrix carries one pair of
    /// factors, so they are chosen together; a projection that the model lacks is left out.
    pub targets: Vec<Target>,
    /// r, rank of the factors.
    pub rank: usize,
    /// The product of the factors is scaled by `alpha / r`, or by `alpha / sqrt(r)` when stabilised.
    pub alpha: f32,
    /// Rank-stabilised scale (rsLoRA, arXiv 2312.03732).
    pub rank_stabilized: bool,
    /// Only this many of the last blocks; all without it.
    pub top_layers: Option<usize>,
}

impl LoraOptions {
    /// Adapts all blocks at `alpha / rank`.
    pub fn new(targets: &[Target], rank: usize, alpha: f32) -> Self {
        Self { targets: targets.to_vec(), rank, alpha, rank_stabilized: false, top_layers: None }
    }

    /// Alpha as the adapter file keeps it: readers compute `alpha / rank`.
    pub fn file_alpha(&self) -> f32 {
        if self.rank_stabilized { self.alpha * (self.rank as f32).sqrt() } else { self.alpha }
    }

    /// The matrices of a block that get factors.
    ///
    /// # Errors
    /// A target that shares its matrix with one that is not chosen: the names that belong together.
    pub fn matrices<'a>(&self, d: &'a Description) -> Result<Vec<&'a AdaptedMatrix>, String> {
        let chosen = |target: &Target| self.targets.contains(target);
        let mut matrices = Vec::new();
        for matrix in d.matrices {
            if matrix.targets.iter().all(chosen) {
                matrices.push(matrix);
            } else if matrix.targets.iter().any(chosen) {
                let names: Vec<&str> = matrix.targets.iter().map(|target| target.name()).collect();
                return Err(format!(
                    "this base keeps {} in one matrix ({}): choose them together or leave all out",
                    names.join(", "),
                    matrix.part
                ));
            }
        }
        if matrices.is_empty() {
            return Err(format!("name no projection that this base has; choose out of {}", known_targets(d)));
        }
        Ok(matrices)
    }
}

/// The projections of a model, by name and in the order of the forward pass.
pub fn known_targets(d: &Description) -> String {
    let known: Vec<&str> = Target::ALL.into_iter().filter(|t| d.matrix_of(*t).is_some()).map(Target::name).collect();
    known.join(",")
}

/// Name of an adapted tensor in GGUF.
pub fn tensor_name(layer: usize, matrix: &AdaptedMatrix) -> String {
    format!("blk.{layer}.{}.weight", matrix.part)
}

/// Names of every tensor that can carry an adapter.
pub fn tensor_names(d: &Description) -> impl Iterator<Item = String> + '_ {
    (0..d.layers).flat_map(|layer| d.matrices.iter().map(move |matrix| tensor_name(layer, matrix)))
}

/// The projections that an adapter changes, in some block.
pub fn targets_of(adapter: &Adapter, d: &Description) -> Vec<Target> {
    let adapted =
        |matrix: &&AdaptedMatrix| (0..d.layers).any(|layer| adapter.pairs.contains_key(&tensor_name(layer, matrix)));
    let mut targets: Vec<Target> =
        d.matrices.iter().filter(adapted).flat_map(|matrix| matrix.targets).copied().collect();
    targets.sort();
    targets
}

/// A fresh adapter: A uniform in `+-1/sqrt(k)` (PEFT's Kaiming uniform with a = sqrt 5), B zero, so that
/// the adapted model starts as the base.
///
/// # Errors
/// As [`LoraOptions::matrices`].
pub fn fresh_adapter(d: &Description, base_sha256: &str, options: &LoraOptions, seed: u64) -> Result<Adapter, String> {
    let rank = options.rank;
    let mut pairs = BTreeMap::new();
    let lowest = d.layers - options.top_layers.unwrap_or(d.layers).min(d.layers);
    for layer in lowest..d.layers {
        for matrix in options.matrices(d)? {
            let (outputs, inputs) = d.matrix_shape(matrix);
            // A stream a tensor: equal shapes differ, and a subset of targets keeps its values.
            let mut random = ChaCha12Rng::seed_from_u64(seed);
            random.set_stream((layer * Target::ALL.len() + matrix.targets[0] as usize) as u64);
            let bound = 1.0 / (inputs as f32).sqrt();
            let a = (0..rank * inputs).map(|_| random.random_range(-bound..bound)).collect();
            let pair = LoraPair { a, b: vec![0.0; outputs * rank], rank, inputs, outputs };
            pairs.insert(tensor_name(layer, matrix), pair);
        }
    }
    Ok(Adapter {
        architecture: d.architecture.clone(),
        alpha: options.file_alpha(),
        rank,
        base_sha256: Some(base_sha256.to_owned()),
        pairs,
    })
}
