//! The log of a run: one JSON line a step, continued without gap or repetition when a run is resumed.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use halligan_finetune::{gguf::atomic_file::write_bytes_atomically, train::StepReport};

/// An open log, or none.
#[derive(Default)]
pub(super) struct StepLog {
    file: Option<(PathBuf, File)>,
}

/// The steps and losses of earlier lines.
type Losses = Vec<(usize, f64)>;

impl StepLog {
    /// No log: [`StepLog::append`] does nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Starts the log at `path`, keeping its lines up to step `resumed_from`; steps after it are taken
    /// again. Returns the kept losses as well.
    pub fn open(path: &Path, resumed_from: usize) -> anyhow::Result<(Self, Losses)> {
        let old = if resumed_from > 0 { std::fs::read_to_string(path).unwrap_or_default() } else { String::new() };
        let kept: Vec<(&str, (usize, f64))> = old
            .lines()
            .filter_map(|line| Some((line, parse(line)?)))
            .filter(|(_, (step, _))| *step <= resumed_from)
            .collect();
        let text: String = kept.iter().map(|(line, _)| format!("{line}\n")).collect();
        write_bytes_atomically(path, text.as_bytes())?;
        let file = File::options().append(true).open(path).map_err(|error| failed(path, &error))?;
        Ok((Self { file: Some((path.to_path_buf(), file)) }, kept.into_iter().map(|(_, point)| point).collect()))
    }

    /// Adds the line of one step.
    pub fn append(&mut self, report: &StepReport) -> anyhow::Result<()> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let line = serde_json::to_string(report)? + "\n";
        file.write_all(line.as_bytes()).map_err(|error| failed(path, &error))
    }
}

fn failed(path: &Path, error: &std::io::Error) -> anyhow::Error {
    anyhow::anyhow!("cannot write the log {}: {error}; free disk space or train without --log", path.display())
}

fn parse(line: &str) -> Option<(usize, f64)> {
    let row: serde_json::Value = serde_json::from_str(line).ok()?;
    Some((row.get("step")?.as_u64()? as usize, row.get("loss")?.as_f64()?))
}

#[cfg(test)]
mod tests {
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
            tokens_per_second: 70.0,
            seconds_left: 1.0,
        }
    }

    #[test]
    fn resumed_log_has_every_step_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.jsonl");
        let (mut log, _) = StepLog::open(&path, 0).unwrap();
        (1..=5).for_each(|step| log.append(&report(step)).unwrap());
        let (mut log, earlier) = StepLog::open(&path, 3).unwrap();
        assert_eq!(earlier.len(), 3);
        (4..=6).for_each(|step| log.append(&report(step)).unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        let steps: Vec<usize> = text.lines().map(|line| parse(line).unwrap().0).collect();
        assert_eq!(steps, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn log_line_has_the_promised_keys() {
        let line = serde_json::to_value(report(2)).unwrap();
        let mut keys: Vec<&String> = line.as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(keys, ["grad_norm", "loss", "lr", "seconds", "step", "tokens"]);
    }

    #[test]
    fn new_run_starts_an_empty_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.jsonl");
        std::fs::write(&path, "{\"step\":1,\"loss\":2.0}\n").unwrap();
        let (_, earlier) = StepLog::open(&path, 0).unwrap();
        assert!(earlier.is_empty());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }
}
