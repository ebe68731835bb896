//! Runs of the training loop: determinism, resume, learning, refusals.

use halligan_finetune::{
    dataset::Example,
    device::DeviceChoice,
    model::BaseModel,
    random_model::{self, RandomShape},
    train::{Continuation, Control, TrainError, TrainEvent, TrainOptions, TrainOutcome, train},
};
use halligan_shaders::Format;

pub const SHAPE: RandomShape = RandomShape {
    architecture: "llama",
    layers: 2,
    hidden: 32,
    heads: 4,
    kv_heads: 2,
    head_dim: 8,
    feed_forward: 64,
    vocabulary: 64,
    context_tokens: 64,
    rope_base: 10_000.0,
    tied: true,
};

pub fn base() -> BaseModel {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("base.gguf");
    random_model::write(&path, &SHAPE, Format::Q8_0, 11).unwrap();
    BaseModel::open(&path).unwrap()
}

/// Rows of which each second token follows from the first: learnable.
pub fn examples() -> Vec<Example> {
    let row = |row: usize| {
        let first = (row * 5 % 60) as u32;
        Example {
            tokens: vec![first, first + 1, first + 2, (first + 7) % 64, 3],
            trained: vec![false, false, true, true, true],
            row: row + 1,
        }
    };
    (0..24).map(row).collect()
}

pub fn options() -> TrainOptions {
    TrainOptions {
        rank: 4,
        alpha: 8.0,
        learning_rate: 1e-2,
        epochs: 6.0,
        sequence_tokens: 20,
        warmup_steps: 2,
        checkpoint_steps: 1000,
        ..TrainOptions::default()
    }
}

fn run(
    base: &BaseModel,
    continuation: &Continuation,
    stop_at: usize,
    device: DeviceChoice,
) -> (TrainOutcome, Vec<f64>) {
    let mut losses = Vec::new();
    let mut observe = |event: &TrainEvent| match event {
        TrainEvent::Step(report) => {
            losses.push(report.loss);
            if report.step == stop_at { Control::Stop } else { Control::Continue }
        }
        _ => Control::Continue,
    };
    let outcome = train(base, &examples(), &options(), device, continuation, &mut observe).unwrap();
    (outcome, losses)
}

#[test]
fn training_lowers_the_loss() {
    let (_, losses) = run(&base(), &Continuation::default(), usize::MAX, DeviceChoice::Cpu);
    assert!(losses[losses.len() - 1] < 0.5 * losses[0], "{losses:?}");
}

#[test]
fn same_seed_gives_the_same_bits() {
    let base = base();
    let (first, _) = run(&base, &Continuation::default(), usize::MAX, DeviceChoice::Cpu);
    let (second, _) = run(&base, &Continuation::default(), usize::MAX, DeviceChoice::Cpu);
    assert_eq!(first.adapter, second.adapter);
}

fn resumed_equals_unbroken(device: DeviceChoice) {
    let base = base();
    let folder = tempfile::tempdir().unwrap();
    let dir = Some(folder.path().join("checkpoint"));
    let (unbroken, losses) = run(&base, &Continuation::default(), usize::MAX, device);
    let first = Continuation { checkpoint_dir: dir.clone(), ..Continuation::default() };
    let (stopped, before) = run(&base, &first, 7, device);
    assert!(stopped.stopped && stopped.steps == 7);
    let second = Continuation { checkpoint_dir: dir, resume: true, ..Continuation::default() };
    let (resumed, after) = run(&base, &second, usize::MAX, device);
    assert_eq!([before, after].concat(), losses);
    assert_eq!(resumed.adapter, unbroken.adapter);
}

#[test]
fn resumed_run_equals_the_unbroken_one_bit_for_bit_on_the_cpu() {
    resumed_equals_unbroken(DeviceChoice::Cpu);
}

#[test]
fn resumed_run_equals_the_unbroken_one_bit_for_bit_on_the_gpu() {
    resumed_equals_unbroken(DeviceChoice::Gpu);
}

#[test]
fn gpu_and_cpu_follow_the_same_loss_curve() {
    let base = base();
    let (_, cpu) = run(&base, &Continuation::default(), 12, DeviceChoice::Cpu);
    let (_, gpu) = run(&base, &Continuation::default(), 12, DeviceChoice::Gpu);
    for (cpu, gpu) in cpu.iter().zip(&gpu) {
        assert!((cpu - gpu).abs() < 1e-3 * cpu.abs(), "{cpu} on the CPU, {gpu} on the GPU");
    }
}

#[test]
fn checkpoint_of_another_dataset_or_option_is_refused() {
    let base = base();
    let folder = tempfile::tempdir().unwrap();
    let dir = Some(folder.path().to_owned());
    let first = Continuation { checkpoint_dir: dir.clone(), ..Continuation::default() };
    run(&base, &first, 3, DeviceChoice::Cpu);
    let resume = Continuation { checkpoint_dir: dir, resume: true, ..Continuation::default() };
    let mut ignore = |_: &TrainEvent| Control::Continue;
    let other_options = TrainOptions { seed: 99, ..options() };
    let error = train(&base, &examples(), &other_options, DeviceChoice::Cpu, &resume, &mut ignore).unwrap_err();
    assert!(matches!(error, TrainError::CheckpointMismatch { .. }), "{error}");
    assert!(error.to_string().contains("set of options (seed 1 there, 99 now)"), "{error}");
    let fewer = &examples()[1..];
    let error = train(&base, fewer, &options(), DeviceChoice::Cpu, &resume, &mut ignore).unwrap_err();
    assert!(matches!(error, TrainError::CheckpointMismatch { .. }), "{error}");
    assert!(error.to_string().contains("another dataset"), "{error}");
}

#[test]
fn damaged_checkpoint_is_a_clear_error() {
    let base = base();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("checkpoint.safetensors"), b"\xff\xff\xff\xff\xff\xff\xff\xffnoise").unwrap();
    let resume =
        Continuation { checkpoint_dir: Some(folder.path().to_owned()), resume: true, ..Continuation::default() };
    let mut ignore = |_: &TrainEvent| Control::Continue;
    let error = train(&base, &examples(), &options(), DeviceChoice::Cpu, &resume, &mut ignore).unwrap_err();
    assert!(error.to_string().contains("start again without --resume"), "{error}");
}

#[test]
fn impossible_options_name_the_option_and_its_range() {
    let base = base();
    let mut ignore = |_: &TrainEvent| Control::Continue;
    let none = Continuation::default();
    let long = TrainOptions { sequence_tokens: 100_000, ..options() };
    let error = train(&base, &examples(), &long, DeviceChoice::Cpu, &none, &mut ignore).unwrap_err();
    assert_eq!(error.to_string(), "--seq must be 2 to 64, the context of the base");
}

#[test]
fn diverging_loss_names_step_and_rows() {
    let base = base();
    let mut ignore = |_: &TrainEvent| Control::Continue;
    let wild = TrainOptions { learning_rate: 1.0, max_grad_norm: 0.0, alpha: 1e30, ..options() };
    let error = train(&base, &examples(), &wild, DeviceChoice::Cpu, &Continuation::default(), &mut ignore).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { .. }), "{error}");
    let text = error.to_string();
    assert!(text.starts_with("the gradient is not finite, at a loss of ") && text.contains("(rows "), "{text}");
}

#[test]
fn run_with_a_later_end_equals_the_unbroken_one_where_the_schedule_does_not_know_the_end() {
    use halligan_finetune::schedule::Schedule;

    let base = base();
    let limited =
        |schedule: Schedule, max_steps: usize| TrainOptions { schedule, max_steps: Some(max_steps), ..options() };
    let go = |options: &TrainOptions, continuation: &Continuation, stop_at: usize| {
        let mut told = String::new();
        let mut observe = |event: &TrainEvent| match event {
            TrainEvent::Started { changes, .. } => {
                told.clone_from(changes);
                Control::Continue
            }
            TrainEvent::Step(report) if report.step == stop_at => Control::Stop,
            _ => Control::Continue,
        };
        let outcome = train(&base, &examples(), options, DeviceChoice::Cpu, continuation, &mut observe);
        (outcome, told)
    };
    for schedule in [Schedule::Constant, Schedule::Linear] {
        let folder = tempfile::tempdir().unwrap();
        let first = Continuation { checkpoint_dir: Some(folder.path().to_owned()), ..Continuation::default() };
        go(&limited(schedule, 9), &first, 6).0.unwrap();
        let resume = Continuation { resume: true, ..first };
        let (early, _) = go(&limited(schedule, 5), &resume, usize::MAX);
        let text = early.unwrap_err().to_string();
        assert!(text.contains("--max-steps leaves nothing to do after the checkpoint, which is of step 6"), "{text}");
        let (resumed, told) = go(&limited(schedule, 12), &resume, usize::MAX);
        let (unbroken, _) = go(&limited(schedule, 12), &Continuation::default(), usize::MAX);
        let same = resumed.unwrap().adapter == unbroken.unwrap().adapter;
        assert!(told.starts_with("max_steps 9 there, 12 now"), "{told}");
        // What is claimed of the bits is what they are.
        assert_eq!(
            (same, told.contains("learning rate follows 12 steps instead of 9")),
            match schedule {
                Schedule::Constant => (true, false),
                _ => (false, true),
            }
        );
    }
}
