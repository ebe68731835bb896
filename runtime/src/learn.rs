//! Learning on the device: from corrections to a gated, activated adapter generation.
//!
//! The active generation keeps answering until the last step: a candidate is trained beside it,
//! both are asked the corrected questions and the gate, and only a better candidate is stored and
//! activated, in one transaction. Whatever stops learning before that changes nothing.

mod lessons;
mod training;
mod verdict;
mod work;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use halligan_finetune::dataset;
use halligan_finetune::train::TrainOutcome;
use serde::Serialize;

use crate::assistant::{Assistant, OnTrust, TrustProgress};
use crate::error::{LearnError, ModelError, RuntimeError};
use crate::evaluate::{Question, evaluate, read_questions};
use crate::generations::{Candidate, Generation, Generations};
use crate::inference::Inference;
use crate::model::ModelInUse;
use crate::probe::{on_mains_power, temperature_celsius};
use lessons::{Material, material};
use training::{Training, train_candidate};
use verdict::{Comparison, Score, decide};
use work::Work;

/// Time between two looks at the temperature.
const TEMPERATURE_INTERVAL: Duration = Duration::from_secs(2);

/// How to learn.
#[derive(Debug, Clone, Default)]
pub struct LearnOptions {
    /// Learn even on battery where the profile forbids it. The temperature ceiling still holds.
    pub force: bool,
    /// Upper limit of optimizer steps; `None` lets the number of corrections decide.
    pub max_steps: Option<usize>,
}

/// What the observer of learning wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LearnControl {
    /// Go on.
    Continue,
    /// Stop and leave everything as it was.
    Cancel,
}

/// Progress of learning.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum LearnEvent {
    /// The training rows are chosen.
    Preparing {
        /// Corrections that will be learned.
        corrections: usize,
        /// Rows replayed from earlier training.
        replay: usize,
    },
    /// One optimizer step is done.
    Step {
        /// Steps done.
        step: usize,
        /// Steps in all.
        steps: usize,
        /// Mean loss of the step in nats per token.
        loss: f32,
        /// Training speed.
        tokens_per_second: f32,
        /// Estimate of the time left for training.
        seconds_left: f32,
    },
    /// Answers are being compared.
    Evaluating {
        /// What is evaluated, e.g. `candidate on the gate`.
        what: String,
        /// Questions answered.
        done: usize,
        /// Questions in all.
        total: usize,
    },
    /// The candidate answers from now on. What follows only measures how far it can be trusted; stopping skips that.
    Activated {
        /// Its id.
        generation: String,
    },
    /// The decision.
    Verdict(LearnReport),
}

/// What learning did and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LearnReport {
    /// SHA-256 of the candidate adapter.
    pub candidate: String,
    /// Whether it answers now.
    pub activated: bool,
    /// Whether it was measured how far its answers can be trusted; false also where the kit has no questions for that.
    pub measured: bool,
    /// Why, in one sentence.
    pub reason: String,
    /// Corrections it was trained on.
    pub corrections: usize,
    /// Right answers to the corrected questions before, 0 to 1.
    pub corrected_before: f32,
    /// Right answers to the corrected questions after, 0 to 1.
    pub corrected_after: f32,
    /// Right answers to the gate questions before, 0 to 1.
    pub gate_before: f32,
    /// Right answers to the gate questions after, 0 to 1.
    pub gate_after: f32,
    /// Gate questions that were asked.
    pub gate_questions: usize,
    /// Time spent in training.
    pub train_seconds: f64,
    /// Training speed.
    pub tokens_per_second: f32,
    /// What trained, e.g. `CPU`.
    pub device: String,
}

type Observer<'a> = &'a mut dyn FnMut(LearnEvent) -> LearnControl;

/// One round of learning; see [`Assistant::learn`].
pub(crate) fn learn(
    assistant: &Assistant,
    options: &LearnOptions,
    on_event: Observer<'_>,
) -> Result<LearnReport, RuntimeError> {
    let guard = Guard::new(assistant);
    guard.check_power(options.force)?;
    guard.check_temperature()?;
    let work = Work::begin(assistant.home.folder())?;
    let generations = Generations::new(&assistant.home);
    let active = generations.active()?;
    let active_file = generations.verified_file(&active.id)?;
    let material = gather(assistant, &active)?;
    if material.corrected.is_empty() {
        return Err(LearnError::NothingToLearn.into());
    }
    tell(on_event, LearnEvent::Preparing { corrections: material.corrected.len(), replay: material.replayed })?;

    let model = ModelInUse::of(&assistant.home, &assistant.options)?;
    if let Some(file) = &active_file {
        model.check_adapter(file)?;
    }
    let inference = assistant.inference()?;
    // Whatever happens below, the next question must not meet a candidate.
    assistant.forget_adapter();
    inference.set_adapter(active_file.as_deref())?;
    let corrected_before = ask(&inference, &material.corrected, "active on corrections", on_event)?;
    if corrected_before.right == corrected_before.total {
        generations.mark_known(&active.id, &material.feedback)?;
        return Err(LearnError::AlreadyKnown(corrected_before.total).into());
    }
    let gate_before = ask(&inference, &material.gate, "active on the gate", on_event)?;

    let file = work.path().join("candidate.gguf");
    let training = Training {
        model: &model.path,
        adapter: active_file.as_deref(),
        rows: &material.rows,
        rank: assistant.profile.profile.training_rank as usize,
        sequence_tokens: assistant.profile.profile.training_sequence_tokens as usize,
        max_steps: options.max_steps,
        seed: assistant.options.seed,
        device: assistant.options.device,
    };
    let outcome = train_guarded(&training, &guard, on_event)?;
    outcome.adapter.write_gguf(&file).map_err(|error| LearnError::Training(error.to_string()))?;
    model.check_adapter(&file)?;
    inference.set_adapter(Some(&file))?;
    let corrected_after = ask(&inference, &material.corrected, "candidate on corrections", on_event);
    let gate_after = corrected_after
        .and_then(|corrected| Ok((corrected, ask(&inference, &material.gate, "candidate on the gate", on_event)?)));
    inference.set_adapter(None)?;
    let (corrected_after, gate_after) = gate_after?;

    let corrected = Comparison { before: corrected_before, after: corrected_after };
    let gate = Comparison { before: gate_before, after: gate_after };
    let decision = decide(corrected, gate);
    let candidate = Candidate {
        file: &file,
        parent: &active.id,
        gate_accuracy: (gate.after.total > 0).then(|| gate.after.share()),
        corrected_accuracy: Some(corrected.after.share()),
        learned: &material.feedback,
    };
    let (id, activated, reason) = match decision {
        Ok(reason) => (generations.install_learned(&candidate)?.id, true, reason),
        Err(reason) => (generations.record_rejected(&candidate, &reason)?, false, reason),
    };
    tracing::info!(%id, activated, %reason, "learning ended");
    let measured = activated && {
        on_event(LearnEvent::Activated { generation: id.clone() });
        measure(assistant, &material, on_event)
    };
    let report = LearnReport {
        candidate: id,
        activated,
        measured,
        reason,
        corrections: material.corrected.len(),
        corrected_before: corrected.before.share(),
        corrected_after: corrected.after.share(),
        gate_before: gate.before.share(),
        gate_after: gate.after.share(),
        gate_questions: gate.after.total,
        train_seconds: outcome.seconds,
        tokens_per_second: outcome.tokens_per_second() as f32,
        device: outcome.device,
    };
    // The decision stands; there is nothing left to cancel.
    on_event(LearnEvent::Verdict(report.clone()));
    Ok(report)
}

/// Measures how far the activated generation can be trusted. The decision stands whatever comes of it: without the
/// measurement its answers carry no probability, and `halligan adapters trust --measure` makes up for it. Returns
/// whether it was measured.
fn measure(assistant: &Assistant, material: &Material, on_event: Observer<'_>) -> bool {
    let work = |on_progress: OnTrust<'_>| {
        let mut held_out = assistant.held_out_questions()?;
        // What a correction supersedes has another right answer by now.
        held_out.retain(|question| !material.superseded.contains(&question.id));
        assistant.measure_trust_on(&held_out, on_progress)
    };
    let measured = work(&mut |TrustProgress { what, done, total }| {
        on_event(LearnEvent::Evaluating { what: what.to_owned(), done, total }) == LearnControl::Continue
    });
    if let Err(error) = &measured {
        tracing::warn!(%error, "how far the update can be trusted was not measured");
    }
    matches!(measured, Ok(Some(_)))
}

/// Reads lessons, replay rows and gate questions. Both files are optional.
fn gather(assistant: &Assistant, active: &Generation) -> Result<Material, RuntimeError> {
    let home = &assistant.home;
    let lessons = assistant.journal().lessons(&active.id)?;
    let replay = match home.replay_path() {
        path if path.exists() => {
            dataset::read_rows(&path).map_err(|error| LearnError::BadData { path, reason: error.to_string() })?
        }
        _ => Vec::new(),
    };
    let gate = match home.gate_path() {
        path if path.exists() => read_questions(&path)?,
        _ => Vec::new(),
    };
    Ok(material(&lessons, replay, gate, assistant.options.seed))
}

fn tell(on_event: Observer<'_>, event: LearnEvent) -> Result<(), LearnError> {
    match on_event(event) {
        LearnControl::Continue => Ok(()),
        LearnControl::Cancel => Err(LearnError::Cancelled),
    }
}

fn ask(
    inference: &Inference,
    questions: &[Question],
    what: &str,
    on_event: Observer<'_>,
) -> Result<Score, RuntimeError> {
    let outcome = evaluate(inference, questions, &mut |done, total| {
        tell(on_event, LearnEvent::Evaluating { what: what.to_owned(), done, total }).is_ok()
    });
    match outcome {
        Ok(evaluation) => Ok(Score { right: evaluation.right, total: evaluation.total }),
        Err(ModelError::Cancelled) => Err(LearnError::Cancelled.into()),
        Err(error) => Err(error.into()),
    }
}

fn train_guarded(
    training: &Training<'_>,
    guard: &Guard<'_>,
    on_event: Observer<'_>,
) -> Result<TrainOutcome, LearnError> {
    let mut stopped_by = None;
    let mut looked_at = Instant::now();
    let outcome = train_candidate(training, &mut |step| {
        if looked_at.elapsed() >= TEMPERATURE_INTERVAL {
            looked_at = Instant::now();
            if let Err(error) = guard.check_temperature() {
                stopped_by = Some(error);
                return false;
            }
        }
        let event = LearnEvent::Step {
            step: step.step,
            steps: step.steps,
            loss: step.loss as f32,
            tokens_per_second: step.tokens_per_second as f32,
            seconds_left: step.seconds_left as f32,
        };
        if let Err(error) = tell(on_event, event) {
            stopped_by = Some(error);
            return false;
        }
        true
    });
    match stopped_by {
        Some(error) => Err(error),
        None => outcome,
    }
}

/// What the profile allows at this moment.
struct Guard<'a> {
    root: &'a PathBuf,
    profile: String,
    only_on_mains: bool,
    ceiling: f32,
}

impl<'a> Guard<'a> {
    fn new(assistant: &'a Assistant) -> Guard<'a> {
        let profile = &assistant.profile.profile;
        Guard {
            root: &assistant.system_root,
            profile: profile.name.as_str().to_owned(),
            only_on_mains: profile.learn_only_on_mains_power,
            ceiling: profile.temperature_ceiling_celsius as f32,
        }
    }

    fn check_power(&self, force: bool) -> Result<(), LearnError> {
        if self.only_on_mains && !force && on_mains_power(self.root) == Some(false) {
            return Err(LearnError::OnBattery { profile: self.profile.clone() });
        }
        Ok(())
    }

    fn check_temperature(&self) -> Result<(), LearnError> {
        match temperature_celsius(self.root) {
            Some(celsius) if celsius > self.ceiling => {
                Err(LearnError::TooHot { celsius, ceiling: self.ceiling, profile: self.profile.clone() })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "learn_tests.rs"]
mod tests;
