//! Whole-system tests: the trainer against llama.cpp, the loop, hostile input, and the house rules.

mod bad_input;
mod house_rules;
mod llama_parity;
mod the_loop;
