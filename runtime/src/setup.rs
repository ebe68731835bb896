//! Set-up: what a kit from headquarters puts on a device.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::RuntimeError;

/// Files that make a device useful. Paths are read, never changed.
#[derive(Debug, Clone, Default)]
pub struct Kit {
    /// Base model, GGUF.
    pub model: PathBuf,
    /// Adapter of the first generation, GGUF.
    pub adapter: Option<PathBuf>,
    /// Documents or folders of documents.
    pub documents: Vec<PathBuf>,
    /// Training rows that learning replays, JSONL.
    pub replay: Option<PathBuf>,
    /// Questions that an update must not forget, JSONL.
    pub gate: Option<PathBuf>,
}

/// What set-up put where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetUpReport {
    /// The home folder.
    pub home: PathBuf,
    /// SHA-256 of the base model.
    pub model_sha256: String,
    /// Active generation after set-up.
    pub generation: String,
    /// Documents on the device.
    pub documents: usize,
    /// Rows of the replay file.
    pub replay_rows: usize,
    /// Questions of the gate file.
    pub gate_questions: usize,
}

/// Puts the kit into `home` (`None`: the account's data folder), which is made if needed.
/// Journal, documents and generations that are already there are kept.
///
/// # Errors
/// Unreadable or malformed files, an adapter for another base, an unwritable home.
pub fn set_up(home: Option<&Path>, kit: &Kit) -> Result<SetUpReport, RuntimeError> {
    let _ = (home, kit);
    unimplemented!("set_up")
}
