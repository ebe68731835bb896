//! The memory that training an adapter takes with the default options, as `train --dry-run` counts it.

use halligan_finetune::{
    device::DeviceKind,
    engine::Recompute,
    model::BaseModel,
    train::{TrainError, TrainOptions, memory::MemoryPlan},
};
use serde::Serialize;

use crate::progress::{bytes, count};

/// Bytes by kind.
#[derive(Debug, Clone, Serialize)]
pub struct TrainingMemory {
    rank: usize,
    sequence_tokens: usize,
    /// The frozen base, as stored; a CPU reads it from the file's memory map.
    base_bytes: u64,
    /// Factors, gradients and moments.
    adapter_bytes: u64,
    /// What grows with the tokens of a batch, and the small tensors of the base.
    activation_bytes: u64,
    /// A chunk of logits.
    logits_bytes: u64,
    total_bytes: u64,
    /// The same when blocks are computed again (`--recompute blocks`).
    total_bytes_recomputed: u64,
}

impl TrainingMemory {
    /// Counts for the default options, all matrices adapted.
    ///
    /// # Errors
    /// [`TrainError`] for a base whose matrices cannot carry an adapter.
    pub fn of(base: &BaseModel) -> Result<Self, TrainError> {
        let defaults = TrainOptions::default();
        let sequence_tokens = defaults.sequence_tokens.min(base.description.context_tokens);
        let plan = |recompute: Recompute| MemoryPlan::of_options(base, &defaults, sequence_tokens, recompute);
        let (kept, recomputed) = (plan(Recompute::Never)?, plan(Recompute::Blocks)?);
        Ok(Self {
            rank: defaults.rank,
            sequence_tokens,
            base_bytes: kept.weights,
            adapter_bytes: kept.adapter,
            activation_bytes: kept.activations,
            logits_bytes: kept.logits,
            total_bytes: kept.total(DeviceKind::Gpu),
            total_bytes_recomputed: recomputed.total(DeviceKind::Gpu),
        })
    }

    /// One line for people.
    pub fn describe(&self) -> String {
        format!(
            "at rank {} and {} tokens {}: base {}, adapter and optimizer {}, activations {}, logits {}; {} with \
             --recompute blocks",
            self.rank,
            count(self.sequence_tokens),
            bytes(self.total_bytes),
            bytes(self.base_bytes),
            bytes(self.adapter_bytes),
            bytes(self.activation_bytes),
            bytes(self.logits_bytes),
            bytes(self.total_bytes_recomputed)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use halligan_finetune::device::DeviceChoice;
    use halligan_finetune::train::{self, Continuation, Control, TrainOptions};

    /// What drivers add.
    const TOLERANCE: f64 = 0.02;

    #[test]
    fn count_is_what_a_run_takes() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("base/halligan-base-q8_0.gguf");
        let base = BaseModel::open(&path).unwrap();
        let counted = TrainingMemory::of(&base).unwrap();
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
