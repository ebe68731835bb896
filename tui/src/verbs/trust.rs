//! `halligan adapters trust`: how far the answers of a generation can be trusted, and on what evidence.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use halligan_runtime::confidence::policy::cases;
use halligan_runtime::confidence::{CAUGHT, Trust, read_outside, reliability_diagram};
use halligan_runtime::evaluate::read_questions;
use halligan_runtime::{Assistant, OnTrust, RuntimeError, TrustProgress, Verdicts};
use serde_json::json;

use crate::cli::Common;
use crate::figures::{counted, duration, short_hash, utc_minute};
use crate::output;

/// What `halligan adapters trust` does beside showing.
#[derive(Debug, Args)]
pub struct TrustArgs {
    /// Ask the kit's held-out questions anew
    #[arg(long)]
    measure: bool,
    /// Draw stated probability against right answers
    #[arg(long, value_name = "OUT.svg")]
    diagram: Option<PathBuf>,
    /// Count what would be done with these questions, whose answers are known
    #[arg(long, value_name = "HELDOUT.jsonl")]
    check: Option<PathBuf>,
    /// .. and with these, which are to be refused
    #[arg(long, value_name = "OUTSIDE.jsonl", requires = "check")]
    foreign: Option<PathBuf>,
}

/// Shows the evidence of the active generation, or makes it anew, draws it, checks it on other questions.
///
/// # Errors
/// No evidence, no questions to make it from, a place that cannot be written.
pub fn run(common: &Common, assistant: &Assistant, args: &TrustArgs) -> Result<()> {
    let generation = assistant.status()?.generation.id;
    if let Some(path) = &args.check {
        return check(common, assistant, path, args.foreign.as_deref());
    }
    let trust = if args.measure {
        {
            let stop = output::stop_on_interrupt()?;
            measured(assistant, &stop)?
        }
    } else {
        assistant.trust(&generation)?
    };
    let Some(trust) = trust else {
        bail!(
            "nothing was measured of adapter {}; `halligan setup --gate GATE.jsonl` brings questions with answers, and \
             `halligan adapters trust --measure` asks them",
            short_hash(&generation)
        );
    };
    if let Some(path) = &args.diagram {
        draw(&trust, path)?;
    }
    if common.json {
        return output::json(&json!({ "generation": generation, "trust": trust, "too_few": trust.too_few() }));
    }
    output::line(&format!("adapter {}, measured {} UTC", short_hash(&generation), utc_minute(trust.made_at)))?;
    for line in trust_lines(&trust) {
        output::line(&line)?;
    }
    Ok(())
}

/// Measures with a progress bar.
///
/// # Errors
/// As [`Assistant::measure_trust`].
pub fn measured(assistant: &Assistant, stop: &AtomicBool) -> Result<Option<Trust>> {
    with_bar(stop, |on_progress| assistant.measure_trust(on_progress))
}

fn with_bar<T>(stop: &AtomicBool, work: impl FnOnce(OnTrust<'_>) -> Result<T, RuntimeError>) -> Result<T> {
    let bar = output::progress_bar(0);
    let (mut part, mut parts) = ("", 0);
    let done = work(&mut |TrustProgress { what, done, total }| {
        if part != what {
            part = what;
            parts += 1;
            bar.set_prefix(format!("part {parts}, {what}"));
            bar.set_length(total as u64);
            bar.reset_eta();
        }
        bar.set_position(done as u64);
        if done > 0 && done < total {
            bar.set_message(format!("{} left in it", duration(bar.eta().as_secs_f64())));
        }
        !stop.load(Ordering::SeqCst)
    });
    bar.finish_and_clear();
    Ok(done?)
}

fn check(common: &Common, assistant: &Assistant, path: &Path, foreign: Option<&Path>) -> Result<()> {
    let questions = read_questions(path)?;
    let foreign = foreign.map(read_outside).transpose()?.unwrap_or_default();
    let stop = output::stop_on_interrupt()?;
    let checked = with_bar(&stop, |on_progress| assistant.check_trust(&questions, &foreign, on_progress))?;
    if common.json {
        return output::json(&checked);
    }
    output::line("questions            shown  with warning  asked back  refused")?;
    for (name, verdicts) in [("right", checked.right), ("wrong", checked.wrong), ("foreign", checked.foreign)] {
        let Verdicts { answer, warn, clarify, refuse } = verdicts;
        output::line(&format!(
            "{name:<10} {:>8}  {answer:>5}  {warn:>12}  {clarify:>10}  {refuse:>7}",
            verdicts.total()
        ))?;
    }
    let before = checked.uncalibrated.ece;
    output::line(&match &checked.calibrated {
        Some(figures) => format!("expected calibration error {before:.3} before, {:.3} after", figures.ece),
        None => format!("expected calibration error {before:.3}, not calibrated"),
    })?;
    Ok(())
}

/// What came of measuring, in one sentence without figures of statistics.
pub fn trust_sentence(trust: &Trust) -> String {
    let right = format!("{} of {} held-out questions answered right", trust.right, trust.answers);
    match trust.too_few() {
        Some(_) if !trust.claims() => format!("{right}; too few to say more of an answer"),
        _ => right,
    }
}

/// The evidence in all its figures.
fn trust_lines(trust: &Trust) -> Vec<String> {
    let mut lines = vec![format!("held-out questions   {} of {} right", trust.right, trust.answers)];
    match (&trust.calibration, trust.too_few()) {
        (Some(calibration), _) => {
            let (before, after) = (&calibration.before, &calibration.after);
            lines.push(format!("calibration          {}", calibration.map.describe()));
            lines.push(format!(
                "  expected error     {:.3} before, {:.3} after (equal width; [lo,hi) {:.3}, equal mass {:.3})",
                before.ece, after.ece, after.ece_low_closed, after.ece_equal_mass
            ));
            lines.push(format!(
                "  largest error      {:.3} before, {:.3} after; Brier {:.3} and {:.3}, likelihood {:.3} and {:.3} nats",
                before.mce, after.mce, before.brier, after.brier, before.nll, after.nll
            ));
            lines.push(format!("  cross-validated on {}", counted(after.answers, "answer")));
        }
        (None, Some(few)) => {
            lines.push(format!("calibration          none: {few}"));
            if let Some(rate) = trust.rate() {
                lines.push(format!("  every answer is taken to be right in {}", cases(rate)));
            }
        }
        (None, None) => {}
    }
    match &trust.domain {
        Some(domain) => {
            let (inside, outside) = (domain.scores.inside.len(), domain.scores.outside.len());
            lines.push(format!(
                "domain               by the {}, {inside} questions inside, {outside} outside",
                domain.score
            ));
            for (score, separation) in &domain.compared {
                lines.push(format!(
                    "  {:<36} AUROC {:.3}, refuses {:.1} % of its own at {:.0} % of foreign ones",
                    score.to_string(),
                    separation.area,
                    100.0 * separation.false_refusals,
                    100.0 * CAUGHT
                ));
            }
        }
        None => lines.push("domain               not measured: the kit has no questions outside it".to_owned()),
    }
    lines
}

fn draw(trust: &Trust, path: &Path) -> Result<()> {
    let Some(calibration) = &trust.calibration else {
        bail!("there is no calibration to draw: {}", trust.too_few().map_or_else(String::new, |few| few.to_string()));
    };
    let image = reliability_diagram(&calibration.judged, "calibrated, cross-validated");
    std::fs::write(path, image).with_context(|| format!("cannot write {}; choose another place", path.display()))
}
