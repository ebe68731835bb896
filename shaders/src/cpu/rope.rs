//! Rotary position embedding, forward and back.

use rayon::prelude::*;

use super::elementwise::ROWS_PER_TASK;
use crate::{RopeShape, RopeStyle};

/// Rotates in place; see [`crate::Executor::rope`].
pub fn rope(shape: RopeShape, positions: &[u32], frequencies: &[f32], inverse: bool, x: &mut [f32]) {
    let RopeShape { rows, heads, head_dim, rotated, style, magnitude } = shape;
    let columns = heads * head_dim;
    let half = rotated / 2;
    x[..rows * columns]
        .par_chunks_mut(ROWS_PER_TASK * columns)
        .zip(positions[..rows].par_chunks(ROWS_PER_TASK))
        .for_each(|(rows, positions)| {
            let mut turns = vec![(0.0f32, 0.0f32); half];
            for (row, &position) in rows.chunks_exact_mut(columns).zip(positions) {
                for (turn, frequency) in turns.iter_mut().zip(frequencies) {
                    let (sin, cos) = (position as f32 * frequency).sin_cos();
                    *turn = (magnitude * if inverse { -sin } else { sin }, magnitude * cos);
                }
                for head in row.chunks_exact_mut(head_dim) {
                    for (i, &(sin, cos)) in turns.iter().enumerate() {
                        let (a, b) = match style {
                            RopeStyle::Interleaved => (2 * i, 2 * i + 1),
                            RopeStyle::Split => (i, i + half),
                        };
                        let (first, second) = (head[a], head[b]);
                        head[a] = first * cos - second * sin;
                        head[b] = first * sin + second * cos;
                    }
                }
            }
        });
}
