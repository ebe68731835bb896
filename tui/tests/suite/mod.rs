//! One module per subject; `stage` plays the console.

mod approving;
mod careful;
mod command_line;
mod documents;
mod faces;
mod keys;
mod leaving;
mod lessons;
mod named_keys;
mod pictures;
mod random_input;
mod samples;
mod screens;
mod serve;
mod sessions;
mod stage;
mod tmux;
mod tools;
mod worker;
