//! Why a model could not be quantized or measured.

use std::path::PathBuf;

use halligan_finetune::gguf::atomic_file::WriteError;

use crate::error::ModelError;

/// Failure to quantize, to measure importance or to compare.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuantizeError {
    /// The input is no usable model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The output cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The input is an adapter.
    #[error("{path} is an adapter; adapters are small and stay as they are, quantize their base instead")]
    Adapter {
        /// The input.
        path: PathBuf,
    },
    /// The input is a vocabulary without weights.
    #[error("{path} holds no tensors, only a vocabulary; give a whole model")]
    NoTensors {
        /// The input.
        path: PathBuf,
    },
    /// Quantizing twice loses quality twice.
    #[error(
        "{path} is quantized already: {tensors} tensors, such as {example} as {stored}; quantize the F16 or F32 \
         original, or pass --allow-requantize and lose quality twice"
    )]
    AlreadyQuantized {
        /// The input.
        path: PathBuf,
        /// Quantized tensors in it.
        tensors: usize,
        /// The first of them.
        example: String,
        /// Its type.
        stored: String,
    },
    /// Input and output are one file.
    #[error("{path} would be written onto itself; give the output another name")]
    OntoItself {
        /// The file.
        path: PathBuf,
    },
    /// A pattern is no regular expression.
    #[error("--tensor pattern {pattern:?} is no regular expression: {reason}; write for example ffn_down=Q6_K")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        reason: String,
    },
    /// A pattern matches nothing that could be quantized.
    #[error("--tensor pattern {pattern:?} matches no matrix of the model; names look like {example}")]
    PatternMatchesNothing {
        /// The pattern.
        pattern: String,
        /// A name that exists.
        example: String,
    },
    /// Exceptions from a type that is not quantized.
    #[error("--tensor has no effect with the unquantized type {kind}; choose a quantized --type")]
    OverrideOfFloat {
        /// The type.
        kind: &'static str,
    },
    /// A type that llama.cpp would end the process over.
    #[error("{tensor} cannot be {ggml_type}: llama.cpp has no importance for it; choose another type for that tensor")]
    OverrideNeedsImportance {
        /// The tensor.
        tensor: String,
        /// The type.
        ggml_type: String,
    },
    /// The type needs an importance matrix.
    #[error(
        "{kind} needs to know which inputs matter, or the result is noise: pass --imatrix-data FILE with a text like \
         the one that the model will meet, or choose a type from Q3_K_S up"
    )]
    NeedsImportance {
        /// The type.
        kind: &'static str,
    },
    /// The disk has too little room.
    #[error(
        "{path}: the file will take {needed} bytes, the disk has {free} free; free some space or choose another place"
    )]
    NoRoom {
        /// The output.
        path: PathBuf,
        /// Bytes that it will take.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// llama.cpp refused or failed.
    #[error("llama.cpp could not quantize the model: {reason}; check the input with `halligan-host inspect`")]
    Failed {
        /// What it said.
        reason: String,
    },
    /// The model says nothing about next tokens.
    #[error("{path} {reason}, so there is no next token to predict on a sample text")]
    NotMeasurable {
        /// The model.
        path: PathBuf,
        /// What it is.
        reason: &'static str,
    },
    /// The text is too short.
    #[error("the text gives {tokens} tokens, at least {needed} are needed; give a longer text")]
    TextTooShort {
        /// Tokens of the text.
        tokens: usize,
        /// Fewest tokens.
        needed: usize,
    },
    /// The two models cannot be compared.
    #[error("{base} and {other} have different vocabularies ({base_size} and {other_size} tokens); compare one model")]
    Vocabularies {
        /// The one.
        base: PathBuf,
        /// The other.
        other: PathBuf,
        /// Its tokens.
        base_size: usize,
        /// The other's tokens.
        other_size: usize,
    },
    /// The listener asked to stop.
    #[error("stopped; nothing was changed")]
    Cancelled,
}
