//! Any bytes as the safetensors file of a PEFT folder.
#![no_main]

use halligan_finetune::adapter::{Adapter, PeftBase};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = br#"{"peft_type": "LORA", "lora_alpha": 16.0}"#;
    std::fs::write(folder.path().join("adapter_config.json"), config).expect("room for it");
    std::fs::write(folder.path().join("adapter_model.safetensors"), bytes).expect("room for it");
    let base = PeftBase { architecture: "llama".to_owned(), heads: 4, kv_heads: 2, name: None };
    let _ = Adapter::read_peft(folder.path(), &base);
});
