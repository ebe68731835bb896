//! The headless verbs, one file each.
//!
//! Every verb prints its result to standard output, as one JSON object with `--json`, and returns
//! its failure as an error whose text says what to do next.

pub mod adapters;
pub mod ask;
pub mod bench_console;
pub mod docs;
pub mod doctor;
pub mod feedback;
pub mod journal;
pub mod learn;
pub mod setup;
pub mod shell;
pub mod tools;
pub mod trust;

use anyhow::{Result, bail};

use crate::cli::Common;

/// Makes sure that the folder that `--home` names is there: a mistyped one is not to become a new, empty home. Who gives
/// a model along needs nothing of a home.
///
/// # Errors
/// No such folder.
pub fn expect_home(common: &Common) -> Result<()> {
    match &common.home {
        Some(home) if !home.exists() && common.model.is_none() => {
            bail!("there is no home at {}; `halligan setup` makes one, or correct --home", home.display())
        }
        _ => Ok(()),
    }
}
