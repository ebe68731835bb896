//! Inference: a handle to the one thread on which llama.cpp lives.
//!
//! The thread owns model, contexts and adapters; callers send commands and wait for the reply, so
//! nothing of llama.cpp is ever shared. What was computed with some adapters is never used with others.

mod adapters;
mod answer;
mod backend;
mod bare;
mod bare_loop;
mod batch;
mod constraint;
mod context;
mod conversation;
mod encoder;
mod generate;
mod memory;
mod offload;
mod parity;
mod pieces;
mod prefixes;
mod probability;
mod prompt;
mod request;
mod settings;
mod speculation;
mod thread;

use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use serde_json::Value;

use crate::error::ModelError;
use thread::{Beginning, Command};

pub use adapters::AdapterSetting;
pub use backend::gpu_name;
pub(crate) use backend::{backend, construction};
pub use bare::BareModel;
pub use bare_loop::BareLoop;
pub use constraint::Constraint;
pub use encoder::{Embedding, Encoder, EncoderInfo, RerankScore};
pub use halligan_finetune::chat::Message;
pub(crate) use memory::fit as fit_context;
pub(crate) use probability::loss;
pub(crate) use prompt::shows_tools;
pub use request::{
    BatchRequest, ChatRequest, GenerateOptions, Generated, Perplexity, Piece, SaidToken, ScoredToken, StopReason,
    Timings, TokenChoice,
};
pub use settings::{InferenceSettings, KvType, ModelInfo};
pub use speculation::Speculation;
pub(crate) use thread::useful_threads;

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
        let setting = |path: &Path| AdapterSetting { path: path.to_path_buf(), scale: 1.0 };
        self.set_adapters(adapter.map(setting).into_iter().collect())
    }

    /// Uses these adapters together from now on, each at its scale, and no other. Eight stay in memory, so that
    /// switching between them reads no file. At scale 0 an adapter changes not a bit of the base's logits.
    ///
    /// # Errors
    /// [`ModelError::Adapter`]; then no adapter is set.
    pub fn set_adapters(&self, adapters: Vec<AdapterSetting>) -> Result<(), ModelError> {
        self.request(|reply| Command::SetAdapters { adapters, reply })
    }

    /// Tries drafts from now on, or not.
    ///
    /// # Errors
    /// [`ModelError::ThreadGone`].
    pub fn set_speculation(&self, speculation: Speculation) -> Result<(), ModelError> {
        self.request(|reply| Command::SetSpeculation { speculation, reply })
    }

    /// Answers `question` as the first turn of a chat. `on_piece` sees the text as it grows, in
    /// valid UTF-8.
    ///
    /// # Errors
    /// As [`Inference::chat`].
    pub fn generate(
        &self,
        question: &str,
        options: &GenerateOptions,
        on_piece: &mut dyn FnMut(&Piece),
    ) -> Result<Generated, ModelError> {
        self.chat(&ChatRequest::question(question, options), on_piece)
    }

    /// Says the next turn of a conversation. `on_piece` sees the text as it grows, in valid UTF-8. What the
    /// conversation shares with the one before is not computed again.
    ///
    /// # Errors
    /// [`ModelError`]: conversation longer than the context, template that refuses it, values out of range, failing
    /// context or decode.
    pub fn chat(&self, request: &ChatRequest, on_piece: &mut dyn FnMut(&Piece)) -> Result<Generated, ModelError> {
        let ChatRequest { messages, tools, options } = request.clone();
        self.go_on(Beginning::Chat { messages, tools }, &options, on_piece)
    }

    /// Goes on from `tokens`, without a chat template.
    ///
    /// # Errors
    /// As [`Inference::chat`], and unknown tokens.
    pub fn complete(
        &self,
        tokens: &[i32],
        options: &GenerateOptions,
        on_piece: &mut dyn FnMut(&Piece),
    ) -> Result<Generated, ModelError> {
        self.go_on(Beginning::Tokens(tokens.to_vec()), options, on_piece)
    }

    fn go_on(
        &self,
        beginning: Beginning,
        options: &GenerateOptions,
        on_piece: &mut dyn FnMut(&Piece),
    ) -> Result<Generated, ModelError> {
        let (pieces, stream) = mpsc::channel();
        let options = Box::new(options.clone());
        let result = self.send(|reply| Command::Generate { beginning, options, pieces, reply })?;
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
        let options = GenerateOptions { max_tokens, ..GenerateOptions::default() };
        let request = |question: &String| BatchRequest { question: question.clone(), options: options.clone() };
        let requests = questions.iter().map(request).collect();
        self.generate_batch(requests, on_progress)?.into_iter().collect()
    }

    /// Answers many prompts, each with its own options, several at a time in one decode step. Results are in the
    /// order of the requests; one that cannot be answered has its own error, in its place. `on_progress` sees done
    /// and all requests after each step; it returns false to stop.
    ///
    /// The same requests give the same results. A request alone is chosen from the same seed, but sums are rounded in
    /// another order when sequences share a step, which may turn a tie.
    ///
    /// # Errors
    /// [`ModelError`]: failing context or decode, which no request outlives, and [`ModelError::Cancelled`].
    pub fn generate_batch(
        &self,
        requests: Vec<BatchRequest>,
        on_progress: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Result<Vec<Result<Generated, ModelError>>, ModelError> {
        let (progress, done) = mpsc::channel();
        let total = requests.len();
        let result = self.send(|reply| Command::GenerateBatch { requests, progress, reply })?;
        for answered in &done {
            if !on_progress(answered, total) {
                // The thread notices the missing listener at its next step.
                break;
            }
        }
        drop(done);
        result.recv().map_err(|_| ModelError::ThreadGone)?
    }

    /// Logits that follow `tokens`, one per vocabulary entry, with the adapters that are set.
    /// Computed for comparisons: F32 key-value cache, no flash attention.
    ///
    /// # Errors
    /// [`ModelError`]: no token, unknown token, more tokens than the context, failing decode.
    pub fn logits(&self, tokens: &[i32]) -> Result<Vec<f32>, ModelError> {
        let tokens = tokens.to_vec();
        self.request(|reply| Command::Logits { tokens, reply })
    }

    /// Perplexity of `tokens` in windows of the context, with the adapters that are set. The first
    /// token of each window is given, not predicted.
    ///
    /// # Errors
    /// As [`Inference::logits`].
    pub fn perplexity(&self, tokens: &[i32]) -> Result<Perplexity, ModelError> {
        let tokens = tokens.to_vec();
        self.request(|reply| Command::Perplexity { tokens, reply })
    }

    /// Log-probability of each of `tokens` given those before it, with the adapters that are set, and the
    /// `alternatives` most probable tokens at each place. Computed for comparisons, as [`Inference::logits`].
    ///
    /// # Errors
    /// As [`Inference::logits`], and more than [`GenerateOptions::ALTERNATIVES_MAX`] alternatives.
    pub fn score(&self, tokens: &[i32], alternatives: usize) -> Result<Vec<ScoredToken>, ModelError> {
        let tokens = tokens.to_vec();
        self.request(|reply| Command::Score { tokens, alternatives, reply })
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

    /// The bytes of `tokens`, special tokens as their texts.
    ///
    /// # Errors
    /// [`ModelError::Tokens`] for unknown ones.
    pub fn detokenize(&self, tokens: &[i32]) -> Result<Vec<u8>, ModelError> {
        let tokens = tokens.to_vec();
        self.request(|reply| Command::Detokenize { tokens, reply })
    }

    /// Tokens of the whole prompt that asks `question`, chat template included.
    ///
    /// # Errors
    /// [`ModelError::Template`].
    pub fn prompt_tokens(&self, question: &str) -> Result<Vec<i32>, ModelError> {
        self.chat_tokens(&[Message::new("user", question.trim())], &[])
    }

    /// Checks that a question without history and an answer of `answer_tokens` fit the context.
    ///
    /// # Errors
    /// [`ModelError::PromptTooLong`], [`ModelError::NoChat`], [`ModelError::Template`].
    pub fn check_room(&self, question: &str, answer_tokens: usize) -> Result<(), ModelError> {
        generate::check_fits(self.prompt_tokens(question)?.len(), answer_tokens, self.info().context_tokens as usize)
    }

    /// Tokens of the whole prompt of a conversation, chat template included; for whoever must know whether it fits.
    ///
    /// # Errors
    /// [`ModelError::Template`].
    pub fn chat_tokens(&self, messages: &[Message], tools: &[Value]) -> Result<Vec<i32>, ModelError> {
        let beginning = Beginning::Chat { messages: messages.to_vec(), tools: tools.to_vec() };
        self.request(|reply| Command::PromptTokens { beginning, reply })
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
