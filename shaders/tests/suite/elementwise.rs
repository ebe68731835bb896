//! `add`, `add_bias`, `fill`, `copy`, `gather_rows`, `scatter_rows`: exact to the bit.

use halligan_shaders::Executor;

use super::harness::*;

/// Single, around the workgroup of 256, several workgroups.
const LENGTHS: [usize; 5] = [1, 255, 256, 257, 1009];

on_both_executors! {
    add_is_exact
    add_bias_is_exact
    fill_and_copy_touch_only_their_length
    copies_keep_every_bit
    gather_and_scatter_move_rows
    calls_take_effect_in_their_order
    tensors_larger_than_one_grid_are_covered
}

fn add_is_exact<E: Executor>(device: &mut E) {
    for len in LENGTHS {
        let mut inputs = Inputs::new(11);
        let (x, y) = (inputs.values(len + 1), inputs.values(len + 1));
        let (mut on_device, addend) = (device.upload(&x).unwrap(), device.upload(&y).unwrap());
        device.add(&addend, len, &mut on_device);
        let mut expected: Vec<f32> = x.iter().zip(&y).map(|(x, y)| x + y).collect();
        expected[len] = x[len];
        assert_eq!(bits(&device.read(&on_device, len + 1).unwrap()), bits(&expected));
    }
}

fn add_bias_is_exact<E: Executor>(device: &mut E) {
    for (rows, columns) in [(1, 1), (3, 5), (7, 255), (2, 257)] {
        let mut inputs = Inputs::new(12);
        let (x, bias) = (inputs.values(rows * columns), inputs.values(columns));
        let (mut on_device, bias_on_device) = (device.upload(&x).unwrap(), device.upload(&bias).unwrap());
        device.add_bias(&bias_on_device, rows, columns, &mut on_device);
        let expected: Vec<f32> = x.iter().enumerate().map(|(i, x)| x + bias[i % columns]).collect();
        assert_eq!(bits(&device.read(&on_device, rows * columns).unwrap()), bits(&expected));
    }
}

fn fill_and_copy_touch_only_their_length<E: Executor>(device: &mut E) {
    for len in LENGTHS {
        let values = Inputs::new(13).values(len);
        let source = device.upload(&values).unwrap();
        let mut out = device.zeros(len + 2).unwrap();
        device.fill(-2.5, len + 1, &mut out);
        device.copy(&source, len, &mut out);
        let expected = [&values[..], &[-2.5, 0.0]].concat();
        assert_eq!(bits(&device.read(&out, len + 2).unwrap()), bits(&expected));
    }
}

fn copies_keep_every_bit<E: Executor>(device: &mut E) {
    let values = [-0.0, f32::MIN_POSITIVE / 2.0, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::NAN];
    let source = device.upload(&values).unwrap();
    let mut out = device.zeros(6).unwrap();
    device.copy(&source, 6, &mut out);
    assert_eq!(bits(&device.read(&out, 6).unwrap()), bits(&values));
}

fn gather_and_scatter_move_rows<E: Executor>(device: &mut E) {
    for columns in [1, 7, 300] {
        let x = Inputs::new(14).values(9 * columns);
        let places = [8u32, 0, 3, 5];
        let mut rows = device.indices(9).unwrap();
        device.write_indices(&mut rows, &places);
        let on_device = device.upload(&x).unwrap();
        let mut gathered = device.zeros(4 * columns).unwrap();
        device.gather_rows(&on_device, &rows, 4, columns, &mut gathered);
        let expected: Vec<f32> =
            places.iter().flat_map(|place| x[*place as usize * columns..][..columns].to_vec()).collect();
        assert_eq!(bits(&device.read(&gathered, 4 * columns).unwrap()), bits(&expected));

        let mut scattered = device.zeros(9 * columns).unwrap();
        device.scatter_rows(&gathered, &rows, 4, columns, &mut scattered);
        let kept = |i: usize| if places.contains(&((i / columns) as u32)) { x[i] } else { 0.0 };
        let expected: Vec<f32> = (0..9 * columns).map(kept).collect();
        assert_eq!(bits(&device.read(&scattered, 9 * columns).unwrap()), bits(&expected));
    }
}

fn calls_take_effect_in_their_order<E: Executor>(device: &mut E) {
    let mut x = device.zeros(1).unwrap();
    let mut sum = device.zeros(1).unwrap();
    for i in 1..=300u16 {
        device.write(&mut x, &[f32::from(i)]);
        device.add(&x, 1, &mut sum);
    }
    // 1000 kernels without a write between them: more than one submission holds.
    device.write(&mut x, &[1.0]);
    for _ in 0..1000 {
        device.add(&x, 1, &mut sum);
    }
    assert_eq!(device.read(&sum, 1).unwrap(), [300.0 * 301.0 / 2.0 + 1000.0]);
}

fn tensors_larger_than_one_grid_are_covered<E: Executor>(device: &mut E) {
    // A grid has at most 65535 workgroups of 256 threads.
    const LEN: usize = 65_535 * 256 + 1;
    let mut x = device.zeros(LEN + 1).unwrap();
    device.fill(3.0, LEN, &mut x);
    let found = device.read(&x, LEN + 1).unwrap();
    assert!(found[..LEN].iter().all(|value| *value == 3.0));
    assert_eq!(found[LEN], 0.0);
}
