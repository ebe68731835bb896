//! What a finished run writes and says.

use std::path::Path;

use halligan_finetune::{
    adapter::Adapter,
    gguf::{atomic_file::write_bytes_atomically, file_sha256},
    model::BaseModel,
    train::TrainOutcome,
};
use serde::Serialize;

use super::{args::Settings, watch::Watch};
use crate::{
    about, loss_chart,
    progress::{bytes, count, duration},
    rows,
};

/// What a finished run reports with `--json`.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    adapter: &'a Path,
    adapter_sha256: String,
    steps: usize,
    final_loss: f64,
    /// Step and held-out loss of the adapter that was written; null without held-out rows.
    best_step: Option<usize>,
    best_eval_loss: Option<f64>,
    stopped_early: bool,
    tokens: usize,
    tokens_per_second: f64,
    train_seconds: f64,
    device: &'a str,
    parameters: usize,
    peak_device_bytes: u64,
}

/// Writes an adapter as GGUF, and as PEFT where that is asked for.
pub(super) fn write_adapter(
    adapter: &Adapter,
    output: &Path,
    settings: &Settings,
    base: &BaseModel,
) -> anyhow::Result<()> {
    adapter.write_gguf(output).map_err(|error| about(output, error))?;
    if let Some(folder) = &settings.save_peft {
        rows::write_peft(adapter, folder, base, settings.rs_lora == Some(true))?;
    }
    Ok(())
}

/// Writes everything that a finished run leaves.
pub(super) fn write(
    settings: &Settings,
    output: &Path,
    base: &BaseModel,
    outcome: &TrainOutcome,
    watch: &Watch,
) -> anyhow::Result<()> {
    write_adapter(outcome.best.as_ref().map_or(&outcome.adapter, |best| &best.adapter), output, settings, base)?;
    if let Some(last) = &settings.save_last {
        outcome.adapter.write_gguf(last).map_err(|error| about(last, error))?;
    }
    write_chart(settings, watch)
}

/// Draws the curves beside the log.
pub(super) fn write_chart(settings: &Settings, watch: &Watch) -> anyhow::Result<()> {
    if let Some(log) = &settings.log {
        write_bytes_atomically(&log.with_extension("svg"), loss_chart::svg(&watch.curves).as_bytes())?;
    }
    Ok(())
}

/// Says what came out.
pub(super) fn print(
    settings: &Settings,
    output: &Path,
    json: bool,
    outcome: &TrainOutcome,
    watch: &Watch,
) -> anyhow::Result<()> {
    let sha256 = file_sha256(output).map_err(|error| about(output, error))?;
    let text = text(settings, output, &sha256, outcome, watch);
    if !json {
        crate::print_data(&text);
        return Ok(());
    }
    eprintln!("{text}");
    let summary = Summary {
        adapter: output,
        adapter_sha256: sha256,
        steps: outcome.steps,
        final_loss: outcome.final_loss,
        best_step: outcome.best.as_ref().map(|best| best.step),
        best_eval_loss: outcome.best.as_ref().map(|best| best.loss),
        stopped_early: outcome.stopped_early,
        tokens: outcome.tokens,
        tokens_per_second: outcome.tokens_per_second(),
        train_seconds: outcome.seconds,
        device: &outcome.device,
        parameters: watch.parameters,
        peak_device_bytes: outcome.peak_device_bytes,
    };
    crate::print_data(&serde_json::to_string(&summary)?);
    Ok(())
}

fn text(settings: &Settings, output: &Path, sha256: &str, outcome: &TrainOutcome, watch: &Watch) -> String {
    let size = std::fs::metadata(output).map_or(0, |metadata| metadata.len());
    let losses: Vec<f64> = watch.curves.training.iter().map(|point| point.1).collect();
    let first = losses.first().unwrap_or(&f64::NAN);
    let mut lines =
        vec![format!("loss    {}  {first:.3} to {:.3}", loss_chart::sparkline(&losses, 48), outcome.final_loss)];
    if let Some(best) = &outcome.best {
        let before = watch.curves.held_out.first().map_or(f64::NAN, |point| point.1);
        let early = if outcome.stopped_early { "; stopped early" } else { "" };
        lines.push(format!("judge   held-out loss {before:.3} to {:.3} after step {}{early}", best.loss, best.step));
        if best.adapter.is_untouched() {
            lines
                .push("note    training only raised the held-out loss: the adapter written changes nothing".to_owned());
        }
    }
    if let Some(&(step, _)) = watch.curves.training.first().filter(|(step, _)| *step > 1) {
        lines.push(format!("note    the curve begins at step {step}: what came before stands in no log of this run"));
    }
    let chart = loss_chart::terminal(&watch.curves);
    lines.extend(chart.lines().map(str::to_owned));
    lines.extend([
        format!(
            "speed   {:.0} tokens/s, {} for {} steps",
            outcome.tokens_per_second(),
            duration(outcome.seconds),
            count(outcome.steps - watch.first_step)
        ),
        format!("memory  {} at most on the device", bytes(outcome.peak_device_bytes)),
        format!("wrote   {} ({}, sha256 {})", output.display(), bytes(size), &sha256[..12]),
    ]);
    lines.extend(settings.save_last.iter().map(|last| format!("wrote   {} (last step)", last.display())));
    lines.extend(settings.save_peft.iter().map(|folder| format!("wrote   {} (PEFT)", folder.display())));
    let log = settings.log.iter();
    lines.extend(log.map(|log| format!("wrote   {} and {}", log.display(), log.with_extension("svg").display())));
    lines.join("\n")
}
