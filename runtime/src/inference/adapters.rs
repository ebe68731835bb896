//! Adapters in memory: several stay, the ones used least recently leave.

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::rc::Rc;
use std::time::SystemTime;

use llama_cpp_2::model::LlamaModel;
use llama_cpp_sys_2 as sys;
use serde::Serialize;

use super::backend::construction;
use super::context::raw;
use crate::error::ModelError;
use crate::home::sha256_of_file;

/// Adapters that stay in memory.
const RESIDENT_MAX: usize = 8;

/// An adapter file and how strongly it acts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AdapterSetting {
    /// The GGUF file, validated by the caller.
    pub path: PathBuf,
    /// Factor of its contribution: 1 as trained, 0 none at all.
    pub scale: f32,
}

/// A loaded adapter.
pub(super) struct Adapter {
    raw: NonNull<sys::llama_adapter_lora>,
    /// SHA-256 of its file.
    sha256: String,
    /// Registered with it until the adapter is freed.
    _model: Rc<LlamaModel>,
}

impl Adapter {
    fn load(model: &Rc<LlamaModel>, path: &Path) -> Result<Adapter, ModelError> {
        let refused = |reason: String| ModelError::Adapter { path: path.to_path_buf(), reason };
        let sha256 = sha256_of_file(path).map_err(|error| refused(error.to_string()))?;
        let name = path.to_str().and_then(|path| CString::new(path).ok());
        let name = name.ok_or_else(|| refused("its path is not UTF-8, which llama.cpp cannot open".to_owned()))?;
        let _making = construction();
        // SAFETY: the model lives in the `Rc`, the path is a C string. llama.cpp changes only its list of adapters,
        // which nobody else reads on another thread: the model belongs to the inference thread.
        let adapter = unsafe { sys::llama_adapter_lora_init(raw(model).as_ptr(), name.as_ptr()) };
        let adapter = NonNull::new(adapter);
        let adapter = adapter.ok_or_else(|| refused("its tensors do not fit the model".to_owned()))?;
        Ok(Adapter { raw: adapter, sha256, _model: Rc::clone(model) })
    }

    pub(super) fn raw(&self) -> NonNull<sys::llama_adapter_lora> {
        self.raw
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        let _making = construction();
        // SAFETY: contexts keep the adapters that they use alive, so none knows this one; the model lives.
        unsafe { sys::llama_adapter_lora_free(self.raw.as_ptr()) };
    }
}

/// What tells one set of adapters from another, whatever their files are called.
pub(super) type AdapterKey = Vec<(String, u32)>;

/// A file as it was when it was loaded.
#[derive(PartialEq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

struct Resident {
    path: PathBuf,
    stamp: Stamp,
    adapter: Rc<Adapter>,
}

/// The adapters in memory, and those that answer.
#[derive(Default)]
pub(super) struct Adapters {
    /// Least recently used first.
    residents: Vec<Resident>,
    active: Vec<(Rc<Adapter>, f32)>,
}

impl Adapters {
    /// Makes these the adapters that answer. On an error none answers.
    pub fn set(&mut self, model: &Rc<LlamaModel>, wanted: &[AdapterSetting]) -> Result<(), ModelError> {
        self.active.clear();
        let mut active: Vec<(Rc<Adapter>, f32)> = Vec::new();
        for AdapterSetting { path, scale } in wanted {
            let refused = |reason: &str| ModelError::Adapter { path: path.clone(), reason: reason.to_owned() };
            if !scale.is_finite() {
                return Err(refused("its scale is not a finite number"));
            }
            let adapter = self.resident(model, path)?;
            // An adapter without effect is left out, so that the base computes as it does alone.
            if *scale == 0.0 {
                continue;
            }
            if active.iter().any(|(other, _)| other.sha256 == adapter.sha256) {
                return Err(refused("it is named twice"));
            }
            active.push((adapter, *scale));
        }
        self.active = active;
        Ok(())
    }

    /// The adapters that answer.
    pub fn active(&self) -> Vec<(Rc<Adapter>, f32)> {
        self.active.clone()
    }

    /// What tells the adapters that answer from others.
    pub fn key(&self) -> AdapterKey {
        self.active.iter().map(|(adapter, scale)| (adapter.sha256.clone(), scale.to_bits())).collect()
    }

    fn resident(&mut self, model: &Rc<LlamaModel>, path: &Path) -> Result<Rc<Adapter>, ModelError> {
        let refused = |reason: String| ModelError::Adapter { path: path.to_path_buf(), reason };
        let metadata = std::fs::metadata(path).map_err(|error| refused(error.to_string()))?;
        let stamp = Stamp { bytes: metadata.len(), modified: metadata.modified().ok() };
        let known = self.residents.iter().position(|resident| resident.path == path);
        let resident = match known.map(|index| self.residents.remove(index)) {
            Some(resident) if resident.stamp == stamp => resident,
            // Another file of the same name is another adapter.
            _ => Resident { path: path.to_path_buf(), stamp, adapter: Rc::new(Adapter::load(model, path)?) },
        };
        let adapter = Rc::clone(&resident.adapter);
        self.residents.push(resident);
        while self.residents.len() > RESIDENT_MAX {
            self.residents.remove(0);
        }
        Ok(adapter)
    }
}
