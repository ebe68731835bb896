//! What can be wrong with an adapter, and what to do about it.

use std::io;
use std::path::PathBuf;

use crate::gguf::GgufError;
use crate::gguf::atomic_file::WriteError;

/// Why an adapter cannot be read, written or used with a base.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdapterError {
    /// The GGUF file cannot be read.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A GGUF file that is something else.
    #[error("{path}: not a LoRA adapter: {key} is `{found}`; give the adapter file, not the base model")]
    NotAdapter {
        /// The file.
        path: PathBuf,
        /// `general.type` or `adapter.type`.
        key: &'static str,
        /// Its value.
        found: String,
    },
    /// No tensor pair.
    #[error("the adapter has no tensors; train it again")]
    Empty,
    /// One half of a pair is missing, or the name is no adapter tensor.
    #[error("adapter tensor `{tensor}` has no partner (.lora_a and .lora_b belong together); train it again")]
    Unpaired {
        /// The tensor.
        tensor: String,
    },
    /// A tensor is stored in a type that adapters do not use.
    #[error("adapter tensor `{tensor}` is stored as {found}; F32, F16 and BF16 are read")]
    TensorType {
        /// The tensor.
        tensor: String,
        /// The type in the file.
        found: String,
    },
    /// The two halves of a pair do not belong together.
    #[error(
        "the adapter pair of `{tensor}` does not fit together: A {a:?}, B {b:?} (row-major); \
         it must be A [rank, inputs], B [outputs, rank]: train it again"
    )]
    PairShape {
        /// Name of the base tensor.
        tensor: String,
        /// Rows and columns of A.
        a: Vec<usize>,
        /// Rows and columns of B.
        b: Vec<usize>,
    },
    /// The stored rank is not that of the tensors.
    #[error("halligan.rank is {stored}, but the tensors have rank {found}; train it again")]
    Rank {
        /// Rank in the metadata.
        stored: usize,
        /// Highest rank of a pair.
        found: usize,
    },
    /// Alpha is not a positive number: llama.cpp reads 0 as "no scaling".
    #[error("the adapter's alpha is {0}; it must be a positive number: train it again")]
    Alpha(f32),
    /// A value is infinite or not a number.
    #[error(
        "the adapter pair of `{tensor}` holds a value that is not finite; \
         train again with a lower learning rate, or roll back"
    )]
    NotFinite {
        /// Name of the base tensor.
        tensor: String,
    },
    /// The adapter is for another kind of model.
    #[error("the adapter is for architecture `{adapter}`, {path} is `{base}`; use the base it was trained on")]
    Architecture {
        /// Architecture of the adapter.
        adapter: String,
        /// Architecture of the base.
        base: String,
        /// The base file.
        path: PathBuf,
    },
    /// The adapter was trained on another file.
    #[error(
        "the adapter was trained on the base with SHA-256 {adapter}, {path} has {base}; \
         use that base, or train the adapter on this one"
    )]
    BaseHash {
        /// Hash that the adapter names.
        adapter: String,
        /// Hash of the base.
        base: String,
        /// The base file.
        path: PathBuf,
    },
    /// The base has no such tensor.
    #[error("the adapter changes `{tensor}`, which {path} does not have; use the base it was trained on")]
    MissingTensor {
        /// Name of the base tensor.
        tensor: String,
        /// The base file.
        path: PathBuf,
    },
    /// The base's tensor has another shape.
    #[error(
        "the adapter maps `{tensor}` from {inputs} to {outputs}, in {path} it has the shape {shape:?}; \
         use the base it was trained on"
    )]
    BaseShape {
        /// Name of the base tensor.
        tensor: String,
        /// Inputs of the pair.
        inputs: usize,
        /// Outputs of the pair.
        outputs: usize,
        /// Shape of the base tensor in ggml order.
        shape: Vec<usize>,
        /// The base file.
        path: PathBuf,
    },
    /// PEFT names of this architecture are not known.
    #[error("PEFT names for architecture `{0}` are not known; use the GGUF adapter")]
    PeftArchitecture(String),
    /// A tensor has no counterpart under the other naming.
    #[error("tensor `{tensor}` has no counterpart in the other format; train without that target")]
    PeftName {
        /// The tensor, as named where it is.
        tensor: String,
    },
    /// The heads of the base do not divide the rows of a query or key projection.
    #[error("`{tensor}` has {outputs} rows, which {heads} heads cannot share; use the base it was trained on")]
    PeftHeads {
        /// Name of the base tensor.
        tensor: String,
        /// Rows of B.
        outputs: usize,
        /// Heads of the base.
        heads: usize,
    },
    /// A file of the PEFT folder cannot be read.
    #[error("{path}: cannot read the file ({source}); give a folder that PEFT saved")]
    PeftRead {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the PEFT folder is malformed.
    #[error("{path}: {reason}; save the adapter again with PEFT")]
    PeftContent {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The PEFT adapter uses something that a GGUF adapter cannot express.
    #[error("{path}: `{setting}` is not supported; train a plain LoRA adapter")]
    PeftSetting {
        /// The configuration file.
        path: PathBuf,
        /// The setting.
        setting: String,
    },
}
