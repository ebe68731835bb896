//! Learning-rate factors against those that Hugging Face transformers computes (`goldens/make_schedules.py`).

use halligan_finetune::schedule::{Decay, LearningRateCurve, Schedule};

/// Both compute in f64; only the order of operations differs.
const TOLERANCE: f64 = 1e-12;

#[test]
fn every_schedule_has_the_factors_of_transformers() {
    let cases: Vec<serde_json::Value> = serde_json::from_str(include_str!("../goldens/schedules.json")).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for case in &cases {
        let number = |key: &str, default: f64| case.get(key).map_or(default, |value| value.as_f64().unwrap());
        let schedule: Schedule = case["schedule"].as_str().unwrap().parse().unwrap();
        let decay: Decay = case.get("decay").map_or("cosine", |decay| decay.as_str().unwrap()).parse().unwrap();
        let curve = LearningRateCurve {
            schedule,
            warmup_steps: number("warmup", 0.0) as usize,
            floor: number("floor", 0.0),
            cycles: number("cycles", 1.0) as usize,
            decay_share: number("decay_share", 0.2),
            decay,
        };
        let steps = number("steps", 0.0) as usize;
        for (step, theirs) in case["factors"].as_array().unwrap().iter().enumerate() {
            let (ours, theirs) = (curve.factor(step, steps), theirs.as_f64().unwrap());
            assert!((ours - theirs).abs() <= TOLERANCE, "{curve:?} at {step} of {steps}: {ours}, theirs {theirs}");
        }
        seen.insert(schedule.name());
    }
    assert_eq!(seen.len(), Schedule::ALL.len());
}
