//! `halligan-host bench train`: training speed and memory on random models of real shapes.
//!
//! The weights mean nothing, the work is that of the real model: same matrices, same block format, same
//! sequence length, all linear layers adapted.

use std::process::ExitCode;

use halligan_finetune::{
    dataset::Example,
    model::BaseModel,
    random_model::{self, Format, RandomShape, SHAPES},
    train::{self, Continuation, Control, StepReport, TrainEvent, TrainOptions},
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde::Serialize;

use crate::{
    cli::BenchTrainArgs,
    progress::{Progress, bytes},
};

/// A named model shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    name: &'static str,
    shape: RandomShape,
}

impl std::str::FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || SHAPES.map(|(name, _)| name).join(", ");
        let found = SHAPES.into_iter().find(|(name, _)| *name == text);
        found
            .map(|(name, shape)| Shape { name, shape })
            .ok_or_else(|| format!("no such shape; choose one of {}", known()))
    }
}

/// How the matrices of the base are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage(Format);

impl std::str::FromStr for Storage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let same = |format: &Format| format.to_string().eq_ignore_ascii_case(text);
        let known = || Format::ALL.map(|format| format.to_string()).join(", ");
        Format::ALL
            .into_iter()
            .find(same)
            .map(Storage)
            .ok_or_else(|| format!("no such type; choose one of {}", known()))
    }
}

#[derive(Debug, Serialize)]
struct Figures {
    shape: &'static str,
    r#type: String,
    seq: usize,
    rank: usize,
    steps: usize,
    tokens_per_second: f64,
    step_seconds: f64,
    /// Most memory of the process while it trained; null where the system does not tell.
    peak_rss_bytes: Option<u64>,
    peak_device_bytes: u64,
    device: String,
}

/// Measures and prints.
///
/// # Errors
/// A full disk, impossible options, a failing device.
pub fn run(args: &BenchTrainArgs) -> anyhow::Result<ExitCode> {
    let folder = tempfile::tempdir().map_err(|error| {
        anyhow::anyhow!("cannot make a temporary folder ({error}); set TMPDIR to one that takes files")
    })?;
    let path = folder.path().join("random.gguf");
    let Storage(format) = args.storage;
    eprintln!("making a random {} in {format}", args.shape.name);
    random_model::write(&path, &args.shape.shape, format, 1)?;
    forget_peak_memory();
    let base = BaseModel::open(&path)?;
    let steps = args.steps.max(1) + 1;
    let options = TrainOptions {
        rank: args.rank,
        max_steps: Some(steps),
        epochs: 1.0,
        sequence_tokens: args.seq,
        warmup_steps: 0,
        recompute: args.recompute,
        ..TrainOptions::default()
    };
    options.check(&base)?;
    let examples = random_rows(steps, args.seq, base.description.vocabulary);
    let mut progress = Progress::new("measuring", 0, steps);
    let mut reports: Vec<StepReport> = Vec::new();
    let outcome = train::train(&base, &examples, &options, args.device, &Continuation::default(), &mut |event| {
        match event {
            TrainEvent::Started { device, .. } => progress.say(&format!("device {device}")),
            TrainEvent::Step(report) => {
                reports.push(*report);
                progress.show_step(report);
            }
            TrainEvent::CheckpointSaved(_) => {}
        }
        Control::Continue
    })?;
    progress.finish();
    // The first step pays for caches and pipelines.
    let seconds = median(reports.iter().skip(1).map(|report| report.seconds).collect());
    let figures = Figures {
        shape: args.shape.name,
        r#type: format.to_string(),
        seq: args.seq,
        rank: args.rank,
        steps: reports.len() - 1,
        tokens_per_second: args.seq as f64 / seconds,
        step_seconds: seconds,
        peak_rss_bytes: peak_memory_bytes(),
        peak_device_bytes: outcome.peak_device_bytes,
        device: outcome.device,
    };
    print(args, &figures)?;
    Ok(ExitCode::SUCCESS)
}

fn print(args: &BenchTrainArgs, figures: &Figures) -> anyhow::Result<()> {
    if args.json {
        crate::print_data(&serde_json::to_string(figures)?);
        return Ok(());
    }
    crate::print_data(&format!(
        "{} {} seq {} rank {}: {:.0} tokens/s ({:.3} s a step, median of {}), {} resident, {} on the device\n{}",
        figures.shape,
        figures.r#type,
        figures.seq,
        figures.rank,
        figures.tokens_per_second,
        figures.step_seconds,
        figures.steps,
        figures.peak_rss_bytes.map_or("unknown".to_owned(), bytes),
        bytes(figures.peak_device_bytes),
        figures.device
    ));
    Ok(())
}

fn random_rows(rows: usize, tokens: usize, vocabulary: usize) -> Vec<Example> {
    let mut random = StdRng::seed_from_u64(1);
    let mut row = |row: usize| Example {
        tokens: (0..tokens).map(|_| random.random_range(0..vocabulary as u32)).collect(),
        trained: vec![true; tokens],
        row: row + 1,
    };
    (0..rows).map(&mut row).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

/// Starts the count of [`peak_memory_bytes`] again, so that making the model is not part of it.
pub(crate) fn forget_peak_memory() {
    // Where the system has no such switch the figure is only larger.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Most resident memory of this process (`VmHWM`); `None` where there is no `/proc`.
pub(crate) fn peak_memory_bytes() -> Option<u64> {
    status_bytes("VmHWM:")
}

/// Resident memory of this process now (`VmRSS`); `None` where there is no `/proc`.
pub(crate) fn resident_memory_bytes() -> Option<u64> {
    status_bytes("VmRSS:")
}

fn status_bytes(key: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_middle_or_the_mean_of_two() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn unknown_shapes_and_types_are_answered_with_the_known_ones() {
        assert!("gpt5".parse::<Shape>().unwrap_err().contains("smollm2-135m"));
        assert!("Q9".parse::<Storage>().unwrap_err().contains("Q8_0"));
        assert_eq!("q8_0".parse::<Storage>().unwrap(), "Q8_0".parse::<Storage>().unwrap());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn peak_memory_is_known_on_linux() {
        assert!(peak_memory_bytes().unwrap() > 1 << 20);
    }
}
