//! A training run: options in, adapter out, progress reported on the way.

mod checkpoint;
mod error;
mod options;
mod plan;
mod run;

pub use checkpoint::{Checkpoint, data_fingerprint};
pub use error::TrainError;
pub use options::TrainOptions;
pub use plan::{Plan, StepPlan};

use std::path::PathBuf;

use halligan_shaders::Executor;

use crate::{
    adapter::Adapter,
    dataset::Example,
    device::{self, Device, DeviceChoice},
    engine::{Batch, Engine},
    model::BaseModel,
};

/// What the caller wants next, answered to each event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Write a checkpoint and stop after this step.
    Stop,
}

/// One optimizer step.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct StepReport {
    /// Steps done, from 1.
    pub step: usize,
    /// Steps of the whole run.
    #[serde(skip)]
    pub steps: usize,
    /// Mean negative log-likelihood of the step's target tokens, nats.
    pub loss: f64,
    /// Learning rate of the step.
    pub lr: f64,
    /// Gradient norm before clipping.
    pub grad_norm: f32,
    /// Tokens processed in the step, targets or not.
    pub tokens: usize,
    /// Wall time of the step.
    pub seconds: f64,
    /// Mean tokens per second since the run began or was resumed.
    #[serde(skip)]
    pub tokens_per_second: f64,
    /// Estimated wall time to the end of the run.
    #[serde(skip)]
    pub seconds_left: f64,
}

/// What happens during a run.
#[derive(Debug, Clone, PartialEq)]
pub enum TrainEvent {
    /// The device is open and the plan is made.
    Started {
        /// Device and why it was chosen.
        device: String,
        /// Optimizer steps of the run.
        steps: usize,
        /// Steps already done, when resumed.
        resumed_from: usize,
        /// Trained parameters.
        parameters: usize,
        /// Training rows.
        examples: usize,
    },
    /// A step was taken.
    Step(StepReport),
    /// A checkpoint was written.
    CheckpointSaved(PathBuf),
}

/// Where a run keeps its checkpoint, and what it continues.
#[derive(Debug, Clone, Default)]
pub struct Continuation {
    /// Folder of the checkpoint; none is written without it.
    pub checkpoint_dir: Option<PathBuf>,
    /// Go on from the checkpoint in that folder.
    pub resume: bool,
    /// Adapter to start from, when not resumed.
    pub initial_adapter: Option<Adapter>,
}

/// Result of a run.
#[derive(Debug, Clone)]
pub struct TrainOutcome {
    /// The adapter after the last step taken.
    pub adapter: Adapter,
    /// Steps done in total.
    pub steps: usize,
    /// The caller stopped the run before its last step; a checkpoint is there when a folder was given.
    pub stopped: bool,
    /// Loss of the last step, nats.
    pub final_loss: f64,
    /// Tokens processed by this call.
    pub tokens: usize,
    /// Wall time of this call's steps.
    pub seconds: f64,
    /// The device in words.
    pub device: String,
    /// Most bytes held on the device.
    pub peak_device_bytes: u64,
}

impl TrainOutcome {
    /// Mean tokens per second.
    pub fn tokens_per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.tokens as f64 / self.seconds } else { 0.0 }
    }
}

/// Trains an adapter.
///
/// # Errors
/// [`TrainError`]: impossible options, data that does not fit, a failing device, a diverging loss, or a
/// checkpoint that belongs to another run.
pub fn train(
    base: &BaseModel,
    examples: &[Example],
    options: &TrainOptions,
    choice: DeviceChoice,
    continuation: &Continuation,
    observe: &mut dyn FnMut(&TrainEvent) -> Control,
) -> Result<TrainOutcome, TrainError> {
    options.check(base)?;
    let selected = device::select(choice)?;
    let reason = selected.reason.clone();
    match selected.device {
        Device::Cpu(exec) => run::run(exec, &reason, base, examples, options, continuation, observe),
        Device::Gpu(exec) => run::run(*exec, &reason, base, examples, options, continuation, observe),
    }
}

/// Mean negative log-likelihood of the target tokens of `examples`, nats, and how many there are.
///
/// # Errors
/// [`TrainError`] when the device fails.
pub fn mean_loss(
    base: &BaseModel,
    adapter: Option<&Adapter>,
    examples: &[Example],
    choice: DeviceChoice,
    observe: &mut dyn FnMut(usize, usize),
) -> Result<(f64, usize), TrainError> {
    match device::select(choice)?.device {
        Device::Cpu(exec) => run::mean_loss(exec, base, adapter, examples, observe),
        Device::Gpu(exec) => run::mean_loss(*exec, base, adapter, examples, observe),
    }
}

/// Logits `[v]` after the last of `tokens`.
///
/// # Errors
/// [`TrainError::BadOption`] for an empty prompt or a token outside the vocabulary, [`TrainError::Executor`]
/// when the device fails.
pub fn last_logits(
    base: &BaseModel,
    adapter: Option<&Adapter>,
    tokens: &[u32],
    choice: DeviceChoice,
) -> Result<Vec<f32>, TrainError> {
    let vocabulary = base.description.vocabulary;
    if tokens.is_empty() || tokens.len() > base.description.context_tokens {
        let problem = format!("has {} tokens; give 1 to {}", tokens.len(), base.description.context_tokens);
        return Err(TrainError::BadOption { option: "--tokens", problem });
    }
    if let Some(token) = tokens.iter().find(|&&token| token as usize >= vocabulary) {
        let problem = format!("holds {token}, the vocabulary ends at {}", vocabulary - 1);
        return Err(TrainError::BadOption { option: "--tokens", problem });
    }
    fn on<E: Executor>(exec: E, base: &BaseModel, adapter: &Adapter, tokens: &[u32]) -> Result<Vec<f32>, TrainError> {
        let mut engine = Engine::new(exec, base, adapter, tokens.len(), crate::engine::Recompute::Blocks)?;
        Ok(engine.last_logits(&Batch::of_tokens(tokens))?)
    }
    let none = run::no_adapter(base);
    let adapter = adapter.unwrap_or(&none);
    match device::select(choice)?.device {
        Device::Cpu(exec) => on(exec, base, adapter, tokens),
        Device::Gpu(exec) => on(*exec, base, adapter, tokens),
    }
}
