//! What can go wrong on a device, each with the next step.

use crate::Format;

/// Failure of an executor. Kernel calls themselves do not return errors: a GPU reports asynchronously,
/// so a failed submission surfaces at the next [`read`](crate::Executor::read) or
/// [`finish`](crate::Executor::finish).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutorError {
    /// No GPU adapter that may be used was found.
    #[error("no usable GPU adapter: {reason}; run with --device cpu, or install a Vulkan driver")]
    NoAdapter {
        /// What was looked for and why each candidate was refused.
        reason: String,
    },
    /// The adapter refused to give a device.
    #[error("GPU adapter {adapter} gave no device: {reason}; run with --device cpu")]
    NoDevice {
        /// Adapter name as the driver reports it.
        adapter: String,
        /// The driver's words.
        reason: String,
    },
    /// An allocation is larger than the device allows.
    #[error(
        "{what} needs {needed_bytes} bytes, the device allows {limit_bytes}; \
         lower --seq, --batch or --rank, or run with --device cpu"
    )]
    TooLarge {
        /// What was to be allocated.
        what: String,
        /// Bytes asked for.
        needed_bytes: u64,
        /// The device's limit in bytes.
        limit_bytes: u64,
    },
    /// The device ran out of memory.
    #[error("the device is out of memory while allocating {what}; lower --seq, --batch or --rank")]
    OutOfMemory {
        /// What was to be allocated.
        what: String,
    },
    /// The device was lost or a submission failed; results since the last read are void.
    #[error("the GPU stopped: {reason}; resume from the last checkpoint with --resume, or use --device cpu")]
    DeviceLost {
        /// The driver's words.
        reason: String,
    },
    /// The bytes of a weight do not match its shape.
    #[error(
        "weight of {rows} x {columns} as {format} needs {needed} bytes, the file holds {found}; \
         the model file is damaged, copy it again"
    )]
    WeightSize {
        /// Output features.
        rows: usize,
        /// Input features.
        columns: usize,
        /// Block format.
        format: Format,
        /// Bytes the shape needs.
        needed: usize,
        /// Bytes found.
        found: usize,
    },
}
