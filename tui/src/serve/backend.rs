//! What the server needs from a model; the device is one, a script in tests another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use halligan_runtime::Generation;

use super::error::ApiError;
use super::task::{Event, Step};

/// What is known of the loaded model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelFacts {
    /// The name that the model gives itself.
    pub name: String,
    /// Tokens of a context.
    pub context_tokens: usize,
    /// Vocabulary size.
    pub vocabulary: usize,
    /// Number of parameters.
    pub parameters: u64,
    /// What makes vectors of texts, where the server was given one.
    pub encoder: Option<EncoderFacts>,
    /// Text of the token that ends a text.
    pub eos_token: Option<String>,
    /// Text of the token that begins a text.
    pub bos_token: Option<String>,
    /// Jinja source of the chat template.
    pub chat_template: Option<String>,
}

/// What is known of the loaded sentence encoder.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EncoderFacts {
    /// The name that the model gives itself.
    pub name: String,
    /// Numbers of a vector.
    pub dimension: usize,
    /// Tokens of a text that are read.
    pub context_tokens: usize,
}

/// A wish to stop that both sides can see.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks for the stop.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked for.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for those who watch it.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

/// Answers steps one at a time, on a thread of its own.
pub trait Backend {
    /// Does what the first request would wait for.
    ///
    /// # Errors
    /// A model that cannot be used.
    fn load(&mut self) -> Result<ModelFacts, ApiError>;

    /// Performs one step; `emit` sees its events. A step that is cancelled ends early and need not
    /// say so: no one listens.
    ///
    /// # Errors
    /// What the client is to be told; nothing is emitted after it.
    fn perform(&mut self, step: Step, cancel: &Cancel, emit: &mut dyn FnMut(Event)) -> Result<(), ApiError>;
}

/// Which generations of adapters there are; asked by handlers while the model is busy.
pub trait Catalog: Send + Sync {
    /// All of them, the base first.
    ///
    /// # Errors
    /// An unreadable record.
    fn generations(&self) -> Result<Vec<Generation>, ApiError>;
}
