//! Encoders of the runtime on a converted model: batches, long texts, rerankers.

use std::path::{Path, PathBuf};

use halligan_finetune::gguf::{GgmlType, GgufFile, MetadataValue, TensorData, write_gguf};
use halligan_runtime::error::ModelError;
use halligan_runtime::inference::{BareModel, Encoder};
use halligan_tests::{built_in_base, json, root, run};

/// Vectors alone and in a batch: sums are rounded in another order.
const TOLERANCE: f64 = 2e-3;

const TEXTS: [&str; 4] =
    ["the leak is in the street", "water", "", "how far do we isolate a leak of gas when the wind is strong"];

fn bert(folder: &Path) -> PathBuf {
    let path = folder.join("bert.gguf");
    let from = root().join("tests/models/bert").display().to_string();
    json(&run("halligan-host", &["convert", &from, "-o", &path.display().to_string(), "--type", "f32", "--json"]));
    path
}

/// The same encoder with another pooling and, for a reranker, the weights that make a score of a vector.
fn with_pooling(from: &Path, to: &Path, pooling: u32, classifier: Option<&[f32]>) {
    let file = GgufFile::open(from).unwrap();
    let mut metadata = file.metadata().unwrap();
    metadata.push(("bert.pooling_type".to_owned(), MetadataValue::Uint32(pooling)));
    let bytes: Vec<u8> = classifier.unwrap_or_default().iter().flat_map(|value| value.to_le_bytes()).collect();
    let mut tensors: Vec<TensorData<'_>> = file.tensors().map(TensorData::from).collect();
    if let Some(weights) = classifier {
        let name = "cls.output.weight".to_owned();
        tensors.push(TensorData { name, shape: vec![weights.len(), 1], ggml_type: GgmlType::F32, bytes: &bytes });
    }
    write_gguf(to, metadata, &tensors).unwrap();
}

fn texts(count: usize) -> Vec<String> {
    TEXTS.iter().cycle().take(count).map(|text| (*text).to_owned()).collect()
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|value| *value /= length);
    vector
}

#[test]
fn texts_together_have_the_vectors_that_they_have_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = bert(folder.path());
    let bare = BareModel::load(&path).unwrap();
    let encoder = Encoder::load(&path, 0, 0).unwrap();
    let texts = texts(70);
    let mut progress = Vec::new();
    let embeddings = encoder
        .embed(&texts, &mut |done, total| {
            progress.push((done, total));
            true
        })
        .unwrap();
    assert_eq!(progress.last(), Some(&(70, 70)));
    assert!(progress.len() > 1 && progress.is_sorted());
    for (text, embedding) in texts.iter().zip(&embeddings) {
        let tokens = bare.tokenize(text, false, true);
        let alone = unit(bare.embed(&tokens).unwrap());
        assert!(distance(&embedding.vector, &alone) < TOLERANCE, "{text}");
        assert_eq!((embedding.tokens, embedding.cut_tokens), (tokens.len(), 0));
        assert_eq!(embedding.vector.len(), encoder.info().dimension);
    }
    assert!(encoder.embed(&[], &mut |_, _| true).unwrap().is_empty());
    assert!(matches!(encoder.embed(&texts, &mut |_, _| false), Err(ModelError::Cancelled)));
    assert!(!encoder.info().is_reranker);
    let error = encoder.rerank("a", &texts, &mut |_, _| true).unwrap_err();
    assert!(matches!(error, ModelError::Encoder { .. }), "{error}");
}

#[test]
fn a_text_longer_than_the_encoder_reads_is_cut_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = bert(folder.path());
    let bare = BareModel::load(&path).unwrap();
    let encoder = Encoder::load(&path, 0, 0).unwrap();
    let limit = encoder.info().context_tokens;
    let long = "water ".repeat(limit + 40);
    let mut tokens = bare.tokenize(&long, false, true);
    let cut = tokens.len() - limit;
    let end = tokens.pop().unwrap();
    tokens.truncate(limit - 1);
    tokens.push(end);
    let embedding = encoder.embed(&[long], &mut |_, _| true).unwrap().remove(0);
    assert_eq!((embedding.tokens, embedding.cut_tokens), (limit, cut));
    assert!(distance(&embedding.vector, &unit(bare.embed(&tokens).unwrap())) < TOLERANCE);
}

#[test]
fn a_reranker_scores_pairs_by_the_vector_of_their_first_token() {
    let folder = tempfile::tempdir().unwrap();
    let path = bert(folder.path());
    let (first, ranks) = (folder.path().join("first.gguf"), folder.path().join("ranks.gguf"));
    let dimension = Encoder::load(&path, 0, 0).unwrap().info().dimension;
    let weights: Vec<f32> = (0..dimension).map(|index| (index as f32 * 0.7).sin()).collect();
    // 2: the first token's vector; 4: a score of it.
    with_pooling(&path, &first, 2, None);
    with_pooling(&path, &ranks, 4, Some(&weights));
    let bare = BareModel::load(&first).unwrap();
    let reranker = Encoder::load(&ranks, 0, 0).unwrap();
    assert!(reranker.info().is_reranker);
    let texts = texts(6);
    let query = "how far do we isolate";
    let scores = reranker.rerank(query, &texts, &mut |_, _| true).unwrap();
    for (text, score) in texts.iter().zip(&scores) {
        // [CLS] query [SEP] text [SEP]
        let mut pair = bare.tokenize(query, false, true);
        pair.extend(&bare.tokenize(text, false, true)[1..]);
        let vector = bare.embed(&pair).unwrap();
        let expected: f32 = vector.iter().zip(&weights).map(|(value, weight)| value * weight).sum();
        assert!((score.score - expected).abs() < 1e-2 * expected.abs().max(1.0), "{text}: {score:?}, {expected}");
    }
    let error = reranker.embed(&texts, &mut |_, _| true).unwrap_err();
    assert!(error.to_string().contains("reranker"), "{error}");
    let long = "water ".repeat(reranker.info().context_tokens);
    assert!(reranker.rerank(query, &[long], &mut |_, _| true).unwrap()[0].cut_tokens > 0);
}

#[test]
fn a_chat_model_is_refused_as_an_encoder() {
    let error = Encoder::load(&built_in_base(), 0, 0).err().unwrap();
    assert!(matches!(error, ModelError::Encoder { .. }), "{error}");
    assert!(error.to_string().contains("no pooling"), "{error}");
}
