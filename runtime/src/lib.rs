//! The device: everything that a responder carries.
//!
//! The facade is [`Assistant`]: it answers questions with llama.cpp, rests answers on passages of
//! the carried documents, keeps questions and feedback in a crash-safe journal, learns adapter
//! updates from corrections and switches between immutable adapter generations. Nothing here
//! touches a network.
//!
//! Only this crate knows llama.cpp, which lives on one thread of its own
//! ([`inference::Inference`]); the database and all files live in one folder ([`home::Home`]).

pub mod agent;
pub mod assistant;
pub mod confidence;
pub mod doctor;
pub mod documents;
pub mod error;
pub mod evaluate;
pub mod generations;
pub mod home;
pub mod inference;
pub mod journal;
pub mod learn;
mod model;
pub mod personal;
pub mod probe;
pub mod profile;
pub mod quantize;
pub mod retrieval;
pub mod setup;
pub mod turn;

pub use assistant::{
    AnswerEvent, AskOptions, Assistant, AssistantOptions, DeviceChoice, OnTrust, PassagesInPrompt, Status, ToolMode,
    TrustCheck, TrustProgress, Verdicts,
};
pub use doctor::{DoctorReport, Problem, Severity};
pub use error::RuntimeError;
pub use generations::{Generation, Origin};
pub use journal::{Feedback, Reason};
pub use learn::{LearnControl, LearnEvent, LearnOptions, LearnReport};
pub use probe::Hardware;
pub use retrieval::{Document, Excerpt, IndexControl, IndexEvent, IndexReport, IndexStatus, Passage, SkippedFile};
pub use setup::{Kit, SetUpReport, model_of_home, set_up, set_up_watched};
pub use turn::{
    Approval, Approver, Assessment, Citation, SessionId, ToolCall, ToolOutcome, ToolUse, Turn, TurnId, Verdict,
};
