//! Trainable low-rank factors on a device (LoRA, Hu et al. 2021, arXiv 2106.09685).
//!
//! Each adapted matrix `W [n, k]` gains `scale * B A` with `A [r, k]`, `B [n, r]`, `scale = alpha / r`.

use std::collections::BTreeMap;

use halligan_shaders::{AdamW, Executor, ExecutorError, Matmul};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::{
    adapter::{Adapter, LoraPair},
    model::Description,
};

/// A matrix of a block that can carry an adapter, named as on the command line.
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

    /// Name of the adapted tensor in GGUF.
    pub fn tensor_name(self, layer: usize) -> String {
        let part = match self {
            Target::Q => "attn_q",
            Target::K => "attn_k",
            Target::V => "attn_v",
            Target::O => "attn_output",
            Target::Gate => "ffn_gate",
            Target::Up => "ffn_up",
            Target::Down => "ffn_down",
        };
        format!("blk.{layer}.{part}.weight")
    }

    /// `(n, k)`: output and input features of the adapted matrix.
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

/// A fresh adapter: A uniform in `+-1/sqrt(k)` (PEFT's Kaiming uniform with a = sqrt 5), B zero, so that
/// the adapted model starts as the base.
pub fn fresh_adapter(
    d: &Description,
    base_sha256: &str,
    targets: &[Target],
    rank: usize,
    alpha: f32,
    seed: u64,
) -> Adapter {
    let mut pairs = BTreeMap::new();
    for layer in 0..d.layers {
        for &target in targets {
            let (outputs, inputs) = target.shape(d);
            // A stream a tensor: equal shapes differ, and a subset of targets keeps its values.
            let mut random = ChaCha12Rng::seed_from_u64(seed);
            random.set_stream((layer * Target::ALL.len() + target as usize) as u64);
            let bound = 1.0 / (inputs as f32).sqrt();
            let a = (0..rank * inputs).map(|_| random.random_range(-bound..bound)).collect();
            let pair = LoraPair { a, b: vec![0.0; outputs * rank], rank, inputs, outputs };
            pairs.insert(target.tensor_name(layer), pair);
        }
    }
    Adapter { architecture: d.architecture.clone(), alpha, rank, base_sha256: Some(base_sha256.to_owned()), pairs }
}

/// One factor with its gradient and moments.
pub(crate) struct Parameter<E: Executor> {
    pub value: E::Tensor,
    pub gradient: E::Tensor,
    pub first_moment: E::Tensor,
    pub second_moment: E::Tensor,
    pub len: usize,
}

impl<E: Executor> Parameter<E> {
    fn new(exec: &mut E, values: &[f32]) -> Result<Self, ExecutorError> {
        let len = values.len();
        Ok(Self {
            value: exec.upload(values)?,
            gradient: exec.zeros(len)?,
            first_moment: exec.zeros(len)?,
            second_moment: exec.zeros(len)?,
            len,
        })
    }

    pub fn step(&mut self, exec: &mut E, hyper: &AdamW) {
        exec.adamw_step(
            hyper,
            &self.gradient,
            self.len,
            &mut self.value,
            &mut self.first_moment,
            &mut self.second_moment,
        );
    }
}

/// The two factors of one adapted matrix.
pub(crate) struct LoraMatrix<E: Executor> {
    pub a: Parameter<E>,
    pub b: Parameter<E>,
    pub rank: usize,
    pub inputs: usize,
    pub outputs: usize,
    pub scale: f32,
}

impl<E: Executor> LoraMatrix<E> {
    pub fn new(exec: &mut E, pair: &LoraPair, alpha: f32) -> Result<Self, ExecutorError> {
        Ok(Self {
            a: Parameter::new(exec, &pair.a)?,
            b: Parameter::new(exec, &pair.b)?,
            rank: pair.rank,
            inputs: pair.inputs,
            outputs: pair.outputs,
            scale: alpha / pair.rank as f32,
        })
    }

    /// `down = scale * x A^T`, then `out += down B^T`. `down [t, r]` is kept for the backward pass.
    pub fn forward(&self, exec: &mut E, x: &E::Tensor, rows: usize, down: &mut E::Tensor, out: &mut E::Tensor) {
        let project = Matmul {
            m: rows,
            n: self.rank,
            k: self.inputs,
            transpose_a: false,
            transpose_b: true,
            alpha: self.scale,
            accumulate: false,
        };
        exec.matmul(project, x, &self.a.value, down);
        let expand = Matmul { n: self.outputs, k: self.rank, alpha: 1.0, accumulate: true, ..project };
        exec.matmul(expand, down, &self.b.value, out);
    }

    /// Adds the gradients of A and B, and that of `x` to `d_x` when asked. `d_down [t, r]` is scratch.
    pub fn backward(
        &mut self,
        exec: &mut E,
        x: &E::Tensor,
        down: &E::Tensor,
        d_out: &E::Tensor,
        rows: usize,
        d_down: &mut E::Tensor,
        d_x: Option<&mut E::Tensor>,
    ) {
        let to_down = Matmul {
            m: rows,
            n: self.rank,
            k: self.outputs,
            transpose_a: false,
            transpose_b: false,
            alpha: self.scale,
            accumulate: false,
        };
        exec.matmul(to_down, d_out, &self.b.value, d_down);
        let to_b = Matmul {
            m: self.outputs,
            n: self.rank,
            k: rows,
            transpose_a: true,
            transpose_b: false,
            alpha: 1.0,
            accumulate: true,
        };
        exec.matmul(to_b, d_out, down, &mut self.b.gradient);
        let to_a = Matmul { m: self.rank, n: self.inputs, ..to_b };
        exec.matmul(to_a, d_down, x, &mut self.a.gradient);
        if let Some(d_x) = d_x {
            let to_x = Matmul {
                m: rows,
                n: self.inputs,
                k: self.rank,
                transpose_a: false,
                transpose_b: false,
                alpha: 1.0,
                accumulate: true,
            };
            exec.matmul(to_x, d_down, &self.a.value, d_x);
        }
    }
}
