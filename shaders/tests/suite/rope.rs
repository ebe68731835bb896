//! `rope` in both pairings, forward and inverse.

use halligan_shaders::{Executor, RopeShape, RopeStyle};

use super::harness::*;

/// The sine of an f32 angle, which both executors reduce exactly.
const TOLERANCE: f64 = 5e-7;

on_both_executors! {
    rope_matches_the_formula
    inverse_rope_is_the_gradient
    rope_stays_exact_at_far_positions
}

const SHAPES: [(usize, usize, usize, usize); 6] =
    [(1, 1, 2, 2), (3, 1, 6, 4), (5, 3, 10, 10), (67, 2, 16, 16), (4, 5, 7, 6), (2, 1, 256, 256)];

fn formula(shape: RopeShape, positions: &[u32], frequencies: &[f32], inverse: bool, x: &[f64]) -> Vec<f64> {
    let mut out = x.to_vec();
    for (row, position) in positions.iter().enumerate() {
        for head in 0..shape.heads {
            let base = (row * shape.heads + head) * shape.head_dim;
            for (i, frequency) in frequencies.iter().enumerate() {
                // The product is rounded to f32 by definition: that is the angle of the model.
                let angle = f64::from(*position as f32 * frequency) * if inverse { -1.0 } else { 1.0 };
                let (a, b) = match shape.style {
                    RopeStyle::Interleaved => (base + 2 * i, base + 2 * i + 1),
                    RopeStyle::Split => (base + i, base + i + shape.rotated / 2),
                };
                let magnitude = f64::from(shape.magnitude);
                out[a] = magnitude * (x[a] * angle.cos() - x[b] * angle.sin());
                out[b] = magnitude * (x[a] * angle.sin() + x[b] * angle.cos());
            }
        }
    }
    out
}

fn run<E: Executor>(device: &mut E, shape: RopeShape, places: &[u32], inverse: bool, x: &[f32]) -> Vec<f32> {
    let frequencies = frequencies(shape.rotated);
    twice(device, |device| {
        let mut positions = device.indices(shape.rows).unwrap();
        device.write_indices(&mut positions, places);
        let frequencies = device.upload(&frequencies).unwrap();
        let mut on_device = device.upload(x).unwrap();
        device.rope(shape, &positions, &frequencies, inverse, &mut on_device);
        device.read(&on_device, x.len()).unwrap()
    })
}

fn frequencies(rotated: usize) -> Vec<f32> {
    (0..rotated / 2).map(|i| 10_000f32.powf(-2.0 * i as f32 / rotated as f32)).collect()
}

fn each_shape(mut body: impl FnMut(RopeShape, &[u32], &[f32])) {
    for (rows, heads, head_dim, rotated) in SHAPES {
        for style in [RopeStyle::Interleaved, RopeStyle::Split] {
            let mut inputs = Inputs::new(7);
            let x = inputs.values(rows * heads * head_dim);
            let positions = inputs.indices(rows, 600);
            let magnitude = if rows % 2 == 0 { 1.0 } else { 1.19 };
            body(RopeShape { rows, heads, head_dim, rotated, style, magnitude }, &positions, &x);
        }
    }
}

fn rope_matches_the_formula<E: Executor>(device: &mut E) {
    each_shape(|shape, positions, x| {
        for inverse in [false, true] {
            let found = run(device, shape, positions, inverse, x);
            let expected = formula(shape, positions, &frequencies(shape.rotated), inverse, &wide(x));
            assert_close(&format!("{shape:?}"), &found, &expected, TOLERANCE);
        }
    });
}

fn inverse_rope_is_the_gradient<E: Executor>(device: &mut E) {
    each_shape(|shape, positions, d_out| {
        if d_out.len() > 600 {
            return;
        }
        let found = run(device, shape, positions, true, d_out);
        let frequencies = frequencies(shape.rotated);
        let d_out = wide(d_out);
        let expected = central_differences(&vec![0.5; d_out.len()], |x| {
            dot(&formula(shape, positions, &frequencies, false, x), &d_out)
        });
        assert_close(&format!("{shape:?}"), &found, &expected, TOLERANCE);
    });
}

fn rope_stays_exact_at_far_positions<E: Executor>(device: &mut E) {
    let shape = RopeShape { rows: 4, heads: 1, head_dim: 8, rotated: 8, style: RopeStyle::Split, magnitude: 1.0 };
    let positions = [0, 4_095, 32_767, 100_003];
    let x = Inputs::new(8).values(32);
    let found = run(device, shape, &positions, false, &x);
    let expected = formula(shape, &positions, &frequencies(8), false, &wide(&x));
    assert_close("rope at far positions", &found, &expected, TOLERANCE);
}
