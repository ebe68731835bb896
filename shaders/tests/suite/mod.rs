//! One module per kernel or group of kernels.

mod formats;
