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

/// The proportions of Qwen2.5-0.5B with half its layers: the fewer there are, the more a vocabulary weighs.
const WIDE: RandomShape = RandomShape {
    architecture: "qwen2",
    layers: 12,
    hidden: 896,
    heads: 14,
    kv_heads: 2,
    head_dim: 64,
    feed_forward: 4864,
    vocabulary: 1024,
    context_tokens: 1024,
    rope_base: 1_000_000.0,
    tied: true,
};

/// Rows of the vocabulary of Qwen2.5.
const LARGE_VOCABULARY: usize = 151_936;

/// Room for what the allocator of the system keeps, over the steps of a long run.
const GROWTH_BYTES_MAX: u64 = 4 << 20;

fn base() -> BaseModel {
    base_of(&SHAPE)
}

fn base_of(shape: &RandomShape) -> BaseModel {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("base.gguf");
    random_model::write(&path, shape, Format::Q4_0, 11).unwrap();
    BaseModel::open(&path).unwrap()
}

/// Memory beyond the weights, for sequences of this length.
fn beyond_weights(base: &BaseModel, tokens: usize, recompute: Recompute) -> u64 {
    let options = TrainOptions { sequence_tokens: tokens, ..TrainOptions::default() };
    let adapter = options.first_adapter(base).unwrap();
    MemoryPlan::new(base, &adapter, tokens, recompute, 0.0).unwrap().total(DeviceKind::Cpu)
}

/// Memory of this process that is resident, where the system tells.
fn resident_bytes() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    pages.split_whitespace().nth(1)?.parse::<u64>().ok().map(|pages| pages * 4096)
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

#[test]
fn twice_the_sequence_takes_at_most_twice_the_memory_beyond_the_weights() {
    let base = base_of(&WIDE);
    for recompute in [Recompute::Never, Recompute::Half, Recompute::Blocks] {
        for tokens in [128, 256, 512] {
            let (once, twice) =
                (beyond_weights(&base, tokens, recompute), beyond_weights(&base, 2 * tokens, recompute));
            assert!(twice <= 2 * once, "{recompute:?}: {once} bytes at {tokens} tokens, {twice} at twice as many");
        }
    }
}

#[test]
fn a_vocabulary_of_150_000_rows_costs_a_tenth_of_the_memory_at_most() {
    let (small, large) = (base_of(&WIDE), base_of(&RandomShape { vocabulary: LARGE_VOCABULARY, ..WIDE }));
    for recompute in [Recompute::Never, Recompute::Half] {
        let (few, many) = (beyond_weights(&small, 512, recompute), beyond_weights(&large, 512, recompute));
        assert!(many as f64 <= 1.1 * few as f64, "{recompute:?}: {few} bytes with few rows, {many} with many");
    }
}

#[test]
fn memory_does_not_grow_over_two_thousand_steps() {
    let (base, rows) = (base(), rows());
    let options = TrainOptions {
        max_steps: Some(2000),
        epochs: 2000.0,
        sequence_tokens: 32,
        batch: 1,
        ..TrainOptions::default()
    };
    let rows: Vec<Example> = rows.into_iter().filter(|row| row.tokens.len() <= 32).collect();
    let set = TrainingSet::from(&rows);
    let (mut steps, mut early, mut late) = (0, None, None);
    let mut watch = |event: &TrainEvent| {
        if matches!(event, TrainEvent::Step(_)) {
            steps += 1;
            match steps {
                200 => early = resident_bytes(),
                2000 => late = resident_bytes(),
                _ => {}
            }
        }
        Control::Continue
    };
    let outcome = train(&base, &set, &options, DeviceChoice::Cpu, &Continuation::default(), &mut watch).unwrap();
    let few = TrainOptions { max_steps: Some(10), ..options };
    let short = train(&base, &set, &few, DeviceChoice::Cpu, &Continuation::default(), &mut |_| Control::Continue);
    assert_eq!(steps, 2000);
    assert_eq!(outcome.peak_device_bytes, short.unwrap().peak_device_bytes);
    if let (Some(early), Some(late)) = (early, late) {
        assert!(late <= early + GROWTH_BYTES_MAX, "{early} bytes after 200 steps, {late} after 2000");
    }
}
