//! Training against PyTorch, transformers and PEFT: logits, loss, every gradient, and twenty optimizer steps;
//! and llama.cpp with the adapter against PEFT.
//!
//! The goldens in `tests/models` were computed in F32 over the same weights from the same adapter, so every
//! difference beyond the order of sums is a mistake of ours: in the conversion, in the reading of PEFT's
//! factors, in the forward or the backward pass, or in the optimizer.

use std::{
    fs,
    path::{Path, PathBuf},
};

use halligan_finetune::{
    adapter::{Adapter, PeftBase},
    device::DeviceChoice,
    engine::{Batch, Engine, Recompute},
    model::BaseModel,
    schedule::Schedule,
    train::{Continuation, Control, TrainEvent, TrainOptions, train},
};
use halligan_runtime::inference::{Inference, InferenceSettings, KvType};
use halligan_shaders::{
    AdamW, Executor,
    cpu::CpuExecutor,
    gpu::{AdapterSelection, GpuExecutor},
};
use halligan_tests::golden::{Golden, converted, model_folder};
use safetensors::SafeTensors;

/// Largest difference of a logit, by the largest logit: rounding of F32 through two to seven blocks.
const LOGIT_TOLERANCE: f64 = 1e-4;
/// Loss at the start: a mean over 80 targets, so rounding averages out.
const LOSS_TOLERANCE: f64 = 1e-5;
/// Relative error (Euclidean) of one tensor's gradient.
const GRADIENT_TOLERANCE: f64 = 1e-3;
/// Losses of the steps: Adam divides small gradients by their own size, so rounding grows from step to step.
const CURVE_TOLERANCE: f64 = 1e-3;
/// Change of a factor over all steps; the goldens hold the result in F16.
const CHANGE_TOLERANCE: f64 = 2e-2;

/// llama.cpp looks GELU up in a table of F16 values.
const SERVED_TOLERANCE: f64 = 2e-3;

/// A base and what PEFT computed over it.
struct Case {
    base: BaseModel,
    golden: Golden,
    name: &'static str,
    _folder: tempfile::TempDir,
}

impl Case {
    fn hub(name: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = converted(name, folder.path());
        Self::new(name, file, None, folder)
    }

    fn quantized(name: &'static str, file: &str, over: Option<&str>) -> Self {
        Self::new(name, model_folder(name).join(file), over, tempfile::tempdir().unwrap())
    }

    fn new(name: &'static str, file: PathBuf, over: Option<&str>, folder: tempfile::TempDir) -> Self {
        let base = BaseModel::open(&file).unwrap();
        Self { base, golden: Golden::read(name, over), name, _folder: folder }
    }

    fn no_adapter(&self) -> Adapter {
        Adapter { pairs: Default::default(), ..self.golden.adapter("initial", &self.base) }
    }
}

/// Euclidean length of the difference, by that of `theirs`.
fn relative_error(ours: &[f32], theirs: &[f32]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let squares = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let difference = squares(&mut ours.iter().zip(theirs).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    (difference / squares(&mut theirs.iter().map(|b| f64::from(*b)))).sqrt()
}

/// Largest difference, by the largest value.
fn largest_error(ours: &[f32], theirs: &[f32]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    let apart = ours.iter().zip(theirs).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
    f64::from(apart / largest)
}

/// Compares the logits `name` at the rows `rows` of `tokens`.
fn check_logits<E: Executor>(
    new: impl Fn() -> E,
    case: &Case,
    adapter: &Adapter,
    name: &str,
    rows: &str,
    tokens: &str,
) {
    let tokens = case.golden.indices(tokens);
    let expected = case.golden.floats(name);
    let vocabulary = case.base.description.vocabulary;
    let mut engine = Engine::new(new(), &case.base, adapter, tokens.len(), Recompute::Never).unwrap();
    let mut worst = 0.0f64;
    for (&row, theirs) in case.golden.indices(rows).iter().zip(expected.chunks(vocabulary)) {
        let ours = engine.last_logits(&Batch::of_tokens(&tokens[..=row as usize])).unwrap();
        let error = largest_error(&ours, theirs);
        assert!(error <= LOGIT_TOLERANCE, "{}: {name} of row {row} is off by {error:.1e}", case.name);
        worst = worst.max(error);
    }
    println!("{}: {name} off by {worst:.1e} at most", case.name);
}

/// Compares two adapters tensor by tensor; `error` gives the error of one factor.
fn check_factors(case: &Case, what: &str, ours: &Adapter, theirs: &Adapter, tolerance: f64) {
    assert!(ours.pairs.keys().eq(theirs.pairs.keys()), "{}: other tensors are adapted", case.name);
    let mut wrong = Vec::new();
    let mut worst = 0.0f64;
    for (tensor, pair) in &ours.pairs {
        let expected = &theirs.pairs[tensor];
        for (factor, ours, theirs) in [("A", &pair.a, &expected.a), ("B", &pair.b, &expected.b)] {
            let error = relative_error(ours, theirs);
            worst = worst.max(error);
            if error.is_nan() || error > tolerance {
                wrong.push(format!("{factor} of {tensor}: {error:.1e}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}: {what} is off:\n{}", case.name, wrong.join("\n"));
    println!("{}: {what} off by {worst:.1e} at most", case.name);
}

/// `after - before`, factor by factor.
fn change(after: &Adapter, before: &Adapter) -> Adapter {
    let mut change = after.clone();
    for (tensor, pair) in &mut change.pairs {
        let before = &before.pairs[tensor];
        pair.a.iter_mut().zip(&before.a).for_each(|(value, start)| *value -= start);
        pair.b.iter_mut().zip(&before.b).for_each(|(value, start)| *value -= start);
    }
    change
}

/// The goldens' optimizer at a step, from 0.
fn optimizer(golden: &Golden, step: usize) -> AdamW {
    let settings = &golden.settings()["optimizer"];
    let number = |value: &serde_json::Value| value.as_f64().unwrap() as f32;
    AdamW {
        learning_rate: number(&settings["lr"]),
        beta1: number(&settings["betas"][0]),
        beta2: number(&settings["betas"][1]),
        epsilon: number(&settings["eps"]),
        weight_decay: number(&settings["weight_decay"]),
        step: step as u32 + 1,
        gradient_scale: 1.0,
    }
}

/// Everything the goldens hold, with all samples packed into one batch; as many optimizer steps as asked.
fn check_steps<E: Executor>(new: impl Fn() -> E, case: &Case, recompute: Recompute, steps: usize) {
    let Case { base, golden, name, .. } = case;
    let initial = golden.adapter("initial", base);
    check_written(case);
    check_logits(&new, case, &case.no_adapter(), "logits.base", "rows", "tokens.0");
    check_logits(&new, case, &initial, "logits.adapted", "rows", "tokens.0");
    if golden.has("long.tokens") {
        check_logits(&new, case, &case.no_adapter(), "long.logits", "long.rows", "long.tokens");
    }

    let batch = Batch::of(&golden.samples());
    let mut engine = Engine::new(new(), base, &initial, batch.rows(), recompute).unwrap();
    let expected = golden.floats("losses");
    let mut worst = 0.0f64;
    for (step, &theirs) in expected.iter().take(steps).enumerate() {
        engine.clear_gradients();
        let losses = engine.accumulate_gradients(&batch, 1.0 / batch.targets.len() as f32).unwrap();
        let ours = losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / losses.len() as f64;
        let error = (ours / f64::from(theirs) - 1.0).abs();
        worst = worst.max(error);
        if step == 0 {
            assert!(error <= LOSS_TOLERANCE, "{name}: the loss is {ours} instead of {theirs}");
            let gradients = engine.gradients(&initial).unwrap();
            check_factors(case, "gradient", &gradients, &golden.adapter("gradient", base), GRADIENT_TOLERANCE);
        }
        assert!(error <= CURVE_TOLERANCE, "{name}: loss {ours} instead of {theirs} after {step} steps");
        engine.step(&optimizer(golden, step));
    }
    println!("{name}: losses of {steps} steps off by {worst:.1e} at most");
    if steps == expected.len() && golden.has_part("final") {
        let ours = change(&engine.adapter(&initial).unwrap(), &initial);
        let theirs = change(&golden.adapter("final", base), &initial);
        check_factors(case, "change of the factors", &ours, &theirs, CHANGE_TOLERANCE);
    }
}

fn check<E: Executor>(new: impl Fn() -> E, case: &Case, recompute: Recompute) {
    check_steps(new, case, recompute, case.golden.floats("losses").len());
}

/// llama.cpp over the converted base, with the adapter file we write, must give the logits of PEFT.
fn check_served(name: &'static str) {
    let case = Case::hub(name);
    let settings = InferenceSettings { kv_type: KvType::F32, context_tokens: 256, ..InferenceSettings::default() };
    let llama = Inference::load(case.base.file.path(), &settings).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("adapter.gguf");
    case.golden.adapter("initial", &case.base).write_gguf(&file).unwrap();
    llama.set_adapter(Some(&file)).unwrap();
    let tokens: Vec<i32> = case.golden.indices("tokens.0").iter().map(|&token| token as i32).collect();
    let expected = case.golden.floats("logits.adapted");
    let rows = case.golden.indices("rows");
    for (&row, theirs) in rows.iter().zip(expected.chunks(expected.len() / rows.len())) {
        let error = largest_error(&llama.logits(&tokens[..=row as usize]).unwrap(), theirs);
        assert!(error <= SERVED_TOLERANCE, "{name}: logits of row {row} are off by {error:.1e}");
    }
}

/// What our writer makes of PEFT's gradients must be PEFT's tensors again: names, shapes and values.
fn check_written(case: &Case) {
    let read = |folder: &Path| fs::read(folder.join("adapter_model.safetensors")).unwrap();
    let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    case.golden.write_peft("gradient", theirs.path());
    let adapter = case.golden.adapter("gradient", &case.base);
    adapter.write_peft(ours.path(), &PeftBase::from_gguf(&case.base.file).unwrap()).unwrap();
    let (theirs, ours_bytes) = (read(theirs.path()), read(ours.path()));
    let (theirs, written) =
        (SafeTensors::deserialize(&theirs).unwrap(), SafeTensors::deserialize(&ours_bytes).unwrap());
    assert_eq!(written.len(), theirs.len(), "{}", case.name);
    for (name, expected) in theirs.tensors() {
        let tensor = written.tensor(&name).unwrap();
        assert_eq!(tensor.shape(), expected.shape(), "{}: {name}", case.name);
        assert!(tensor.data() == expected.data(), "{}: {name} has other values", case.name);
    }
    let config: serde_json::Value =
        serde_json::from_slice(&fs::read(ours.path().join("adapter_config.json")).unwrap()).unwrap();
    let settings = case.golden.settings();
    for (key, expected) in settings["adapter_config"].as_object().unwrap() {
        // 8 and 8.0 are the same.
        let same = config[key].as_f64() == expected.as_f64() && (expected.is_number() || &config[key] == expected);
        assert!(same, "{}: {key} is {} instead of {expected}", case.name, config[key]);
    }
}

fn any_gpu() -> GpuExecutor {
    GpuExecutor::new(AdapterSelection::Any).expect("the tests need a Vulkan driver; install mesa-vulkan-drivers")
}

#[test]
fn llama_trains_as_with_peft() {
    check(CpuExecutor::new, &Case::hub("llama"), Recompute::Never);
}

#[test]
fn llama_3_with_stretched_positions_trains_as_with_peft() {
    check(CpuExecutor::new, &Case::hub("llama3"), Recompute::Blocks);
}

#[test]
fn mistral_trains_as_with_peft() {
    check(CpuExecutor::new, &Case::hub("mistral"), Recompute::Never);
}

#[test]
fn qwen2_with_biases_trains_as_with_peft() {
    check(CpuExecutor::new, &Case::hub("qwen2"), Recompute::Never);
}

#[test]
fn qwen3_with_head_norms_trains_as_with_peft() {
    check(CpuExecutor::new, &Case::hub("qwen3"), Recompute::Never);
}

#[test]
fn phi3_with_fused_matrices_trains_as_with_peft() {
    check(CpuExecutor::new, &Case::hub("phi3"), Recompute::Never);
}

#[test]
fn gemma2_with_windows_and_soft_caps_trains_as_with_peft() {
    check(CpuExecutor::new, &Case::hub("gemma2"), Recompute::Never);
}

#[test]
fn gemma3_with_two_kinds_of_positions_trains_as_with_peft() {
    check(CpuExecutor::new, &Case::hub("gemma3"), Recompute::Blocks);
}

#[test]
fn gpt2_with_layer_norms_trains_as_with_peft() {
    check(CpuExecutor::new, &Case::hub("gpt2"), Recompute::Never);
}

#[test]
fn a_q8_0_base_trains_as_peft_over_its_decoded_weights() {
    let case = Case::quantized("qwen2", "q8_0.gguf", Some("golden_quantized.safetensors"));
    check(CpuExecutor::new, &case, Recompute::Never);
}

#[test]
fn a_q5_0_base_trains_as_peft_over_its_decoded_weights() {
    let case = Case::quantized("llama", "q5_0.gguf", Some("golden_quantized.safetensors"));
    check(CpuExecutor::new, &case, Recompute::Never);
}

#[test]
fn a_base_of_mixed_k_quants_trains_as_peft_over_its_decoded_weights() {
    check(CpuExecutor::new, &Case::quantized("llama_k", "model.gguf", None), Recompute::Never);
}

#[test]
fn the_gpu_executor_trains_as_peft() {
    check(any_gpu, &Case::hub("qwen3"), Recompute::Never);
}

#[test]
fn the_gpu_executor_trains_windows_and_soft_caps_as_peft() {
    // A software driver is slow, and by then every kernel has run with moved factors.
    check_steps(any_gpu, &Case::hub("gemma2"), Recompute::Never, 4);
}

#[test]
fn llama_cpp_with_the_adapter_answers_as_peft() {
    // The device's door to llama.cpp wants a chat template, which GPT-2 has none of.
    for name in ["llama", "llama3", "mistral", "qwen2", "qwen3", "phi3", "gemma2", "gemma3"] {
        check_served(name);
    }
}

#[test]
fn a_training_run_has_the_loss_curve_of_peft() {
    let case = Case::hub("qwen2");
    let examples = case.golden.samples();
    let longest = examples.iter().map(|example| example.tokens.len()).max().unwrap();
    let step = optimizer(&case.golden, 0);
    let expected = case.golden.floats("losses");
    // One sequence a device batch, all samples in a step.
    let options = TrainOptions {
        learning_rate: f64::from(step.learning_rate),
        weight_decay: f64::from(step.weight_decay),
        epochs: expected.len() as f64,
        accumulate: examples.len(),
        sequence_tokens: longest,
        schedule: Schedule::Constant,
        warmup_steps: 0,
        max_grad_norm: 0.0,
        shuffle: false,
        pack: false,
        ..TrainOptions::default()
    };
    let continuation =
        Continuation { initial_adapter: Some(case.golden.adapter("initial", &case.base)), ..Continuation::default() };
    let mut losses = Vec::new();
    let mut observe = |event: &TrainEvent| {
        if let TrainEvent::Step(report) = event {
            losses.push(report.loss);
        }
        Control::Continue
    };
    train(&case.base, &examples, &options, DeviceChoice::Cpu, &continuation, &mut observe).unwrap();
    assert_eq!(losses.len(), expected.len());
    for (step, (ours, theirs)) in losses.iter().zip(expected).enumerate() {
        let error = (ours / f64::from(theirs) - 1.0).abs();
        assert!(error <= CURVE_TOLERANCE, "loss {ours} instead of {theirs} after {step} steps");
    }
}
