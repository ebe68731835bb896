//! Random models of real shapes, for tests and benchmarks that need no downloaded weights.
//!
//! The values mean nothing, the shapes and formats do: a benchmark over such a model does the work of a
//! real one. Weights are drawn as `N(0, 1/k)`-like noise so that activations stay near one.

use std::path::Path;

use gguf_rs::writer::MetadataValue;
use half::f16;
pub use halligan_shaders::{Format, format::decode};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::gguf::{GgmlType, TensorData, atomic_file::WriteError, write_gguf};

/// Shape of a random model.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs, reason = "named as in `model::Description`")]
pub struct RandomShape {
    pub architecture: &'static str,
    pub layers: usize,
    pub hidden: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub feed_forward: usize,
    pub vocabulary: usize,
    pub context_tokens: usize,
    pub rope_base: f32,
    pub tied: bool,
}

/// Published shapes, by name.
pub const SHAPES: [(&str, RandomShape); 7] = [
    ("tiny-25m", shape("llama", 6, 384, 6, 2, 64, 1536, 16_384, 10_000.0, true)),
    ("smollm2-135m", shape("llama", 30, 576, 9, 3, 64, 1536, 49_152, 100_000.0, true)),
    ("qwen2.5-0.5b", shape("qwen2", 24, 896, 14, 2, 64, 4864, 151_936, 1_000_000.0, true)),
    ("llama-3.2-1b", shape("llama", 16, 2048, 32, 8, 64, 8192, 128_256, 500_000.0, true)),
    ("qwen3-1.7b", shape("qwen3", 28, 2048, 16, 8, 128, 6144, 151_936, 1_000_000.0, true)),
    ("qwen3-4b", shape("qwen3", 36, 2560, 32, 8, 128, 9728, 151_936, 1_000_000.0, true)),
    ("llama-3.1-8b", shape("llama", 32, 4096, 32, 8, 128, 14_336, 128_256, 500_000.0, false)),
];

const fn shape(
    architecture: &'static str,
    layers: usize,
    hidden: usize,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    feed_forward: usize,
    vocabulary: usize,
    rope_base: f32,
    tied: bool,
) -> RandomShape {
    RandomShape {
        architecture,
        layers,
        hidden,
        heads,
        kv_heads,
        head_dim,
        feed_forward,
        vocabulary,
        context_tokens: 32_768,
        rope_base,
        tied,
    }
}

/// How the matrices of a model are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// All in one format, or in F32 where a row is no whole number of its blocks.
    Uniform(Format),
    /// As llama.cpp mixes Q4_K_M: Q4_K, with Q6_K for the output and for values and down projections of half
    /// the layers; rows that are no whole number of super-blocks take Q5_0 and Q8_0 instead.
    Q4KM,
}

impl From<Format> for Storage {
    fn from(format: Format) -> Self {
        Self::Uniform(format)
    }
}

impl std::fmt::Display for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uniform(format) => format.fmt(f),
            Self::Q4KM => f.write_str("Q4_K_M"),
        }
    }
}

impl Storage {
    /// Format of a tensor in a model of `layers` blocks.
    fn format(self, name: &str, layers: usize, columns: usize) -> Format {
        match self {
            Self::Uniform(format) if format.row_bytes(columns).is_some() => format,
            Self::Uniform(_) => Format::F32,
            Self::Q4KM => {
                let layer = name.strip_prefix("blk.").and_then(|rest| rest.split('.').next()?.parse().ok());
                let fine = match layer {
                    None => true,
                    Some(layer) => {
                        (name.contains("attn_v") || name.contains("ffn_down")) && gets_more_bits(layer, layers)
                    }
                };
                let (format, fallback) = if fine { (Format::Q6_K, Format::Q8_0) } else { (Format::Q4_K, Format::Q5_0) };
                if format.row_bytes(columns).is_some() { format } else { fallback }
            }
        }
    }
}

/// The first and last eighth of the layers, and every third between.
fn gets_more_bits(layer: usize, layers: usize) -> bool {
    layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2
}

/// Writes a random model as GGUF.
///
/// # Errors
/// [`WriteError`] as [`write_gguf`] gives it.
pub fn write(path: &Path, shape: &RandomShape, storage: impl Into<Storage>, seed: u64) -> Result<(), WriteError> {
    write_tensors(path, shape, tensors(shape, storage.into(), seed))
}

/// Writes the model that [`write`] writes for the same arguments, with every weight decoded to F32: the same
/// function, free of the rounding that an engine adds when it computes on blocks.
///
/// # Errors
/// [`WriteError`] as [`write_gguf`] gives it.
pub fn write_decoded(path: &Path, shape: &RandomShape, format: Format, seed: u64) -> Result<(), WriteError> {
    let decoded = |(name, shape, stored, bytes): RandomTensor| {
        let mut values = vec![0.0f32; shape.iter().product()];
        decode(stored, &bytes, &mut values);
        (name, shape, Format::F32, values.into_iter().flat_map(f32::to_le_bytes).collect())
    };
    write_tensors(path, shape, tensors(shape, Storage::Uniform(format), seed).into_iter().map(decoded).collect())
}

/// Name, ggml shape, format and bytes.
type RandomTensor = (String, Vec<usize>, Format, Vec<u8>);

fn tensors(shape: &RandomShape, storage: Storage, seed: u64) -> Vec<RandomTensor> {
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    let mut tensors: Vec<RandomTensor> = Vec::new();
    let mut matrix = |name: String, rows: usize, columns: usize| {
        let format = storage.format(&name, shape.layers, columns);
        let bytes = random_matrix(&mut random, format, rows, columns);
        tensors.push((name, vec![columns, rows], format, bytes));
    };
    matrix("token_embd.weight".to_owned(), shape.vocabulary, shape.hidden);
    if shape.architecture == "gpt2" {
        matrix("position_embd.weight".to_owned(), shape.context_tokens, shape.hidden);
    }
    if !shape.tied {
        matrix("output.weight".to_owned(), shape.vocabulary, shape.hidden);
    }
    for layer in 0..shape.layers {
        for (part, rows, columns) in matrices(shape) {
            matrix(format!("blk.{layer}.{part}.weight"), rows, columns);
        }
    }
    let mut vector = |name: String, len: usize, centre: f32| {
        let value = |_| centre + random.random_range(-0.2f32..0.2);
        let bytes = (0..len).map(value).flat_map(f32::to_le_bytes).collect();
        tensors.push((name, vec![len], Format::F32, bytes));
    };
    vector("output_norm.weight".to_owned(), shape.hidden, 1.0);
    if shape.architecture == "gpt2" {
        vector("output_norm.bias".to_owned(), shape.hidden, 0.0);
    }
    if shape.architecture == "phi3" {
        // Factors of LongRoPE: above one, growing with the wavelength.
        vector("rope_factors_short.weight".to_owned(), shape.head_dim / 2, 1.25);
        vector("rope_factors_long.weight".to_owned(), shape.head_dim / 2, 4.0);
    }
    for layer in 0..shape.layers {
        for (part, len, centre) in vectors(shape) {
            vector(format!("blk.{layer}.{part}"), len, centre);
        }
    }
    tensors
}

/// Part, rows and columns of the matrices of a block.
fn matrices(shape: &RandomShape) -> Vec<(&'static str, usize, usize)> {
    let &RandomShape { hidden, feed_forward, head_dim, .. } = shape;
    let (queries, keys) = (shape.heads * head_dim, shape.kv_heads * head_dim);
    match shape.architecture {
        "phi3" | "gpt2" => vec![
            ("attn_qkv", queries + 2 * keys, hidden),
            ("attn_output", hidden, queries),
            ("ffn_up", if shape.architecture == "phi3" { 2 * feed_forward } else { feed_forward }, hidden),
            ("ffn_down", hidden, feed_forward),
        ],
        _ => vec![
            ("attn_q", queries, hidden),
            ("attn_k", keys, hidden),
            ("attn_v", keys, hidden),
            ("attn_output", hidden, queries),
            ("ffn_gate", feed_forward, hidden),
            ("ffn_up", feed_forward, hidden),
            ("ffn_down", hidden, feed_forward),
        ],
    }
}

/// Name, length and mean of the norms and biases of a block.
fn vectors(shape: &RandomShape) -> Vec<(&'static str, usize, f32)> {
    let &RandomShape { hidden, feed_forward, head_dim, .. } = shape;
    let (queries, keys) = (shape.heads * head_dim, shape.kv_heads * head_dim);
    let mut vectors = vec![("attn_norm.weight", hidden, 1.0), ("ffn_norm.weight", hidden, 1.0)];
    match shape.architecture {
        "qwen2" => {
            vectors.extend([("attn_q.bias", queries, 0.0), ("attn_k.bias", keys, 0.0), ("attn_v.bias", keys, 0.0)])
        }
        "gpt2" => vectors.extend([
            ("attn_norm.bias", hidden, 0.0),
            ("ffn_norm.bias", hidden, 0.0),
            ("attn_qkv.bias", queries + 2 * keys, 0.0),
            ("attn_output.bias", hidden, 0.0),
            ("ffn_up.bias", feed_forward, 0.0),
            ("ffn_down.bias", hidden, 0.0),
        ]),
        _ => {}
    }
    if matches!(shape.architecture, "qwen3" | "gemma3") {
        vectors.extend([("attn_q_norm.weight", head_dim, 1.0), ("attn_k_norm.weight", head_dim, 1.0)]);
    }
    if matches!(shape.architecture, "gemma2" | "gemma3") {
        vectors.extend([("post_attention_norm.weight", hidden, 1.0), ("post_ffw_norm.weight", hidden, 1.0)]);
    }
    vectors
}

fn write_tensors(path: &Path, shape: &RandomShape, tensors: Vec<RandomTensor>) -> Result<(), WriteError> {
    let data: Vec<TensorData<'_>> = tensors
        .iter()
        .map(|(name, shape, format, bytes)| TensorData {
            name: name.clone(),
            shape: shape.clone(),
            ggml_type: ggml_type(*format),
            bytes,
        })
        .collect();
    write_gguf(path, metadata(shape), &data)
}

fn metadata(shape: &RandomShape) -> Vec<(String, MetadataValue)> {
    let text = |key: &str, value: &str| (key.to_owned(), MetadataValue::String(value.to_owned()));
    let size = |key: &str, value: usize| (format!("{}.{key}", shape.architecture), MetadataValue::Uint32(value as u32));
    let float = |key: &str, value: f32| (format!("{}.{key}", shape.architecture), MetadataValue::Float32(value));
    let mut metadata = vec![
        text("general.architecture", shape.architecture),
        text("general.name", "random"),
        size("vocab_size", shape.vocabulary),
        size("block_count", shape.layers),
        size("context_length", shape.context_tokens),
        size("embedding_length", shape.hidden),
        size("feed_forward_length", shape.feed_forward),
        size("attention.head_count", shape.heads),
        size("attention.head_count_kv", shape.kv_heads),
        size("attention.key_length", shape.head_dim),
        size("attention.value_length", shape.head_dim),
    ];
    match shape.architecture {
        "gpt2" => metadata.push(float("attention.layer_norm_epsilon", 1e-5)),
        _ => metadata.extend([
            size("rope.dimension_count", shape.head_dim),
            float("rope.freq_base", shape.rope_base),
            float("attention.layer_norm_rms_epsilon", 1e-5),
        ]),
    }
    match shape.architecture {
        "phi3" => metadata.extend([
            text("phi3.rope.scaling.type", "longrope"),
            size("rope.scaling.original_context_length", shape.context_tokens / 4),
            float("rope.scaling.attn_factor", 1.19),
        ]),
        // A window and caps that samples of some dozen tokens feel.
        "gemma2" => metadata.extend([
            size("attention.sliding_window", 16),
            float("attn_logit_softcapping", 4.0),
            float("final_logit_softcapping", 3.0),
        ]),
        "gemma3" => metadata.extend([size("attention.sliding_window", 16), float("rope.freq_base_swa", 1000.0)]),
        _ => {}
    }
    metadata.extend(tokenizer(shape.vocabulary));
    metadata
}

/// A byte-level tokenizer with one merge, an end token and fillers, or none where the vocabulary is too small.
fn tokenizer(vocabulary: usize) -> Vec<(String, MetadataValue)> {
    const NORMAL: i32 = 1;
    const CONTROL: i32 = 3;
    let text = |key: &str, value: &str| (format!("tokenizer.{key}"), MetadataValue::String(value.to_owned()));
    if vocabulary < 258 {
        // llama.cpp loads a model without a tokenizer when it is told so and given the vocabulary's size.
        return vec![text("ggml.model", "none")];
    }
    let token = |id: usize| match id {
        0..256 => printable(id as u8).to_string(),
        256 => "<|end|>".to_owned(),
        257 => format!("{}t", printable(b' ')),
        filler => format!("<filler {filler}>"),
    };
    let kind = |id: usize| if id == 256 { CONTROL } else { NORMAL };
    let list = |key: &str, values: Vec<MetadataValue>| (format!("tokenizer.{key}"), MetadataValue::Array(values));
    let end = |key: &str| (format!("tokenizer.ggml.{key}"), MetadataValue::Uint32(256));
    let template = "{% for message in messages %}{{ message.content }}<|end|>{% endfor %}";
    vec![
        text("ggml.model", "gpt2"),
        text("ggml.pre", "qwen2"),
        list("ggml.tokens", (0..vocabulary).map(|id| MetadataValue::String(token(id))).collect()),
        list("ggml.token_type", (0..vocabulary).map(|id| MetadataValue::Int32(kind(id))).collect()),
        list("ggml.merges", vec![MetadataValue::String(format!("{} t", printable(b' ')))]),
        end("eos_token_id"),
        end("bos_token_id"),
        ("tokenizer.ggml.add_bos_token".to_owned(), MetadataValue::Bool(false)),
        text("chat_template", template),
    ]
}

/// The character that stands for a byte in byte-level vocabularies (GPT-2): printable bytes are themselves,
/// the others follow from U+0100 on in their order.
fn printable(byte: u8) -> char {
    let is_printable = |byte: &u8| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    if is_printable(&byte) {
        return char::from(byte);
    }
    let earlier = (0..byte).filter(|byte| !is_printable(byte)).count();
    char::from_u32(256 + earlier as u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The file format's name of a kernel format.
fn ggml_type(format: Format) -> GgmlType {
    let ids = (0..64).filter_map(GgmlType::from_id);
    let named = |candidate: &GgmlType| candidate.name() == format.to_string();
    ids.into_iter().find(named).unwrap_or(GgmlType::F32)
}

/// A matrix of noise with variance near `1 / columns`, in any format: random codes, and block scales that
/// give the right size.
fn random_matrix(random: &mut ChaCha12Rng, format: Format, rows: usize, columns: usize) -> Vec<u8> {
    let sigma = 1.0 / (columns as f32).sqrt();
    // A uniform value in +-sqrt(3) sigma has standard deviation sigma.
    let bound = 3f32.sqrt() * sigma;
    let count = rows * columns;
    match format {
        Format::F32 => (0..count).flat_map(|_| random.random_range(-bound..bound).to_le_bytes()).collect(),
        Format::F16 => {
            (0..count).flat_map(|_| f16::from_f32(random.random_range(-bound..bound)).to_le_bytes()).collect()
        }
        Format::BF16 => {
            (0..count).flat_map(|_| half::bf16::from_f32(random.random_range(-bound..bound)).to_le_bytes()).collect()
        }
        quantized => {
            let blocks = count / quantized.block_elements();
            let mut bytes = vec![0; blocks * quantized.block_bytes()];
            random.fill_bytes(&mut bytes);
            for block in bytes.chunks_exact_mut(quantized.block_bytes()) {
                set_scales(quantized, bound, block);
            }
            bytes
        }
    }
}

/// Sets the half-precision scales of one block, where its format keeps them, so that codes span `+-bound`.
fn set_scales(format: Format, bound: f32, block: &mut [u8]) {
    let mut put = |at: usize, value: f32| block[at..at + 2].copy_from_slice(&f16::from_f32(value).to_le_bytes());
    match format {
        Format::Q8_0 => put(0, bound / 127.0),
        Format::Q4_0 | Format::IQ4_NL => put(0, bound / if format == Format::Q4_0 { 8.0 } else { 120.0 }),
        Format::Q5_0 => put(0, bound / 16.0),
        Format::Q4_1 => {
            put(0, bound / 7.5);
            put(2, -bound);
        }
        Format::Q5_1 => {
            put(0, bound / 15.5);
            put(2, -bound);
        }
        // Super-blocks multiply the half scale by 6-bit (K) or 4-bit (Q2_K) scales that are random here.
        Format::Q2_K => {
            put(80, bound / 24.0);
            put(82, bound / 16.0);
        }
        Format::Q3_K => put(108, bound / 100.0),
        Format::Q4_K | Format::Q5_K => {
            let levels = if format == Format::Q4_K { 15.0 } else { 31.0 };
            put(0, bound / (levels * 16.0));
            put(2, bound / 40.0);
        }
        Format::Q6_K => put(208, bound / (32.0 * 80.0)),
        Format::IQ4_XS => put(0, bound / (120.0 * 18.0)),
        Format::F32 | Format::F16 | Format::BF16 => {}
    }
}
