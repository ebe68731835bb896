//! The trainer's forward pass against llama.cpp on the same GGUF files, with and without an adapter.
//!
//! llama.cpp is code that nobody here wrote; agreement with it is what makes an adapter trained here
//! mean the same on the device.

use std::path::Path;

use halligan_finetune::{
    adapter::Adapter,
    chat::ChatTemplate,
    dataset::{Row, read_rows},
    device::DeviceChoice,
    lora::{LoraOptions, Target, fresh_adapter},
    model::BaseModel,
    random_model::{self, RandomShape},
    tokenizer::Tokenizer,
    train::last_logits,
};
use halligan_runtime::inference::{Inference, InferenceSettings, KvType};
use halligan_shaders::Format;
use halligan_tests::{built_in_base, guide, noise};

const PROMPTS: u64 = 20;

/// Room of llama.cpp's context; the models limit it further.
const CONTEXT_TOKENS: u32 = 2048;

/// llama.cpp computes an F32 base in f32; only the order of sums differs.
const F32_TOLERANCE: f64 = 1e-3;
/// For an F16 base llama.cpp rounds activations to f16.
const F16_TOLERANCE: f64 = 5e-3;
/// For quantized bases llama.cpp rounds activations to 8 bits.
const QUANTIZED_TOLERANCE: f64 = 2e-2;

fn shape(architecture: &'static str) -> RandomShape {
    RandomShape {
        architecture,
        // Gemma 3 has its first layer without a window at the sixth.
        layers: if architecture == "gemma3" { 7 } else { 2 },
        hidden: 256,
        // llama.cpp takes the width of these models' queries from the hidden size.
        heads: if matches!(architecture, "qwen2" | "phi3" | "gpt2") { 8 } else { 6 },
        kv_heads: if architecture == "gpt2" { 8 } else { 2 },
        head_dim: 32,
        feed_forward: 512,
        vocabulary: 320,
        // Phi 3's short rotation ends at a quarter of it, and llama.cpp has no context below 256 tokens.
        context_tokens: if architecture == "phi3" { 2048 } else { 128 },
        rope_base: 10_000.0,
        tied: matches!(architecture, "qwen2" | "gemma2" | "gemma3" | "gpt2"),
    }
}

/// An adapter that visibly changes the logits.
fn adapter(base: &BaseModel) -> Adapter {
    let mut adapter =
        fresh_adapter(&base.description, &base.sha256, &LoraOptions::new(&Target::ALL, 8, 16.0), 1).unwrap();
    let mut noise = noise(7);
    for pair in adapter.pairs.values_mut() {
        pair.b.iter_mut().for_each(|value| *value = 0.05 * noise());
    }
    adapter
}

fn random_prompts(vocabulary: usize) -> Vec<Vec<u32>> {
    let prompt = |seed| {
        let mut noise = noise(100 + seed);
        let length = 1 + (seed as usize * 5) % 60;
        (0..length).map(|_| ((noise() + 1.0) * 0.5 * vocabulary as f32) as u32 % vocabulary as u32).collect()
    };
    (0..PROMPTS).map(prompt).collect()
}

/// Questions that the base meets on a device, in its chat template.
fn asked_prompts(base: &BaseModel) -> Vec<Vec<u32>> {
    let tokenizer = Tokenizer::from_gguf(&base.file).unwrap();
    let template = ChatTemplate::from_gguf(&base.file, &tokenizer).unwrap();
    let rows = read_rows(guide("heldout.jsonl")).unwrap();
    let prompt = |row: &Row| template.encode_prompt(&tokenizer, &row.messages().unwrap()[..1]).unwrap();
    rows.iter().step_by(rows.len() / PROMPTS as usize).take(PROMPTS as usize).map(prompt).collect()
}

/// `|a - b| / |b|` over whole logit vectors.
fn relative_error(ours: &[f32], theirs: &[f32]) -> f64 {
    let difference: f64 = ours.iter().zip(theirs).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    let size: f64 = theirs.iter().map(|b| f64::from(*b).powi(2)).sum();
    (difference / size).sqrt()
}

fn argmax(values: &[f32]) -> usize {
    values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(index, _)| index)
}

/// The argmax must agree unless the two highest logits are closer than the two computations are.
fn argmax_agrees(ours: &[f32], theirs: &[f32]) -> bool {
    let (a, b) = (argmax(ours), argmax(theirs));
    let furthest = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    a == b || (theirs[b] - theirs[a]).abs() <= 2.0 * furthest
}

/// Compares over `ours` in the trainer and `theirs` in llama.cpp, which hold the same function.
fn check(
    ours: &Path,
    theirs: &Path,
    prompts: impl Fn(&BaseModel) -> Vec<Vec<u32>>,
    with_adapter: bool,
    tolerance: f64,
    device: DeviceChoice,
    context_tokens: u32,
) {
    let base = BaseModel::open(ours).unwrap();
    let settings = InferenceSettings { kv_type: KvType::F32, context_tokens, ..InferenceSettings::default() };
    let llama = Inference::load(theirs, &settings).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let adapter = with_adapter.then(|| adapter(&base));
    if let Some(adapter) = &adapter {
        let file = folder.path().join("adapter.gguf");
        adapter.write_gguf(&file).unwrap();
        llama.set_adapter(Some(&file)).unwrap();
    }
    let mut worst = 0.0f64;
    for (number, prompt) in prompts(&base).iter().enumerate() {
        let ours = last_logits(&base, adapter.as_ref(), prompt, device).unwrap();
        let signed: Vec<i32> = prompt.iter().map(|&token| token as i32).collect();
        let theirs = llama.logits(&signed).unwrap();
        let error = relative_error(&ours, &theirs);
        worst = worst.max(error);
        assert!(error <= tolerance, "prompt {number}: relative error {error:.2e} above {tolerance:.0e}");
        assert!(argmax_agrees(&ours, &theirs), "prompt {number}: another most probable token");
    }
    println!("{}: adapter {with_adapter}, worst relative error {worst:.2e}", ours.display());
}

fn check_random(architecture: &'static str, format: Format, device: DeviceChoice) {
    let prompts = |base: &BaseModel| random_prompts(base.description.vocabulary);
    check_random_prompts(architecture, format, device, prompts, CONTEXT_TOKENS);
}

fn check_random_prompts(
    architecture: &'static str,
    format: Format,
    device: DeviceChoice,
    prompts: impl Fn(&BaseModel) -> Vec<Vec<u32>>,
    context_tokens: u32,
) {
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join(format!("{architecture}-{format}.gguf"));
    let theirs = folder.path().join("theirs.gguf");
    random_model::write(&ours, &shape(architecture), format, 21).unwrap();
    let tolerance = if format == Format::F16 {
        random_model::write(&theirs, &shape(architecture), format, 21).unwrap();
        F16_TOLERANCE
    } else {
        // Over blocks llama.cpp rounds activations to 8 bits, which random weights do not damp: it gets the same
        // weights as F32, and the comparison stays sharp.
        random_model::write_decoded(&theirs, &shape(architecture), format, 21).unwrap();
        F32_TOLERANCE
    };
    for with_adapter in [false, true] {
        check(&ours, &theirs, &prompts, with_adapter, tolerance, device, context_tokens);
    }
}

#[test]
fn llama_over_f32_gives_the_logits_of_llama_cpp() {
    check_random("llama", Format::F32, DeviceChoice::Cpu);
}

#[test]
fn llama_over_f16_gives_the_logits_of_llama_cpp() {
    check_random("llama", Format::F16, DeviceChoice::Cpu);
}

#[test]
fn llama_over_quantized_bases_gives_the_logits_of_llama_cpp() {
    for format in Format::ALL.into_iter().filter(|format| format.block_elements() > 1) {
        check_random("llama", format, DeviceChoice::Cpu);
    }
}

#[test]
fn qwen2_with_biases_gives_the_logits_of_llama_cpp() {
    check_random("qwen2", Format::F32, DeviceChoice::Cpu);
}

#[test]
fn qwen3_with_head_norms_gives_the_logits_of_llama_cpp() {
    check_random("qwen3", Format::F32, DeviceChoice::Cpu);
}

#[test]
fn phi3_with_fused_matrices_gives_the_logits_of_llama_cpp() {
    // llama.cpp chooses the short rotation by the room of its context, we by the length of the sample.
    let prompts = |base: &BaseModel| random_prompts(base.description.vocabulary);
    for format in [Format::F32, Format::Q4_K] {
        check_random_prompts("phi3", format, DeviceChoice::Cpu, prompts, 512);
    }
}

#[test]
fn phi3_beyond_its_original_context_gives_the_logits_of_llama_cpp() {
    let prompts = |base: &BaseModel| {
        let words = random_prompts(base.description.vocabulary).concat();
        vec![words.iter().copied().cycle().take(513).collect(), words.into_iter().cycle().skip(9).take(600).collect()]
    };
    check_random_prompts("phi3", Format::F32, DeviceChoice::Cpu, prompts, CONTEXT_TOKENS);
}

#[test]
fn gemma2_with_windows_and_caps_gives_the_logits_of_llama_cpp() {
    check_random("gemma2", Format::F32, DeviceChoice::Cpu);
}

#[test]
fn gemma3_with_two_rotations_gives_the_logits_of_llama_cpp() {
    check_random("gemma3", Format::F32, DeviceChoice::Cpu);
}

#[test]
fn gpt2_with_learned_positions_gives_the_logits_of_llama_cpp() {
    check_random("gpt2", Format::F32, DeviceChoice::Cpu);
}

#[test]
fn the_gpu_executor_gives_the_logits_of_llama_cpp() {
    check_random("llama", Format::F32, DeviceChoice::Gpu);
    check_random("llama", Format::Q8_0, DeviceChoice::Gpu);
    check_random("gemma2", Format::F32, DeviceChoice::Gpu);
}

#[test]
fn the_built_in_base_gives_the_logits_of_llama_cpp() {
    for with_adapter in [false, true] {
        let base = built_in_base();
        let (tolerance, device) = (QUANTIZED_TOLERANCE, DeviceChoice::Cpu);
        check(&base, &base, asked_prompts, with_adapter, tolerance, device, CONTEXT_TOKENS);
    }
}
