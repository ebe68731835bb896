//! Tests of the training engine, one binary.

#[path = "suite/gradients.rs"]
mod gradients;
#[path = "suite/training.rs"]
mod training;
