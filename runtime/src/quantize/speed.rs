//! A short look at how fast this machine runs a model, loaded as a device loads it.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Instant;

use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;

use super::QuantizeError;
use crate::error::ModelError;
use crate::inference::{backend, construction, useful_threads};
use crate::model::open_sound;

/// Tokens of the prompt.
const PROMPT_TOKENS: usize = 128;
/// Tokens generated after it.
const GENERATED_TOKENS: usize = 16;
/// Room for both, a multiple of llama.cpp's step.
const CONTEXT_TOKENS: u32 = 256;

/// Speed of one model on this machine's processor.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct SpeedProbe {
    /// Tokens per second of a prompt of 128.
    pub prompt_tokens_per_second: f64,
    /// Tokens per second of an answer, one at a time.
    pub answer_tokens_per_second: f64,
}

/// Runs a prompt and an answer of arbitrary tokens; what they say has no influence on the time they take.
///
/// # Errors
/// [`QuantizeError`] where the model cannot be loaded or run.
pub fn probe_speed(path: &Path) -> Result<SpeedProbe, QuantizeError> {
    let file_bytes = open_sound(path)?.file_bytes();
    let backend = backend()?;
    let threads = i32::try_from(useful_threads(file_bytes, 0)).unwrap_or(1);
    let load = |reason: String| QuantizeError::from(ModelError::Load { path: path.to_path_buf(), reason });
    let failed = |reason: String| QuantizeError::from(ModelError::Decode(reason));
    let (model, params) = {
        let _making = construction();
        let model = LlamaModel::load_from_file(backend, path, &LlamaModelParams::default().with_n_gpu_layers(0))
            .map_err(|error| load(error.to_string()))?;
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(CONTEXT_TOKENS))
            .with_n_batch(PROMPT_TOKENS as u32)
            .with_n_ubatch(PROMPT_TOKENS as u32)
            .with_n_threads(threads)
            .with_n_threads_batch(threads)
            .with_no_perf(true);
        (model, params)
    };
    let mut context = {
        let _making = construction();
        model.new_context(backend, params).map_err(|error| failed(error.to_string()))?
    };
    let vocabulary = model.n_vocab().max(1);
    let token = |index: usize| LlamaToken::new((index as i32 * 7919 + 11) % vocabulary);
    let mut batch = LlamaBatch::new(PROMPT_TOKENS, 1);
    // The first run pays for reading the file.
    let mut prompt_seconds = f64::INFINITY;
    for _ in 0..2 {
        context.clear_kv_cache();
        batch.clear();
        for index in 0..PROMPT_TOKENS {
            let added = batch.add(token(index), index as i32, &[0], index + 1 == PROMPT_TOKENS);
            added.map_err(|error| failed(error.to_string()))?;
        }
        let began = Instant::now();
        context.decode(&mut batch).map_err(|error| failed(error.to_string()))?;
        prompt_seconds = prompt_seconds.min(began.elapsed().as_secs_f64());
    }
    let began = Instant::now();
    for index in PROMPT_TOKENS..PROMPT_TOKENS + GENERATED_TOKENS {
        batch.clear();
        batch.add(token(index), index as i32, &[0], true).map_err(|error| failed(error.to_string()))?;
        context.decode(&mut batch).map_err(|error| failed(error.to_string()))?;
    }
    Ok(SpeedProbe {
        prompt_tokens_per_second: PROMPT_TOKENS as f64 / prompt_seconds,
        answer_tokens_per_second: GENERATED_TOKENS as f64 / began.elapsed().as_secs_f64(),
    })
}
