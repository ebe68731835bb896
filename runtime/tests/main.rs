//! Tests of the device with the built-in base model: one binary, one module per room.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod suite {
    pub mod adapters;
    pub mod agent;
    pub mod assistant;
    pub mod calibration;
    pub mod chat;
    pub mod constraints;
    pub mod inference;
    pub mod learning;
    pub mod memories;
    pub mod model_files;
    pub mod quantize;
    pub mod refusal;
    pub mod retrieval;
    pub mod retrieval_speed;
    pub mod room;
    pub mod templates;
}
