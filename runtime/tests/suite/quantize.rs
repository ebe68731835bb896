//! Quantizing and measuring: every type, formulas over logits and embeddings as oracles, refusals that leave nothing.

use std::path::{Path, PathBuf};

use halligan_finetune::gguf::{GgmlType, GgufFile};
use halligan_finetune::random_model::{self, Format, RandomShape, decode};
use halligan_finetune::tokenizer::Tokenizer;
use halligan_runtime::inference::{Inference, InferenceSettings};
use halligan_runtime::quantize::{
    Importance, ImportanceUse, QuantType, QuantizeError, Recipe, TensorOverride, compare, plan, quantize,
};

use super::room::base_model;

/// Repacked weights and other batch sizes add up in another order, over activations that are rounded to 8 bits.
const TOLERANCE: f64 = 0.02;
/// Sums of squares in f64 against those of f32 inputs.
const IMPORTANCE_TOLERANCE: f64 = 1e-4;

const TEXT: &str = "The crew checked every buckle and counted the bags. Water rose over the lower road, and the \
                    lookout called out each branch that came down the river. Nobody argued about the plan.";

/// Rows of 256 values, so that every block format fits.
const SHAPE: RandomShape = RandomShape {
    architecture: "llama",
    layers: 2,
    hidden: 256,
    heads: 8,
    kv_heads: 2,
    head_dim: 32,
    feed_forward: 512,
    vocabulary: 320,
    context_tokens: 512,
    rope_base: 10_000.0,
    tied: false,
};

fn random(folder: &Path, format: Format) -> PathBuf {
    let path = folder.join(format!("random-{format}.gguf"));
    random_model::write(&path, &SHAPE, format, 5).unwrap();
    path
}

fn kind(name: &str) -> QuantType {
    name.parse().unwrap()
}

fn write(input: &Path, output: &Path, recipe: &Recipe, importance: Option<&Importance>) {
    quantize(input, output, recipe, importance, &mut |_| true).unwrap();
}

fn measured(input: &Path) -> Importance {
    Importance::measure(input, TEXT, 4096, &mut |_, _| true).unwrap()
}

fn type_of(file: &GgufFile, name: &str) -> String {
    file.tensor(name).unwrap().ggml_type.to_string()
}

/// The block format that most matrices of a mixture have, where its name tells.
fn main_format(kind: QuantType) -> Option<&'static str> {
    let stem = kind.name();
    let stem = ["_S", "_M", "_L"].iter().find_map(|size| stem.strip_suffix(size)).unwrap_or(stem);
    GgmlType::from_name(stem).map(GgmlType::name).filter(|_| !stem.starts_with("IQ"))
}

/// Types whose tables llama.cpp builds for seconds; they differ from the others in a number only.
const SLOW: [&str; 10] =
    ["IQ3_M", "IQ3_S", "IQ3_XS", "IQ3_XXS", "IQ2_M", "IQ2_S", "IQ2_XS", "IQ1_M", "IQ1_S", "Q2_K_S"];

#[test]
fn every_type_is_planned_and_written_and_says_whether_it_needs_importance() {
    let folder = tempfile::tempdir().unwrap();
    let input = random(folder.path(), Format::F16);
    let importance = measured(&input);
    let output = folder.path().join("out.gguf");
    for kind in QuantType::all() {
        let recipe = Recipe::new(kind);
        let plan = plan(&input, &recipe).unwrap();
        let required = kind.importance() == ImportanceUse::Required;
        assert_eq!(plan.needs_importance, required, "{kind}: what llama.cpp asks for in a dry run");
        if required {
            let refused = quantize(&input, &output, &recipe, None, &mut |_| true).unwrap_err();
            assert!(matches!(refused, QuantizeError::NeedsImportance { .. }), "{kind}: {refused}");
        }
        if SLOW.contains(&kind.name()) {
            continue;
        }
        write(&input, &output, &recipe, required.then_some(&importance));
        let file = GgufFile::open(&output).unwrap();
        let bytes: usize = file.tensors().map(|tensor| tensor.bytes.len()).sum();
        assert!(bytes.abs_diff(plan.tensor_bytes as usize) <= 16 << 10, "{kind}: {bytes} bytes, {plan:?}");
        if let Some(format) = main_format(kind) {
            assert!(file.tensors().any(|tensor| tensor.ggml_type.name() == format), "{kind} without {format}");
        }
    }
}

#[test]
fn comparison_is_what_the_logits_of_both_models_give() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = (folder.path().join("f32.gguf"), folder.path().join("q4.gguf"));
    let unpacked = Recipe { allow_requantize: true, ..Recipe::new(kind("F32")) };
    write(&base_model(), &before, &unpacked, None);
    write(&before, &after, &Recipe::new(kind("Q4_0")), None);
    let found = compare(&before, &after, TEXT, 40, &mut |_, _| true).unwrap();

    let logits = |path: &Path, tokens: &[i32]| -> Vec<Vec<f64>> {
        let inference = Inference::load(path, &InferenceSettings::default()).unwrap();
        let row = |end: usize| inference.logits(&tokens[..end]).unwrap().into_iter().map(f64::from).collect();
        (1..tokens.len()).map(row).collect()
    };
    let file = GgufFile::open(&before).unwrap();
    let tokenizer = Tokenizer::from_gguf(&file).unwrap();
    let mut tokens = tokenizer.encode(TEXT, false).unwrap();
    tokens.truncate(40);
    let tokens: Vec<i32> = tokenizer.with_bos(tokens).into_iter().map(|token| token as i32).collect();
    let softmax = |row: &Vec<f64>| -> Vec<f64> {
        let sum: f64 = row.iter().map(|logit| logit.exp()).sum();
        row.iter().map(|logit| logit.exp() / sum).collect()
    };
    let probabilities = |path: &Path| -> Vec<Vec<f64>> { logits(path, &tokens).iter().map(softmax).collect() };
    let (p, q) = (probabilities(&before), probabilities(&after));
    let count = p.len() as f64;
    let perplexity = |rows: &[Vec<f64>]| {
        let losses = rows.iter().zip(&tokens[1..]).map(|(row, token)| -row[*token as usize].ln());
        (losses.sum::<f64>() / count).exp()
    };
    let divergence = |p: &Vec<f64>, q: &Vec<f64>| p.iter().zip(q).map(|(p, q)| p * (p / q).ln()).sum::<f64>();
    let divergence: f64 = p.iter().zip(&q).map(|(p, q)| divergence(p, q)).sum::<f64>() / count;

    assert_eq!(found.tokens, p.len());
    for (name, found, expected) in [
        ("perplexity before", found.perplexity_before, perplexity(&p)),
        ("perplexity after", found.perplexity_after, perplexity(&q)),
        ("divergence", found.kl_divergence, divergence),
    ] {
        assert!((found / expected - 1.0).abs() < TOLERANCE, "{name}: {found} against {expected}");
    }
    let same = compare(&before, &before, TEXT, 40, &mut |_, _| true).unwrap();
    assert_eq!((same.kl_divergence, same.same_top_token), (0.0, 1.0));
}

#[test]
fn importance_of_the_first_matrix_is_the_mean_square_of_its_normed_embeddings() {
    let folder = tempfile::tempdir().unwrap();
    let input = random(folder.path(), Format::F32);
    let importance = measured(&input);
    let file = GgufFile::open(&input).unwrap();
    let tokenizer = Tokenizer::from_gguf(&file).unwrap();
    let tokens = tokenizer.with_bos(tokenizer.encode(TEXT, false).unwrap());
    assert_eq!(importance.tokens(), tokens.len());
    assert_eq!(importance.matrices().len(), 2 * 7);
    let values = |name: &str| -> Vec<f64> {
        let bytes = file.tensor(name).unwrap().bytes.chunks_exact(4);
        bytes.map(|four| f64::from(f32::from_le_bytes(four.try_into().unwrap()))).collect()
    };
    let (embedding, gain) = (values("token_embd.weight"), values("blk.0.attn_norm.weight"));
    let mut expected = vec![0.0; SHAPE.hidden];
    for token in &tokens {
        let row = &embedding[*token as usize * SHAPE.hidden..][..SHAPE.hidden];
        let square: f64 = row.iter().map(|value| value * value).sum::<f64>() / SHAPE.hidden as f64;
        for ((sum, value), gain) in expected.iter_mut().zip(row).zip(&gain) {
            *sum += (value * gain).powi(2) / (square + 1e-5) / tokens.len() as f64;
        }
    }
    let found = importance.mean_squares("blk.0.attn_q.weight").unwrap();
    for (column, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let error = (found - expected).abs() / expected;
        assert!(error < IMPORTANCE_TOLERANCE, "column {column}: {found} against {expected}");
    }
}

#[test]
fn importance_changes_the_bits_and_lowers_the_error_that_it_weighs() {
    let folder = tempfile::tempdir().unwrap();
    let input = random(folder.path(), Format::F32);
    // A case made for it: some inputs of the first block are thirty times as large as the others.
    let file = GgufFile::open(&input).unwrap();
    let (_, range) = file.mapped_tensor("blk.0.attn_norm.weight").unwrap();
    drop(file);
    let mut bytes = std::fs::read(&input).unwrap();
    for column in (0..SHAPE.hidden).step_by(16) {
        bytes[range.start + 4 * column..][..4].copy_from_slice(&30f32.to_le_bytes());
    }
    std::fs::write(&input, bytes).unwrap();
    let importance = measured(&input);
    let name = "blk.0.attn_q.weight";
    let weights = importance.mean_squares(name).unwrap();
    for kind in ["Q4_K_S", "IQ4_NL", "Q3_K_S"].map(kind) {
        let output = folder.path().join("out.gguf");
        let stored = |importance: Option<&Importance>| -> (Vec<u8>, f64) {
            write(&input, &output, &Recipe::new(kind), importance);
            let (before, after) = (GgufFile::open(&input).unwrap(), GgufFile::open(&output).unwrap());
            let (before, after) = (before.tensor(name).unwrap(), after.tensor(name).unwrap());
            let format = Format::ALL.into_iter().find(|format| format.to_string() == after.ggml_type.name()).unwrap();
            let mut rounded = vec![0.0f32; SHAPE.hidden * SHAPE.hidden];
            decode(format, after.bytes, &mut rounded);
            let exact = before.bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()));
            let terms = exact
                .zip(&rounded)
                .enumerate()
                .map(|(index, (exact, rounded))| weights[index % SHAPE.hidden] * f64::from(exact - rounded).powi(2));
            (after.bytes.to_vec(), terms.sum())
        };
        let (plain_bits, plain) = stored(None);
        let (bits, weighed) = stored(Some(&importance));
        assert_ne!(bits, plain_bits, "{kind}");
        assert!(weighed < 0.9 * plain, "{kind}: {weighed} with importance, {plain} without");
    }
}

#[test]
fn named_tensors_get_the_named_type_and_the_first_match_counts() {
    let folder = tempfile::tempdir().unwrap();
    let input = random(folder.path(), Format::F16);
    let output = folder.path().join("out.gguf");
    let named = |pattern: &str, name: &str| TensorOverride {
        pattern: pattern.to_owned(),
        ggml_type: GgmlType::from_name(name).unwrap(),
    };
    let overrides = vec![named(r"blk\.0\.ffn_down", "F16"), named("ffn_down", "Q8_0"), named("^output", "Q5_1")];
    write(&input, &output, &Recipe { overrides, ..Recipe::new(kind("Q4_0")) }, None);
    let file = GgufFile::open(&output).unwrap();
    let types = ["blk.0.ffn_down.weight", "blk.1.ffn_down.weight", "output.weight", "blk.1.ffn_up.weight"]
        .map(|name| type_of(&file, name));
    assert_eq!(types, ["F16", "Q8_0", "Q5_1", "Q4_0"]);

    let refused = |overrides: Vec<TensorOverride>, name: &str| {
        let recipe = Recipe { overrides, ..Recipe::new(kind(name)) };
        plan(&input, &recipe).unwrap_err()
    };
    let error = refused(vec![named("attn_z", "Q8_0")], "Q4_0");
    assert!(error.to_string().contains("attn_z") && error.to_string().contains("names look like"), "{error}");
    assert!(matches!(refused(vec![named("(", "Q8_0")], "Q4_0"), QuantizeError::Pattern { .. }));
    assert!(matches!(refused(vec![named("ffn", "Q8_0")], "F16"), QuantizeError::OverrideOfFloat { .. }));
    let error = refused(vec![named("token_embd", "IQ2_XS")], "Q4_0");
    assert!(matches!(error, QuantizeError::OverrideNeedsImportance { .. }), "{error}");
}

#[test]
fn quantized_input_is_refused_unless_it_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.gguf");
    let recipe = Recipe::new(kind("Q4_0"));
    let error = quantize(&base_model(), &output, &recipe, None, &mut |_| true).unwrap_err();
    assert!(matches!(error, QuantizeError::AlreadyQuantized { .. }), "{error}");
    assert!(!output.exists());
    write(&base_model(), &output, &Recipe { allow_requantize: true, ..recipe }, None);
    assert!(GgufFile::open(&output).unwrap().tensors().any(|tensor| tensor.ggml_type == GgmlType::Q4_0));
}

#[test]
fn stopped_and_failed_runs_leave_the_old_file_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let input = random(folder.path(), Format::F16);
    let output = folder.path().join("out.gguf");
    std::fs::write(&output, "old").unwrap();
    let recipe = Recipe::new(kind("Q4_0"));
    let stopped = quantize(&input, &output, &recipe, None, &mut |_| false).unwrap_err();
    assert!(matches!(stopped, QuantizeError::Cancelled));
    let itself = quantize(&input, &input, &recipe, None, &mut |_| true).unwrap_err();
    assert!(matches!(itself, QuantizeError::OntoItself { .. }));
    // NaN in a weight is what llama.cpp's validation finds.
    let file = GgufFile::open(&input).unwrap();
    let (_, range) = file.mapped_tensor("blk.1.ffn_up.weight").unwrap();
    drop(file);
    let mut bytes = std::fs::read(&input).unwrap();
    bytes[range.start..range.start + 2].copy_from_slice(&[0xff, 0x7f]);
    let damaged = folder.path().join("nan.gguf");
    std::fs::write(&damaged, bytes).unwrap();
    let failed = quantize(&damaged, &output, &recipe, None, &mut |_| true).unwrap_err();
    assert!(matches!(failed, QuantizeError::Failed { .. }), "{failed}");
    assert_eq!(std::fs::read(&output).unwrap(), b"old");
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["nan.gguf", "out.gguf", "random-F16.gguf"]);
}

#[test]
fn models_without_next_tokens_and_short_texts_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let input = random(folder.path(), Format::F16);
    let error = Importance::measure(&input, "few", 4096, &mut |_, _| true).unwrap_err();
    assert!(matches!(error, QuantizeError::TextTooShort { .. }), "{error}");
    assert!(matches!(compare(&input, &input, "", 64, &mut |_, _| true), Err(QuantizeError::TextTooShort { .. })));
    let mute = folder.path().join("mute.gguf");
    random_model::write(&mute, &RandomShape { vocabulary: 64, ..SHAPE }, Format::F16, 5).unwrap();
    let error = compare(&mute, &mute, TEXT, 64, &mut |_, _| true).unwrap_err();
    assert!(error.to_string().contains("has no tokenizer"), "{error}");
    let other = compare(&input, &base_model(), TEXT, 64, &mut |_, _| true).unwrap_err();
    assert!(matches!(other, QuantizeError::Vocabularies { .. }), "{other}");
}
