//! `layer_norm` and its backward pass.

use halligan_shaders::Executor;

use super::harness::*;

/// f32 sums of up to 700 squares, and an inverse square root of a few units in the last place.
const TOLERANCE: f64 = 3e-6;
const EPSILON: f32 = 1e-5;
/// Rows and columns: single, prime, around the workgroup of 64.
const SHAPES: [(usize, usize); 7] = [(1, 1), (3, 7), (2, 63), (5, 64), (4, 65), (33, 32), (3, 701)];

on_both_executors! {
    layer_norm_matches_the_formula
    layer_norm_backward_adds_the_gradient
    layer_norm_of_a_constant_row_is_its_bias
}

fn formula(x: &[f64], gain: &[f64], bias: &[f64], columns: usize) -> Vec<f64> {
    let row = |row: &[f64]| {
        let mean = row.iter().sum::<f64>() / columns as f64;
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / columns as f64;
        let scale = (variance + f64::from(EPSILON)).sqrt().recip();
        let affine = gain.iter().zip(bias);
        row.iter().zip(affine).map(|(x, (gain, bias))| (x - mean) * scale * gain + bias).collect::<Vec<_>>()
    };
    x.chunks(columns).flat_map(row).collect()
}

fn layer_norm_matches_the_formula<E: Executor>(device: &mut E) {
    for (rows, columns) in SHAPES {
        let mut inputs = Inputs::new(21);
        // A mean far from zero: computing the variance from the mean of squares would cancel.
        let x: Vec<f32> = inputs.values(rows * columns).iter().map(|x| x + 3.0).collect();
        let (gain, bias) = (inputs.values(columns), inputs.values(columns));
        let found = twice(device, |device| {
            let [x, gain, bias] = [&x, &gain, &bias].map(|values| device.upload(values).unwrap());
            let mut out = device.zeros(rows * columns).unwrap();
            device.layer_norm(&x, &gain, &bias, rows, columns, EPSILON, &mut out);
            device.read(&out, rows * columns).unwrap()
        });
        let expected = formula(&wide(&x), &wide(&gain), &wide(&bias), columns);
        assert_close(&format!("layer_norm {rows} x {columns}"), &found, &expected, TOLERANCE);
    }
}

fn layer_norm_backward_adds_the_gradient<E: Executor>(device: &mut E) {
    for (rows, columns) in SHAPES {
        let mut inputs = Inputs::new(22);
        let (x, gain) = (inputs.values(rows * columns), inputs.values(columns));
        let (d_out, before) = (inputs.values(rows * columns), inputs.values(rows * columns));
        let found = twice(device, |device| {
            let [x, gain, d_out] = [&x, &gain, &d_out].map(|values| device.upload(values).unwrap());
            let mut d_x = device.upload(&before).unwrap();
            device.layer_norm_backward(&x, &gain, &d_out, rows, columns, EPSILON, &mut d_x);
            device.read(&d_x, rows * columns).unwrap()
        });
        let (gain, bias) = (wide(&gain), vec![0.0; columns]);
        let mut expected = wide(&before);
        for row in 0..rows {
            let range = row * columns..(row + 1) * columns;
            let d_out = wide(&d_out[range.clone()]);
            let loss = |x: &[f64]| dot(&formula(x, &gain, &bias, columns), &d_out);
            let gradient = central_differences(&wide(&x[range.clone()]), loss);
            expected[range].iter_mut().zip(gradient).for_each(|(sum, part)| *sum += part);
        }
        assert_close(&format!("layer_norm_backward {rows} x {columns}"), &found, &expected, TOLERANCE);
    }
}

fn layer_norm_of_a_constant_row_is_its_bias<E: Executor>(device: &mut E) {
    let [x, gain, bias] = [[5.0; 3], [2.0; 3], [0.5, -0.5, 1.0]].map(|values| device.upload(&values).unwrap());
    let mut out = device.zeros(3).unwrap();
    device.layer_norm(&x, &gain, &bias, 1, 3, EPSILON, &mut out);
    assert_close("constant row", &device.read(&out, 3).unwrap(), &[0.5, -0.5, 1.0], TOLERANCE);
}
