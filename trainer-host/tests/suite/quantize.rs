//! `quantize` from outside: the report, the sweep, and how it ends when it cannot go on.

use super::command::{Bench, base};

/// llama.cpp rounds activations over quantized weights to 8 bits, the trainer does not.
const LOSS_TOLERANCE: f64 = 0.02;

const TEXT: &str = "The crew checked every buckle and counted the bags. Water rose over the lower road, and the \
                    lookout called out each branch that came down the river. Nobody argued about the plan, and the \
                    officer wrote the time and the place on the board before the boat went out again.";

/// The built-in base as F16, which is what users start from.
fn original(bench: &Bench) {
    bench.json(&[
        "quantize",
        &base(),
        "-o",
        "f16.gguf",
        "--type",
        "F16",
        "--allow-requantize",
        "--no-report",
        "--json",
    ]);
}

#[test]
fn report_tells_size_bits_perplexity_and_divergence_before_and_after() {
    let bench = Bench::new();
    original(&bench);
    bench.write("sample.txt", TEXT);
    let told =
        bench.json(&["quantize", "f16.gguf", "-o", "q4.gguf", "--type", "Q4_0", "--sample", "sample.txt", "--json"]);
    let number = |pointer: &str| told.pointer(pointer).and_then(|value| value.as_f64()).unwrap();
    assert_eq!(number("/after/file_bytes"), std::fs::metadata(bench.path("q4.gguf")).unwrap().len() as f64);
    assert!(number("/after/bits_per_weight") < 8.0 && number("/before/bits_per_weight") > 15.0, "{told}");
    assert!(number("/after/tensors/Q4_0") > 1.0);
    assert!(number("/comparison/kl_divergence") > 0.0 && number("/comparison/same_top_token") <= 1.0);

    // The trainer's own loss on the same text.
    bench.write("rows.jsonl", serde_json::json!({ "text": TEXT }).to_string());
    let eval = bench.json(&["eval", "--base", "f16.gguf", "--data", "rows.jsonl", "--device", "cpu", "--json"]);
    assert_eq!(eval["tokens"], told["comparison"]["tokens"]);
    let (theirs, ours) = (eval["perplexity"].as_f64().unwrap(), number("/comparison/perplexity_before"));
    assert!((ours.ln() / theirs.ln() - 1.0).abs() < LOSS_TOLERANCE, "{ours} by llama.cpp, {theirs} by the trainer");
}

#[test]
fn sweep_compares_types_and_leaves_nothing_behind() {
    let bench = Bench::new();
    original(&bench);
    std::fs::create_dir(bench.path("tmp")).unwrap();
    let arguments = ["quantize", "f16.gguf", "--sweep", "Q8_0,Q4_0,IQ2_XS", "--sample-tokens", "64", "--json"];
    let output = bench.command(&arguments).env("TMPDIR", bench.path("tmp")).output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{talk}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = told["rows"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row["type"].as_str().unwrap()).collect();
    assert_eq!(names, ["(input)", "Q8_0", "Q4_0", "IQ2_XS"]);
    let divergence = |row: usize| rows[row]["comparison"]["kl_divergence"].as_f64().unwrap();
    assert!(divergence(1) < divergence(2), "fewer bits, more divergence: {told}");
    assert!(rows[2]["speed"]["answer_tokens_per_second"].as_f64().unwrap() > 0.0);
    assert!(rows[3]["skipped"].as_str().unwrap().contains("--imatrix-data"));
    assert!(talk.contains("perplexity") && talk.contains("tokens/s"), "{talk}");
    assert_eq!(std::fs::read_dir(bench.path("tmp")).unwrap().count(), 0);
}

#[test]
fn importance_is_measured_for_types_that_gain_and_left_out_for_others() {
    let bench = Bench::new();
    original(&bench);
    bench.write("field.txt", TEXT.repeat(2));
    let run = |kind: &str| {
        let arguments = [
            "quantize",
            "f16.gguf",
            "-o",
            "out.gguf",
            "--type",
            kind,
            "--imatrix-data",
            "field.txt",
            "--no-report",
            "--json",
        ];
        bench.json(&arguments)
    };
    let gained = run("IQ4_NL");
    assert!(gained["importance"]["tokens"].as_u64().unwrap() > 64, "{gained}");
    assert!(run("Q8_0")["importance"].is_null());
}

#[test]
fn types_and_inputs_that_cannot_be_are_answered_with_what_can() {
    let bench = Bench::new();
    original(&bench);
    let quantized = bench.error(&["quantize", &base(), "-o", "x.gguf", "--type", "Q4_0"]);
    assert!(quantized.contains("--allow-requantize") && quantized.contains("Q8_0"), "{quantized}");
    let blind = bench.error(&["quantize", "f16.gguf", "-o", "x.gguf", "--type", "IQ2_XXS"]);
    assert!(blind.contains("--imatrix-data"), "{blind}");
    let place = bench.error(&["quantize", "f16.gguf", "-o", "no/x.gguf", "--type", "Q4_0"]);
    assert!(place.contains("there is no folder"), "{place}");
    let itself = bench.error(&["quantize", "f16.gguf", "-o", "f16.gguf", "--type", "Q4_0"]);
    assert!(itself.contains("is what IN.gguf reads"), "{itself}");
    let missing = bench.error(&["quantize", "no.gguf", "-o", "x.gguf", "--type", "Q4_0"]);
    assert!(missing.contains("no.gguf"), "{missing}");
    let usage = bench.run(&["quantize", "f16.gguf", "-o", "x.gguf", "--type", "Q4_K_XL"]);
    let talk = String::from_utf8_lossy(&usage.stderr).into_owned();
    assert_eq!(usage.status.code(), Some(2));
    assert!(talk.contains("Q4_K_M") && talk.contains("IQ4_XS"), "{talk}");
    assert!(!bench.path("x.gguf").exists());
}

#[test]
#[cfg(unix)]
fn full_disk_is_named_and_leaves_no_part_of_a_file() {
    let bench = Bench::new();
    original(&bench);
    let binary = env!("CARGO_BIN_EXE_halligan-host");
    // A limit on the size of files fails writes as a full disk does.
    let script = format!("trap '' XFSZ; ulimit -f 512; exec {binary} quantize f16.gguf -o q8.gguf --type Q8_0");
    let mut command = std::process::Command::new("bash");
    let output = command.args(["-c", &script]).current_dir(bench.folder.path()).output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{talk}");
    let error = talk.lines().last().unwrap();
    assert!(error.starts_with("error: q8.gguf: writing failed") && error.contains("large"), "{talk}");
    let left: Vec<_> =
        std::fs::read_dir(bench.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["f16.gguf"]);
}

#[test]
#[cfg(unix)]
fn interruption_ends_with_130_and_leaves_nothing() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;

    let bench = Bench::new();
    original(&bench);
    bench.write("long.txt", TEXT.repeat(4000));
    let arguments = [
        "quantize",
        "f16.gguf",
        "-o",
        "q4.gguf",
        "--type",
        "Q4_0",
        "--imatrix-data",
        "long.txt",
        "--imatrix-tokens",
        "100000000",
    ];
    let mut child = bench.command(&arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut talk = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    talk.read_line(&mut line).unwrap();
    assert!(line.contains("f16.gguf"), "{line}");
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let rest: Vec<String> = talk.lines().map(|line| line.unwrap()).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    assert!(!bench.path("q4.gguf").exists());
    assert_eq!(std::fs::read_dir(bench.folder.path()).unwrap().count(), 2, "f16.gguf and long.txt");
}
