//! `sum_of_squares`, in one stage and in two.

use halligan_shaders::Executor;

use super::harness::*;

/// All terms are positive, so the error is that of f32 sums of some hundred terms per thread.
const TOLERANCE: f64 = 3e-6;

on_both_executors! {
    sum_of_squares_matches_the_formula
}

fn sum_of_squares_matches_the_formula<E: Executor>(device: &mut E) {
    for len in [1, 255, 257, 4095, 4096, 4097, 50_021, 1_200_007] {
        let x = Inputs::new(16).values(len);
        let found = twice(device, |device| {
            let on_device = device.upload(&x).unwrap();
            let mut out = device.upload(&[-1.0; 3]).unwrap();
            device.sum_of_squares(&on_device, len, 1, &mut out);
            device.read(&out, 3).unwrap()
        });
        assert_eq!((found[0], found[2]), (-1.0, -1.0), "only its slot changes");
        let x = wide(&x);
        assert_close(&format!("sum of {len}"), &found[1..2], &[dot(&x, &x)], TOLERANCE);
    }
}
