//! `train --dry-run`: what a run would do, take and last, without doing it.
//!
//! Memory is counted by building the engine on an executor that holds nothing. Time comes from one device batch that is
//! computed on the device and forgotten, only where the run fits there.

use std::collections::BTreeMap;

use halligan_finetune::{
    adapter::Adapter,
    device::{DeviceChoice, DeviceInfo, DeviceKind},
    model::BaseModel,
    train::{
        self, Pace, Plan, TrainError, TrainOptions, TrainingSet,
        memory::{self, MemoryPlan},
    },
};
use halligan_runtime::probe::memory_available_bytes;
use serde::Serialize;

use crate::progress::{bytes, count, duration};

/// A forward pass takes about a third of a step, which also walks back and through the frozen weights again.
const EVALUATION_SHARE: f64 = 1.0 / 3.0;

/// All that a run is made of.
#[derive(Clone, Copy)]
pub(super) struct Prepared<'a> {
    pub base: &'a BaseModel,
    pub set: &'a TrainingSet<'a>,
    pub plan: &'a Plan,
    pub options: &'a TrainOptions,
    pub initial: Option<&'a Adapter>,
    pub memory: &'a MemoryPlan,
    pub device: &'a DeviceInfo,
}

#[derive(Debug, Serialize)]
struct Forecast<'a> {
    device: String,
    /// Adapted matrices and the layers that have them.
    tensors: BTreeMap<String, usize>,
    parameters: u64,
    memory: &'a MemoryPlan,
    memory_total: u64,
    memory_available: Option<u64>,
    steps: usize,
    tokens: usize,
    evaluations: usize,
    /// Whether it fits in the memory that is left; what would, where it does not.
    fits: bool,
    advice: Option<String>,
    /// Null where it does not fit.
    tokens_per_second: Option<f64>,
    seconds: Option<f64>,
}

/// Memory that a run on this device may take, where it is known.
pub(super) fn available(device: &DeviceInfo) -> Option<u64> {
    // Drivers do not tell what a graphics card has left.
    (device.kind == DeviceKind::Cpu).then(memory_available_bytes).flatten()
}

/// Prints what is known without computing, then measures and prints the time.
///
/// # Errors
/// A run that does not fit, with what would; a failing device.
pub(super) fn run(prepared: Prepared<'_>, choice: DeviceChoice, json: bool) -> anyhow::Result<()> {
    let Prepared { base, set, plan, options, initial, device, .. } = prepared;
    let mut forecast = forecast(&prepared, available(device))?;
    let print = |text: &str| if json { eprintln!("{text}") } else { crate::print_data(text) };
    print(&text(&forecast, device.kind));
    if forecast.fits {
        let pace = train::pace(base, set, plan, options, initial, choice)?;
        forecast.take_pace(pace, set);
        print(&time(&forecast));
    }
    if json {
        crate::print_data(&serde_json::to_string(&forecast)?);
    }
    match forecast.advice {
        None => Ok(()),
        Some(advice) => anyhow::bail!("{advice}"),
    }
}

/// Everything but the time.
fn forecast<'a>(prepared: &Prepared<'a>, available: Option<u64>) -> Result<Forecast<'a>, TrainError> {
    let Prepared { base, set, plan, options, memory, device, initial } = *prepared;
    let evaluations =
        if set.held_out().is_empty() { 0 } else { 2 + plan.steps().saturating_sub(1) / options.eval_steps };
    let check = |available| memory::check_fits(base, memory, options, initial, device.kind, available);
    let advice = match available.map_or(Ok(()), check) {
        Err(error @ TrainError::DoesNotFit { .. }) => Some(error.to_string()),
        other => {
            other?;
            None
        }
    };
    Ok(Forecast {
        device: format!("{} ({})", device.name, device.driver),
        tensors: tensors(base, initial, options)?,
        parameters: memory.parameters,
        memory,
        memory_total: memory.total(device.kind),
        memory_available: available,
        steps: plan.steps(),
        tokens: plan.tokens(set),
        evaluations,
        fits: advice.is_none(),
        advice,
        tokens_per_second: None,
        seconds: None,
    })
}

impl Forecast<'_> {
    /// The time of the whole run from the pace of one batch.
    fn take_pace(&mut self, pace: Pace, set: &TrainingSet<'_>) {
        let held_out: usize = set.held_out().iter().map(|example| example.tokens.len()).sum();
        let judged = (self.evaluations * held_out) as f64 * EVALUATION_SHARE;
        let batches = (self.tokens as f64 + judged) / pace.tokens_per_second;
        self.tokens_per_second = Some(pace.tokens_per_second);
        self.seconds = Some(batches + self.steps as f64 * pace.step_seconds);
    }
}

fn tensors(
    base: &BaseModel,
    initial: Option<&Adapter>,
    options: &TrainOptions,
) -> Result<BTreeMap<String, usize>, TrainError> {
    let fresh = if initial.is_none() { Some(options.first_adapter(base)?) } else { None };
    let adapter = initial.or(fresh.as_ref());
    let mut tensors = BTreeMap::new();
    for name in adapter.iter().flat_map(|adapter| adapter.pairs.keys()) {
        let part = name.split('.').nth(2).unwrap_or(name);
        *tensors.entry(part.to_owned()).or_insert(0) += 1;
    }
    Ok(tensors)
}

fn text(forecast: &Forecast<'_>, kind: DeviceKind) -> String {
    let MemoryPlan { weights, adapter, logits, activations, rows, .. } = *forecast.memory;
    let tensors: Vec<String> = forecast.tensors.iter().map(|(part, layers)| format!("{part} x {layers}")).collect();
    let mapped = if kind == DeviceKind::Cpu { " read from the file, not counted" } else { "" };
    let left = forecast.memory_available.map(|left| format!(" of {} left", bytes(left))).unwrap_or_default();
    [
        format!("device  {}", forecast.device),
        format!("train   {} parameters: {}", count(forecast.parameters as usize), tensors.join(", ")),
        format!("memory  {}{left}", bytes(forecast.memory_total)),
        format!("          weights                           {}{mapped}", bytes(weights)),
        format!("          factors, gradients, moments       {}", bytes(adapter)),
        format!("          activations, {rows:>5} tokens a batch {}", bytes(activations)),
        format!("          a chunk of logits                 {}", bytes(logits)),
        format!(
            "steps   {}, {} tokens, {} evaluations",
            count(forecast.steps),
            count(forecast.tokens),
            forecast.evaluations
        ),
    ]
    .join("\n")
}

fn time(forecast: &Forecast<'_>) -> String {
    format!(
        "time    about {}, at {:.0} tokens/s as one device batch took here",
        duration(forecast.seconds.unwrap_or_default()),
        forecast.tokens_per_second.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use halligan_finetune::{dataset::Example, engine::Recompute};

    use super::*;

    #[test]
    fn run_that_does_not_fit_is_told_what_would_and_not_timed() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("base/halligan-base-q8_0.gguf");
        let base = BaseModel::open(&path).unwrap();
        let rows: Vec<Example> =
            (1..4).map(|row| Example { tokens: vec![7; 40], trained: vec![true; 40], row }).collect();
        let options = TrainOptions { sequence_tokens: 128, recompute: Recompute::Never, ..TrainOptions::default() };
        let set = TrainingSet::from(&rows);
        let plan = Plan::new(&set, &options).unwrap();
        let memory = MemoryPlan::of_run(&base, &set, &plan, &options, None).unwrap();
        let device = halligan_finetune::device::select(DeviceChoice::Cpu).unwrap().info();
        let initial = None;
        let prepared = Prepared {
            base: &base,
            set: &set,
            plan: &plan,
            options: &options,
            initial,
            memory: &memory,
            device: &device,
        };
        let total = memory.total(device.kind);
        let mut roomy = forecast(&prepared, Some(total)).unwrap();
        assert!(roomy.fits && roomy.advice.is_none());
        roomy.take_pace(Pace { tokens_per_second: 100.0, step_seconds: 2.0 }, &set);
        let seconds = roomy.tokens as f64 / 100.0 + roomy.steps as f64 * 2.0;
        assert!((roomy.seconds.unwrap() - seconds).abs() < 1e-9);
        let tight = forecast(&prepared, Some(total - 1)).unwrap();
        let advice = tight.advice.unwrap();
        assert!(!tight.fits && advice.contains("--recompute half would fit"), "{advice}");
        assert_eq!((tight.seconds, tight.tokens_per_second), (None, None));
    }
}
