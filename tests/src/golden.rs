//! Reader of `tests/models`: small Hugging Face models, and what transformers and PEFT computed with them.
//!
//! `tests/models/recipe/goldens.py` says what each tensor of a golden file holds.

use std::{
    fs,
    path::{Path, PathBuf},
};

use halligan_finetune::{
    adapter::{Adapter, PeftBase},
    dataset::Example,
    model::BaseModel,
};
use safetensors::{
    SafeTensors,
    tensor::{Dtype, TensorView, serialize},
};

use crate::{root, run};

/// Folder of a small model.
pub fn model_folder(name: &str) -> PathBuf {
    root().join("tests/models").join(name)
}

/// The model of a folder as an F32 GGUF file, made by the command that users run.
///
/// # Panics
/// When it cannot be converted or read.
pub fn converted(name: &str, into: &Path) -> PathBuf {
    let file = into.join(format!("{name}.gguf"));
    let arguments = [&model_folder(name), Path::new("-o"), &file].map(|part| part.display().to_string());
    let output = run("halligan-host", &["convert", &arguments[0], &arguments[1], &arguments[2], "--type", "f32"]);
    assert!(output.status.success(), "convert {name}: {}", String::from_utf8_lossy(&output.stderr));
    file
}

/// One or two golden files laid over each other.
pub struct Golden {
    files: Vec<Vec<u8>>,
}

impl Golden {
    /// Reads `golden.safetensors` of a model and, where named, a second file whose tensors come first.
    ///
    /// # Panics
    /// When a file is missing.
    pub fn read(name: &str, over: Option<&str>) -> Self {
        let read = |file: &str| fs::read(model_folder(name).join(file)).expect("a golden file");
        Self { files: over.into_iter().chain(["golden.safetensors"]).map(read).collect() }
    }

    fn views(&self) -> impl Iterator<Item = SafeTensors<'_>> {
        self.files.iter().map(|file| SafeTensors::deserialize(file).expect("a safetensors file"))
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.views().any(|file| file.tensor(name).is_ok())
    }

    /// Whether the first file has factors `part.*`.
    pub fn has_part(&self, part: &str) -> bool {
        let prefix = format!("{part}.");
        self.views().take(1).any(|file| file.names().iter().any(|name| name.starts_with(&prefix)))
    }

    /// A tensor as f32, row-major.
    ///
    /// # Panics
    /// When there is none.
    pub fn floats(&self, name: &str) -> Vec<f32> {
        let files: Vec<SafeTensors<'_>> = self.views().collect();
        let view = files.iter().find_map(|file| file.tensor(name).ok()).unwrap_or_else(|| panic!("no tensor {name}"));
        assert_eq!(view.dtype(), Dtype::F32, "{name}");
        view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    /// A tensor of indices.
    ///
    /// # Panics
    /// When there is none.
    pub fn indices(&self, name: &str) -> Vec<u32> {
        let files: Vec<SafeTensors<'_>> = self.views().collect();
        let view = files.iter().find_map(|file| file.tensor(name).ok()).unwrap_or_else(|| panic!("no tensor {name}"));
        match view.dtype() {
            Dtype::U8 => view.data().iter().map(|&byte| u32::from(byte)).collect(),
            Dtype::I32 => view.data().as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect(),
            other => panic!("{name} is {other:?}"),
        }
    }

    /// The training samples.
    pub fn samples(&self) -> Vec<Example> {
        let sample = |number: usize| Example {
            tokens: self.indices(&format!("tokens.{number}")),
            trained: self.indices(&format!("trained.{number}")).iter().map(|&flag| flag != 0).collect(),
            row: number + 1,
        };
        (0..).take_while(|number| self.has(&format!("tokens.{number}"))).map(sample).collect()
    }

    /// Writes the factors `part.*` (`initial`, `gradient` or `final`) into a folder as PEFT does.
    ///
    /// # Panics
    /// When no file has them, or the folder cannot be written.
    pub fn write_peft(&self, part: &str, folder: &Path) {
        let files: Vec<SafeTensors<'_>> = self.views().collect();
        let prefix = format!("{part}.");
        let file = files.iter().find(|file| file.names().iter().any(|name| name.starts_with(&prefix)));
        let tensors: Vec<(String, TensorView<'_>)> = (file.expect("factors").tensors().into_iter())
            .filter_map(|(name, view)| Some((name.strip_prefix(&prefix)?.to_owned(), view)))
            .collect();
        let bytes = serialize(tensors, None).expect("tensors");
        fs::write(folder.join("adapter_model.safetensors"), bytes).expect("a written file");
        let config = self.settings()["adapter_config"].to_string();
        fs::write(folder.join("adapter_config.json"), config).expect("a written file");
    }

    /// The factors `part.*`, read by our reader of PEFT folders.
    ///
    /// # Panics
    /// When the reader refuses them.
    pub fn adapter(&self, part: &str, base: &BaseModel) -> Adapter {
        let folder = tempfile::tempdir().expect("a temporary folder");
        self.write_peft(part, folder.path());
        let peft = PeftBase::from_gguf(&base.file).expect("head counts");
        Adapter::read_peft(folder.path(), &peft).expect("an adapter of PEFT")
    }

    /// `adapter_config` and `optimizer` of the run.
    ///
    /// # Panics
    /// When the file does not hold them.
    pub fn settings(&self) -> serde_json::Value {
        let (_, header) = SafeTensors::read_metadata(&self.files[0]).expect("a safetensors header");
        let entries = header.metadata().clone().expect("metadata");
        serde_json::from_str(&entries["settings"]).expect("settings are JSON")
    }
}
