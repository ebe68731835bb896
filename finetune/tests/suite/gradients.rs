//! Whole-model gradients of every adapter tensor against finite differences of the loss.

use halligan_finetune::{
    adapter::Adapter,
    dataset::Example,
    engine::{Batch, Engine, Recompute},
    lora::{LoraOptions, Target, fresh_adapter},
    model::BaseModel,
    random_model::{self, RandomShape},
};
use halligan_shaders::{Dropout, Executor, Format, cpu::CpuExecutor, gpu::AdapterSelection, gpu::GpuExecutor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

/// Central differences of an f32 loss: the step trades rounding (about 1e-6 / step) against curvature.
const TOLERANCE: f64 = 1e-2;

/// Odd head count, grouped keys, head dimension that is no power of two times the vector width.
fn shape(architecture: &'static str) -> RandomShape {
    RandomShape {
        architecture,
        // Gemma 3 has its first layer without a window at the sixth.
        layers: if architecture == "gemma3" { 6 } else { 2 },
        hidden: if architecture == "gpt2" { 36 } else { 32 },
        heads: 3,
        kv_heads: if architecture == "gpt2" { 3 } else { 1 },
        head_dim: 12,
        feed_forward: 64,
        vocabulary: 50,
        context_tokens: 64,
        rope_base: 10_000.0,
        tied: architecture != "llama",
    }
}

fn base(architecture: &'static str, format: Format) -> BaseModel {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("base.gguf");
    random_model::write(&path, &shape(architecture), format, 3).unwrap();
    BaseModel::open(&path).unwrap()
}

/// An adapter whose B is not zero, so that every factor has a gradient.
fn adapter(base: &BaseModel, targets: &[Target]) -> Adapter {
    let mut adapter = fresh_adapter(&base.description, &base.sha256, &LoraOptions::new(targets, 4, 8.0), 1).unwrap();
    let mut random = ChaCha12Rng::seed_from_u64(5);
    for pair in adapter.pairs.values_mut() {
        pair.b.iter_mut().for_each(|value| *value = random.random_range(-0.1..0.1));
    }
    adapter
}

/// Two samples in one batch, the second with only some tokens trained.
fn batch() -> Batch {
    let example =
        |tokens: &[u32], trained: &[bool]| Example { tokens: tokens.to_vec(), trained: trained.to_vec(), row: 1 };
    Batch::of(&[
        example(&[3, 7, 1, 22, 9, 14, 3], &[true; 7]),
        example(&[5, 2, 41, 8, 30], &[false, true, false, true, true]),
    ])
}

fn mean_loss<E: Executor>(engine: &mut Engine<E>, batch: &Batch) -> f64 {
    let losses = engine.losses(batch).unwrap();
    losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / losses.len() as f64
}

/// Compares the slope along each tensor's own gradient with the gradient's squared norm.
fn check_gradients<E: Executor>(new: impl Fn() -> E, base: &BaseModel, recompute: Recompute) {
    check_gradients_with(new, base, recompute, None);
}

fn check_gradients_with<E: Executor>(
    new: impl Fn() -> E,
    base: &BaseModel,
    recompute: Recompute,
    dropout: Option<Dropout>,
) {
    let adapter = adapter(base, &Target::ALL);
    let batch = batch();
    let mut engine = Engine::new(new(), base, &adapter, batch.rows(), recompute).unwrap();
    engine.set_dropout(dropout).unwrap();
    engine.clear_gradients();
    engine.accumulate_gradients(&batch, 1.0 / batch.targets.len() as f32).unwrap();
    let gradients = engine.gradients(&adapter).unwrap();
    let zero = Adapter { pairs: gradients.pairs.clone(), ..gradients.clone() };
    for (name, gradient) in &gradients.pairs {
        for factor in ["lora_a", "lora_b"] {
            let part = |adapter: &Adapter| {
                let pair = &adapter.pairs[name];
                if factor == "lora_a" { pair.a.clone() } else { pair.b.clone() }
            };
            let direction = if factor == "lora_a" { &gradient.a } else { &gradient.b };
            let squared: f64 = direction.iter().map(|&g| f64::from(g) * f64::from(g)).sum();
            assert!(squared > 0.0, "{name}.{factor} got no gradient");
            let step = 2e-2 / squared.sqrt();
            let mut loss_at = |sign: f64| {
                let mut moved = adapter.clone();
                let values: Vec<f32> = part(&adapter)
                    .iter()
                    .zip(direction)
                    .map(|(&value, &g)| (f64::from(value) + sign * step * f64::from(g)) as f32)
                    .collect();
                let pair = moved.pairs.get_mut(name).unwrap();
                if factor == "lora_a" {
                    pair.a = values
                } else {
                    pair.b = values
                }
                engine.restore(&moved, &zero, &zero);
                mean_loss(&mut engine, &batch)
            };
            let slope = (loss_at(1.0) - loss_at(-1.0)) / (2.0 * step);
            let error = (slope - squared).abs() / squared;
            assert!(error < TOLERANCE, "{name}.{factor}: slope {slope}, gradient says {squared}, off by {error}");
        }
    }
}

fn any_gpu() -> GpuExecutor {
    GpuExecutor::new(AdapterSelection::Any).expect("the tests need a Vulkan driver; install mesa-vulkan-drivers")
}

#[test]
fn cpu_gradients_of_llama_match_finite_differences() {
    check_gradients(CpuExecutor::new, &base("llama", Format::F32), Recompute::Never);
}

#[test]
fn cpu_gradients_of_qwen2_with_biases_match_finite_differences() {
    check_gradients(CpuExecutor::new, &base("qwen2", Format::F32), Recompute::Never);
}

#[test]
fn cpu_gradients_of_qwen3_with_head_norms_match_finite_differences() {
    check_gradients(CpuExecutor::new, &base("qwen3", Format::F32), Recompute::Never);
}

#[test]
fn cpu_gradients_of_phi3_with_fused_matrices_match_finite_differences() {
    check_gradients(CpuExecutor::new, &base("phi3", Format::F32), Recompute::Never);
}

#[test]
fn cpu_gradients_of_gemma2_with_post_norms_windows_and_caps_match_finite_differences() {
    check_gradients(CpuExecutor::new, &base("gemma2", Format::F32), Recompute::Never);
}

#[test]
fn cpu_gradients_of_gemma3_with_two_rotations_match_finite_differences() {
    check_gradients(CpuExecutor::new, &base("gemma3", Format::F32), Recompute::Never);
}

#[test]
fn cpu_gradients_of_gpt2_with_layer_norms_and_learned_positions_match_finite_differences() {
    check_gradients(CpuExecutor::new, &base("gpt2", Format::F32), Recompute::Never);
}

#[test]
fn cpu_gradients_over_a_quantized_base_match_finite_differences() {
    check_gradients(CpuExecutor::new, &base("llama", Format::Q8_0), Recompute::Never);
}

#[test]
fn gpu_gradients_match_finite_differences() {
    check_gradients(any_gpu, &base("llama", Format::Q8_0), Recompute::Never);
    check_gradients(any_gpu, &base("qwen3", Format::F32), Recompute::Blocks);
    check_gradients(any_gpu, &base("gemma2", Format::F32), Recompute::Never);
    check_gradients(any_gpu, &base("gpt2", Format::F32), Recompute::Never);
    check_gradients(any_gpu, &base("phi3", Format::F32), Recompute::Never);
}

#[test]
fn gradients_under_dropout_are_those_of_the_same_masks() {
    let dropout = Some(Dropout { probability: 0.3, seed: 11 });
    check_gradients_with(CpuExecutor::new, &base("qwen2", Format::F32), Recompute::Never, dropout);
    check_gradients_with(CpuExecutor::new, &base("phi3", Format::F32), Recompute::Blocks, dropout);
    check_gradients_with(any_gpu, &base("llama", Format::F32), Recompute::Blocks, dropout);
}

#[test]
fn dropout_changes_the_loss_with_its_seed_and_leaves_it_when_off() {
    let base = base("llama", Format::F32);
    let (adapter, batch) = (adapter(&base, &Target::ALL), batch());
    let mut engine = Engine::new(CpuExecutor::new(), &base, &adapter, batch.rows(), Recompute::Never).unwrap();
    let without = mean_loss(&mut engine, &batch);
    let mut with = |seed| {
        engine.set_dropout(Some(Dropout { probability: 0.5, seed })).unwrap();
        mean_loss(&mut engine, &batch)
    };
    let (first, second) = (with(1), with(2));
    assert!(first != second && first != without, "{without} without, {first} and {second} with dropout");
    assert_eq!(with(1), first);
    engine.set_dropout(None).unwrap();
    assert_eq!(mean_loss(&mut engine, &batch), without);
}

#[test]
fn part_of_a_fused_matrix_is_refused_with_the_names_that_belong_together() {
    let base = base("phi3", Format::F32);
    let options = LoraOptions::new(&[Target::Q, Target::Down], 4, 8.0);
    let error = fresh_adapter(&base.description, &base.sha256, &options, 1).unwrap_err();
    assert!(error.contains("q, k, v in one matrix (attn_qkv)"), "{error}");
    let options = LoraOptions::new(&[Target::Q, Target::K, Target::V], 4, 8.0);
    let adapter = fresh_adapter(&base.description, &base.sha256, &options, 1).unwrap();
    assert_eq!(adapter.pairs.keys().collect::<Vec<_>>(), ["blk.0.attn_qkv.weight", "blk.1.attn_qkv.weight"]);
}

#[test]
fn stabilised_rank_and_top_layers_shape_the_adapter() {
    let base = base("llama", Format::F32);
    let options = LoraOptions { rank_stabilized: true, top_layers: Some(1), ..LoraOptions::new(&[Target::V], 4, 8.0) };
    let adapter = fresh_adapter(&base.description, &base.sha256, &options, 1).unwrap();
    // Readers divide by the rank: 16 / 4 is 8 / sqrt(4).
    assert_eq!(adapter.alpha, 16.0);
    assert_eq!(adapter.pairs.keys().collect::<Vec<_>>(), ["blk.1.attn_v.weight"]);
}

#[test]
fn recomputed_activations_give_the_same_bits() {
    let base = base("qwen3", Format::F32);
    let adapter = adapter(&base, &Target::ALL);
    let batch = batch();
    let gradients = |recompute| {
        let mut engine = Engine::new(CpuExecutor::new(), &base, &adapter, batch.rows(), recompute).unwrap();
        engine.clear_gradients();
        engine.accumulate_gradients(&batch, 0.25).unwrap();
        engine.gradients(&adapter).unwrap()
    };
    assert_eq!(gradients(Recompute::Never), gradients(Recompute::Blocks));
}

#[test]
fn halved_activations_change_gradients_by_less_than_their_rounding() {
    // Each kept value is off by at most 2^-11 of itself.
    const TOLERANCE: f64 = 1e-3;
    for (base, new_gpu) in [(base("qwen2", Format::F32), false), (base("gpt2", Format::F32), true)] {
        let adapter = adapter(&base, &Target::ALL);
        fn gradients<E: Executor>(exec: E, base: &BaseModel, adapter: &Adapter, recompute: Recompute) -> Adapter {
            let batch = batch();
            let mut engine = Engine::new(exec, base, adapter, batch.rows(), recompute).unwrap();
            engine.clear_gradients();
            engine.accumulate_gradients(&batch, 0.25).unwrap();
            engine.gradients(adapter).unwrap()
        }
        let exact = gradients(CpuExecutor::new(), &base, &adapter, Recompute::Never);
        let halved = match new_gpu {
            true => gradients(any_gpu(), &base, &adapter, Recompute::Half),
            false => gradients(CpuExecutor::new(), &base, &adapter, Recompute::Half),
        };
        assert_ne!(exact, halved);
        for (name, exact) in &exact.pairs {
            let square = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
            let halved = &halved.pairs[name];
            let both = || exact.a.iter().chain(&exact.b).zip(halved.a.iter().chain(&halved.b));
            let difference = square(&mut both().map(|(exact, halved)| f64::from(exact - halved)));
            let size = square(&mut both().map(|(exact, _)| f64::from(*exact)));
            let error = (difference / size).sqrt();
            assert!(error < TOLERANCE, "{name} is off by {error}");
        }
    }
}

#[test]
fn packed_samples_get_the_losses_they_have_alone() {
    let base = base("llama", Format::F32);
    let adapter = adapter(&base, &Target::ALL);
    let packed = batch();
    let mut engine = Engine::new(CpuExecutor::new(), &base, &adapter, packed.rows(), Recompute::Never).unwrap();
    let together = engine.losses(&packed).unwrap();
    let alone = engine.losses(&Batch::of_tokens(&[3, 7, 1, 22, 9, 14, 3])).unwrap();
    for (together, alone) in together.iter().zip(&alone) {
        assert!((together - alone).abs() < 1e-5, "{together} packed, {alone} alone");
    }
}

#[test]
fn layers_below_the_lowest_adapted_one_change_nothing() {
    let base = base("llama", Format::F32);
    let full = adapter(&base, &Target::ALL);
    let mut upper = full.clone();
    upper.pairs.retain(|name, _| name.starts_with("blk.1."));
    let batch = batch();
    let mut engine = Engine::new(CpuExecutor::new(), &base, &upper, batch.rows(), Recompute::Never).unwrap();
    engine.clear_gradients();
    engine.accumulate_gradients(&batch, 1.0).unwrap();
    let gradients = engine.gradients(&upper).unwrap();
    assert_eq!(gradients.pairs.len(), Target::ALL.len());
    assert!(gradients.pairs.values().all(|pair| pair.a.iter().any(|&g| g != 0.0)));
}
