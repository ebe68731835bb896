//! `matmul_weight` and `matmul_weight_backward` over every format.

use halligan_shaders::{Executor, Format, WeightSource, cpu::CpuExecutor, format::decode, gpu::GpuLimits};

use super::harness::*;

/// f32 sums of up to 512 products, against the largest of the outputs.
const TOLERANCE: f64 = 4e-6;
/// As above, with 2^-17 of each product lost by bf16 pieces. Without a low piece it would be 2^-9 of each.
const PIECES_TOLERANCE: f64 = 1e-5;

on_both_executors! {
    matmul_weight_matches_the_formula_in_every_format
    matmul_weight_backward_matches_the_formula_in_every_format
    weight_products_work_at_sizes_around_the_tile
    matmul_weight_backward_is_the_gradient_of_matmul_weight
}

fn tolerance<E: Executor>(device: &E, format: Format) -> f64 {
    let in_pieces = format != Format::F32 && device.info().driver.contains("bf16x3");
    if in_pieces { PIECES_TOLERANCE } else { TOLERANCE }
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
        assert_close(&format!("{format} {direction} {sizes:?}"), &found, &expected, tolerance(device, format));
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

/// Both directions as the CPU chooses, where that is the tile unit of some processors, and without that.
fn check_cpu(format: Format, sizes: (usize, usize, usize)) {
    for is_forward in [true, false] {
        check(&mut CpuExecutor::new(), format, sizes, is_forward);
        check(&mut CpuExecutor::without_amx(), format, sizes, is_forward);
    }
}

#[test]
fn cpu_products_of_whole_batches_match_the_formula_in_every_format() {
    for format in Format::ALL {
        check_cpu(format, (40, 70, 2 * format.block_elements().max(32)));
    }
}

#[test]
fn cpu_products_work_at_sizes_around_every_panel() {
    for rows in [24, 31, 32, 33, 63, 130] {
        for (n, k) in [(1, 1), (15, 16), (17, 33), (32, 31), (70, 64), (129, 97)] {
            check_cpu(Format::F16, (rows, n, k));
            check_cpu(Format::BF16, (rows, n, k));
        }
    }
}

#[test]
fn cpu_products_work_where_depth_is_taken_in_parts() {
    check_cpu(Format::Q8_0, (33, 65, 1056));
    check_cpu(Format::Q8_0, (33, 1090, 96));
    check_cpu(Format::Q4_K, (24, 530, 1280));
}

/// `out [t, n]` of both directions with a weight `[32, 32]` of halves on the CPU.
fn products_of_halves(input: &[f32], weight: &[f32]) -> [Vec<f32>; 2] {
    let mut device = CpuExecutor::new();
    let bytes: Vec<u8> = weight.iter().flat_map(|&value| half::f16::from_f32(value).to_le_bytes()).collect();
    let weight = WeightSource { format: Format::F16, rows: 32, columns: 32, bytes: bytes.into() };
    let rows = input.len() / 32;
    let input = device.upload(input).unwrap();
    let mut found = [device.zeros(rows * 32).unwrap(), device.zeros(rows * 32).unwrap()];
    device.matmul_weight(&input, &weight, rows, false, &mut found[0]);
    device.matmul_weight_backward(&input, &weight, rows, false, &mut found[1]);
    found
}

#[test]
fn cpu_products_of_what_is_not_finite_are_not_finite() {
    let ones = vec![1.0f32; 32 * 32];
    for value in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::from_bits(0x7fff_ffff), f32::from_bits(0x7f80_0001)]
    {
        let mut input = ones.clone();
        input[5 * 32 + 7] = value;
        for found in products_of_halves(&input, &ones) {
            for (at, found) in found.iter().enumerate() {
                assert_eq!(found.is_finite(), at / 32 != 5, "{value} gives {found} in row {}", at / 32);
            }
        }
        let [forward, backward] = products_of_halves(&ones, &input);
        for at in 0..32 * 32 {
            assert_eq!(forward[at].is_finite(), at % 32 != 5, "{value} in the weight gives {}", forward[at]);
            assert_eq!(backward[at].is_finite(), at % 32 != 7, "{value} in the weight gives {}", backward[at]);
        }
    }
}

#[test]
fn cpu_products_of_the_largest_values_are_finite() {
    let mut identity = vec![0.0f32; 32 * 32];
    (0..32).for_each(|i| identity[i * 33] = 1.0);
    // The nearest bf16 of these is an infinity.
    for value in [3.4e38f32, -3.4e38] {
        for found in products_of_halves(&vec![value; 32 * 32], &identity) {
            assert_close("largest values", &found, &vec![f64::from(value); 32 * 32], PIECES_TOLERANCE);
        }
    }
}

#[test]
fn cpu_products_of_far_apart_values_are_exact_to_their_own_size() {
    /// Of the sum of magnitudes: two low pieces' product and the rounding of each, 2^-18 all three.
    const BOUND: f64 = 1.6e-5;
    let mut inputs = Inputs::new(6);
    let mut spread = |smallest: i32| -> Vec<f32> {
        let values = inputs.values(40 * 32);
        values.iter().enumerate().map(|(i, value)| value * 2f32.powi(smallest * (i as i32 * 7 % 16) / 15)).collect()
    };
    let (input, weight) = (spread(-60), spread(-12));
    let weight: Vec<f32> = weight[..32 * 32].iter().map(|&value| half::f16::from_f32(value).to_f32()).collect();
    let [forward, backward] = products_of_halves(&input, &weight);
    for (found, is_forward) in [(forward, true), (backward, false)] {
        for (at, found) in found.iter().enumerate() {
            let terms = (0..32).map(|i| {
                let weight = if is_forward { weight[at % 32 * 32 + i] } else { weight[i * 32 + at % 32] };
                f64::from(input[at / 32 * 32 + i]) * f64::from(weight)
            });
            let (exact, size) = terms.fold((0.0, 0.0), |(exact, size), term| (exact + term, size + term.abs()));
            let error = (f64::from(*found) - exact).abs();
            assert!(error <= BOUND * size, "{found} is not {exact}, off by {:e} of its terms", error / size);
        }
    }
}
