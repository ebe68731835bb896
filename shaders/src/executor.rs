//! The list of kernels, as a trait that both executors implement.
//!
//! Shape letters: `t` rows (tokens), `k` input features, `n` output features, `h` query heads,
//! `g` key/value heads, `d` head dimension, `v` vocabulary. All tensors are dense row-major f32.
//! Gradients are named `d_<name>`. A kernel panics when a tensor is shorter than its shape: that is a
//! bug of the caller, never of the user.

use std::sync::Arc;

use crate::{ExecutorError, Format, KernelTime};

/// Bytes shared with their owner (a memory map, a vector) without a copy.
#[derive(Clone)]
pub struct SharedBytes {
    owner: Arc<dyn AsRef<[u8]> + Send + Sync>,
    start: usize,
    len: usize,
}

impl SharedBytes {
    /// Bytes `start .. start + len` of `owner`; `None` when they lie outside of it.
    pub fn new(owner: Arc<dyn AsRef<[u8]> + Send + Sync>, start: usize, len: usize) -> Option<Self> {
        let end = start.checked_add(len)?;
        (end <= (*owner).as_ref().len()).then_some(Self { owner, start, len })
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &(*self.owner).as_ref()[self.start..self.start + self.len]
    }
}

impl From<Vec<u8>> for SharedBytes {
    fn from(bytes: Vec<u8>) -> Self {
        let len = bytes.len();
        Self { owner: Arc::new(bytes), start: 0, len }
    }
}

impl std::fmt::Debug for SharedBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SharedBytes({} bytes)", self.len)
    }
}

/// A frozen matrix of `rows` (n, output features) by `columns` (k, input features) in its file format.
#[derive(Debug, Clone)]
pub struct WeightSource {
    /// Block format.
    pub format: Format,
    /// n, output features.
    pub rows: usize,
    /// k, input features; a whole number of blocks.
    pub columns: usize,
    /// `rows` times [`Format::row_bytes`] bytes.
    pub bytes: SharedBytes,
}

impl WeightSource {
    /// Rows `first .. first + rows` as a matrix of their own, sharing the bytes; `None` when they lie outside.
    pub fn rows_from(&self, first: usize, rows: usize) -> Option<Self> {
        let row_bytes = self.format.row_bytes(self.columns)?;
        let (start, len) = (first.checked_mul(row_bytes)?, rows.checked_mul(row_bytes)?);
        let bytes = SharedBytes::new(Arc::clone(&self.bytes.owner), self.bytes.start.checked_add(start)?, len)?;
        (start + len <= self.bytes.len).then_some(Self { rows, bytes, ..self.clone() })
    }

    /// Checks that the bytes are exactly those that the shape needs.
    ///
    /// # Errors
    /// [`ExecutorError::WeightSize`] otherwise.
    pub fn check(&self) -> Result<(), ExecutorError> {
        let needed = self.format.row_bytes(self.columns).and_then(|row| row.checked_mul(self.rows));
        let found = self.bytes.as_slice().len();
        if needed == Some(found) {
            return Ok(());
        }
        Err(ExecutorError::WeightSize {
            rows: self.rows,
            columns: self.columns,
            format: self.format,
            needed: needed.unwrap_or(0),
            found,
        })
    }
}

/// What kind of hardware an executor uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// The processor's cores.
    Cpu,
    /// A GPU driver.
    Gpu,
    /// A GPU driver that runs on the processor (lavapipe, WARP): for tests only.
    SoftwareGpu,
}

/// An executor in words, for reports.
#[derive(Debug, Clone)]
pub struct DeviceInfo {
    /// Kind of hardware.
    pub kind: DeviceKind,
    /// Name as the driver or the operating system reports it.
    pub name: String,
    /// Interface and driver version ("Vulkan, NVIDIA 570.12"), or the number of threads.
    pub driver: String,
}

/// `out = alpha * op(a) * op(b)`, added to `out` when `accumulate`.
///
/// `op(a)` is m x k, `op(b)` is k x n, `out` is m x n. With `transpose_a` the stored `a` is k x m, with
/// `transpose_b` the stored `b` is n x k.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "explained in the line above")]
pub struct Matmul {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub transpose_a: bool,
    pub transpose_b: bool,
    pub alpha: f32,
    pub accumulate: bool,
}

/// Which channels of a head form a rotated pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RopeStyle {
    /// Channels 2i and 2i+1, as GGUF stores `llama` (ggml "norm").
    Interleaved,
    /// Channels i and i + d/2, as `qwen2`, `phi3` and others (ggml "neox").
    Split,
}

/// Rotary position embedding of one tensor `[t, heads, d]` (Su et al. 2021, arXiv 2104.09864).
#[derive(Debug, Clone, Copy)]
pub struct RopeShape {
    /// t, rows.
    pub rows: usize,
    /// Heads in a row.
    pub heads: usize,
    /// d, channels of a head.
    pub head_dim: usize,
    /// Channels of a head that are rotated, at most `head_dim`, even; the others pass through.
    pub rotated: usize,
    /// Pairing of channels.
    pub style: RopeStyle,
    /// Factor on the rotated channels, 1 for most models (the attention factor of long-context rope scaling).
    pub magnitude: f32,
}

/// Causal grouped-query attention inside segments.
#[derive(Debug, Clone, Copy)]
pub struct AttentionShape {
    /// t, rows; query i sees keys `max(starts[i], i + 1 - window) ..= i`.
    pub rows: usize,
    /// h, query heads; a multiple of `kv_heads`.
    pub heads: usize,
    /// g, key and value heads.
    pub kv_heads: usize,
    /// d, channels of a head.
    pub head_dim: usize,
    /// Factor on the scores, usually `1 / sqrt(d)`.
    pub scale: f32,
    /// Keys that a query sees at most, itself among them (sliding window); all of its segment without one.
    pub window: Option<usize>,
    /// c, bounds scores to +-c as `c tanh(score / c)` (Gemma 2, arXiv 2408.00118).
    pub softcap: Option<f32>,
}

impl AttentionShape {
    /// Pairs of a query and a key that it sees, over all rows.
    pub fn pairs(&self, starts: &[u32]) -> usize {
        (0..self.rows).map(|row| row + 1 - self.first_key(row, starts[row] as usize)).sum()
    }

    /// First key that `query` sees when its segment starts at `start`.
    pub fn first_key(&self, query: usize, start: usize) -> usize {
        self.window.map_or(start, |window| start.max((query + 1).saturating_sub(window)))
    }
}

/// Nonlinearity of a feed-forward network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x / (1 + e^-x)` (SiLU, Swish).
    Silu,
    /// `x / (1 + e^-2u)` with `u = sqrt(2/pi) (x + 0.044715 x^3)`: GELU by its tanh approximation
    /// (arXiv 1606.08415).
    Gelu,
}

/// Dropout (arXiv 1207.0580) with a mask that is a pure function of seed and element, so that the backward pass
/// draws the same one again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Share of elements that become zero; the others grow by `1 / (1 - probability)`. In [0, 1).
    pub probability: f32,
    /// Draws the mask.
    pub seed: u32,
}

impl Dropout {
    /// An element is kept when its hash is at least this.
    pub fn threshold(&self) -> u32 {
        (f64::from(self.probability) * f64::from(u32::MAX)).round() as u32
    }

    /// Factor on kept elements.
    pub fn factor(&self) -> f32 {
        1.0 / (1.0 - self.probability)
    }

    /// A number without pattern for each element: two rounds of multiply and shift, each a bijection of u32.
    #[inline(always)]
    pub fn hash(&self, element: u32) -> u32 {
        let mut x = element ^ self.seed;
        x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
        x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
        x ^= x >> 16;
        // The seed enters a second time: with one xor alone, two seeds would share one mask, permuted.
        x = (x.wrapping_add(self.seed.rotate_left(16)) ^ (x >> 13)).wrapping_mul(0x9e37_79b1);
        x ^ (x >> 16)
    }
}

/// One AdamW step (Loshchilov and Hutter 2019, arXiv 1711.05101), as in `torch.optim.AdamW`.
#[derive(Debug, Clone, Copy)]
pub struct AdamW {
    /// Learning rate of this step.
    pub learning_rate: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Steps taken including this one, from 1; for bias correction.
    pub step: u32,
    /// Factor on the gradient (gradient clipping).
    pub gradient_scale: f32,
}

impl AdamW {
    /// `1 - beta^step` of both moments, computed in f64 so that both executors use the same factors.
    pub fn bias_corrections(&self) -> (f32, f32) {
        let correction = |beta: f32| (1.0 - f64::from(beta).powf(f64::from(self.step))) as f32;
        (correction(self.beta1), correction(self.beta2))
    }
}

/// The kernels. See the module head for shape letters and conventions.
pub trait Executor {
    /// A dense f32 buffer.
    type Tensor;
    /// A u32 buffer: tokens, positions, row numbers.
    type Indices;
    /// A frozen matrix in its file format.
    type Weight;

    /// The device in words.
    fn info(&self) -> &DeviceInfo;

    /// A buffer of `len` zeros.
    fn zeros(&mut self, len: usize) -> Result<Self::Tensor, ExecutorError>;
    /// A buffer with these values.
    fn upload(&mut self, values: &[f32]) -> Result<Self::Tensor, ExecutorError>;
    /// Overwrites the first `values.len()` elements.
    fn write(&mut self, tensor: &mut Self::Tensor, values: &[f32]);
    /// Waits for all kernels and copies the first `len` elements back.
    fn read(&mut self, tensor: &Self::Tensor, len: usize) -> Result<Vec<f32>, ExecutorError>;
    /// A buffer of `capacity` indices, zero.
    fn indices(&mut self, capacity: usize) -> Result<Self::Indices, ExecutorError>;
    /// Overwrites the first `values.len()` indices.
    fn write_indices(&mut self, indices: &mut Self::Indices, values: &[u32]);
    /// Takes a frozen matrix; the CPU keeps the shared bytes, a GPU copies them.
    fn weight(&mut self, source: &WeightSource) -> Result<Self::Weight, ExecutorError>;
    /// Waits for all kernels given so far and reports a failure among them.
    fn finish(&mut self) -> Result<(), ExecutorError>;
    /// Most bytes held on the device so far.
    fn peak_bytes(&self) -> u64;

    /// Measures each kernel from now on, at some cost. False when the device cannot.
    fn start_profile(&mut self) -> bool;
    /// Times since then, the costliest kernel first.
    fn kernel_times(&mut self) -> Vec<KernelTime>;

    /// `out[t, :] = scale * table[tokens[t], :]`; table is `[v, k]`, out `[rows, k]`.
    fn embedding(
        &mut self,
        table: &Self::Weight,
        tokens: &Self::Indices,
        rows: usize,
        scale: f32,
        out: &mut Self::Tensor,
    );
    /// `out = x / sqrt(mean(x^2) + epsilon) * gain` per row of `[rows, columns]` (arXiv 1910.07467).
    fn rms_norm(
        &mut self,
        x: &Self::Tensor,
        gain: &Self::Tensor,
        rows: usize,
        columns: usize,
        epsilon: f32,
        out: &mut Self::Tensor,
    );
    /// Adds the gradient of [`rms_norm`](Self::rms_norm) by `x` to `d_x`.
    fn rms_norm_backward(
        &mut self,
        x: &Self::Tensor,
        gain: &Self::Tensor,
        d_out: &Self::Tensor,
        rows: usize,
        columns: usize,
        epsilon: f32,
        d_x: &mut Self::Tensor,
    );
    /// `out = (x - mean) / sqrt(variance + epsilon) * gain + bias` per row of `[rows, columns]` (arXiv 1607.06450).
    fn layer_norm(
        &mut self,
        x: &Self::Tensor,
        gain: &Self::Tensor,
        bias: &Self::Tensor,
        rows: usize,
        columns: usize,
        epsilon: f32,
        out: &mut Self::Tensor,
    );
    /// Adds the gradient of [`layer_norm`](Self::layer_norm) by `x` to `d_x`.
    fn layer_norm_backward(
        &mut self,
        x: &Self::Tensor,
        gain: &Self::Tensor,
        d_out: &Self::Tensor,
        rows: usize,
        columns: usize,
        epsilon: f32,
        d_x: &mut Self::Tensor,
    );
    /// `out [rows, n] = x [rows, k] * weight [n, k]^T`, added to `out` when `accumulate`.
    fn matmul_weight(
        &mut self,
        x: &Self::Tensor,
        weight: &Self::Weight,
        rows: usize,
        accumulate: bool,
        out: &mut Self::Tensor,
    );
    /// `d_x [rows, k] = d_out [rows, n] * weight [n, k]`, added to `d_x` when `accumulate`.
    fn matmul_weight_backward(
        &mut self,
        d_out: &Self::Tensor,
        weight: &Self::Weight,
        rows: usize,
        accumulate: bool,
        d_x: &mut Self::Tensor,
    );
    /// Dense product, see [`Matmul`].
    fn matmul(&mut self, shape: Matmul, a: &Self::Tensor, b: &Self::Tensor, out: &mut Self::Tensor);
    /// `x[t, :] += bias` for each of `rows` rows of `columns`.
    fn add_bias(&mut self, bias: &Self::Tensor, rows: usize, columns: usize, x: &mut Self::Tensor);
    /// Rotates the pairs of `x` by `positions[t] * frequencies[i]`, in place; `inverse` turns back, which
    /// is also the backward pass. `frequencies` has `rotated / 2` angles per position, in radians.
    fn rope(
        &mut self,
        shape: RopeShape,
        positions: &Self::Indices,
        frequencies: &Self::Tensor,
        inverse: bool,
        x: &mut Self::Tensor,
    );
    /// `out [t, h, d]` = softmax(scale q k^T) v, per head, keys `starts[i] ..= i`; `log_sum_exp [h, t]`
    /// keeps the normaliser of each row for the backward pass. q is `[t, h, d]`, k and v `[t, g, d]`.
    fn attention(
        &mut self,
        shape: AttentionShape,
        q: &Self::Tensor,
        k: &Self::Tensor,
        v: &Self::Tensor,
        starts: &Self::Indices,
        out: &mut Self::Tensor,
        log_sum_exp: &mut Self::Tensor,
    );
    /// Overwrites `d_q`, `d_k`, `d_v` with the gradients of [`attention`](Self::attention). `ends[j]` is one
    /// past the last query of the segment that key j belongs to.
    fn attention_backward(
        &mut self,
        shape: AttentionShape,
        q: &Self::Tensor,
        k: &Self::Tensor,
        v: &Self::Tensor,
        starts: &Self::Indices,
        ends: &Self::Indices,
        out: &Self::Tensor,
        log_sum_exp: &Self::Tensor,
        d_out: &Self::Tensor,
        d_q: &mut Self::Tensor,
        d_k: &mut Self::Tensor,
        d_v: &mut Self::Tensor,
    );
    /// `out = activation(gate) * up` over `len` elements (gated linear units, arXiv 2002.05202).
    fn glu(
        &mut self,
        activation: Activation,
        gate: &Self::Tensor,
        up: &Self::Tensor,
        len: usize,
        out: &mut Self::Tensor,
    );
    /// Replaces `gate` and `up` by their gradients, given `d_out` of [`glu`](Self::glu).
    fn glu_backward(
        &mut self,
        activation: Activation,
        d_out: &Self::Tensor,
        len: usize,
        gate: &mut Self::Tensor,
        up: &mut Self::Tensor,
    );
    /// `out = activation(x)` over `len` elements.
    fn activate(&mut self, activation: Activation, x: &Self::Tensor, len: usize, out: &mut Self::Tensor);
    /// Replaces `x` by its gradient, given `d_out` of [`activate`](Self::activate).
    fn activate_backward(&mut self, activation: Activation, d_out: &Self::Tensor, len: usize, x: &mut Self::Tensor);
    /// `out = x * mask` over `len` elements, added to `out` when `accumulate`; the mask holds 0 and
    /// [`Dropout::factor`]. Its own backward pass too.
    fn dropout(&mut self, dropout: Dropout, x: &Self::Tensor, len: usize, accumulate: bool, out: &mut Self::Tensor);
    /// `x += y` over `len` elements.
    fn add(&mut self, y: &Self::Tensor, len: usize, x: &mut Self::Tensor);
    /// `x = value` over `len` elements.
    fn fill(&mut self, value: f32, len: usize, x: &mut Self::Tensor);
    /// `out = x` over `len` elements.
    fn copy(&mut self, x: &Self::Tensor, len: usize, out: &mut Self::Tensor);
    /// `len` values of `x` rounded to half precision, two in each element of `out`; beyond +-65504 they saturate.
    fn pack_half(&mut self, x: &Self::Tensor, len: usize, out: &mut Self::Tensor);
    /// The values that [`pack_half`](Self::pack_half) wrote.
    fn unpack_half(&mut self, x: &Self::Tensor, len: usize, out: &mut Self::Tensor);
    /// `out[i, :] = x[rows[i], :]` for `count` rows of `columns`.
    fn gather_rows(
        &mut self,
        x: &Self::Tensor,
        rows: &Self::Indices,
        count: usize,
        columns: usize,
        out: &mut Self::Tensor,
    );
    /// `out[rows[i], :] = x[i, :]` for `count` distinct rows of `columns`.
    fn scatter_rows(
        &mut self,
        x: &Self::Tensor,
        rows: &Self::Indices,
        count: usize,
        columns: usize,
        out: &mut Self::Tensor,
    );
    /// Per row of `logits [rows, v]`: `losses[t] = -log softmax(logits)[targets[t]]` (nats), and `logits` is
    /// replaced by its gradient `weight * (softmax - onehot)`. With a `softcap` c the loss is that of
    /// `c tanh(logits / c)`, and the gradient still by the logits given.
    fn cross_entropy(
        &mut self,
        targets: &Self::Indices,
        rows: usize,
        vocabulary: usize,
        weight: f32,
        softcap: Option<f32>,
        logits: &mut Self::Tensor,
        losses: &mut Self::Tensor,
    );
    /// `out[slot] = sum of x^2` over `len` elements, in a fixed order.
    fn sum_of_squares(&mut self, x: &Self::Tensor, len: usize, slot: usize, out: &mut Self::Tensor);
    /// One optimizer step over `len` parameters; see [`AdamW`].
    fn adamw_step(
        &mut self,
        hyper: &AdamW,
        gradient: &Self::Tensor,
        len: usize,
        parameter: &mut Self::Tensor,
        first_moment: &mut Self::Tensor,
        second_moment: &mut Self::Tensor,
    );
}
