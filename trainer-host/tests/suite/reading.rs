//! The verbs that only look: inspect, logits, eval, completions, man.

use super::command::{Bench, base, rows};

#[test]
fn inspect_tells_what_a_base_holds_and_that_it_can_be_trained() {
    let facts = Bench::new().json(&["inspect", &base(), "--json"]);
    assert_eq!(facts["trainable"], true, "{}", facts["reason"]);
    assert_eq!(facts["architecture"], "llama");
    assert_eq!(facts["tokenizer"]["chat_template"], true);
    assert_eq!(facts["sha256"].as_str().unwrap().len(), 64);
    assert!(!facts["tensors"].as_array().unwrap().is_empty());
}

#[test]
fn inspect_tells_why_an_adapter_is_no_base() {
    let bench = Bench::new();
    bench.write("rows.jsonl", rows());
    let made = [
        "train",
        "--base",
        &base(),
        "--data",
        "rows.jsonl",
        "-o",
        "a.gguf",
        "--max-steps",
        "1",
        "--device",
        "cpu",
        "--seq",
        "64",
    ];
    assert!(bench.run(&made).status.success());
    let facts = bench.json(&["inspect", "a.gguf", "--json"]);
    assert_eq!((facts["kind"].as_str(), facts["trainable"].as_bool()), (Some("adapter"), Some(false)));
    assert!(facts["reason"].as_str().unwrap().contains("--init-adapter"));
}

#[test]
fn logits_are_one_per_token_and_argmax_is_their_largest() {
    let bench = Bench::new();
    let out = bench.json(&["logits", "--base", &base(), "--tokens", "5,6,7", "--device", "cpu", "--json"]);
    let logits: Vec<f64> = out["logits"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    let best = out["argmax"].as_u64().unwrap() as usize;
    assert!(logits.iter().all(|value| *value <= logits[best]));
    let tokens = bench.json(&["inspect", &base(), "--json"])["tokenizer"]["tokens"].as_u64().unwrap();
    assert_eq!(logits.len() as u64, tokens);
}

#[test]
fn eval_answers_questions_and_reads_texts() {
    let bench = Bench::new();
    bench.write("rows.jsonl", rows() + "{\"text\":\"Water is poured over the fire.\"}\n");
    let scores = bench.json(&[
        "eval",
        "--base",
        &base(),
        "--data",
        "rows.jsonl",
        "--device",
        "cpu",
        "--show-wrong",
        "9",
        "--json",
    ]);
    assert_eq!((scores["questions"].as_u64(), scores["rows"].as_u64()), (Some(3), Some(4)));
    let (loss, perplexity) = (scores["loss"].as_f64().unwrap(), scores["perplexity"].as_f64().unwrap());
    assert!((loss.exp() - perplexity).abs() < 1e-9 * perplexity);
    let wrong = scores["wrong"].as_array().map_or(0, Vec::len) as u64;
    assert_eq!(scores["right"].as_u64().unwrap() + wrong, 3);
    assert_eq!(scores["accuracy"].as_f64().unwrap(), scores["right"].as_f64().unwrap() / 3.0);
    let one =
        bench.json(&["eval", "--base", &base(), "--data", "rows.jsonl", "--device", "cpu", "--limit", "1", "--json"]);
    assert_eq!(one["questions"], 1);
}

#[test]
fn shell_completions_and_manual_name_every_verb() {
    let bench = Bench::new();
    for arguments in [&["completions", "bash"][..], &["man"]] {
        let text = String::from_utf8(bench.run(arguments).stdout).unwrap();
        for verb in ["train", "eval", "logits", "inspect", "bench", "demo"] {
            assert!(text.contains(verb), "{verb} in {arguments:?}");
        }
    }
}

#[test]
fn inspect_tells_which_device_fits_and_what_training_takes() {
    let bench = Bench::new();
    let facts = bench.json(&["inspect", &base(), "--json"]);
    let profiles = facts["profiles"].as_array().unwrap();
    assert_eq!(profiles.len(), 7);
    assert!(profiles.iter().all(|fit| fit["fits"] == true && fit["context_tokens"].as_u64().unwrap() > 0));
    let training = |key: &str| facts["training"][key].as_u64().unwrap();
    let parts = ["base_bytes", "adapter_bytes", "activation_bytes", "logits_bytes"].map(training);
    assert_eq!(parts.iter().sum::<u64>(), training("total_bytes"));
    assert!(training("total_bytes_recomputed") < training("total_bytes"));
    // Q8_0 takes 34 bytes for 32 weights; norms are F32.
    let bits = facts["bits_per_weight"].as_f64().unwrap();
    assert!((8.5..8.7).contains(&bits), "{bits}");
    assert!(facts["chat_template"].as_str().unwrap().contains("messages"));
    assert!(facts["tokenizer"]["special"]["eos"].as_str().is_some(), "{}", facts["tokenizer"]);
}

#[test]
fn bench_inference_compares_the_runtime_with_llama_cpp_in_one_run() {
    let bench = Bench::new();
    let sizes = ["--prompt", "64", "--generate", "8", "--history", "300", "--rounds", "1", "--threads", "1"];
    let arguments = [&["bench", "inference", "--shape", "tiny-25m", "--json"][..], &sizes].concat();
    let figures = bench.json(&arguments);
    for ratio in ["prompt_ratio", "decode_ratio", "follow_up_ratio", "stored_prefix_ratio", "speculation_ratio"] {
        let value = figures[ratio].as_f64().unwrap();
        assert!(value > 0.0 && value < 50.0, "{ratio}: {value}");
    }
    assert!(figures["history_tokens"].as_u64().unwrap() > 200, "{figures}");
    if cfg!(target_os = "linux") {
        let resident = |key: &str| figures[key].as_i64().unwrap() >> 20;
        let more = resident("runtime_resident_bytes") - resident("bare_resident_bytes");
        assert!(more <= 64, "{more} MiB more than bare llama.cpp");
    }
}
