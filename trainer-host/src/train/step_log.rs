//! The log of a run: one JSON line a step and an evaluation, continued without gap or repetition when a run is
//! resumed.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use halligan_finetune::gguf::atomic_file::write_bytes_atomically;
use serde::Serialize;

use crate::loss_chart::Curves;

/// An open log, or none.
#[derive(Default)]
pub(super) struct StepLog {
    file: Option<(PathBuf, File)>,
}

/// What a line says.
enum Line {
    Step(usize, f64),
    Evaluation(usize, f64),
}

impl StepLog {
    /// No log: [`StepLog::append`] does nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Starts the log at `path`, keeping its lines up to step `resumed_from`; what came after is done again.
    /// A line that a killed run left incomplete is dropped. Returns the kept losses as well.
    pub fn open(path: &Path, resumed: bool, resumed_from: usize) -> anyhow::Result<(Self, Curves)> {
        let old = if resumed { std::fs::read_to_string(path).unwrap_or_default() } else { String::new() };
        let (mut text, mut curves) = (String::new(), Curves::default());
        for line in old.lines() {
            match parse(line) {
                Some(Line::Step(step, loss)) if step <= resumed_from => curves.training.push((step, loss)),
                Some(Line::Evaluation(step, loss)) if step <= resumed_from => curves.held_out.push((step, loss)),
                _ => continue,
            }
            text += line;
            text += "\n";
        }
        write_bytes_atomically(path, text.as_bytes())?;
        let file = File::options().append(true).open(path).map_err(|error| failed(path, &error))?;
        Ok((Self { file: Some((path.to_path_buf(), file)) }, curves))
    }

    /// Adds the line of one step or evaluation.
    pub fn append(&mut self, report: &impl Serialize) -> anyhow::Result<()> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let line = serde_json::to_string(report)? + "\n";
        file.write_all(line.as_bytes()).map_err(|error| failed(path, &error))
    }
}

fn failed(path: &Path, error: &std::io::Error) -> anyhow::Error {
    anyhow::anyhow!("cannot write the log {}: {error}; free disk space or train without --log", path.display())
}

fn parse(line: &str) -> Option<Line> {
    let row: serde_json::Value = serde_json::from_str(line).ok()?;
    let step = row.get("step")?.as_u64()? as usize;
    let number = |key: &str| row.get(key)?.as_f64();
    number("loss")
        .map(|loss| Line::Step(step, loss))
        .or_else(|| number("eval_loss").map(|loss| Line::Evaluation(step, loss)))
}

#[cfg(test)]
mod tests {
    use halligan_finetune::train::{EvalReport, StepReport};

    use super::*;

    fn report(step: usize) -> StepReport {
        StepReport {
            step,
            steps: 9,
            loss: 1.0 / step as f64,
            lr: 1e-3,
            grad_norm: 0.5,
            tokens: 7,
            seconds: 0.1,
            device_batches: None,
            noise_scale: None,
            tokens_per_second: 70.0,
            seconds_left: 1.0,
        }
    }

    fn keys(report: impl Serialize) -> Vec<String> {
        let mut keys: Vec<String> =
            serde_json::to_value(report).unwrap().as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    }

    #[test]
    fn resumed_log_has_every_step_and_evaluation_once_and_no_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.jsonl");
        let (mut log, _) = StepLog::open(&path, false, 0).unwrap();
        for step in 1..=5 {
            log.append(&report(step)).unwrap();
            log.append(&EvalReport { step, eval_loss: 2.0, best: true }).unwrap();
        }
        let torn = std::fs::read_to_string(&path).unwrap() + "{\"step\":6,\"lo";
        std::fs::write(&path, torn).unwrap();
        let (mut log, earlier) = StepLog::open(&path, true, 3).unwrap();
        assert_eq!((earlier.training.len(), earlier.held_out.len()), (3, 3));
        (4..=6).for_each(|step| log.append(&report(step)).unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        let steps: Vec<usize> = text
            .lines()
            .filter_map(|line| if let Line::Step(step, _) = parse(line)? { Some(step) } else { None })
            .collect();
        assert_eq!(steps, [1, 2, 3, 4, 5, 6]);
        assert_eq!(text.matches("eval_loss").count(), 3);
    }

    #[test]
    fn log_lines_have_the_promised_keys() {
        assert_eq!(keys(report(2)), ["grad_norm", "loss", "lr", "seconds", "step", "tokens"]);
        assert_eq!(keys(EvalReport { step: 2, eval_loss: 1.0, best: false }), ["eval_loss", "step"]);
    }

    #[test]
    fn new_run_starts_an_empty_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.jsonl");
        std::fs::write(&path, "{\"step\":1,\"loss\":2.0}\n").unwrap();
        let (_, earlier) = StepLog::open(&path, false, 0).unwrap();
        assert_eq!(earlier, Curves::default());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }
}
