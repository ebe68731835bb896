//! What can stop a training run.

use std::path::PathBuf;

use halligan_shaders::ExecutorError;

use crate::adapter::AdapterError;

/// Failure of a training run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// An option that cannot be.
    #[error("{option} {problem}")]
    BadOption {
        /// Name on the command line.
        option: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A row that does not fit in a sequence.
    #[error("row {row} has {tokens} tokens, a sequence holds {limit}; raise --seq or split the row")]
    RowTooLong {
        /// Line of the dataset, from 1.
        row: usize,
        /// Its length.
        tokens: usize,
        /// The limit.
        limit: usize,
    },
    /// No rows to train on.
    #[error("the dataset has no rows to train on")]
    NoExamples,
    /// The loss is not a finite number any more.
    #[error("the loss is {loss} at step {step} (rows {rows}); lower --lr, or look at these rows")]
    Diverged {
        /// Step, from 1.
        step: usize,
        /// The loss.
        loss: f64,
        /// Rows of the step, by line.
        rows: String,
    },
    /// The device failed.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// The adapter to start from does not fit, or a file of it is damaged.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    /// A checkpoint cannot be written.
    #[error("cannot write checkpoint {path}: {source}; free disk space or choose another folder")]
    CheckpointWrite {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// A checkpoint cannot be read.
    #[error("cannot read checkpoint {path}: {reason}; start again without --resume")]
    CheckpointRead {
        /// File.
        path: PathBuf,
        /// Cause.
        reason: String,
    },
    /// A checkpoint of another run.
    #[error("checkpoint {path} was made with another {what}; resume with the same, or start without --resume")]
    CheckpointMismatch {
        /// File.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
}
