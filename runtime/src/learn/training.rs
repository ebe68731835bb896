//! The training step of learning: rows in, candidate adapter out, by the engine that headquarters
//! uses too.

use std::path::Path;

use halligan_finetune::adapter::Adapter;
use halligan_finetune::chat::ChatTemplate;
use halligan_finetune::dataset::{Row, encode_rows};
use halligan_finetune::device::DeviceChoice;
use halligan_finetune::lora::{Target, targets_of};
use halligan_finetune::model::BaseModel;
use halligan_finetune::tokenizer::Tokenizer;
use halligan_finetune::train::{Continuation, Control, StepReport, TrainEvent, TrainOptions, TrainOutcome, train};

use crate::error::LearnError;

/// Passes over the rows: the adapter is near its goal, and each further pass costs of the rest.
const EPOCHS: f64 = 2.0;

/// Fewest optimizer steps, however few the rows: a correction needs about this many.
const STEPS_MIN: f64 = 60.0;

/// Peak learning rate of an update of an adapter.
const LEARNING_RATE: f64 = 5e-4;

/// The same for a first adapter, which starts with nothing and has nothing to lose.
const FIRST_LEARNING_RATE: f64 = 1e-3;

/// Fewest optimizer steps of a first adapter.
const FIRST_STEPS_MIN: f64 = 150.0;

/// What a candidate is trained from.
pub struct Training<'a> {
    /// The base model.
    pub model: &'a Path,
    /// The active adapter; `None` where the base answers.
    pub adapter: Option<&'a Path>,
    /// Training rows.
    pub rows: &'a [Row],
    /// Rank of a first adapter; a later one keeps its rank.
    pub rank: usize,
    /// Longest sequence in tokens, limited by the model's context.
    pub sequence_tokens: usize,
    /// Upper limit of steps.
    pub max_steps: Option<usize>,
    /// Seed of shuffling and of a first adapter.
    pub seed: u64,
    /// Processor.
    pub device: DeviceChoice,
}

/// Trains a candidate. `on_step` returns false to stop; the outcome then says `stopped`.
///
/// # Errors
/// [`LearnError::Training`] with the engine's own words.
pub fn train_candidate(
    training: &Training<'_>,
    on_step: &mut dyn FnMut(&StepReport) -> bool,
) -> Result<TrainOutcome, LearnError> {
    let base = BaseModel::open(training.model).map_err(failed)?;
    let tokenizer = Tokenizer::from_gguf(&base.file).map_err(failed)?;
    let template = ChatTemplate::from_gguf(&base.file, &tokenizer).map_err(failed)?;
    let initial_adapter = training.adapter.map(Adapter::read_gguf).transpose().map_err(failed)?;
    let mut options = options(training, &base, initial_adapter.as_ref());
    let examples = encode_rows("the corrections", training.rows, &tokenizer, Some(&template), options.sequence_tokens)
        .map_err(failed)?;
    let tokens: usize = examples.iter().map(|example| example.tokens.len()).sum();
    let steps_per_epoch = (tokens as f64 / options.sequence_tokens as f64).max(1.0);
    let steps_min = if initial_adapter.is_some() { STEPS_MIN } else { FIRST_STEPS_MIN };
    options.epochs = EPOCHS.max((steps_min / steps_per_epoch).ceil());
    let continuation = Continuation { initial_adapter, ..Continuation::default() };
    train(&base, &examples, &options, training.device, &continuation, &mut |event| match event {
        TrainEvent::Step(report) if !on_step(report) => Control::Stop,
        _ => Control::Continue,
    })
    .map_err(failed)
}

/// Options of an update: shape of the active adapter, if there is one.
fn options(training: &Training<'_>, base: &BaseModel, initial: Option<&Adapter>) -> TrainOptions {
    let defaults = TrainOptions::default();
    let (rank, alpha, targets) = match initial {
        Some(adapter) => (adapter.rank, adapter.alpha, targets_of(adapter, &base.description)),
        None => (training.rank, 2.0 * training.rank as f32, Target::ALL.to_vec()),
    };
    TrainOptions {
        rank,
        alpha,
        targets,
        learning_rate: if initial.is_some() { LEARNING_RATE } else { FIRST_LEARNING_RATE },
        max_steps: training.max_steps,
        sequence_tokens: training.sequence_tokens.min(base.description.context_tokens),
        seed: training.seed,
        ..defaults
    }
}

fn failed(error: impl std::fmt::Display) -> LearnError {
    LearnError::Training(error.to_string())
}
