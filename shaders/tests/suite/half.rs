//! `pack_half` and `unpack_half`.

use half::f16;
use halligan_shaders::Executor;

use super::harness::*;

on_both_executors! {
    halves_come_back_as_the_half_crate_rounds_them
    values_beyond_the_range_saturate
}

fn there_and_back<E: Executor>(device: &mut E, x: &[f32]) -> Vec<f32> {
    let on_device = device.upload(x).unwrap();
    let mut packed = device.zeros(x.len().div_ceil(2)).unwrap();
    let mut out = device.zeros(x.len()).unwrap();
    device.pack_half(&on_device, x.len(), &mut packed);
    device.unpack_half(&packed, x.len(), &mut out);
    device.read(&out, x.len()).unwrap()
}

fn halves_come_back_as_the_half_crate_rounds_them<E: Executor>(device: &mut E) {
    for len in [1, 2, 255, 513, 1009] {
        let x: Vec<f32> = Inputs::new(6).values(len).iter().map(|x| 40.0 * x).collect();
        let found = there_and_back(device, &x);
        for (found, x) in found.iter().zip(&x) {
            // Drivers may round a tie or truncate: at most one step of 2^-10.
            let expected = f16::from_f32(*x).to_f32();
            assert!((found - expected).abs() <= x.abs() / 1024.0, "{x} came back as {found}, not {expected}");
        }
    }
}

fn values_beyond_the_range_saturate<E: Executor>(device: &mut E) {
    assert_eq!(there_and_back(device, &[1e9, -1e9, 65504.0, 0.0]), [65504.0, -65504.0, 65504.0, 0.0]);
}
