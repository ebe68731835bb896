//! One module per subject; `stage` plays the console.

mod command_line;
mod documents;
mod keys;
mod random_input;
mod screens;
mod serve;
mod stage;
mod tools;
mod worker;
