//! Tests of the training engine, one binary.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "suite/allocation.rs"]
mod allocation;
#[path = "suite/chat_masks.rs"]
mod chat_masks;
#[path = "suite/gradients.rs"]
mod gradients;
#[path = "suite/hostile_files.rs"]
mod hostile_files;
#[path = "suite/judging.rs"]
mod judging;
#[path = "suite/memory.rs"]
mod memory;
#[path = "suite/real_vocabularies.rs"]
mod real_vocabularies;
#[path = "suite/schedules.rs"]
mod schedules;
#[path = "suite/training.rs"]
mod training;

#[global_allocator]
static ALLOCATOR: allocation::Counting = allocation::Counting;
