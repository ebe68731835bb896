//! Tests of the training engine, one binary.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "suite/gradients.rs"]
mod gradients;
#[path = "suite/training.rs"]
mod training;
