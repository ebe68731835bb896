//! `adamw_step` over several steps.

use halligan_shaders::{AdamW, Executor};

use super::harness::*;

/// Five steps of a dozen f32 roundings each; early steps divide by small bias corrections.
const TOLERANCE: f64 = 3e-6;

on_both_executors! {
    adamw_step_matches_the_formula_over_five_steps
}

fn formula(hyper: &AdamW, g: f64, p: &mut f64, m: &mut f64, v: &mut f64) {
    let [rate, beta1, beta2, epsilon, decay, scale] =
        [hyper.learning_rate, hyper.beta1, hyper.beta2, hyper.epsilon, hyper.weight_decay, hyper.gradient_scale]
            .map(f64::from);
    let g = g * scale;
    *m = beta1 * *m + (1.0 - beta1) * g;
    *v = beta2 * *v + (1.0 - beta2) * g * g;
    let m_hat = *m / (1.0 - beta1.powf(f64::from(hyper.step)));
    let v_hat = *v / (1.0 - beta2.powf(f64::from(hyper.step)));
    *p -= rate * decay * *p + rate * m_hat / (v_hat.sqrt() + epsilon);
}

fn adamw_step_matches_the_formula_over_five_steps<E: Executor>(device: &mut E) {
    for len in [1, 255, 257, 1009] {
        let mut inputs = Inputs::new(17);
        let start = inputs.values(len);
        let gradients: Vec<Vec<f32>> = (0..5).map(|_| inputs.values(len)).collect();
        let hyper = |step| AdamW {
            learning_rate: 0.01,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.1,
            step,
            gradient_scale: 0.7,
        };
        let found = twice(device, |device| {
            let mut p = device.upload(&start).unwrap();
            let (mut m, mut v) = (device.zeros(len).unwrap(), device.zeros(len).unwrap());
            let mut g = device.zeros(len).unwrap();
            for (step, gradient) in (1..).zip(&gradients) {
                device.write(&mut g, gradient);
                device.adamw_step(&hyper(step), &g, len, &mut p, &mut m, &mut v);
            }
            [device.read(&p, len).unwrap(), device.read(&m, len).unwrap(), device.read(&v, len).unwrap()].concat()
        });
        let (mut p, mut m, mut v) = (wide(&start), vec![0.0; len], vec![0.0; len]);
        for (step, gradient) in (1..).zip(&gradients) {
            for i in 0..len {
                formula(&hyper(step), f64::from(gradient[i]), &mut p[i], &mut m[i], &mut v[i]);
            }
        }
        assert_close("parameter", &found[..len], &p, TOLERANCE);
        assert_close("first moment", &found[len..2 * len], &m, TOLERANCE);
        assert_close("second moment", &found[2 * len..], &v, TOLERANCE);
    }
}
