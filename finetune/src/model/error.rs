//! Why a GGUF file cannot be used as a base.

use crate::gguf::GgufError;

use super::TRAINABLE_ARCHITECTURES;

/// Failure to open a base model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The container is damaged or lacks a key.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// An architecture that has no description here.
    #[error("architecture {0:?} cannot be trained here; known architectures: {known}", known = TRAINABLE_ARCHITECTURES.join(", "))]
    UnknownArchitecture(String),
    /// A metadata value that cannot be.
    #[error("{key} is {found}, which {problem}; the model file is damaged or not meant for training")]
    BadValue {
        /// GGUF key.
        key: String,
        /// Value found.
        found: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A position scheme that the engine does not compute.
    #[error("rope scaling {0:?} is not supported; use a base without it, or with linear or llama3 scaling")]
    UnsupportedRope(String),
    /// A tensor that the description needs.
    #[error("tensor {0} is missing; the model file is incomplete, convert or copy it again")]
    MissingTensor(String),
    /// A tensor that the description does not use.
    #[error(
        "tensor {0} is not part of this architecture as it is known here; training would ignore it, so it is refused"
    )]
    UnknownTensor(String),
    /// A tensor of another shape.
    #[error("tensor {name} has shape {found:?}, the metadata asks for {expected:?}; the model file is damaged")]
    WrongShape {
        /// Tensor name.
        name: String,
        /// Expected dimensions in ggml order (fastest first).
        expected: Vec<usize>,
        /// Dimensions in the file.
        found: Vec<usize>,
    },
    /// A tensor in a block format that the kernels do not read.
    #[error("tensor {name} is stored as {found}, which cannot be trained over; quantize the base to one of {known}", known = known_formats())]
    UnsupportedFormat {
        /// Tensor name.
        name: String,
        /// Format in the file.
        found: String,
    },
    /// A gain, bias or table of factors in a block format, which no converter writes.
    #[error("tensor {name} is stored as {found}; gains and biases are F32, F16 or BF16: the model file is damaged")]
    VectorFormat {
        /// Tensor name.
        name: String,
        /// Format in the file.
        found: String,
    },
    /// Bytes that belong to no tensor: the header says another type or shape than the data has.
    #[error(
        "tensor {name} ends at byte {end} by its type and shape, but {next} begins at byte {start}; \
         the model file is damaged, convert or copy it again"
    )]
    Gap {
        /// Tensor name.
        name: String,
        /// One past its last byte, padding included.
        end: usize,
        /// The tensor that follows.
        next: String,
        /// Where that one begins.
        start: usize,
    },
    /// NaN or infinity among small tensors that are read whole.
    #[error("tensor {0} holds NaN or infinity; the model file is damaged")]
    NotFinite(String),
}

fn known_formats() -> String {
    halligan_shaders::Format::ALL.map(|format| format.to_string()).join(", ")
}
