//! `dropout`: which elements stay, how they grow, and that the mask comes back.

use halligan_shaders::{Dropout, Executor, cpu::CpuExecutor};

use super::harness::*;

on_both_executors! {
    dropout_zeroes_its_share_and_keeps_the_mean
    the_same_seed_draws_the_same_mask_and_another_seed_another
    dropout_accumulates_onto_what_is_there
    probability_zero_changes_nothing
}

const LEN: usize = 40_000;

fn masked<E: Executor>(device: &mut E, dropout: Dropout, x: &[f32], before: Option<&[f32]>) -> Vec<f32> {
    let x_on_device = device.upload(x).unwrap();
    // Without accumulation nothing that was there may show, NaN least of all.
    let mut out = device.upload(before.unwrap_or(&vec![f32::NAN; x.len()])).unwrap();
    device.dropout(dropout, &x_on_device, x.len(), before.is_some(), &mut out);
    device.read(&out, x.len()).unwrap()
}

fn dropout_zeroes_its_share_and_keeps_the_mean<E: Executor>(device: &mut E) {
    for probability in [0.05f32, 0.5, 0.9] {
        let found = masked(device, Dropout { probability, seed: 7 }, &[1.0; LEN], None);
        let dropped = found.iter().filter(|&&value| value == 0.0).count() as f64 / LEN as f64;
        // Five standard deviations of a binomial share.
        let slack = 5.0 * (f64::from(probability) * f64::from(1.0 - probability) / LEN as f64).sqrt();
        assert!((dropped - f64::from(probability)).abs() < slack, "{dropped} of {probability}");
        let kept = 1.0 / (1.0 - probability);
        assert!(found.iter().all(|&value| value == 0.0 || value == kept), "kept elements grow by {kept}");
        // Neighbours fall independently: runs of equal decisions are as long as chance makes them.
        let changes = found.windows(2).filter(|pair| (pair[0] == 0.0) != (pair[1] == 0.0)).count() as f64;
        let expected = 2.0 * f64::from(probability) * f64::from(1.0 - probability) * (LEN - 1) as f64;
        assert!((changes - expected).abs() < 8.0 * expected.sqrt(), "{changes} changes, {expected} expected");
    }
}

fn the_same_seed_draws_the_same_mask_and_another_seed_another<E: Executor>(device: &mut E) {
    let x = Inputs::new(3).values(LEN);
    let dropout = Dropout { probability: 0.5, seed: 1 };
    let found = masked(device, dropout, &x, None);
    assert_eq!(bits(&found), bits(&masked(&mut CpuExecutor::new(), dropout, &x, None)), "both executors agree");
    for seed in [2, 3, 0x8000_0001, u32::MAX] {
        let other = masked(device, Dropout { seed, ..dropout }, &x, None);
        let same = found.iter().zip(&other).filter(|(a, b)| (**a == 0.0) == (**b == 0.0)).count() as f64;
        assert!((same / LEN as f64 - 0.5).abs() < 0.015, "seed {seed} shares {same} decisions of {LEN}");
    }
}

fn dropout_accumulates_onto_what_is_there<E: Executor>(device: &mut E) {
    let mut inputs = Inputs::new(4);
    let (x, before) = (inputs.values(1000), inputs.values(1000));
    let dropout = Dropout { probability: 0.3, seed: 9 };
    let alone = masked(device, dropout, &x, None);
    let added = masked(device, dropout, &x, Some(&before));
    let expected: Vec<f32> = before.iter().zip(&alone).map(|(before, alone)| before + alone).collect();
    assert_eq!(bits(&added), bits(&expected));
}

fn probability_zero_changes_nothing<E: Executor>(device: &mut E) {
    let x = Inputs::new(5).values(257);
    assert_eq!(bits(&masked(device, Dropout { probability: 0.0, seed: 1 }, &x, None)), bits(&x));
}
