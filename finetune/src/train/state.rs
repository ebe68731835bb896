//! What a run knows besides its tensors; a checkpoint holds it to the bit.

use serde::{Deserialize, Serialize};

use super::{TrainOptions, divergence::LossWatch, exact::Exact, noise_scale::AdaptiveBatch};

/// State of a run between two steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RunState {
    /// Optimizer steps done.
    pub step: usize,
    /// Device batches of the plan that are used up.
    pub position: usize,
    /// The last losses, to tell a diverging run.
    pub losses: LossWatch,
    /// The held-out losses so far.
    pub judged: Judged,
    /// Present when the batch adapts.
    pub batch: Option<AdaptiveBatch>,
}

impl RunState {
    pub fn new(options: &TrainOptions) -> Self {
        let most = options.batch_max.map(|most| most / options.batch);
        let batch = most.map(|most| AdaptiveBatch::new(options.first_accumulate(), most));
        Self { step: 0, position: 0, losses: LossWatch::default(), judged: Judged::default(), batch }
    }
}

/// The best evaluation so far and how long ago it was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Judged {
    best: Option<(usize, Exact)>,
    /// Evaluations since the last one that was better by the threshold.
    misses: usize,
}

impl Judged {
    /// Takes a held-out loss; whether it is the best so far. As in transformers, an improvement below the
    /// `threshold` counts as the best but not against the patience.
    pub fn see(&mut self, step: usize, loss: f64, threshold: f64) -> bool {
        let (better, enough) = match self.best {
            None => (loss.is_finite(), true),
            Some((_, best)) => (loss < best.0, loss < best.0 - threshold),
        };
        self.misses = if enough { 0 } else { self.misses + 1 };
        if better {
            self.best = Some((step, Exact(loss)));
        }
        better
    }

    /// Step and loss of the best evaluation.
    pub fn best(&self) -> Option<(usize, f64)> {
        self.best.map(|(step, loss)| (step, loss.0))
    }

    /// Whether as many evaluations in a row brought nothing as `patience` allows.
    pub fn patience_is_over(&self, patience: Option<usize>) -> bool {
        patience.is_some_and(|patience| self.misses >= patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_counts_evaluations_without_enough_improvement() {
        let mut judged = Judged::default();
        let seen: Vec<bool> =
            [2.0, 1.5, 1.499, 1.6, 1.498].iter().enumerate().map(|(i, &loss)| judged.see(i, loss, 0.01)).collect();
        assert_eq!(seen, [true, true, true, false, true]);
        assert_eq!(judged.best(), Some((4, 1.498)));
        assert!(judged.patience_is_over(Some(3)) && !judged.patience_is_over(Some(4)));
        assert!(!judged.patience_is_over(None));
        assert!(judged.see(5, 1.0, 0.01) && !judged.patience_is_over(Some(1)));
    }
}
