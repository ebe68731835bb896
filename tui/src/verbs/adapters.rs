//! `halligan adapters`: which generations exist and which one answers.

use anyhow::Result;
use halligan_runtime::{Assistant, Generation, Origin, RuntimeError};
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
        AdaptersAction::List => return list(common, &assistant),
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

/// All generations for the console's page, which has room for one score: that of the gate, or for a generation that was
/// set up and not learned, that of the measurement of trust.
///
/// # Errors
/// An unreadable database.
pub fn scored_generations(assistant: &Assistant) -> Result<Vec<Generation>, RuntimeError> {
    let mut generations = assistant.generations()?;
    for generation in generations.iter_mut().filter(|generation| generation.gate_accuracy.is_none()) {
        generation.gate_accuracy = held_out(assistant, generation);
    }
    Ok(generations)
}

/// The share of right answers when the trust in a generation was measured, where it was: other questions than those of
/// the gate.
fn held_out(assistant: &Assistant, generation: &Generation) -> Option<f32> {
    // A model that is not there has no measurement.
    let trust = assistant.trust(&generation.id).ok().flatten().filter(|trust| trust.answers > 0)?;
    Some(trust.right as f32 / trust.answers as f32)
}

fn list(common: &Common, assistant: &Assistant) -> Result<()> {
    let generations = assistant.generations()?;
    if common.json {
        let active = generations.iter().find(|generation| generation.active).map(|g| &g.id);
        let rows = generations.iter().map(|generation| {
            let mut row = json!(generation);
            row["held_out_accuracy"] = json!(held_out(assistant, generation));
            row
        });
        return output::json(&json!({ "active": active, "generations": rows.collect::<Vec<_>>() }));
    }
    output::line("adapter   state    origin   added (UTC)       held-out   gate  corrected       size  from")?;
    for generation in &generations {
        output::line(row(generation, held_out(assistant, generation)).trim_end())?;
        if let Some(reason) = &generation.rejected {
            output::line(&format!("          refused: {}", printable(reason)))?;
        }
    }
    Ok(())
}

fn row(generation: &Generation, held_out: Option<f32>) -> String {
    let (origin, added) = match generation.origin {
        // The base was never added; it has no date.
        Origin::Base => ("base", "-".to_owned()),
        Origin::Carried => ("carried", utc_minute(generation.created_at)),
        Origin::Learned => ("learned", utc_minute(generation.created_at)),
    };
    format!(
        "{:<8}  {:<7}  {origin:<7}  {added:<16}  {:>8}  {:>5}  {:>9}  {:>9}  {}",
        short_hash(&generation.id),
        state_word(generation),
        percent(held_out),
        percent(generation.gate_accuracy),
        percent(generation.corrected_accuracy),
        bytes(generation.size_bytes),
        generation.parent.as_deref().map_or("-", short_hash),
    )
}
