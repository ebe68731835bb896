//! How much memory a run takes, counted by building its engine on an executor that holds nothing, and what
//! would fit where it takes too much.

use std::collections::BTreeMap;

use halligan_shaders::{DeviceKind, Dropout, counting::CountingExecutor};

use super::{Plan, TrainError, TrainOptions, TrainingSet};
use crate::{
    adapter::{Adapter, LoraPair},
    engine::{Engine, Recompute},
    lora::{Target, tensor_name},
    model::BaseModel,
};

/// Values of a parameter that are kept: itself, its gradient, two moments.
const COPIES: u64 = 4;
/// Of one value.
const BYTES: u64 = 4;

/// Memory of a run by kind, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct MemoryPlan {
    /// Frozen matrices in the format of the file. A CPU reads them from the mapped file.
    pub weights: u64,
    /// Factors, gradients and both moments.
    pub adapter: u64,
    /// Logits of one chunk of rows, the only ones that ever exist.
    pub logits: u64,
    /// All else: activations and their gradients, which grow with the tokens of a device batch, norm gains, angles.
    pub activations: u64,
    /// The largest single buffer.
    pub largest: u64,
    /// Trained parameters.
    pub parameters: u64,
    /// Rows (tokens) of a device batch that there is room for.
    pub rows: usize,
}

impl MemoryPlan {
    /// Counts for an adapter of this shape (its values do not matter) and batches of `rows` tokens.
    ///
    /// # Errors
    /// [`TrainError::Executor`] for a weight whose bytes do not fit its shape.
    pub fn new(
        base: &BaseModel,
        adapter: &Adapter,
        rows: usize,
        recompute: Recompute,
        dropout: f64,
    ) -> Result<Self, TrainError> {
        let mut engine = Engine::new(CountingExecutor::new(), base, adapter, rows, recompute)?;
        if dropout > 0.0 {
            engine.set_dropout(Some(Dropout { probability: dropout as f32, seed: 0 }))?;
        }
        let logits = BYTES * (engine.logit_rows() * base.description.vocabulary) as u64;
        let exec = engine.executor();
        let parameters = adapter.parameter_count() as u64;
        let adapter = BYTES * COPIES * parameters;
        Ok(Self {
            weights: exec.weight_bytes(),
            adapter,
            logits,
            activations: exec.value_bytes().saturating_sub(adapter + logits),
            largest: exec.largest_bytes(),
            parameters,
            rows,
        })
    }

    /// The plan of a run, with the adapter that it starts from.
    ///
    /// # Errors
    /// [`TrainError`] for options that cannot be.
    pub fn of_run(
        base: &BaseModel,
        set: &TrainingSet<'_>,
        plan: &Plan,
        options: &TrainOptions,
        initial: Option<&Adapter>,
    ) -> Result<Self, TrainError> {
        let shape = match initial {
            Some(adapter) => adapter.clone(),
            None => shape_of(base, options)?,
        };
        let longest = set.held_out().iter().map(|example| example.tokens.len()).max().unwrap_or(0);
        let rows = plan.max_batch_tokens(set).max(longest.min(options.sequence_tokens));
        Self::new(base, &shape, rows, options.recompute, options.dropout)
    }

    /// The plan for fresh adapters and batches of `rows` tokens, with another way to keep activations.
    ///
    /// # Errors
    /// [`TrainError`] for options that cannot be.
    pub fn of_options(
        base: &BaseModel,
        options: &TrainOptions,
        rows: usize,
        recompute: Recompute,
    ) -> Result<Self, TrainError> {
        Self::new(base, &shape_of(base, options)?, rows, recompute, options.dropout)
    }

    /// All bytes that a device of this kind holds.
    pub fn total(&self, device: DeviceKind) -> u64 {
        let values = self.adapter + self.logits + self.activations;
        if device == DeviceKind::Cpu { values } else { values + self.weights }
    }
}

/// The first adapter's shapes, all zero.
fn shape_of(base: &BaseModel, options: &TrainOptions) -> Result<Adapter, TrainError> {
    let d = &base.description;
    let lora = options.lora();
    let matrices = lora.matrices(d).map_err(|problem| TrainError::BadOption { option: "--targets", problem })?;
    let mut pairs = BTreeMap::new();
    let lowest = d.layers - options.top_layers.unwrap_or(d.layers).min(d.layers);
    for layer in lowest..d.layers {
        for matrix in &matrices {
            let (outputs, inputs) = d.matrix_shape(matrix);
            let rank = options.rank;
            let pair = LoraPair { a: vec![0.0; rank * inputs], b: vec![0.0; outputs * rank], rank, inputs, outputs };
            pairs.insert(tensor_name(layer, matrix), pair);
        }
    }
    let base_sha256 = Some(base.sha256.clone());
    Ok(Adapter { architecture: d.architecture.clone(), alpha: 1.0, rank: options.rank, base_sha256, pairs })
}

/// One way to take less memory, in the words of the command line.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Saving {
    /// What to change.
    pub change: String,
    /// Bytes that the run then takes.
    pub bytes: u64,
}

/// Ways to make a run smaller, each with what it then takes, the least painful first: rounding activations or
/// computing them again, smaller batches, shorter sequences, fewer layers, a lower rank, fewer matrices.
///
/// # Errors
/// [`TrainError`] for options that cannot be.
pub fn savings(
    base: &BaseModel,
    options: &TrainOptions,
    rows: usize,
    initial: Option<&Adapter>,
    device: DeviceKind,
) -> Result<Vec<Saving>, TrainError> {
    let mut options = TrainOptions { recompute: Recompute::Half, ..options.clone() };
    let (mut rows, mut change) = (rows, "--recompute blocks".to_owned());
    let mut found = Vec::new();
    let mut measure = |options: &TrainOptions, rows: usize, change: &str| -> Result<(), TrainError> {
        let shape = match initial {
            Some(adapter) => adapter.clone(),
            None => shape_of(base, options)?,
        };
        let bytes = MemoryPlan::new(base, &shape, rows, options.recompute, options.dropout)?.total(device);
        found.push(Saving { change: change.to_owned(), bytes });
        Ok(())
    };
    measure(&options, rows, "--recompute half")?;
    options.recompute = Recompute::Blocks;
    measure(&options, rows, &change)?;
    if options.batch > 1 {
        rows = rows.div_ceil(options.batch);
        options.batch = 1;
        change += " --batch 1";
        measure(&options, rows, &change)?;
    }
    let mut tokens = options.sequence_tokens;
    let stem = change;
    while tokens >= 128 {
        tokens /= 2;
        rows = rows.min(tokens);
        measure(&options, rows, &format!("{stem} --seq {tokens}"))?;
    }
    if initial.is_none() {
        let few = format!("{stem} --seq {tokens} --rank {}", options.rank.min(4));
        options.rank = options.rank.min(4);
        measure(&options, rows, &few)?;
        if lora_takes(base, &[Target::Q, Target::V]) {
            options.targets = vec![Target::Q, Target::V];
            measure(&options, rows, &format!("{few} --targets q,v"))?;
        }
    }
    Ok(found)
}

/// Whether a base lets these targets be chosen without others.
fn lora_takes(base: &BaseModel, targets: &[Target]) -> bool {
    crate::lora::LoraOptions::new(targets, 1, 1.0).matrices(&base.description).is_ok()
}

/// Refuses a run that takes more than `available` bytes, and says what would fit.
///
/// # Errors
/// [`TrainError::DoesNotFit`].
pub fn check_fits(
    base: &BaseModel,
    plan: &MemoryPlan,
    options: &TrainOptions,
    initial: Option<&Adapter>,
    device: DeviceKind,
    available: u64,
) -> Result<(), TrainError> {
    let needed = plan.total(device);
    if needed <= available {
        return Ok(());
    }
    let savings = savings(base, options, plan.rows, initial, device)?;
    let advice = match savings.iter().find(|saving| saving.bytes <= available) {
        Some(saving) => format!("{} would fit with {}", saving.change, megabytes(saving.bytes)),
        None => match savings.last() {
            Some(least) => {
                format!("even {} takes {}; use a smaller base or another machine", least.change, megabytes(least.bytes))
            }
            None => "use a smaller base or another machine".to_owned(),
        },
    };
    let limit = format!(", there are {} left", megabytes(available));
    Err(TrainError::DoesNotFit { needed: megabytes(needed), limit, advice })
}

fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}
