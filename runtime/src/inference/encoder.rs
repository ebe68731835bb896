//! Encoders: sentence vectors, and scores of how well a text answers a query, on a thread of their own.
//!
//! Several texts share a step. How the vectors of tokens become one, and whether the model is a reranker, the file
//! says.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_sys_2 as sys;
use serde::Serialize;

use super::context::{Batch, Context, ContextSettings};
use super::offload::place;
use super::settings::{InferenceSettings, KvType};
use super::thread::{load_model, useful_threads};
use crate::error::ModelError;
use crate::model::{model_name, open_sound};

/// Most texts of one step.
const SEQUENCES: u32 = 32;
/// Tokens of one step, unless a single text has more.
const STEP_TOKENS: u32 = 1024;
/// Longest text, whatever the model was trained for: attention over it must fit into memory.
const TEXT_TOKENS_MAX: u32 = 8192;

/// What is known of a loaded encoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EncoderInfo {
    /// `general.name`, or the file name.
    pub name: String,
    /// Numbers in a vector.
    pub dimension: usize,
    /// Tokens of a text that are read.
    pub context_tokens: usize,
    /// Whether it scores pairs of query and text instead of making vectors.
    pub is_reranker: bool,
}

/// The vector of a text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Embedding {
    /// Of length 1, unless the text has no content at all.
    pub vector: Vec<f32>,
    /// Tokens that were read.
    pub tokens: usize,
    /// Tokens at the end of the text that were not, because the encoder reads no more.
    pub cut_tokens: usize,
}

/// How well a text answers a query.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RerankScore {
    /// The higher the better; comparable between texts for the same query only.
    pub score: f32,
    /// Tokens at the end of the text that were not read.
    pub cut_tokens: usize,
}

/// What the thread can be asked for. It says how many texts are done, and stops when nobody listens.
enum Command {
    Embed {
        texts: Vec<String>,
        progress: Sender<usize>,
        reply: Sender<Result<Vec<Embedding>, ModelError>>,
    },
    Rerank {
        query: String,
        texts: Vec<String>,
        progress: Sender<usize>,
        reply: Sender<Result<Vec<RerankScore>, ModelError>>,
    },
}

/// Handle to a loaded encoder. Calls wait for their result; several threads may call, one is served at a time.
pub struct Encoder {
    commands: Option<Sender<Command>>,
    thread: Option<JoinHandle<()>>,
    info: EncoderInfo,
}

impl Encoder {
    /// Loads a GGUF encoder on a new thread. `threads` of 0 takes the physical cores.
    ///
    /// # Errors
    /// [`ModelError`]: unreadable or malformed file, llama.cpp's refusal, a model that gives no vector of a text.
    pub fn load(path: &Path, threads: u32, gpu_layers: u32) -> Result<Encoder, ModelError> {
        let (commands, inbox) = mpsc::channel();
        let (ready, loaded) = mpsc::channel();
        let path = path.to_path_buf();
        let thread = std::thread::Builder::new()
            .name("encoder".to_owned())
            .spawn(move || run(path, threads, gpu_layers, ready, inbox))
            .map_err(|_| ModelError::ThreadGone)?;
        let info = loaded.recv().map_err(|_| ModelError::ThreadGone)??;
        Ok(Encoder { commands: Some(commands), thread: Some(thread), info })
    }

    /// What is known of the encoder.
    pub fn info(&self) -> &EncoderInfo {
        &self.info
    }

    /// Vectors of texts, in their order. `on_progress` sees done and all texts after each step; it returns false to
    /// stop.
    ///
    /// # Errors
    /// [`ModelError::Encoder`] of a reranker, [`ModelError::Cancelled`], failing decode.
    pub fn embed(
        &self,
        texts: &[String],
        on_progress: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Result<Vec<Embedding>, ModelError> {
        let owned = texts.to_vec();
        self.request(texts.len(), on_progress, |progress, reply| Command::Embed { texts: owned, progress, reply })
    }

    /// Scores of texts for a query, in their order. `on_progress` as for [`Encoder::embed`].
    ///
    /// # Errors
    /// [`ModelError::Encoder`] where the model is no reranker, [`ModelError::Cancelled`], failing decode.
    pub fn rerank(
        &self,
        query: &str,
        texts: &[String],
        on_progress: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Result<Vec<RerankScore>, ModelError> {
        let (query, owned) = (query.to_owned(), texts.to_vec());
        self.request(texts.len(), on_progress, |progress, reply| Command::Rerank {
            query,
            texts: owned,
            progress,
            reply,
        })
    }

    fn request<T>(
        &self,
        total: usize,
        on_progress: &mut dyn FnMut(usize, usize) -> bool,
        command: impl FnOnce(Sender<usize>, Sender<Result<T, ModelError>>) -> Command,
    ) -> Result<T, ModelError> {
        let (progress, done) = mpsc::channel();
        let (reply, result) = mpsc::channel();
        let commands = self.commands.as_ref().ok_or(ModelError::ThreadGone)?;
        commands.send(command(progress, reply)).map_err(|_| ModelError::ThreadGone)?;
        for finished in &done {
            if !on_progress(finished, total) {
                break;
            }
        }
        drop(done);
        result.recv().map_err(|_| ModelError::ThreadGone)?
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // Closing the channel ends the thread; waiting for it frees the model before we return.
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has reported ThreadGone to whoever waited.
            let _ = thread.join();
        }
    }
}

fn run(
    path: PathBuf,
    threads: u32,
    gpu_layers: u32,
    ready: Sender<Result<EncoderInfo, ModelError>>,
    inbox: Receiver<Command>,
) {
    let (mut engine, info) = match Engine::load(&path, threads, gpu_layers) {
        Ok(loaded) => loaded,
        Err(error) => {
            // A caller that is gone needs no answer, here and below.
            let _ = ready.send(Err(error));
            return;
        }
    };
    let _ = ready.send(Ok(info));
    while let Ok(command) = inbox.recv() {
        match command {
            Command::Embed { texts, progress, reply } => {
                let vectors = engine.embed(&texts, &progress);
                drop(progress);
                let _ = reply.send(vectors);
            }
            Command::Rerank { query, texts, progress, reply } => {
                let scores = engine.rerank(&query, &texts, &progress);
                drop(progress);
                let _ = reply.send(scores);
            }
        }
    }
}

/// Everything that the thread owns.
struct Engine {
    path: PathBuf,
    context: Context,
    model: Rc<LlamaModel>,
    /// Tokens of a text that are read.
    limit: usize,
    step_tokens: usize,
    is_reranker: bool,
    /// How query and text stand in the prompt of a reranker, where its file says so.
    pair_template: Option<String>,
}

/// Tokens of a text, and how many were cut off.
struct Shortened {
    tokens: Vec<LlamaToken>,
    cut_tokens: usize,
}

impl Engine {
    fn load(path: &Path, threads: u32, gpu_layers: u32) -> Result<(Engine, EncoderInfo), ModelError> {
        // Before C reads it: every count, shape and offset lies inside the file.
        let file = open_sound(path)?;
        let offload = InferenceSettings { gpu_layers, ..InferenceSettings::default() };
        let model = Rc::new(load_model(path, place(&file, &offload)?.layers)?);
        let limit = match model.n_ctx_train() {
            0 => STEP_TOKENS,
            trained => trained.min(TEXT_TOKENS_MAX),
        };
        // Encoders see a whole text at once, so a step holds the longest.
        let step_tokens = limit.max(STEP_TOKENS);
        let settings = ContextSettings {
            tokens: step_tokens,
            batch_tokens: step_tokens,
            micro_batch_tokens: step_tokens,
            sequences: SEQUENCES,
            outputs: 0,
            threads: useful_threads(file.file_bytes(), threads),
            kv_type: KvType::F16.number(),
            flash_attention: true,
            embeddings: true,
        };
        let context = Context::new(&model, &settings, Vec::new())?;
        let unusable = |reason: &str| ModelError::Encoder { path: path.to_path_buf(), reason: reason.to_owned() };
        let is_reranker = match context.pooling() {
            sys::LLAMA_POOLING_TYPE_RANK => true,
            sys::LLAMA_POOLING_TYPE_NONE | sys::LLAMA_POOLING_TYPE_UNSPECIFIED => {
                return Err(unusable("it gives a vector of each token, not of a text (no pooling)"));
            }
            _ => false,
        };
        let pair_template = file.find_str("tokenizer.chat_template.rerank").ok().flatten().map(str::to_owned);
        let info = EncoderInfo {
            name: model_name(&file),
            dimension: usize::try_from(model.n_embd_out()).unwrap_or(0),
            context_tokens: limit as usize,
            is_reranker,
        };
        let engine = Engine {
            path: path.to_path_buf(),
            context,
            model,
            limit: limit as usize,
            step_tokens: step_tokens as usize,
            is_reranker,
            pair_template,
        };
        Ok((engine, info))
    }

    fn embed(&mut self, texts: &[String], progress: &Sender<usize>) -> Result<Vec<Embedding>, ModelError> {
        if self.is_reranker {
            return Err(self.unusable("it scores pairs (a reranker) and makes no vectors"));
        }
        let texts: Vec<Shortened> = texts
            .iter()
            .map(|text| self.shorten(self.model.vocab().tokenize(text.as_bytes(), true, false), 0))
            .collect();
        let vectors = self.vectors(&texts, progress)?;
        let embedding = |(text, mut vector): (&Shortened, Vec<f32>)| {
            normalize(&mut vector);
            Embedding { vector, tokens: text.tokens.len(), cut_tokens: text.cut_tokens }
        };
        Ok(texts.iter().zip(vectors).map(embedding).collect())
    }

    fn rerank(
        &mut self,
        query: &str,
        texts: &[String],
        progress: &Sender<usize>,
    ) -> Result<Vec<RerankScore>, ModelError> {
        if !self.is_reranker {
            return Err(self.unusable("it makes vectors and scores no pairs; choose a reranker"));
        }
        let pairs: Vec<Shortened> = texts.iter().map(|text| self.pair(query, text)).collect();
        let scores = self.vectors(&pairs, progress)?;
        let score = |(pair, score): (&Shortened, Vec<f32>)| {
            let score = score.first().copied().unwrap_or(f32::NEG_INFINITY);
            RerankScore { score, cut_tokens: pair.cut_tokens }
        };
        Ok(pairs.iter().zip(scores).map(score).collect())
    }

    /// Query and text as the model reads them: by its template, or with separators as llama.cpp puts them.
    fn pair(&self, query: &str, text: &str) -> Shortened {
        let vocabulary = self.model.vocab();
        let plain = |text: &str| vocabulary.tokenize(text.as_bytes(), false, false);
        let special = |text: &str| vocabulary.tokenize(text.as_bytes(), false, true);
        let (mut before, mut after) = (Vec::new(), Vec::new());
        if let Some(template) = &self.pair_template
            && let Some((start, end)) = template.split_once("{document}")
        {
            let (opening, rest) = start.split_once("{query}").unwrap_or((start, ""));
            before.extend(special(opening));
            before.extend(plain(query));
            before.extend(special(rest));
            after.extend(special(end));
        } else {
            let known = |token: LlamaToken| (token.0 >= 0).then_some(token);
            let separator = known(vocabulary.sep());
            let end =
                known(vocabulary.eos()).or(separator).filter(|_| vocabulary.should_add_eos() || separator.is_some());
            before.extend(known(vocabulary.bos()).filter(|_| vocabulary.should_add_bos()));
            before.extend(plain(query));
            if vocabulary.should_add_eos() {
                before.extend(end);
            }
            before.extend(separator.filter(|_| vocabulary.should_add_sep()));
            after.extend(end);
        }
        // A query without end leaves the text some room.
        before.truncate(self.limit / 2);
        let (opening, closing) = (before.len(), after.len());
        before.extend(plain(text));
        before.extend(after);
        let mut pair = self.shorten(before, closing);
        debug_assert!(pair.tokens.len() >= opening.min(self.limit));
        pair.tokens.truncate(self.limit);
        pair
    }

    /// Cuts tokens off before the last `closing` ones, or before the last one where the model ends texts with one.
    fn shorten(&self, mut tokens: Vec<LlamaToken>, closing: usize) -> Shortened {
        let cut_tokens = tokens.len().saturating_sub(self.limit);
        if cut_tokens > 0 {
            let vocabulary = self.model.vocab();
            let ends = |token: &LlamaToken| *token == vocabulary.eos() || *token == vocabulary.sep();
            let closing = if closing == 0 { usize::from(tokens.last().is_some_and(ends)) } else { closing };
            let end = tokens.len() - closing.min(tokens.len());
            tokens.drain(end.saturating_sub(cut_tokens)..end);
        }
        Shortened { tokens, cut_tokens }
    }

    /// One output of the model for each text, several texts in a step.
    fn vectors(&mut self, texts: &[Shortened], progress: &Sender<usize>) -> Result<Vec<Vec<f32>>, ModelError> {
        let mut vectors: Vec<Vec<f32>> = Vec::with_capacity(texts.len());
        let mut batch = Batch::new(self.step_tokens);
        while vectors.len() < texts.len() {
            let waiting = &texts[vectors.len()..];
            batch.clear();
            let mut together = 0;
            for text in waiting.iter().take(SEQUENCES as usize) {
                if batch.len() as usize + text.tokens.len() > self.step_tokens {
                    break;
                }
                for (position, token) in text.tokens.iter().enumerate() {
                    batch.add(*token, position, together, true)?;
                }
                together += 1;
            }
            if batch.len() > 0 {
                self.context.clear();
                self.context.decode(&batch)?;
            }
            for (sequence, text) in (0..together).zip(waiting) {
                vectors.push(match text.tokens.is_empty() {
                    true => vec![0.0; usize::try_from(self.model.n_embd_out()).unwrap_or(0)],
                    false => self.context.embedding(sequence)?.to_vec(),
                });
            }
            if progress.send(vectors.len()).is_err() {
                return Err(ModelError::Cancelled);
            }
        }
        Ok(vectors)
    }

    fn unusable(&self, reason: &str) -> ModelError {
        ModelError::Encoder { path: self.path.clone(), reason: reason.to_owned() }
    }
}

/// Gives a vector the length 1; one without direction stays.
fn normalize(vector: &mut [f32]) {
    let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    if length > 0.0 && length.is_finite() {
        vector.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
    }
}
