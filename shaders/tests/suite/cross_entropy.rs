//! `cross_entropy`: losses and the gradient in place of the logits.

use halligan_shaders::Executor;

use super::harness::*;

/// f32 exponentials of differences up to 20, each rounded to 2^-20, and sums of up to 701 of them.
const TOLERANCE: f64 = 4e-6;
const WEIGHT: f32 = 0.125;

on_both_executors! {
    cross_entropy_matches_the_formula_and_its_gradient
    soft_capped_cross_entropy_matches_the_formula_and_its_gradient
    cross_entropy_survives_large_logits
}

fn formula(logits: &[f64], target: usize, softcap: Option<f32>) -> f64 {
    let cap = |logit: &f64| softcap.map_or(*logit, |cap| f64::from(cap) * (logit / f64::from(cap)).tanh());
    let logits: Vec<f64> = logits.iter().map(cap).collect();
    let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    logits.iter().map(|logit| (logit - highest).exp()).sum::<f64>().ln() + highest - logits[target]
}

fn run<E: Executor>(device: &mut E, logits: &[f32], correct: &[u32], softcap: Option<f32>) -> (Vec<f32>, Vec<f32>) {
    let rows = correct.len();
    let both = twice(device, |device| {
        let mut on_device = device.upload(logits).unwrap();
        let mut targets = device.indices(rows).unwrap();
        device.write_indices(&mut targets, correct);
        let mut losses = device.zeros(rows).unwrap();
        device.cross_entropy(&targets, rows, logits.len() / rows, WEIGHT, softcap, &mut on_device, &mut losses);
        [device.read(&losses, rows).unwrap(), device.read(&on_device, logits.len()).unwrap()].concat()
    });
    (both[..rows].to_vec(), both[rows..].to_vec())
}

fn check<E: Executor>(device: &mut E, softcap: Option<f32>) {
    for (rows, vocabulary) in [(1, 1), (3, 2), (2, 255), (3, 256), (2, 257), (5, 701)] {
        let mut inputs = Inputs::new(15);
        let logits: Vec<f32> = inputs.values(rows * vocabulary).iter().map(|logit| 10.0 * logit).collect();
        let targets = inputs.indices(rows, vocabulary as u32);
        let (losses, gradients) = run(device, &logits, &targets, softcap);
        for (row, &target) in targets.iter().enumerate() {
            let range = row * vocabulary..(row + 1) * vocabulary;
            let (logits, target) = (wide(&logits[range.clone()]), target as usize);
            let expected = formula(&logits, target, softcap);
            // Relative to the logits: a loss near zero is their difference.
            let error = (f64::from(losses[row]) - expected).abs();
            assert!(error <= TOLERANCE * 10.0, "loss {} is not {expected}", losses[row]);
            let loss = |logits: &[f64]| f64::from(WEIGHT) * formula(logits, target, softcap);
            let gradient = central_differences(&logits, loss);
            for (found, expected) in gradients[range].iter().zip(gradient) {
                // The target's gradient is a difference of a probability from one.
                let allowed = TOLERANCE * expected.abs() + f64::from(WEIGHT * f32::EPSILON);
                assert!((f64::from(*found) - expected).abs() <= allowed, "{found} is not {expected}");
            }
        }
    }
}

fn cross_entropy_matches_the_formula_and_its_gradient<E: Executor>(device: &mut E) {
    check(device, None);
}

fn soft_capped_cross_entropy_matches_the_formula_and_its_gradient<E: Executor>(device: &mut E) {
    check(device, Some(6.0));
    check(device, Some(30.0));
}

fn cross_entropy_survives_large_logits<E: Executor>(device: &mut E) {
    let logits = [1e4, -1e4, 0.0, -1e4, -1e4, 1e4, -0.0, 0.0, -0.0];
    let (losses, gradients) = run(device, &logits, &[0, 0, 2], None);
    let third = f64::from(WEIGHT) / 3.0;
    let weight = f64::from(WEIGHT);
    assert_close("losses", &losses, &[0.0, 2e4, 3f64.ln()], TOLERANCE);
    let expected = [0.0, 0.0, 0.0, -weight, 0.0, weight, third, third, -2.0 * third];
    assert_close("gradients", &gradients, &expected, TOLERANCE);
}
