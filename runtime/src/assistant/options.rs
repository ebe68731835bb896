//! Plain data around the assistant: the common flags, one question's options, events, the status.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::Serialize;

use super::PassagesInPrompt;
use crate::generations::Generation;
use crate::inference::Speculation;
use crate::retrieval::Passage;
use crate::turn::{Approver, Assessment, SessionId, ToolCall, ToolUse};

pub use halligan_finetune::device::DeviceChoice;

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
    /// Drafts of what comes next from what was said before.
    pub speculation: Speculation,
}

/// How to answer one question.
#[derive(Debug, Clone)]
pub struct AskOptions {
    /// Look for a passage in the documents.
    pub use_documents: bool,
    /// Whether the passages go into the prompt, too.
    pub passages_in_prompt: PassagesInPrompt,
    /// Longest answer in tokens.
    pub max_tokens: usize,
    /// Set to true to stop the answer early; what was generated is kept.
    pub cancel: Option<Arc<AtomicBool>>,
    /// The conversation that the question belongs to; `None` begins one.
    pub session: Option<SessionId>,
    /// Show the answer also where it would be withheld.
    pub anyway: bool,
    /// Asks the responder before a tool changes something; without one such calls are denied.
    pub approver: Option<Approver>,
    /// Whether tools may be used.
    pub tools: ToolMode,
}

/// Whether tools may be used for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolMode {
    /// No tool runs.
    Off,
    /// Models whose template takes tools may call them; for others the router answers what it recognises.
    #[default]
    Auto,
    /// Any model may call tools.
    On,
}

impl Default for AskOptions {
    fn default() -> Self {
        AskOptions {
            use_documents: true,
            passages_in_prompt: PassagesInPrompt::Auto,
            max_tokens: 128,
            cancel: None,
            session: None,
            anyway: false,
            approver: None,
            tools: ToolMode::Auto,
        }
    }
}

/// What happens while a question is answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", content = "content", rename_all = "snake_case")]
pub enum AnswerEvent {
    /// The passage found for the question, before the first word. `Turn::passage` may be a better
    /// one, chosen once the answer is known.
    Passage(Passage),
    /// What is to be thought of the answer: before what is not sure of its text where an answer may be withheld, else
    /// after it.
    Assessment(Assessment),
    /// The next piece of the answer, valid UTF-8.
    Text(String),
    /// One more piece of an answer is there that may have to be withheld; how many there are. Its text follows as soon
    /// as it is sure, or when the whole is judged.
    Held(usize),
    /// Tokens of the context that the latest prompt and its answer take.
    Context {
        /// Those of the prompt.
        prompt_tokens: usize,
        /// Those of the answer.
        answer_tokens: usize,
    },
    /// A tool begins to run; whoever had to be asked has allowed it.
    ToolStarted(ToolCall),
    /// A tool has ended, or was not allowed to begin.
    ToolEnded(ToolUse),
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
