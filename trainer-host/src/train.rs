//! `halligan-host train`: a dataset and a base in, an adapter out.
//!
//! Everything that can go wrong late is checked early: outputs are tried before the model is opened, and
//! an interrupted run leaves a checkpoint and the command that goes on from it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use halligan_finetune::{
    adapter::Adapter,
    dataset::Example,
    device::DeviceChoice,
    gguf::file_sha256,
    model::BaseModel,
    train::{self, Continuation, Control, Plan, StepReport, TrainEvent, TrainOptions, TrainOutcome},
};
use serde::Serialize;

use crate::{
    about,
    cli::TrainArgs,
    interrupt, loss_chart, outputs,
    progress::{Progress, bytes, count, duration},
    rows,
};

mod step_log;

use step_log::StepLog;

/// Sequence length where none is given and the base allows it.
const DEFAULT_SEQUENCE_TOKENS: usize = 512;

/// What a finished run reports with `--json`.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    adapter: &'a Path,
    adapter_sha256: String,
    steps: usize,
    final_loss: f64,
    tokens: usize,
    tokens_per_second: f64,
    train_seconds: f64,
    device: &'a str,
    parameters: usize,
    peak_device_bytes: u64,
}

/// Trains and writes the adapter.
///
/// # Errors
/// Unwritable outputs, a bad base, adapter or dataset, impossible options, a failing device.
pub fn run(args: &TrainArgs) -> anyhow::Result<ExitCode> {
    let checkpoint_dir = checkpoint_dir(args);
    check_outputs(args, &checkpoint_dir)?;
    let base = BaseModel::open(&args.base).map_err(|error| about(&args.base, error))?;
    let initial_adapter = args.init_adapter.as_deref().map(|path| rows::open_adapter(path, &base)).transpose()?;
    let options = options(args, &base, initial_adapter.as_ref());
    options.check(&base)?;
    let examples = rows::encode(&base, &args.data, &rows::read(&args.data)?, options.sequence_tokens)?;
    describe_data(args, &base, &examples, &options)?;
    interrupt::listen("finishing this step, then leaving a checkpoint; Ctrl-C again ends at once without one")?;

    let had_checkpoint_dir = checkpoint_dir.exists();
    let continuation =
        Continuation { checkpoint_dir: Some(checkpoint_dir.clone()), resume: args.resume.is_some(), initial_adapter };
    let mut watch = Watch { log: StepLog::none(), log_path: args.log.clone(), ..Watch::default() };
    let outcome = train::train(&base, &examples, &options, args.device, &continuation, &mut |event| watch.see(event));
    watch.finish();
    let outcome = outcome.map_err(|error| about(&args.data, error))?;
    if let Some(error) = watch.failure.take() {
        return Err(error);
    }
    if outcome.stopped {
        eprintln!("stopped after step {} of {}; nothing is lost. Go on with:", outcome.steps, watch.steps);
        eprintln!("  {}", resume_command(&checkpoint_dir));
        return Ok(ExitCode::from(interrupt::INTERRUPTED));
    }
    write_outputs(args, &base, &outcome, &watch)?;
    remove_checkpoint(&checkpoint_dir, had_checkpoint_dir && args.resume.is_none());
    report(args, &outcome, &watch)?;
    Ok(ExitCode::SUCCESS)
}

fn checkpoint_dir(args: &TrainArgs) -> PathBuf {
    let beside_output = || {
        let mut name = args.output.clone().into_os_string();
        name.push(".checkpoint");
        PathBuf::from(name)
    };
    args.resume.clone().or_else(|| args.checkpoint_dir.clone()).unwrap_or_else(beside_output)
}

fn check_outputs(args: &TrainArgs, checkpoint_dir: &Path) -> anyhow::Result<()> {
    outputs::check_file(&args.output)?;
    if let Some(log) = &args.log {
        outputs::check_file(log)?;
    }
    if let Some(folder) = &args.save_peft {
        outputs::check_folder(folder)?;
    }
    if args.resume.is_some() && !checkpoint_dir.is_dir() {
        anyhow::bail!(
            "there is no checkpoint folder {}; name the folder that the interrupted run printed",
            checkpoint_dir.display()
        );
    }
    outputs::check_folder(checkpoint_dir)
}

fn options(args: &TrainArgs, base: &BaseModel, initial: Option<&Adapter>) -> TrainOptions {
    TrainOptions {
        // An adapter to start from brings its own rank and scale.
        rank: initial.map_or(args.rank, |adapter| adapter.rank),
        alpha: initial.map_or(args.alpha, |adapter| adapter.alpha),
        targets: args.targets.clone(),
        learning_rate: args.lr,
        epochs: args.epochs,
        max_steps: args.max_steps,
        batch: args.batch,
        accumulate: args.accumulate,
        sequence_tokens: args.seq.unwrap_or(DEFAULT_SEQUENCE_TOKENS.min(base.description.context_tokens)),
        seed: args.seed,
        schedule: args.schedule,
        warmup_steps: args.warmup,
        weight_decay: args.weight_decay,
        max_grad_norm: args.max_grad_norm,
        shuffle: !args.no_shuffle,
        pack: !args.no_pack,
        recompute: args.recompute,
        checkpoint_steps: args.checkpoint_steps,
        ..TrainOptions::default()
    }
}

fn describe_data(
    args: &TrainArgs,
    base: &BaseModel,
    examples: &[Example],
    options: &TrainOptions,
) -> anyhow::Result<()> {
    let steps = Plan::new(examples, options).map_err(|error| about(&args.data, error))?.steps.len();
    let tokens: usize = examples.iter().map(|example| example.tokens.len()).sum();
    let targets: usize = examples.iter().flat_map(|example| &example.trained).filter(|&&trained| trained).count();
    let d = &base.description;
    eprintln!(
        "base    {} ({}, {} layers of {} channels, {})",
        args.base.display(),
        d.architecture,
        d.layers,
        d.hidden,
        bytes(base.file.file_bytes() as u64)
    );
    eprintln!(
        "data    {} rows, {} tokens, {} of them trained on",
        count(examples.len()),
        count(tokens),
        count(targets)
    );
    let names: Vec<&str> = options.targets.iter().map(|target| target.name()).collect();
    eprintln!("adapter rank {}, alpha {}, on {}; {} steps", options.rank, options.alpha, names.join(","), count(steps));
    Ok(())
}

/// Follows the run: progress, log file, losses for the chart.
#[derive(Default)]
struct Watch {
    progress: Option<Progress>,
    log: StepLog,
    log_path: Option<PathBuf>,
    losses: Vec<(usize, f64)>,
    steps: usize,
    parameters: usize,
    failure: Option<anyhow::Error>,
}

impl Watch {
    fn see(&mut self, event: &TrainEvent) -> Control {
        match event {
            TrainEvent::Started { device, steps, resumed_from, parameters, .. } => {
                eprintln!("device  {device}");
                eprintln!("train   {} parameters, {} steps", count(*parameters), count(*steps));
                if *resumed_from > 0 {
                    eprintln!("resume  after step {resumed_from}");
                }
                self.open_log(*resumed_from);
                (self.steps, self.parameters) = (*steps, *parameters);
                self.progress = Some(Progress::new("training", *resumed_from, *steps));
            }
            TrainEvent::Step(report) => self.see_step(report),
            TrainEvent::CheckpointSaved(path) => {
                if let Some(progress) = self.progress.as_ref().filter(|_| interrupt::requested()) {
                    progress.say(&format!("checkpoint in {}", path.display()));
                }
            }
        }
        if interrupt::requested() || self.failure.is_some() { Control::Stop } else { Control::Continue }
    }

    fn open_log(&mut self, resumed_from: usize) {
        let Some(path) = &self.log_path else { return };
        match StepLog::open(path, resumed_from) {
            Ok((log, earlier)) => (self.log, self.losses) = (log, earlier),
            Err(error) => self.failure = Some(error),
        }
    }

    fn see_step(&mut self, report: &StepReport) {
        self.losses.push((report.step, report.loss));
        if let Some(progress) = &mut self.progress {
            progress.show_step(report);
        }
        if let Err(error) = self.log.append(report) {
            self.failure.get_or_insert(error);
        }
    }

    fn finish(&self) {
        if let Some(progress) = &self.progress {
            progress.finish();
        }
    }
}

fn write_outputs(args: &TrainArgs, base: &BaseModel, outcome: &TrainOutcome, watch: &Watch) -> anyhow::Result<()> {
    outcome.adapter.write_gguf(&args.output).map_err(|error| about(&args.output, error))?;
    if let Some(folder) = &args.save_peft {
        rows::write_peft(&outcome.adapter, folder, base)?;
    }
    if let Some(log) = &args.log {
        let chart = log.with_extension("svg");
        halligan_finetune::gguf::atomic_file::write_bytes_atomically(
            &chart,
            loss_chart::svg(&watch.losses).as_bytes(),
        )?;
    }
    Ok(())
}

/// Removes the checkpoint file of a finished run, and its folder unless it was there before or holds more.
fn remove_checkpoint(folder: &Path, keep_folder: bool) {
    // What cannot be removed only takes room.
    let _ = std::fs::remove_file(folder.join("checkpoint.safetensors"));
    if !keep_folder {
        let _ = std::fs::remove_dir(folder);
    }
}

fn report(args: &TrainArgs, outcome: &TrainOutcome, watch: &Watch) -> anyhow::Result<()> {
    let sha256 = file_sha256(&args.output).map_err(|error| about(&args.output, error))?;
    let size = std::fs::metadata(&args.output).map_or(0, |metadata| metadata.len());
    let losses: Vec<f64> = watch.losses.iter().map(|point| point.1).collect();
    let mut lines = vec![
        format!(
            "loss    {}  {:.3} to {:.3}",
            loss_chart::sparkline(&losses, 48),
            losses.first().unwrap_or(&f64::NAN),
            outcome.final_loss
        ),
        format!(
            "speed   {:.0} tokens/s, {} for {} steps",
            outcome.tokens_per_second(),
            duration(outcome.seconds),
            count(watch.losses.len())
        ),
        format!("memory  {} at most on the device", bytes(outcome.peak_device_bytes)),
        format!("wrote   {} ({}, sha256 {})", args.output.display(), bytes(size), &sha256[..12]),
    ];
    lines.extend(args.save_peft.iter().map(|folder| format!("wrote   {} (PEFT)", folder.display())));
    lines.extend(
        args.log.iter().map(|log| format!("wrote   {} and {}", log.display(), log.with_extension("svg").display())),
    );
    let text = lines.join("\n");
    if !args.json {
        crate::print_data(&text);
        return Ok(());
    }
    eprintln!("{text}");
    let summary = Summary {
        adapter: &args.output,
        adapter_sha256: sha256,
        steps: outcome.steps,
        final_loss: outcome.final_loss,
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

/// This very command with `--resume`, ready to paste into a shell.
fn resume_command(checkpoint_dir: &Path) -> String {
    resume_words(std::env::args(), checkpoint_dir).iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
}

fn resume_words(arguments: impl Iterator<Item = String>, checkpoint_dir: &Path) -> Vec<String> {
    let mut words = Vec::new();
    let mut arguments = arguments.peekable();
    while let Some(word) = arguments.next() {
        let name = word.split('=').next().unwrap_or_default();
        if ["--resume", "--checkpoint-dir", "--init-adapter"].contains(&name) {
            if !word.contains('=') {
                arguments.next();
            }
            continue;
        }
        words.push(word);
    }
    words.extend(["--resume".to_owned(), checkpoint_dir.display().to_string()]);
    words
}

fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// The device choice as it is written on the command line.
pub fn device_name(choice: DeviceChoice) -> &'static str {
    match choice {
        DeviceChoice::Auto => "auto",
        DeviceChoice::Cpu => "cpu",
        DeviceChoice::Gpu => "gpu",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resume_command_names_the_checkpoint_once_and_drops_the_start() {
        let words =
            ["halligan-host", "train", "--base", "my base.gguf", "--checkpoint-dir", "old", "--init-adapter=a.gguf"];
        let resumed = resume_words(words.into_iter().map(str::to_owned), Path::new("c d"));
        assert_eq!(resumed, ["halligan-host", "train", "--base", "my base.gguf", "--resume", "c d"]);
        assert_eq!(shell_word("my base.gguf"), "'my base.gguf'");
        assert_eq!(shell_word("--lr=2e-4"), "--lr=2e-4");
    }

    #[test]
    fn finished_run_removes_only_its_own_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        std::fs::create_dir(&own).unwrap();
        std::fs::write(own.join("checkpoint.safetensors"), "x").unwrap();
        remove_checkpoint(&own, false);
        assert!(!own.exists());
        std::fs::create_dir(&own).unwrap();
        std::fs::write(own.join("mine.txt"), "x").unwrap();
        remove_checkpoint(&own, false);
        assert!(own.join("mine.txt").exists());
    }
}
