//! `halligan learn`: an adapter update from the corrections, used only if it is better.

use std::process::ExitCode;
use std::sync::atomic::Ordering;

use anyhow::Result;
use halligan_runtime::{Assistant, LearnControl, LearnEvent, LearnOptions, LearnReport};
use indicatif::ProgressBar;

use crate::cli::{Common, NOT_AS_ASKED};
use crate::figures::{counted, duration, percent, short_hash};
use crate::output;

/// Learns. Ctrl-C stops after the running step and leaves everything as it was.
///
/// # Errors
/// Nothing to learn, battery, heat, cancellation, bad data, failing training. A candidate that
/// the gate refuses is a result and no error; only the exit code tells it from one that answers now.
pub fn run(common: &Common, force: bool, max_steps: Option<usize>) -> Result<ExitCode> {
    let assistant = Assistant::open(&common.options())?;
    let stop = output::stop_on_interrupt()?;
    let bar = output::progress_bar(0);
    let mut shown = Progress { bar: &bar, stage: String::new() };
    let outcome = assistant.learn(&LearnOptions { force, max_steps }, &mut |event| {
        shown.show(&event);
        if stop.load(Ordering::SeqCst) { LearnControl::Cancel } else { LearnControl::Continue }
    });
    bar.finish_and_clear();
    let report = outcome?;
    if common.json {
        output::json(&report)?;
    } else {
        for line in sentences(&report) {
            output::line(&line)?;
        }
    }
    Ok(if report.activated { ExitCode::SUCCESS } else { ExitCode::from(NOT_AS_ASKED) })
}

/// The progress bar, and one plain line per stage where there is no terminal.
struct Progress<'a> {
    bar: &'a ProgressBar,
    stage: String,
}

impl Progress<'_> {
    fn show(&mut self, event: &LearnEvent) {
        match event {
            LearnEvent::Preparing { corrections, replay } => {
                let words = format!(
                    "learning from {} and {}",
                    counted(*corrections, "correction"),
                    counted(*replay, "earlier row")
                );
                self.bar.suspend(|| output::talk(&words));
            }
            LearnEvent::Step { step, steps, loss, tokens_per_second, seconds_left } => {
                self.enter("training", *steps);
                self.bar.set_message(format!(
                    "loss {loss:.3}, {tokens_per_second:.0} tokens/s, {} left",
                    duration(f64::from(*seconds_left))
                ));
                self.bar.set_position(*step as u64);
            }
            LearnEvent::Evaluating { what, done, total } => {
                self.enter(&format!("checking {what}"), *total);
                self.bar.set_message("");
                self.bar.set_position(*done as u64);
            }
            LearnEvent::Activated { generation } => {
                let words = format!(
                    "adapter {} answers from now on; measuring how far it can be trusted (Ctrl-C skips that)",
                    short_hash(generation)
                );
                self.bar.suspend(|| output::talk(&words));
            }
            LearnEvent::Verdict(_) => {}
        }
    }

    fn enter(&mut self, stage: &str, length: usize) {
        if self.stage != stage {
            stage.clone_into(&mut self.stage);
            self.bar.set_prefix(stage.to_owned());
            if self.bar.is_hidden() {
                output::talk(stage);
            }
        }
        self.bar.set_length(length as u64);
    }
}

fn sentences(report: &LearnReport) -> Vec<String> {
    let verdict = if report.activated {
        format!("adapter {} answers from now on", short_hash(&report.candidate))
    } else {
        format!("adapter {} was not activated", short_hash(&report.candidate))
    };
    let mut lines = vec![
        format!("{verdict}: {}", report.reason),
        format!(
            "corrected questions {} -> {} ({})",
            percent(Some(report.corrected_before)),
            percent(Some(report.corrected_after)),
            counted(report.corrections, "correction")
        ),
        format!(
            "gate {} -> {} ({})",
            percent(Some(report.gate_before)),
            percent(Some(report.gate_after)),
            counted(report.gate_questions, "question")
        ),
        format!(
            "trained in {}, {:.0} tokens/s, on {}",
            duration(report.train_seconds),
            report.tokens_per_second,
            report.device
        ),
    ];
    if report.activated && !report.measured {
        lines.push("not measured how far it can be trusted: `halligan adapters trust --measure` does".to_owned());
    }
    if report.activated {
        lines.push("`halligan adapters rollback` returns to the adapter before".to_owned());
    }
    lines
}
