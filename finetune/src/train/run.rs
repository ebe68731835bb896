//! The loop: batches, gradients, clipping, optimizer, checkpoints.

use std::time::Instant;

use halligan_shaders::{AdamW, Executor};

use super::{
    Checkpoint, Continuation, Control, Plan, StepPlan, StepReport, TrainError, TrainEvent, TrainOptions, TrainOutcome,
    checkpoint::data_fingerprint,
};
use crate::{
    adapter::Adapter,
    dataset::Example,
    engine::{Batch, Engine, Recompute},
    lora::{LoraOptions, fresh_adapter},
    model::BaseModel,
};

pub(super) fn run<E: Executor>(
    exec: E,
    device: &str,
    base: &BaseModel,
    examples: &[Example],
    options: &TrainOptions,
    continuation: &Continuation,
    observe: &mut dyn FnMut(&TrainEvent) -> Control,
) -> Result<TrainOutcome, TrainError> {
    let plan = Plan::new(examples, options)?;
    let fingerprint = data_fingerprint(examples);
    let resumed = match (&continuation.checkpoint_dir, continuation.resume) {
        (Some(dir), true) => Some(Checkpoint::read(dir, options, &base.sha256, &fingerprint)?),
        _ => None,
    };
    let initial = match (&resumed, &continuation.initial_adapter) {
        (Some(checkpoint), _) => checkpoint.values.clone(),
        (None, Some(adapter)) => {
            adapter.check_fits(&base.file)?;
            adapter.clone()
        }
        (None, None) => {
            let lora = LoraOptions::new(&options.targets, options.rank, options.alpha);
            fresh_adapter(&base.description, &base.sha256, &lora, options.seed)
                .map_err(|problem| TrainError::BadOption { option: "--targets", problem })?
        }
    };
    let max_rows = plan.max_batch_tokens(examples);
    let mut engine = Engine::new(exec, base, &initial, max_rows, options.recompute)?;
    let first_step = resumed.as_ref().map_or(0, |checkpoint| checkpoint.step);
    if let Some(checkpoint) = &resumed {
        engine.restore(&checkpoint.values, &checkpoint.first_moments, &checkpoint.second_moments);
    }
    let steps = plan.steps.len();
    observe(&TrainEvent::Started {
        device: device.to_owned(),
        steps,
        resumed_from: first_step,
        parameters: initial.pairs.values().map(|pair| pair.a.len() + pair.b.len()).sum(),
        examples: examples.len(),
    });
    let save = |engine: &mut Engine<E>, step: usize, observe: &mut dyn FnMut(&TrainEvent) -> Control| {
        let Some(dir) = &continuation.checkpoint_dir else { return Ok(()) };
        let values = engine.adapter(&initial)?;
        let (first_moments, second_moments) = engine.moments(&initial)?;
        let checkpoint = Checkpoint { step, values, first_moments, second_moments };
        let path = checkpoint.write(dir, options, &base.sha256, &fingerprint)?;
        observe(&TrainEvent::CheckpointSaved(path));
        Ok::<(), TrainError>(())
    };
    let began = Instant::now();
    let (mut tokens, mut done, mut stopped, mut final_loss) = (0, first_step, false, f64::NAN);
    for step in first_step..steps {
        let step_began = Instant::now();
        let (loss, grad_norm, step_tokens) = gradients(&mut engine, &plan.steps[step], examples, step)?;
        let lr = options.learning_rate * options.schedule.factor(step, steps, options.warmup_steps);
        engine.step(&optimizer(options, lr, grad_norm, step));
        tokens += step_tokens;
        done = step + 1;
        final_loss = loss;
        let elapsed = began.elapsed().as_secs_f64();
        let report = StepReport {
            step: done,
            steps,
            loss,
            lr,
            grad_norm,
            tokens: step_tokens,
            seconds: step_began.elapsed().as_secs_f64(),
            tokens_per_second: tokens as f64 / elapsed,
            seconds_left: elapsed / (done - first_step) as f64 * (steps - done) as f64,
        };
        let control = observe(&TrainEvent::Step(report));
        if control == Control::Stop && done < steps {
            stopped = true;
            save(&mut engine, done, observe)?;
            break;
        }
        if done % options.checkpoint_steps.max(1) == 0 && done < steps {
            save(&mut engine, done, observe)?;
        }
    }
    Ok(TrainOutcome {
        adapter: engine.adapter(&initial)?,
        steps: done,
        stopped,
        final_loss,
        tokens,
        seconds: began.elapsed().as_secs_f64(),
        device: device.to_owned(),
        peak_device_bytes: engine.executor().peak_bytes(),
    })
}

/// Fills the gradients of one optimizer step; returns mean loss, gradient norm and tokens.
fn gradients<E: Executor>(
    engine: &mut Engine<E>,
    step_plan: &StepPlan,
    examples: &[Example],
    step: usize,
) -> Result<(f64, f32, usize), TrainError> {
    let batches: Vec<Batch> = step_plan.iter().map(|rows| Batch::of(rows.iter().map(|&row| &examples[row]))).collect();
    let targets: usize = batches.iter().map(|batch| batch.targets.len()).sum();
    engine.clear_gradients();
    let mut total = 0.0;
    for batch in &batches {
        let losses = engine.accumulate_gradients(batch, 1.0 / targets as f32)?;
        total += losses.iter().map(|&loss| f64::from(loss)).sum::<f64>();
    }
    let loss = total / targets as f64;
    let grad_norm = engine.gradient_norm()?;
    if !loss.is_finite() || !grad_norm.is_finite() {
        let rows: Vec<String> = step_plan.iter().flatten().map(|&row| examples[row].row.to_string()).collect();
        return Err(TrainError::Diverged { step: step + 1, loss, rows: rows.join(", ") });
    }
    Ok((loss, grad_norm, batches.iter().map(Batch::rows).sum()))
}

fn optimizer(options: &TrainOptions, lr: f64, grad_norm: f32, step: usize) -> AdamW {
    // torch.nn.utils.clip_grad_norm_: scale by max_norm / (norm + 1e-6), never up.
    let clip = options.max_grad_norm / (f64::from(grad_norm) + 1e-6);
    AdamW {
        learning_rate: lr as f32,
        beta1: options.beta1 as f32,
        beta2: options.beta2 as f32,
        epsilon: options.epsilon as f32,
        weight_decay: options.weight_decay as f32,
        step: step as u32 + 1,
        gradient_scale: if options.max_grad_norm > 0.0 { clip.min(1.0) as f32 } else { 1.0 },
    }
}

/// An adapter without any matrix, to run the base alone.
pub(super) fn no_adapter(base: &BaseModel) -> Adapter {
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
