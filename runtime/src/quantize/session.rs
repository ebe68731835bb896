//! A model that is only measured: logits of a text and the inputs of its matrices, in little memory.
//!
//! The settings are those of comparisons elsewhere: F32 key-value cache, no flash attention, no repacked weights.
//! The weights stay in the file ([`super::residence`]); batches are so small that the logits of one fit in
//! [`LOGIT_BYTES`].

use std::ffi::{CStr, c_void};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

use llama_cpp_sys_2 as sys;

use super::QuantizeError;
use super::binding::c_path;
use super::residence::{Loading, Mapping};
use crate::error::ModelError;
use crate::inference::{backend, construction, useful_threads};
use crate::model::open_sound;

/// Longest window of a text, in tokens: the length at which perplexities are usually given.
pub(super) const WINDOW_TOKENS: usize = 512;
/// Logits of one batch; llama.cpp holds them twice.
const LOGIT_BYTES: usize = 24 << 20;
/// Most tokens of a batch.
const BATCH_TOKENS_MAX: usize = 256;
/// Weights that may be read before their pages are given back.
const PENDING_BYTES: usize = 32 << 20;

/// Sees the input of a matrix product: the matrix's name, columns, and a function that yields each input row.
pub(super) type OnInput<'a> = dyn FnMut(&str, &[f32]) + 'a;

/// A loaded model.
pub(super) struct Measured {
    path: PathBuf,
    model: NonNull<sys::llama_model>,
    mapping: Mapping,
    vocabulary: usize,
    threads: i32,
}

impl Measured {
    /// Loads a decoder with a tokenizer.
    pub fn load(path: &Path) -> Result<Self, QuantizeError> {
        let file_bytes = check_measurable(path)?;
        backend()?;
        let name = c_path(path)?;
        let mut loading = Loading::watch(path);
        let mut state = LoadState { loading: &mut loading, mapping: None };
        // SAFETY: a plain value.
        let mut params = unsafe { sys::llama_model_default_params() };
        params.n_gpu_layers = 0;
        params.use_extra_bufts = false;
        params.load_mode = sys::LLAMA_LOAD_MODE_MMAP;
        params.progress_callback = Some(mapped);
        params.progress_callback_user_data = (&raw mut state).cast();
        let _making = construction();
        // SAFETY: the path is a C string and `state` outlives the call; the file was checked before.
        let model = unsafe { sys::llama_model_load_from_file(name.as_ptr(), params) };
        let mapping = state.mapping.take().unwrap_or_default();
        let Some(model) = NonNull::new(model) else {
            let reason = "it refused the file; see its log with HALLIGAN_LOG=info".to_owned();
            return Err(ModelError::Load { path: path.to_path_buf(), reason }.into());
        };
        // SAFETY: the model is loaded, its vocabulary lives as long.
        let vocabulary = unsafe { sys::llama_vocab_n_tokens(sys::llama_model_get_vocab(model.as_ptr())) };
        Ok(Self {
            path: path.to_path_buf(),
            model,
            mapping,
            vocabulary: usize::try_from(vocabulary).unwrap_or(0),
            threads: i32::try_from(useful_threads(file_bytes, 0)).unwrap_or(1),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tokens in the vocabulary.
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// Windows of at most `tokens_max` tokens of a text in all; each starts with the begin token where the model wants
    /// one. At least one prediction is possible in each.
    pub fn windows(&self, text: &str, tokens_max: usize) -> Result<Vec<Vec<i32>>, QuantizeError> {
        let vocabulary = self.vocab();
        let mut tokens = self.tokenize(text);
        tokens.truncate(tokens_max);
        // SAFETY: plain questions to a living vocabulary.
        let (adds_bos, bos) = unsafe { (sys::llama_vocab_get_add_bos(vocabulary), sys::llama_vocab_bos(vocabulary)) };
        let begin = (adds_bos && bos >= 0).then_some(bos);
        // SAFETY: as above.
        let trained = usize::try_from(unsafe { sys::llama_model_n_ctx_train(self.model.as_ptr()) }).unwrap_or(0);
        let window = if trained == 0 { WINDOW_TOKENS } else { WINDOW_TOKENS.min(trained) };
        let room = window - usize::from(begin.is_some()).min(window - 1);
        let found = tokens.len();
        let windows: Vec<Vec<i32>> = (tokens.chunks(room))
            .map(|chunk| begin.into_iter().chain(chunk.iter().copied()).collect::<Vec<i32>>())
            .filter(|window| window.len() > 1)
            .collect();
        if windows.is_empty() {
            return Err(QuantizeError::TextTooShort { tokens: found, needed: 2 });
        }
        Ok(windows)
    }

    /// A context for windows as [`Measured::windows`] makes them. `on_input`, where given, sees the inputs of all
    /// matrices of the blocks.
    pub fn session<'a>(&'a self, on_input: Option<&'a mut OnInput<'a>>) -> Result<Session<'a>, QuantizeError> {
        let batch_tokens = (LOGIT_BYTES / (4 * self.vocabulary.max(1))).clamp(8, BATCH_TOKENS_MAX);
        // Shared with the callback, so it is held by pointer.
        let watcher = Watcher { mapping: self.mapping, pending: Vec::new(), bytes: 0, on_input };
        let watcher = NonNull::from(Box::leak(Box::new(watcher)));
        // SAFETY: a plain value.
        let mut params = unsafe { sys::llama_context_default_params() };
        params.n_ctx = WINDOW_TOKENS as u32;
        params.n_batch = batch_tokens as u32;
        params.n_ubatch = batch_tokens as u32;
        params.n_seq_max = 1;
        params.n_threads = self.threads;
        params.n_threads_batch = self.threads;
        params.flash_attn_type = sys::LLAMA_FLASH_ATTN_TYPE_DISABLED;
        params.type_k = sys::GGML_TYPE_F32;
        params.type_v = sys::GGML_TYPE_F32;
        params.no_perf = true;
        params.offload_kqv = false;
        params.op_offload = false;
        params.cb_eval = Some(evaluated);
        params.cb_eval_user_data = watcher.as_ptr().cast();
        let _making = construction();
        // SAFETY: model and watcher live as long as the session.
        let context = unsafe { sys::llama_init_from_model(self.model.as_ptr(), params) };
        let Some(context) = NonNull::new(context) else {
            // SAFETY: leaked above, and no context was made that knows it.
            drop(unsafe { Box::from_raw(watcher.as_ptr()) });
            let reason = "llama.cpp refused it; see its log with HALLIGAN_LOG=info".to_owned();
            return Err(ModelError::Context { context_tokens: WINDOW_TOKENS as u32, reason }.into());
        };
        // SAFETY: room for `batch_tokens` tokens of one sequence each; freed with the session.
        let batch = unsafe { sys::llama_batch_init(batch_tokens as i32, 0, 1) };
        Ok(Session { context, batch, batch_tokens, vocabulary: self.vocabulary, watcher })
    }

    fn vocab(&self) -> *const sys::llama_vocab {
        // SAFETY: the model is loaded.
        unsafe { sys::llama_model_get_vocab(self.model.as_ptr()) }
    }

    fn tokenize(&self, text: &str) -> Vec<i32> {
        let length = i32::try_from(text.len()).unwrap_or(i32::MAX);
        // No tokenizer here makes more tokens than bytes, but for a leading space.
        let mut tokens = vec![0i32; text.len() + 2];
        // SAFETY: text and buffer are passed with their lengths.
        let count = unsafe {
            sys::llama_tokenize(
                self.vocab(),
                text.as_ptr().cast(),
                length,
                tokens.as_mut_ptr(),
                tokens.len() as i32,
                false,
                false,
            )
        };
        tokens.truncate(usize::try_from(count).unwrap_or(0));
        tokens
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        // SAFETY: sessions borrow the model, so none is left.
        unsafe { sys::llama_model_free(self.model.as_ptr()) };
    }
}

/// A context of a measured model.
pub(super) struct Session<'a> {
    context: NonNull<sys::llama_context>,
    batch: sys::llama_batch,
    batch_tokens: usize,
    vocabulary: usize,
    watcher: NonNull<Watcher<'a>>,
}

impl Session<'_> {
    /// Tokens that one call of [`Session::decode`] may have.
    pub fn batch_tokens(&self) -> usize {
        self.batch_tokens
    }

    /// Forgets the window.
    pub fn clear(&mut self) {
        // SAFETY: the context lives.
        unsafe { sys::llama_memory_clear(sys::llama_get_memory(self.context.as_ptr()), true) };
    }

    /// Computes `tokens`, which stand at `position` of the window; `logits` asks for their logits.
    pub fn decode(&mut self, tokens: &[i32], position: usize, logits: bool) -> Result<(), QuantizeError> {
        debug_assert!(tokens.len() <= self.batch_tokens);
        for (row, token) in tokens.iter().enumerate() {
            // SAFETY: the batch has room for `batch_tokens` rows with one sequence each.
            unsafe {
                *self.batch.token.add(row) = *token;
                *self.batch.pos.add(row) = (position + row) as i32;
                *self.batch.n_seq_id.add(row) = 1;
                **self.batch.seq_id.add(row) = 0;
                *self.batch.logits.add(row) = i8::from(logits || row + 1 == tokens.len());
            }
        }
        self.batch.n_tokens = tokens.len() as i32;
        // SAFETY: all rows were filled; tokens come from this model's tokenizer.
        let code = unsafe { sys::llama_decode(self.context.as_ptr(), self.batch) };
        // SAFETY: the computation has ended, so the callback does not use it now.
        unsafe { self.watcher.as_mut() }.drop_pending();
        match code {
            0 => Ok(()),
            code => Err(ModelError::Decode(format!("llama.cpp returned {code} for a batch")).into()),
        }
    }

    /// Logits after row `row` of the last batch, which asked for them.
    pub fn logits(&self, row: usize) -> Result<&[f32], QuantizeError> {
        // SAFETY: the context lives; a null pointer is answered below.
        let logits = unsafe { sys::llama_get_logits_ith(self.context.as_ptr(), row as i32) };
        if logits.is_null() {
            return Err(ModelError::Decode(format!("there are no logits for row {row}")).into());
        }
        // SAFETY: llama.cpp holds one row of the vocabulary there until the next decode.
        Ok(unsafe { std::slice::from_raw_parts(logits, self.vocabulary) })
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // SAFETY: both were made by llama.cpp and are used no more.
        unsafe {
            sys::llama_batch_free(self.batch);
            sys::llama_free(self.context.as_ptr());
            drop(Box::from_raw(self.watcher.as_ptr()));
        }
    }
}

/// What the callback of a computation needs.
struct Watcher<'a> {
    mapping: Mapping,
    /// Weights that were read since pages were last given back: address and bytes.
    pending: Vec<(usize, usize)>,
    bytes: usize,
    on_input: Option<&'a mut OnInput<'a>>,
}

impl Watcher<'_> {
    fn drop_pending(&mut self) {
        for (address, bytes) in self.pending.drain(..) {
            self.mapping.drop_pages(address, bytes);
        }
        self.bytes = 0;
    }

    /// Before the operation: whether it is to be looked at afterwards.
    fn ask(&mut self, node: &sys::ggml_tensor) -> bool {
        for source in node.src {
            // SAFETY: sources of a node are null or living tensors.
            let Some(source) = (unsafe { source.as_ref() }) else { continue };
            let address = source.data as usize;
            if self.mapping.contains(address) {
                // SAFETY: as above.
                let bytes = unsafe { sys::ggml_nbytes(source) };
                self.pending.push((address, bytes));
                self.bytes += bytes;
            }
        }
        self.bytes > PENDING_BYTES || (self.on_input.is_some() && matrix_input(node).is_some())
    }

    /// After the operation.
    fn done(&mut self, node: &sys::ggml_tensor) {
        if let (Some(on_input), Some((name, input))) = (&mut self.on_input, matrix_input(node)) {
            for_each_row(input, |row| on_input(&name, row));
        }
        if self.bytes > PENDING_BYTES {
            self.drop_pending();
        }
    }
}

/// Name of a block's matrix and its input, where `node` multiplies the two.
fn matrix_input(node: &sys::ggml_tensor) -> Option<(String, &sys::ggml_tensor)> {
    if node.op != sys::GGML_OP_MUL_MAT {
        return None;
    }
    // SAFETY: sources of a node are null or living tensors, whose names are C strings.
    let (name, input) =
        unsafe { (CStr::from_ptr(node.src[0].as_ref()?.name.as_ptr()).to_str().ok()?, node.src[1].as_ref()?) };
    let in_block = name.starts_with("blk.") && name.ends_with(".weight");
    (in_block && input.type_ == sys::GGML_TYPE_F32).then(|| (name.to_owned(), input))
}

/// Rows of an F32 tensor in host memory; the scheduler gives CPU tensors only, as nothing is offloaded.
fn for_each_row(tensor: &sys::ggml_tensor, mut each: impl FnMut(&[f32])) {
    let [columns, rows, outer, outermost] = tensor.ne.map(|size| usize::try_from(size).unwrap_or(0));
    if tensor.data.is_null() || tensor.nb[0] != size_of::<f32>() {
        return;
    }
    for third in 0..outermost {
        for second in 0..outer {
            for first in 0..rows {
                let offset = first * tensor.nb[1] + second * tensor.nb[2] + third * tensor.nb[3];
                // SAFETY: shape and strides are those of the computed tensor, whose first dimension is contiguous.
                each(unsafe { std::slice::from_raw_parts(tensor.data.byte_add(offset).cast::<f32>(), columns) });
            }
        }
    }
}

unsafe extern "C" fn evaluated(node: *mut sys::ggml_tensor, ask: bool, watcher: *mut c_void) -> bool {
    // SAFETY: llama.cpp passes a living node and the watcher that the context was made with.
    let (node, watcher) = unsafe { (&*node, &mut *watcher.cast::<Watcher<'_>>()) };
    if ask {
        return watcher.ask(node);
    }
    watcher.done(node);
    true
}

struct LoadState<'a> {
    loading: &'a mut Loading,
    mapping: Option<Mapping>,
}

/// Called when the file is mapped and before any part of it is unmapped.
unsafe extern "C" fn mapped(_share: f32, state: *mut c_void) -> bool {
    // SAFETY: the state that `Measured::load` passed, which lives until loading ends.
    let state = unsafe { &mut *state.cast::<LoadState<'_>>() };
    if state.mapping.is_none() {
        state.mapping = Some(state.loading.finish());
    }
    true
}

/// Length of the file. llama.cpp would end the process over a text without a tokenizer, or logits of an encoder.
fn check_measurable(path: &Path) -> Result<usize, QuantizeError> {
    let file = open_sound(path)?;
    let not = |reason| Err(QuantizeError::NotMeasurable { path: path.to_path_buf(), reason });
    let text = |key: &str| file.find_str(key).ok().flatten();
    if file.tensors().len() == 0 {
        return not("holds no weights");
    }
    if matches!(text("tokenizer.ggml.model"), None | Some("none" | "no_vocab")) {
        return not("has no tokenizer");
    }
    let architecture = text("general.architecture").unwrap_or_default();
    let causal = file.find_bool(&format!("{architecture}.attention.causal")).ok().flatten();
    if causal == Some(false) || architecture.contains("bert") || architecture.starts_with("t5") {
        return not("is an encoder");
    }
    Ok(file.file_bytes())
}
