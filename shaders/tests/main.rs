//! Every kernel against an independent f64 formula, on the CPU executor and on the GPU executor.

#![allow(clippy::unwrap_used, reason = "a failed test stops with its line")]

mod suite;
