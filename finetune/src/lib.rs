//! Training engine of Halligan: LoRA over a quantized GGUF base.
//!
//! What enters: a base model ([`gguf`]), rows of a dataset ([`dataset`]) turned into tokens by the base's own
//! tokenizer and chat template ([`tokenizer`], [`chat`]), and [`train::TrainOptions`]. What leaves: an
//! [`adapter::Adapter`] that llama.cpp and PEFT load. The base stays in its block format; nothing holds a
//! dense copy of a weight.
//!
//! Invariants: same seed and same executor give the same bits; a run resumed from a checkpoint equals the
//! unbroken one bit for bit; files are written whole or not at all; this crate knows nothing of devices,
//! journals or llama.cpp.

pub mod adapter;
pub mod chat;
pub mod dataset;
pub mod device;
pub mod engine;
pub mod gguf;
pub mod lora;
pub mod merge;
pub mod model;
pub mod random_model;
pub mod schedule;
pub mod tokenizer;
pub mod train;
