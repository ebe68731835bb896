//! Converted models against the originals: llama.cpp's logits, vectors and tokens are those of transformers.
//!
//! The folders of `tests/models` hold what transformers computed; nothing here knows how a conversion works.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use halligan_finetune::gguf::GgufFile;
use halligan_finetune::tokenizer::Tokenizer;
use halligan_runtime::inference::BareModel;
use halligan_tests::{json, root, run};
use safetensors::SafeTensors;
use serde_json::Value;

/// Relative error of whole logit rows at F32, as the issue asks.
const F32_TOLERANCE: f64 = 1e-3;
/// llama.cpp rounds activations to the type of the matrix, here twice as coarse as F16.
const F16_TOLERANCE: f64 = 1e-2;
/// BF16 keeps 8 bits of each activation.
const BF16_TOLERANCE: f64 = 6e-2;
/// llama.cpp has the tanh form of GELU by a table of F16 values where BERT has the exact one.
const ENCODER_TOLERANCE: f64 = 5e-3;

struct Converted {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn model(name: &str) -> PathBuf {
    root().join("tests/models").join(name)
}

fn convert_folder(from: &Path, storage: &str) -> Converted {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let (from, to) = (from.display().to_string(), path.display().to_string());
    json(&run("halligan-host", &["convert", &from, "-o", &to, "--type", storage, "--json"]));
    Converted { _folder: folder, path }
}

fn convert(name: &str, storage: &str) -> Converted {
    convert_folder(&model(name), storage)
}

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(model(name).join("golden.safetensors")).unwrap()
}

fn floats(file: &SafeTensors<'_>, name: &str) -> Vec<Vec<f32>> {
    let view = file.tensor(name).unwrap();
    let values: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    values.chunks(*view.shape().last().unwrap()).map(<[f32]>::to_vec).collect()
}

fn numbers(file: &SafeTensors<'_>, name: &str) -> Vec<i32> {
    let view = file.tensor(name).unwrap();
    view.data().as_chunks::<4>().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect()
}

/// `|a - b| / |b|`.
fn relative_error(ours: &[f32], theirs: &[f32]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let difference: f64 = ours.iter().zip(theirs).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    let size: f64 = theirs.iter().map(|b| f64::from(*b).powi(2)).sum();
    (difference / size).sqrt()
}

/// Where a sample is in a file of goldens: tokens, rows, logits.
type Sample = (&'static str, &'static str, &'static str);

const FIRST: Sample = ("tokens.0", "rows", "logits.base");

/// Compares llama.cpp's logits over a converted model with those of transformers.
fn check_sample(what: &str, converted: &Converted, goldens: &[u8], context: u32, sample: Sample, tolerance: f64) {
    let file = SafeTensors::deserialize(goldens).unwrap();
    let (tokens, rows, expected) = sample;
    let llama = BareModel::load(&converted.path).unwrap();
    let logits = llama.logits(&numbers(&file, tokens), context).unwrap();
    let mut worst = 0.0f64;
    for (row, expected) in numbers(&file, rows).iter().zip(floats(&file, expected)) {
        let error = relative_error(&logits[*row as usize], &expected);
        worst = worst.max(error);
        assert!(error <= tolerance, "{what}, row {row}: relative error {error:.2e}");
    }
    println!("{what}: worst relative error {worst:.2e}");
}

fn check_logits(name: &str, storage: &str, tolerance: f64) {
    check_sample(&format!("{name} {storage}"), &convert(name, storage), &golden(name), 64, FIRST, tolerance);
}

const DECODERS: [&str; 9] = ["llama", "llama3", "mistral", "qwen2", "qwen3", "phi3", "gemma2", "gemma3", "gpt2"];

#[test]
fn converted_decoders_give_the_logits_of_transformers() {
    for name in DECODERS {
        check_logits(name, "f32", F32_TOLERANCE);
    }
}

#[test]
fn half_precision_keeps_the_logits_within_its_rounding() {
    for name in ["llama", "qwen3", "gpt2"] {
        check_logits(name, "f16", F16_TOLERANCE);
        check_logits(name, "bf16", BF16_TOLERANCE);
    }
}

#[test]
fn phi3_beyond_its_first_context_takes_the_long_factors() {
    let long = ("long.tokens", "long.rows", "long.logits");
    check_sample("phi3, long", &convert("phi3", "f32"), &golden("phi3"), 512, long, F32_TOLERANCE);
}

#[test]
fn converted_encoder_gives_the_vectors_of_transformers() {
    let converted = convert("bert", "f32");
    let bytes = golden("bert");
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let llama = BareModel::load(&converted.path).unwrap();
    for (number, expected) in floats(&file, "embeddings").iter().enumerate() {
        let mut vector = llama.embed(&numbers(&file, &format!("tokens.{number}"))).unwrap();
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|value| *value /= length);
        let error = relative_error(&vector, expected);
        println!("bert, text {number}: relative error {error:.2e}");
        assert!(error <= ENCODER_TOLERANCE, "text {number}: relative error {error:.2e}");
    }
}

/// One hostile text with what transformers makes of it.
struct Hostile {
    name: String,
    text: String,
    ids: Vec<u32>,
    with_ends: Vec<u32>,
}

fn hostile(name: &str) -> Vec<Hostile> {
    let text = std::fs::read_to_string(model(name).join("tokens.json")).unwrap();
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    let ids = |value: &Value| value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
    let row = |row: &Value| Hostile {
        name: row["name"].as_str().unwrap().to_owned(),
        text: row["text"].as_str().unwrap().to_owned(),
        ids: ids(&row["ids"]),
        with_ends: ids(&row["with_special"]),
    };
    rows.iter().map(row).collect()
}

/// Names of the texts that differ, for each reader.
fn differing(name: &str) -> BTreeMap<&'static str, Vec<String>> {
    let converted = convert(name, "f16");
    let llama = BareModel::load_vocabulary(&converted.path).unwrap();
    let trainer = Tokenizer::from_gguf(&GgufFile::open(&converted.path).unwrap());
    let unsigned = |tokens: Vec<i32>| -> Vec<u32> { tokens.into_iter().map(|token| token as u32).collect() };
    let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for row in hostile(name) {
        // This encoder's tokenizer keeps the texts of its own marks as text.
        let plain = unsigned(llama.tokenize(&row.text, name != "bert", false));
        let whole = unsigned(llama.tokenize(&row.text, name != "bert", true));
        if plain != row.ids || whole != row.with_ends {
            println!("{name}, {}: {:?}\n  {:?}\n  {plain:?} in llama.cpp", row.name, row.text, row.ids);
            found.entry("llama.cpp").or_default().push(row.name.clone());
        }
        if name == "bert" {
            continue;
        }
        let tokenizer = trainer.as_ref().unwrap();
        let plain = tokenizer.encode(&row.text, true).unwrap_or_default();
        if plain != row.ids || tokenizer.with_bos(plain.clone()) != row.with_ends {
            println!("{name}, {}: {:?}\n  {:?}\n  {plain:?} in the trainer", row.name, row.text, row.ids);
            found.entry("trainer").or_default().push(row.name);
        }
    }
    found
}

const COMPOSED: &[&str] = &["Greek polytonic, composed and decomposed", "combining marks", "Korean, composed and jamo"];

/// The texts on which llama.cpp cannot give the original's tokens, and why. The trainer follows llama.cpp.
const DIFFERENCES: &[(&str, &[&str])] = &[
    // Qwen's tokenizer composes characters (NFC) first; llama.cpp has no such step.
    ("qwen2", COMPOSED),
    ("qwen3", COMPOSED),
    // llama.cpp lets </s> swallow the space behind it in every model named Phi-3; here only the chat marks do.
    ("phi3", &["special-token look-alikes"]),
    // llama.cpp strips enclosing marks as well, and takes U+0085 for white space where BERT drops it as a control.
    ("bert", &["flags, skin tones, keycaps", "control characters"]),
];

#[test]
fn converted_tokenizers_give_the_tokens_of_transformers() {
    for name in DECODERS.into_iter().chain(["bert"]) {
        let expected = DIFFERENCES.iter().find(|(model, _)| *model == name).map_or(&[][..], |(_, texts)| *texts);
        let readers = if name == "bert" { &["llama.cpp"][..] } else { &["llama.cpp", "trainer"] };
        let found = differing(name);
        for reader in readers {
            assert_eq!(found.get(reader).map_or(&[][..], Vec::as_slice), expected, "{name} in {reader}");
        }
    }
}

/// A model of `tests/models` with another `config.json`.
fn variant(folder: &Path, change: &Value) -> PathBuf {
    let name = change["model"].as_str().unwrap();
    let copy = folder.join(name);
    copy_folder(&model(name), &copy);
    let path = copy.join("config.json");
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    for (key, value) in change["change"].as_object().unwrap() {
        config[key] = value.clone();
    }
    std::fs::write(&path, config.to_string()).unwrap();
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn rotations_windows_and_query_scales_give_the_logits_of_transformers() {
    let folder = root().join("tests/variants");
    let names = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let mut tried = 0;
    for path in names.filter(|path| path.extension().is_some_and(|end| end == "safetensors")) {
        let goldens = std::fs::read(&path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&goldens).unwrap();
        let change = serde_json::from_str(&header.metadata().as_ref().unwrap()["variant"]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let converted = convert_folder(&variant(folder.path(), &change), "f32");
        let what = path.file_stem().unwrap().to_string_lossy().into_owned();
        check_sample(&what, &converted, &goldens, 128, FIRST, F32_TOLERANCE);
        tried += 1;
    }
    assert!(tried >= 10, "{tried} variants");
}

/// Bytes of all tensors of a GGUF file by name.
fn tensors(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let file = GgufFile::open(path).unwrap();
    file.tensors().map(|tensor| (tensor.name.to_owned(), tensor.bytes.to_vec())).collect()
}

/// Writes tensors as one safetensors file.
fn write_shard(path: &Path, tensors: &[(String, safetensors::tensor::TensorView<'_>)]) {
    let views = tensors.iter().map(|(name, view)| (name.clone(), view.clone()));
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

#[test]
fn shards_and_the_language_part_of_a_multimodal_model_hold_the_same_model() {
    let plain = convert("gemma3", "f16");
    let weights = std::fs::read(model("gemma3").join("model.safetensors")).unwrap();
    let weights = SafeTensors::deserialize(&weights).unwrap();
    let pixels = [0u8; 8];
    let vision = safetensors::tensor::TensorView::new(safetensors::Dtype::F16, vec![2, 2], &pixels).unwrap();
    let mut all = weights.tensors();
    all.sort_by(|(left, _), (right, _)| left.cmp(right));
    for prefix in ["language_model.model.", "model.language_model."] {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("gemma3");
        copy_folder(&model("gemma3"), &copy);
        std::fs::remove_file(copy.join("model.safetensors")).unwrap();
        let inner = |name: &String| format!("{prefix}{}", name.strip_prefix("model.").unwrap());
        let mut named: Vec<_> = all.iter().map(|(name, view)| (inner(name), view.clone())).collect();
        named.push(("model.vision_tower.patch.weight".to_owned(), vision.clone()));
        let (first, second) = named.split_at(named.len() / 2);
        write_shard(&copy.join("model-00001-of-00002.safetensors"), first);
        write_shard(&copy.join("model-00002-of-00002.safetensors"), second);
        let place = |part: &[(String, _)], file: &str| -> Vec<(String, Value)> {
            part.iter().map(|(name, _)| (name.clone(), Value::from(file))).collect()
        };
        let mut map: serde_json::Map<String, Value> =
            place(first, "model-00001-of-00002.safetensors").into_iter().collect();
        map.extend(place(second, "model-00002-of-00002.safetensors"));
        let index = serde_json::json!({ "metadata": {}, "weight_map": map });
        std::fs::write(copy.join("model.safetensors.index.json"), index.to_string()).unwrap();
        let text: Value = serde_json::from_str(&std::fs::read_to_string(copy.join("config.json")).unwrap()).unwrap();
        let whole = serde_json::json!({ "model_type": "gemma3", "text_config": text, "vision_config": {} });
        std::fs::write(copy.join("config.json"), whole.to_string()).unwrap();
        let converted = convert_folder(&copy, "f16");
        assert!(tensors(&converted.path) == tensors(&plain.path), "{prefix} holds other weights");
    }
}
