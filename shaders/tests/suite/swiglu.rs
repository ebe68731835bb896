//! `swiglu` and its backward pass.

use halligan_shaders::Executor;

use super::harness::*;

/// An exponential and a division of a few units in the last place each.
const TOLERANCE: f64 = 1e-6;
/// Single, around the workgroup of 256, several workgroups.
const LENGTHS: [usize; 5] = [1, 255, 256, 257, 1009];

on_both_executors! {
    swiglu_matches_the_formula
    swiglu_backward_replaces_both_inputs_by_their_gradients
    swiglu_survives_large_gates
}

fn formula(gate: f64, up: f64) -> f64 {
    gate / (1.0 + (-gate).exp()) * up
}

fn swiglu_matches_the_formula<E: Executor>(device: &mut E) {
    for len in LENGTHS {
        let mut inputs = Inputs::new(9);
        let gate: Vec<f32> = inputs.values(len).iter().map(|gate| 8.0 * gate).collect();
        let up = inputs.values(len);
        let found = twice(device, |device| {
            let (gate, up) = (device.upload(&gate).unwrap(), device.upload(&up).unwrap());
            let mut out = device.zeros(len).unwrap();
            device.swiglu(&gate, &up, len, &mut out);
            device.read(&out, len).unwrap()
        });
        let expected: Vec<f64> = wide(&gate).iter().zip(wide(&up)).map(|(gate, up)| formula(*gate, up)).collect();
        assert_close("swiglu", &found, &expected, TOLERANCE);
    }
}

fn swiglu_backward_replaces_both_inputs_by_their_gradients<E: Executor>(device: &mut E) {
    for len in LENGTHS {
        let mut inputs = Inputs::new(10);
        let gate: Vec<f32> = inputs.values(len).iter().map(|gate| 8.0 * gate).collect();
        let (up, d_out) = (inputs.values(len), inputs.values(len));
        let found = twice(device, |device| {
            let (mut gate, mut up) = (device.upload(&gate).unwrap(), device.upload(&up).unwrap());
            let d_out = device.upload(&d_out).unwrap();
            device.swiglu_backward(&d_out, len, &mut gate, &mut up);
            [device.read(&gate, len).unwrap(), device.read(&up, len).unwrap()].concat()
        });
        let (gate, up, d_out) = (wide(&gate), wide(&up), wide(&d_out));
        let d = |i: usize| central_differences(&[gate[i], up[i]], |x| d_out[i] * formula(x[0], x[1]));
        let expected: Vec<f64> = (0..2 * len).map(|at| d(at % len)[at / len]).collect();
        assert_close("swiglu_backward", &found, &expected, TOLERANCE);
    }
}

fn swiglu_survives_large_gates<E: Executor>(device: &mut E) {
    let gates = [-1000.0, -90.0, -0.0, 0.0, 90.0, 1000.0];
    let (gate, up) = (device.upload(&gates).unwrap(), device.upload(&[1.0; 6]).unwrap());
    let mut out = device.zeros(6).unwrap();
    device.swiglu(&gate, &up, 6, &mut out);
    let found = device.read(&out, 6).unwrap();
    assert_close("swiglu of extremes", &found, &[0.0, 0.0, 0.0, 0.0, 90.0, 1000.0], TOLERANCE);
    let (mut gate, mut up) = (device.upload(&gates).unwrap(), device.upload(&[1.0; 6]).unwrap());
    let d_out = device.upload(&[1.0; 6]).unwrap();
    device.swiglu_backward(&d_out, 6, &mut gate, &mut up);
    let found = device.read(&gate, 6).unwrap();
    assert_close("swiglu_backward of extremes", &found, &[0.0, 0.0, 0.5, 0.5, 1.0, 1.0], TOLERANCE);
}
