//! `halligan setup`: puts the files of a kit onto this device.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use halligan_runtime::error::ModelError;
use halligan_runtime::{Assistant, AssistantOptions, Kit, RuntimeError, model_of_home, set_up_watched};

use super::docs::{Watch, say_skipped};
use super::trust::{measured, trust_sentence};
use crate::cli::Common;
use crate::figures::short_hash;
use crate::output;

/// Exit code of a command line that cannot be understood.
const USAGE: u8 = 2;
/// Exit code of a set-up whose measuring was stopped.
const INTERRUPTED: u8 = 130;

/// Sets the device up, with the model that the home has where the kit brings none; journal, documents and generations that are already there are kept.
/// `table` is a hazard table that comes with the kit, which takes the name `guide`.
///
/// # Errors
/// Unreadable or malformed files, an adapter for another base, an unwritable home.
pub fn run(common: &Common, kit: &Kit, table: Option<&Path>) -> Result<ExitCode> {
    let brings_model = !kit.model.as_os_str().is_empty();
    if !brings_model && model_of_home(common.home.as_deref())?.is_none() {
        output::talk("error: set-up needs a model; write halligan setup --model FILE.gguf");
        return Ok(ExitCode::from(USAGE));
    }
    let stop = output::stop_on_interrupt()?;
    let watch = Watch::begin();
    let report = set_up_watched(common.home.as_deref(), kit, &mut |event| watch.see(&event, &stop));
    watch.end();
    let report = report?;
    let has_questions = kit.gate.is_some() || kit.calibration.is_some();
    // The model is the home's from here on, whatever the command line named.
    let options = AssistantOptions { model: None, adapter: None, ..common.options() };
    if let Some(table) = table {
        Assistant::open(&options)?.import_hazard_table(table, "guide", &[])?;
    }
    if has_questions {
        output::talk("Now it answers held-out questions, to learn how often answers are right and");
        output::talk("which questions it does not know.");
    }
    let measured = if has_questions { measured(&Assistant::open(&options)?, &stop) } else { Ok(None) };
    // All the rest is on the device by now, and stays there.
    let (trust, is_stopped) = match measured {
        Err(error) if is_cancelled(&error) => (None, true),
        other => (other?, false),
    };
    if common.json {
        let mut report = serde_json::to_value(&report)?;
        report["trust"] = serde_json::to_value(&trust)?;
        output::json(&report)?;
    } else {
        output::line(&format!("home       {}", report.home.display()))?;
        output::line(&format!("model      {}", short_hash(&report.model_sha256)))?;
        output::line(&format!("adapter    {}", short_hash(&report.generation)))?;
        output::line(&format!("documents  {}", report.documents))?;
        output::line(&format!("replay     {} rows", report.replay_rows))?;
        output::line(&format!("gate       {} questions", report.gate_questions))?;
        say_skipped(&report.skipped);
        if let Some(trust) = &trust {
            output::line(&format!("trust      {}", trust_sentence(trust)))?;
            output::line("           `halligan adapters trust` shows the figures")?;
        }
        if !is_stopped {
            output::talk("ready: `halligan ask QUESTION`, or `halligan` for the console");
        }
    }
    if is_stopped {
        output::talk(
            "set up, but not measured: `halligan adapters trust --measure` measures how far answers can be trusted",
        );
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(ExitCode::SUCCESS)
}

fn is_cancelled(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(RuntimeError::Model(ModelError::Cancelled)))
}
