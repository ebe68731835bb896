//! `halligan adapters`: which generations exist and which one answers.

use anyhow::Result;
use halligan_runtime::{Assistant, Generation, Origin};
use serde_json::json;

use crate::cli::{AdaptersAction, Common};
use crate::console::pages::adapters::state_word;
use crate::figures::{bytes, percent, printable, short_hash, utc_minute};
use crate::output;

/// Lists or switches generations.
///
/// # Errors
/// Unknown or ambiguous ids, missing or damaged adapter files, nothing to roll back to.
pub fn run(common: &Common, action: &AdaptersAction) -> Result<()> {
    let assistant = Assistant::open(&common.options())?;
    let now_active = match action {
        AdaptersAction::List => return list(common, &assistant.generations()?),
        AdaptersAction::Trust(args) => return super::trust::run(common, &assistant, args),
        AdaptersAction::Use { id } => assistant.activate(id)?,
        AdaptersAction::Rollback => assistant.roll_back()?,
    };
    if common.json {
        output::json(&json!({ "active": now_active.id, "generation": now_active }))
    } else {
        output::line(&format!("adapter {} answers from now on", short_hash(&now_active.id)))?;
        Ok(())
    }
}

fn list(common: &Common, generations: &[Generation]) -> Result<()> {
    if common.json {
        let active = generations.iter().find(|generation| generation.active).map(|g| &g.id);
        return output::json(&json!({ "active": active, "generations": generations }));
    }
    output::line("adapter   state    origin   added (UTC)        gate  corrected       size  from")?;
    for generation in generations {
        output::line(row(generation).trim_end())?;
        if let Some(reason) = &generation.rejected {
            output::line(&format!("          refused: {}", printable(reason)))?;
        }
    }
    Ok(())
}

fn row(generation: &Generation) -> String {
    let (origin, added) = match generation.origin {
        // The base was never added; it has no date.
        Origin::Base => ("base", "-".to_owned()),
        Origin::Carried => ("carried", utc_minute(generation.created_at)),
        Origin::Learned => ("learned", utc_minute(generation.created_at)),
    };
    format!(
        "{:<8}  {:<7}  {origin:<7}  {added:<16}  {:>5}  {:>9}  {:>9}  {}",
        short_hash(&generation.id),
        state_word(generation),
        percent(generation.gate_accuracy),
        percent(generation.corrected_accuracy),
        bytes(generation.size_bytes),
        generation.parent.as_deref().map_or("-", short_hash),
    )
}
