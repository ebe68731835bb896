//! How long a run takes here, from one device batch: a whole step may hold thousands of them.

use std::time::Instant;

use halligan_shaders::{AdamW, Dropout, Executor};

use super::{Plan, TrainError, TrainOptions, TrainingSet};
use crate::{
    adapter::Adapter,
    engine::{Batch, Engine},
    model::BaseModel,
};

/// A first batch that takes longer than this counts: what it pays for caches and pipelines is little beside it.
const LONG_SECONDS: f64 = 10.0;

/// What one device batch and one optimizer step take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Tokens of a device batch per second, forward and backward.
    pub tokens_per_second: f64,
    /// Wall time of what a step does once, however many batches it has: norm, clipping, optimizer.
    pub step_seconds: f64,
}

/// Measures the batch of middle size, since the cost of a token grows with the length of its sample.
pub(super) fn pace<E: Executor>(
    exec: E,
    base: &BaseModel,
    adapter: &Adapter,
    set: &TrainingSet<'_>,
    plan: &Plan,
    options: &TrainOptions,
) -> Result<Pace, TrainError> {
    let tokens = |rows: &&Vec<usize>| rows.iter().map(|&row| set.examples()[row].tokens.len()).sum::<usize>();
    let mut batches: Vec<&Vec<usize>> = plan.batches().iter().collect();
    batches.sort_by_key(tokens);
    let middle = batches.get(batches.len() / 2).ok_or(TrainError::NoExamples)?;
    let batch = Batch::of(middle.iter().map(|&row| set.examples()[row]));
    let mut engine = Engine::new(exec, base, adapter, batch.rows(), options.recompute)?;
    let dropout = (options.dropout > 0.0).then_some(Dropout { probability: options.dropout as f32, seed: 0 });
    engine.set_dropout(dropout)?;
    let mut batch_seconds = f64::INFINITY;
    for _ in 0..2 {
        let began = Instant::now();
        engine.accumulate_gradients(&batch, 1.0 / batch.targets.len().max(1) as f32)?;
        engine.executor_mut().finish()?;
        batch_seconds = began.elapsed().as_secs_f64();
        if batch_seconds > LONG_SECONDS {
            break;
        }
    }
    let began = Instant::now();
    engine.gradient_norm()?;
    engine.step(&AdamW {
        learning_rate: 0.0,
        beta1: options.beta1 as f32,
        beta2: options.beta2 as f32,
        epsilon: options.epsilon as f32,
        weight_decay: 0.0,
        step: 1,
        gradient_scale: 1.0,
    });
    engine.clear_gradients();
    engine.executor_mut().finish()?;
    Ok(Pace { tokens_per_second: batch.rows() as f64 / batch_seconds, step_seconds: began.elapsed().as_secs_f64() })
}
