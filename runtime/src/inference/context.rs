//! A llama.cpp context: what was computed of one or more token sequences, with the adapters that computed it.
//!
//! The binding's own context takes one adapter only and forbids to load another while it lives, so this one holds the
//! C objects itself. It keeps alive what it points into: its model and its adapters.

use std::ffi::CString;
use std::path::Path;
use std::ptr::NonNull;
use std::rc::Rc;

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_sys_2 as sys;

use super::adapters::Adapter;
use super::backend::construction;
use crate::error::ModelError;

/// The C pointer of a model, which the binding keeps to itself.
pub(super) fn raw(model: &LlamaModel) -> NonNull<sys::llama_model> {
    const { assert!(size_of::<LlamaModel>() == size_of::<NonNull<sys::llama_model>>()) };
    // SAFETY: the binding, whose version is pinned, declares the model as a transparent wrapper of this pointer.
    unsafe { *std::ptr::from_ref(model).cast::<NonNull<sys::llama_model>>() }
}

/// Asks llama.cpp for the part of a state that cannot be forgotten by halves; a macro in its header.
const PARTIAL_ONLY: sys::llama_state_seq_flags = 1;

/// What a context is made with.
#[derive(Debug, Clone, Copy)]
pub(super) struct ContextSettings {
    /// Tokens of all sequences together.
    pub tokens: u32,
    /// Most tokens of one [`Batch`].
    pub batch_tokens: u32,
    /// Most tokens that are computed at once.
    pub micro_batch_tokens: u32,
    /// Sequences that may share a step.
    pub sequences: u32,
    /// Most rows of logits of one step.
    pub outputs: u32,
    /// Threads of llama.cpp.
    pub threads: u32,
    /// Element type of the key-value cache, as ggml numbers it.
    pub kv_type: u32,
    /// Whether the faster attention may be used, which rounds otherwise.
    pub flash_attention: bool,
    /// Vectors of whole sequences in the place of logits.
    pub embeddings: bool,
}

/// A context.
pub(super) struct Context {
    raw: NonNull<sys::llama_context>,
    adapters: Vec<(Rc<Adapter>, f32)>,
    vocabulary: usize,
    model: Rc<LlamaModel>,
}

impl Context {
    /// A context with these adapters.
    pub fn new(
        model: &Rc<LlamaModel>,
        settings: &ContextSettings,
        adapters: Vec<(Rc<Adapter>, f32)>,
    ) -> Result<Context, ModelError> {
        // SAFETY: a plain value.
        let mut params = unsafe { sys::llama_context_default_params() };
        params.n_ctx = settings.tokens;
        params.n_batch = settings.batch_tokens;
        params.n_ubatch = settings.micro_batch_tokens.clamp(1, settings.batch_tokens.max(1));
        params.n_seq_max = settings.sequences;
        params.n_outputs_max = settings.outputs;
        let threads = i32::try_from(settings.threads).unwrap_or(1).max(1);
        params.n_threads = threads;
        params.n_threads_batch = threads;
        params.type_k = settings.kv_type as sys::ggml_type;
        params.type_v = settings.kv_type as sys::ggml_type;
        params.flash_attn_type = match settings.flash_attention {
            true => sys::LLAMA_FLASH_ATTN_TYPE_AUTO,
            false => sys::LLAMA_FLASH_ATTN_TYPE_DISABLED,
        };
        params.embeddings = settings.embeddings;
        // Vectors of many short texts share what one long text may take.
        params.kv_unified = settings.embeddings;
        params.no_perf = true;
        let refused = |reason: &str| ModelError::Context { context_tokens: settings.tokens, reason: reason.to_owned() };
        let made = {
            let _making = construction();
            // SAFETY: the model lives in the `Rc` that the context keeps.
            unsafe { sys::llama_init_from_model(raw(model).as_ptr(), params) }
        };
        let made = NonNull::new(made).ok_or_else(|| refused("llama.cpp gives no reason; memory may be short"))?;
        let vocabulary = usize::try_from(model.n_vocab()).unwrap_or(0);
        let mut context = Context { raw: made, adapters: Vec::new(), vocabulary, model: Rc::clone(model) };
        context.set_adapters(adapters)?;
        Ok(context)
    }

    /// Uses these adapters, each at its scale, and no other. What was computed with others must be removed.
    pub fn set_adapters(&mut self, adapters: Vec<(Rc<Adapter>, f32)>) -> Result<(), ModelError> {
        let mut pointers: Vec<_> = adapters.iter().map(|(adapter, _)| adapter.raw().as_ptr()).collect();
        let mut scales: Vec<f32> = adapters.iter().map(|(_, scale)| *scale).collect();
        // SAFETY: both lists have this length; the adapters live in the list that the context keeps from here on, and
        // those that it kept before are released after the call only.
        let code = unsafe {
            sys::llama_set_adapters_lora(self.raw.as_ptr(), pointers.as_mut_ptr(), pointers.len(), scales.as_mut_ptr())
        };
        if code != 0 {
            return Err(ModelError::Decode(format!("adapters cannot be set (code {code})")));
        }
        self.adapters = adapters;
        Ok(())
    }

    /// Tokens that fit.
    pub fn tokens(&self) -> usize {
        // SAFETY: the context lives.
        unsafe { sys::llama_n_ctx(self.raw.as_ptr()) as usize }
    }

    /// Tokens that one batch may have.
    pub fn batch_tokens(&self) -> usize {
        // SAFETY: the context lives.
        unsafe { sys::llama_n_batch(self.raw.as_ptr()) as usize }
    }

    /// Computes a batch.
    pub fn decode(&mut self, batch: &Batch) -> Result<(), ModelError> {
        // SAFETY: the batch holds as many initialized entries as it says.
        let code = unsafe { sys::llama_decode(self.raw.as_ptr(), batch.raw) };
        decoded(code)
    }

    /// Logits of a row of the last batch that wanted them; one value for each vocabulary entry.
    pub fn logits(&self, row: i32) -> Result<&[f32], ModelError> {
        // SAFETY: the context lives; rows without logits give null.
        let logits = unsafe { sys::llama_get_logits_ith(self.raw.as_ptr(), row) };
        if logits.is_null() {
            return Err(ModelError::Decode(format!("row {row} has no logits")));
        }
        // SAFETY: llama.cpp holds one value per vocabulary entry, until the next batch, which takes `&mut self`.
        Ok(unsafe { std::slice::from_raw_parts(logits, self.vocabulary) })
    }

    /// The vector of a sequence of the last batch: of the size of an embedding, or the scores of a reranker.
    pub fn embedding(&self, sequence: i32) -> Result<&[f32], ModelError> {
        // SAFETY: the context lives; a sequence without a vector gives null.
        let vector = unsafe { sys::llama_get_embeddings_seq(self.raw.as_ptr(), sequence) };
        if vector.is_null() {
            return Err(ModelError::Decode("the model gives no vector of a whole text; it has no pooling".to_owned()));
        }
        let length = match self.pooling() {
            sys::LLAMA_POOLING_TYPE_RANK => self.model.n_cls_out() as usize,
            _ => usize::try_from(self.model.n_embd_out()).unwrap_or(0),
        };
        // SAFETY: of this size by llama.h, until the next batch, which takes `&mut self`.
        Ok(unsafe { std::slice::from_raw_parts(vector, length) })
    }

    /// How the vectors of tokens become one, as llama.cpp numbers it.
    pub fn pooling(&self) -> sys::llama_pooling_type {
        // SAFETY: the context lives.
        unsafe { sys::llama_pooling_type(self.raw.as_ptr()) }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        // SAFETY: the context lives.
        unsafe { sys::llama_memory_clear(self.memory(), false) };
    }

    /// Forgets a sequence from a position on; false where this kind of model cannot forget a part.
    pub fn remove(&mut self, sequence: i32, from: usize) -> bool {
        let from = i32::try_from(from).unwrap_or(i32::MAX);
        // SAFETY: the context lives.
        unsafe { sys::llama_memory_seq_rm(self.memory(), sequence, from, -1) }
    }

    /// First and last position of a sequence that is in memory; -1 where there is none.
    pub fn positions(&self, sequence: i32) -> (i32, i32) {
        let memory = self.memory();
        // SAFETY: the context lives.
        unsafe { (sys::llama_memory_seq_pos_min(memory, sequence), sys::llama_memory_seq_pos_max(memory, sequence)) }
    }

    /// Writes a sequence and its tokens to a file.
    pub fn save(&self, sequence: i32, path: &Path, tokens: &[LlamaToken]) -> bool {
        let Some(path) = c_path(path) else { return false };
        // SAFETY: tokens are 32-bit numbers in a transparent wrapper, passed with their number.
        let bytes = unsafe {
            sys::llama_state_seq_save_file(
                self.raw.as_ptr(),
                path.as_ptr(),
                sequence,
                tokens.as_ptr().cast(),
                tokens.len(),
            )
        };
        bytes > 0
    }

    /// Reads a sequence from a file that [`Context::save`] wrote and nobody changed; gives its tokens.
    pub fn load(&mut self, sequence: i32, path: &Path, tokens_max: usize) -> Option<Vec<LlamaToken>> {
        let path = c_path(path)?;
        let mut tokens = vec![LlamaToken::new(0); tokens_max];
        let mut count = 0;
        // SAFETY: the buffer has room for `tokens_max` 32-bit numbers; llama.cpp refuses files with more.
        let bytes = unsafe {
            sys::llama_state_seq_load_file(
                self.raw.as_ptr(),
                path.as_ptr(),
                sequence,
                tokens.as_mut_ptr().cast(),
                tokens_max,
                &raw mut count,
            )
        };
        tokens.truncate(count);
        (bytes > 0 && count <= tokens_max).then_some(tokens)
    }

    /// The part of a sequence's state that cannot be forgotten by halves.
    pub fn checkpoint(&self, sequence: i32) -> Vec<u8> {
        // SAFETY: the buffer has the size that llama.cpp asks for.
        unsafe {
            let flags = PARTIAL_ONLY;
            let size = sys::llama_state_seq_get_size_ext(self.raw.as_ptr(), sequence, flags);
            let mut bytes = vec![0; size];
            let written =
                sys::llama_state_seq_get_data_ext(self.raw.as_ptr(), bytes.as_mut_ptr(), size, sequence, flags);
            bytes.truncate(written);
            bytes
        }
    }

    /// Goes back to a checkpoint of this context.
    pub fn restore(&mut self, sequence: i32, checkpoint: &[u8]) -> bool {
        // SAFETY: the bytes come from `checkpoint` of the same context and are passed with their number.
        let read = unsafe {
            let flags = PARTIAL_ONLY;
            sys::llama_state_seq_set_data_ext(self.raw.as_ptr(), checkpoint.as_ptr(), checkpoint.len(), sequence, flags)
        };
        read > 0
    }

    fn memory(&self) -> sys::llama_memory_t {
        // SAFETY: the context lives.
        unsafe { sys::llama_get_memory(self.raw.as_ptr()) }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: nothing borrows from it; model and adapters are released afterwards.
        unsafe { sys::llama_free(self.raw.as_ptr()) };
    }
}

/// Tokens for one step.
pub(super) struct Batch {
    raw: sys::llama_batch,
    capacity: usize,
}

impl Batch {
    /// An empty batch with room for `capacity` tokens.
    pub fn new(capacity: usize) -> Batch {
        let count = i32::try_from(capacity).unwrap_or(i32::MAX);
        // SAFETY: freed with the batch.
        Batch { raw: unsafe { sys::llama_batch_init(count, 0, 1) }, capacity: count as usize }
    }

    /// Takes all tokens out.
    pub fn clear(&mut self) {
        self.raw.n_tokens = 0;
    }

    /// Tokens in it.
    pub fn len(&self) -> i32 {
        self.raw.n_tokens
    }

    /// Adds a token of a sequence at a position.
    pub fn add(
        &mut self,
        token: LlamaToken,
        position: usize,
        sequence: i32,
        wants_logits: bool,
    ) -> Result<(), ModelError> {
        let row = self.raw.n_tokens as usize;
        if row >= self.capacity {
            return Err(ModelError::Decode(format!("a batch of {} tokens is full", self.capacity)));
        }
        let position = i32::try_from(position).map_err(|error| ModelError::Decode(error.to_string()))?;
        // SAFETY: every list has `capacity` entries, each sequence list room for one.
        unsafe {
            self.raw.token.add(row).write(token.0);
            self.raw.pos.add(row).write(position);
            self.raw.n_seq_id.add(row).write(1);
            (*self.raw.seq_id.add(row)).write(sequence);
            self.raw.logits.add(row).write(i8::from(wants_logits));
        }
        self.raw.n_tokens += 1;
        Ok(())
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: made by `llama_batch_init` and not freed before.
        unsafe { sys::llama_batch_free(self.raw) };
    }
}

fn decoded(code: i32) -> Result<(), ModelError> {
    match code {
        0 => Ok(()),
        1 => Err(ModelError::Decode("the key-value cache has no room".to_owned())),
        2 => Err(ModelError::Cancelled),
        code => Err(ModelError::Decode(format!("code {code}"))),
    }
}

fn c_path(path: &Path) -> Option<CString> {
    CString::new(path.to_str()?).ok()
}
