//! Kernels that treat each element alone: residual sums, activations, dropout, AdamW.

use half::{f16, slice::HalfFloatSliceExt as _};
use rayon::prelude::*;

use super::math::{gelu, silu};
use crate::{Activation, AdamW, Dropout};

/// Rows that one task of a row-wise kernel takes.
pub const ROWS_PER_TASK: usize = 32;
/// Elements that one task of an elementwise kernel takes: 64 KiB of f32, some 10 us of work.
const ELEMENTS_PER_TASK: usize = 16 * 1024;

/// Runs a loop compiled once for each activation, so that no element asks which one it is; `$derive` gives
/// value and slope.
macro_rules! for_activation {
    ($activation:expr, $derive:ident => $body:block) => {
        match $activation {
            Activation::Silu => vectorized!({
                let $derive = silu;
                $body
            }),
            Activation::Gelu => vectorized!({
                let $derive = gelu;
                $body
            }),
        }
    };
}

/// `x += y`.
pub fn add(y: &[f32], x: &mut [f32]) {
    x.par_chunks_mut(ELEMENTS_PER_TASK).zip(y.par_chunks(ELEMENTS_PER_TASK)).for_each(|(x, y)| {
        vectorized!(x.iter_mut().zip(y).for_each(|(x, y)| *x += y));
    });
}

/// `out = activation(gate) * up`.
pub fn glu(activation: Activation, gate: &[f32], up: &[f32], out: &mut [f32]) {
    let chunks = out
        .par_chunks_mut(ELEMENTS_PER_TASK)
        .zip(gate.par_chunks(ELEMENTS_PER_TASK))
        .zip(up.par_chunks(ELEMENTS_PER_TASK));
    chunks.for_each(|((out, gate), up)| {
        for_activation!(activation, derive => {
            for ((out, &gate), &up) in out.iter_mut().zip(gate).zip(up) {
                *out = derive(gate).0 * up;
            }
        });
    });
}

/// `gate` and `up` become their gradients.
pub fn glu_backward(activation: Activation, d_out: &[f32], gate: &mut [f32], up: &mut [f32]) {
    let chunks = gate
        .par_chunks_mut(ELEMENTS_PER_TASK)
        .zip(up.par_chunks_mut(ELEMENTS_PER_TASK))
        .zip(d_out.par_chunks(ELEMENTS_PER_TASK));
    chunks.for_each(|((gate, up), d_out)| {
        for_activation!(activation, derive => {
            for ((gate, up), &d_out) in gate.iter_mut().zip(up.iter_mut()).zip(d_out) {
                let (value, slope) = derive(*gate);
                *gate = d_out * *up * slope;
                *up = d_out * value;
            }
        });
    });
}

/// `out = activation(x)`.
pub fn activate(activation: Activation, x: &[f32], out: &mut [f32]) {
    out.par_chunks_mut(ELEMENTS_PER_TASK).zip(x.par_chunks(ELEMENTS_PER_TASK)).for_each(|(out, x)| {
        for_activation!(activation, derive => {
            out.iter_mut().zip(x).for_each(|(out, &x)| *out = derive(x).0);
        });
    });
}

/// `x` becomes its gradient.
pub fn activate_backward(activation: Activation, d_out: &[f32], x: &mut [f32]) {
    x.par_chunks_mut(ELEMENTS_PER_TASK).zip(d_out.par_chunks(ELEMENTS_PER_TASK)).for_each(|(x, d_out)| {
        for_activation!(activation, derive => {
            x.iter_mut().zip(d_out).for_each(|(x, &d_out)| *x = d_out * derive(*x).1);
        });
    });
}

/// `out = x * mask`, added to `out` when `accumulate`.
pub fn dropout(dropout: Dropout, x: &[f32], accumulate: bool, out: &mut [f32]) {
    let (threshold, factor) = (dropout.threshold(), dropout.factor());
    let chunks = out.par_chunks_mut(ELEMENTS_PER_TASK).zip(x.par_chunks(ELEMENTS_PER_TASK)).enumerate();
    chunks.for_each(|(chunk, (out, x))| {
        let first = (chunk * ELEMENTS_PER_TASK) as u32;
        vectorized!({
            for (element, (out, x)) in (first..).zip(out.iter_mut().zip(x)) {
                let masked = if dropout.hash(element) >= threshold { x * factor } else { 0.0 };
                *out = if accumulate { *out + masked } else { masked };
            }
        });
    });
}

/// Rounds to half precision; beyond its range values saturate.
pub fn pack_half(x: &[f32], out: &mut [f16]) {
    let highest = f16::MAX.to_f32();
    out.par_chunks_mut(ELEMENTS_PER_TASK).zip(x.par_chunks(ELEMENTS_PER_TASK)).for_each(|(out, x)| {
        let mut bounded = [0.0f32; 64];
        for (out, x) in out.chunks_mut(64).zip(x.chunks(64)) {
            vectorized!(bounded.iter_mut().zip(x).for_each(|(bounded, x)| *bounded = x.clamp(-highest, highest)));
            // The `half` crate converts whole slices with the processor's instructions.
            out.convert_from_f32_slice(&bounded[..x.len()]);
        }
    });
}

/// Halves to single precision.
pub fn unpack_half(x: &[f16], out: &mut [f32]) {
    out.par_chunks_mut(ELEMENTS_PER_TASK).zip(x.par_chunks(ELEMENTS_PER_TASK)).for_each(|(out, x)| {
        x.convert_to_f32_slice(out);
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
        vectorized!({
            for (((p, g), m), v) in parameter.iter_mut().zip(gradient).zip(first.iter_mut()).zip(second.iter_mut()) {
                let g = g * gradient_scale;
                *m = beta1 * *m + (1.0 - beta1) * g;
                *v = beta2 * *v + (1.0 - beta2) * g * g;
                let update = (*m / correction1) / ((*v / correction2).sqrt() + epsilon);
                *p -= learning_rate * (weight_decay * *p + update);
            }
        });
    });
}
