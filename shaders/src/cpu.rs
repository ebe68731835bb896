//! The CPU executor: every kernel on all cores, for machines without a GPU driver.
//!
//! Dense products go through the `gemm` crate; those with a frozen weight decode it tile by tile
//! ([`weight_matmul`], or [`amx`] where the processor has a tile unit), so no dense copy of a weight ever exists.
//! Row-wise kernels split rows over rayon's threads. Each output element is computed by one thread in a fixed
//! order, so a run repeats bit for bit on the same number of threads.

#[macro_use]
pub(crate) mod simd;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
#[path = "cpu/no_amx.rs"]
mod amx;
mod attention;
mod elementwise;
mod loss;
mod math;
mod matmul;
mod norm;
mod panel;
mod rope;
mod shared;
mod weight_matmul;

use std::time::Instant;

use self::amx::Amx;
use crate::{
    Activation, AdamW, AttentionShape, DeviceInfo, DeviceKind, Dropout, Executor, ExecutorError, Format, KernelTime,
    Matmul, RopeShape, WeightSource, format, profile::Profile,
};

/// Runs kernels on the processor's cores.
pub struct CpuExecutor {
    info: DeviceInfo,
    /// Input of a matmul in panels.
    packed: Vec<f32>,
    /// The tile unit, which then takes products with weights of fewer bits than f32.
    amx: Option<Amx>,
    profile: Option<Profile>,
    held_bytes: u64,
}

impl CpuExecutor {
    /// An executor on rayon's current thread pool.
    pub fn new() -> Self {
        Self::with(Amx::new())
    }

    /// As [`new`](Self::new), but without the tile unit of processors that have one.
    pub fn without_amx() -> Self {
        Self::with(None)
    }

    fn with(amx: Option<Amx>) -> Self {
        let products = if amx.is_some() { "AMX bf16x3" } else { "gemm" };
        let driver = format!("{} threads, {products}", rayon::current_num_threads());
        let info = DeviceInfo { kind: DeviceKind::Cpu, name: cpu_name(), driver };
        Self { info, packed: Vec::new(), amx, profile: None, held_bytes: 0 }
    }

    /// The clock, when profiling.
    fn start(&self) -> Option<Instant> {
        self.profile.as_ref().map(|_| Instant::now())
    }

    /// Adds the time since `start` to a kernel.
    fn stop(&mut self, start: Option<Instant>, kernel: &str, operations: usize) {
        if let (Some(start), Some(profile)) = (start, &mut self.profile) {
            profile.add(kernel, start.elapsed().as_secs_f64(), operations as f64);
        }
    }

    /// As [`stop`](Self::stop), for a kernel over a weight.
    fn stop_weight(&mut self, start: Option<Instant>, kernel: &str, weight: &WeightSource, rows: usize) {
        if start.is_some() {
            let name = format!("{kernel}_{}", weight.format.to_string().to_lowercase());
            self.stop(start, &name, 2 * rows * weight.rows * weight.columns);
        }
    }

    fn hold(&mut self, elements: usize) {
        self.held_bytes += 4 * elements as u64;
    }
}

impl Default for CpuExecutor {
    fn default() -> Self {
        Self::new()
    }
}

fn cpu_name() -> String {
    format!("CPU ({})", std::env::consts::ARCH)
}

impl Executor for CpuExecutor {
    type Tensor = Vec<f32>;
    type Indices = Vec<u32>;
    type Weight = WeightSource;

    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn zeros(&mut self, len: usize) -> Result<Vec<f32>, ExecutorError> {
        let mut values = Vec::new();
        values
            .try_reserve_exact(len)
            .map_err(|_| ExecutorError::OutOfMemory { what: format!("{len} values of f32") })?;
        values.resize(len, 0.0);
        self.hold(len);
        Ok(values)
    }

    fn upload(&mut self, values: &[f32]) -> Result<Vec<f32>, ExecutorError> {
        self.hold(values.len());
        Ok(values.to_vec())
    }

    fn write(&mut self, tensor: &mut Vec<f32>, values: &[f32]) {
        tensor[..values.len()].copy_from_slice(values);
    }

    fn read(&mut self, tensor: &Vec<f32>, len: usize) -> Result<Vec<f32>, ExecutorError> {
        Ok(tensor[..len].to_vec())
    }

    fn indices(&mut self, capacity: usize) -> Result<Vec<u32>, ExecutorError> {
        self.hold(capacity);
        Ok(vec![0; capacity])
    }

    fn write_indices(&mut self, indices: &mut Vec<u32>, values: &[u32]) {
        indices[..values.len()].copy_from_slice(values);
    }

    fn weight(&mut self, source: &WeightSource) -> Result<WeightSource, ExecutorError> {
        source.check()?;
        Ok(source.clone())
    }

    fn finish(&mut self) -> Result<(), ExecutorError> {
        Ok(())
    }

    fn peak_bytes(&self) -> u64 {
        self.held_bytes
    }

    fn start_profile(&mut self) -> bool {
        self.profile = Some(Profile::default());
        true
    }

    fn kernel_times(&mut self) -> Vec<KernelTime> {
        self.profile.as_ref().map(Profile::times).unwrap_or_default()
    }

    fn embedding(&mut self, table: &WeightSource, tokens: &Vec<u32>, rows: usize, scale: f32, out: &mut Vec<f32>) {
        let start = self.start();
        let columns = table.columns;
        let row_bytes = table.bytes.as_slice().len() / table.rows;
        for (&token, out) in tokens[..rows].iter().zip(out.chunks_exact_mut(columns)) {
            let start = token as usize * row_bytes;
            format::decode(table.format, &table.bytes.as_slice()[start..start + row_bytes], out);
            if scale != 1.0 {
                out.iter_mut().for_each(|value| *value *= scale);
            }
        }
        self.stop(start, "embedding", 0);
    }

    fn rms_norm(
        &mut self,
        x: &Vec<f32>,
        gain: &Vec<f32>,
        rows: usize,
        columns: usize,
        epsilon: f32,
        out: &mut Vec<f32>,
    ) {
        let start = self.start();
        norm::rms_norm(&x[..rows * columns], &gain[..columns], epsilon, &mut out[..rows * columns]);
        self.stop(start, "rms_norm", 0);
    }

    fn rms_norm_backward(
        &mut self,
        x: &Vec<f32>,
        gain: &Vec<f32>,
        d_out: &Vec<f32>,
        rows: usize,
        columns: usize,
        epsilon: f32,
        d_x: &mut Vec<f32>,
    ) {
        let start = self.start();
        let len = rows * columns;
        norm::rms_norm_backward(&x[..len], &gain[..columns], &d_out[..len], epsilon, &mut d_x[..len]);
        self.stop(start, "rms_norm_backward", 0);
    }

    fn layer_norm(
        &mut self,
        x: &Vec<f32>,
        gain: &Vec<f32>,
        bias: &Vec<f32>,
        rows: usize,
        columns: usize,
        epsilon: f32,
        out: &mut Vec<f32>,
    ) {
        let start = self.start();
        let len = rows * columns;
        norm::layer_norm(&x[..len], &gain[..columns], &bias[..columns], epsilon, &mut out[..len]);
        self.stop(start, "layer_norm", 0);
    }

    fn layer_norm_backward(
        &mut self,
        x: &Vec<f32>,
        gain: &Vec<f32>,
        d_out: &Vec<f32>,
        rows: usize,
        columns: usize,
        epsilon: f32,
        d_x: &mut Vec<f32>,
    ) {
        let start = self.start();
        let len = rows * columns;
        norm::layer_norm_backward(&x[..len], &gain[..columns], &d_out[..len], epsilon, &mut d_x[..len]);
        self.stop(start, "layer_norm_backward", 0);
    }

    fn matmul_weight(
        &mut self,
        x: &Vec<f32>,
        weight: &WeightSource,
        rows: usize,
        accumulate: bool,
        out: &mut Vec<f32>,
    ) {
        let start = self.start();
        match &mut self.amx {
            Some(amx) if amx.takes(weight, rows) => amx.forward(x, weight, rows, accumulate, out),
            _ => weight_matmul::forward(x, weight, rows, accumulate, out, &mut self.packed),
        }
        self.stop_weight(start, "matmul_weight", weight, rows);
    }

    fn matmul_weight_backward(
        &mut self,
        d_out: &Vec<f32>,
        weight: &WeightSource,
        rows: usize,
        accumulate: bool,
        d_x: &mut Vec<f32>,
    ) {
        let start = self.start();
        match &mut self.amx {
            Some(amx) if amx.takes(weight, rows) => amx.backward(d_out, weight, rows, accumulate, d_x),
            _ => weight_matmul::backward(d_out, weight, rows, accumulate, d_x),
        }
        self.stop_weight(start, "matmul_weight_backward", weight, rows);
    }

    fn matmul(&mut self, shape: Matmul, a: &Vec<f32>, b: &Vec<f32>, out: &mut Vec<f32>) {
        let start = self.start();
        matmul::dense(shape, a, b, out);
        self.stop(start, "matmul", 2 * shape.m * shape.n * shape.k);
    }

    fn add_bias(&mut self, bias: &Vec<f32>, rows: usize, columns: usize, x: &mut Vec<f32>) {
        let start = self.start();
        for row in x[..rows * columns].chunks_exact_mut(columns) {
            elementwise::add(&bias[..columns], row);
        }
        self.stop(start, "add_bias", 0);
    }

    fn rope(
        &mut self,
        shape: RopeShape,
        positions: &Vec<u32>,
        frequencies: &Vec<f32>,
        inverse: bool,
        x: &mut Vec<f32>,
    ) {
        let start = self.start();
        rope::rope(shape, positions, frequencies, inverse, x);
        self.stop(start, "rope", 0);
    }

    fn attention(
        &mut self,
        shape: AttentionShape,
        q: &Vec<f32>,
        k: &Vec<f32>,
        v: &Vec<f32>,
        starts: &Vec<u32>,
        out: &mut Vec<f32>,
        log_sum_exp: &mut Vec<f32>,
    ) {
        let start = self.start();
        attention::forward(shape, q, k, v, starts, out, log_sum_exp);
        self.stop(start, "attention", 4 * shape.pairs(starts) * shape.heads * shape.head_dim);
    }

    fn attention_backward(
        &mut self,
        shape: AttentionShape,
        q: &Vec<f32>,
        k: &Vec<f32>,
        v: &Vec<f32>,
        starts: &Vec<u32>,
        // The blockwise CPU kernel walks queries only, so it needs no segment ends.
        _ends: &Vec<u32>,
        out: &Vec<f32>,
        log_sum_exp: &Vec<f32>,
        d_out: &Vec<f32>,
        d_q: &mut Vec<f32>,
        d_k: &mut Vec<f32>,
        d_v: &mut Vec<f32>,
    ) {
        let start = self.start();
        attention::backward(shape, q, k, v, starts, out, log_sum_exp, d_out, d_q, d_k, d_v);
        self.stop(start, "attention_backward", 10 * shape.pairs(starts) * shape.heads * shape.head_dim);
    }

    fn glu(&mut self, activation: Activation, gate: &Vec<f32>, up: &Vec<f32>, len: usize, out: &mut Vec<f32>) {
        let start = self.start();
        elementwise::glu(activation, &gate[..len], &up[..len], &mut out[..len]);
        self.stop(start, "glu", 0);
    }

    fn glu_backward(
        &mut self,
        activation: Activation,
        d_out: &Vec<f32>,
        len: usize,
        gate: &mut Vec<f32>,
        up: &mut Vec<f32>,
    ) {
        let start = self.start();
        elementwise::glu_backward(activation, &d_out[..len], &mut gate[..len], &mut up[..len]);
        self.stop(start, "glu_backward", 0);
    }

    fn activate(&mut self, activation: Activation, x: &Vec<f32>, len: usize, out: &mut Vec<f32>) {
        let start = self.start();
        elementwise::activate(activation, &x[..len], &mut out[..len]);
        self.stop(start, "activate", 0);
    }

    fn activate_backward(&mut self, activation: Activation, d_out: &Vec<f32>, len: usize, x: &mut Vec<f32>) {
        let start = self.start();
        elementwise::activate_backward(activation, &d_out[..len], &mut x[..len]);
        self.stop(start, "activate_backward", 0);
    }

    fn dropout(&mut self, dropout: Dropout, x: &Vec<f32>, len: usize, accumulate: bool, out: &mut Vec<f32>) {
        let start = self.start();
        elementwise::dropout(dropout, &x[..len], accumulate, &mut out[..len]);
        self.stop(start, "dropout", 0);
    }

    fn add(&mut self, y: &Vec<f32>, len: usize, x: &mut Vec<f32>) {
        let start = self.start();
        elementwise::add(&y[..len], &mut x[..len]);
        self.stop(start, "add", 0);
    }

    fn fill(&mut self, value: f32, len: usize, x: &mut Vec<f32>) {
        let start = self.start();
        x[..len].fill(value);
        self.stop(start, "fill", 0);
    }

    fn copy(&mut self, x: &Vec<f32>, len: usize, out: &mut Vec<f32>) {
        let start = self.start();
        out[..len].copy_from_slice(&x[..len]);
        self.stop(start, "copy", 0);
    }

    fn pack_half(&mut self, x: &Vec<f32>, len: usize, out: &mut Vec<f32>) {
        let start = self.start();
        elementwise::pack_half(&x[..len], &mut bytemuck::cast_slice_mut(out)[..len]);
        self.stop(start, "pack_half", 0);
    }

    fn unpack_half(&mut self, x: &Vec<f32>, len: usize, out: &mut Vec<f32>) {
        let start = self.start();
        elementwise::unpack_half(&bytemuck::cast_slice(x)[..len], &mut out[..len]);
        self.stop(start, "unpack_half", 0);
    }

    fn gather_rows(&mut self, x: &Vec<f32>, rows: &Vec<u32>, count: usize, columns: usize, out: &mut Vec<f32>) {
        let start = self.start();
        for (&row, out) in rows[..count].iter().zip(out.chunks_exact_mut(columns)) {
            out.copy_from_slice(&x[row as usize * columns..][..columns]);
        }
        self.stop(start, "gather_rows", 0);
    }

    fn scatter_rows(&mut self, x: &Vec<f32>, rows: &Vec<u32>, count: usize, columns: usize, out: &mut Vec<f32>) {
        let start = self.start();
        for (&row, x) in rows[..count].iter().zip(x.chunks_exact(columns)) {
            out[row as usize * columns..][..columns].copy_from_slice(x);
        }
        self.stop(start, "scatter_rows", 0);
    }

    fn cross_entropy(
        &mut self,
        targets: &Vec<u32>,
        rows: usize,
        vocabulary: usize,
        weight: f32,
        softcap: Option<f32>,
        logits: &mut Vec<f32>,
        losses: &mut Vec<f32>,
    ) {
        let start = self.start();
        loss::cross_entropy(
            &targets[..rows],
            vocabulary,
            weight,
            softcap,
            &mut logits[..rows * vocabulary],
            &mut losses[..rows],
        );
        self.stop(start, "cross_entropy", 0);
    }

    fn sum_of_squares(&mut self, x: &Vec<f32>, len: usize, slot: usize, out: &mut Vec<f32>) {
        let start = self.start();
        out[slot] = loss::sum_of_squares(&x[..len]);
        self.stop(start, "sum_of_squares", 0);
    }

    fn adamw_step(
        &mut self,
        hyper: &AdamW,
        gradient: &Vec<f32>,
        len: usize,
        parameter: &mut Vec<f32>,
        first_moment: &mut Vec<f32>,
        second_moment: &mut Vec<f32>,
    ) {
        let start = self.start();
        elementwise::adamw_step(
            hyper,
            &gradient[..len],
            &mut parameter[..len],
            &mut first_moment[..len],
            &mut second_moment[..len],
        );
        self.stop(start, "adamw_step", 0);
    }
}

/// True when the weight can be used by a matmul without decoding: f32, aligned, little-endian host.
fn as_f32(weight: &WeightSource) -> Option<&[f32]> {
    if weight.format != Format::F32 || cfg!(target_endian = "big") {
        return None;
    }
    bytemuck::try_cast_slice(weight.bytes.as_slice()).ok()
}
