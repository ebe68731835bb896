//! What can stop a training run.

use std::path::PathBuf;

use halligan_shaders::ExecutorError;

use super::Best;
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
        /// File and line.
        row: String,
        /// Its length.
        tokens: usize,
        /// The limit.
        limit: usize,
    },
    /// No rows to train on.
    #[error("the dataset has no rows to train on")]
    NoExamples,
    /// Loss or gradient are not finite any more, or the loss is far above what it was.
    #[error("{what} (rows {rows}); start again with a lower --lr, or look at these rows ({kept})")]
    Diverged {
        /// Step, from 1.
        step: usize,
        /// What went wrong in that step.
        what: String,
        /// Rows of the step, by file and line.
        rows: String,
        /// Which checkpoint there is.
        kept: String,
        /// The best adapter of the run, where rows were held out to judge by.
        best: Option<Box<Best>>,
    },
    /// A weight of the base is not a finite number.
    #[error(
        "tensor {tensor} of the base holds NaN or infinity; the file is damaged: copy, convert or quantize it again"
    )]
    WeightNotFinite {
        /// Its name.
        tensor: String,
    },
    /// The device failed in the middle of a run.
    #[error("step {step} failed: {source} ({kept})")]
    DeviceFailed {
        /// Step, from 1.
        step: usize,
        /// What the device said.
        source: ExecutorError,
        /// Which checkpoint there is.
        kept: String,
        /// The best adapter of the run, where rows were held out to judge by.
        best: Option<Box<Best>>,
    },
    /// Base, adapter and activations do not fit in the memory there is.
    #[error("this run needs {needed} of memory{limit}; {advice}")]
    DoesNotFit {
        /// Bytes in words.
        needed: String,
        /// What there is, where it is known.
        limit: String,
        /// What would fit.
        advice: String,
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
        what: String,
    },
}

impl TrainError {
    /// Whether the device had too little memory, before the run or in the middle of it.
    pub fn is_lack_of_memory(&self) -> bool {
        let (Self::Executor(source) | Self::DeviceFailed { source, .. }) = self else { return false };
        matches!(source, ExecutorError::OutOfMemory { .. } | ExecutorError::TooLarge { .. })
    }

    /// The best adapter of a run that failed, where it kept one.
    pub fn best(&self) -> Option<&Best> {
        match self {
            Self::Diverged { best, .. } | Self::DeviceFailed { best, .. } => best.as_deref(),
            _ => None,
        }
    }
}
