//! Options of a training run, with their defaults and checks.

use super::TrainError;
use crate::{engine::Recompute, lora::Target, model::BaseModel, schedule::Schedule};

/// Options of a run. Names follow the command line of `halligan-host train`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TrainOptions {
    /// r, rank of the factors.
    pub rank: usize,
    /// alpha; the adapter's product is scaled by alpha / r.
    pub alpha: f32,
    /// Adapted matrices.
    pub targets: Vec<Target>,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Passes over the data.
    pub epochs: f64,
    /// Stop after this many steps, whatever the epochs say.
    pub max_steps: Option<usize>,
    /// Sequences in a device batch.
    pub batch: usize,
    /// Device batches in an optimizer step.
    pub accumulate: usize,
    /// Tokens of a sequence; rows are packed into sequences of at most this length.
    pub sequence_tokens: usize,
    /// Seed of initial factors and shuffling.
    pub seed: u64,
    /// Shape of the learning rate.
    pub schedule: Schedule,
    /// Steps of linear warm-up.
    pub warmup_steps: usize,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Gradients are scaled down to this norm; 0 turns clipping off.
    pub max_grad_norm: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Shuffle rows each epoch.
    pub shuffle: bool,
    /// Pack several rows into one sequence.
    pub pack: bool,
    /// Trade time for memory.
    pub recompute: Recompute,
    /// Steps between checkpoints.
    pub checkpoint_steps: usize,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            rank: 16,
            alpha: 32.0,
            targets: Target::ALL.to_vec(),
            learning_rate: 2e-4,
            epochs: 3.0,
            max_steps: None,
            batch: 1,
            accumulate: 1,
            sequence_tokens: 512,
            seed: 1,
            schedule: Schedule::Cosine,
            warmup_steps: 10,
            weight_decay: 0.0,
            max_grad_norm: 1.0,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            shuffle: true,
            pack: true,
            recompute: Recompute::Never,
            checkpoint_steps: 50,
        }
    }
}

impl TrainOptions {
    /// Checks every value, alone and against the base.
    ///
    /// # Errors
    /// [`TrainError::BadOption`] that names the option and its range.
    pub fn check(&self, base: &BaseModel) -> Result<(), TrainError> {
        let context = base.description.context_tokens;
        let checks = [
            ((1..=1024).contains(&self.rank), "--rank", "must be 1 to 1024".to_owned()),
            (self.alpha.is_finite() && self.alpha > 0.0, "--alpha", "must be above 0".to_owned()),
            (!self.targets.is_empty(), "--targets", "must name at least one of q,k,v,o,gate,up,down".to_owned()),
            ((0.0..=1.0).contains(&self.learning_rate), "--lr", "must be 0 to 1".to_owned()),
            (self.epochs.is_finite() && self.epochs > 0.0, "--epochs", "must be above 0".to_owned()),
            (self.max_steps != Some(0), "--max-steps", "must be at least 1".to_owned()),
            ((1..=4096).contains(&self.batch), "--batch", "must be 1 to 4096".to_owned()),
            ((1..=4096).contains(&self.accumulate), "--accumulate", "must be 1 to 4096".to_owned()),
            (
                (2..=context).contains(&self.sequence_tokens),
                "--seq",
                format!("must be 2 to {context}, the context of the base"),
            ),
            ((0.0..=1.0).contains(&self.weight_decay), "--weight-decay", "must be 0 to 1".to_owned()),
            (
                self.max_grad_norm.is_finite() && self.max_grad_norm >= 0.0,
                "--max-grad-norm",
                "must be 0 (off) or above".to_owned(),
            ),
        ];
        for (holds, option, problem) in checks {
            if !holds {
                return Err(TrainError::BadOption { option, problem });
            }
        }
        Ok(())
    }
}
