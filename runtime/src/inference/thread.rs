//! The inference thread: it owns the model, its adapters and every context.
//!
//! A context borrows the model, and loading an adapter needs the model alone, so the thread works
//! in rounds: outside a context it may load adapters; a chat context lives only as long as chat
//! questions follow each other; batches and comparisons make a context for themselves. A context
//! is given its adapter when it is made and never another one.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender};

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::{KvCacheType, LlamaContextParams};
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::model::{LlamaLoraAdapter, LlamaModel};
use llama_cpp_2::token::LlamaToken;
use llama_cpp_sys_2::{LLAMA_FLASH_ATTN_TYPE_AUTO, LLAMA_FLASH_ATTN_TYPE_DISABLED};

use super::backend::{backend, construction};
use super::prompt::ChatPrompt;
use super::{GenerateOptions, Generated, InferenceSettings, KvType, ModelInfo, Perplexity, batch, generate, parity};
use crate::error::ModelError;
use crate::model::open_sound;
use crate::probe::physical_cores;

/// Adapters that stay in memory. The binding cannot free one, so at this number the model is
/// loaded anew, which frees them all.
const RESIDENT_ADAPTERS_MAX: usize = 8;

/// Weights that make a further thread worth it. Threads wait for each other after every operation;
/// with little work in each, the waiting costs more than the help, and far more on a busy machine.
const BYTES_PER_THREAD: usize = 32 << 20;

pub(super) type Reply<T> = Sender<Result<T, ModelError>>;

/// What the thread can be asked for.
pub(super) enum Command {
    SetAdapter { adapter: Option<PathBuf>, reply: Reply<()> },
    Generate { question: String, options: GenerateOptions, pieces: Sender<String>, reply: Reply<Generated> },
    AnswerBatch { questions: Vec<String>, max_tokens: usize, progress: Sender<usize>, reply: Reply<Vec<Generated>> },
    Logits { tokens: Vec<i32>, reply: Reply<Vec<f32>> },
    Perplexity { tokens: Vec<i32>, reply: Reply<Perplexity> },
    Tokenize { text: String, parse_special: bool, reply: Reply<Vec<i32>> },
    PromptTokens { question: String, reply: Reply<Vec<i32>> },
}

/// What a context is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// One conversation.
    Chat,
    /// Several sequences of at most this many tokens each.
    Batch { sequences: u32, tokens_each: u32 },
    /// Exact figures over this many tokens.
    Exact { tokens: u32 },
}

/// Loads the model, reports, and serves commands until every sender is gone.
pub(super) fn run(
    path: PathBuf,
    settings: InferenceSettings,
    ready: Sender<Result<ModelInfo, ModelError>>,
    inbox: Receiver<Command>,
) {
    let mut engine = match Engine::load(path, settings) {
        Ok(engine) => engine,
        Err(error) => {
            // A caller that is gone needs no answer, here and below.
            let _ = ready.send(Err(error));
            return;
        }
    };
    let _ = ready.send(Ok(engine.info()));
    let mut waiting: Option<Command> = None;
    while let Some(command) = waiting.take().or_else(|| inbox.recv().ok()) {
        match command {
            Command::SetAdapter { adapter, reply } => {
                let _ = reply.send(engine.set_adapter(adapter));
            }
            Command::Generate { .. } => waiting = engine.chat(command, &inbox),
            other => engine.serve(other),
        }
    }
}

/// Everything that the thread owns.
pub(super) struct Engine {
    path: PathBuf,
    pub(super) settings: InferenceSettings,
    pub(super) model: LlamaModel,
    pub(super) prompt: ChatPrompt,
    adapters: HashMap<PathBuf, LlamaLoraAdapter>,
    active: Option<PathBuf>,
}

impl Engine {
    fn load(path: PathBuf, mut settings: InferenceSettings) -> Result<Engine, ModelError> {
        // Before C reads it: every count, shape and offset lies inside the file.
        let file = open_sound(&path)?;
        settings.threads = useful_threads(file.file_bytes(), settings.threads);
        let model = load_model(&path, &settings)?;
        let prompt = ChatPrompt::new(&file, &model)?;
        let trained_for = model.n_ctx_train();
        if trained_for > 0 {
            settings.context_tokens = settings.context_tokens.min(trained_for);
        }
        settings.batch_tokens = settings.batch_tokens.clamp(1, settings.context_tokens.max(1));
        Ok(Engine { path, settings, model, prompt, adapters: HashMap::new(), active: None })
    }

    fn info(&self) -> ModelInfo {
        let file_name = || self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned();
        ModelInfo {
            name: self.model.meta_val_str("general.name").unwrap_or_else(|_| file_name()),
            vocabulary: usize::try_from(self.model.n_vocab()).unwrap_or(0),
            parameters: self.model.n_params(),
            context_tokens: self.settings.context_tokens,
        }
    }

    fn set_adapter(&mut self, adapter: Option<PathBuf>) -> Result<(), ModelError> {
        self.active = None;
        let Some(path) = adapter else { return Ok(()) };
        if !self.adapters.contains_key(&path) {
            if self.adapters.len() >= RESIDENT_ADAPTERS_MAX {
                self.adapters.clear();
                self.model = load_model(&self.path, &self.settings)?;
            }
            let refused = |reason: String| ModelError::Adapter { path: path.clone(), reason };
            if !path.exists() {
                return Err(refused("the file is missing".to_owned()));
            }
            let _making = construction();
            let loaded = self
                .model
                .lora_adapter_init(&path)
                .map_err(|error| refused(format!("{error}; its tensors do not fit the model")))?;
            self.adapters.insert(path.clone(), loaded);
        }
        self.active = Some(path);
        Ok(())
    }

    /// Answers questions one after the other in one context; returns the first command that needs
    /// the model without it.
    fn chat(&mut self, first: Command, inbox: &Receiver<Command>) -> Option<Command> {
        let Engine { model, settings, prompt, adapters, active, .. } = self;
        let mut context = Err(ModelError::ThreadGone);
        let mut next = Some(first);
        while let Some(command) = next {
            match command {
                Command::Generate { question, options, pieces, reply } => {
                    if context.is_err() {
                        context = new_context(model, settings, adapters, active, Purpose::Chat);
                    }
                    let answer = match &mut context {
                        Ok(context) => generate::generate(model, prompt, context, &question, &options, &pieces),
                        Err(error) => Err(std::mem::replace(error, ModelError::ThreadGone)),
                    };
                    // The listener waits for the end of the pieces before it takes the reply.
                    drop(pieces);
                    let _ = reply.send(answer);
                }
                Command::Tokenize { text, parse_special, reply } => {
                    let _ = reply.send(Ok(tokenize(model, &text, parse_special)));
                }
                Command::PromptTokens { question, reply } => {
                    let _ = reply.send(prompt.tokens(model, &question).map(numbers_of));
                }
                other => return Some(other),
            }
            next = inbox.recv().ok();
        }
        None
    }

    /// Commands that need no context, or one of their own.
    fn serve(&mut self, command: Command) {
        match command {
            Command::AnswerBatch { questions, max_tokens, progress, reply } => {
                let answers = batch::answer(self, &questions, max_tokens, &progress);
                drop(progress);
                let _ = reply.send(answers);
            }
            Command::Logits { tokens, reply } => {
                let _ = reply.send(parity::logits(self, &tokens));
            }
            Command::Perplexity { tokens, reply } => {
                let _ = reply.send(parity::perplexity(self, &tokens));
            }
            Command::Tokenize { text, parse_special, reply } => {
                let _ = reply.send(Ok(tokenize(&self.model, &text, parse_special)));
            }
            Command::PromptTokens { question, reply } => {
                let _ = reply.send(self.prompt.tokens(&self.model, &question).map(numbers_of));
            }
            Command::SetAdapter { adapter, reply } => {
                let _ = reply.send(self.set_adapter(adapter));
            }
            Command::Generate { reply, .. } => {
                let _ = reply.send(Err(ModelError::ThreadGone));
            }
        }
    }

    /// A new context with the active adapter.
    pub(super) fn context(
        &mut self,
        purpose: Purpose,
    ) -> Result<(LlamaContext<'_>, &LlamaModel, &ChatPrompt), ModelError> {
        let Engine { model, settings, prompt, adapters, active, .. } = self;
        let context = new_context(model, settings, adapters, active, purpose)?;
        Ok((context, model, prompt))
    }
}

/// Threads for a model of this size, at most those `asked` for; 0 asks for the physical cores.
pub(crate) fn useful_threads(file_bytes: usize, asked: u32) -> u32 {
    let asked = if asked == 0 { u32::try_from(physical_cores()).unwrap_or(1) } else { asked };
    let useful = u32::try_from(file_bytes / BYTES_PER_THREAD).unwrap_or(u32::MAX);
    asked.clamp(1, useful.max(1))
}

fn load_model(path: &Path, settings: &InferenceSettings) -> Result<LlamaModel, ModelError> {
    let backend = backend()?;
    let layers = if backend.supports_gpu_offload() { settings.gpu_layers } else { 0 };
    let params = LlamaModelParams::default().with_n_gpu_layers(layers);
    let _making = construction();
    LlamaModel::load_from_file(backend, path, &params)
        .map_err(|error| ModelError::Load { path: path.to_path_buf(), reason: error.to_string() })
}

fn new_context<'model>(
    model: &'model LlamaModel,
    settings: &InferenceSettings,
    adapters: &mut HashMap<PathBuf, LlamaLoraAdapter>,
    active: &Option<PathBuf>,
    purpose: Purpose,
) -> Result<LlamaContext<'model>, ModelError> {
    let (tokens, batch_tokens, sequences, exact) = match purpose {
        Purpose::Chat => (settings.context_tokens, settings.batch_tokens, 1, false),
        Purpose::Batch { sequences, tokens_each } => {
            (sequences.saturating_mul(tokens_each), settings.batch_tokens, sequences, false)
        }
        Purpose::Exact { tokens } => (tokens, settings.batch_tokens.min(tokens), 1, true),
    };
    let kv_type = match settings.kv_type {
        _ if exact => KvCacheType::F32,
        KvType::F32 => KvCacheType::F32,
        KvType::F16 => KvCacheType::F16,
        KvType::Q8_0 => KvCacheType::Q8_0,
    };
    let attention = if exact { LLAMA_FLASH_ATTN_TYPE_DISABLED } else { LLAMA_FLASH_ATTN_TYPE_AUTO };
    let threads = i32::try_from(settings.threads).unwrap_or(1).max(1);
    let params = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(tokens))
        .with_n_batch(batch_tokens)
        .with_n_ubatch(batch_tokens.min(settings.micro_batch_tokens.max(1)))
        .with_n_seq_max(sequences)
        .with_n_threads(threads)
        .with_n_threads_batch(threads)
        .with_type_k(kv_type)
        .with_type_v(kv_type)
        .with_flash_attention_policy(attention)
        .with_no_perf(true);
    let refused = |reason: String| ModelError::Context { context_tokens: tokens, reason };
    let _making = construction();
    let mut context = model.new_context(backend()?, params).map_err(|error| refused(error.to_string()))?;
    if let Some(path) = active {
        let adapter = adapters
            .get_mut(path)
            .ok_or_else(|| ModelError::Adapter { path: path.clone(), reason: "it is not loaded".to_owned() })?;
        context
            .lora_adapter_set(adapter, 1.0)
            .map_err(|error| ModelError::Adapter { path: path.clone(), reason: error.to_string() })?;
    }
    Ok(context)
}

fn tokenize(model: &LlamaModel, text: &str, parse_special: bool) -> Vec<i32> {
    numbers_of(model.vocab().tokenize(text.as_bytes(), false, parse_special))
}

fn numbers_of(tokens: Vec<LlamaToken>) -> Vec<i32> {
    tokens.into_iter().map(|token| token.0).collect()
}
