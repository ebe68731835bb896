//! Cross-entropy with its gradient in place, and the reduction for gradient clipping.

use rayon::prelude::*;

use super::{
    math::{dot, exp},
    vectorized,
};

/// Loss per row, and `logits` becomes `weight * (softmax - onehot)`.
pub fn cross_entropy(targets: &[u32], vocabulary: usize, weight: f32, logits: &mut [f32], losses: &mut [f32]) {
    logits.par_chunks_mut(vocabulary).zip(targets).zip(losses).for_each(|((logits, &target), loss)| {
        vectorized(|| {
            let target = target as usize;
            let target_logit = logits[target];
            let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            logits.iter_mut().for_each(|logit| *logit = exp(*logit - highest));
            let total = sum(logits);
            *loss = total.ln() + highest - target_logit;
            let factor = weight / total;
            logits.iter_mut().for_each(|value| *value *= factor);
            logits[target] -= weight;
        });
    });
}

/// Sum of squares in a fixed order: chunks of 4096, then over chunks in f64.
pub fn sum_of_squares(x: &[f32]) -> f32 {
    vectorized(|| x.chunks(4096).map(|chunk| f64::from(dot(chunk, chunk))).sum::<f64>() as f32)
}

#[inline(always)]
fn sum(values: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut partial = [0.0f32; LANES];
    let chunks = values.chunks_exact(LANES);
    let tail: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for lane in 0..LANES {
            partial[lane] += chunk[lane];
        }
    }
    partial.iter().sum::<f32>() + tail
}
