//! Tests of the `halligan` command: the console on a real escape-sequence parser, and the command
//! line as a process. No model is needed.

#![allow(clippy::unwrap_used)]

mod suite;
