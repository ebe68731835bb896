//! A base model as data: its description and its frozen tensors.

mod description;
mod error;
mod metadata;
mod rope;
mod tensors;

use std::path::Path;

pub use description::{AdaptedMatrix, Description, FeedForward, NormKind, Positions, TRAINABLE_ARCHITECTURES, Window};
pub use error::ModelError;
pub use rope::{LongRope, RopeDescription};
pub use tensors::{LayerSources, LinearSource, ModelSources, NormSource};

use crate::gguf::GgufFile;

/// A base model opened for training: description, frozen tensors in their file format, and identity.
pub struct BaseModel {
    /// What the forward pass needs to know.
    pub description: Description,
    /// The frozen tensors; they share the file's memory map.
    pub sources: ModelSources,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// The file itself, for its tokenizer and chat template.
    pub file: GgufFile,
}

impl BaseModel {
    /// Opens and checks a GGUF base.
    ///
    /// # Errors
    /// [`ModelError`] for a damaged file, an unknown architecture, a missing tensor or one of a wrong shape.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let file = GgufFile::open(path)?;
        let description = Description::from_gguf(&file)?;
        let sources = ModelSources::from_gguf(&file, &description)?;
        let sha256 = file.sha256().to_owned();
        Ok(Self { description, sources, sha256, file })
    }
}
