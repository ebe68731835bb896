//! The loop: batches, gradients, clipping, optimizer, evaluations, checkpoints.

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;

use std::time::{Duration, Instant};

use halligan_shaders::{AdamW, Dropout, Executor, ExecutorError};
use rand::{RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;

use super::{
    Best, Continuation, Control, EvalReport, Plan, StepReport, TrainError, TrainEvent, TrainOptions, TrainOutcome,
    TrainingSet, checkpoint::Checkpoint, damage::damaged_weight, noise_scale::NormPair, state::RunState,
};
use crate::{
    adapter::Adapter,
    dataset::{Example, pack},
    engine::{Batch, Engine},
    model::BaseModel,
};

/// Time between two questions whether a paused run may go on.
const PAUSE: Duration = Duration::from_millis(200);

/// What is to be done.
#[derive(Clone, Copy)]
pub(super) struct Task<'t, 'a> {
    pub device: &'t str,
    pub base: &'t BaseModel,
    pub set: &'t TrainingSet<'a>,
    pub plan: &'t Plan,
    pub options: &'t TrainOptions,
    pub continuation: &'t Continuation,
}

type Observe<'o> = &'o mut dyn FnMut(&TrainEvent) -> Control;

pub(super) fn run<E: Executor>(exec: E, task: Task<'_, '_>, observe: Observe<'_>) -> Result<TrainOutcome, TrainError> {
    let mut run = Run::start(exec, task)?;
    observe(&TrainEvent::Started {
        device: task.device.to_owned(),
        steps: task.plan.steps(),
        resumed_from: run.state.step,
        changes: std::mem::take(&mut run.changes),
        parameters: run.like.parameter_count(),
        examples: task.set.examples().len(),
    });
    let ending = run.go(observe)?;
    run.outcome(ending)
}

/// Why the loop ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Finished,
    Stopped,
    StoppedEarly,
}

struct Run<'t, 'a, E: Executor> {
    task: Task<'t, 'a>,
    engine: Engine<E>,
    state: RunState,
    /// Shape, names and scale of the adapter.
    like: Adapter,
    best: Option<Adapter>,
    fingerprint: String,
    /// What was otherwise when the checkpoint was written.
    changes: String,
    held_out: Vec<Batch>,
    evaluated_at: Option<usize>,
    saved_at: Option<usize>,
    /// Of this call.
    first_position: usize,
    seconds: f64,
    tokens: usize,
    final_loss: f64,
}

/// Gradients of one optimizer step.
struct StepGradients {
    loss: f64,
    norm: f32,
    tokens: usize,
    pair: Option<NormPair>,
}

impl<'t, 'a, E: Executor> Run<'t, 'a, E> {
    fn start(exec: E, task: Task<'t, 'a>) -> Result<Self, TrainError> {
        let Task { base, set, plan, options, continuation, .. } = task;
        let fingerprint = set.fingerprint();
        let resumed = match (&continuation.checkpoint_dir, continuation.resume) {
            (Some(dir), true) => {
                let read = Checkpoint::read(dir, options, &base.sha256, &fingerprint)?;
                Some(read.placed(dir, plan, options)?)
            }
            _ => None,
        };
        let changes = match &resumed {
            Some(checkpoint) if checkpoint.made_with.max_steps != options.max_steps => {
                let before = Plan::new(set, &checkpoint.made_with)?.steps();
                checkpoint.changes(options, plan.steps(), before)
            }
            Some(checkpoint) => checkpoint.changes(options, plan.steps(), plan.steps()),
            None => String::new(),
        };
        let initial = match (&resumed, &continuation.initial_adapter) {
            (Some(checkpoint), _) => checkpoint.values.clone(),
            (None, Some(adapter)) => {
                adapter.check_fits(&base.file)?;
                adapter.clone()
            }
            (None, None) => options.first_adapter(base)?,
        };
        let held_out = held_out_batches(set.held_out(), options.sequence_tokens);
        let longest = held_out.iter().map(Batch::rows).max().unwrap_or(0);
        let max_rows = plan.max_batch_tokens(set).max(longest);
        let mut engine = Engine::new(exec, base, &initial, max_rows, options.recompute)?;
        let (mut state, mut best, mut saved_at) = (RunState::new(options), None, None);
        if let Some(checkpoint) = resumed {
            engine.restore(&checkpoint.values, &checkpoint.first_moments, &checkpoint.second_moments);
            saved_at = Some(checkpoint.state.step);
            (state, best) = (checkpoint.state, checkpoint.best);
        }
        Ok(Self {
            task,
            engine,
            first_position: state.position,
            evaluated_at: saved_at,
            saved_at,
            state,
            like: initial,
            best,
            fingerprint,
            changes,
            held_out,
            seconds: 0.0,
            tokens: 0,
            final_loss: f64::NAN,
        })
    }

    fn go(&mut self, observe: Observe<'_>) -> Result<Ending, TrainError> {
        let Task { plan, options, .. } = self.task;
        if self.saved_at.is_none() {
            // A run that is killed before its first step can be resumed too.
            self.evaluate(observe)?;
            self.save(observe)?;
        }
        while self.state.position < plan.batches().len() {
            let report = self.step()?;
            let mut control = observe(&TrainEvent::Step(report));
            let done = self.state.position == plan.batches().len();
            if done || self.state.step.is_multiple_of(options.eval_steps) {
                self.evaluate(observe)?;
                if self.state.judged.patience_is_over(options.patience) {
                    return Ok(Ending::StoppedEarly);
                }
            }
            if done {
                break;
            }
            if control == Control::Pause {
                self.save(observe)?;
            }
            while control == Control::Pause {
                std::thread::sleep(PAUSE);
                control = observe(&TrainEvent::Paused);
            }
            if control == Control::Stop {
                self.save(observe)?;
                return Ok(Ending::Stopped);
            }
            // A state that may be on its way to explode is not what a run should go back to.
            let since = self.state.step - self.saved_at.unwrap_or(0);
            if since >= options.checkpoint_steps.max(1) && !self.state.losses.is_above() {
                self.save(observe)?;
            }
        }
        Ok(Ending::Finished)
    }

    /// Takes one optimizer step.
    fn step(&mut self) -> Result<StepReport, TrainError> {
        let Task { base, plan, options, .. } = self.task;
        let began = Instant::now();
        let adapted = self.state.batch.as_ref().map(|batch| batch.count);
        let batches = plan.step_at(self.state.position, adapted.unwrap_or(options.accumulate));
        let gradients = self.gradients(batches).map_err(|error| self.device_failed(error))?;
        let StepGradients { loss, norm, tokens, pair } = gradients;
        if !loss.is_finite() {
            return Err(self.diverged(format!("the loss is {loss} at"), true, batches));
        }
        if !norm.is_finite() {
            let what = format!("the gradient is not finite, at a loss of {loss:.3}, in");
            return Err(self.diverged(what, true, batches));
        }
        let blind = (base.description.vocabulary as f64).ln();
        if let Some(median) = self.state.losses.see(loss, blind, options.divergence_factor) {
            let what = format!("the loss is {loss:.3}, where {median:.3} was the running median, at");
            return Err(self.diverged(what, false, batches));
        }
        let nominal = if adapted.is_some() { plan.nominal_step(self.state.position) } else { self.state.step };
        let lr = options.learning_rate * options.curve(plan.steps()).factor(nominal, plan.steps());
        self.engine.step_lora_plus(&optimizer(options, lr, norm, self.state.step), options.lora_plus_ratio);
        self.state.step += 1;
        self.state.position += batches.len();
        if let (Some(batch), Some(pair)) = (&mut self.state.batch, pair) {
            batch.learn(pair, batches.len());
        }
        let seconds = began.elapsed().as_secs_f64();
        self.seconds += seconds;
        self.tokens += tokens;
        self.final_loss = loss;
        let left = plan.batches().len() - self.state.position;
        let taken = self.state.position - self.first_position;
        let next = self.state.batch.as_ref().map(|batch| batch.count);
        Ok(StepReport {
            step: self.state.step,
            steps: next.map_or(plan.steps(), |count| self.state.step + left.div_ceil(count)),
            loss,
            lr,
            grad_norm: norm,
            tokens,
            seconds,
            device_batches: adapted.map(|_| batches.len()),
            noise_scale: self.state.batch.as_ref().and_then(|batch| batch.noise_scale()).filter(|b| b.is_finite()),
            tokens_per_second: self.tokens as f64 / self.seconds,
            seconds_left: self.seconds / taken as f64 * left as f64,
        })
    }

    /// Fills the gradients of one optimizer step.
    fn gradients(&mut self, step: &[Vec<usize>]) -> Result<StepGradients, ExecutorError> {
        let examples = self.task.set.examples();
        let batches: Vec<Batch> = step.iter().map(|rows| Batch::of(rows.iter().map(|&row| examples[row]))).collect();
        let targets: usize = batches.iter().map(|batch| batch.targets.len()).sum();
        self.engine.clear_gradients();
        let (mut total, mut small) = (0.0, None);
        for (number, batch) in batches.iter().enumerate() {
            self.engine.set_dropout(dropout(self.task.options, self.state.step, number))?;
            let losses = self.engine.accumulate_gradients(batch, 1.0 / targets as f32)?;
            total += losses.iter().map(|&loss| f64::from(loss)).sum::<f64>();
            if number == 0 && self.state.batch.is_some() && batches.len() > 1 {
                // So far the gradients hold this batch's share of the step's mean.
                let count = batch.targets.len() as f64;
                small = Some((count, f64::from(self.engine.gradient_norm()?) * targets as f64 / count.max(1.0)));
            }
        }
        let norm = self.engine.gradient_norm()?;
        Ok(StepGradients {
            loss: total / targets.max(1) as f64,
            norm,
            tokens: batches.iter().map(Batch::rows).sum(),
            pair: small.map(|small| NormPair { small, large: (targets as f64, f64::from(norm)) }),
        })
    }

    /// Judges the adapter on the held-out rows, if there are any, and keeps it when it is the best.
    fn evaluate(&mut self, observe: Observe<'_>) -> Result<(), TrainError> {
        if self.held_out.is_empty() || self.evaluated_at == Some(self.state.step) {
            return Ok(());
        }
        let loss = self.held_out_loss().map_err(|error| self.device_failed(error))?;
        if !loss.is_finite() {
            return Err(self.diverged(format!("the loss on the held-out rows is {loss} after"), true, &[]));
        }
        let best = self.state.judged.see(self.state.step, loss, self.task.options.threshold);
        if best {
            self.best = Some(self.engine.adapter(&self.like).map_err(|error| self.device_failed(error))?);
        }
        self.evaluated_at = Some(self.state.step);
        observe(&TrainEvent::Evaluated(EvalReport { step: self.state.step, eval_loss: loss, best }));
        Ok(())
    }

    fn held_out_loss(&mut self) -> Result<f64, ExecutorError> {
        let (mut total, mut count) = (0.0, 0);
        self.engine.set_dropout(None)?;
        for batch in &self.held_out {
            let losses = self.engine.losses(batch)?;
            total += losses.iter().map(|&loss| f64::from(loss)).sum::<f64>();
            count += losses.len();
        }
        Ok(total / count.max(1) as f64)
    }

    fn save(&mut self, observe: Observe<'_>) -> Result<(), TrainError> {
        let Task { base, options, continuation, .. } = self.task;
        let Some(dir) = &continuation.checkpoint_dir else { return Ok(()) };
        let tensors = |run: &mut Self| Ok((run.engine.adapter(&run.like)?, run.engine.moments(&run.like)?));
        let (values, (first_moments, second_moments)) =
            tensors(self).map_err(|error: ExecutorError| self.device_failed(error))?;
        let best = self.best.clone();
        let (state, made_with) = (self.state.clone(), options.clone());
        let checkpoint = Checkpoint { state, made_with, values, first_moments, second_moments, best };
        let path = checkpoint.write(dir, options, &base.sha256, &self.fingerprint)?;
        self.saved_at = Some(self.state.step);
        observe(&TrainEvent::CheckpointSaved(path));
        Ok(())
    }

    fn kept_best(&self) -> Option<Best> {
        let (step, loss) = self.state.judged.best()?;
        Some(Best { adapter: self.best.clone()?, step, loss })
    }

    /// A number is not finite, or the loss exploded: a damaged base is to blame if there is one, else the run.
    fn diverged(&self, what: String, not_finite: bool, batches: &[Vec<usize>]) -> TrainError {
        if not_finite && let Some(tensor) = damaged_weight(self.task.base) {
            return TrainError::WeightNotFinite { tensor };
        }
        let rows = self.task.set.names(batches.iter().flatten().copied());
        // Held-out rows are judged after a step, the rows of a step before it counts.
        let (rows, step) = if rows.is_empty() {
            ("the held-out ones".to_owned(), self.state.step)
        } else {
            (rows, self.state.step + 1)
        };
        let best = self.kept_best().map(Box::new);
        TrainError::Diverged { step, what: format!("{what} step {step}"), rows, kept: self.kept(), best }
    }

    fn device_failed(&self, source: ExecutorError) -> TrainError {
        let best = self.kept_best().map(Box::new);
        TrainError::DeviceFailed { step: self.state.step + 1, source, kept: self.kept(), best }
    }

    /// Which checkpoint there is, in words.
    fn kept(&self) -> String {
        match (&self.task.continuation.checkpoint_dir, self.saved_at) {
            (Some(dir), Some(step)) => format!("the checkpoint of step {step} is in {}", dir.display()),
            _ => "there is no checkpoint yet".to_owned(),
        }
    }

    fn outcome(mut self, ending: Ending) -> Result<TrainOutcome, TrainError> {
        Ok(TrainOutcome {
            adapter: self.engine.adapter(&self.like).map_err(|error| self.device_failed(error))?,
            best: self.kept_best(),
            steps: self.state.step,
            stopped: ending == Ending::Stopped,
            stopped_early: ending == Ending::StoppedEarly,
            final_loss: self.final_loss,
            tokens: self.tokens,
            seconds: self.seconds,
            device: self.task.device.to_owned(),
            peak_device_bytes: self.engine.executor().peak_bytes(),
        })
    }
}

/// The dropout of one device batch: a mask of its own, and a pure function of seed, step and batch.
fn dropout(options: &TrainOptions, step: usize, batch: usize) -> Option<Dropout> {
    (options.dropout > 0.0).then(|| {
        let mut random = ChaCha12Rng::seed_from_u64(options.seed);
        // Far from the streams of initial factors and row orders; no step has 2^20 batches.
        random.set_stream((1 << 62) + ((step as u64) << 20) + batch as u64);
        Dropout { probability: options.dropout as f32, seed: random.next_u32() }
    })
}

/// The held-out rows, packed into sequences in their order.
fn held_out_batches(examples: &[Example], sequence_tokens: usize) -> Vec<Batch> {
    let order: Vec<usize> = (0..examples.len()).collect();
    let sequences = pack(examples, &order, sequence_tokens);
    sequences.iter().map(|rows| Batch::of(rows.iter().map(|&row| &examples[row]))).collect()
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
