//! The base model and llama.cpp.

use std::path::PathBuf;

use thiserror::Error;

/// The base model, llama.cpp and what was asked of them.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Neither the home folder nor the command line names a model.
    #[error(
        "no model in {home}; run `halligan setup --model FILE.gguf`, or `halligan setup --example` for the demonstration kit"
    )]
    NoModel {
        /// The home folder.
        home: PathBuf,
    },
    /// The model file is not there or cannot be read.
    #[error("cannot read the model {path}: {source}; check the path given with --model")]
    Unreadable {
        /// Model file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a GGUF model that can be used.
    #[error("{path} is not a usable GGUF model: {reason}; copy the file again or choose another --model")]
    Malformed {
        /// Model file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// llama.cpp refused the model.
    #[error("llama.cpp cannot load {path}: {reason}; run `halligan doctor` for memory and file checks")]
    Load {
        /// Model file.
        path: PathBuf,
        /// What the binding said.
        reason: String,
    },
    /// llama.cpp could not make a context.
    #[error(
        "cannot make a context of {context_tokens} tokens: {reason}; choose a profile with a smaller context (--profile)"
    )]
    Context {
        /// Tokens asked for.
        context_tokens: u32,
        /// What the binding said.
        reason: String,
    },
    /// The adapter file could not be used by llama.cpp.
    #[error("llama.cpp refuses the adapter {path}: {reason}; `halligan adapters rollback` returns to the previous one")]
    Adapter {
        /// Adapter file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The prompt and the answer do not fit; nothing is ever cut silently.
    #[error(
        "the conversation needs {needed} tokens with room for the answer, the context holds {available}; ask for less, start a new conversation or choose a larger profile (--profile)"
    )]
    PromptTooLong {
        /// Prompt tokens plus room for the answer.
        needed: usize,
        /// Tokens of the context.
        available: usize,
    },
    /// A GPU was asked for and the model would be computed without one.
    #[error("no GPU takes the model, only the {device}; use --device auto or --device cpu")]
    NoGpu {
        /// What would compute, and why.
        device: String,
    },
    /// The model was not made for conversations.
    #[error("{path} is no chat model: it has no tokenizer.chat_template; choose a model made for conversations")]
    NoChat {
        /// Model file.
        path: PathBuf,
    },
    /// The model's chat template cannot be used.
    #[error(
        "the chat template of {path} cannot be rendered: {reason}; use a model with a working tokenizer.chat_template"
    )]
    Template {
        /// Model file.
        path: PathBuf,
        /// What the template engine said.
        reason: String,
    },
    /// The model is no encoder, or not of the kind that is needed.
    #[error("{path} cannot be used as the encoder: {reason}; choose a sentence encoder or a reranker as GGUF")]
    Encoder {
        /// Model file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Evaluation of tokens failed.
    #[error("llama.cpp failed while decoding: {0}; try again, or choose a smaller profile (--profile)")]
    Decode(String),
    /// The answer's constraint cannot be used, or failed while the answer was made.
    #[error("the answer cannot follow its constraint: {0}; correct the schema, grammar or expression")]
    Constraint(String),
    /// A value of the request is out of its range.
    #[error("this cannot be asked for: {0}")]
    Options(String),
    /// Nothing was asked.
    #[error("the question is empty; type one")]
    EmptyQuestion,
    /// The caller stopped it.
    #[error("stopped before the end; nothing was changed")]
    Cancelled,
    /// Tokens that cannot be decoded.
    #[error("cannot decode these tokens: {0}; give token numbers of this model's vocabulary")]
    Tokens(String),
    /// The inference thread ended unexpectedly.
    #[error("the inference thread has ended; start halligan again and run `halligan doctor` if it happens twice")]
    ThreadGone,
}
