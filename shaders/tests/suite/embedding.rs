//! `embedding` over every format.

use halligan_shaders::{Executor, Format};

use super::{harness::*, matmul_weight::source};

/// One decoded weight times the scale: formats with a minimum may fuse their multiply-add on a GPU.
const TOLERANCE: f64 = 3e-7;

on_both_executors! {
    embedding_matches_decoded_rows_in_every_format
    embedding_works_at_awkward_sizes
}

pub fn check<E: Executor>(device: &mut E, format: Format, vocabulary: usize, columns: usize, rows: usize) {
    const SCALE: f32 = 1.5;
    let mut inputs = Inputs::new(6);
    let (source, decoded) = source(&mut inputs, format, vocabulary, columns);
    let mut tokens = inputs.indices(rows, vocabulary as u32);
    tokens[0] = vocabulary as u32 - 1;
    let found = twice(device, |device| {
        let table = device.weight(&source).unwrap();
        let mut on_device = device.indices(rows + 3).unwrap();
        device.write_indices(&mut on_device, &tokens);
        let mut out = device.zeros(rows * columns).unwrap();
        device.embedding(&table, &on_device, rows, SCALE, &mut out);
        device.read(&out, rows * columns).unwrap()
    });
    let row = |token: &u32| decoded[*token as usize * columns..][..columns].to_vec();
    let expected: Vec<f64> = tokens.iter().flat_map(row).map(|weight| weight * f64::from(SCALE)).collect();
    assert_close(&format!("embedding {format}"), &found, &expected, TOLERANCE);
}

fn embedding_matches_decoded_rows_in_every_format<E: Executor>(device: &mut E) {
    for format in Format::ALL {
        check(device, format, 11, 2 * format.block_elements().max(13), 7);
    }
}

fn embedding_works_at_awkward_sizes<E: Executor>(device: &mut E) {
    for (vocabulary, columns, rows) in [(1, 1, 1), (3, 2, 5), (5, 257, 3), (17, 31, 64)] {
        check(device, Format::F32, vocabulary, columns, rows);
        check(device, Format::F16, vocabulary, columns, rows);
        check(device, Format::BF16, vocabulary, columns, rows);
    }
}
