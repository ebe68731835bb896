//! Kernels that treat each element alone: residual sums, SwiGLU, AdamW.

use rayon::prelude::*;

use super::{math::sigmoid, vectorized};
use crate::AdamW;

/// Rows that one task of a row-wise kernel takes.
pub const ROWS_PER_TASK: usize = 32;
/// Elements that one task of an elementwise kernel takes: 64 KiB of f32, some 10 us of work.
const ELEMENTS_PER_TASK: usize = 16 * 1024;

/// `x += y`.
pub fn add(y: &[f32], x: &mut [f32]) {
    x.par_chunks_mut(ELEMENTS_PER_TASK).zip(y.par_chunks(ELEMENTS_PER_TASK)).for_each(|(x, y)| {
        vectorized(|| x.iter_mut().zip(y).for_each(|(x, y)| *x += y));
    });
}

/// `out = silu(gate) * up`.
pub fn swiglu(gate: &[f32], up: &[f32], out: &mut [f32]) {
    let chunks = out
        .par_chunks_mut(ELEMENTS_PER_TASK)
        .zip(gate.par_chunks(ELEMENTS_PER_TASK))
        .zip(up.par_chunks(ELEMENTS_PER_TASK));
    chunks.for_each(|((out, gate), up)| {
        vectorized(|| {
            for ((out, &gate), &up) in out.iter_mut().zip(gate).zip(up) {
                *out = gate * sigmoid(gate) * up;
            }
        });
    });
}

/// `gate` and `up` become their gradients.
pub fn swiglu_backward(d_out: &[f32], gate: &mut [f32], up: &mut [f32]) {
    let chunks = gate
        .par_chunks_mut(ELEMENTS_PER_TASK)
        .zip(up.par_chunks_mut(ELEMENTS_PER_TASK))
        .zip(d_out.par_chunks(ELEMENTS_PER_TASK));
    chunks.for_each(|((gate, up), d_out)| {
        vectorized(|| {
            for ((gate, up), &d_out) in gate.iter_mut().zip(up.iter_mut()).zip(d_out) {
                let probability = sigmoid(*gate);
                let silu = *gate * probability;
                // d silu / d gate = s + gate s (1 - s), with s the logistic function.
                let slope = probability + silu * (1.0 - probability);
                *gate = d_out * *up * slope;
                *up = d_out * silu;
            }
        });
    });
}

/// One AdamW step, see [`AdamW`].
pub fn adamw_step(
    hyper: &AdamW,
    gradient: &[f32],
    parameter: &mut [f32],
    first_moment: &mut [f32],
    second_moment: &mut [f32],
) {
    let AdamW { learning_rate, beta1, beta2, epsilon, weight_decay, gradient_scale, .. } = *hyper;
    let (correction1, correction2) = hyper.bias_corrections();
    let chunks = parameter
        .par_chunks_mut(ELEMENTS_PER_TASK)
        .zip(gradient.par_chunks(ELEMENTS_PER_TASK))
        .zip(first_moment.par_chunks_mut(ELEMENTS_PER_TASK))
        .zip(second_moment.par_chunks_mut(ELEMENTS_PER_TASK));
    chunks.for_each(|(((parameter, gradient), first), second)| {
        vectorized(|| {
            for (((p, g), m), v) in parameter.iter_mut().zip(gradient).zip(first).zip(second) {
                let g = g * gradient_scale;
                *m = beta1 * *m + (1.0 - beta1) * g;
                *v = beta2 * *v + (1.0 - beta2) * g * g;
                let update = (*m / correction1) / ((*v / correction2).sqrt() + epsilon);
                *p -= learning_rate * (weight_decay * *p + update);
            }
        });
    });
}
