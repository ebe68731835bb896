//! The `halligan` command: a console for people and verbs for scripts.
//!
//! Everything that a device does lives in `halligan-runtime`; this crate only asks and shows.
//! `cli.rs` is the command line, `verbs/` holds one file per verb, `console.rs` is the console.
//! Standard output is data, standard error is talk.

pub mod cli;
pub mod console;
pub mod example_kit;
pub mod figures;
pub mod output;
pub mod serve;
pub mod verbs;
