//! Follows a run: progress, log, curves; says when it should pause or stop.

use std::path::PathBuf;

use halligan_finetune::train::{
    Control, EvalReport, StepReport, TrainEvent,
    budget::{Guard, Overrun},
};

use super::{meter::SystemMeter, step_log::StepLog};
use crate::{
    interrupt,
    loss_chart::{Curves, Point},
    progress::{Progress, count, step_note},
};

/// Name of the file in the checkpoint folder that makes a run wait while it is there.
pub(super) const PAUSE_FILE: &str = "pause";

/// What is known of a run so far.
pub(super) struct Watch {
    progress: Option<Progress>,
    log: StepLog,
    log_path: Option<PathBuf>,
    resumed: bool,
    pause_file: PathBuf,
    paused: bool,
    guard: Guard<SystemMeter>,
    evaluated: Option<EvalReport>,
    best: Option<EvalReport>,
    pub curves: Curves,
    pub steps: usize,
    /// Steps that earlier calls took.
    pub first_step: usize,
    pub parameters: usize,
    /// The limit that stopped the run.
    pub overrun: Option<Overrun>,
    /// What went wrong beside the training itself.
    pub failure: Option<anyhow::Error>,
}

impl Watch {
    pub fn new(
        log_path: Option<PathBuf>,
        resumed: bool,
        checkpoint_dir: &std::path::Path,
        guard: Guard<SystemMeter>,
    ) -> Self {
        Self {
            progress: None,
            log: StepLog::none(),
            log_path,
            resumed,
            pause_file: checkpoint_dir.join(PAUSE_FILE),
            paused: false,
            guard,
            evaluated: None,
            best: None,
            curves: Curves::default(),
            steps: 0,
            first_step: 0,
            parameters: 0,
            overrun: None,
            failure: None,
        }
    }

    pub fn see(&mut self, event: &TrainEvent) -> Control {
        match event {
            TrainEvent::Started { device, steps, resumed_from, parameters, changes, .. } => {
                eprintln!("device  {device}");
                eprintln!("train   {} parameters, {} steps", count(*parameters), count(*steps));
                if *resumed_from > 0 {
                    eprintln!("resume  after step {resumed_from}");
                }
                if !changes.is_empty() {
                    eprintln!("note    resumed with other settings: {changes}");
                }
                self.first_step = *resumed_from;
                self.open_log(*resumed_from);
                (self.steps, self.parameters) = (*steps, *parameters);
                self.progress = Some(Progress::new("training", *resumed_from, *steps));
            }
            TrainEvent::Step(report) => return self.see_step(report),
            TrainEvent::Evaluated(report) => self.see_evaluation(report),
            TrainEvent::CheckpointSaved(path) if self.stopping() => {
                self.say(&format!("checkpoint in {}", path.display()));
            }
            TrainEvent::Paused => return self.control(),
            _ => {}
        }
        if self.stopping() { Control::Stop } else { Control::Continue }
    }

    fn stopping(&self) -> bool {
        interrupt::requested() || self.failure.is_some() || self.overrun.is_some()
    }

    fn control(&mut self) -> Control {
        if self.stopping() {
            return Control::Stop;
        }
        let pause = self.pause_file.exists();
        if pause != self.paused {
            self.paused = pause;
            self.say(&if pause {
                format!("paused with a checkpoint; remove {} to go on, Ctrl-C stops", self.pause_file.display())
            } else {
                "going on".to_owned()
            });
        }
        if pause { Control::Pause } else { Control::Continue }
    }

    fn say(&self, line: &str) {
        match &self.progress {
            Some(progress) => progress.say(line),
            None => eprintln!("{line}"),
        }
    }

    fn open_log(&mut self, resumed_from: usize) {
        let Some(path) = &self.log_path else { return };
        match StepLog::open(path, self.resumed, resumed_from) {
            Ok((log, earlier)) => {
                let seen = |&(step, eval_loss): &Point| EvalReport { step, eval_loss, best: false };
                self.evaluated = earlier.held_out.last().map(seen);
                self.best = earlier.held_out.iter().min_by(|a, b| a.1.total_cmp(&b.1)).map(seen);
                (self.log, self.curves) = (log, earlier);
            }
            Err(error) => self.failure = Some(error),
        }
    }

    fn see_step(&mut self, report: &StepReport) -> Control {
        self.curves.training.push((report.step, report.loss));
        self.steps = report.steps;
        let mut note = step_note(report);
        if let (Some(evaluated), Some(best)) = (self.evaluated, self.best) {
            note += &format!("  held out {:.3}, best {:.3} at {}", evaluated.eval_loss, best.eval_loss, best.step);
        }
        let left = self.guard.left();
        if !left.is_empty() {
            note += &format!("  budget: {left}");
        }
        if let Some(progress) = &mut self.progress {
            progress.show_of(report.step, report.steps, &note);
        }
        if let Err(error) = self.log.append(report) {
            self.failure.get_or_insert(error);
        }
        self.overrun = self.overrun.or_else(|| self.guard.overrun());
        self.control()
    }

    fn see_evaluation(&mut self, report: &EvalReport) {
        self.curves.held_out.push((report.step, report.eval_loss));
        self.evaluated = Some(*report);
        if report.best {
            self.best = Some(*report);
        }
        let mark = if report.best { ", the best so far" } else { "" };
        self.say(&format!("judge   held-out loss {:.4} after step {}{mark}", report.eval_loss, report.step));
        if let Err(error) = self.log.append(report) {
            self.failure.get_or_insert(error);
        }
    }

    pub fn finish(&self) {
        if let Some(progress) = &self.progress {
            progress.finish();
        }
    }
}
