//! Training runs: files, figures, and the promise that an interrupted run loses nothing.

use super::command::{Bench, base, rows};

const OPTIONS: [&str; 8] = ["--device", "cpu", "--seq", "64", "--seed", "7", "--rank", "4"];

fn train<'a>(base: &'a str, output: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["train", "--base", base, "--data", "rows.jsonl", "-o", output];
    arguments.extend(OPTIONS);
    arguments.extend(more);
    arguments
}

#[test]
fn run_writes_adapter_log_chart_and_peft_and_removes_its_checkpoint() {
    let bench = Bench::new();
    bench.write("rows.jsonl", rows());
    let more = [
        "--max-steps",
        "4",
        "--log",
        "log.jsonl",
        "--save-peft",
        "peft",
        "--no-pack",
        "--checkpoint-steps",
        "2",
        "--json",
    ];
    let summary = bench.json(&train(&base(), "adapter.gguf", &more));
    assert_eq!(summary["steps"], 4);
    assert_eq!(summary["adapter_sha256"].as_str().unwrap().len(), 64);
    for key in ["final_loss", "tokens_per_second", "train_seconds", "parameters", "peak_device_bytes"] {
        assert!(summary[key].as_f64().unwrap() > 0.0, "{key} in {summary}");
    }
    assert!(summary["device"].as_str().unwrap().contains("CPU"), "{summary}");
    let log = std::fs::read_to_string(bench.path("log.jsonl")).unwrap();
    let steps: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(steps.len(), 4);
    for key in ["step", "loss", "lr", "grad_norm", "tokens", "seconds"] {
        assert!(steps[3].get(key).is_some(), "{key}");
    }
    assert!(std::fs::read_to_string(bench.path("log.svg")).unwrap().contains("polyline"));
    assert!(bench.path("peft/adapter_model.safetensors").is_file());
    assert!(bench.path("peft/adapter_config.json").is_file());
    assert!(!bench.path("adapter.gguf.checkpoint").exists());
}

#[test]
fn same_seed_gives_the_same_file_and_another_seed_another() {
    let bench = Bench::new();
    bench.write("rows.jsonl", rows());
    let base = base();
    let sha256 = |name: &str, seed: &str| {
        let more = ["--max-steps", "3", "--json", "--no-pack"];
        let mut arguments = train(&base, name, &more);
        let at = arguments.iter().position(|word| *word == "--seed").unwrap();
        arguments[at + 1] = seed;
        bench.json(&arguments)["adapter_sha256"].as_str().unwrap().to_owned()
    };
    assert_eq!(sha256("a.gguf", "7"), sha256("b.gguf", "7"));
    assert_ne!(sha256("c.gguf", "7"), sha256("d.gguf", "8"));
}

#[test]
#[cfg(unix)]
fn interrupted_run_resumes_to_the_same_bits() {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    let bench = Bench::new();
    bench.write("rows.jsonl", rows());
    let base = base();
    let steps = ["--epochs", "400", "--no-pack", "--max-steps", "400", "--log", "log.jsonl"];
    let mut child = bench
        .command(&train(&base, "resumed.gguf", &steps))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = || std::fs::read_to_string(bench.path("log.jsonl")).unwrap_or_default().lines().count();
    let began = Instant::now();
    while lines() < 3 {
        assert!(child.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(120));
        std::thread::sleep(Duration::from_millis(5));
    }
    let kill = std::process::Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{talk}");
    assert!(talk.contains("--resume resumed.gguf.checkpoint"), "{talk}");
    assert!(!bench.path("resumed.gguf").exists());
    let done = lines();
    assert!(done < 400);

    let mut resume = train(&base, "resumed.gguf", &steps);
    resume.extend(["--resume", "resumed.gguf.checkpoint", "--json"]);
    let resumed = bench.json(&resume);
    assert_eq!(lines(), 400, "each step is in the log once");
    let mut unbroken = train(&base, "unbroken.gguf", &steps[..5]);
    unbroken.push("--json");
    let unbroken = bench.json(&unbroken);
    assert_eq!(resumed["adapter_sha256"], unbroken["adapter_sha256"]);
    assert!(!bench.path("resumed.gguf.checkpoint").exists());
}
