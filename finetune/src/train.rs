//! A training run: options and rows in, adapter out, progress reported on the way.

pub mod budget;
mod checkpoint;
mod damage;
mod divergence;
mod error;
mod exact;
mod forward;
pub mod memory;
mod mixture;
mod noise_scale;
mod options;
mod plan;
mod run;
mod same_run;
mod state;
mod timing;
mod training_set;

pub use checkpoint::{CHECKPOINT_FILE, Checkpoint};
pub use error::TrainError;
pub use options::TrainOptions;
pub use plan::Plan;
pub use timing::Pace;
pub use training_set::{Share, Source, TrainingSet};

use std::path::PathBuf;

use crate::{
    adapter::Adapter,
    dataset::Example,
    device::{self, Device, DeviceChoice},
    model::BaseModel,
};

/// What the caller wants next, answered to each event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Write a checkpoint and wait, asking again a few times a second; memory stays held.
    Pause,
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
    /// Device batches of the step, where their number adapts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_batches: Option<usize>,
    /// Gradient noise scale in target tokens, once it is measured; infinite scales are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise_scale: Option<f64>,
    /// Mean tokens per second since the run began or was resumed.
    #[serde(skip)]
    pub tokens_per_second: f64,
    /// Estimated wall time to the end of the run.
    #[serde(skip)]
    pub seconds_left: f64,
}

/// One evaluation on the held-out rows.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct EvalReport {
    /// Steps done, 0 before the first.
    pub step: usize,
    /// Mean negative log-likelihood of the held-out target tokens, nats.
    pub eval_loss: f64,
    /// Whether it is the lowest so far.
    #[serde(skip)]
    pub best: bool,
}

/// What happens during a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TrainEvent {
    /// The device is open and the plan is made.
    Started {
        /// Device and why it was chosen.
        device: String,
        /// Optimizer steps of the run.
        steps: usize,
        /// Steps already done, when resumed.
        resumed_from: usize,
        /// What is otherwise than when the checkpoint was written, in words; empty for nothing.
        changes: String,
        /// Trained parameters.
        parameters: usize,
        /// Training rows.
        examples: usize,
    },
    /// A step was taken.
    Step(StepReport),
    /// The held-out rows were evaluated.
    Evaluated(EvalReport),
    /// The run waits, since the last answer was [`Control::Pause`].
    Paused,
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

/// The adapter that did best on the held-out rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// The adapter.
    pub adapter: Adapter,
    /// Steps it was trained for; 0 when training only made it worse.
    pub step: usize,
    /// Its held-out loss, nats.
    pub loss: f64,
}

/// Result of a run.
#[derive(Debug, Clone)]
pub struct TrainOutcome {
    /// The adapter after the last step taken.
    pub adapter: Adapter,
    /// The best adapter on the held-out rows, where there are any.
    pub best: Option<Best>,
    /// Steps done in total.
    pub steps: usize,
    /// The caller stopped the run before its last step; a checkpoint is there when a folder was given.
    pub stopped: bool,
    /// The held-out loss did not improve any more, and the run ended early.
    pub stopped_early: bool,
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
pub fn train<'a>(
    base: &BaseModel,
    examples: impl Into<TrainingSet<'a>>,
    options: &TrainOptions,
    choice: DeviceChoice,
    continuation: &Continuation,
    observe: &mut dyn FnMut(&TrainEvent) -> Control,
) -> Result<TrainOutcome, TrainError> {
    options.check(base)?;
    let set = examples.into();
    let plan = Plan::new(&set, options)?;
    let selected = device::select(choice)?;
    let task = run::Task { device: &selected.reason, base, set: &set, plan: &plan, options, continuation };
    match selected.device {
        Device::Cpu(exec) => run::run(exec, task, observe),
        Device::Gpu(exec) => run::run(*exec, task, observe),
    }
}

/// How fast this device trains, by one batch of the plan that is computed and forgotten.
///
/// # Errors
/// [`TrainError`] when the device fails.
pub fn pace(
    base: &BaseModel,
    set: &TrainingSet<'_>,
    plan: &Plan,
    options: &TrainOptions,
    initial: Option<&Adapter>,
    choice: DeviceChoice,
) -> Result<Pace, TrainError> {
    let adapter = match initial {
        Some(adapter) => adapter.clone(),
        None => options.first_adapter(base)?,
    };
    match device::select(choice)?.device {
        Device::Cpu(exec) => timing::pace(exec, base, &adapter, set, plan, options),
        Device::Gpu(exec) => timing::pace(*exec, base, &adapter, set, plan, options),
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
        Device::Cpu(exec) => forward::mean_loss(exec, base, adapter, examples, observe),
        Device::Gpu(exec) => forward::mean_loss(*exec, base, adapter, examples, observe),
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
    match device::select(choice)?.device {
        Device::Cpu(exec) => forward::last_logits(exec, base, adapter, tokens),
        Device::Gpu(exec) => forward::last_logits(*exec, base, adapter, tokens),
    }
}
