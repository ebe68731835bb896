//! Whole-system tests: the trainer against llama.cpp and PEFT, the loop, hostile input, and the house rules.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod bad_input;
mod convert;
mod decoding;
mod document_search;
mod encoder;
mod from_documents;
mod house_rules;
mod journal;
mod llama_parity;
mod merging;
mod peft_parity;
mod serve;
mod the_loop;
mod tool_calls;
