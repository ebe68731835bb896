//! Learning on the device: from corrections to a gated, activated adapter generation.

use serde::Serialize;

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
