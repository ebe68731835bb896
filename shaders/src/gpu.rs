//! The GPU executor: every kernel as a WGSL compute shader through wgpu (Vulkan, Metal, DX12).
//!
//! Weights lie on the device as the bytes of their file; kernels decode tiles into workgroup memory. A
//! weight larger than one binding is held as chunks of whole rows, and its kernels run once per chunk.
//! Kernels are queued and submitted in order ([`recorder`]); shapes and row numbers are checked here, before
//! a kernel is queued, so a shader never reads outside its buffers. Each output element has one owner and
//! sums have a fixed order: the same inputs give the same bits on the same device.

mod adapter;
mod checks;
mod kernels;
mod launch;
mod memory;
mod pipelines;
mod recorder;
mod timestamps;

pub use adapter::AdapterSelection;
pub use memory::{Indices, Tensor, Weight};

use crate::{
    Activation, AdamW, AttentionShape, DeviceInfo, Dropout, Executor, ExecutorError, KernelTime, Matmul, RopeShape,
    RopeStyle, WeightSource,
};
use checks::{AttentionCosts, attention_costs, below, chunks_variant, fits};
use launch::{BLOCK, TILE, groups};
use memory::{Allocator, Buffer};
use recorder::Recorder;

/// Channels of a head that the attention kernels take at most.
pub const HEAD_DIM_MAX: usize = 64 * kernels::CHUNKS[kernels::CHUNKS.len() - 1] as usize;

/// Elements that one workgroup of `sum_of_squares` takes at least, and the most workgroups it has.
const SQUARES_SPAN: usize = 4096;
const SQUARES_GROUPS_MAX: usize = 256;

/// What the executor may ask of a device, below what the device allows.
#[derive(Debug, Clone, Copy)]
pub struct GpuLimits {
    /// Bytes of one buffer; a weight above it is divided.
    pub buffer_bytes: u64,
    /// Multiply-adds of one submission; a matmul above it is divided, so that a display on the same GPU can
    /// draw in between.
    pub submission_work: u64,
}

impl Default for GpuLimits {
    /// No limit on buffers; submissions of some 50 ms on an integrated GPU of 0.4 TFLOP/s.
    fn default() -> Self {
        Self { buffer_bytes: u64::MAX, submission_work: 10_000_000_000 }
    }
}

/// Runs kernels on a GPU.
pub struct GpuExecutor {
    info: DeviceInfo,
    device: wgpu::Device,
    queue: wgpu::Queue,
    allocator: Allocator,
    pipelines: pipelines::Pipelines,
    recorder: Recorder,
    work_max: u64,
    /// Where results are mapped; grows.
    staging: Option<(Buffer, u64)>,
    /// Intermediate sums of attention and of reductions; grows.
    scratch: Option<(Buffer, usize)>,
}

impl GpuExecutor {
    /// Opens the best adapter of the selection, within the limits of the device.
    ///
    /// # Errors
    /// [`ExecutorError::NoAdapter`] with the reason for each adapter that was refused, or
    /// [`ExecutorError::NoDevice`] when the driver refuses.
    pub fn new(selection: AdapterSelection) -> Result<Self, ExecutorError> {
        Self::with_limits(selection, GpuLimits::default())
    }

    /// As [`new`](Self::new), within limits of the caller too.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_limits(selection: AdapterSelection, limits: GpuLimits) -> Result<Self, ExecutorError> {
        let (device, queue, info) = adapter::open(selection)?;
        tracing::info!("GPU: {} ({})", info.name, info.driver);
        Ok(Self {
            info,
            allocator: Allocator::new(&device, &queue, limits.buffer_bytes),
            pipelines: pipelines::Pipelines::new(&device),
            recorder: Recorder::new(&device, &queue, limits.submission_work),
            work_max: limits.submission_work,
            staging: None,
            scratch: None,
            device,
            queue,
        })
    }
}

impl Executor for GpuExecutor {
    type Tensor = Tensor;
    type Indices = Indices;
    type Weight = Weight;

    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn zeros(&mut self, len: usize) -> Result<Tensor, ExecutorError> {
        let buffer = self.allocator.words(&format!("tensor of {len} values"), len)?;
        Ok(Tensor { buffer, len })
    }

    fn upload(&mut self, values: &[f32]) -> Result<Tensor, ExecutorError> {
        let tensor = self.zeros(values.len())?;
        self.queue.write_buffer(&tensor.buffer.raw, 0, bytemuck::cast_slice(values));
        Ok(tensor)
    }

    fn write(&mut self, tensor: &mut Tensor, values: &[f32]) {
        fits("write", &[(tensor, values.len())]);
        // A write takes effect before the next submission, so kernels that wait must go first.
        self.recorder.flush();
        self.queue.write_buffer(&tensor.buffer.raw, 0, bytemuck::cast_slice(values));
    }

    fn read(&mut self, tensor: &Tensor, len: usize) -> Result<Vec<f32>, ExecutorError> {
        fits("read", &[(tensor, len)]);
        let bytes = 4 * len as u64;
        if bytes == 0 {
            return self.finish().map(|()| Vec::new());
        }
        let staging = match self.staging.take() {
            Some(staging) if staging.1 >= bytes => staging,
            _ => {
                let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
                (self.allocator.buffer("staging", bytes, usage)?, bytes)
            }
        };
        let values = self.recorder.read(&tensor.buffer.raw, &staging.0.raw, bytes)?;
        self.staging = Some(staging);
        Ok(values)
    }

    fn indices(&mut self, capacity: usize) -> Result<Indices, ExecutorError> {
        let buffer = self.allocator.words(&format!("{capacity} indices"), capacity)?;
        Ok(Indices { buffer, values: vec![0; capacity] })
    }

    fn write_indices(&mut self, indices: &mut Indices, values: &[u32]) {
        indices.values[..values.len()].copy_from_slice(values);
        self.recorder.flush();
        self.queue.write_buffer(&indices.buffer.raw, 0, bytemuck::cast_slice(values));
    }

    fn weight(&mut self, source: &WeightSource) -> Result<Weight, ExecutorError> {
        self.allocator.weight(source)
    }

    fn finish(&mut self) -> Result<(), ExecutorError> {
        self.recorder.finish()
    }

    fn peak_bytes(&self) -> u64 {
        self.allocator.peak_bytes()
    }

    fn start_profile(&mut self) -> bool {
        self.recorder.start_profile()
    }

    fn kernel_times(&mut self) -> Vec<KernelTime> {
        self.recorder.kernel_times()
    }

    fn embedding(&mut self, table: &Weight, tokens: &Indices, rows: usize, scale: f32, out: &mut Tensor) {
        fits("embedding", &[(out, rows * table.columns)]);
        below("embedding", tokens, rows, table.rows);
        for chunk in &table.chunks {
            let words = [rows as u32, table.columns as u32, chunk.first, chunk.count, scale.to_bits()];
            let quads = rows * table.columns.div_ceil(4);
            let buffers = [&tokens.buffer, &chunk.buffer, &out.buffer];
            self.run(&kernels::EMBEDDING, table.format as usize, &buffers, &words, [groups(quads), 1], quads as u64);
        }
    }

    fn rms_norm(&mut self, x: &Tensor, gain: &Tensor, rows: usize, columns: usize, epsilon: f32, out: &mut Tensor) {
        fits("rms_norm", &[(x, rows * columns), (gain, columns), (out, rows * columns)]);
        self.run_rows(&kernels::RMS_NORM, &[&x.buffer, &gain.buffer, &out.buffer], rows, columns, &[epsilon]);
    }

    fn rms_norm_backward(
        &mut self,
        x: &Tensor,
        gain: &Tensor,
        d_out: &Tensor,
        rows: usize,
        columns: usize,
        epsilon: f32,
        d_x: &mut Tensor,
    ) {
        let len = rows * columns;
        fits("rms_norm_backward", &[(x, len), (gain, columns), (d_out, len), (d_x, len)]);
        let buffers = [&x.buffer, &gain.buffer, &d_out.buffer, &d_x.buffer];
        self.run_rows(&kernels::RMS_NORM_BACKWARD, &buffers, rows, columns, &[epsilon]);
    }

    fn layer_norm(
        &mut self,
        x: &Tensor,
        gain: &Tensor,
        bias: &Tensor,
        rows: usize,
        columns: usize,
        epsilon: f32,
        out: &mut Tensor,
    ) {
        let len = rows * columns;
        fits("layer_norm", &[(x, len), (gain, columns), (bias, columns), (out, len)]);
        let buffers = [&x.buffer, &gain.buffer, &bias.buffer, &out.buffer];
        self.run_rows(&kernels::LAYER_NORM, &buffers, rows, columns, &[epsilon]);
    }

    fn layer_norm_backward(
        &mut self,
        x: &Tensor,
        gain: &Tensor,
        d_out: &Tensor,
        rows: usize,
        columns: usize,
        epsilon: f32,
        d_x: &mut Tensor,
    ) {
        let len = rows * columns;
        fits("layer_norm_backward", &[(x, len), (gain, columns), (d_out, len), (d_x, len)]);
        let buffers = [&x.buffer, &gain.buffer, &d_out.buffer, &d_x.buffer];
        self.run_rows(&kernels::LAYER_NORM_BACKWARD, &buffers, rows, columns, &[epsilon]);
    }

    fn matmul_weight(&mut self, x: &Tensor, weight: &Weight, rows: usize, accumulate: bool, out: &mut Tensor) {
        let Weight { format, rows: n, columns: k, ref chunks } = *weight;
        fits("matmul_weight", &[(x, rows * k), (out, rows * n)]);
        for chunk in chunks {
            let words = [rows as u32, k as u32, chunk.first, chunk.count, n as u32, 0, u32::from(accumulate)];
            let buffers = [&x.buffer, &chunk.buffer, &out.buffer];
            let count = chunk.count as usize;
            self.run_tiles(&kernels::MATMUL_WEIGHT, format as usize, &buffers, words, rows, count, k);
        }
    }

    fn matmul_weight_backward(
        &mut self,
        d_out: &Tensor,
        weight: &Weight,
        rows: usize,
        accumulate: bool,
        d_x: &mut Tensor,
    ) {
        let Weight { format, rows: n, columns: k, ref chunks } = *weight;
        fits("matmul_weight_backward", &[(d_out, rows * n), (d_x, rows * k)]);
        for (i, chunk) in chunks.iter().enumerate() {
            let adds = accumulate || i > 0;
            let words = [rows as u32, k as u32, chunk.first, chunk.count, n as u32, 0, u32::from(adds)];
            let buffers = [&d_out.buffer, &chunk.buffer, &d_x.buffer];
            let count = chunk.count as usize;
            self.run_tiles(&kernels::MATMUL_WEIGHT_BACKWARD, format as usize, &buffers, words, rows, k, count);
        }
    }

    fn matmul(&mut self, shape: Matmul, a: &Tensor, b: &Tensor, out: &mut Tensor) {
        let Matmul { m, n, k, transpose_a, transpose_b, alpha, accumulate } = shape;
        fits("matmul", &[(a, m * k), (b, k * n), (out, m * n)]);
        let flags = [transpose_a, transpose_b, accumulate].map(u32::from);
        let words = [m as u32, n as u32, k as u32, flags[0], flags[1], alpha.to_bits(), flags[2]];
        let grid = [n.div_ceil(TILE), m.div_ceil(TILE)];
        assert!(grid[0].max(grid[1]) <= launch::GROUPS_MAX, "matmul: {m} x {n} is more tiles than a dispatch has");
        self.run(&kernels::MATMUL, 0, &[&a.buffer, &b.buffer, &out.buffer], &words, grid, (m * n * k) as u64);
    }

    fn add_bias(&mut self, bias: &Tensor, rows: usize, columns: usize, x: &mut Tensor) {
        fits("add_bias", &[(bias, columns), (x, rows * columns)]);
        self.run_elements(&kernels::ADD_BIAS, &[&bias.buffer, &x.buffer], rows * columns, &[columns as u32]);
    }

    fn rope(&mut self, shape: RopeShape, positions: &Indices, frequencies: &Tensor, inverse: bool, x: &mut Tensor) {
        let RopeShape { rows, heads, head_dim, rotated, style, magnitude } = shape;
        assert!(rotated <= head_dim && rotated.is_multiple_of(2), "rope: {rotated} of {head_dim} channels rotated");
        assert!(positions.values.len() >= rows, "rope: {rows} rows, {} positions", positions.values.len());
        fits("rope", &[(frequencies, rotated / 2), (x, rows * heads * head_dim)]);
        let interleaved = style == RopeStyle::Interleaved;
        let flags = [interleaved, inverse].map(u32::from);
        let sizes = [rows, heads, head_dim, rotated].map(|size| size as u32);
        let words = [sizes[0], sizes[1], sizes[2], sizes[3], flags[0], flags[1], magnitude.to_bits()];
        let pairs = rows * heads * rotated / 2;
        let buffers = [&positions.buffer, &frequencies.buffer, &x.buffer];
        self.run(&kernels::ROPE, 0, &buffers, &words, [groups(pairs), 1], 8 * pairs as u64);
    }

    fn attention(
        &mut self,
        shape: AttentionShape,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        starts: &Indices,
        out: &mut Tensor,
        log_sum_exp: &mut Tensor,
    ) {
        let AttentionCosts { q_len, kv_len, words, work } = attention_costs(&shape, starts);
        let AttentionShape { rows, heads, head_dim, .. } = shape;
        let normalizers = rows * heads;
        fits("attention", &[(q, q_len), (k, kv_len), (v, kv_len), (out, q_len), (log_sum_exp, normalizers)]);
        let buffers = [&q.buffer, &k.buffer, &v.buffer, &starts.buffer, &out.buffer, &log_sum_exp.buffer];
        let grid = [rows.div_ceil(BLOCK), heads];
        self.run(&kernels::ATTENTION_FORWARD, chunks_variant(head_dim), &buffers, &words, grid, 2 * work);
    }

    fn attention_backward(
        &mut self,
        shape: AttentionShape,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        starts: &Indices,
        ends: &Indices,
        out: &Tensor,
        log_sum_exp: &Tensor,
        d_out: &Tensor,
        d_q: &mut Tensor,
        d_k: &mut Tensor,
        d_v: &mut Tensor,
    ) {
        let AttentionCosts { q_len, kv_len, words, work } = attention_costs(&shape, starts);
        let AttentionShape { rows, heads, kv_heads, head_dim, .. } = shape;
        let pairs = rows * heads;
        let by_query = [(q, q_len), (out, q_len), (d_out, q_len), (&*d_q, q_len), (log_sum_exp, pairs)];
        fits("attention_backward", &by_query);
        fits("attention_backward", &[(k, kv_len), (v, kv_len), (&*d_k, kv_len), (&*d_v, kv_len)]);
        assert!(ends.values.len() >= rows, "attention_backward: {rows} rows, {} ends", ends.values.len());
        let variant = chunks_variant(head_dim);
        let Some(scratch) = self.take_scratch(2 * pairs) else { return };

        let normalizers = &scratch.0;
        let buffers = [&out.buffer, &d_out.buffer, &log_sum_exp.buffer, normalizers];
        let delta_words = [rows as u32, heads as u32, head_dim as u32];
        self.run(&kernels::ATTENTION_DELTA, 0, &buffers, &delta_words, [groups(pairs), 1], q_len as u64);
        let (q, k, v, d_out) = (&q.buffer, &k.buffer, &v.buffer, &d_out.buffer);
        let buffers = [q, k, v, d_out, &starts.buffer, normalizers, &d_q.buffer];
        let blocks = rows.div_ceil(BLOCK);
        self.run(&kernels::ATTENTION_BACKWARD_Q, variant, &buffers, &words, [blocks, heads], 3 * work);
        let buffers = [q, k, v, d_out, &ends.buffer, normalizers, &d_k.buffer, &d_v.buffer];
        self.run(&kernels::ATTENTION_BACKWARD_KV, variant, &buffers, &words, [blocks, kv_heads], 4 * work);
        self.scratch = Some(scratch);
    }

    fn glu(&mut self, activation: Activation, gate: &Tensor, up: &Tensor, len: usize, out: &mut Tensor) {
        fits("glu", &[(gate, len), (up, len), (out, len)]);
        self.run_elements(&kernels::GLU, &[&gate.buffer, &up.buffer, &out.buffer], len, &[activation as u32]);
    }

    fn glu_backward(&mut self, activation: Activation, d_out: &Tensor, len: usize, gate: &mut Tensor, up: &mut Tensor) {
        fits("glu_backward", &[(d_out, len), (gate, len), (up, len)]);
        let buffers = [&d_out.buffer, &gate.buffer, &up.buffer];
        self.run_elements(&kernels::GLU_BACKWARD, &buffers, len, &[activation as u32]);
    }

    fn activate(&mut self, activation: Activation, x: &Tensor, len: usize, out: &mut Tensor) {
        fits("activate", &[(x, len), (out, len)]);
        self.run_elements(&kernels::ACTIVATE, &[&x.buffer, &out.buffer], len, &[activation as u32]);
    }

    fn activate_backward(&mut self, activation: Activation, d_out: &Tensor, len: usize, x: &mut Tensor) {
        fits("activate_backward", &[(d_out, len), (x, len)]);
        self.run_elements(&kernels::ACTIVATE_BACKWARD, &[&d_out.buffer, &x.buffer], len, &[activation as u32]);
    }

    fn dropout(&mut self, dropout: Dropout, x: &Tensor, len: usize, accumulate: bool, out: &mut Tensor) {
        fits("dropout", &[(x, len), (out, len)]);
        let words = [dropout.seed, dropout.threshold(), dropout.factor().to_bits(), u32::from(accumulate)];
        self.run_elements(&kernels::DROPOUT, &[&x.buffer, &out.buffer], len, &words);
    }

    fn add(&mut self, y: &Tensor, len: usize, x: &mut Tensor) {
        fits("add", &[(y, len), (x, len)]);
        self.run_elements(&kernels::ADD, &[&y.buffer, &x.buffer], len, &[]);
    }

    fn fill(&mut self, value: f32, len: usize, x: &mut Tensor) {
        fits("fill", &[(x, len)]);
        self.run_elements(&kernels::FILL, &[&x.buffer], len, &[value.to_bits()]);
    }

    fn copy(&mut self, x: &Tensor, len: usize, out: &mut Tensor) {
        fits("copy", &[(x, len), (out, len)]);
        self.run_elements(&kernels::COPY, &[&x.buffer, &out.buffer], len, &[]);
    }

    fn pack_half(&mut self, x: &Tensor, len: usize, out: &mut Tensor) {
        fits("pack_half", &[(x, len), (out, len.div_ceil(2))]);
        self.run_elements(&kernels::PACK_HALF, &[&x.buffer, &out.buffer], len, &[]);
    }

    fn unpack_half(&mut self, x: &Tensor, len: usize, out: &mut Tensor) {
        fits("unpack_half", &[(x, len.div_ceil(2)), (out, len)]);
        self.run_elements(&kernels::UNPACK_HALF, &[&x.buffer, &out.buffer], len, &[]);
    }

    fn gather_rows(&mut self, x: &Tensor, rows: &Indices, count: usize, columns: usize, out: &mut Tensor) {
        fits("gather_rows", &[(out, count * columns)]);
        below("gather_rows", rows, count, x.len / columns.max(1));
        let buffers = [&x.buffer, &rows.buffer, &out.buffer];
        self.run_elements(&kernels::GATHER_ROWS, &buffers, count * columns, &[columns as u32]);
    }

    fn scatter_rows(&mut self, x: &Tensor, rows: &Indices, count: usize, columns: usize, out: &mut Tensor) {
        fits("scatter_rows", &[(x, count * columns)]);
        below("scatter_rows", rows, count, out.len / columns.max(1));
        let buffers = [&x.buffer, &rows.buffer, &out.buffer];
        self.run_elements(&kernels::SCATTER_ROWS, &buffers, count * columns, &[columns as u32]);
    }

    fn cross_entropy(
        &mut self,
        targets: &Indices,
        rows: usize,
        vocabulary: usize,
        weight: f32,
        softcap: Option<f32>,
        logits: &mut Tensor,
        losses: &mut Tensor,
    ) {
        fits("cross_entropy", &[(logits, rows * vocabulary), (losses, rows)]);
        below("cross_entropy", targets, rows, vocabulary);
        let buffers = [&targets.buffer, &logits.buffer, &losses.buffer];
        self.run_rows(&kernels::CROSS_ENTROPY, &buffers, rows, vocabulary, &[weight, softcap.unwrap_or(0.0)]);
    }

    fn sum_of_squares(&mut self, x: &Tensor, len: usize, slot: usize, out: &mut Tensor) {
        fits("sum_of_squares", &[(x, len), (out, slot + 1)]);
        let count = len.div_ceil(SQUARES_SPAN).clamp(1, SQUARES_GROUPS_MAX);
        let span = len.div_ceil(count);
        let words = |slot: usize| [len as u32, span as u32, slot as u32];
        if count == 1 {
            self.run(&kernels::SUM_OF_SQUARES, 0, &[&x.buffer, &out.buffer], &words(slot), [1, 1], len as u64);
            return;
        }
        let Some(scratch) = self.take_scratch(SQUARES_GROUPS_MAX) else { return };
        self.run(&kernels::SUM_OF_SQUARES, 0, &[&x.buffer, &scratch.0], &words(0), [count, 1], len as u64);
        let buffers = [&scratch.0, &out.buffer];
        self.run(&kernels::SUM, 0, &buffers, &[count as u32, slot as u32], [1, 1], count as u64);
        self.scratch = Some(scratch);
    }

    fn adamw_step(
        &mut self,
        hyper: &AdamW,
        gradient: &Tensor,
        len: usize,
        parameter: &mut Tensor,
        first_moment: &mut Tensor,
        second_moment: &mut Tensor,
    ) {
        fits("adamw_step", &[(gradient, len), (parameter, len), (first_moment, len), (second_moment, len)]);
        let (correction1, correction2) = hyper.bias_corrections();
        let AdamW { learning_rate, beta1, beta2, epsilon, weight_decay, gradient_scale, .. } = *hyper;
        let words = [learning_rate, beta1, beta2, epsilon, weight_decay, correction1, correction2, gradient_scale]
            .map(f32::to_bits);
        let buffers = [&gradient.buffer, &parameter.buffer, &first_moment.buffer, &second_moment.buffer];
        self.run_elements(&kernels::ADAMW_STEP, &buffers, len, &words);
    }
}
