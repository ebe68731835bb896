//! The inference thread: it owns the model, its adapters and every context.
//!
//! One context lives as long as the conversation in it; batches and comparisons make one for themselves. A context
//! knows which adapters computed what it holds, and forgets it when others are set.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender};

use halligan_finetune::chat::Message;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::adapters::Adapters;
use super::backend::{backend, construction, llama_version};
use super::constraint::Constraints;
use super::context::{Context, ContextSettings};
use super::conversation::{Answers, Conversation};
use super::generate::{Voice, generate};
use super::offload::place;
use super::prefixes::{Prefixes, fingerprint};
use super::prompt::{ChatPrompt, Prompt};
use super::speculation::DRAFT_MAX;
use super::{
    AdapterSetting, BatchRequest, GenerateOptions, Generated, InferenceSettings, KvType, ModelInfo, Perplexity, Piece,
    ScoredToken, batch, memory, parity,
};
use crate::error::ModelError;
use crate::model::open_model;
use crate::probe::physical_cores;

/// Weights that make a further thread worth it. Threads wait for each other after every operation;
/// with little work in each, the waiting costs more than the help, and far more on a busy machine.
const BYTES_PER_THREAD: usize = 32 << 20;

pub(super) type Reply<T> = Sender<Result<T, ModelError>>;

/// What an answer goes on from.
pub(super) enum Beginning {
    Chat { messages: Vec<Message>, tools: Vec<Value> },
    Tokens(Vec<i32>),
}

/// What the thread can be asked for.
pub(super) enum Command {
    SetAdapters {
        adapters: Vec<AdapterSetting>,
        reply: Reply<()>,
    },
    Generate {
        beginning: Beginning,
        options: Box<GenerateOptions>,
        pieces: Sender<Piece>,
        reply: Reply<Generated>,
    },
    GenerateBatch {
        requests: Vec<BatchRequest>,
        progress: Sender<usize>,
        reply: Reply<Vec<Result<Generated, ModelError>>>,
    },
    Logits {
        tokens: Vec<i32>,
        reply: Reply<Vec<f32>>,
    },
    Perplexity {
        tokens: Vec<i32>,
        reply: Reply<Perplexity>,
    },
    Score {
        tokens: Vec<i32>,
        alternatives: usize,
        reply: Reply<Vec<ScoredToken>>,
    },
    Tokenize {
        text: String,
        parse_special: bool,
        reply: Reply<Vec<i32>>,
    },
    Detokenize {
        tokens: Vec<i32>,
        reply: Reply<Vec<u8>>,
    },
    PromptTokens {
        beginning: Beginning,
        reply: Reply<Vec<i32>>,
    },
    SetSpeculation {
        speculation: super::Speculation,
        reply: Reply<()>,
    },
}

/// What a context is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// One conversation.
    Chat,
    /// Several sequences of at most this many tokens each.
    Batch { sequences: u32, tokens_each: u32 },
    /// Exact figures over this many tokens, in steps of at most `outputs` rows of logits.
    Exact { tokens: u32, outputs: u32 },
}

/// Loads the model, reports, and serves commands until every sender is gone.
pub(super) fn run(
    path: PathBuf,
    settings: InferenceSettings,
    ready: Sender<Result<ModelInfo, ModelError>>,
    inbox: Receiver<Command>,
) {
    let (mut engine, info) = match Engine::load(path, settings) {
        Ok(loaded) => loaded,
        Err(error) => {
            // A caller that is gone needs no answer, here and below.
            let _ = ready.send(Err(error));
            return;
        }
    };
    let _ = ready.send(Ok(info));
    while let Ok(command) = inbox.recv() {
        engine.serve(command);
    }
}

/// Everything that the thread owns.
pub(super) struct Engine {
    path: PathBuf,
    pub(super) settings: InferenceSettings,
    conversation: Option<Conversation>,
    adapters: Adapters,
    pub(super) model: Rc<LlamaModel>,
    /// The chat template; none where the model was not made for conversations.
    prompt: Option<ChatPrompt>,
    pub(super) constraints: Rc<Constraints>,
    answers: Answers,
    prefixes: Option<Prefixes>,
}

impl Engine {
    fn load(path: PathBuf, mut settings: InferenceSettings) -> Result<(Engine, ModelInfo), ModelError> {
        // Before C reads it: every count, shape and offset lies inside the file.
        let file = open_model(&path)?;
        settings.threads = useful_threads(file.file_bytes(), settings.threads);
        let trained_for = memory::trained_context(&file);
        let context_note = memory::fit(&file, &mut settings).map(|shortened| shortened.note);
        if let Some(note) = &context_note {
            tracing::warn!("{note}");
        }
        let placement = place(&file, &settings)?;
        settings.gpu_layers = placement.layers;
        let model = Rc::new(load_model(&path, settings.gpu_layers)?);
        let prompt = match file.find_str("tokenizer.chat_template") {
            Ok(None) => None,
            _ => Some(ChatPrompt::new(&file, &model)?),
        };
        settings.batch_tokens = settings.batch_tokens.clamp(1, settings.context_tokens.max(1));
        let vocabulary = model.vocab();
        let token = |token: LlamaToken| (token.0 >= 0).then_some(token.0);
        let file_name = || path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let info = ModelInfo {
            name: model.meta_val_str("general.name").unwrap_or_else(|_| file_name()),
            architecture: model.meta_val_str("general.architecture").unwrap_or_default(),
            vocabulary: usize::try_from(model.n_vocab()).unwrap_or(0),
            parameters: model.n_params(),
            context_tokens: settings.context_tokens,
            trained_context_tokens: trained_for.unwrap_or(0),
            context_note,
            device: placement.device,
            begin_token: token(vocabulary.bos()),
            end_token: token(vocabulary.eos()),
            adds_begin_token: vocabulary.should_add_bos(),
            chat_template: prompt.as_ref().map(|prompt| prompt.source().to_owned()),
            takes_tools: prompt.as_ref().is_some_and(ChatPrompt::takes_tools),
        };
        let prefixes = settings.prefix_folder.clone().and_then(|folder| {
            let identity = identity(&path, &settings, prompt.as_ref()?);
            Some(Prefixes::new(folder, identity.ok()?))
        });
        let engine = Engine {
            path,
            settings,
            conversation: None,
            adapters: Adapters::default(),
            model,
            prompt,
            constraints: Rc::default(),
            answers: Answers::default(),
            prefixes,
        };
        Ok((engine, info))
    }

    fn serve(&mut self, command: Command) {
        match command {
            Command::SetAdapters { adapters, reply } => {
                let _ = reply.send(self.set_adapters(&adapters));
            }
            Command::Generate { beginning, options, pieces, reply } => {
                let answer = self.generate(&beginning, &options, &pieces);
                // The listener waits for the end of the pieces before it takes the reply.
                drop(pieces);
                let _ = reply.send(answer);
            }
            Command::GenerateBatch { requests, progress, reply } => {
                let answers = batch::answer(self, &requests, &progress);
                drop(progress);
                let _ = reply.send(answers);
            }
            Command::Logits { tokens, reply } => {
                let _ = reply.send(parity::logits(self, &tokens));
            }
            Command::Perplexity { tokens, reply } => {
                let _ = reply.send(parity::perplexity(self, &tokens));
            }
            Command::Score { tokens, alternatives, reply } => {
                let _ = reply.send(parity::score(self, &tokens, alternatives));
            }
            Command::Tokenize { text, parse_special, reply } => {
                let tokens = self.model.vocab().tokenize(text.as_bytes(), false, parse_special);
                let _ = reply.send(Ok(numbers_of(tokens)));
            }
            Command::Detokenize { tokens, reply } => {
                let _ = reply.send(self.detokenize(&tokens));
            }
            Command::PromptTokens { beginning, reply } => {
                let _ = reply.send(self.prompt(&beginning).map(|prompt| numbers_of(prompt.tokens)));
            }
            Command::SetSpeculation { speculation, reply } => {
                self.settings.speculation = speculation;
                let _ = reply.send(Ok(()));
            }
        }
    }

    /// The next conversation answers with these adapters; what the last one computed with others is forgotten.
    fn set_adapters(&mut self, wanted: &[AdapterSetting]) -> Result<(), ModelError> {
        let set = self.adapters.set(&self.model, wanted);
        if let Some(conversation) = &mut self.conversation {
            conversation.set_adapters(self.adapters.active(), self.adapters.key())?;
        }
        set
    }

    fn generate(
        &mut self,
        beginning: &Beginning,
        options: &GenerateOptions,
        pieces: &Sender<Piece>,
    ) -> Result<Generated, ModelError> {
        let prompt = self.prompt(beginning)?;
        let conversation = match &mut self.conversation {
            Some(conversation) => conversation,
            none => {
                let context = new_context(&self.model, &self.settings, &self.adapters, Purpose::Chat)?;
                let forgets_parts = !(self.model.is_recurrent() || self.model.is_hybrid());
                none.insert(Conversation::new(context, self.adapters.key(), forgets_parts))
            }
        };
        let voice = Voice {
            model: &self.model,
            constraints: &self.constraints,
            stored: self.prefixes.as_ref(),
            speculation: self.settings.speculation,
        };
        let (answer, said) = generate(&voice, conversation, &prompt, options, pieces)?;
        if matches!(beginning, Beginning::Chat { .. }) {
            self.answers.add(answer.text.trim(), said);
        }
        Ok(answer)
    }

    /// The tokens that an answer goes on from.
    fn prompt(&self, beginning: &Beginning) -> Result<Prompt, ModelError> {
        match beginning {
            Beginning::Chat { messages, tools } => {
                let template = self.prompt.as_ref().ok_or_else(|| ModelError::NoChat { path: self.path.clone() })?;
                template.tokens(&self.model, messages, tools, &|text| self.answers.get(text))
            }
            Beginning::Tokens(tokens) => {
                parity::check(self, tokens)?;
                Ok(Prompt::plain(tokens.iter().copied().map(LlamaToken::new).collect()))
            }
        }
    }

    /// The prompt of a question without history.
    pub(super) fn question(&self, question: &str) -> Result<Prompt, ModelError> {
        let messages = vec![Message::new("user", question.trim())];
        self.prompt(&Beginning::Chat { messages, tools: Vec::new() })
    }

    fn detokenize(&self, tokens: &[i32]) -> Result<Vec<u8>, ModelError> {
        if tokens.is_empty() {
            return Ok(Vec::new());
        }
        parity::check(self, tokens)?;
        let vocabulary = self.model.vocab();
        Ok(tokens.iter().flat_map(|token| vocabulary.token_to_piece(LlamaToken::new(*token), true, None)).collect())
    }

    /// Gives the memory of the conversation back; the next one starts anew.
    pub(super) fn end_conversation(&mut self) {
        self.conversation = None;
    }

    /// A new context with the active adapters.
    pub(super) fn context(&self, purpose: Purpose) -> Result<Context, ModelError> {
        new_context(&self.model, &self.settings, &self.adapters, purpose)
    }
}

/// Threads for a model of this size, at most those `asked` for; 0 asks for the physical cores.
pub(crate) fn useful_threads(file_bytes: usize, asked: u32) -> u32 {
    let asked = if asked == 0 { u32::try_from(physical_cores()).unwrap_or(1) } else { asked };
    let useful = u32::try_from(file_bytes / BYTES_PER_THREAD).unwrap_or(u32::MAX);
    asked.clamp(1, useful.max(1))
}

pub(super) fn load_model(path: &Path, gpu_layers: u32) -> Result<LlamaModel, ModelError> {
    let params = LlamaModelParams::default().with_n_gpu_layers(gpu_layers);
    let backend = backend()?;
    let _making = construction();
    LlamaModel::load_from_file(backend, path, &params)
        .map_err(|error| ModelError::Load { path: path.to_path_buf(), reason: error.to_string() })
}

fn new_context(
    model: &Rc<LlamaModel>,
    settings: &InferenceSettings,
    adapters: &Adapters,
    purpose: Purpose,
) -> Result<Context, ModelError> {
    let (tokens, batch_tokens, sequences, outputs) = match purpose {
        Purpose::Chat => (settings.context_tokens, settings.batch_tokens, 1, DRAFT_MAX as u32 + 1),
        Purpose::Batch { sequences, tokens_each } => {
            (sequences.saturating_mul(tokens_each), settings.batch_tokens, sequences, sequences)
        }
        Purpose::Exact { tokens, outputs } => {
            let batch_tokens = settings.batch_tokens.min(tokens);
            let step = if outputs == 1 { batch_tokens } else { batch_tokens.min(outputs) };
            (tokens, step, 1, outputs.min(step))
        }
    };
    let is_exact = matches!(purpose, Purpose::Exact { .. });
    let kv_type = if is_exact { KvType::F32 } else { settings.kv_type };
    let settings = ContextSettings {
        tokens,
        batch_tokens,
        micro_batch_tokens: settings.micro_batch_tokens,
        sequences,
        outputs,
        threads: settings.threads,
        kv_type: kv_type.number(),
        flash_attention: !is_exact,
        embeddings: false,
    };
    Context::new(model, &settings, adapters.active())
}

/// Hash of everything beside adapters and tokens that the state of a prompt depends on.
fn identity(path: &Path, settings: &InferenceSettings, prompt: &ChatPrompt) -> std::io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    hasher.update(fingerprint(path)?);
    hasher.update(prompt.hash());
    let InferenceSettings { context_tokens, batch_tokens, micro_batch_tokens, gpu_layers, kv_type, .. } = settings;
    let numbers = [*context_tokens, *batch_tokens, *micro_batch_tokens, *gpu_layers, kv_type.number()];
    hasher.update(numbers.map(u32::to_le_bytes).concat());
    hasher.update(llama_version().as_bytes());
    Ok(hasher.finalize().into())
}

fn numbers_of(tokens: Vec<LlamaToken>) -> Vec<i32> {
    tokens.into_iter().map(|token| token.0).collect()
}
