//! Runs that are judged on held-out rows, adapt their batch, pause, or go wrong.

use halligan_finetune::{
    dataset::Example,
    device::DeviceChoice,
    lora::Target,
    model::BaseModel,
    random_model,
    train::{
        Continuation, Control, Share, Source, TrainError, TrainEvent, TrainOptions, TrainOutcome, TrainingSet,
        mean_loss, train,
    },
};
use halligan_shaders::Format;

use crate::training::{SHAPE, base, examples, options};

/// Rows of the same rule that are not trained on.
fn held_out() -> Vec<Example> {
    let row = |row: usize| {
        let first = (row * 7 % 60) as u32;
        let tokens = vec![first, first + 1, first + 2, (first + 7) % 64, 3];
        Example { tokens, trained: vec![false, false, true, true, true], row }
    };
    (1..8).map(row).collect()
}

fn set<'a>(training: &'a [Example], held_out: &'a [Example]) -> TrainingSet<'a> {
    TrainingSet::new(vec![Source { name: "rows.jsonl".to_owned(), examples: training, share: Share::Once }], held_out)
}

/// Runs with a stop after step `stop_at`; every event in words, for comparisons.
fn run(
    base: &BaseModel,
    options: &TrainOptions,
    continuation: &Continuation,
    stop_at: usize,
) -> (TrainOutcome, Vec<String>) {
    let (training, held_out) = (examples(), held_out());
    let mut events = Vec::new();
    let mut observe = |event: &TrainEvent| match event {
        TrainEvent::Step(report) => {
            let (step, loss, lr, batches) = (report.step, report.loss, report.lr, report.device_batches);
            events.push(format!("step {step} {loss:?} {lr:?} {batches:?} {:?}", report.noise_scale));
            if step == stop_at { Control::Stop } else { Control::Continue }
        }
        TrainEvent::Evaluated(report) => {
            events.push(format!("eval {} {:?}", report.step, report.eval_loss));
            Control::Continue
        }
        _ => Control::Continue,
    };
    let set = set(&training, &held_out);
    let outcome = train(base, &set, options, DeviceChoice::Cpu, continuation, &mut observe).unwrap();
    (outcome, events)
}

fn folder() -> (tempfile::TempDir, Continuation) {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint_dir = Some(folder.path().join("checkpoint"));
    (folder, Continuation { checkpoint_dir, ..Continuation::default() })
}

#[test]
fn output_is_the_best_adapter_and_its_loss_is_what_evaluation_says() {
    let base = base();
    let options = TrainOptions { eval_steps: 5, learning_rate: 3e-2, ..options() };
    let (outcome, events) = run(&base, &options, &Continuation::default(), usize::MAX);
    let losses: Vec<f64> =
        events.iter().filter_map(|event| event.strip_prefix("eval ")?.split_once(' ')?.1.parse().ok()).collect();
    assert_eq!(losses.len(), 2 + outcome.steps / 5 - usize::from(outcome.steps.is_multiple_of(5)));
    let best = outcome.best.unwrap();
    assert_eq!(best.loss, losses.iter().copied().fold(f64::INFINITY, f64::min));
    assert!(best.loss < losses[0]);
    let (alone, _) = mean_loss(&base, Some(&best.adapter), &held_out(), DeviceChoice::Cpu, &mut |_, _| {}).unwrap();
    assert!((alone - best.loss).abs() < 1e-5, "{alone} alone, {} in the run", best.loss);
}

#[test]
fn run_that_stops_improving_ends_early_with_the_adapter_of_its_best_step() {
    let options = TrainOptions { eval_steps: 2, patience: Some(3), threshold: 10.0, epochs: 50.0, ..options() };
    let (outcome, events) = run(&base(), &options, &Continuation::default(), usize::MAX);
    // No improvement is worth 10 nats: the first evaluation counts, the next three exhaust the patience.
    assert!(outcome.stopped_early && !outcome.stopped);
    assert_eq!(outcome.steps, 6);
    assert_eq!(events.iter().filter(|event| event.starts_with("eval")).count(), 4);
    assert_eq!(outcome.best.unwrap().step, 6, "smaller improvements are kept all the same");
}

#[test]
fn adaptive_batch_sees_the_same_rows_in_other_steps_within_its_limit() {
    let options = TrainOptions { batch_max: Some(4), pack: false, epochs: 8.0, ..options() };
    let (outcome, events) = run(&base(), &options, &Continuation::default(), usize::MAX);
    let batches: Vec<usize> =
        events.iter().filter_map(|event| event.split_once("Some(")?.1.split_once(')')?.0.parse().ok()).collect();
    assert_eq!(batches.iter().sum::<usize>(), 8 * examples().len());
    assert!(batches.iter().all(|&count| (1..=4).contains(&count)) && batches.contains(&2), "{batches:?}");
    assert_eq!(batches.len(), outcome.steps);
}

#[test]
fn judged_adaptive_run_resumes_to_the_same_bits_from_every_kind_of_moment() {
    let base = base();
    let options = TrainOptions {
        eval_steps: 4,
        patience: Some(60),
        batch_max: Some(6),
        pack: false,
        epochs: 5.0,
        lora_plus_ratio: 4.0,
        dropout: 0.2,
        ..options()
    };
    let (unbroken, all) = run(&base, &options, &Continuation::default(), usize::MAX);
    for stop_at in [1, 8, 23] {
        let (_folder, first) = folder();
        let (stopped, before) = run(&base, &options, &first, stop_at);
        assert!(stopped.stopped);
        let (resumed, after) = run(&base, &options, &Continuation { resume: true, ..first }, usize::MAX);
        assert_eq!([before, after].concat(), all, "stopped after {stop_at}");
        assert_eq!(resumed.adapter, unbroken.adapter);
        assert_eq!(resumed.best, unbroken.best);
    }
}

#[test]
fn pause_waits_with_a_checkpoint_and_changes_nothing() {
    let (base, rows) = (base(), examples());
    let go_on = |_: &TrainEvent| Control::Continue;
    let plain = train(&base, &rows, &options(), DeviceChoice::Cpu, &Continuation::default(), &mut { go_on }).unwrap();
    let (_folder, continuation) = folder();
    let (mut asked, mut saved) = (0, 0);
    let mut pause = |event: &TrainEvent| match event {
        TrainEvent::Step(report) if report.step == 3 => Control::Pause,
        TrainEvent::CheckpointSaved(_) => {
            saved += 1;
            Control::Continue
        }
        TrainEvent::Paused => {
            asked += 1;
            if asked < 3 { Control::Pause } else { Control::Continue }
        }
        _ => Control::Continue,
    };
    let paused = train(&base, &rows, &options(), DeviceChoice::Cpu, &continuation, &mut pause).unwrap();
    assert_eq!((asked, saved), (3, 2), "asked until it may go on; saved at the start and before the pause");
    assert_eq!(paused.adapter, plain.adapter);
}

#[test]
fn lora_plus_gives_b_a_multiple_of_the_learning_rate_of_a() {
    let (base, rows) = (base(), examples());
    let step = |lora_plus_ratio: f64| {
        let options = TrainOptions { max_steps: Some(1), warmup_steps: 0, lora_plus_ratio, ..options() };
        let mut ignore = |_: &TrainEvent| Control::Continue;
        train(&base, &rows, &options, DeviceChoice::Cpu, &Continuation::default(), &mut ignore).unwrap().adapter
    };
    let (plain, plus) = (step(1.0), step(8.0));
    for (name, pair) in &plain.pairs {
        let other = &plus.pairs[name];
        assert_eq!(pair.a, other.a, "the rate of A stays");
        // B starts at zero, so after one step it is the step itself.
        for (b, other) in pair.b.iter().zip(&other.b) {
            assert!((8.0 * b - other).abs() <= 1e-6 * other.abs(), "{name}: {b} and {other}");
        }
    }
}

#[test]
fn rank_stabilized_scale_is_alpha_over_the_root_of_the_rank() {
    let base = base();
    let options = TrainOptions { rank: 9, alpha: 6.0, rank_stabilized: true, ..options() };
    let adapter = options.first_adapter(&base).unwrap();
    assert!((adapter.alpha / adapter.rank as f32 - 6.0 / 3.0).abs() < 1e-6);
}

#[test]
fn only_the_top_layers_are_adapted() {
    let base = base();
    let options = TrainOptions { top_layers: Some(1), targets: vec![Target::Q, Target::Down], ..options() };
    let (outcome, _) = run(&base, &options, &Continuation::default(), usize::MAX);
    let names: Vec<&String> = outcome.adapter.pairs.keys().collect();
    assert_eq!(names, ["blk.1.attn_q.weight", "blk.1.ffn_down.weight"]);
    assert!(outcome.best.unwrap().loss.is_finite());
    let too_many = TrainOptions { top_layers: Some(3), ..options };
    assert!(too_many.check(&base).unwrap_err().to_string().contains("1 to 2, the layers"));
}

#[test]
fn not_a_number_in_a_weight_is_blamed_on_its_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("base.gguf");
    random_model::write(&path, &SHAPE, Format::Q8_0, 11).unwrap();
    let start = {
        let file = halligan_finetune::gguf::GgufFile::open(&path).unwrap();
        file.mapped_tensor("blk.1.ffn_up.weight").unwrap().1.start
    };
    let mut bytes = std::fs::read(&path).unwrap();
    // The scale of the third block as an f16 NaN.
    bytes[start + 68..start + 70].copy_from_slice(&0x7e00u16.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let base = BaseModel::open(&path).unwrap();
    let mut ignore = |_: &TrainEvent| Control::Continue;
    let rows = examples();
    let error = train(&base, &rows, &options(), DeviceChoice::Cpu, &Continuation::default(), &mut ignore).unwrap_err();
    assert!(matches!(&error, TrainError::WeightNotFinite { tensor } if tensor == "blk.1.ffn_up.weight"), "{error}");
}

#[test]
fn dropout_changes_training_but_not_the_judgement_of_what_was_trained() {
    let base = base();
    let dropped = TrainOptions { dropout: 0.3, eval_steps: 1000, ..options() };
    let (plain, _) = run(&base, &options(), &Continuation::default(), usize::MAX);
    let (outcome, _) = run(&base, &dropped, &Continuation::default(), usize::MAX);
    assert_ne!(outcome.adapter, plain.adapter);
    let best = outcome.best.unwrap();
    let (alone, _) = mean_loss(&base, Some(&best.adapter), &held_out(), DeviceChoice::Cpu, &mut |_, _| {}).unwrap();
    assert!((alone - best.loss).abs() < 1e-5, "{alone} alone, {} in the run", best.loss);
}
