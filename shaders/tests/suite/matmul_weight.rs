//! `matmul_weight` and `matmul_weight_backward` over every format.

use halligan_shaders::{Executor, Format, WeightSource, format::decode, gpu::GpuLimits};

use super::harness::*;

/// f32 sums of up to 512 products, against the largest of the outputs.
const TOLERANCE: f64 = 4e-6;

on_both_executors! {
    matmul_weight_matches_the_formula_in_every_format
    matmul_weight_backward_matches_the_formula_in_every_format
    weight_products_work_at_sizes_around_the_tile
    matmul_weight_backward_is_the_gradient_of_matmul_weight
}

pub fn source(inputs: &mut Inputs, format: Format, rows: usize, columns: usize) -> (WeightSource, Vec<f64>) {
    let bytes = inputs.blocks(format, rows, columns);
    let mut decoded = vec![0.0; rows * columns];
    decode(format, &bytes, &mut decoded);
    (WeightSource { format, rows, columns, bytes: bytes.into() }, wide(&decoded))
}

/// `out [t, n] = before + x [t, k] w [n, k]^T`.
fn forward(x: &[f64], w: &[f64], (t, n, k): (usize, usize, usize), before: &[f64]) -> Vec<f64> {
    (0..t * n).map(|at| before[at] + dot(&x[at / n * k..][..k], &w[at % n * k..][..k])).collect()
}

/// `d_x [t, k] = before + d_out [t, n] w [n, k]`.
fn backward(d_out: &[f64], w: &[f64], (t, n, k): (usize, usize, usize), before: &[f64]) -> Vec<f64> {
    let value = |at: usize| (0..n).map(|j| d_out[at / k * n + j] * w[j * k + at % k]).sum::<f64>();
    (0..t * k).map(|at| before[at] + value(at)).collect()
}

fn check<E: Executor>(device: &mut E, format: Format, sizes: (usize, usize, usize), is_forward: bool) {
    let (t, n, k) = sizes;
    for accumulate in [false, true] {
        let mut inputs = Inputs::new(4);
        let (source, decoded) = source(&mut inputs, format, n, k);
        let (input_len, output_len) = if is_forward { (t * k, t * n) } else { (t * n, t * k) };
        let (input, before) = (inputs.values(input_len), inputs.values(output_len));
        let found = twice(device, |device| {
            let weight = device.weight(&source).unwrap();
            let input = device.upload(&input).unwrap();
            let mut out = device.upload(&before).unwrap();
            if is_forward {
                device.matmul_weight(&input, &weight, t, accumulate, &mut out);
            } else {
                device.matmul_weight_backward(&input, &weight, t, accumulate, &mut out);
            }
            device.read(&out, output_len).unwrap()
        });
        let before = if accumulate { wide(&before) } else { vec![0.0; output_len] };
        let formula = if is_forward { forward } else { backward };
        let expected = formula(&wide(&input), &decoded, sizes, &before);
        let direction = if is_forward { "forward" } else { "backward" };
        assert_close(&format!("{format} {direction} {sizes:?}"), &found, &expected, TOLERANCE);
    }
}

fn matmul_weight_matches_the_formula_in_every_format<E: Executor>(device: &mut E) {
    for format in Format::ALL {
        check(device, format, (5, 7, 2 * format.block_elements().max(13)), true);
    }
}

fn matmul_weight_backward_matches_the_formula_in_every_format<E: Executor>(device: &mut E) {
    for format in Format::ALL {
        check(device, format, (5, 7, 2 * format.block_elements().max(13)), false);
    }
}

fn weight_products_work_at_sizes_around_the_tile<E: Executor>(device: &mut E) {
    for is_forward in [true, false] {
        for sizes in [(1, 1, 1), (63, 65, 33), (65, 63, 31), (64, 64, 64), (3, 130, 17)] {
            check(device, Format::F32, sizes, is_forward);
            check(device, Format::F16, sizes, is_forward);
        }
        for sizes in [(1, 1, 32), (65, 67, 96), (2, 129, 160)] {
            check(device, Format::Q8_0, sizes, is_forward);
            check(device, Format::Q4_0, sizes, is_forward);
        }
    }
}

fn matmul_weight_backward_is_the_gradient_of_matmul_weight<E: Executor>(device: &mut E) {
    let (t, n, k) = (2, 5, 32);
    let mut inputs = Inputs::new(5);
    let (source, decoded) = source(&mut inputs, Format::Q4_0, n, k);
    let (x, d_out) = (inputs.values(t * k), inputs.values(t * n));
    let weight = device.weight(&source).unwrap();
    let d_out_on_device = device.upload(&d_out).unwrap();
    let mut d_x = device.zeros(t * k).unwrap();
    device.matmul_weight_backward(&d_out_on_device, &weight, t, false, &mut d_x);
    let found = device.read(&d_x, t * k).unwrap();
    let d_out = wide(&d_out);
    let zeros = vec![0.0; t * n];
    let expected = central_differences(&wide(&x), |x| dot(&forward(x, &decoded, (t, n, k), &zeros), &d_out));
    assert_close("matmul_weight_backward", &found, &expected, TOLERANCE);
}

#[test]
fn weight_larger_than_a_binding_gives_the_results_of_a_whole_one() {
    // 34 bytes a row and 16 spare ones: 11 rows in a buffer of 400 bytes.
    let mut device = limited_gpu(GpuLimits { buffer_bytes: 400, ..GpuLimits::default() });
    check(&mut device, Format::Q8_0, (2, 45, 32), true);
    check(&mut device, Format::Q8_0, (2, 45, 32), false);
    super::embedding::check(&mut device, Format::Q8_0, 45, 32, 3);
}

#[test]
fn product_larger_than_a_submission_gives_the_results_of_a_whole_one() {
    let mut device = limited_gpu(GpuLimits { submission_work: 1, ..GpuLimits::default() });
    check(&mut device, Format::F32, (3, 130, 150), true);
    check(&mut device, Format::F32, (3, 130, 150), false);
}
