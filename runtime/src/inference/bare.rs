//! A model as it is, without a chat: its tokens, its logits, its sentence vectors.
//!
//! Headquarters proves with it that llama.cpp reads what was converted as the original is read; encoders, which
//! have no chat, are used through it. The caller's thread owns it.

use std::num::NonZeroU32;
use std::path::Path;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::{KvCacheType, LlamaContextParams};
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_sys_2::LLAMA_FLASH_ATTN_TYPE_DISABLED;

use super::backend::{backend, construction};
use crate::error::ModelError;
use crate::model::open_sound;

/// A model, or only its vocabulary.
pub struct BareModel {
    model: LlamaModel,
}

impl BareModel {
    /// Loads a whole model.
    ///
    /// # Errors
    /// [`ModelError`]: a file that cannot be read or is malformed, llama.cpp's refusal.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        Self::open(path, false)
    }

    /// Loads the vocabulary alone, which is all that [`BareModel::tokenize`] needs.
    ///
    /// # Errors
    /// As [`BareModel::load`].
    pub fn load_vocabulary(path: &Path) -> Result<Self, ModelError> {
        Self::open(path, true)
    }

    fn open(path: &Path, vocabulary_only: bool) -> Result<Self, ModelError> {
        // Before C reads it: every count, shape and offset lies inside the file.
        drop(open_sound(path)?);
        let params = LlamaModelParams::default().with_n_gpu_layers(0).with_vocab_only(vocabulary_only);
        let backend = backend()?;
        let _making = construction();
        let model = LlamaModel::load_from_file(backend, path, &params)
            .map_err(|error| ModelError::Load { path: path.to_path_buf(), reason: error.to_string() })?;
        Ok(Self { model })
    }

    /// Tokens of a text. With `parse_special`, texts of control tokens become those tokens; with `ends`, the tokens
    /// that the model wants around a text are there.
    pub fn tokenize(&self, text: &str, parse_special: bool, ends: bool) -> Vec<i32> {
        self.model.vocab().tokenize(text.as_bytes(), ends, parse_special).into_iter().map(|token| token.0).collect()
    }

    /// Logits after each of `tokens`: one row for each token, one value for each vocabulary entry. F32 key-value
    /// cache, no flash attention. `context_tokens` sizes the context; some models compute otherwise in long ones.
    ///
    /// # Errors
    /// [`ModelError`]: no token, an unknown token, more tokens than the context, failing context or decode.
    pub fn logits(&self, tokens: &[i32], context_tokens: u32) -> Result<Vec<Vec<f32>>, ModelError> {
        self.check(tokens, context_tokens)?;
        let params = params(context_tokens, tokens.len()).with_type_k(KvCacheType::F32).with_type_v(KvCacheType::F32);
        let mut context = self.context(params)?;
        let mut batch = batch(tokens)?;
        context.decode(&mut batch).map_err(failed)?;
        Ok((0..tokens.len()).map(|row| context.get_logits_ith(row as i32).to_vec()).collect())
    }

    /// The vector of a text that is given as tokens, pooled as the model wants it; not normalized.
    ///
    /// # Errors
    /// As [`BareModel::logits`], and a model that does not pool.
    pub fn embed(&self, tokens: &[i32]) -> Result<Vec<f32>, ModelError> {
        let context_tokens = self.model.n_ctx_train();
        self.check(tokens, context_tokens)?;
        let params = params(context_tokens, tokens.len()).with_embeddings(true);
        let mut context = self.context(params)?;
        let mut batch = batch(tokens)?;
        context.encode(&mut batch).map_err(failed)?;
        context.embeddings_seq_ith(0).map(<[f32]>::to_vec).map_err(failed)
    }

    fn context(&self, params: LlamaContextParams) -> Result<LlamaContext<'_>, ModelError> {
        let context_tokens = params.n_ctx().map_or(0, NonZeroU32::get);
        let backend = backend()?;
        let _making = construction();
        self.model
            .new_context(backend, params)
            .map_err(|error| ModelError::Context { context_tokens, reason: error.to_string() })
    }

    /// llama.cpp would end the process on some of these.
    fn check(&self, tokens: &[i32], context_tokens: u32) -> Result<(), ModelError> {
        let vocabulary = self.model.n_vocab();
        if tokens.is_empty() {
            return Err(ModelError::Tokens("there are none".to_owned()));
        }
        if tokens.len() > context_tokens as usize {
            return Err(ModelError::PromptTooLong { needed: tokens.len(), available: context_tokens as usize });
        }
        match tokens.iter().find(|token| !(0..vocabulary).contains(*token)) {
            Some(token) => Err(ModelError::Tokens(format!("token {token} is outside the vocabulary of {vocabulary}"))),
            None => Ok(()),
        }
    }
}

/// One sequence in one batch, which encoders and exact figures want.
fn params(context_tokens: u32, tokens: usize) -> LlamaContextParams {
    let batch = u32::try_from(tokens).unwrap_or(u32::MAX);
    LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(context_tokens))
        .with_n_batch(batch)
        .with_n_ubatch(batch)
        .with_flash_attention_policy(LLAMA_FLASH_ATTN_TYPE_DISABLED)
        .with_no_perf(true)
}

fn batch(tokens: &[i32]) -> Result<LlamaBatch<'static>, ModelError> {
    let mut batch = LlamaBatch::new(tokens.len(), 1);
    for (index, token) in tokens.iter().enumerate() {
        batch.add(LlamaToken::new(*token), index as i32, &[0], true).map_err(failed)?;
    }
    Ok(batch)
}

fn failed(error: impl std::fmt::Display) -> ModelError {
    ModelError::Decode(error.to_string())
}
