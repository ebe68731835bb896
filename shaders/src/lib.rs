//! Training kernels of Halligan: one list, two executors.
//!
//! [`Executor`] is the list of kernels that the training engine calls. [`cpu::CpuExecutor`] runs them on
//! all cores, [`gpu::GpuExecutor`] as WGSL compute shaders through wgpu (Vulkan, Metal, DX12).
//! Frozen weights stay in their GGUF block format ([`Format`]); matmul kernels decode tiles on the fly.
//!
//! Invariants: no float atomics and fixed reduction orders, so the same inputs give the same bits on the
//! same executor; a kernel checks its shapes before it runs; this crate reads no files or
//! environment, no clock unless it is asked to profile, and knows nothing of models.

pub mod counting;
#[macro_use]
pub mod cpu;
pub mod error;
pub mod executor;
pub mod format;
pub mod gpu;
mod profile;

pub use error::ExecutorError;
pub use executor::{
    Activation, AdamW, AttentionShape, DeviceInfo, DeviceKind, Dropout, Executor, Matmul, RopeShape, RopeStyle,
    SharedBytes, WeightSource,
};
pub use format::Format;
pub use profile::KernelTime;
