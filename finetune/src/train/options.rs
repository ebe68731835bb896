//! Options of a training run, with their defaults and checks.

use super::TrainError;
use crate::{
    adapter::Adapter,
    engine::Recompute,
    lora::{LoraOptions, Target, fresh_adapter},
    model::BaseModel,
    schedule::{Decay, LearningRateCurve, Schedule},
};

/// Most passes over the data: more than any run takes, few enough to count with.
const EPOCHS_MAX: f64 = 1e6;

/// Options of a run. Names follow the command line of `halligan-host train`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct TrainOptions {
    /// r, rank of the factors.
    pub rank: usize,
    /// alpha; the adapter's product is scaled by alpha / r.
    pub alpha: f32,
    /// Scale by alpha / sqrt(r) instead (rsLoRA, Kalajdzievski 2023, arXiv 2312.03732).
    pub rank_stabilized: bool,
    /// Share of the adapter's inputs that is dropped while training.
    pub dropout: f64,
    /// Adapted matrices.
    pub targets: Vec<Target>,
    /// Adapt only this many blocks, the ones nearest to the output.
    pub top_layers: Option<usize>,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// The learning rate of B is this many times that of A (LoRA+, Hayou et al. 2024, arXiv 2402.12354).
    pub lora_plus_ratio: f64,
    /// Passes over the data.
    pub epochs: f64,
    /// Stop after this many steps, whatever the epochs say.
    pub max_steps: Option<usize>,
    /// Sequences in a device batch.
    pub batch: usize,
    /// Device batches in an optimizer step.
    pub accumulate: usize,
    /// Let the step grow with the gradient's noise, up to this many sequences.
    pub batch_max: Option<usize>,
    /// Tokens of a sequence; rows are packed into sequences of at most this length.
    pub sequence_tokens: usize,
    /// Seed of initial factors and shuffling.
    pub seed: u64,
    /// Shape of the learning rate.
    pub schedule: Schedule,
    /// Steps of linear warm-up.
    pub warmup_steps: usize,
    /// Warm-up as a share of the steps, in place of `warmup_steps`.
    pub warmup_ratio: Option<f64>,
    /// Lowest learning rate after the warm-up, as a share of the peak.
    pub floor: f64,
    /// Half cosines of [`Schedule::CosineRestarts`].
    pub cycles: usize,
    /// Share of the run over which [`Schedule::Wsd`] falls.
    pub decay_share: f64,
    /// How it falls.
    pub decay: Decay,
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
    /// Steps between evaluations on the held-out rows.
    pub eval_steps: usize,
    /// Stop after this many evaluations in a row without improvement.
    pub patience: Option<usize>,
    /// Nats by which an evaluation must be better to count as improvement.
    pub threshold: f64,
    /// Stop when the loss stays this many times above its running median; 0 turns it off.
    pub divergence_factor: f64,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            rank: 16,
            alpha: 32.0,
            rank_stabilized: false,
            dropout: 0.0,
            targets: Target::ALL.to_vec(),
            top_layers: None,
            learning_rate: 2e-4,
            lora_plus_ratio: 1.0,
            epochs: 3.0,
            max_steps: None,
            batch: 1,
            accumulate: 1,
            batch_max: None,
            sequence_tokens: 512,
            seed: 1,
            schedule: Schedule::Cosine,
            warmup_steps: 10,
            warmup_ratio: None,
            floor: 0.0,
            cycles: 1,
            decay_share: 0.2,
            decay: Decay::Cosine,
            weight_decay: 0.0,
            max_grad_norm: 1.0,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            shuffle: true,
            pack: true,
            recompute: Recompute::Never,
            checkpoint_steps: 50,
            eval_steps: 50,
            patience: None,
            threshold: 0.0,
            divergence_factor: 3.0,
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
        let layers = base.description.layers;
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let twice = self.targets.iter().enumerate().find(|(index, target)| self.targets[..*index].contains(target));
        let plain = |text: &str| text.to_owned();
        let checks = [
            ((1..=1024).contains(&self.rank), "--rank", plain("must be 1 to 1024")),
            (self.alpha.is_finite() && self.alpha > 0.0, "--alpha", plain("must be above 0 and finite; 32 is usual")),
            ((0.0..1.0).contains(&self.dropout), "--dropout", plain("must be 0 (off) to below 1")),
            (!self.targets.is_empty(), "--targets", plain("must name at least one of q,k,v,o,gate,up,down")),
            (twice.is_none(), "--targets", format!("name {} twice", twice.map_or("", |(_, target)| target.name()))),
            (
                self.top_layers.is_none_or(|top| (1..=layers).contains(&top)),
                "--top-layers",
                format!("must be 1 to {layers}, the layers of the base"),
            ),
            (share(self.learning_rate) && self.learning_rate > 0.0, "--lr", plain("must be above 0, and 1 at most")),
            (
                (1e-3..=1e3).contains(&self.lora_plus_ratio),
                "--lora-plus-ratio",
                plain("must be 0.001 to 1000; 1 turns it off, 16 is usual"),
            ),
            (
                self.epochs > 0.0 && self.epochs <= EPOCHS_MAX,
                "--epochs",
                format!("must be above 0, and {EPOCHS_MAX:.0} at most"),
            ),
            (self.max_steps != Some(0), "--max-steps", plain("must be at least 1")),
            ((1..=4096).contains(&self.batch), "--batch", plain("must be 1 to 4096")),
            ((1..=4096).contains(&self.accumulate), "--accumulate", plain("must be 1 to 4096")),
            (
                self.batch_max.is_none_or(|most| most >= 2 * self.batch && most >= self.batch * self.accumulate),
                "--batch-max",
                format!(
                    "must be at least {}: two device batches, and no less than --batch times --accumulate",
                    (2 * self.batch).max(self.batch * self.accumulate)
                ),
            ),
            (
                (2..=context).contains(&self.sequence_tokens),
                "--seq",
                format!("must be 2 to {context}, the context of the base"),
            ),
            (
                self.warmup_ratio.is_none_or(|ratio| (0.0..1.0).contains(&ratio)),
                "--warmup-ratio",
                plain("must be 0 to below 1: something must be left to train at the full rate"),
            ),
            (
                self.schedule != Schedule::Wsd || self.warmup_ratio.unwrap_or(0.0) + self.decay_share <= 1.0,
                "--warmup-ratio",
                format!("and --decay-share {} are more than the whole run; lower one", self.decay_share),
            ),
            (share(self.floor), "--floor", plain("must be 0 to 1, a share of --lr")),
            ((1..=1000).contains(&self.cycles), "--cycles", plain("must be 1 to 1000")),
            (share(self.decay_share), "--decay-share", plain("must be 0 to 1, a share of the steps")),
            (share(self.weight_decay), "--weight-decay", plain("must be 0 to 1")),
            (
                self.max_grad_norm.is_finite() && self.max_grad_norm >= 0.0,
                "--max-grad-norm",
                plain("must be 0 (off) or above"),
            ),
            (self.checkpoint_steps > 0, "--checkpoint-steps", plain("must be at least 1")),
            (self.eval_steps > 0, "--eval-steps", plain("must be at least 1")),
            (self.patience != Some(0), "--patience", plain("must be at least 1 evaluation")),
            (self.threshold.is_finite() && self.threshold >= 0.0, "--threshold", plain("must be 0 or above, in nats")),
            (
                self.divergence_factor == 0.0 || (1.0..=1e6).contains(&self.divergence_factor),
                "--divergence-factor",
                plain("must be 0 (off) or 1 to 1000000"),
            ),
        ];
        for (holds, option, problem) in checks {
            if !holds {
                return Err(TrainError::BadOption { option, problem });
            }
        }
        Ok(())
    }

    /// Device batches of the first step: an adaptive batch needs two to measure anything.
    pub(super) fn first_accumulate(&self) -> usize {
        self.accumulate.max(if self.batch_max.is_some() { 2 } else { 1 })
    }

    /// The learning rate over a run of `steps`.
    pub fn curve(&self, steps: usize) -> LearningRateCurve {
        // As transformers counts: `ceil(steps * ratio)`.
        let by_ratio = self.warmup_ratio.map(|ratio| (steps as f64 * ratio).ceil() as usize);
        LearningRateCurve {
            schedule: self.schedule,
            warmup_steps: by_ratio.unwrap_or(self.warmup_steps),
            floor: self.floor,
            cycles: self.cycles,
            decay_share: self.decay_share,
            decay: self.decay,
        }
    }

    /// Shape and scale of a first adapter.
    pub fn lora(&self) -> LoraOptions {
        LoraOptions {
            targets: self.targets.clone(),
            rank: self.rank,
            alpha: self.alpha,
            rank_stabilized: self.rank_stabilized,
            top_layers: self.top_layers,
        }
    }

    /// The adapter that a run without another start begins with.
    ///
    /// # Errors
    /// [`TrainError::BadOption`] for targets that share a matrix with others.
    pub fn first_adapter(&self, base: &BaseModel) -> Result<Adapter, TrainError> {
        fresh_adapter(&base.description, &base.sha256, &self.lora(), self.seed)
            .map_err(|problem| TrainError::BadOption { option: "--targets", problem })
    }
}
