//! `convert` on folders that are damaged, hostile or unknown: one clear line, and nothing is left behind.

use proptest::prelude::*;
use safetensors::{Dtype, tensor::TensorView};
use serde_json::{Value, json};

use super::command::Bench;

const CHANNELS: usize = 8;
const TOKENS: usize = 12;

/// A Llama of one block with a byte-level tokenizer of a few tokens.
fn tensors() -> Vec<(String, Vec<usize>)> {
    let c = CHANNELS;
    let block = |name: &str, shape: &[usize]| (format!("model.layers.0.{name}.weight"), shape.to_vec());
    vec![
        ("model.embed_tokens.weight".to_owned(), vec![TOKENS, c]),
        ("model.norm.weight".to_owned(), vec![c]),
        block("input_layernorm", &[c]),
        block("post_attention_layernorm", &[c]),
        block("self_attn.q_proj", &[c, c]),
        block("self_attn.k_proj", &[c, c]),
        block("self_attn.v_proj", &[c, c]),
        block("self_attn.o_proj", &[c, c]),
        block("mlp.gate_proj", &[16, c]),
        block("mlp.up_proj", &[16, c]),
        block("mlp.down_proj", &[c, 16]),
    ]
}

/// The weights file; `change` sees the name and the values of each tensor.
fn weights(mut change: impl FnMut(&str, &mut Vec<f32>)) -> Vec<u8> {
    let stored: Vec<(String, Vec<usize>, Vec<u8>)> = (tensors().into_iter())
        .map(|(name, shape)| {
            let mut values = vec![0.5; shape.iter().product()];
            change(&name, &mut values);
            (name, shape, values.into_iter().flat_map(f32::to_le_bytes).collect())
        })
        .collect();
    let views = stored
        .iter()
        .map(|(name, shape, bytes)| (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

fn config() -> Value {
    json!({
        "model_type": "llama", "hidden_size": CHANNELS, "intermediate_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": true, "vocab_size": TOKENS,
        "bos_token_id": 0, "eos_token_id": 1
    })
}

fn tokenizer() -> Value {
    let texts = ["<s>", "</s>", "a", "b", "c", "d", "e", "\u{120}", "ab", "cd"];
    let vocab: serde_json::Map<String, Value> =
        texts.iter().zip(0u32..).map(|(text, id)| ((*text).to_owned(), id.into())).collect();
    json!({
        "added_tokens": [{"id": 0, "content": "<s>", "special": true}, {"id": 1, "content": "</s>", "special": true}],
        "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "vocab": vocab, "merges": [["a", "b"], ["c", "d"]]}
    })
}

fn folder() -> Bench {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("model")).unwrap();
    bench.write("model/config.json", config().to_string());
    bench.write("model/tokenizer.json", tokenizer().to_string());
    bench.write("model/model.safetensors", weights(|_, _| {}));
    bench
}

fn refused(bench: &Bench) -> String {
    let before = entries(bench);
    let error = bench.error(&["convert", "model", "-o", "out.gguf"]);
    assert_eq!(entries(bench), before, "something is left behind");
    error
}

fn entries(bench: &Bench) -> Vec<String> {
    let names = std::fs::read_dir(bench.folder.path()).unwrap().flatten();
    let mut names: Vec<String> = names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn with_config(key: &str, value: Value) -> String {
    let bench = folder();
    let mut config = config();
    config[key] = value;
    bench.write("model/config.json", config.to_string());
    refused(&bench)
}

fn with_tokenizer(change: impl FnOnce(&mut Value)) -> String {
    let bench = folder();
    let mut tokenizer = tokenizer();
    change(&mut tokenizer);
    bench.write("model/tokenizer.json", tokenizer.to_string());
    refused(&bench)
}

fn with_weights(bytes: &[u8]) -> String {
    let bench = folder();
    bench.write("model/model.safetensors", bytes);
    refused(&bench)
}

#[test]
fn sound_folder_converts_and_names_every_input_by_its_hash() {
    let bench = folder();
    bench.write("model/README.md", "---\nlicense: apache-2.0\nlanguage: [en, el]\nmodel_name: Tiny\n---\n# Tiny\n");
    let summary = bench.json(&["convert", "model", "-o", "out.gguf", "--json"]);
    assert_eq!(summary["trainable"], true, "{summary}");
    assert_eq!(summary["pre_tokenizer"], "gpt-2");
    assert_eq!(summary["warnings"], json!([]));
    let inspected = bench.json(&["inspect", "out.gguf", "--json"]);
    let metadata = &inspected["metadata"];
    assert_eq!(metadata["general.license"], "apache-2.0");
    assert_eq!(metadata["general.name"], "Tiny");
    assert_eq!(metadata["general.languages"], json!(["en", "el"]));
    let inputs = metadata["halligan.source.sha256"].to_string();
    for name in ["config.json", "tokenizer.json", "model.safetensors", "README.md"] {
        assert!(inputs.contains(name), "{name} is not in {inputs}");
    }
}

#[test]
fn weights_that_are_no_numbers_are_kept_and_named() {
    let bench = folder();
    let damaged = weights(|name, values| match name {
        "model.layers.0.mlp.up_proj.weight" => values[3] = f32::NAN,
        "model.norm.weight" => values[0] = f32::NEG_INFINITY,
        "model.layers.0.mlp.down_proj.weight" => values[1] = 1e6,
        _ => {}
    });
    bench.write("model/model.safetensors", damaged);
    let summary = bench.json(&["convert", "model", "-o", "out.gguf", "--json"]);
    let warnings = summary["warnings"].to_string();
    for expected in ["up_proj.weight` holds 1 NaN and 0 infinite", "model.norm.weight` holds 0 NaN and 1 infinite"] {
        assert!(warnings.contains(expected), "{warnings}");
    }
    assert!(
        warnings.contains("down_proj.weight` holds 1 values beyond F16") && warnings.contains("bf16"),
        "{warnings}"
    );
    let summary = bench.json(&["convert", "model", "-o", "out.gguf", "--type", "bf16", "--json"]);
    assert_eq!(summary["warnings"].as_array().unwrap().len(), 2, "{summary}");
}

#[test]
fn truncated_weights_are_refused_wherever_they_are_cut() {
    let whole = weights(|_, _| {});
    for length in [0, 3, 8, 100, whole.len() / 2, whole.len() - 1] {
        let error = with_weights(&whole[..length]);
        assert!(error.contains("model.safetensors") && error.contains("fetch the file again"), "{length}: {error}");
    }
    let mut longer = whole;
    longer.push(0);
    assert!(with_weights(&longer).contains("bytes behind its tensors"));
}

#[test]
fn header_larger_than_the_file_is_named_with_both_sizes() {
    for claimed in [u64::MAX, 1 << 40, 100_000_001, 5_000] {
        let mut bytes = claimed.to_le_bytes().to_vec();
        bytes.extend(b"{}");
        let error = with_weights(&bytes);
        assert!(error.contains(&format!("{claimed} bytes, the file has 10")), "{error}");
    }
    assert!(with_weights(b"version https://git-lfs.github.com/spec/v1\n").contains("git lfs pull"));
}

#[test]
fn index_that_names_missing_or_outside_files_is_refused() {
    let index = |files: &[&str]| {
        let map: serde_json::Map<String, Value> =
            tensors().into_iter().zip(files.iter().cycle()).map(|((name, _), file)| (name, (*file).into())).collect();
        json!({ "weight_map": map }).to_string()
    };
    let bench = folder();
    bench.write(
        "model/model.safetensors.index.json",
        index(&["model.safetensors", "gone-1.safetensors", "gone-2.safetensors"]),
    );
    let error = refused(&bench);
    assert!(error.contains("3 files, 2 of them missing: gone-1.safetensors, gone-2.safetensors"), "{error}");
    bench.write("model/model.safetensors.index.json", index(&["../../etc/passwd"]));
    assert!(refused(&bench).contains("no name of a file beside it"));
    let stray = json!({ "weight_map": { "model.ghost.weight": "model.safetensors" } });
    bench.write("model/model.safetensors.index.json", stray.to_string());
    assert!(refused(&bench).contains("`model.ghost.weight` in model.safetensors, which does not hold it"));
}

#[test]
fn unknown_kinds_of_models_are_refused_with_the_known_ones() {
    let error = with_config("model_type", json!("mamba"));
    assert!(error.contains("`mamba`") && error.contains("llama, mistral, qwen2, qwen3, phi3, gemma2"), "{error}");
    assert!(with_config("hidden_act", json!("relu2")).contains("relu2"));
    assert!(with_config("rope_scaling", json!({"rope_type": "spiral"})).contains("spiral"));
    assert!(with_config("hidden_size", json!(16)).contains("config.json implies"));
    assert!(with_config("num_attention_heads", json!(0)).contains("num_attention_heads"));
    assert!(with_config("num_hidden_layers", json!(4_000_000)).contains("limit of 512"));
    assert!(with_config("num_hidden_layers", json!(2)).contains("layers.1"));
    assert!(with_config("rms_norm_eps", json!("small")).contains("rms_norm_eps"));
    assert!(with_config("tie_word_embeddings", json!(false)).contains("lm_head.weight"));
}

#[test]
fn unknown_pre_tokenizers_are_refused_and_shown() {
    let error = with_tokenizer(|file| {
        file["pre_tokenizer"] = json!({"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": "my own [cuts]+"}, "behavior": "Isolated", "invert": false},
        {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})
    });
    assert!(error.contains("no pre-tokenizer") && error.contains("my own [cuts]+"), "{error}");
    assert!(with_tokenizer(|file| file["normalizer"] = json!({"type": "Lowercase"})).contains("Lowercase"));
    assert!(with_tokenizer(|file| file["model"]["vocab"]["far"] = json!(99)).contains("token 99"));
    assert!(with_tokenizer(|file| file["model"]["vocab"]["twice"] = json!(2)).contains("token 2"));
    assert!(with_tokenizer(|file| file["model"]["merges"] = json!([])).contains("without merges"));
    assert!(with_tokenizer(|file| file["model"]["vocab"] = json!([["a", -1.0]])).contains("BPE"));
}

#[test]
fn tensors_without_a_place_are_refused_by_name() {
    let bytes = vec![0; 4];
    let view = TensorView::new(Dtype::F32, vec![1], &bytes).unwrap();
    let error = with_weights(&safetensors::serialize([("model.layers.0.strange", view)], None).unwrap());
    assert!(error.contains("missing"), "{error}");
    let mut whole = weights(|_, _| {});
    // The name of one tensor changes, its length does not.
    let place = whole.windows(6).position(|name| name == b"q_proj").unwrap();
    whole[place] = b'z';
    assert!(with_weights(&whole).contains("q_proj.weight` is missing"));
}

#[cfg(unix)]
#[test]
fn full_disk_leaves_nothing_behind() {
    let bench = folder();
    let program = bench.command(&[]).get_program().to_owned();
    // A file that may not grow any more is refused by the system as a full disk is.
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" convert model -o out.gguf";
    let before = entries(&bench);
    let output = std::process::Command::new("bash")
        .args(["-c", script])
        .arg(program)
        .current_dir(bench.folder.path())
        .output()
        .unwrap();
    let talk = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{talk}");
    assert!(talk.contains("error: out.gguf: writing failed"), "{talk}");
    assert_eq!(entries(&bench), before);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn mutated_weights_never_panic_and_never_take_more_than_the_file_backs(
        edits in prop::collection::vec((0usize..2000, any::<u8>()), 1..8),
        cut in 0usize..4000,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = weights(|_, _| {});
        let length = bytes.len();
        for (position, value) in edits {
            bytes[position % length] = value;
        }
        for bytes in [&bytes[..], &bytes[..cut.min(length)]] {
            std::fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
            if let Ok(tensors) = halligan_trainer_host::convert::stored_tensors(folder.path()) {
                let stored: usize = tensors.iter().map(|tensor| tensor.bytes).sum();
                prop_assert!(stored <= bytes.len(), "{stored} bytes of tensors in a file of {}", bytes.len());
            }
        }
    }
}
