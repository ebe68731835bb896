//! Every kernel against an independent f64 formula, on the CPU executor and on the GPU executor.

mod suite;
