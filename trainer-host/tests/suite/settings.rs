//! Settings of `train` that cannot be, mean nothing or exclude each other, and what is said of them.

use std::time::{Duration, Instant};

use halligan_finetune::random_model::{self, Format, RandomShape};

use super::command::{Bench, base, rows};

/// A model whose feed-forward network has no gate, and whose queries, keys and values are one matrix.
const WITHOUT_GATE: RandomShape = RandomShape {
    architecture: "gpt2",
    layers: 1,
    hidden: 32,
    heads: 4,
    kv_heads: 4,
    head_dim: 8,
    feed_forward: 64,
    vocabulary: 300,
    context_tokens: 64,
    rope_base: 10_000.0,
    tied: true,
};

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("rows.jsonl", rows());
    bench
}

fn train<'a>(base: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let run = ["train", "--base", base, "--data", "rows.jsonl", "-o", "a.gguf", "--device", "cpu", "--no-pack"];
    [&run[..], more].concat()
}

#[test]
fn settings_that_mean_nothing_or_exceed_the_run_are_refused() {
    let (bench, base) = (bench(), base());
    let cases: &[(&[&str], &str)] = &[
        (&["--warmup", "9", "--seq", "64"], "--warmup takes 9 steps, and the run has 9"),
        (&["--warmup-ratio", "1"], "--warmup-ratio must be 0 to below 1"),
        (&["--schedule", "wsd", "--warmup-ratio", "0.5", "--decay-share", "0.6"], "more than the whole run"),
        (&["--schedule", "constant", "--floor", "0.1"], "--floor means nothing"),
        (&["--lr", "0"], "--lr must be above 0"),
        (&["--checkpoint-steps", "0"], "--checkpoint-steps must be at least 1"),
        (&["--targets", "q,v,q"], "--targets name q twice"),
        (&["--max-celsius", "1e9"], "--max-celsius must be 20 to 150"),
        (&["--alpha", "inf"], "--alpha must be above 0 and finite"),
    ];
    for (more, hint) in cases {
        let error = bench.error(&train(&base, more));
        assert!(error.contains(hint), "{more:?}: {error}");
        assert!(!bench.path("a.gguf").exists());
    }
}

#[test]
fn endless_epochs_are_refused_at_once() {
    let (bench, base) = (bench(), base());
    let began = Instant::now();
    for (epochs, hint) in [("1e300", "--epochs must be above 0, and 1000000 at most"), ("inf", "--epochs must be")] {
        let error = bench.error(&train(&base, &["--epochs", epochs]));
        assert!(error.contains(hint), "{error}");
    }
    bench.write("rows.jsonl", rows().repeat(300));
    let error = bench.error(&train(&base, &["--epochs", "100000", "--seq", "64"]));
    assert!(error.contains("--epochs asks for 9.0e7 steps") && error.contains("give 11111 epochs at most"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[test]
fn short_run_without_a_warm_up_of_its_own_trains_at_the_full_rate() {
    let (bench, base) = (bench(), base());
    let run = train(&base, &["--max-steps", "3", "--seq", "64", "--rank", "2", "--log", "log.jsonl"]);
    assert!(bench.run(&run).status.success());
    let log = std::fs::read_to_string(bench.path("log.jsonl")).unwrap();
    let first: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!(first["lr"].as_f64(), Some(2e-4));
}

#[test]
fn flags_override_settings_of_the_file_that_exclude_them() {
    let (bench, base) = (bench(), base());
    let file = format!(
        "base = \"{base}\"\ndata = [\"rows.jsonl\"]\noutput = \"a.gguf\"\ndevice = \"cpu\"\nseq = 64\nrank = 2\n\
         max-steps = 3\nno-pack = true\nschedule = \"wsd\"\nwarmup-ratio = 0.4\ndecay-share = 0.4\neval-share = 0.3\n"
    );
    bench.write("run.toml", file);
    bench.write("held.jsonl", rows());
    let flags = ["--warmup", "1", "--schedule", "linear", "--eval-data", "held.jsonl", "--json"];
    let summary = bench.json(&[&["train", "--config", "run.toml"], &flags[..]].concat());
    assert_eq!(summary["steps"], 3);
}

#[test]
fn targets_that_the_base_lacks_are_refused_and_those_that_are_trained_are_named() {
    let bench = bench();
    random_model::write(&bench.path("gpt2.gguf"), &WITHOUT_GATE, Format::F32, 3).unwrap();
    bench.write("rows.jsonl", "{\"text\":\"water boils at 100 degrees\"}\n");
    for targets in ["q,k,v,gate", "gate"] {
        let error = bench.error(&train("gpt2.gguf", &["--targets", targets]));
        assert!(error.contains("--targets name gate, which this base does not have"), "{error}");
        assert!(error.contains("choose out of q,k,v,o,up,down"), "{error}");
    }
    let output = bench.run(&train("gpt2.gguf", &["--max-steps", "1"]));
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && talk.contains("on q,k,v,o,up,down;"), "{talk}");
}

#[test]
fn errors_name_the_thing_that_is_wrong() {
    let (bench, base) = (bench(), base());
    let output = bench.run(&["train", "--base", &base, "--data", "rows.jsonl=abc", "-o", "a.gguf"]);
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(talk.contains("rows.jsonl has the weight `abc`") && talk.contains("rows.jsonl=3"), "{talk}");
    let error = bench.error(&train(".", &[]));
    assert!(error.contains("it is a folder"), "{error}");
    let long = format!(
        "{{\"messages\":[{{\"role\":\"user\",\"content\":\"{}\"}},{{\"role\":\"assistant\",\"content\":\"Yes.\"}}]}}\n",
        "Is the gate shut? ".repeat(2000)
    );
    bench.write("rows.jsonl", long);
    let error = bench.error(&train(&base, &[]));
    assert!(error.contains("rows.jsonl:1: ") && error.contains("the context of the base ends at"), "{error}");
    assert!(!error.contains("--seq"), "{error}");
    bench.write("rows.jsonl", "{\"messages\":[{\"role\":\"assistant\",\"content\":null}]}\n");
    let error = bench.error(&train(&base, &[]));
    assert!(error.contains("rows.jsonl:1") && error.contains("has no content and no tool_calls"), "{error}");
}
