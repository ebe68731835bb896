//! The command `halligan-host` from outside: what it writes, what it says, how it ends.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the right line")]

mod suite {
    mod bad_input;
    mod check;
    mod command;
    mod convert;
    mod data_build;
    mod data_rows;
    mod generate;
    mod ingest;
    mod lineage;
    mod places;
    mod quantize;
    mod reading;
    mod running;
    mod settings;
    mod training;
}
