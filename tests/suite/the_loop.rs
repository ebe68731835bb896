//! The loop in small, with the real binaries: train, carry, ask, correct, learn, roll back.

use std::{
    fs,
    path::{Path, PathBuf},
};

use halligan_tests::{built_in_base, guide, json, run};
use serde_json::Value;

/// Facts that the small adapter learns.
const FACTS: usize = 12;

fn text(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}

fn rows(name: &str) -> Vec<String> {
    fs::read_to_string(guide(name)).unwrap().lines().map(str::to_owned).collect()
}

fn fact_of(row: &str) -> String {
    let row: Value = serde_json::from_str(row).unwrap();
    row["id"].as_str().unwrap().to_owned()
}

/// A folder with the rows of the first facts: `train.jsonl` and `heldout.jsonl`.
fn small_guide() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut facts: Vec<String> = rows("heldout.jsonl").iter().map(|row| fact_of(row)).collect();
    facts.dedup();
    facts.truncate(FACTS);
    for name in ["train.jsonl", "heldout.jsonl"] {
        let kept: Vec<String> = rows(name).into_iter().filter(|row| facts.contains(&fact_of(row))).collect();
        assert!(kept.len() >= FACTS);
        fs::write(folder.path().join(name), kept.join("\n") + "\n").unwrap();
    }
    folder
}

fn train(folder: &Path) -> PathBuf {
    let (base, data, adapter) = (built_in_base(), folder.join("train.jsonl"), folder.join("adapter.gguf"));
    let files = ["train", "--base", text(&base), "--data", text(&data), "-o", text(&adapter)];
    let options = ["--epochs", "12", "--lr", "3e-3", "--seq", "256", "--seed", "5", "--device", "cpu", "--json"];
    let summary = json(&run("halligan-host", &[&files[..], &options].concat()));
    assert!(summary["tokens_per_second"].as_f64().unwrap() > 0.0);
    adapter
}

fn accuracy(adapter: Option<&Path>, data: &Path) -> f64 {
    let base = built_in_base();
    let mut words = vec!["eval", "--base", text(&base), "--data", text(data), "--no-loss", "--json"];
    if let Some(adapter) = adapter {
        words.extend(["--adapter", text(adapter)]);
    }
    json(&run("halligan-host", &words))["accuracy"].as_f64().unwrap()
}

fn device(home: &Path, words: &[&str]) -> Value {
    let mut all = vec!["--home", text(home)];
    all.extend(words);
    json(&run("halligan", &all))
}

#[test]
fn a_correction_is_learned_activated_and_rolled_back() {
    let folder = small_guide();
    let held_out = folder.path().join("heldout.jsonl");
    let adapter = train(folder.path());
    let (before, after) = (accuracy(None, &held_out), accuracy(Some(&adapter), &held_out));
    assert!(before <= 0.15, "the base already knows the guide: {before}");
    assert!(after >= 0.6, "the adapter learned too little: {after}");

    let home = folder.path().join("home");
    let (model, train_rows) = (built_in_base(), folder.path().join("train.jsonl"));
    let field_guide = guide("field-guide.md");
    device(
        &home,
        &[
            "setup",
            "--model",
            text(&model),
            "--adapter",
            text(&adapter),
            "--docs",
            text(&field_guide),
            "--replay",
            text(&train_rows),
            "--gate",
            text(&held_out),
            "--json",
        ],
    );
    let listed = device(&home, &["adapters", "list", "--json"]);
    let carried = listed["active"].as_str().unwrap().to_owned();
    let row = listed["generations"].as_array().unwrap().iter().find(|row| row["id"] == carried.as_str()).unwrap();
    assert!(
        row["gate_accuracy"].is_null() && row["held_out_accuracy"].as_f64().is_some_and(|share| share > 0.0),
        "{row}"
    );

    let question = "What is the radio channel for Division A on this incident?";
    let turn = device(&home, &["ask", question, "--json"]);
    let confidence = turn["confidence"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&confidence));
    let number = turn["turn"].as_i64().unwrap().to_string();
    let told = "The radio channel for Division A on this incident is Tac 7.";
    device(&home, &["feedback", &number, "correct", told, "--json"]);

    let report = device(&home, &["learn", "--device", "cpu", "--json"]);
    assert_eq!(report["activated"], true, "{report}");
    assert_eq!(report["corrected_after"].as_f64(), Some(1.0), "{report}");
    let learned = device(&home, &["adapters", "list", "--json"])["active"].as_str().unwrap().to_owned();
    assert_ne!(learned, carried);
    let answer = device(&home, &["ask", question, "--json"]);
    assert!(answer["answer"].as_str().unwrap().contains('7'), "{answer}");

    let rolled_back = device(&home, &["adapters", "rollback", "--json"]);
    assert_eq!(rolled_back["active"].as_str(), Some(carried.as_str()));
    assert_eq!(device(&home, &["adapters", "list", "--json"])["active"].as_str(), Some(carried.as_str()));
}
