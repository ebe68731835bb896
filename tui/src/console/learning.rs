//! What the console knows about a running lesson.

use halligan_runtime::LearnEvent;

/// Losses kept for the chart; more steps than this are thinned by the screen anyway.
const LOSSES_MAX: usize = 2_000;

/// Parts of a lesson up to its decision: the old adapter is asked on the corrections and on the gate, the new one is
/// trained, then asked the same.
pub const PARTS: usize = 5;

/// What learning does at the moment.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// Choosing rows, loading the model into the training engine.
    Preparing,
    /// Optimizer steps.
    Training {
        /// Steps done.
        step: usize,
        /// Steps in all.
        steps: usize,
        /// Loss of the latest step, nats per token.
        loss: f32,
        /// Training speed.
        tokens_per_second: f32,
        /// Estimate of the time left for training.
        seconds_left: f32,
    },
    /// Comparing answers.
    Evaluating {
        /// What is evaluated.
        what: String,
        /// Questions answered.
        done: usize,
        /// Questions in all.
        total: usize,
    },
    /// The user asked to stop; the current step is still running.
    Stopping,
}

/// Progress of the running lesson.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    /// What it does now.
    pub stage: Stage,
    /// Corrections that are learned, once known.
    pub corrections: Option<usize>,
    /// Rows replayed so that nothing is forgotten, once known.
    pub replay: Option<usize>,
    /// Loss of each step so far.
    pub losses: Vec<f32>,
    /// Whether it halts between two steps.
    pub paused: bool,
    /// Whether the update answers already, so that stopping only skips what is left to measure.
    pub in_use: bool,
    /// How it ended, in words; `None` while it runs.
    pub ended: Option<String>,
}

impl Lesson {
    /// A lesson that has just been asked for.
    pub fn new() -> Lesson {
        Lesson {
            stage: Stage::Preparing,
            corrections: None,
            replay: None,
            losses: Vec::new(),
            paused: false,
            in_use: false,
            ended: None,
        }
    }

    /// Takes in a progress event. A stopping lesson keeps saying so.
    pub fn update(&mut self, event: LearnEvent) {
        let stage = match event {
            LearnEvent::Preparing { corrections, replay } => {
                self.corrections = Some(corrections);
                self.replay = Some(replay);
                Stage::Preparing
            }
            LearnEvent::Step { step, steps, loss, tokens_per_second, seconds_left } => {
                if self.losses.len() < LOSSES_MAX {
                    self.losses.push(loss);
                }
                Stage::Training { step, steps, loss, tokens_per_second, seconds_left }
            }
            LearnEvent::Evaluating { what, done, total } => Stage::Evaluating { what, done, total },
            LearnEvent::Activated { .. } => {
                self.in_use = true;
                return;
            }
            LearnEvent::Verdict(_) => return,
        };
        if self.stage != Stage::Stopping {
            self.stage = stage;
        }
    }

    /// Which of the [`PARTS`] of a lesson this is, from 1; `None` where the stage is none of them.
    pub fn part(&self) -> Option<usize> {
        match &self.stage {
            Stage::Training { .. } => Some(3),
            Stage::Evaluating { what, .. } => match what.as_str() {
                "active on corrections" => Some(1),
                "active on the gate" => Some(2),
                "candidate on corrections" => Some(4),
                "candidate on the gate" => Some(5),
                _ => None,
            },
            Stage::Preparing | Stage::Stopping => None,
        }
    }

    /// Share of the current stage that is done, 0 to 1.
    pub fn progress(&self) -> f64 {
        let (done, total) = match &self.stage {
            Stage::Preparing | Stage::Stopping => return 0.0,
            Stage::Training { step, steps, .. } => (*step, *steps),
            Stage::Evaluating { done, total, .. } => (*done, *total),
        };
        if total == 0 { 0.0 } else { (done as f64 / total as f64).clamp(0.0, 1.0) }
    }

    /// Heights for a chart of `columns` bars, each 0 to `height_max`; the tallest bar is full.
    ///
    /// Each bar is the mean of the steps that fall on it; numbers that are not finite count as the
    /// largest loss, since a diverging run should look like one.
    pub fn bars(&self, columns: usize, height_max: u64) -> Vec<u64> {
        let largest = self.losses.iter().copied().filter(|loss| loss.is_finite()).fold(0.0_f32, f32::max);
        let bars = columns.min(self.losses.len());
        let means: Vec<f32> = (0..bars)
            .map(|bar| {
                let start = bar * self.losses.len() / bars;
                let end = ((bar + 1) * self.losses.len() / bars).max(start + 1);
                let steps = &self.losses[start..end];
                let sum: f32 = steps.iter().map(|loss| if loss.is_finite() { loss.max(0.0) } else { largest }).sum();
                sum / steps.len() as f32
            })
            .collect();
        let tallest = means.iter().copied().fold(0.0, f32::max);
        if tallest <= 0.0 {
            return Vec::new();
        }
        means.iter().map(|mean| (f64::from(mean / tallest) * height_max as f64).round() as u64).collect()
    }
}

impl Default for Lesson {
    fn default() -> Lesson {
        Lesson::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_lesson_count_up_to_the_decision() {
        let asked = |what: &str| LearnEvent::Evaluating { what: what.to_owned(), done: 1, total: 2 };
        let step = LearnEvent::Step { step: 1, steps: 2, loss: 1.0, tokens_per_second: 9.0, seconds_left: 1.0 };
        let events = [
            asked("active on corrections"),
            asked("active on the gate"),
            step,
            asked("candidate on corrections"),
            asked("candidate on the gate"),
        ];
        let mut lesson = Lesson::new();
        let parts = events.map(|event| {
            lesson.update(event);
            lesson.part()
        });
        assert_eq!(parts, [1, 2, 3, 4, PARTS].map(Some));
        lesson.update(asked("held-out questions"));
        assert_eq!(lesson.part(), None, "what is measured after the decision is no part of it");
    }

    #[test]
    fn bars_fall_with_the_loss_and_survive_infinities() {
        let mut lesson = Lesson::new();
        for loss in [4.0, 2.0, 1.0, f32::NAN] {
            lesson.losses.push(loss);
        }
        assert_eq!(lesson.bars(4, 8), [8, 4, 2, 8]);
        assert_eq!(lesson.bars(2, 8), [8, 7]);
        assert!(lesson.bars(0, 8).is_empty());
    }
}
