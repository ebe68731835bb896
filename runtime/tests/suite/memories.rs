//! Models that keep something else than all keys and values: recurrent ones, and sliding windows. What is used again
//! of a conversation must not change the answer there either.

use std::path::Path;

use halligan_finetune::gguf::{GgmlType, GgufFile, MetadataValue, TensorData, write_gguf};
use halligan_finetune::random_model::{self, Format, RandomShape};
use halligan_runtime::inference::{
    ChatRequest, GenerateOptions, Generated, Inference, InferenceSettings, Message, Speculation,
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// More than the tokens that are computed anew rather than kept.
const SYSTEM: &str = "You help a crew in the field and you never guess a distance, whoever asks and however often.";

/// Tokens computed one by one or together, with states in between: sums are rounded in another order.
const LOG_PROBABILITY_TOLERANCE: f32 = 2e-3;

const SHAPE: RandomShape = RandomShape {
    architecture: "gemma3",
    layers: 6,
    hidden: 64,
    heads: 4,
    kv_heads: 2,
    head_dim: 16,
    feed_forward: 128,
    vocabulary: 512,
    context_tokens: 2048,
    rope_base: 10_000.0,
    tied: true,
};

/// A Mamba model of random weights with the byte-level tokenizer of the other random models.
fn write_mamba(path: &Path) {
    const LAYERS: usize = 2;
    const HIDDEN: usize = 64;
    const INNER: usize = 2 * HIDDEN;
    const STATE: usize = 16;
    const RANK: usize = 4;
    const KERNEL: usize = 4;
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.gguf");
    random_model::write(&other, &RandomShape { architecture: "llama", ..SHAPE }, Format::F32, 1).unwrap();
    let tokenizer = GgufFile::open(&other).unwrap().metadata().unwrap().into_iter();
    let mut metadata: Vec<(String, MetadataValue)> =
        tokenizer.filter(|(key, _)| key.starts_with("tokenizer.")).collect();
    metadata.push(("general.architecture".to_owned(), MetadataValue::String("mamba".to_owned())));
    let sizes = [
        ("vocab_size", SHAPE.vocabulary),
        ("block_count", LAYERS),
        ("context_length", 2048),
        ("embedding_length", HIDDEN),
        ("feed_forward_length", 0),
        ("attention.head_count", 0),
        ("ssm.conv_kernel", KERNEL),
        ("ssm.inner_size", INNER),
        ("ssm.state_size", STATE),
        ("ssm.time_step_rank", RANK),
    ];
    metadata.extend(sizes.map(|(key, size)| (format!("mamba.{key}"), MetadataValue::Uint32(size as u32))));
    metadata.push(("mamba.attention.layer_norm_rms_epsilon".to_owned(), MetadataValue::Float32(1e-5)));

    let mut random = StdRng::seed_from_u64(3);
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    let mut add = |name: String, shape: &[usize], value: &mut dyn FnMut(usize) -> f32| {
        let bytes = (0..shape.iter().product()).flat_map(|index| value(index).to_le_bytes()).collect();
        tensors.push((name, shape.to_vec(), bytes));
    };
    let bound = |inputs: usize| (3.0 / inputs as f32).sqrt();
    let mut noise = |inputs: usize| {
        let bound = bound(inputs);
        random.random_range(-bound..bound)
    };
    add("token_embd.weight".to_owned(), &[HIDDEN, SHAPE.vocabulary], &mut |_| noise(HIDDEN));
    add("output_norm.weight".to_owned(), &[HIDDEN], &mut |_| 1.0);
    for layer in 0..LAYERS {
        let name = |part: &str| format!("blk.{layer}.{part}");
        add(name("attn_norm.weight"), &[HIDDEN], &mut |_| 1.0);
        add(name("ssm_in.weight"), &[HIDDEN, 2 * INNER], &mut |_| noise(HIDDEN));
        add(name("ssm_conv1d.weight"), &[KERNEL, INNER], &mut |_| noise(KERNEL));
        add(name("ssm_conv1d.bias"), &[INNER], &mut |_| 0.0);
        add(name("ssm_x.weight"), &[INNER, RANK + 2 * STATE], &mut |_| noise(INNER));
        add(name("ssm_dt.weight"), &[RANK, INNER], &mut |_| noise(RANK));
        // Steps so short that the state remembers some dozen tokens.
        add(name("ssm_dt.bias"), &[INNER], &mut |_| -3.0);
        add(name("ssm_a"), &[STATE, INNER], &mut |index| -((index % STATE + 1) as f32));
        add(name("ssm_d"), &[INNER], &mut |_| 1.0);
        add(name("ssm_out.weight"), &[INNER, HIDDEN], &mut |_| noise(INNER));
    }
    let data: Vec<TensorData<'_>> = tensors
        .iter()
        .map(|(name, shape, bytes)| TensorData {
            name: name.clone(),
            shape: shape.clone(),
            ggml_type: GgmlType::F32,
            bytes,
        })
        .collect();
    write_gguf(path, metadata, &data).unwrap();
}

fn open(model: &Path, folder: Option<&Path>) -> Inference {
    let settings = InferenceSettings {
        prefix_folder: folder.map(Path::to_path_buf),
        speculation: Speculation::Always,
        ..InferenceSettings::default()
    };
    Inference::load(model, &settings).unwrap()
}

fn messages(contents: &[&str]) -> Vec<Message> {
    let role = |index: usize| if index.is_multiple_of(2) { "user" } else { "assistant" };
    let turns = contents.iter().enumerate().map(|(index, content)| Message::new(role(index), *content));
    std::iter::once(Message::new("system", SYSTEM)).chain(turns).collect()
}

fn options() -> GenerateOptions {
    GenerateOptions { max_tokens: 12, ..GenerateOptions::default() }
}

fn say(inference: &Inference, contents: &[&str]) -> Generated {
    let request = ChatRequest { messages: messages(contents), options: options(), ..ChatRequest::default() };
    inference.chat(&request, &mut |_| {}).unwrap()
}

/// Says the same conversation in one context and in fresh ones.
fn check(model: &Path) {
    // A fresh context that computes the same tokens: random models say words that are spelled in other tokens.
    let fresh = |inference: &Inference, contents: &[&str]| {
        let tokens = inference.chat_tokens(&messages(contents), &[]).unwrap();
        open(model, None).complete(&tokens, &options(), &mut |_| {}).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let stored = folder.path().join("prefixes");
    let same = |warm: &Generated, cold: &Generated| {
        let ids = |answer: &Generated| answer.said.iter().map(|token| token.choice.token).collect::<Vec<_>>();
        assert_eq!(ids(warm), ids(cold));
        for (warm, cold) in warm.said.iter().zip(&cold.said) {
            let difference = (warm.choice.log_probability - cold.choice.log_probability).abs();
            assert!(difference < LOG_PROBABILITY_TOLERANCE, "{warm:?} {cold:?}");
        }
    };
    let inference = open(model, Some(&stored));
    let first = say(&inference, &["How far do we isolate a gas leak?"]);
    let history = ["How far do we isolate a gas leak?", &first.text, "And at night?"];
    let second = say(&inference, &history);
    assert!(second.timings.reused_tokens >= first.prompt_tokens, "{:?}", second.timings);
    same(&second, &fresh(&inference, &history));
    // The question again, another question, and the first one: each goes back by a part.
    let again = say(&inference, &history);
    assert!(again.timings.reused_tokens > 0, "{:?}", again.timings);
    assert_eq!(again.said, second.said);
    let other = say(&inference, &["Which valve is it?"]);
    assert!(other.timings.reused_tokens > 0, "{:?}", other.timings);
    same(&other, &fresh(&inference, &["Which valve is it?"]));
    assert_eq!(say(&inference, &["How far do we isolate a gas leak?"]).said, first.said);
    // After a start the system's words come from the disk.
    let started = say(&open(model, Some(&stored)), &["Which valve is it?"]);
    assert!(started.timings.reused_tokens > 32, "{:?}", started.timings);
    assert_eq!(started.said, other.said);
}

#[test]
fn a_recurrent_model_goes_back_to_kept_states() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mamba.gguf");
    write_mamba(&path);
    check(&path);
}

#[test]
fn a_model_with_sliding_windows_forgets_nothing_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gemma3.gguf");
    random_model::write(&path, &SHAPE, Format::F32, 2).unwrap();
    check(&path);
}

#[test]
fn a_context_is_shortened_to_what_the_memory_holds_and_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let shape = RandomShape { architecture: "llama", hidden: 256, heads: 4, kv_heads: 4, head_dim: 64, ..SHAPE };
    random_model::write(&path, &shape, Format::Q8_0, 2).unwrap();
    let load = |mebibytes: u64| {
        let settings = InferenceSettings { memory_bytes: Some(mebibytes << 20), ..InferenceSettings::default() };
        Inference::load(&path, &settings).unwrap()
    };
    // 6 layers of 256 keys and 256 values in F16: 6 KiB a token, 12 MiB for all 2,048.
    let ample = load(200).info().clone();
    assert_eq!((ample.context_tokens, &ample.context_note), (2048, &None));
    let tight = load(32).info().clone();
    assert!(tight.context_tokens < 2048 && tight.context_tokens >= 512, "{tight:?}");
    assert!(tight.context_note.is_some_and(|note| note.contains("32 MiB") && note.contains("--profile")));
    let hopeless = load(1).info().clone();
    assert_eq!(hopeless.context_tokens, 512);
    assert!(hopeless.context_note.is_some_and(|note| note.contains("smaller model")));
}
