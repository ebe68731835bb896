//! Dense `matmul` in all four transpositions.

use halligan_shaders::{Executor, Matmul};

use super::harness::*;

/// f32 sums of up to 67 products, against the largest of the outputs.
const TOLERANCE: f64 = 2e-6;
/// m, n, k: single, prime, around the tile of 64 and the step of 16, thin as a LoRA factor.
const SHAPES: [(usize, usize, usize); 7] =
    [(1, 1, 1), (2, 3, 5), (63, 65, 17), (64, 64, 16), (65, 63, 15), (130, 8, 67), (5, 131, 64)];

on_both_executors! {
    matmul_matches_the_formula_in_all_transpositions
    matmul_adds_to_its_output_when_told
}

fn formula(shape: Matmul, a: &[f64], b: &[f64], before: &[f64]) -> Vec<f64> {
    let Matmul { m, n, k, .. } = shape;
    let a = |i: usize, s: usize| if shape.transpose_a { a[s * m + i] } else { a[i * k + s] };
    let b = |s: usize, j: usize| if shape.transpose_b { b[j * k + s] } else { b[s * n + j] };
    let value = |at: usize| {
        let sum: f64 = (0..k).map(|s| a(at / n, s) * b(s, at % n)).sum();
        f64::from(shape.alpha) * sum + if shape.accumulate { before[at] } else { 0.0 }
    };
    (0..m * n).map(value).collect()
}

fn check<E: Executor>(device: &mut E, shape: Matmul) {
    let Matmul { m, n, k, .. } = shape;
    let mut inputs = Inputs::new(3);
    let (a, b, before) = (inputs.values(m * k), inputs.values(k * n), inputs.values(m * n));
    let found = twice(device, |device| {
        let (a, b) = (device.upload(&a).unwrap(), device.upload(&b).unwrap());
        let mut out = device.upload(&before).unwrap();
        device.matmul(shape, &a, &b, &mut out);
        device.read(&out, m * n).unwrap()
    });
    let expected = formula(shape, &wide(&a), &wide(&b), &wide(&before));
    assert_close(&format!("{shape:?}"), &found, &expected, TOLERANCE);
}

fn matmul_matches_the_formula_in_all_transpositions<E: Executor>(device: &mut E) {
    for (m, n, k) in SHAPES {
        for (transpose_a, transpose_b) in [(false, false), (false, true), (true, false), (true, true)] {
            check(device, Matmul { m, n, k, transpose_a, transpose_b, alpha: 1.0, accumulate: false });
        }
    }
}

fn matmul_adds_to_its_output_when_told<E: Executor>(device: &mut E) {
    for (m, n, k) in SHAPES {
        let shape = Matmul { m, n, k, transpose_a: false, transpose_b: true, alpha: 1.0, accumulate: true };
        check(device, shape);
        check(device, Matmul { alpha: -0.25, ..shape });
        check(device, Matmul { alpha: 2.0, transpose_a: true, ..shape });
        check(device, Matmul { alpha: 2.0, accumulate: false, ..shape });
    }
}
