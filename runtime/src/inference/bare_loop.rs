//! llama.cpp without anything around it: the peer that benchmarks compare with.
//!
//! A batch is filled and computed, as llama.cpp's own benchmark does it; no text, no choice, no thread of its own.

use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use llama_cpp_2::token::LlamaToken;

use super::InferenceSettings;
use super::context::{Batch, Context, ContextSettings};
use super::offload::place;
use super::thread::{load_model, useful_threads};
use crate::error::ModelError;
use crate::model::open_sound;

/// A model and one sequence of it.
pub struct BareLoop {
    context: Context,
    batch: Batch,
    position: usize,
}

impl BareLoop {
    /// Loads a model with the same threads, steps and key-value cache as [`Inference`](super::Inference) takes.
    ///
    /// # Errors
    /// [`ModelError`]: a file that cannot be read or is malformed, llama.cpp's refusal.
    pub fn load(path: &Path, settings: &InferenceSettings) -> Result<BareLoop, ModelError> {
        let file = open_sound(path)?;
        let model = Rc::new(load_model(path, place(&file, settings)?.layers)?);
        let settings = ContextSettings {
            tokens: settings.context_tokens,
            batch_tokens: settings.batch_tokens,
            micro_batch_tokens: settings.micro_batch_tokens,
            sequences: 1,
            // llama.cpp's own choice.
            outputs: 0,
            threads: useful_threads(file.file_bytes(), settings.threads),
            kv_type: settings.kv_type.number(),
            flash_attention: true,
            embeddings: false,
        };
        let context = Context::new(&model, &settings, Vec::new())?;
        let batch = Batch::new(context.batch_tokens());
        Ok(BareLoop { context, batch, position: 0 })
    }

    /// Forgets everything and computes a prompt; gives the seconds.
    ///
    /// # Errors
    /// [`ModelError`]: no room, failing decode.
    pub fn prompt(&mut self, tokens: &[i32]) -> Result<f64, ModelError> {
        self.context.clear();
        self.position = 0;
        self.go_on(tokens)
    }

    /// Computes further tokens at once; gives the seconds.
    ///
    /// # Errors
    /// As [`BareLoop::prompt`].
    pub fn go_on(&mut self, tokens: &[i32]) -> Result<f64, ModelError> {
        let started = Instant::now();
        let end = self.position + tokens.len();
        for chunk in tokens.chunks(self.context.batch_tokens()) {
            self.batch.clear();
            for token in chunk {
                self.batch.add(LlamaToken::new(*token), self.position, 0, self.position + 1 == end)?;
                self.position += 1;
            }
            self.context.decode(&self.batch)?;
        }
        // Where the computing goes on after the call, this waits for it.
        self.context.logits(self.batch.len() - 1)?;
        Ok(started.elapsed().as_secs_f64())
    }

    /// Computes tokens one by one, as they would be said; gives the seconds.
    ///
    /// # Errors
    /// As [`BareLoop::prompt`].
    pub fn say(&mut self, tokens: &[i32]) -> Result<f64, ModelError> {
        let mut seconds = 0.0;
        for token in tokens {
            seconds += self.go_on(std::slice::from_ref(token))?;
        }
        Ok(seconds)
    }
}
