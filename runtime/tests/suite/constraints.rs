//! Constrained answers: whatever the model is, what comes out is what the schema or grammar admits.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use halligan_finetune::random_model::{self, Format, RandomShape};
use halligan_runtime::error::ModelError;
use halligan_runtime::inference::{
    BatchRequest, Constraint, GenerateOptions, Generated, Inference, InferenceSettings, StopReason,
};
use serde_json::{Value, json};

use super::room::load;

/// Seeds tried with each schema: as many wild samples.
const SEEDS: u64 = 200;
/// Room that every document of [`schemas`] fits into, one byte a token.
const ROOM: usize = 400;

/// A model that knows nothing: bytes, one merge and fillers.
fn untrained(folder: &Path) -> Inference {
    let shape = RandomShape {
        architecture: "llama",
        layers: 1,
        hidden: 32,
        heads: 2,
        kv_heads: 1,
        head_dim: 16,
        feed_forward: 64,
        vocabulary: 320,
        context_tokens: 1024,
        rope_base: 10_000.0,
        tied: false,
    };
    let path = folder.join("random.gguf");
    random_model::write(&path, &shape, Format::F32, 7).unwrap();
    Inference::load(&path, &InferenceSettings::default()).unwrap()
}

fn schemas() -> Vec<(&'static str, Value)> {
    let object = |properties: Value| {
        let required: Vec<&String> = properties.as_object().unwrap().keys().collect();
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
    };
    let pair = object(json!({
        "question": {"type": "string", "minLength": 5, "maxLength": 60},
        "answer": {"type": "string", "maxLength": 90},
    }));
    let word = json!({"type": "string", "maxLength": 3});
    vec![
        ("enum", object(json!({"hazard": {"enum": ["flammable", "toxic", "corrosive"]}, "sure": {"type": "boolean"}}))),
        ("strings", pair.clone()),
        (
            "nested arrays",
            object(json!({
                "rows": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "array", "maxItems": 3, "items": word}},
            })),
        ),
        (
            "numbers",
            object(json!({
                "guide": {"type": "integer", "minimum": 111, "maximum": 175},
                "share": {"type": "number", "minimum": 0, "maximum": 1, "multipleOf": 0.01},
                "none": {"type": "null"},
            })),
        ),
        ("objects in arrays", json!({"type": "array", "items": pair, "maxItems": 1})),
    ]
}

fn sample(constraint: &Constraint, seed: u64) -> GenerateOptions {
    GenerateOptions {
        max_tokens: ROOM,
        temperature: 1.0,
        seed,
        constraint: Some(constraint.clone()),
        ..GenerateOptions::default()
    }
}

/// One answer for each seed, several at a time.
fn samples(inference: &Inference, constraint: &Constraint, seeds: u64) -> Vec<Generated> {
    let request = |seed| BatchRequest { question: "A row, please.".to_owned(), options: sample(constraint, seed) };
    let results = inference.generate_batch((0..seeds).map(request).collect(), &mut |_, _| true).unwrap();
    results.into_iter().map(Result::unwrap).collect()
}

fn check(inference: &Inference, seeds: u64) {
    for (name, schema) in schemas() {
        let validator = jsonschema::validator_for(&schema).unwrap();
        let answers = samples(inference, &Constraint::JsonSchema(schema), seeds);
        assert_eq!(answers.len(), seeds as usize);
        for answer in &answers {
            assert_eq!(answer.stop, StopReason::Complete, "{name}: {answer:?}");
            let document: Value = serde_json::from_str(&answer.text).unwrap();
            assert!(validator.is_valid(&document), "{name}: {document}");
        }
        let first = &answers[0].text;
        assert!(answers.iter().any(|answer| answer.text != *first), "{name}: {first}");
    }
}

#[test]
fn an_untrained_model_writes_documents_that_its_schema_admits() {
    let folder = tempfile::tempdir().unwrap();
    check(&untrained(folder.path()), SEEDS);
}

#[test]
fn the_built_in_base_writes_documents_that_its_schema_admits() {
    check(&load(), SEEDS / 5);
}

#[test]
fn a_character_of_several_tokens_is_whole_in_text_and_stream() {
    let folder = tempfile::tempdir().unwrap();
    let inference = untrained(folder.path());
    let schema = json!({"type": "string", "pattern": "^[\u{e9}\u{4e2d}\u{1f525} ]{4,9}$"});
    let constraint = Constraint::JsonSchema(schema.clone());
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut widths = [false; 5];
    for seed in 0..20 {
        let mut streamed = String::new();
        let answer = inference
            .generate("Fire?", &sample(&constraint, seed), &mut |piece| streamed.push_str(&piece.text))
            .unwrap();
        assert_eq!(streamed, answer.text);
        let document: Value = serde_json::from_str(&answer.text).unwrap();
        assert!(validator.is_valid(&document), "{document}");
        answer.text.chars().for_each(|character| widths[character.len_utf8()] = true);
    }
    assert_eq!(widths[1..], [true; 4], "bytes of the characters that were said");
}

#[test]
fn a_constraint_is_kept_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let inference = untrained(folder.path());
    for constraint in [
        Constraint::Regex("  (yes|no)\n".to_owned()),
        Constraint::Lark("start: \"  \" word \"\\n\"\nword: \"yes\" | \"no\"\n".to_owned()),
    ] {
        let mut said: Vec<String> = samples(&inference, &constraint, 20).into_iter().map(|each| each.text).collect();
        said.sort();
        said.dedup();
        assert_eq!(said, ["  no\n", "  yes\n"]);
    }
}

#[test]
fn a_text_may_end_where_its_grammar_allows_it_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let inference = untrained(folder.path());
    let constraint = Constraint::Regex("(ab)+".to_owned());
    let mut stops = Vec::new();
    for answer in samples(&inference, &constraint, 40) {
        let pairs = answer.text.replace("ab", "");
        match answer.stop {
            StopReason::EndOfTurn => assert!(pairs.is_empty() && !answer.text.is_empty(), "{answer:?}"),
            StopReason::Length => assert!(pairs.is_empty() || pairs == "a"),
            other => panic!("{other:?}"),
        }
        stops.push(answer.stop);
    }
    assert!(stops.contains(&StopReason::EndOfTurn));
}

#[test]
fn a_document_that_the_token_limit_cut_says_so() {
    let inference = load();
    let schema = json!({"type": "string", "minLength": 200, "maxLength": 300});
    let mut options = sample(&Constraint::JsonSchema(schema), 1);
    options.max_tokens = 12;
    let answer = inference.generate("Tell me everything.", &options, &mut |_| {}).unwrap();
    assert_eq!((answer.stop, answer.tokens), (StopReason::Length, 12));
    assert!(answer.text.starts_with('"') && serde_json::from_str::<Value>(&answer.text).is_err());
}

#[test]
fn a_document_that_ends_with_the_last_token_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let inference = untrained(folder.path());
    let mut options = sample(&Constraint::Regex("abc".to_owned()), 1);
    options.max_tokens = 3;
    let answer = inference.generate("Say it.", &options, &mut |_| {}).unwrap();
    assert_eq!((answer.text.as_str(), answer.stop), ("abc", StopReason::Complete));
}

#[test]
fn a_constraint_that_cannot_be_followed_is_an_error_and_never_free_text() {
    let inference = load();
    let hopeless = [
        Constraint::JsonSchema(json!(false)),
        Constraint::JsonSchema(json!({"type": "string", "minLength": 3, "maxLength": 2})),
        Constraint::JsonSchema(json!({"type": "object", "unheardOf": [], "$ref": "http://example.org/else.json"})),
        Constraint::JsonSchema(json!({"type": "number", "minimum": 2, "maximum": 1})),
        Constraint::Regex("(".to_owned()),
        Constraint::Lark("start: nowhere".to_owned()),
        Constraint::Lark(String::new()),
    ];
    for constraint in hopeless {
        let error = inference.generate("Well?", &sample(&constraint, 1), &mut |_| {}).unwrap_err();
        assert!(matches!(error, ModelError::Constraint(_)), "{constraint:?}: {error}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
    let free = inference.generate("How far do we isolate a gas leak?", &GenerateOptions::default(), &mut |_| {});
    assert_eq!(free.unwrap().stop, StopReason::EndOfTurn);
}

#[test]
fn greedy_answers_keep_their_constraint_too() {
    let inference = load();
    let words = Constraint::Regex("(stay upwind|stay downwind)".to_owned());
    let options = GenerateOptions { temperature: 0.0, ..sample(&words, 0) };
    let answer = inference.generate("Where do we stand?", &options, &mut |_| {}).unwrap();
    assert!(["stay upwind", "stay downwind"].contains(&answer.text.as_str()), "{answer:?}");
    assert_eq!(answer.stop, StopReason::Complete);
}

#[test]
fn confidence_is_the_models_own_and_not_raised_by_the_constraint() {
    let folder = tempfile::tempdir().unwrap();
    let inference = untrained(folder.path());
    let only = Constraint::Regex("zzzz".to_owned());
    let answer = inference.generate("Say it.", &sample(&only, 1), &mut |_| {}).unwrap();
    assert_eq!(answer.text, "zzzz");
    assert!(answer.confidence.unwrap() < 0.5, "{answer:?}: the one admitted token has not the whole probability");
}

#[test]
fn each_request_of_a_batch_has_its_own_options_and_outcome() {
    let inference = load();
    let yes_or_no = Constraint::Regex("(yes|no)".to_owned());
    let ask = |options: GenerateOptions| BatchRequest { question: "Is it safe?".to_owned(), options };
    let free = GenerateOptions { max_tokens: 20, ..GenerateOptions::default() };
    let cancelled = Arc::new(AtomicBool::new(true));
    let requests = vec![
        ask(sample(&yes_or_no, 3)),
        ask(sample(&Constraint::Regex("(".to_owned()), 3)),
        ask(free.clone()),
        ask(GenerateOptions { max_tokens: 100_000, ..free.clone() }),
        ask(GenerateOptions { max_tokens: 0, ..free.clone() }),
        ask(GenerateOptions { cancel: Some(Arc::clone(&cancelled)), ..free.clone() }),
        ask(sample(&yes_or_no, 3)),
    ];
    let results = inference.generate_batch(requests, &mut |_, _| true).unwrap();
    let [first, bad, greedy, long, mute, stopped, last] = results.as_slice() else { panic!("{results:?}") };
    assert!(["yes", "no"].contains(&first.as_ref().unwrap().text.as_str()));
    assert!(matches!(bad, Err(ModelError::Constraint(_))));
    assert!(!greedy.as_ref().unwrap().text.is_empty());
    assert!(matches!(long, Err(ModelError::PromptTooLong { .. })));
    assert_eq!(mute.as_ref().unwrap().stop, StopReason::Length);
    assert_eq!(stopped.as_ref().unwrap().stop, StopReason::Cancelled);
    assert_eq!(first.as_ref().unwrap().text, last.as_ref().unwrap().text);
    assert!(cancelled.load(Ordering::Relaxed));
}

#[test]
fn seeds_belong_to_requests_and_not_to_places_in_a_batch() {
    let folder = tempfile::tempdir().unwrap();
    let inference = untrained(folder.path());
    let constraint = Constraint::JsonSchema(schemas().swap_remove(1).1);
    let together = samples(&inference, &constraint, 24);
    assert_eq!(together, samples(&inference, &constraint, 24), "the same requests give the same results");
    let differing = (0..24).zip(&together).filter(|(seed, answer)| {
        inference.generate("A row, please.", &sample(&constraint, *seed), &mut |_| {}).unwrap().text != answer.text
    });
    // Sums are rounded in another order when several sequences share a step, which may turn a tie.
    assert!(differing.count() <= 1);
}
