//! Adaptive batch: how many device batches a step should average, from the gradient's own variance.
//!
//! The gradient noise scale `B = tr(S) / |G|^2` (McCandlish et al. 2018, arXiv 1812.06162) is the batch, in
//! target tokens, at which noise and signal of a gradient are equal: a smaller batch wastes steps, a larger
//! one wastes tokens. Two norms of a step give unbiased estimates of both (their appendix A.1), that of its first device
//! batch with `b` target tokens and that of the whole step with `B`:
//!
//! `|G|^2 = (B |G_B|^2 - b |G_b|^2) / (B - b)` and `tr(S) = (|G_b|^2 - |G_B|^2) / (1/b - 1/B)`.
//!
//! Both are averaged over steps before they are divided, since one pair alone says little. The rule: once
//! [`STEPS_MIN`] pairs are seen, each step moves the number of device batches towards the noise scale, by a
//! quarter at most and within 2 and the limit. Everything is deterministic and part of the checkpoint.

use serde::{Deserialize, Serialize};

use super::exact::Exact;

/// Steps before the first change.
const STEPS_MIN: usize = 10;
/// Weight of the past in the running means, per step.
const DECAY: f64 = 0.95;

/// Device batches of the next step, and what they rest on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct AdaptiveBatch {
    /// Device batches of the next step.
    pub count: usize,
    most: usize,
    steps: usize,
    /// Running means of `tr(S)` and `|G|^2`.
    variance: Exact,
    signal: Exact,
}

/// Two gradient norms of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NormPair {
    /// Target tokens of the first device batch, and the norm of its mean gradient.
    pub small: (f64, f64),
    /// The same of the whole step.
    pub large: (f64, f64),
}

impl AdaptiveBatch {
    /// Starts with `count` device batches; never more than `most`.
    pub fn new(count: usize, most: usize) -> Self {
        Self { count: count.min(most), most, steps: 0, variance: Exact(0.0), signal: Exact(0.0) }
    }

    /// Learns from a step of `batches` device batches. Steps of one batch, at the end of an epoch, say nothing.
    pub fn learn(&mut self, norms: NormPair, batches: usize) {
        let ((b, small), (big, large)) = (norms.small, norms.large);
        if batches < 2 || big <= b {
            return;
        }
        let (small, large) = (small * small, large * large);
        let signal = (big * large - b * small) / (big - b);
        let variance = (small - large) / (1.0 / b - 1.0 / big);
        // The first steps weigh in full, as in a plain mean.
        let keep = DECAY.min(self.steps as f64 / (self.steps + 1) as f64);
        self.signal.0 = keep * self.signal.0 + (1.0 - keep) * signal;
        self.variance.0 = keep * self.variance.0 + (1.0 - keep) * variance;
        self.steps += 1;
        if let Some(scale) = self.noise_scale() {
            let wanted = (scale / (big / batches as f64)).min(self.most as f64) as usize;
            let reach = (self.count / 4).max(1);
            self.count = wanted.clamp(self.count.saturating_sub(reach), self.count + reach).clamp(2, self.most);
        }
    }

    /// The noise scale in target tokens, once it can be told; infinite where noise hides the gradient.
    pub fn noise_scale(&self) -> Option<f64> {
        (self.steps >= STEPS_MIN).then(|| match (self.variance.0.max(0.0), self.signal.0) {
            (variance, signal) if signal > 0.0 => variance / signal,
            _ => f64::INFINITY,
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng as _, SeedableRng as _};
    use rand_chacha::ChaCha12Rng;

    use super::*;

    /// Gradients of 64 numbers with mean `signal` and per-token noise `noise`: `B = noise^2 / signal^2`.
    fn settled(signal: f64, noise: f64, most: usize) -> AdaptiveBatch {
        let mut random = ChaCha12Rng::seed_from_u64(5);
        let mut batch = AdaptiveBatch::new(2, most);
        for _ in 0..400 {
            let tokens = 50.0;
            let mut draw = || -> Vec<f64> {
                // A sum of twelve uniform numbers is near normal with variance one.
                let normal = |random: &mut ChaCha12Rng| (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
                (0..64).map(|_| signal + noise / f64::sqrt(tokens) * normal(&mut random)).collect()
            };
            let count = batch.count;
            let all: Vec<Vec<f64>> = (0..count).map(|_| draw()).collect();
            let norm = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>().sqrt();
            let mean: Vec<f64> = (0..64).map(|i| all.iter().map(|one| one[i]).sum::<f64>() / count as f64).collect();
            let pair = NormPair { small: (tokens, norm(&all[0])), large: (tokens * count as f64, norm(&mean)) };
            batch.learn(pair, count);
        }
        batch
    }

    #[test]
    fn batch_settles_at_the_noise_scale_of_known_gradients() {
        // tr(S) / |G|^2 = 64 * 20^2 / (64 * 1^2) = 400 tokens, eight device batches of 50.
        let batch = settled(1.0, 20.0, 64);
        let scale = batch.noise_scale().unwrap();
        assert!((250.0..600.0).contains(&scale), "{scale}");
        assert!((5..=12).contains(&batch.count), "{}", batch.count);
    }

    #[test]
    fn clear_gradients_keep_the_smallest_batch_and_noise_alone_takes_the_largest() {
        assert_eq!(settled(1.0, 0.1, 64).count, 2);
        assert_eq!(settled(0.0, 1.0, 16).count, 16);
    }

    #[test]
    fn nothing_changes_before_enough_steps() {
        let mut batch = AdaptiveBatch::new(2, 64);
        for _ in 1..STEPS_MIN {
            batch.learn(NormPair { small: (10.0, 9.0), large: (20.0, 1.0) }, 2);
            assert_eq!((batch.count, batch.noise_scale()), (2, None));
        }
    }
}
