//! Bad input to the two binaries: one clear line, a non-zero exit, nothing lost, no panic.

use std::{fs, path::Path};

use halligan_finetune::{
    lora::{LoraOptions, Target, fresh_adapter},
    model::BaseModel,
    random_model::{self, RandomShape},
};
use halligan_shaders::Format;
use halligan_tests::{built_in_base, guide, refusal, run};

fn text(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}

fn train(base: &Path, data: &Path, out: &Path) -> String {
    refusal(&run(
        "halligan-host",
        &["train", "--base", text(base), "--data", text(data), "-o", text(out), "--device", "cpu"],
    ))
}

#[test]
fn missing_and_malformed_bases_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (out, data) = (folder.path().join("a.gguf"), guide("train.jsonl"));
    let missing = folder.path().join("nowhere.gguf");
    assert!(train(&missing, &data, &out).contains("nowhere.gguf"));
    let whole = fs::read(built_in_base()).unwrap();
    let damaged: [(&str, Vec<u8>); 4] = [
        ("empty.gguf", Vec::new()),
        ("truncated.gguf", whole[..whole.len() / 2].to_vec()),
        ("header-only.gguf", whole[..64].to_vec()),
        ("huge-counts.gguf", [&whole[..8], &[0xff; 16][..], &whole[24..]].concat()),
    ];
    for (name, bytes) in damaged {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let line = train(&path, &data, &out);
        assert!(line.contains(name), "{line}");
        assert!(!out.exists());
    }
}

#[test]
fn datasets_that_cannot_be_trained_on_are_named_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a.gguf");
    let good = r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#;
    let no_answer = format!("{good}\n{}\n", r#"{"messages":[{"role":"user","content":"a"}]}"#);
    let cases = [
        ("empty.jsonl", String::new(), ""),
        ("no-answer.jsonl", no_answer, "2"),
        ("broken.jsonl", format!("{good}\n{{\n"), "2"),
    ];
    for (name, rows, place) in cases {
        let data = folder.path().join(name);
        fs::write(&data, rows).unwrap();
        let line = train(&built_in_base(), &data, &out);
        assert!(line.contains(name) && line.contains(place), "{line}");
    }
}

#[test]
fn an_output_folder_that_cannot_be_written_is_found_before_training() {
    let folder = tempfile::tempdir().unwrap();
    let line = train(&built_in_base(), &guide("train.jsonl"), &folder.path().join("no/such/folder/a.gguf"));
    assert!(line.contains("no/such/folder"), "{line}");
}

#[test]
fn an_adapter_for_another_base_is_refused_by_both_binaries() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.gguf");
    let shape = RandomShape {
        architecture: "llama",
        layers: 1,
        hidden: 64,
        heads: 2,
        kv_heads: 2,
        head_dim: 32,
        feed_forward: 64,
        vocabulary: 300,
        context_tokens: 64,
        rope_base: 10_000.0,
        tied: true,
    };
    random_model::write(&other, &shape, Format::F32, 1).unwrap();
    let base = BaseModel::open(&other).unwrap();
    let adapter = folder.path().join("adapter.gguf");
    let lora = LoraOptions::new(&[Target::Q], 4, 8.0);
    fresh_adapter(&base.description, &base.sha256, &lora, 1).unwrap().write_gguf(&adapter).unwrap();
    let model = built_in_base();
    let host = ["logits", "--base", text(&model), "--adapter", text(&adapter), "--tokens", "1,2", "--json"];
    assert!(refusal(&run("halligan-host", &host)).contains("adapter.gguf"));
    let home = folder.path().join("home");
    fs::create_dir(&home).unwrap();
    let device = ["--home", text(&home), "--model", text(&model), "--adapter", text(&adapter), "ask", "hello"];
    let line = refusal(&run("halligan", &device));
    assert!(line.contains("adapter"), "{line}");
}

#[test]
fn unknown_profile_and_unwritable_home_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    fs::create_dir(&home).unwrap();
    let line = refusal(&run("halligan", &["--home", text(&home), "--profile", "toaster", "adapters", "list"]));
    assert!(line.contains("toaster") && line.contains("laptop-cpu"), "{line}");
    let file = folder.path().join("file");
    fs::write(&file, "not a folder").unwrap();
    let line = refusal(&run("halligan", &["--home", text(&file.join("home")), "adapters", "list"]));
    assert!(line.contains("file"), "{line}");
}

#[test]
fn a_device_without_a_model_says_how_to_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let line = refusal(&run("halligan", &["--home", text(folder.path()), "ask", "What is the UN number of chlorine?"]));
    assert!(line.contains("setup"), "{line}");
}

#[test]
fn doctor_reports_every_problem_and_exits_with_one() {
    let folder = tempfile::tempdir().unwrap();
    let output = run("halligan", &["--home", text(folder.path()), "doctor", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["problems"].as_array().is_some_and(|problems| !problems.is_empty()), "{report}");
}
