//! How a model is loaded, and what is known of it then.

use std::path::PathBuf;

use halligan_firmware_profiles::KvType as ProfileKvType;
use serde::Serialize;

use super::speculation::Speculation;

/// Number format of the key-value cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KvType {
    /// 32-bit floats: exact, for comparisons.
    F32,
    /// 16-bit floats.
    #[default]
    F16,
    /// Blocks of 8-bit integers.
    Q8_0,
}

impl KvType {
    /// ggml's number of the type.
    pub(super) fn number(self) -> u32 {
        match self {
            KvType::F32 => llama_cpp_sys_2::GGML_TYPE_F32,
            KvType::F16 => llama_cpp_sys_2::GGML_TYPE_F16,
            KvType::Q8_0 => llama_cpp_sys_2::GGML_TYPE_Q8_0,
        }
    }

    /// The same type in the words of profiles, which count its bytes.
    pub(super) fn of_profiles(self) -> ProfileKvType {
        match self {
            KvType::F32 => ProfileKvType::F32,
            KvType::F16 => ProfileKvType::F16,
            KvType::Q8_0 => ProfileKvType::Q8_0,
        }
    }
}

/// How to load a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InferenceSettings {
    /// Tokens of question and answer together; limited by what the model was trained for and by
    /// [`InferenceSettings::memory_bytes`].
    pub context_tokens: u32,
    /// Most tokens per decode step.
    pub batch_tokens: u32,
    /// Most tokens that are computed at once; sizes the compute buffers.
    pub micro_batch_tokens: u32,
    /// Threads of llama.cpp; 0 takes the physical cores.
    pub threads: u32,
    /// Most layers on the GPU, where build and machine have one; fewer where its memory holds fewer.
    pub gpu_layers: u32,
    /// Whether a model of which nothing goes to a GPU is an error.
    pub gpu_only: bool,
    /// Number format of the key-value cache.
    pub kv_type: KvType,
    /// Memory that weights, key-value cache and buffers may take together; a longer context is shortened to fit.
    pub memory_bytes: Option<u64>,
    /// Folder for the computed beginnings of prompts, so that they need not be computed after a start; `None` keeps
    /// none.
    pub prefix_folder: Option<PathBuf>,
    /// Drafts of what comes next from what was said before.
    pub speculation: Speculation,
}

impl Default for InferenceSettings {
    fn default() -> Self {
        InferenceSettings {
            context_tokens: 2048,
            batch_tokens: 512,
            micro_batch_tokens: 512,
            threads: 0,
            gpu_layers: 0,
            gpu_only: false,
            kv_type: KvType::F16,
            memory_bytes: None,
            prefix_folder: None,
            speculation: Speculation::Off,
        }
    }
}

/// What is known of a loaded model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelInfo {
    /// `general.name`, or the file name.
    pub name: String,
    /// `general.architecture`.
    pub architecture: String,
    /// Vocabulary size.
    pub vocabulary: usize,
    /// Number of parameters.
    pub parameters: u64,
    /// Tokens of a context: what was asked for, after the model's own limit and the memory's.
    pub context_tokens: u32,
    /// Tokens of a context that the model was trained for; 0 where it does not say.
    pub trained_context_tokens: u32,
    /// Why the context is shorter than what was asked for, in one sentence.
    pub context_note: Option<String>,
    /// What computes: a GPU and the layers on it, or the CPU and why.
    pub device: String,
    /// The token that begins a text, where the model has one.
    pub begin_token: Option<i32>,
    /// The token that ends a text, where the model has one.
    pub end_token: Option<i32>,
    /// Whether a text should begin with [`ModelInfo::begin_token`].
    pub adds_begin_token: bool,
    /// The Jinja text of the chat template; without one there are completions, but no chat.
    pub chat_template: Option<String>,
    /// Whether the template shows tools to the model. Where it does not, whoever wants tools must describe them in the
    /// system's words.
    pub takes_tools: bool,
}
