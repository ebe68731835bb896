//! Nothing is written over what is read, and no result over another: every verb refuses it before it works.

use std::path::Path;

use serde_json::json;

use super::command::{Bench, base, rows};

/// Runs a command that must refuse, and checks that the named files are as they were.
fn refused(bench: &Bench, arguments: &[&str], hint: &str) {
    let files = |bench: &Bench| {
        let mut found = Vec::new();
        let mut folders = vec![bench.folder.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push((path.clone(), std::fs::read(path).unwrap()));
                }
            }
        }
        found.sort();
        found
    };
    let before = files(bench);
    let error = bench.error(arguments);
    assert!(error.contains(hint) && error.contains("another name"), "{arguments:?}: {error}");
    assert!(before == files(bench), "{arguments:?} changed a file");
}

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("rows.jsonl", rows());
    std::fs::copy(base(), bench.path("base.gguf")).unwrap();
    bench
}

#[test]
fn train_never_writes_over_what_it_reads_or_one_result_over_another() {
    let bench = bench();
    bench.write("other.jsonl", rows());
    std::fs::create_dir(bench.path("inner")).unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&["-o", "base.gguf"], "is what --base reads"),
        (&["-o", "inner/../base.gguf"], "is what --base reads"),
        (&["-o", "rows.jsonl"], "is what --data reads"),
        (&["-o", "a.gguf", "--log", "rows.jsonl"], "is what --data reads"),
        (&["-o", "a.gguf", "--replay", "other.jsonl", "--log", "other.jsonl"], "is what --replay reads"),
        (&["-o", "a.gguf", "--eval-data", "other.jsonl", "--save-last", "other.jsonl"], "is what --eval-data reads"),
        (&["-o", "a.gguf", "--log", "z.svg"], "is what --log writes"),
        (&["-o", "a.svg", "--log", "a.jsonl"], "is what --output writes"),
        (&["-o", "a.gguf", "--eval-data", "other.jsonl", "--save-last", "inner/../a.gguf"], "is what --output writes"),
        (&["-o", "a.gguf", "--init-adapter", "a.gguf"], "is what --init-adapter reads"),
        (&["-o", "a.gguf", "--init-adapter", "inner", "--save-peft", "inner"], "is what --init-adapter reads"),
        (&["-o", "inner/checkpoint.safetensors", "--checkpoint-dir", "inner"], "is what --output writes"),
    ];
    for (more, hint) in cases {
        refused(&bench, &[&["train", "--base", "base.gguf", "--data", "rows.jsonl"], *more].concat(), hint);
    }
    let file = "base = \"base.gguf\"\ndata = [\"rows.jsonl\"]\noutput = \"base.gguf\"\n";
    bench.write("run.toml", file);
    refused(&bench, &["train", "--config", "run.toml"], "run.toml:3: output base.gguf is what run.toml:1: base reads");
    refused(&bench, &["train", "--config", "run.toml", "-o", "run.toml"], "is what --config reads");
}

#[test]
fn merge_and_quantize_never_write_over_what_they_read() {
    let bench = bench();
    let train = ["train", "--base", "base.gguf", "--data", "rows.jsonl", "-o", "a.gguf", "--save-peft", "peft"];
    let more = ["--max-steps", "1", "--seq", "64", "--device", "cpu", "--rank", "2"];
    assert!(bench.run(&[&train[..], &more].concat()).status.success());
    let merge = ["merge", "--base", "base.gguf", "--adapter", "a.gguf", "-o"];
    refused(&bench, &[&merge[..], &["base.gguf"]].concat(), "is what --base reads");
    refused(&bench, &[&merge[..], &["a.gguf"]].concat(), "is what --adapter reads");
    let peft = ["merge", "--base", "base.gguf", "--adapter", "peft", "-o", "peft/adapter_model.safetensors"];
    refused(&bench, &peft, "is what --adapter reads");
    let quantize = ["quantize", "base.gguf", "--type", "Q4_0", "--allow-requantize", "--sample", "rows.jsonl", "-o"];
    refused(&bench, &[&quantize[..], &["base.gguf"]].concat(), "is what IN.gguf reads");
    refused(&bench, &[&quantize[..], &["rows.jsonl"]].concat(), "is what --sample reads");
}

#[test]
fn verbs_of_data_never_write_over_what_they_read() {
    let bench = bench();
    let row = |id: usize| json!({"id": id.to_string(), "text": format!("The pump {id} runs at {} bar.", id * 7)});
    bench.write("facts.jsonl", (1..9).map(|id| row(id).to_string() + "\n").collect::<String>());
    bench.json(&["data", "import", "facts.jsonl", "-o", "facts", "--json"]);
    let facts = Path::new("facts").join("..").join("facts").display().to_string();
    refused(&bench, &["data", "generate", "facts", "--rules", "-o", &facts], "-o facts/../facts is what");
    for verb in ["filter", "resolve", "build", "dedup"] {
        refused(&bench, &["data", verb, "facts", "-o", &facts], "-o facts/../facts is what");
    }
    refused(&bench, &["data", "dedup", "facts.jsonl", "-o", "facts.jsonl"], "reads");
    refused(
        &bench,
        &["data", "export", "facts", "--format", "messages", "-o", "facts/rows.jsonl"],
        "is what DIR reads",
    );
    refused(&bench, &["data", "import", "facts/rows.jsonl", "-o", "facts"], "reads");
}
