//! The base model in use: the home's own, or the one that `--model` names.

use std::path::{Path, PathBuf};

use halligan_finetune::adapter::Adapter;
use halligan_finetune::gguf::{GgufError, GgufFile};

use crate::assistant::AssistantOptions;
use crate::error::{AdapterStoreError, ModelError, RuntimeError};
use crate::home::Home;

/// Settings of the home that describe its model.
pub(crate) const MODEL_SHA256: &str = "model_sha256";
pub(crate) const MODEL_NAME: &str = "model_name";

/// A model file and what is known of it without reading it.
#[derive(Debug, Clone)]
pub(crate) struct ModelInUse {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    /// Recorded when the model was set up; `None` for one that `--model` names.
    pub(crate) sha256: Option<String>,
    pub(crate) bytes: u64,
}

impl ModelInUse {
    /// The model that the options or the home name.
    pub(crate) fn of(home: &Home, options: &AssistantOptions) -> Result<ModelInUse, RuntimeError> {
        let path = options.model.clone().unwrap_or_else(|| home.model_path());
        let bytes = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if options.model.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ModelError::NoModel { home: home.folder().to_path_buf() }.into());
            }
            Err(source) => return Err(ModelError::Unreadable { path, source }.into()),
        };
        let (name, sha256) = match options.model {
            None => (home.setting(MODEL_NAME)?, home.setting(MODEL_SHA256)?),
            Some(_) => (None, None),
        };
        let name = name.unwrap_or_else(|| file_name(&path));
        Ok(ModelInUse { path, name, sha256, bytes })
    }

    /// Proves that an adapter file is sound and made for this model, before C reads it.
    pub(crate) fn check_adapter(&self, path: &Path) -> Result<(), RuntimeError> {
        let base = open_model(&self.path)?;
        check_adapter(path, &base, self.sha256.as_deref())?;
        Ok(())
    }
}

/// Opens a GGUF file as a check: every count, shape and offset lies inside it.
pub(crate) fn open_sound(path: &Path) -> Result<GgufFile, ModelError> {
    std::fs::File::open(path).map_err(|source| ModelError::Unreadable { path: path.to_path_buf(), source })?;
    GgufFile::open(path).map_err(|error| unusable(path, error))
}

/// As [`open_sound`], for a file that is to answer: it holds a model.
pub(crate) fn open_model(path: &Path) -> Result<GgufFile, ModelError> {
    let file = open_sound(path)?;
    let reason = if file.find_str("general.type").ok().flatten() == Some("adapter") {
        "it is an adapter, which belongs to a model and is none"
    } else if file.tensors().len() == 0 {
        "it holds no weights"
    } else {
        return Ok(file);
    };
    Err(ModelError::Malformed { path: path.to_path_buf(), reason: reason.to_owned() })
}

/// What is wrong with a model file, as an error about the model: name and next step are that error's own.
pub(crate) fn unusable(path: &Path, error: GgufError) -> ModelError {
    let path = path.to_path_buf();
    let reason = match error {
        GgufError::Io { source, .. } => return ModelError::Unreadable { path, source },
        GgufError::Header { fault, .. } => fault.to_string(),
        GgufError::Decode { reason, .. } => reason,
        GgufError::MissingKey { key, .. } => format!("metadata key `{key}` is missing"),
        other => other.to_string(),
    };
    ModelError::Malformed { path, reason }
}

/// Proves that an adapter is sound and made for `base`, whose hash is computed if not known.
pub(crate) fn check_adapter(
    path: &Path,
    base: &GgufFile,
    base_sha256: Option<&str>,
) -> Result<Adapter, AdapterStoreError> {
    let invalid = |reason: String| AdapterStoreError::Invalid { path: path.to_path_buf(), reason };
    if !path.exists() {
        return Err(AdapterStoreError::Missing { path: path.to_path_buf() });
    }
    let adapter = Adapter::read_gguf(path).map_err(|error| invalid(error.to_string()))?;
    match (base_sha256, &adapter.base_sha256) {
        (None, _) => adapter.check_fits(base),
        (Some(known), Some(wanted)) if !known.eq_ignore_ascii_case(wanted) => {
            return Err(invalid(format!("it was trained on the base with SHA-256 {wanted}, this device has {known}")));
        }
        (Some(_), _) => adapter.check_shapes(base),
    }
    .map_err(|error| invalid(error.to_string()))?;
    Ok(adapter)
}

/// The name that a model gives itself, else its file name.
pub(crate) fn model_name(file: &GgufFile) -> String {
    match file.find_str("general.name") {
        Ok(Some(name)) if !name.trim().is_empty() => name.trim().to_owned(),
        _ => file_name(file.path()),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
