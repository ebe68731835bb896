//! The memory that a run is told to take against what its executor really holds.

use halligan_finetune::{
    adapter::Adapter,
    dataset::Example,
    device::{DeviceChoice, DeviceKind},
    engine::Recompute,
    lora::Target,
    model::BaseModel,
    random_model::{self, RandomShape},
    train::{
        Continuation, Control, Plan, TrainEvent, TrainOptions, TrainingSet,
        memory::{MemoryPlan, check_fits, savings},
        train,
    },
};
use halligan_shaders::Format;

/// Room for what drivers add: staging for one read, padding of weights.
const TOLERANCE: f64 = 0.02;

const SHAPE: RandomShape = RandomShape {
    architecture: "qwen3",
    layers: 3,
    hidden: 128,
    heads: 4,
    kv_heads: 2,
    head_dim: 32,
    feed_forward: 256,
    vocabulary: 1024,
    context_tokens: 512,
    rope_base: 10_000.0,
    tied: true,
};

fn base() -> BaseModel {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("base.gguf");
    random_model::write(&path, &SHAPE, Format::Q8_0, 11).unwrap();
    BaseModel::open(&path).unwrap()
}

fn rows() -> Vec<Example> {
    (1..9).map(|row| Example { tokens: vec![row as u32; 16 * row], trained: vec![true; 16 * row], row }).collect()
}

fn told_and_held(options: &TrainOptions, choice: DeviceChoice, kind: DeviceKind) -> (u64, u64) {
    let (base, rows) = (base(), rows());
    let set = TrainingSet::from(&rows);
    let plan = Plan::new(&set, options).unwrap();
    let told = MemoryPlan::of_run(&base, &set, &plan, options, None).unwrap().total(kind);
    let mut ignore = |_: &TrainEvent| Control::Continue;
    let outcome = train(&base, &set, options, choice, &Continuation::default(), &mut ignore).unwrap();
    (told, outcome.peak_device_bytes)
}

#[test]
fn forecast_is_what_the_executors_hold() {
    for recompute in [Recompute::Never, Recompute::Half, Recompute::Blocks] {
        for dropout in [0.0, 0.1] {
            let options = TrainOptions {
                max_steps: Some(1),
                sequence_tokens: 128,
                recompute,
                dropout,
                ..TrainOptions::default()
            };
            for (choice, kind) in [(DeviceChoice::Cpu, DeviceKind::Cpu), (DeviceChoice::Gpu, DeviceKind::SoftwareGpu)] {
                let (told, held) = told_and_held(&options, choice, kind);
                let error = told.abs_diff(held) as f64 / held as f64;
                assert!(error <= TOLERANCE, "{choice:?} {recompute:?}: told {told}, held {held}");
            }
        }
    }
}

#[test]
fn run_that_does_not_fit_is_refused_with_what_would_fit() {
    let (base, rows) = (base(), rows());
    let options = TrainOptions { sequence_tokens: 512, ..TrainOptions::default() };
    let set = TrainingSet::from(&rows);
    let plan = Plan::new(&set, &options).unwrap();
    let needed = MemoryPlan::of_run(&base, &set, &plan, &options, None).unwrap();
    let kind = DeviceKind::Cpu;
    let total = needed.total(kind);
    assert!(check_fits(&base, &needed, &options, None, kind, total).is_ok());
    let smaller = savings(&base, &options, needed.rows, None, kind).unwrap();
    assert!(smaller.windows(2).all(|pair| pair[1].bytes < pair[0].bytes), "{smaller:?}");
    assert_eq!((smaller[0].change.as_str(), smaller[1].change.as_str()), ("--recompute half", "--recompute blocks"));
    let short = smaller.iter().find(|saving| saving.change.ends_with("--seq 128")).unwrap();
    let error = check_fits(&base, &needed, &options, None, kind, short.bytes).unwrap_err().to_string();
    assert!(error.contains("this run needs") && error.contains("--recompute blocks --seq 128 would fit"), "{error}");
    let error = check_fits(&base, &needed, &options, None, kind, 1000).unwrap_err().to_string();
    assert!(error.contains("--targets q,v takes") && error.contains("smaller base"), "{error}");
    // The advice holds: what is said to be taken is what the changed options take.
    let changed = TrainOptions {
        sequence_tokens: 64,
        recompute: Recompute::Blocks,
        rank: 4,
        targets: vec![Target::Q, Target::V],
        ..options
    };
    let adapter: Adapter = changed.first_adapter(&base).unwrap();
    let least = MemoryPlan::new(&base, &adapter, 64, Recompute::Blocks, 0.0).unwrap().total(kind);
    assert_eq!(smaller.last().unwrap().bytes, least);
}
