//! A merged model against base plus adapter: in llama.cpp, in the trainer, and in the bytes of its metadata.

use std::path::{Path, PathBuf};

use halligan_finetune::{
    adapter::Adapter,
    dataset::read_rows,
    device::DeviceChoice,
    gguf::GgufFile,
    lora::{LoraOptions, Target, fresh_adapter},
    model::BaseModel,
    tokenizer::Tokenizer,
    train::last_logits,
};
use halligan_runtime::inference::{Inference, InferenceSettings, KvType};
use halligan_tests::{binary, built_in_base, guide, json, noise, refusal};

/// Only the order of sums differs: the product is added to the weights instead of to the activations.
const F32_TOLERANCE: f64 = 1e-4;
/// Weights rounded to half precision, 11 bits.
const F16_TOLERANCE: f64 = 3e-3;
/// Weights rounded to 8 bits a block.
const Q8_0_TOLERANCE: f64 = 2e-2;
/// llama.cpp rounds activations to 8 bits over the quantized base, and to F16 over a half-precision one.
const LLAMA_TOLERANCE: f64 = 2e-2;

struct Stage {
    folder: tempfile::TempDir,
    base: BaseModel,
    adapter: Adapter,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let base = BaseModel::open(&built_in_base()).unwrap();
        let options = LoraOptions::new(&Target::ALL, 8, 16.0);
        let mut adapter = fresh_adapter(&base.description, &base.sha256, &options, 1).unwrap();
        let mut noise = noise(7);
        for pair in adapter.pairs.values_mut() {
            pair.b.iter_mut().for_each(|value| *value = 0.05 * noise());
        }
        adapter.write_gguf(folder.path().join("adapter.gguf")).unwrap();
        Self { folder, base, adapter }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn merge(&self, storage: &str) -> PathBuf {
        let output = self.path(&format!("{storage}.gguf"));
        let mut command = binary("halligan-host");
        command.arg("merge").arg("--base").arg(built_in_base()).arg("--adapter").arg(self.path("adapter.gguf"));
        let result = command.arg("-o").arg(&output).args(["--type", storage, "--json"]).output().unwrap();
        let summary = json(&result);
        assert_eq!(summary["changed"].as_u64(), Some(self.adapter.pairs.len() as u64));
        output
    }

    fn prompts(&self) -> Vec<Vec<u32>> {
        let tokenizer = Tokenizer::from_gguf(&self.base.file).unwrap();
        let rows = read_rows(guide("heldout.jsonl")).unwrap();
        let question = |row: &halligan_finetune::dataset::Row| row.messages().unwrap()[0].content.clone();
        rows.iter().step_by(60).map(|row| tokenizer.encode(&question(row), false).unwrap()).collect()
    }
}

/// `|a - b| / |b|` over whole logit vectors.
fn relative_error(ours: &[f32], theirs: &[f32]) -> f64 {
    let difference: f64 = ours.iter().zip(theirs).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    let size: f64 = theirs.iter().map(|b| f64::from(*b).powi(2)).sum();
    (difference / size).sqrt()
}

fn llama_logits(model: &Path, adapter: Option<&Path>, prompts: &[Vec<u32>]) -> Vec<Vec<f32>> {
    let settings = InferenceSettings { kv_type: KvType::F32, ..InferenceSettings::default() };
    let llama = Inference::load(model, &settings).unwrap();
    llama.set_adapter(adapter).unwrap();
    let signed = |prompt: &Vec<u32>| prompt.iter().map(|&token| token as i32).collect::<Vec<i32>>();
    prompts.iter().map(|prompt| llama.logits(&signed(prompt)).unwrap()).collect()
}

#[test]
fn merged_model_computes_what_base_and_adapter_compute() {
    let stage = Stage::new();
    let prompts = stage.prompts();
    let with_adapter =
        |prompt: &Vec<u32>| last_logits(&stage.base, Some(&stage.adapter), prompt, DeviceChoice::Cpu).unwrap();
    let apart: Vec<Vec<f32>> = prompts.iter().map(with_adapter).collect();
    let llama_apart = llama_logits(&built_in_base(), Some(&stage.path("adapter.gguf")), &prompts);
    for (storage, tolerance) in [("f32", F32_TOLERANCE), ("f16", F16_TOLERANCE), ("q8_0", Q8_0_TOLERANCE)] {
        let path = stage.merge(storage);
        let merged = BaseModel::open(&path).unwrap();
        let llama = llama_logits(&path, None, &prompts);
        for (number, prompt) in prompts.iter().enumerate() {
            let ours = last_logits(&merged, None, prompt, DeviceChoice::Cpu).unwrap();
            let error = relative_error(&ours, &apart[number]);
            assert!(error <= tolerance, "{storage}, trainer, prompt {number}: {error:.1e}");
            let error = relative_error(&llama[number], &llama_apart[number]);
            assert!(error <= LLAMA_TOLERANCE, "{storage}, llama.cpp, prompt {number}: {error:.1e}");
        }
    }
}

#[test]
fn merged_model_keeps_its_metadata_in_their_types_and_says_where_it_comes_from() {
    let stage = Stage::new();
    let merged = GgufFile::open(stage.merge("f16")).unwrap();
    let kept = merged.metadata().unwrap();
    let ours = ["general.file_type", "halligan.merged.base_sha256", "halligan.merged.adapter_sha256"];
    for (key, value) in stage.base.file.metadata().unwrap() {
        if !ours.contains(&key.as_str()) {
            let found = kept.iter().find(|(other, _)| *other == key).unwrap_or_else(|| panic!("{key} is gone"));
            assert_eq!(format!("{:?}", found.1), format!("{value:?}"), "{key}");
        }
    }
    assert_eq!(merged.str("halligan.merged.base_sha256").unwrap(), stage.base.sha256);
    assert_eq!(merged.u32("general.file_type").unwrap(), 1);
    assert_eq!(merged.tensors().len(), stage.base.file.tensors().len());
}

#[test]
fn adapter_of_another_base_is_not_merged() {
    let stage = Stage::new();
    let other = stage.merge("f16");
    let mut command = binary("halligan-host");
    command.arg("merge").arg("--base").arg(&other).arg("--adapter").arg(stage.path("adapter.gguf"));
    let output = command.arg("-o").arg(stage.path("twice.gguf")).output().unwrap();
    assert!(refusal(&output).contains("adapter.gguf"));
    assert!(!stage.path("twice.gguf").exists());
}
