//! The model without training: loss of rows, logits of a prompt.

use halligan_shaders::Executor;

use super::TrainError;
use crate::{
    adapter::Adapter,
    dataset::Example,
    engine::{Batch, Engine, Recompute},
    model::BaseModel,
};

/// An adapter without any matrix, to run the base alone.
fn no_adapter(base: &BaseModel) -> Adapter {
    Adapter {
        architecture: base.description.architecture.clone(),
        alpha: 1.0,
        rank: 1,
        base_sha256: Some(base.sha256.clone()),
        pairs: Default::default(),
    }
}

pub(super) fn mean_loss<E: Executor>(
    exec: E,
    base: &BaseModel,
    adapter: Option<&Adapter>,
    examples: &[Example],
    observe: &mut dyn FnMut(usize, usize),
) -> Result<(f64, usize), TrainError> {
    let none = no_adapter(base);
    let longest = examples.iter().map(|example| example.tokens.len()).max().ok_or(TrainError::NoExamples)?;
    let mut engine = Engine::new(exec, base, adapter.unwrap_or(&none), longest, Recompute::Blocks)?;
    let (mut total, mut count) = (0.0, 0);
    for (done, example) in examples.iter().enumerate() {
        let losses = engine.losses(&Batch::of([example]))?;
        total += losses.iter().map(|&loss| f64::from(loss)).sum::<f64>();
        count += losses.len();
        observe(done + 1, examples.len());
    }
    Ok((total / count.max(1) as f64, count))
}

pub(super) fn last_logits<E: Executor>(
    exec: E,
    base: &BaseModel,
    adapter: Option<&Adapter>,
    tokens: &[u32],
) -> Result<Vec<f32>, TrainError> {
    let none = no_adapter(base);
    let mut engine = Engine::new(exec, base, adapter.unwrap_or(&none), tokens.len(), Recompute::Blocks)?;
    Ok(engine.last_logits(&Batch::of_tokens(tokens))?)
}
