//! `check` from outside, over folders made here: each rule with its evidence, and nothing guessed.

use super::command::{Bench, base};
use serde_json::{Value, json};

/// A model folder with a byte-level tokenizer without merges: every byte is a token.
fn folder(bench: &Bench, name: &str, config: &Value, card: &str) {
    let path = bench.path(name);
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("config.json"), config.to_string()).unwrap();
    std::fs::write(path.join("README.md"), card).unwrap();
    let vocabulary: serde_json::Map<String, Value> =
        byte_characters().into_iter().enumerate().map(|(id, character)| (character.to_string(), json!(id))).collect();
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": byte_level, "post_processor": null, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocabulary, "merges": []},
    });
    std::fs::write(path.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    let template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}";
    std::fs::write(path.join("tokenizer_config.json"), json!({"chat_template": template}).to_string()).unwrap();
}

/// The characters that stand for the 256 bytes in byte-level vocabularies (GPT-2).
fn byte_characters() -> Vec<char> {
    let printable = |byte: &u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut next = 256u32;
    let character = |byte: u32| {
        let code = if printable(&byte) {
            byte
        } else {
            next += 1;
            next - 1
        };
        char::from_u32(code).unwrap()
    };
    (0..256).map(character).collect()
}

fn config() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192,
        "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64,
        "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "max_position_embeddings": 8192,
        "vocab_size": 49152, "tie_word_embeddings": true,
    })
}

const CARD: &str = "---\nlicense: apache-2.0\nlanguage: [en, el]\n---\n# Field-1B-Instruct\n\nPretrained on 2 trillion tokens.\n\n| Benchmark | Field-1B-Instruct | Other |\n|---|---|---|\n| MMLU (5-shot) | 61.2 | 70 |\n| MMLU-Pro | 20.0 | 30 |\n| HumanEval | 25.0 | 40 |\n";

/// A safetensors file whose header announces these shapes over as many zero bytes.
fn weights(bench: &Bench, name: &str, shapes: &[(&str, [usize; 2])]) {
    let mut header = serde_json::Map::new();
    let mut offset = 0usize;
    for (name, shape) in shapes {
        let end = offset + 2 * shape[0] * shape[1];
        header.insert((*name).to_owned(), json!({"dtype": "BF16", "shape": shape, "data_offsets": [offset, end]}));
        offset = end;
    }
    let header = Value::Object(header).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.resize(bytes.len() + offset, 0);
    bench.write(name, bytes);
}

fn finding<'a>(model: &'a Value, rule: &str) -> (&'a str, &'a str) {
    let findings = model["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["rule"].as_str().unwrap().starts_with(rule));
    let found = found.unwrap_or_else(|| panic!("no rule {rule} in {findings:#?}"));
    (found["verdict"].as_str().unwrap(), found["evidence"].as_str().unwrap())
}

#[test]
fn good_folder_passes_with_the_evidence_of_each_rule() {
    let bench = Bench::new();
    folder(&bench, "field-1b-instruct", &config(), CARD);
    weights(
        &bench,
        "field-1b-instruct/model.safetensors",
        &[("model.embed_tokens.weight", [64, 32]), ("model.layers.0.mlp.gate_proj.weight", [32, 64])],
    );
    let told = bench.json(&["check", "field-1b-instruct", "--json"]);
    let model = &told["models"][0];
    for (rule, verdict, evidence) in [
        ("licence", "pass", "apache-2.0 (README.md: license)"),
        ("decoder-only", "pass", "LlamaForCausalLM"),
        ("attention", "pass", "32 query heads on 8"),
        ("positions", "pass", "RoPE"),
        ("feed-forward", "pass", "SwiGLU"),
        ("normalisation", "pass", "RMSNorm"),
        ("context", "pass", "8,192"),
        ("instruct variant", "pass", "instruct"),
        ("vocabulary", "pass", "49,152"),
        ("characters per token, Greek", "fail", "under 3 is bad"),
        ("digits", "pass", "each digit is a token"),
        ("white space", "warn", "16 tokens"),
        ("round trip", "pass", "as they were"),
        ("size tier", "warn", "under 1B"),
        ("training tokens", "pass", "2 trillion"),
        ("languages", "pass", "el"),
        ("MMLU", "pass", "61.2"),
        ("HumanEval", "fail", "25"),
        ("BBH", "unknown", "does not state"),
        ("TruthfulQA", "unknown", "does not state"),
    ] {
        let found = finding(model, rule);
        assert_eq!(found.0, verdict, "{rule}: {}", found.1);
        assert!(found.1.contains(evidence), "{rule}: {}", found.1);
    }
    // Without merges every byte is a token, and this sample is ASCII.
    let english = include_str!("../../samples/english.txt");
    let characters = english.chars().count();
    assert!(
        finding(model, "characters per token, English")
            .1
            .contains(&format!("1.00: {characters} characters in {characters} tokens"))
    );
    assert!(!model["memory"].as_array().unwrap().is_empty());
}

#[test]
fn poor_folder_fails_where_it_is_poor() {
    let bench = Bench::new();
    let mut poor = config();
    for (key, value) in
        [("num_key_value_heads", json!(32)), ("max_position_embeddings", json!(1024)), ("vocab_size", json!(151_936))]
    {
        poor[key] = value;
    }
    folder(&bench, "poor", &poor, "---\nlicense: cc-by-nc-4.0\nlanguage: en\n---\nTrained on 300B tokens.\n");
    std::fs::write(bench.path("poor/tokenizer_config.json"), "{}").unwrap();
    let told = bench.json(&["check", "poor", "--json"]);
    let model = &told["models"][0];
    for (rule, verdict) in [
        ("licence", "fail"),
        ("attention", "warn"),
        ("context", "fail"),
        ("vocabulary", "warn"),
        ("instruct", "fail"),
        ("training tokens", "fail"),
        ("languages", "warn"),
        ("size tier", "unknown"),
        ("memory", "unknown"),
    ] {
        assert_eq!(finding(model, rule).0, verdict, "{rule}: {}", finding(model, rule).1);
    }
}

#[test]
fn licence_file_counts_beside_the_card_and_the_stricter_one_decides() {
    let bench = Bench::new();
    folder(&bench, "m", &config(), "---\nlicense: mit\n---\n");
    std::fs::write(bench.path("m/LICENSE"), "LLAMA 3.2 COMMUNITY LICENSE AGREEMENT\nLlama 3.2 Version\n").unwrap();
    let told = bench.json(&["check", "m", "--json"]);
    let (verdict, evidence) = finding(&told["models"][0], "licence");
    assert_eq!(verdict, "warn");
    assert!(
        evidence.contains("700 million") && evidence.contains("mit") && evidence.contains("disagree"),
        "{evidence}"
    );
}

#[test]
fn built_in_base_is_judged_and_several_paths_make_a_matrix() {
    let bench = Bench::new();
    folder(&bench, "field", &config(), CARD);
    let told = bench.json(&["check", &base(), "field", "--json"]);
    assert_eq!(told["models"].as_array().unwrap().len(), 2);
    let model = &told["models"][0];
    assert_eq!(finding(model, "decoder-only").0, "pass");
    assert_eq!(finding(model, "memory").0, "pass");
    assert_eq!(finding(model, "MMLU"), ("unknown", "there is no model card"));
    let output = bench.run(&["check", &base(), "field"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let row = text.lines().find(|line| line.starts_with("licence")).unwrap();
    assert!(row.contains("pass apache-2.0"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() < 120), "{text}");
}

#[test]
fn paths_that_are_no_model_and_damaged_files_are_named() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("empty")).unwrap();
    assert!(bench.error(&["check", "empty"]).contains("no config.json"));
    assert!(bench.error(&["check", "gone.gguf"]).contains("gone.gguf"));
    folder(&bench, "m", &config(), "");
    std::fs::write(bench.path("m/config.json"), "{").unwrap();
    assert!(bench.error(&["check", "m"]).contains("config.json"));
    std::fs::write(bench.path("m/config.json"), config().to_string()).unwrap();
    let claim = u64::MAX.to_le_bytes();
    for (bytes, word) in [
        (&claim[..], "the file has 8"),
        (&b"abc"[..], "3 bytes"),
        (&[2, 0, 0, 0, 0, 0, 0, 0, b'{', b'!'][..], "no sense"),
    ] {
        std::fs::write(bench.path("m/model.safetensors"), bytes).unwrap();
        let told = bench.json(&["check", "m", "--json"]);
        let found = finding(&told["models"][0], "weights");
        assert!(found.0 == "fail" && found.1.contains("model.safetensors") && found.1.contains(word), "{found:?}");
    }
    std::fs::remove_file(bench.path("m/model.safetensors")).unwrap();
    std::fs::write(bench.path("m/tokenizer.json"), "{}").unwrap();
    let told = bench.json(&["check", "m", "--json"]);
    assert_eq!(finding(&told["models"][0], "digits").0, "unknown");
}

#[test]
fn what_cannot_be_converted_is_not_counted_and_unknown_architectures_are_not_guessed() {
    let bench = Bench::new();
    let shapes: [(&str, [usize; 2]); 1] = [("model.embed_tokens.weight", [64, 32])];
    let mut quantized = config();
    quantized["quantization_config"] = json!({"quant_method": "gptq", "bits": 4});
    let mut foreign = config();
    foreign["model_type"] = json!("mamba2");
    foreign["architectures"] = json!(["Mamba2ForCausalLM"]);
    for (name, config) in [("quantized", &quantized), ("cut", &config()), ("sharded", &config()), ("foreign", &foreign)]
    {
        folder(&bench, name, config, CARD);
        weights(&bench, &format!("{name}/model.safetensors"), &shapes);
    }
    folder(&bench, "pickled", &config(), CARD);
    bench.write("pickled/pytorch_model.bin", b"PK");
    let cut = bench.path("cut/model.safetensors");
    let length = std::fs::metadata(&cut).unwrap().len();
    std::fs::File::options().write(true).open(&cut).unwrap().set_len(length - 1).unwrap();
    let map = json!({"weight_map": {"model.embed_tokens.weight": "model-00001-of-00002.safetensors"}});
    bench.write("sharded/model.safetensors.index.json", map.to_string().into_bytes());

    let told = bench.json(&["check", "quantized", "cut", "sharded", "pickled", "foreign", "--json"]);
    for (index, evidence) in ["gptq", "truncated", "1 of them missing", "pickled"].into_iter().enumerate() {
        let model = &told["models"][index];
        let found = finding(model, "weights");
        assert!(found.0 == "fail" && found.1.contains(evidence), "{found:?}");
        for rule in ["size tier", "memory"] {
            assert_eq!(finding(model, rule).0, "unknown", "{evidence}: {rule}");
        }
    }
    let foreign = &told["models"][4];
    assert_eq!(finding(foreign, "weights").0, "pass");
    for rule in ["decoder-only", "attention", "positions", "feed-forward", "normalisation"] {
        let found = finding(foreign, rule);
        assert!(found.0 == "unknown" && found.1.contains("mamba2"), "{rule}: {found:?}");
    }
}
