//! Root mean square normalisation (Zhang and Sennrich 2019, arXiv 1910.07467), layer normalisation (Ba et al. 2016,
//! arXiv 1607.06450), and their backward passes.

use rayon::prelude::*;

use super::{
    elementwise::ROWS_PER_TASK,
    math::{dot, total},
};

/// `out = x / rms(x) * gain` per row.
pub fn rms_norm(x: &[f32], gain: &[f32], epsilon: f32, out: &mut [f32]) {
    let columns = gain.len();
    let task = ROWS_PER_TASK * columns;
    out.par_chunks_mut(task).zip(x.par_chunks(task)).for_each(|(out, x)| {
        vectorized!({
            for (out, x) in out.chunks_exact_mut(columns).zip(x.chunks_exact(columns)) {
                let inverse = inverse_rms(x, epsilon);
                for ((out, x), gain) in out.iter_mut().zip(x).zip(gain) {
                    *out = x * inverse * gain;
                }
            }
        });
    });
}

/// `d_x += (g - x * mean(g x) / rms^2) / rms` with `g = d_out * gain`.
pub fn rms_norm_backward(x: &[f32], gain: &[f32], d_out: &[f32], epsilon: f32, d_x: &mut [f32]) {
    let columns = gain.len();
    let task = ROWS_PER_TASK * columns;
    d_x.par_chunks_mut(task).zip(x.par_chunks(task)).zip(d_out.par_chunks(task)).for_each(|((d_x, x), d_out)| {
        vectorized!({
            let rows = d_x.chunks_exact_mut(columns).zip(x.chunks_exact(columns)).zip(d_out.chunks_exact(columns));
            let mut scaled = vec![0.0; columns];
            for ((d_x, x), d_out) in rows {
                let inverse = inverse_rms(x, epsilon);
                for ((scaled, d_out), gain) in scaled.iter_mut().zip(d_out).zip(gain) {
                    *scaled = d_out * gain;
                }
                let projection = dot(&scaled, x) * inverse * inverse / columns as f32;
                for ((d_x, x), scaled) in d_x.iter_mut().zip(x).zip(&scaled) {
                    *d_x += inverse * (scaled - x * projection);
                }
            }
        });
    });
}

/// `out = (x - mean) / deviation * gain + bias` per row.
pub fn layer_norm(x: &[f32], gain: &[f32], bias: &[f32], epsilon: f32, out: &mut [f32]) {
    let columns = gain.len();
    let task = ROWS_PER_TASK * columns;
    out.par_chunks_mut(task).zip(x.par_chunks(task)).for_each(|(out, x)| {
        vectorized!({
            for (out, x) in out.chunks_exact_mut(columns).zip(x.chunks_exact(columns)) {
                let inverse = centre(x, epsilon, out);
                for ((out, gain), bias) in out.iter_mut().zip(gain).zip(bias) {
                    *out = *out * inverse * gain + bias;
                }
            }
        });
    });
}

/// `d_x += (g - mean(g) - n * mean(g n)) / deviation` with `g = d_out * gain` and n the normalised row.
pub fn layer_norm_backward(x: &[f32], gain: &[f32], d_out: &[f32], epsilon: f32, d_x: &mut [f32]) {
    let columns = gain.len();
    let task = ROWS_PER_TASK * columns;
    d_x.par_chunks_mut(task).zip(x.par_chunks(task)).zip(d_out.par_chunks(task)).for_each(|((d_x, x), d_out)| {
        vectorized!({
            let rows = d_x.chunks_exact_mut(columns).zip(x.chunks_exact(columns)).zip(d_out.chunks_exact(columns));
            let (mut scaled, mut centred) = (vec![0.0; columns], vec![0.0; columns]);
            for ((d_x, x), d_out) in rows {
                let inverse = centre(x, epsilon, &mut centred);
                for ((scaled, d_out), gain) in scaled.iter_mut().zip(d_out).zip(gain) {
                    *scaled = d_out * gain;
                }
                let mean = total(&scaled) / columns as f32;
                let projection = dot(&scaled, &centred) * inverse * inverse / columns as f32;
                for ((d_x, centred), scaled) in d_x.iter_mut().zip(&centred).zip(&scaled) {
                    *d_x += inverse * (scaled - mean - centred * projection);
                }
            }
        });
    });
}

/// Writes `x - mean(x)` and returns one over the standard deviation.
#[inline(always)]
fn centre(x: &[f32], epsilon: f32, centred: &mut [f32]) -> f32 {
    let mean = total(x) / x.len() as f32;
    centred.iter_mut().zip(x).for_each(|(centred, x)| *centred = x - mean);
    inverse_rms(centred, epsilon)
}

#[inline(always)]
fn inverse_rms(x: &[f32], epsilon: f32) -> f32 {
    1.0 / (dot(x, x) / x.len() as f32 + epsilon).sqrt()
}
