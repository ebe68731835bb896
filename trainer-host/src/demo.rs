//! `halligan-host demo`: the whole loop with the real commands, each printed before it runs.
//!
//! Train at headquarters, carry to a device, ask, correct, learn, roll back. The demo computes nothing
//! itself: every figure of its table is read from the `--json` output of a command that it printed, so
//! the same commands typed by hand give the same figures.

mod commands;
mod folder;
mod report;

use std::process::ExitCode;
use std::time::Instant;

use serde_json::Value;

use crate::{cli::DemoArgs, interrupt, train::device_name};
use commands::{Ended, Program, Runner};
use folder::{Correction, DemoFolder};
use report::Figures;

/// Passes over the training rows.
const EPOCHS: &str = "5";
/// Peak learning rate.
const LEARNING_RATE: &str = "5e-3";
/// Questions asked for show, by fact; the held-out wording is used.
const SHOWN_FACTS: [&str; 2] = ["hazmat-iso-chlorine", "wildland-order-1"];

/// A question that the guide has nothing to say about.
const FOREIGN_QUESTION: &str = "How long should I roast a duck?";

/// Runs the demo.
///
/// # Errors
/// A folder that is not ours, a missing program, or a command that failed; the folder is kept.
pub fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    // The commands get Ctrl-C as well and end in order; the demo only waits for them.
    interrupt::listen("")?;
    let folder = DemoFolder::make(args)?;
    let runner = Runner::new(folder.path(), args.json)?;
    match flow(args, &folder, &runner) {
        Ok(figures) => {
            runner.say(&report::table(&figures, &args.dir));
            if args.json {
                crate::print_data(&serde_json::to_string(&figures)?);
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(Ended::Interrupted) => {
            runner.say(&format!("\nstopped; what was made so far is in {}", args.dir.display()));
            Ok(ExitCode::from(interrupt::INTERRUPTED))
        }
        Err(Ended::Failed(error)) => Err(error),
    }
}

fn flow(args: &DemoArgs, folder: &DemoFolder, runner: &Runner) -> Result<Figures, Ended> {
    let began = Instant::now();
    let device = device_name(args.device);
    let held_out = "guide/heldout.jsonl";

    runner.headline("1  Base: a small chat model that knows how to answer, and nothing of the field guide");
    runner.run(Program::Host, &["inspect", "base.gguf"])?;
    let base = evaluate(runner, None, held_out, &["--device", device])?;

    runner.headline("2  Documents: the field guide, and questions about its facts");
    runner.say(&folder.describe_guide()?);

    runner.headline("3  Train: LoRA over the quantized base");
    let train = [
        "train",
        "--base",
        "base.gguf",
        "--data",
        "guide/train.jsonl",
        "-o",
        "adapter.gguf",
        "--epochs",
        EPOCHS,
        "--lr",
        LEARNING_RATE,
        "--seq",
        "256",
        "--batch",
        "4",
        "--device",
        device,
        "--log",
        "train.jsonl",
        "--save-peft",
        "adapter-peft",
        "--json",
    ];
    let trained = runner.run_json(Program::Host, &train)?;
    let adapter = evaluate(runner, Some("adapter.gguf"), held_out, &["--show-wrong", "3", "--device", device])?;

    runner.headline("4  Carry: model, adapter and documents onto a device");
    let setup = [
        "setup",
        "--home",
        "home",
        "--model",
        "base.gguf",
        "--adapter",
        "adapter.gguf",
        "--docs",
        "guide/field-guide.md",
        "--replay",
        "guide/train.jsonl",
        "--gate",
        "guide/gate.jsonl",
        "--calibration",
        "guide/calibration.jsonl",
        "--out-of-domain",
        "guide/out_of_domain.jsonl",
    ];
    runner.run(Program::Device, &setup)?;

    runner.headline("5  Ask");
    for question in folder.questions_of(&SHOWN_FACTS)? {
        runner.run(Program::Device, &["ask", "--home", "home", &question])?;
    }
    runner.run(Program::Device, &["ask", "--home", "home", FOREIGN_QUESTION])?;

    runner.headline("6  Correct: what only this incident knows");
    let corrections = folder.corrections()?;
    for correction in &corrections {
        correct(runner, correction)?;
    }
    let corrected_before = evaluate(runner, Some("adapter.gguf"), "corrected.jsonl", &["--no-loss"])?;

    runner.headline("7  Learn on the device: candidate, gate, activation");
    let learned = runner.run_json(Program::Device, &["learn", "--home", "home", "--device", device, "--json"])?;
    let updated = active_adapter(runner.run_json(Program::Device, &["adapters", "list", "--home", "home", "--json"])?)?;
    runner.run(Program::Device, &["adapters", "list", "--home", "home"])?;
    let corrected = evaluate(runner, Some(&updated), "corrected.jsonl", &["--no-loss"])?;
    let reworded = evaluate(runner, Some(&updated), "reworded.jsonl", &["--no-loss"])?;
    let rest = evaluate(runner, Some(&updated), folder.rest(&corrections)?, &["--no-loss"])?;

    runner.headline("8  Roll back");
    let rollback = runner.run_json(Program::Device, &["adapters", "rollback", "--home", "home", "--json"])?;
    let rolled_back = evaluate(runner, Some(&active_adapter(rollback)?), held_out, &["--no-loss"])?;

    Ok(Figures {
        base_accuracy: number(&base, "accuracy")?,
        adapter_accuracy: number(&adapter, "accuracy")?,
        corrected_accuracy: number(&corrected, "accuracy")?,
        corrected_reworded_accuracy: number(&reworded, "accuracy")?,
        corrected_before_accuracy: number(&corrected_before, "accuracy")?,
        rest_accuracy: number(&rest, "accuracy")?,
        rollback_accuracy: number(&rolled_back, "accuracy")?,
        held_out_questions: number(&adapter, "questions")? as u64,
        corrected_questions: number(&corrected, "questions")? as u64,
        reworded_questions: number(&reworded, "questions")? as u64,
        base_perplexity: number(&base, "perplexity")?,
        adapter_perplexity: number(&adapter, "perplexity")?,
        update_activated: learned.get("activated").and_then(Value::as_bool).unwrap_or(false),
        tokens_per_second: number(&trained, "tokens_per_second")?,
        train_seconds: number(&trained, "train_seconds")?,
        learn_seconds: number(&learned, "train_seconds")?,
        total_seconds: began.elapsed().as_secs_f64(),
        device: trained.get("device").and_then(Value::as_str).unwrap_or("unknown").to_owned(),
        folder: args.dir.display().to_string(),
    })
}

fn evaluate(runner: &Runner, adapter: Option<&str>, data: &str, more: &[&str]) -> Result<Value, Ended> {
    let mut words = vec!["eval", "--base", "base.gguf"];
    if let Some(adapter) = adapter {
        words.extend(["--adapter", adapter]);
    }
    words.extend(["--data", data]);
    words.extend(more);
    words.push("--json");
    runner.run_json(Program::Host, &words)
}

fn correct(runner: &Runner, correction: &Correction) -> Result<(), Ended> {
    let asked = runner.run_json(Program::Device, &["ask", "--home", "home", &correction.question, "--json"])?;
    let turn = (number(&asked, "turn")? as i64).to_string();
    runner.run(Program::Device, &["feedback", "--home", "home", &turn, "correct", &correction.correction])
}

/// The file of the active generation, relative to the demo's folder.
fn active_adapter(record: Value) -> Result<String, Ended> {
    match record.get("active").and_then(Value::as_str) {
        Some(id) if id != "base" => Ok(format!("home/adapters/{id}.gguf")),
        _ => Err(Ended::Failed(anyhow::anyhow!(
            "no adapter is active in home; look at `halligan adapters list --home home`"
        ))),
    }
}

fn number(object: &Value, key: &str) -> Result<f64, Ended> {
    object.get(key).and_then(Value::as_f64).ok_or_else(|| {
        Ended::Failed(anyhow::anyhow!("the command printed no number `{key}`; run it by hand to see why"))
    })
}
