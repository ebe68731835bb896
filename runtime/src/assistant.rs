//! The facade: one assistant per home folder, used by the console, the headless verbs and tests.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::Serialize;

use crate::doctor::{self, DoctorReport};
use crate::error::RuntimeError;
use crate::generations::Generation;
use crate::journal::{Feedback, Turn, TurnId};
use crate::learn::{LearnControl, LearnEvent, LearnOptions, LearnReport};
use crate::retrieval::{Document, Passage};

/// Which processor to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceChoice {
    /// A real GPU if there is one, else the CPU; never a software GPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU, or an error.
    Gpu,
}

/// The common flags of `halligan`.
#[derive(Debug, Clone, Default)]
pub struct AssistantOptions {
    /// Home folder; `None` is the account's data folder.
    pub home: Option<PathBuf>,
    /// Model that is used in place of the home's.
    pub model: Option<PathBuf>,
    /// Adapter that is used in place of the active generation.
    pub adapter: Option<PathBuf>,
    /// Name or file of the hardware profile; `None` lets the probe choose.
    pub profile: Option<String>,
    /// Processor for inference and training.
    pub device: DeviceChoice,
    /// Seed of everything random.
    pub seed: u64,
}

/// How to answer one question.
#[derive(Debug, Clone)]
pub struct AskOptions {
    /// Look for a passage in the documents.
    pub use_documents: bool,
    /// Longest answer in tokens.
    pub max_tokens: usize,
    /// Set to true to stop the answer early; what was generated is kept.
    pub cancel: Option<Arc<AtomicBool>>,
}

impl Default for AskOptions {
    fn default() -> Self {
        AskOptions { use_documents: true, max_tokens: 128, cancel: None }
    }
}

/// What happens while a question is answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", content = "content", rename_all = "snake_case")]
pub enum AnswerEvent {
    /// The passage found for the question, before the first word. `Turn::passage` may be a better
    /// one, chosen once the answer is known.
    Passage(Passage),
    /// The next piece of the answer, valid UTF-8.
    Text(String),
    /// The answer is complete and recorded.
    Finished,
}

/// The state of a device at a glance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The home folder.
    pub home: PathBuf,
    /// `general.name` of the model, or its file name; `None` without a model.
    pub model: Option<String>,
    /// Path of the model file.
    pub model_path: Option<PathBuf>,
    /// SHA-256 of the model file, where recorded.
    pub model_sha256: Option<String>,
    /// Size of the model file.
    pub model_bytes: Option<u64>,
    /// The generation that answers (`base` for none).
    pub generation: Generation,
    /// Generation that one `roll_back` returns to.
    pub previous_generation: Option<String>,
    /// Name of the hardware profile.
    pub profile: String,
    /// Tokens of the context, question and answer together.
    pub context_tokens: u32,
    /// Corrections that the active generation has not learned.
    pub corrections_waiting: usize,
    /// Turns in the journal.
    pub turns: usize,
    /// Documents on the device.
    pub documents: usize,
    /// Passages of these documents.
    pub passages: usize,
}

/// The assistant. Lives on one worker thread of the caller; llama.cpp runs on a thread of its own.
pub struct Assistant {}

impl Assistant {
    /// Opens the home folder, its database and the profile. The model is loaded by the first
    /// question, so that this returns at once.
    ///
    /// # Errors
    /// Unwritable home, unusable database, unknown profile.
    pub fn open(options: &AssistantOptions) -> Result<Assistant, RuntimeError> {
        let _ = options;
        unimplemented!("open")
    }

    /// The state of the device at a glance.
    ///
    /// # Errors
    /// An unreadable database.
    pub fn status(&self) -> Result<Status, RuntimeError> {
        unimplemented!("status")
    }

    /// Answers a question, streams the answer and records the turn.
    ///
    /// # Errors
    /// No model, damaged adapter, question longer than the context, failing decode or journal.
    pub fn ask(
        &self,
        question: &str,
        options: &AskOptions,
        on_event: &mut dyn FnMut(AnswerEvent),
    ) -> Result<Turn, RuntimeError> {
        let _ = (question, options, on_event);
        unimplemented!("ask")
    }

    /// Loads the model now, so that the first question does not wait for it.
    ///
    /// # Errors
    /// As for [`Assistant::ask`].
    pub fn warm_up(&self) -> Result<(), RuntimeError> {
        unimplemented!("warm_up")
    }

    /// Records feedback on a turn; it is on disk when this returns.
    ///
    /// # Errors
    /// Unknown turn, empty correction, failing journal.
    pub fn give_feedback(&self, turn: TurnId, feedback: Feedback) -> Result<(), RuntimeError> {
        let _ = (turn, feedback);
        unimplemented!("give_feedback")
    }

    /// Trains a candidate from the corrections, evaluates it and activates it if it is better.
    ///
    /// # Errors
    /// Nothing to learn, battery, heat, cancellation, bad data, failing training. None of them
    /// changes the active generation.
    pub fn learn(
        &self,
        options: &LearnOptions,
        on_event: &mut dyn FnMut(LearnEvent) -> LearnControl,
    ) -> Result<LearnReport, RuntimeError> {
        let _ = (options, on_event);
        unimplemented!("learn")
    }

    /// All generations, oldest first, the base included.
    ///
    /// # Errors
    /// An unreadable database.
    pub fn generations(&self) -> Result<Vec<Generation>, RuntimeError> {
        unimplemented!("generations")
    }

    /// Makes the generation whose id starts with `prefix` (or `base`) the active one.
    ///
    /// # Errors
    /// Unknown or ambiguous prefix, missing, damaged or rejected adapter.
    pub fn activate(&self, prefix: &str) -> Result<Generation, RuntimeError> {
        let _ = prefix;
        unimplemented!("activate")
    }

    /// Returns to the generation that was active before.
    ///
    /// # Errors
    /// No previous generation, or its file is missing or damaged.
    pub fn roll_back(&self) -> Result<Generation, RuntimeError> {
        unimplemented!("roll_back")
    }

    /// Adds documents, or all `.md`, `.markdown` and `.txt` files of folders. A document with a
    /// known name replaces the earlier one. `on_document` sees each one as it is added.
    ///
    /// # Errors
    /// Unreadable, empty, oversized or binary files.
    pub fn add_documents(
        &self,
        paths: &[PathBuf],
        on_document: &mut dyn FnMut(&Document),
    ) -> Result<Vec<Document>, RuntimeError> {
        let _ = (paths, on_document);
        unimplemented!("add_documents")
    }

    /// The passages that fit `query` best, best first.
    ///
    /// # Errors
    /// An unreadable index.
    pub fn search_documents(&self, query: &str, limit: usize) -> Result<Vec<Passage>, RuntimeError> {
        let _ = (query, limit);
        unimplemented!("search_documents")
    }

    /// The documents on the device, by name.
    ///
    /// # Errors
    /// An unreadable database.
    pub fn documents(&self) -> Result<Vec<Document>, RuntimeError> {
        unimplemented!("documents")
    }

    /// The latest `limit` turns, newest first.
    ///
    /// # Errors
    /// An unreadable journal.
    pub fn turns(&self, limit: usize) -> Result<Vec<Turn>, RuntimeError> {
        let _ = limit;
        unimplemented!("turns")
    }

    /// Examines the device. Never fails: problems are part of the report.
    pub fn doctor(options: &AssistantOptions) -> DoctorReport {
        doctor::examine(options)
    }
}
