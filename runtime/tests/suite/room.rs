//! What the tests share: the built-in model, made-up adapters, a home with the example kit.

use std::path::{Path, PathBuf};

use halligan_finetune::adapter::Adapter;
use halligan_finetune::lora::{LoraOptions, Target, fresh_adapter};
use halligan_finetune::model::BaseModel;
use halligan_runtime::inference::{Inference, InferenceSettings};
use halligan_runtime::{Assistant, AssistantOptions, DeviceChoice, Kit};

/// A file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The built-in base model.
pub fn base_model() -> PathBuf {
    repository("trainer-host/base/halligan-base-q8_0.gguf")
}

/// Loads the built-in base.
pub fn load() -> Inference {
    Inference::load(&base_model(), &InferenceSettings::default()).unwrap()
}

/// Writes an adapter for the built-in base that clearly changes what it says; `seed` tells
/// adapters apart.
pub fn write_adapter(path: &Path, seed: u64) {
    write_scaled_adapter(path, seed, 1.0);
}

/// The same adapter with its contribution times `factor`.
pub fn write_scaled_adapter(path: &Path, seed: u64, factor: f32) {
    let base = BaseModel::open(&base_model()).unwrap();
    let mut adapter: Adapter =
        fresh_adapter(&base.description, &base.sha256, &LoraOptions::new(&Target::ALL, 4, 8.0), seed).unwrap();
    for (number, pair) in adapter.pairs.values_mut().enumerate() {
        for (index, value) in pair.b.iter_mut().enumerate() {
            let phase = (index + number) as f32 + seed as f32;
            *value = factor * 0.3 * phase.sin();
        }
    }
    adapter.write_gguf(path).unwrap();
}

/// The example kit without an adapter.
pub fn kit() -> Kit {
    Kit {
        model: base_model(),
        adapter: None,
        documents: vec![repository("trainer-host/guide/field-guide.md")],
        encoder: None,
        reranker: None,
        replay: Some(repository("trainer-host/guide/train.jsonl")),
        gate: Some(repository("trainer-host/guide/gate.jsonl")),
        calibration: Some(repository("trainer-host/guide/calibration.jsonl")),
        out_of_domain: Some(repository("trainer-host/guide/out_of_domain.jsonl")),
    }
}

/// Opens the assistant of a home.
pub fn open(home: &Path) -> Assistant {
    Assistant::open(&options(home)).unwrap()
}

/// Options for a home on the CPU.
pub fn options(home: &Path) -> AssistantOptions {
    AssistantOptions {
        home: Some(home.to_path_buf()),
        device: DeviceChoice::Cpu,
        profile: Some("laptop-cpu".to_owned()),
        seed: 1,
        ..AssistantOptions::default()
    }
}
