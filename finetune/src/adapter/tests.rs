//! Adapters survive both formats, and none is used on a base it does not belong to.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

/// A base of one llama layer: 4 inputs, 2 query heads and 1 key head of size 4.
fn base(folder: &Path) -> GgufFile {
    let text = |value: &str| MetadataValue::String(value.to_string());
    let metadata = vec![
        ("general.architecture".to_string(), text("llama")),
        ("general.name".to_string(), text("tiny")),
        ("llama.attention.head_count".to_string(), MetadataValue::Uint32(2)),
        ("llama.attention.head_count_kv".to_string(), MetadataValue::Uint32(1)),
    ];
    let bytes = [0; 4 * 8 * 4];
    let tensors: Vec<TensorData<'_>> = [("attn_q", 8), ("attn_k", 4), ("ffn_up", 8)]
        .iter()
        .map(|(part, outputs)| TensorData {
            name: format!("blk.0.{part}.weight"),
            shape: vec![4, *outputs],
            ggml_type: GgmlType::F32,
            bytes: &bytes[..4 * outputs * 4],
        })
        .collect();
    let path = folder.join("base.gguf");
    write_gguf(&path, metadata, &tensors).unwrap();
    GgufFile::open(path).unwrap()
}

fn pair(rank: usize, outputs: usize) -> LoraPair {
    LoraPair {
        a: (0..rank * 4).map(|index| index as f32 * 0.25 - 1.0).collect(),
        b: (0..outputs * rank).map(|index| index as f32 + 0.5).collect(),
        rank,
        inputs: 4,
        outputs,
    }
}

fn adapter() -> Adapter {
    let pairs = [("attn_q", 8), ("attn_k", 4), ("ffn_up", 8)];
    Adapter {
        architecture: "llama".to_string(),
        alpha: 16.0,
        rank: 2,
        base_sha256: None,
        pairs: (pairs.iter()).map(|(part, outputs)| (format!("blk.0.{part}.weight"), pair(2, *outputs))).collect(),
    }
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("adapter.gguf");
    (folder, path)
}

#[test]
fn gguf_adapter_reads_back_equal_and_byte_for_byte_the_same() {
    let (folder, path) = folder();
    let mut adapter = adapter();
    adapter.base_sha256 = Some(base(folder.path()).sha256().to_string());
    adapter.write_gguf(&path).unwrap();
    let first = std::fs::read(&path).unwrap();
    assert_eq!(Adapter::read_gguf(&path).unwrap(), adapter);
    adapter.write_gguf(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), first);
    adapter.check_fits(&base(folder.path())).unwrap();
}

#[test]
fn gguf_adapter_holds_what_llama_cpp_asks_for() {
    let (_folder, path) = folder();
    adapter().write_gguf(&path).unwrap();
    let file = GgufFile::open(&path).unwrap();
    assert_eq!(file.str("general.type").unwrap(), "adapter");
    assert_eq!(file.str("adapter.type").unwrap(), "lora");
    assert_eq!(file.f32("adapter.lora.alpha").unwrap(), 16.0);
    assert_eq!(file.tensor("blk.0.attn_q.weight.lora_a").unwrap().shape, [4, 2]);
    assert_eq!(file.tensor("blk.0.attn_q.weight.lora_b").unwrap().shape, [2, 8]);
}

#[test]
fn half_precision_adapters_are_read() {
    let (_folder, path) = folder();
    let text = |key: &str, value: &str| (key.to_string(), MetadataValue::String(value.to_string()));
    let metadata = vec![
        text("general.type", "adapter"),
        text("adapter.type", "lora"),
        text("general.architecture", "llama"),
        ("adapter.lora.alpha".to_string(), MetadataValue::Float32(1.0)),
    ];
    let a = half::f16::from_f32(1.5).to_le_bytes().repeat(4);
    let b = half::bf16::from_f32(-2.0).to_le_bytes().repeat(3);
    let tensor = |suffix: &str, shape: [usize; 2], ggml_type| TensorData {
        name: format!("blk.0.attn_v.weight{suffix}"),
        shape: shape.to_vec(),
        ggml_type,
        bytes: if ggml_type == GgmlType::F16 { &a } else { &b },
    };
    let tensors = [tensor(".lora_a", [4, 1], GgmlType::F16), tensor(".lora_b", [1, 3], GgmlType::BF16)];
    write_gguf(&path, metadata, &tensors).unwrap();
    let adapter = Adapter::read_gguf(&path).unwrap();
    let pair = &adapter.pairs["blk.0.attn_v.weight"];
    assert_eq!((&pair.a[..], &pair.b[..]), (&[1.5; 4][..], &[-2.0; 3][..]));
    assert_eq!(adapter.rank, 1);
}

#[test]
fn base_model_is_not_taken_for_an_adapter() {
    let (folder, _) = folder();
    let path = base(folder.path()).path().to_path_buf();
    let text = Adapter::read_gguf(path).unwrap_err().to_string();
    assert!(text.contains("not a LoRA adapter"), "{text}");
}

#[test]
fn misfits_with_the_base_are_named() {
    let (folder, _) = folder();
    let base = base(folder.path());
    adapter().check_fits(&base).unwrap();
    let refused = |change: fn(&mut Adapter)| {
        let mut changed = adapter();
        change(&mut changed);
        changed.check_fits(&base).unwrap_err()
    };
    let error = refused(|a| a.architecture = "qwen2".to_string());
    assert!(matches!(error, AdapterError::Architecture { .. }), "{error}");
    let error = refused(|a| a.base_sha256 = Some("00".repeat(32)));
    assert!(matches!(error, AdapterError::BaseHash { .. }), "{error}");
    let error = refused(|a| drop(a.pairs.insert("blk.7.attn_q.weight".to_string(), pair(2, 8))));
    assert!(error.to_string().contains("blk.7.attn_q.weight"), "{error}");
    let error = refused(|a| drop(a.pairs.insert("blk.0.attn_k.weight".to_string(), pair(2, 8))));
    assert!(matches!(error, AdapterError::BaseShape { outputs: 8, .. }), "{error}");
}

#[test]
fn unsound_adapters_are_neither_written_nor_used() {
    let (_folder, path) = folder();
    let refused = |change: fn(&mut Adapter)| {
        let mut changed = adapter();
        change(&mut changed);
        changed.write_gguf(&path).unwrap_err()
    };
    assert!(matches!(refused(|a| a.pairs.clear()), AdapterError::Empty));
    assert!(matches!(refused(|a| a.alpha = 0.0), AdapterError::Alpha(_)));
    assert!(matches!(refused(|a| a.alpha = f32::NAN), AdapterError::Alpha(_)));
    assert!(matches!(refused(|a| a.rank = 3), AdapterError::Rank { stored: 3, found: 2 }));
    let error = refused(|a| {
        if let Some(pair) = a.pairs.get_mut("blk.0.ffn_up.weight") {
            pair.b[3] = f32::INFINITY;
        }
    });
    assert!(error.to_string().contains("blk.0.ffn_up.weight"), "{error}");
    let error = refused(|a| {
        if let Some(pair) = a.pairs.get_mut("blk.0.ffn_up.weight") {
            pair.a.pop();
        }
    });
    assert!(matches!(error, AdapterError::PairShape { .. }), "{error}");
    assert!(!path.exists());
}

#[test]
fn untouched_adapter_says_so() {
    let mut adapter = adapter();
    assert!(!adapter.is_untouched());
    for pair in adapter.pairs.values_mut() {
        pair.b.fill(0.0);
    }
    assert!(adapter.is_untouched());
    assert_eq!(adapter.parameter_count(), 3 * 8 + 2 * (8 + 4 + 8));
}

#[test]
fn peft_folder_reads_back_equal() {
    let (folder, _) = folder();
    let base = PeftBase::from_gguf(&base(folder.path())).unwrap();
    let mut adapter = adapter();
    adapter.base_sha256 = Some("ab".repeat(32));
    let target = folder.path().join("peft");
    adapter.write_peft(&target, &base).unwrap();
    assert_eq!(Adapter::read_peft(&target, &base).unwrap(), adapter);
    let config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(target.join("adapter_config.json")).unwrap()).unwrap();
    assert_eq!(config["peft_type"], "LORA");
    assert_eq!(config["base_model_name_or_path"], "tiny");
    assert_eq!(config["target_modules"], serde_json::json!(["k_proj", "q_proj", "up_proj"]));
}

#[test]
fn peft_rows_of_queries_and_keys_are_in_half_rotary_order() {
    let (folder, _) = folder();
    let base = PeftBase::from_gguf(&base(folder.path())).unwrap();
    let rows: Vec<f32> = (0..8).map(|row| row as f32).collect();
    let module = base.reorder("blk.0.attn_q.weight", &rows, 1, false).unwrap();
    // Heads of 4 rows: even rows first, then odd ones.
    assert_eq!(module, [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
    assert_eq!(base.reorder("blk.0.attn_q.weight", &module, 1, true).unwrap(), rows);
    assert_eq!(base.reorder("blk.0.attn_v.weight", &rows, 1, false).unwrap(), rows);
    let straight = PeftBase { architecture: "qwen2".to_string(), ..base.clone() };
    assert_eq!(straight.reorder("blk.0.attn_q.weight", &rows, 1, false).unwrap(), rows);
    let unknown = PeftBase { architecture: "from-the-future".to_string(), ..base.clone() };
    assert!(matches!(unknown.reorder("blk.0.attn_q.weight", &rows, 1, false), Err(AdapterError::PeftArchitecture(_))));
    assert!(matches!(base.reorder("blk.0.attn_q.weight", &rows[..6], 1, false), Err(AdapterError::PeftHeads { .. })));
}

#[test]
fn peft_settings_that_gguf_cannot_express_are_refused() {
    let (folder, _) = folder();
    let base = PeftBase::from_gguf(&base(folder.path())).unwrap();
    let target = folder.path().join("peft");
    adapter().write_peft(&target, &base).unwrap();
    let path = target.join("adapter_config.json");
    let config = std::fs::read_to_string(&path).unwrap();
    for (from, to) in [
        ("\"use_dora\": false", "\"use_dora\": true"),
        ("\"bias\": \"none\"", "\"bias\": \"all\""),
        ("\"modules_to_save\": null", "\"modules_to_save\": [\"lm_head\"]"),
        ("\"peft_type\": \"LORA\"", "\"peft_type\": \"LOHA\""),
    ] {
        assert!(config.contains(from), "{config}");
        std::fs::write(&path, config.replace(from, to)).unwrap();
        let error = Adapter::read_peft(&target, &base).unwrap_err();
        assert!(matches!(error, AdapterError::PeftSetting { .. }), "{error}");
    }
    std::fs::write(&path, config.replace("\"use_rslora\": false", "\"use_rslora\": true")).unwrap();
    let stabilized = Adapter::read_peft(&target, &base).unwrap();
    assert_eq!(stabilized.alpha, 16.0 * 2.0f32.sqrt());
    std::fs::write(target.join("adapter_model.safetensors"), b"\xff\xff\xff\xff\xff\xff\xff\x7f{}").unwrap();
    let error = Adapter::read_peft(&target, &base).unwrap_err();
    assert!(matches!(error, AdapterError::PeftContent { .. }), "{error}");
    assert!(matches!(Adapter::read_peft(folder.path(), &base), Err(AdapterError::PeftRead { .. })));
}

#[test]
fn peft_rank_that_contradicts_its_tensors_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let names = PeftBase::from_gguf(&base(folder.path())).unwrap();
    let peft = folder.path().join("peft");
    let mut uneven = adapter();
    uneven.pairs.insert("blk.0.attn_k.weight".to_owned(), pair(1, 4));
    uneven.write_peft(&peft, &names).unwrap();
    assert_eq!(Adapter::read_peft(&peft, &names).unwrap(), uneven, "a pattern names the other rank");
    let config = peft.join("adapter_config.json");
    let told = std::fs::read_to_string(&config).unwrap();
    for (from, to, hint) in [("\"r\": 2", "\"r\": 8", "r is 8"), (": 1\n", ": 3\n", "have rank 1")] {
        assert!(told.contains(from), "{told}");
        std::fs::write(&config, told.replacen(from, to, 1)).unwrap();
        let error = Adapter::read_peft(&peft, &names).unwrap_err().to_string();
        assert!(error.contains("adapter_config.json") && error.contains(hint), "{error}");
    }
}

#[test]
fn tensors_without_a_peft_name_are_refused() {
    let (folder, _) = folder();
    let base = PeftBase::from_gguf(&base(folder.path())).unwrap();
    let mut adapter = adapter();
    adapter.pairs.insert("blk.0.ssm_in.weight".to_string(), pair(2, 8));
    let error = adapter.write_peft(folder.path().join("peft"), &base).unwrap_err();
    assert!(error.to_string().contains("blk.0.ssm_in.weight"), "{error}");
}

proptest! {
    #[test]
    fn damaged_adapters_never_panic(position in any::<prop::sample::Index>(), value in any::<u8>()) {
        let (_folder, path) = folder();
        adapter().write_gguf(&path).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let position = position.index(bytes.len());
        bytes[position] = value;
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(read) = Adapter::read_gguf(&path) {
            prop_assert!(read.check().is_ok());
        }
    }

    #[test]
    fn damaged_peft_tensors_never_panic(position in any::<prop::sample::Index>(), value in any::<u8>()) {
        let (folder, _) = folder();
        let base = PeftBase {
            architecture: "llama".to_string(), heads: 2, kv_heads: 1, name: None,
        };
        adapter().write_peft(folder.path(), &base).unwrap();
        let path = folder.path().join("adapter_model.safetensors");
        let mut bytes = std::fs::read(&path).unwrap();
        let position = position.index(bytes.len());
        bytes[position] = value;
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(read) = Adapter::read_peft(folder.path(), &base) {
            prop_assert!(read.check().is_ok());
        }
    }
}
