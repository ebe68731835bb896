//! Bad input ends with one line that names the thing and the next step, and with nothing written.

use super::command::{Bench, base, rows};

fn train_error(bench: &Bench, base: &str, more: &[&str]) -> String {
    let mut arguments = vec!["train", "--base", base, "--data", "rows.jsonl", "-o", "adapter.gguf", "--device", "cpu"];
    arguments.extend(more);
    let error = bench.error(&arguments);
    assert!(!bench.path("adapter.gguf").exists());
    error
}

#[test]
fn missing_base_is_named() {
    let bench = Bench::new();
    bench.write("rows.jsonl", rows());
    let error = train_error(&bench, "no-such.gguf", &[]);
    assert!(error.contains("no-such.gguf") && error.contains("check the path"), "{error}");
}

#[test]
fn truncated_base_is_refused_wherever_it_is_cut() {
    let bench = Bench::new();
    bench.write("rows.jsonl", rows());
    let whole = std::fs::read(base()).unwrap();
    for length in [0, 3, 24, 1000, whole.len() / 2, whole.len() - 1] {
        bench.write("cut.gguf", &whole[..length]);
        let error = train_error(&bench, "cut.gguf", &[]);
        assert!(error.contains("cut.gguf"), "{length}: {error}");
        assert!(bench.error(&["inspect", "cut.gguf"]).contains("cut.gguf"));
        let eval = bench.error(&["eval", "--base", "cut.gguf", "--data", "rows.jsonl"]);
        assert!(eval.contains("cut.gguf"), "{eval}");
    }
}

#[test]
fn empty_dataset_is_named() {
    let bench = Bench::new();
    for content in ["", "\n  \n"] {
        bench.write("rows.jsonl", content);
        let error = train_error(&bench, &base(), &[]);
        assert!(error.contains("rows.jsonl") && error.contains("empty"), "{error}");
    }
}

#[test]
fn row_without_an_assistant_turn_is_named_by_its_line() {
    let bench = Bench::new();
    bench.write("rows.jsonl", rows() + "{\"messages\":[{\"role\":\"user\",\"content\":\"Why?\"}]}\n");
    let error = train_error(&bench, &base(), &[]);
    assert!(error.contains("rows.jsonl:4") && error.contains("assistant"), "{error}");
}

#[test]
fn line_that_is_no_json_is_named() {
    let bench = Bench::new();
    bench.write("rows.jsonl", "{\"messages\": [\n");
    let error = train_error(&bench, &base(), &[]);
    assert!(error.contains("rows.jsonl:1"), "{error}");
}

#[test]
fn output_in_a_missing_folder_is_refused_before_training() {
    let bench = Bench::new();
    bench.write("rows.jsonl", rows());
    for flag in ["-o", "--log", "--save-peft"] {
        let place = if flag == "--save-peft" { "rows.jsonl" } else { "no/such/place" };
        let mut arguments = vec!["train", "--base", "missing.gguf", "--data", "rows.jsonl", flag, place];
        if flag != "-o" {
            arguments.extend(["-o", "adapter.gguf"]);
        }
        // The output is looked at even before the base, which is missing here.
        let error = bench.error(&arguments);
        assert!(error.contains(place), "{error}");
    }
}

#[test]
fn adapter_of_another_base_is_refused() {
    let bench = Bench::new();
    bench.write("rows.jsonl", rows());
    let made = [
        "train",
        "--base",
        &base(),
        "--data",
        "rows.jsonl",
        "-o",
        "own.gguf",
        "--max-steps",
        "1",
        "--device",
        "cpu",
        "--seq",
        "64",
    ];
    assert!(bench.run(&made).status.success());
    // The same architecture and shapes, but other weights: only the hash tells them apart.
    let mut other = std::fs::read(base()).unwrap();
    let last = other.len() - 40;
    other[last] ^= 1;
    bench.write("other.gguf", other);
    let eval = bench.error(&["eval", "--base", "other.gguf", "--adapter", "own.gguf", "--data", "rows.jsonl"]);
    assert!(eval.contains("base"), "{eval}");
    let start = train_error(&bench, "other.gguf", &["--init-adapter", "own.gguf"]);
    assert!(start.contains("own.gguf"), "{start}");
    let base_as_adapter = bench.error(&["eval", "--base", &base(), "--adapter", &base(), "--data", "rows.jsonl"]);
    assert!(base_as_adapter.contains("adapter"), "{base_as_adapter}");
}

#[test]
fn impossible_options_are_named() {
    let bench = Bench::new();
    bench.write("rows.jsonl", rows());
    for (option, value) in
        [("--rank", "0"), ("--lr", "7"), ("--epochs", "0"), ("--seq", "1"), ("--seq", "99999999"), ("--batch", "0")]
    {
        let error = train_error(&bench, &base(), &[option, value]);
        assert!(error.contains(option), "{error}");
    }
    let code = bench.run(&["train", "--rank", "many"]).status.code();
    assert_eq!(code, Some(2), "usage errors have their own exit code");
}

#[test]
fn checkpoint_that_is_not_there_or_of_another_run_is_refused() {
    let bench = Bench::new();
    bench.write("rows.jsonl", rows());
    let error = train_error(&bench, &base(), &["--resume", "nowhere"]);
    assert!(error.contains("nowhere"), "{error}");
    std::fs::create_dir(bench.path("damaged")).unwrap();
    bench.write("damaged/checkpoint.safetensors", "not a checkpoint");
    let error = train_error(&bench, &base(), &["--resume", "damaged", "--seq", "64"]);
    assert!(error.contains("checkpoint") && error.contains("without --resume"), "{error}");
}

#[test]
fn token_outside_the_vocabulary_is_named() {
    let bench = Bench::new();
    let error = bench.error(&["logits", "--base", &base(), "--tokens", "1,2,99999999", "--device", "cpu"]);
    assert!(error.contains("99999999") && error.contains("vocabulary"), "{error}");
}
