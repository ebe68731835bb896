//! Cross-entropy with its gradient in place, and the reduction for gradient clipping.

use rayon::prelude::*;

use super::math::{dot, exp, highest, tanh, total};

/// Interleaved partial sums, so that the loop vectorises in a fixed order.
const LANES: usize = 16;

/// Loss per row, and `logits` becomes `weight * (softmax - onehot)`, times the slope of the soft cap.
pub fn cross_entropy(
    targets: &[u32],
    vocabulary: usize,
    weight: f32,
    softcap: Option<f32>,
    logits: &mut [f32],
    losses: &mut [f32],
) {
    logits.par_chunks_mut(vocabulary).zip(targets).zip(losses).for_each(|((logits, &target), loss)| {
        vectorized!(match softcap {
            None => *loss = row(target as usize, weight, logits),
            Some(cap) => *loss = capped_row(target as usize, weight, cap, logits),
        });
    });
}

#[inline(always)]
fn row(target: usize, weight: f32, logits: &mut [f32]) -> f32 {
    let target_logit = logits[target];
    let highest = highest(logits);
    logits.iter_mut().for_each(|logit| *logit = exp(*logit - highest));
    let sum = total(logits);
    let factor = weight / sum;
    logits.iter_mut().for_each(|value| *value *= factor);
    logits[target] -= weight;
    sum.ln() + highest - target_logit
}

/// As [`row`], with the capped logits kept until the gradient needs them for the slope `1 - (capped / cap)^2`.
#[inline(always)]
fn capped_row(target: usize, weight: f32, cap: f32, logits: &mut [f32]) -> f32 {
    logits.iter_mut().for_each(|logit| *logit = cap * tanh(*logit / cap));
    let slope = |capped: f32| 1.0 - (capped / cap) * (capped / cap);
    let target_logit = logits[target];
    let highest = highest(logits);
    let mut partial = [0.0f32; LANES];
    for (index, &logit) in logits.iter().enumerate() {
        partial[index % LANES] += exp(logit - highest);
    }
    let sum: f32 = partial.iter().sum();
    let factor = weight / sum;
    logits.iter_mut().for_each(|logit| *logit = factor * exp(*logit - highest) * slope(*logit));
    logits[target] -= weight * slope(target_logit);
    sum.ln() + highest - target_logit
}

/// Sum of squares in a fixed order: chunks of 4096, then over chunks in f64.
pub fn sum_of_squares(x: &[f32]) -> f32 {
    vectorized!(x.chunks(4096).map(|chunk| f64::from(dot(chunk, chunk))).sum::<f64>() as f32)
}
