//! `train --dry-run`: what a run would do, take and last, without doing it.
//!
//! Memory is counted by building the engine on an executor that holds nothing. Time comes from two steps that
//! are really taken on the device and thrown away; the second counts, since the first pays for caches.

use std::collections::BTreeMap;

use halligan_finetune::{
    adapter::Adapter,
    device::{DeviceChoice, DeviceInfo, DeviceKind},
    model::BaseModel,
    train::{
        self, Continuation, Control, Plan, StepReport, TrainError, TrainEvent, TrainOptions, TrainingSet,
        memory::MemoryPlan,
    },
};
use halligan_runtime::probe::memory_available_bytes;
use serde::Serialize;

use crate::progress::{bytes, count, duration};

/// Steps that are taken to measure the speed.
const CALIBRATION_STEPS: usize = 2;
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
    tokens_per_second: f64,
    seconds: f64,
}

/// Memory that a run on this device may take, where it is known.
pub(super) fn available(device: &DeviceInfo) -> Option<u64> {
    // Drivers do not tell what a graphics card has left.
    (device.kind == DeviceKind::Cpu).then(memory_available_bytes).flatten()
}

/// Measures and prints.
pub(super) fn run(prepared: Prepared<'_>, choice: DeviceChoice, json: bool) -> anyhow::Result<()> {
    let Prepared { base, set, plan, options, memory, device, .. } = prepared;
    let (measured, tokens_per_second) = calibrate(prepared, choice)?;
    let tokens = plan.tokens(set);
    let held_out: usize = set.held_out().iter().map(|example| example.tokens.len()).sum();
    let evaluations = if held_out == 0 { 0 } else { 2 + plan.steps().saturating_sub(1) / options.eval_steps };
    let judged = (evaluations * held_out) as f64 * EVALUATION_SHARE;
    let forecast = Forecast {
        device: format!("{} ({})", device.name, device.driver),
        tensors: tensors(base, prepared.initial, options)?,
        parameters: memory.parameters,
        memory,
        memory_total: memory.total(device.kind),
        memory_available: available(device),
        steps: plan.steps(),
        tokens,
        evaluations,
        tokens_per_second,
        seconds: (tokens as f64 + judged) / tokens_per_second,
    };
    let text = text(&forecast, device.kind, measured);
    if json {
        eprintln!("{text}");
        crate::print_data(&serde_json::to_string(&forecast)?);
    } else {
        crate::print_data(&text);
    }
    Ok(())
}

/// Takes two steps and forgets them; tokens per second of the second, and how many steps there were.
fn calibrate(prepared: Prepared<'_>, choice: DeviceChoice) -> Result<(usize, f64), TrainError> {
    let Prepared { base, set, options, initial, .. } = prepared;
    let options = TrainOptions { max_steps: Some(CALIBRATION_STEPS), ..options.clone() };
    let continuation = Continuation { initial_adapter: initial.cloned(), ..Continuation::default() };
    let mut reports: Vec<StepReport> = Vec::new();
    let alone = TrainingSet::new(set.sources().to_vec(), &[]);
    train::train(base, alone, &options, choice, &continuation, &mut |event| {
        if let TrainEvent::Step(report) = event {
            reports.push(*report);
        }
        Control::Continue
    })?;
    let speed = reports.last().map_or(f64::NAN, |report| report.tokens as f64 / report.seconds);
    Ok((reports.len(), speed))
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

fn text(forecast: &Forecast<'_>, kind: DeviceKind, measured: usize) -> String {
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
        format!(
            "time    about {}, at {:.0} tokens/s as step {measured} took here",
            duration(forecast.seconds),
            forecast.tokens_per_second
        ),
    ]
    .join("\n")
}
