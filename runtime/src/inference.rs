//! Inference: a handle to the one thread on which llama.cpp lives.
//!
//! The thread owns model, contexts and adapters; callers send commands and wait for the reply, so
//! nothing of llama.cpp is ever shared. Contexts are made for one adapter and dropped when it
//! changes, so no cached key or value outlives the adapter that computed it.

mod backend;
mod bare;
mod batch;
mod generate;
mod parity;
mod pieces;
mod prompt;
mod thread;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use serde::Serialize;

use crate::error::ModelError;
use thread::Command;

pub use backend::gpu_name;
pub(crate) use backend::{backend, construction};
pub use bare::BareModel;
pub(crate) use generate::loss;
pub(crate) use thread::useful_threads;

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

/// How to load a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InferenceSettings {
    /// Tokens of question and answer together; limited by what the model was trained for.
    pub context_tokens: u32,
    /// Most tokens per decode step.
    pub batch_tokens: u32,
    /// Most tokens that are computed at once; sizes the compute buffers.
    pub micro_batch_tokens: u32,
    /// Threads of llama.cpp; 0 takes the physical cores.
    pub threads: u32,
    /// Layers on the GPU, where the build has one.
    pub gpu_layers: u32,
    /// Number format of the key-value cache.
    pub kv_type: KvType,
}

impl Default for InferenceSettings {
    fn default() -> Self {
        InferenceSettings {
            context_tokens: 2048,
            batch_tokens: 512,
            micro_batch_tokens: 512,
            threads: 0,
            gpu_layers: 0,
            kv_type: KvType::F16,
        }
    }
}

/// What is known of a loaded model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelInfo {
    /// `general.name`, or the file name.
    pub name: String,
    /// Vocabulary size.
    pub vocabulary: usize,
    /// Number of parameters.
    pub parameters: u64,
    /// Tokens of a context, after the model's own limit.
    pub context_tokens: u32,
}

/// How to generate one answer.
#[derive(Debug, Clone)]
pub struct GenerateOptions {
    /// Longest answer in tokens.
    pub max_tokens: usize,
    /// 0 is greedy: the most probable token each time. Above 0, sampling at this temperature.
    pub temperature: f32,
    /// Seed of the sampler.
    pub seed: u64,
    /// Set to true to stop; what was generated is returned.
    pub cancel: Option<Arc<AtomicBool>>,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        GenerateOptions { max_tokens: 128, temperature: 0.0, seed: 0, cancel: None }
    }
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The model ended its turn.
    EndOfTurn,
    /// The token limit.
    Length,
    /// The caller.
    Cancelled,
}

/// A generated answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Generated {
    /// The text, without white space at its ends.
    pub text: String,
    /// Tokens generated, the end of turn not counted.
    pub tokens: usize,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Mean probability that the model gave to the tokens it said; `None` when it said none.
    pub confidence: Option<f32>,
    /// Why it ended.
    pub stop: StopReason,
}

/// Log-likelihood of a text under the model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Perplexity {
    /// Sum of negative log-probabilities in nats.
    pub loss_sum: f64,
    /// Tokens that were predicted.
    pub tokens: usize,
}

impl Perplexity {
    /// `exp` of the mean loss; infinite without tokens.
    pub fn value(&self) -> f64 {
        if self.tokens == 0 { f64::INFINITY } else { (self.loss_sum / self.tokens as f64).exp() }
    }
}

/// Handle to a loaded model. Calls wait for their result; several threads may call, one is served
/// at a time.
pub struct Inference {
    commands: Option<Sender<Command>>,
    thread: Option<JoinHandle<()>>,
    info: ModelInfo,
}

impl Inference {
    /// Loads a GGUF model on a new inference thread.
    ///
    /// # Errors
    /// [`ModelError`]: unreadable or malformed file, unusable chat template, llama.cpp's refusal.
    pub fn load(path: &Path, settings: &InferenceSettings) -> Result<Inference, ModelError> {
        let (commands, inbox) = mpsc::channel();
        let (ready, loaded) = mpsc::channel();
        let (path, settings) = (path.to_path_buf(), settings.clone());
        let thread = std::thread::Builder::new()
            .name("inference".to_owned())
            .spawn(move || thread::run(path, settings, ready, inbox))
            .map_err(|_| ModelError::ThreadGone)?;
        let info = loaded.recv().map_err(|_| ModelError::ThreadGone)??;
        Ok(Inference { commands: Some(commands), thread: Some(thread), info })
    }

    /// What is known of the model.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Uses the adapter file at `adapter` from now on, or none. The caller has validated it.
    ///
    /// # Errors
    /// [`ModelError::Adapter`]; then no adapter is set.
    pub fn set_adapter(&self, adapter: Option<&Path>) -> Result<(), ModelError> {
        let adapter = adapter.map(PathBuf::from);
        self.request(|reply| Command::SetAdapter { adapter, reply })
    }

    /// Answers `question` as the first turn of a chat. `on_piece` sees the text as it grows, in
    /// valid UTF-8.
    ///
    /// # Errors
    /// [`ModelError`]: question longer than the context, failing context or decode.
    pub fn generate(
        &self,
        question: &str,
        options: &GenerateOptions,
        on_piece: &mut dyn FnMut(&str),
    ) -> Result<Generated, ModelError> {
        let (pieces, stream) = mpsc::channel();
        let command =
            |reply| Command::Generate { question: question.to_owned(), options: options.clone(), pieces, reply };
        let result = self.send(command)?;
        for piece in stream {
            on_piece(&piece);
        }
        result.recv().map_err(|_| ModelError::ThreadGone)?
    }

    /// Answers many questions greedily, several at a time in one decode step. `on_progress` sees
    /// answered and all questions after each step; it returns false to stop.
    ///
    /// # Errors
    /// As [`Inference::generate`], and [`ModelError::Cancelled`].
    pub fn answer_batch(
        &self,
        questions: &[String],
        max_tokens: usize,
        on_progress: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Result<Vec<Generated>, ModelError> {
        let (progress, done) = mpsc::channel();
        let command = |reply| Command::AnswerBatch { questions: questions.to_vec(), max_tokens, progress, reply };
        let result = self.send(command)?;
        for answered in &done {
            if !on_progress(answered, questions.len()) {
                // The thread notices the missing listener at its next step.
                break;
            }
        }
        drop(done);
        result.recv().map_err(|_| ModelError::ThreadGone)?
    }

    /// Logits that follow `tokens`, one per vocabulary entry, with the adapter that is set.
    /// Computed for comparisons: F32 key-value cache, no flash attention.
    ///
    /// # Errors
    /// [`ModelError`]: no token, unknown token, more tokens than the context, failing decode.
    pub fn logits(&self, tokens: &[i32]) -> Result<Vec<f32>, ModelError> {
        let tokens = tokens.to_vec();
        self.request(|reply| Command::Logits { tokens, reply })
    }

    /// Perplexity of `tokens` in windows of the context, with the adapter that is set. The first
    /// token of each window is given, not predicted.
    ///
    /// # Errors
    /// As [`Inference::logits`].
    pub fn perplexity(&self, tokens: &[i32]) -> Result<Perplexity, ModelError> {
        let tokens = tokens.to_vec();
        self.request(|reply| Command::Perplexity { tokens, reply })
    }

    /// Tokens of a text. Without `parse_special`, text that looks like a special token stays text.
    /// No token is added at the ends.
    ///
    /// # Errors
    /// [`ModelError::ThreadGone`].
    pub fn tokenize(&self, text: &str, parse_special: bool) -> Result<Vec<i32>, ModelError> {
        let text = text.to_owned();
        self.request(|reply| Command::Tokenize { text, parse_special, reply })
    }

    /// Tokens of the whole prompt that asks `question`, chat template included.
    ///
    /// # Errors
    /// [`ModelError::Template`].
    pub fn prompt_tokens(&self, question: &str) -> Result<Vec<i32>, ModelError> {
        let question = question.to_owned();
        self.request(|reply| Command::PromptTokens { question, reply })
    }

    fn request<T>(&self, command: impl FnOnce(Sender<Result<T, ModelError>>) -> Command) -> Result<T, ModelError> {
        self.send(command)?.recv().map_err(|_| ModelError::ThreadGone)?
    }

    fn send<T>(
        &self,
        command: impl FnOnce(Sender<Result<T, ModelError>>) -> Command,
    ) -> Result<Receiver<Result<T, ModelError>>, ModelError> {
        let (reply, result) = mpsc::channel();
        let commands = self.commands.as_ref().ok_or(ModelError::ThreadGone)?;
        commands.send(command(reply)).map_err(|_| ModelError::ThreadGone)?;
        Ok(result)
    }
}

impl Drop for Inference {
    fn drop(&mut self) {
        // Closing the channel ends the thread; waiting for it frees the model before we return.
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has reported ThreadGone to whoever waited.
            let _ = thread.join();
        }
    }
}
