//! One error enum per family of operations, and the one that the facade returns.
//!
//! Every message names the object that is wrong and what the reader can do next: the people who
//! see it stand in a field without a network and without us.

mod adapters;
mod evaluate;
mod home;
mod journal;
mod learn;
mod model;
mod profile;
mod retrieval;
mod tools;

use thiserror::Error;

pub use adapters::AdapterStoreError;
pub use evaluate::EvaluateError;
pub use home::HomeError;
pub use journal::JournalError;
pub use learn::LearnError;
pub use model::ModelError;
pub use profile::ProfileError;
pub use retrieval::RetrievalError;
pub use tools::ToolError;

/// Anything that the device can report; see the family enums for the details.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The home folder or its database.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Recorded questions, answers and feedback.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The base model or llama.cpp.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Adapter files, generations, activation.
    #[error(transparent)]
    AdapterStore(#[from] AdapterStoreError),
    /// Documents and their passages.
    #[error(transparent)]
    Retrieval(#[from] RetrievalError),
    /// Evaluation files and runs.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// Learning from corrections.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// The hardware profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// Tools and their calls.
    #[error(transparent)]
    Tool(#[from] ToolError),
}
