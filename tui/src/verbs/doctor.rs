//! `halligan doctor`: what this device is and what is wrong with it.

use std::process::ExitCode;

use anyhow::Result;
use halligan_runtime::{Assistant, DoctorReport, Hardware, Severity, Status};

use crate::cli::Common;
use crate::figures::{bytes, counted, power, short_hash};
use crate::output;

/// Exit code when something stands in the way of asking questions.
const UNWELL: u8 = 1;

/// Examines the device and prints the report.
///
/// # Errors
/// Only a standard output that cannot be written; problems are part of the report.
pub fn run(common: &Common) -> Result<ExitCode> {
    let report = Assistant::doctor(&common.options());
    if common.json {
        output::json(&report)?;
    } else {
        for line in lines(&report) {
            output::line(&line)?;
        }
    }
    Ok(if report.is_well() { ExitCode::SUCCESS } else { ExitCode::from(UNWELL) })
}

/// The report as `halligan doctor` prints it.
pub fn lines(report: &DoctorReport) -> Vec<String> {
    let mut lines = vec![format!("halligan    {}", report.version)];
    hardware_lines(&report.hardware, &mut lines);
    let profile = report.profile.as_deref().unwrap_or("none");
    lines.push(format!("profile     {profile} ({})", report.profile_reason));
    if let Some(home) = &report.home {
        lines.push(format!("home        {}", home.display()));
    }
    if let Some(status) = &report.status {
        status_lines(status, &mut lines);
    }
    lines.push(String::new());
    if report.problems.is_empty() {
        lines.push("no problems found".to_owned());
    }
    for problem in &report.problems {
        let severity = match problem.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        lines.push(format!("{severity}: {}", problem.what));
        lines.push(format!("  do: {}", problem.advice));
    }
    lines
}

fn hardware_lines(hardware: &Hardware, lines: &mut Vec<String>) {
    if let Some(board) = &hardware.board {
        lines.push(format!("board       {board}"));
    }
    lines.push(format!("platform    {}", hardware.platform));
    lines.push(format!("processor   {}, {}", hardware.processor, counted(hardware.cores, "core")));
    lines.push(format!("memory      {} MiB, {} MiB free", hardware.memory_mib, hardware.memory_available_mib));
    lines.push(format!("gpu         {}", hardware.gpu.as_deref().unwrap_or("none")));
    lines.push(format!("power       {}", power(hardware.on_mains_power, None)));
    if let Some(celsius) = hardware.temperature_celsius {
        lines.push(format!("temperature {celsius:.0} degrees Celsius"));
    }
    if let Some(free) = hardware.disk_free_mib {
        lines.push(format!("disk        {free} MiB free"));
    }
}

fn status_lines(status: &Status, lines: &mut Vec<String>) {
    let model = status.model.as_deref().unwrap_or("none");
    let hash = status.model_sha256.as_deref().map_or("hash unknown", short_hash);
    let size = status.model_bytes.map_or_else(|| "size unknown".to_owned(), bytes);
    lines.push(format!("model       {model}, {hash}, {size}"));
    lines.push(format!("adapter     {}", short_hash(&status.generation.id)));
    lines.push(format!(
        "knowledge   {}, {}, {}, {} waiting",
        counted(status.documents, "document"),
        counted(status.passages, "passage"),
        counted(status.turns, "turn"),
        counted(status.corrections_waiting, "correction")
    ));
}
