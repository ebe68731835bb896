//! `halligan-host bench`: `inference` compares the runtime with bare llama.cpp; `train`, here, measures training speed and
//! memory on random models of real shapes.
//!
//! The weights mean nothing, the work is that of the real model: same matrices, same block format, same
//! sequence length, all linear layers adapted.

pub mod inference;
mod profile;

use std::{process::ExitCode, time::Instant};

use halligan_finetune::{
    device::{self, Device},
    engine::{AdamW, Batch, Engine, Executor},
    lora::{LoraOptions, Target, fresh_adapter},
    model::BaseModel,
    random_model::{self, Format, RandomShape, SHAPES, Storage},
};
use profile::{Ceilings, KernelProfile};
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

/// Reads `Q8_0`, `Q4_K_M` and so on.
///
/// # Errors
/// The known names.
pub fn parse_storage(text: &str) -> Result<Storage, String> {
    let storages = || Format::ALL.into_iter().map(Storage::Uniform).chain([Storage::Q4KM]);
    let known = || storages().map(|storage| storage.to_string()).collect::<Vec<_>>().join(", ");
    storages()
        .find(|storage| storage.to_string().eq_ignore_ascii_case(text))
        .ok_or_else(|| format!("no such type; choose one of {}", known()))
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
    #[serde(flatten)]
    profile: Option<KernelProfile>,
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
    eprintln!("making a random {} in {}", args.shape.name, args.storage);
    random_model::write(&path, &args.shape.shape, args.storage, 1)?;
    forget_peak_memory();
    let base = BaseModel::open(&path)?;
    let context = base.description.context_tokens;
    anyhow::ensure!((2..=context).contains(&args.seq), "--seq {} is not between 2 and {context}", args.seq);
    let selected = device::select(args.device)?;
    match selected.device {
        Device::Cpu(exec) => measure(exec, selected.reason, args, &base),
        Device::Gpu(exec) => measure(*exec, selected.reason, args, &base),
    }
}

fn measure<E: Executor>(exec: E, device: String, args: &BenchTrainArgs, base: &BaseModel) -> anyhow::Result<ExitCode> {
    eprintln!("device {device}");
    let lora = LoraOptions::new(&Target::ALL, args.rank, 2.0 * args.rank as f32);
    let adapter = fresh_adapter(&base.description, &base.sha256, &lora, 1).map_err(anyhow::Error::msg)?;
    let mut engine = Engine::new(exec, base, &adapter, args.seq, args.recompute)?;
    drop(adapter);
    let mut random = StdRng::seed_from_u64(1);
    let mut progress = Progress::new("measuring", 0, args.steps.max(1) + 1);
    let mut seconds = Vec::new();
    // The first step pays for caches and pipelines.
    for step in 0..=args.steps.max(1) {
        if step == 1 && args.profile_kernels && !engine.executor_mut().start_profile() {
            progress.say("this device has no timestamps: kernels are not measured");
        }
        let tokens: Vec<u32> =
            (0..args.seq).map(|_| random.random_range(0..base.description.vocabulary as u32)).collect();
        let started = Instant::now();
        let loss = train_step(&mut engine, &Batch::of_tokens(&tokens), step as u32 + 1)?;
        seconds.push(started.elapsed().as_secs_f64());
        progress.show(step + 1, &format!("loss {loss:.3}"));
    }
    progress.finish();
    let seconds = median(seconds.split_off(1));
    let (peak_rss_bytes, peak_device_bytes) = (peak_memory_bytes(), engine.executor().peak_bytes());
    let profile = match args.profile_kernels {
        true => {
            let times = engine.executor_mut().kernel_times();
            Some(KernelProfile::new(times, Ceilings::measure(engine.executor_mut())?))
        }
        false => None,
    };
    let figures = Figures {
        shape: args.shape.name,
        r#type: args.storage.to_string(),
        seq: args.seq,
        rank: args.rank,
        steps: args.steps.max(1),
        tokens_per_second: args.seq as f64 / seconds,
        step_seconds: seconds,
        peak_rss_bytes,
        peak_device_bytes,
        device,
        profile,
    };
    print(args, &figures)?;
    Ok(ExitCode::SUCCESS)
}

/// One optimizer step over a batch; returns its mean loss.
fn train_step<E: Executor>(engine: &mut Engine<E>, batch: &Batch, step: u32) -> anyhow::Result<f64> {
    engine.clear_gradients();
    let losses = engine.accumulate_gradients(batch, 1.0 / batch.targets.len() as f32)?;
    let norm = engine.gradient_norm()?;
    engine.step(&AdamW {
        learning_rate: 1e-4,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.0,
        step,
        gradient_scale: (1.0 / norm).min(1.0),
    });
    engine.executor_mut().finish()?;
    Ok(losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / losses.len() as f64)
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
    if let Some(profile) = &figures.profile {
        crate::print_data(&profile.table());
    }
    Ok(())
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
        assert!(parse_storage("Q9").unwrap_err().contains("Q4_K_M"));
        assert_eq!(parse_storage("q8_0").unwrap(), Storage::Uniform(Format::Q8_0));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn peak_memory_is_known_on_linux() {
        assert!(peak_memory_bytes().unwrap() > 1 << 20);
    }
}
