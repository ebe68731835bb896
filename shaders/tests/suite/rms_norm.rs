//! `rms_norm` and its backward pass.

use halligan_shaders::Executor;

use super::harness::*;

/// f32 sums of up to 700 squares, and an inverse square root of a few units in the last place.
const TOLERANCE: f64 = 2e-6;
const EPSILON: f32 = 1e-6;
/// Rows and columns: single, prime, around the workgroup of 64, more rows than a grid.
const SHAPES: [(usize, usize); 8] = [(1, 1), (3, 7), (2, 63), (5, 64), (4, 65), (33, 32), (3, 701), (65_537, 2)];

on_both_executors! {
    rms_norm_matches_the_formula
    rms_norm_backward_adds_the_gradient
    rms_norm_keeps_zero_rows_and_extreme_rows_finite
}

fn formula(x: &[f64], gain: &[f64], columns: usize) -> Vec<f64> {
    let row = |row: &[f64]| {
        let scale = (dot(row, row) / columns as f64 + f64::from(EPSILON)).sqrt().recip();
        row.iter().zip(gain).map(|(x, gain)| x * scale * gain).collect::<Vec<_>>()
    };
    x.chunks(columns).flat_map(row).collect()
}

fn rms_norm_matches_the_formula<E: Executor>(device: &mut E) {
    for (rows, columns) in SHAPES {
        let mut inputs = Inputs::new(1);
        let (x, gain) = (inputs.values(rows * columns), inputs.values(columns));
        let found = twice(device, |device| {
            let (x, gain) = (device.upload(&x).unwrap(), device.upload(&gain).unwrap());
            let mut out = device.zeros(rows * columns).unwrap();
            device.rms_norm(&x, &gain, rows, columns, EPSILON, &mut out);
            device.read(&out, rows * columns).unwrap()
        });
        let expected = formula(&wide(&x), &wide(&gain), columns);
        assert_close(&format!("rms_norm {rows} x {columns}"), &found, &expected, TOLERANCE);
    }
}

fn rms_norm_backward_adds_the_gradient<E: Executor>(device: &mut E) {
    for (rows, columns) in SHAPES {
        let mut inputs = Inputs::new(2);
        let (mut x, gain) = (inputs.values(rows * columns), inputs.values(columns));
        if rows > 1000 {
            // Among so many short rows some would be nearly zero, and f32 cannot hold their steep gradients.
            x.iter_mut().for_each(|x| *x += 2.0);
        }
        let (d_out, before) = (inputs.values(rows * columns), inputs.values(rows * columns));
        let found = twice(device, |device| {
            let (x, gain) = (device.upload(&x).unwrap(), device.upload(&gain).unwrap());
            let (d_out, mut d_x) = (device.upload(&d_out).unwrap(), device.upload(&before).unwrap());
            device.rms_norm_backward(&x, &gain, &d_out, rows, columns, EPSILON, &mut d_x);
            device.read(&d_x, rows * columns).unwrap()
        });
        let gain = wide(&gain);
        let mut expected = wide(&before);
        for row in 0..rows {
            let range = row * columns..(row + 1) * columns;
            let d_out = wide(&d_out[range.clone()]);
            let gradient = central_differences(&wide(&x[range.clone()]), |x| dot(&formula(x, &gain, columns), &d_out));
            expected[range].iter_mut().zip(gradient).for_each(|(sum, part)| *sum += part);
        }
        assert_close(&format!("rms_norm_backward {rows} x {columns}"), &found, &expected, TOLERANCE);
    }
}

fn rms_norm_keeps_zero_rows_and_extreme_rows_finite<E: Executor>(device: &mut E) {
    let x = [[0.0; 3], [-0.0; 3], [1e15, -1e15, 1e15], [1e-20, 0.0, -1e-20]].concat();
    let (x, gain) = (device.upload(&x).unwrap(), device.upload(&[1.0; 3]).unwrap());
    let mut out = device.zeros(12).unwrap();
    device.rms_norm(&x, &gain, 4, 3, EPSILON, &mut out);
    let found = device.read(&out, 12).unwrap();
    let expected = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, -1.0, 1.0, 1e-17, 0.0, -1e-17];
    assert_close("rms_norm of extremes", &found, &expected, TOLERANCE);
}
