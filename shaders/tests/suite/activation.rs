//! `glu`, `activate` and their backward passes, for both activations.

use halligan_shaders::{Activation, Executor};

use super::harness::*;

/// An exponential and a division of a few units in the last place each, and for GELU a cubic before them.
const TOLERANCE: f64 = 2e-6;
/// Single, around the workgroup of 256, several workgroups.
const LENGTHS: [usize; 5] = [1, 255, 256, 257, 1009];
const ACTIVATIONS: [Activation; 2] = [Activation::Silu, Activation::Gelu];

on_both_executors! {
    glu_matches_the_formula
    glu_backward_replaces_both_inputs_by_their_gradients
    glu_survives_large_gates
    activate_matches_the_formula_and_its_gradient
}

fn formula(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Gelu => {
            let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
            0.5 * x * (1.0 + u.tanh())
        }
    }
}

fn gates(inputs: &mut Inputs, len: usize) -> Vec<f32> {
    inputs.values(len).iter().map(|gate| 8.0 * gate).collect()
}

fn each_case(mut body: impl FnMut(Activation, usize)) {
    for activation in ACTIVATIONS {
        LENGTHS.into_iter().for_each(|len| body(activation, len));
    }
}

fn glu_matches_the_formula<E: Executor>(device: &mut E) {
    each_case(|activation, len| {
        let mut inputs = Inputs::new(9);
        let (gate, up) = (gates(&mut inputs, len), inputs.values(len));
        let found = twice(device, |device| {
            let (gate, up) = (device.upload(&gate).unwrap(), device.upload(&up).unwrap());
            let mut out = device.zeros(len).unwrap();
            device.glu(activation, &gate, &up, len, &mut out);
            device.read(&out, len).unwrap()
        });
        let pairs = wide(&gate).into_iter().zip(wide(&up));
        let expected: Vec<f64> = pairs.map(|(gate, up)| formula(activation, gate) * up).collect();
        assert_close(&format!("{activation:?}"), &found, &expected, TOLERANCE);
    });
}

fn glu_backward_replaces_both_inputs_by_their_gradients<E: Executor>(device: &mut E) {
    each_case(|activation, len| {
        let mut inputs = Inputs::new(10);
        let gate = gates(&mut inputs, len);
        let (up, d_out) = (inputs.values(len), inputs.values(len));
        let found = twice(device, |device| {
            let (mut gate, mut up) = (device.upload(&gate).unwrap(), device.upload(&up).unwrap());
            let d_out = device.upload(&d_out).unwrap();
            device.glu_backward(activation, &d_out, len, &mut gate, &mut up);
            [device.read(&gate, len).unwrap(), device.read(&up, len).unwrap()].concat()
        });
        let (gate, up, d_out) = (wide(&gate), wide(&up), wide(&d_out));
        let loss = |i: usize, x: &[f64]| d_out[i] * formula(activation, x[0]) * x[1];
        let d = |i: usize| central_differences(&[gate[i], up[i]], |x| loss(i, x));
        let expected: Vec<f64> = (0..2 * len).map(|at| d(at % len)[at / len]).collect();
        assert_close(&format!("backward of {activation:?}"), &found, &expected, TOLERANCE);
    });
}

fn glu_survives_large_gates<E: Executor>(device: &mut E) {
    let gates = [-1000.0, -90.0, -0.0, 0.0, 90.0, 1000.0];
    for activation in ACTIVATIONS {
        let (gate, up) = (device.upload(&gates).unwrap(), device.upload(&[1.0; 6]).unwrap());
        let mut out = device.zeros(6).unwrap();
        device.glu(activation, &gate, &up, 6, &mut out);
        let found = device.read(&out, 6).unwrap();
        assert_close("glu of extremes", &found, &[0.0, 0.0, 0.0, 0.0, 90.0, 1000.0], TOLERANCE);
        let (mut gate, mut up) = (device.upload(&gates).unwrap(), device.upload(&[1.0; 6]).unwrap());
        let d_out = device.upload(&[1.0; 6]).unwrap();
        device.glu_backward(activation, &d_out, 6, &mut gate, &mut up);
        let found = device.read(&gate, 6).unwrap();
        assert_close("glu_backward of extremes", &found, &[0.0, 0.0, 0.5, 0.5, 1.0, 1.0], TOLERANCE);
    }
}

fn activate_matches_the_formula_and_its_gradient<E: Executor>(device: &mut E) {
    each_case(|activation, len| {
        let mut inputs = Inputs::new(11);
        let (x, d_out) = (gates(&mut inputs, len), inputs.values(len));
        let found = twice(device, |device| {
            let (mut on_device, d_out) = (device.upload(&x).unwrap(), device.upload(&d_out).unwrap());
            let mut out = device.zeros(len).unwrap();
            device.activate(activation, &on_device, len, &mut out);
            device.activate_backward(activation, &d_out, len, &mut on_device);
            [device.read(&out, len).unwrap(), device.read(&on_device, len).unwrap()].concat()
        });
        let value: Vec<f64> = wide(&x).into_iter().map(|x| formula(activation, x)).collect();
        let slope = |(x, d_out): (f64, f64)| central_differences(&[x], |x| d_out * formula(activation, x[0]))[0];
        let gradient: Vec<f64> = wide(&x).into_iter().zip(wide(&d_out)).map(slope).collect();
        assert_close(&format!("{activation:?}"), &found[..len], &value, TOLERANCE);
        assert_close(&format!("gradient of {activation:?}"), &found[len..], &gradient, TOLERANCE);
    });
}
