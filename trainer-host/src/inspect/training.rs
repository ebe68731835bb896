//! The memory that training an adapter takes, by kind, counted from the shape of the model.
//!
//! The engine allocates all of it at the start (`engine/workspace.rs` of `halligan-finetune`), so it is a sum over the
//! buffers; a test compares it with what a run really takes.

use halligan_finetune::{
    lora::{LoraOptions, Target},
    model::{BaseModel, Description, FeedForward},
};
use serde::Serialize;

use crate::progress::{bytes, count};

/// Options of `train` where none are given.
const RANK: usize = 16;
const SEQUENCE_TOKENS: usize = 512;
/// Value, gradient and the two moments of AdamW, as f32.
const BYTES_PER_PARAMETER: usize = 16;
/// Logits that the engine computes at a time, and fewest rows of them.
const LOGIT_ELEMENTS: usize = 8 << 20;
const LOGIT_ROWS_MIN: usize = 32;

/// Bytes by kind.
#[derive(Debug, Clone, Serialize)]
pub struct TrainingMemory {
    rank: usize,
    sequence_tokens: usize,
    /// The frozen base, as stored; it stays in the file's memory map.
    base_bytes: usize,
    /// Factors, gradients and moments.
    adapter_bytes: usize,
    /// What each block keeps for its backward pass.
    activation_bytes: usize,
    /// Buffers that all blocks share, and a chunk of logits.
    scratch_bytes: usize,
    total_bytes: usize,
    /// The same when blocks are computed again (`--recompute blocks`).
    total_bytes_recomputed: usize,
}

impl TrainingMemory {
    /// Counts for the default options, all matrices adapted.
    pub fn of(base: &BaseModel) -> Self {
        let d = &base.description;
        let rows = SEQUENCE_TOKENS.min(d.context_tokens);
        let base_bytes = base.file.tensors().map(|tensor| tensor.bytes.len()).sum();
        let options = LoraOptions::new(&Target::ALL, RANK, 1.0);
        let widths = |(outputs, inputs): (usize, usize)| outputs + inputs;
        let matrices = options.matrices(d).unwrap_or_default();
        let parameters = d.layers * RANK * matrices.iter().map(|matrix| widths(d.matrix_shape(matrix))).sum::<usize>();
        let adapter_bytes = parameters * BYTES_PER_PARAMETER;
        let one_block = rows * kept_width(d, matrices.len() * RANK) * size_of::<f32>();
        let inputs = d.layers * rows * d.hidden * size_of::<f32>();
        let activation_bytes = d.layers * one_block + inputs;
        let scratch_bytes = scratch(d, rows);
        let total = |activations: usize| base_bytes + adapter_bytes + activations + scratch_bytes;
        Self {
            rank: RANK,
            sequence_tokens: rows,
            base_bytes,
            adapter_bytes,
            activation_bytes,
            scratch_bytes,
            total_bytes: total(activation_bytes),
            total_bytes_recomputed: total(one_block + inputs),
        }
    }

    /// One line for people.
    pub fn describe(&self) -> String {
        format!(
            "at rank {} and {} tokens {}: base {}, adapter and optimizer {}, activations {}, scratch {}; {} with \
             --recompute blocks",
            self.rank,
            count(self.sequence_tokens),
            bytes(self.total_bytes as u64),
            bytes(self.base_bytes as u64),
            bytes(self.adapter_bytes as u64),
            bytes(self.activation_bytes as u64),
            bytes(self.scratch_bytes as u64),
            bytes(self.total_bytes_recomputed as u64)
        )
    }
}

/// Values per token that a block keeps.
fn kept_width(d: &Description, low_rank: usize) -> usize {
    let (queries, keys) = (d.query_width(), d.key_value_width());
    let gated = matches!(d.feed_forward_kind, FeedForward::Gated(_));
    let unnormed = if d.qk_norm { queries + keys } else { 0 };
    let branches = if d.post_norms { 2 * d.hidden } else { 0 };
    let inner = if gated { 2 * d.feed_forward } else { d.feed_forward };
    2 * queries + 2 * keys + unnormed + d.heads + d.hidden + inner + branches + low_rank
}

fn scratch(d: &Description, rows: usize) -> usize {
    let (queries, keys) = (d.query_width(), d.key_value_width());
    let branch = if d.post_norms { d.hidden } else { 0 };
    let per_row = 4 * d.hidden + 2 * d.feed_forward + 2 * queries + 2 * keys + branch + RANK;
    let head_rows = (LOGIT_ELEMENTS / d.vocabulary).max(LOGIT_ROWS_MIN).min(rows);
    (rows * per_row + head_rows * (4 * d.hidden + d.vocabulary + 1)) * size_of::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use halligan_finetune::device::DeviceChoice;
    use halligan_finetune::train::{self, Continuation, Control, TrainOptions};

    /// Indices, norms and biases are not counted.
    const TOLERANCE: f64 = 0.05;

    #[test]
    fn count_is_what_a_run_takes() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("base/halligan-base-q8_0.gguf");
        let base = BaseModel::open(&path).unwrap();
        let counted = TrainingMemory::of(&base);
        let example = halligan_finetune::dataset::Example {
            tokens: vec![7; counted.sequence_tokens],
            trained: vec![true; counted.sequence_tokens],
            row: 1,
        };
        let options = TrainOptions {
            max_steps: Some(1),
            epochs: 1.0,
            sequence_tokens: counted.sequence_tokens,
            warmup_steps: 0,
            ..TrainOptions::default()
        };
        let outcome =
            train::train(&base, &[example], &options, DeviceChoice::Cpu, &Continuation::default(), &mut |_| {
                Control::Continue
            })
            .unwrap();
        let without_base = (counted.total_bytes - counted.base_bytes) as f64;
        let found = outcome.peak_device_bytes as f64;
        assert!((found / without_base - 1.0).abs() < TOLERANCE, "{found} bytes taken, {without_base} counted");
    }
}
