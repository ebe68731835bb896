//! One module per kernel or group of kernels; [`harness`] runs each body on both executors.

mod harness;

mod activation;
mod adamw_step;
mod attention;
mod cross_entropy;
mod device;
mod dropout;
mod elementwise;
mod embedding;
mod formats;
mod half;
mod layer_norm;
mod matmul;
mod matmul_weight;
mod rms_norm;
mod rope;
mod sum_of_squares;
