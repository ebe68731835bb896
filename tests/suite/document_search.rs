//! The device's document search with a real GGUF encoder: set up, embedded, found.

use halligan_runtime::retrieval::encoder::{Encoder, Role, SentenceEncoder};
use halligan_tests::{built_in_base, guide, json, root, run};

/// Texts that are computed together round differently at different places of a batch.
const PLACE_TOLERANCE: f32 = 1e-5;

#[test]
fn encoder_of_a_kit_embeds_the_documents_and_answers_the_search() {
    let room = tempfile::tempdir().unwrap();
    let (home, encoder) = (room.path().join("home"), room.path().join("encoder.gguf"));
    let model = root().join("tests/models/bert").display().to_string();
    let encoder = encoder.display().to_string();
    json(&run("halligan-host", &["convert", &model, "-o", &encoder, "--type", "f32", "--json"]));
    let home = home.display().to_string();
    let (base, guide) = (built_in_base().display().to_string(), guide("field-guide.md").display().to_string());
    let set_up = ["--home", &home, "setup", "--model", &base, "--encoder", &encoder, "--docs", &guide, "--json"];
    let report = json(&run("halligan", &set_up));
    assert_eq!((report["documents"].as_u64(), report["skipped"].as_array().map(Vec::len)), (Some(1), Some(0)));
    let status = json(&run("halligan", &["--home", &home, "docs", "status", "--json"]));
    assert!(status["passages"].as_u64().unwrap() > 50);
    assert_eq!(status["passages"], status["embedded"]);
    // Words of the guide lead to their passage with any encoder; the random weights of this one know no meaning.
    let search = ["--home", &home, "docs", "search", "lead time of a Red Flag Warning", "--json"];
    let found = json(&run("halligan", &search));
    assert!(found["passages"][0]["text"].as_str().unwrap().contains("Red Flag Warning"), "{found}");
    assert!(found["passages"][0]["score"].as_f64().unwrap() <= 1.0, "a fused score");

    let encoder = SentenceEncoder::load(encoder.as_ref()).unwrap();
    let vectors = encoder.encode(&["Stay upwind.", "Stay upwind.", &"word ".repeat(5000)], Role::Passage).unwrap();
    let same = vectors[0].iter().zip(&vectors[1]).all(|(one, other)| (one - other).abs() <= PLACE_TOLERANCE);
    assert!(same, "the same text has the same vector: {:?} and {:?}", vectors[0], vectors[1]);
    assert!(vectors.iter().all(|vector| vector.len() == vectors[0].len() && vector.iter().all(|x| x.is_finite())));
}

#[test]
fn model_that_is_no_encoder_is_refused_at_set_up() {
    let room = tempfile::tempdir().unwrap();
    let base = built_in_base().display().to_string();
    let home = room.path().join("home").display().to_string();
    let output = run("halligan", &["--home", &home, "setup", "--model", &base, "--reranker", &base, "--json"]);
    let words = halligan_tests::refusal(&output);
    assert!(words.contains("halligan-base"), "{words}");
}
