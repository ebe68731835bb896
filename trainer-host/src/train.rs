//! `halligan-host train`: datasets and a base in, an adapter out.
//!
//! Everything that can go wrong late is checked early: outputs are tried before the model is opened, and
//! a run that is interrupted, runs out of its budget or is killed leaves a checkpoint to go on from.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use halligan_finetune::{
    adapter::Adapter,
    device::{self, DeviceChoice},
    lora::targets_of,
    model::BaseModel,
    train::{
        self, Continuation, Plan, TrainError, TrainOptions, TrainOutcome,
        budget::{Budget, Guard, Unreadable},
        memory::{self, MemoryPlan},
    },
};

use crate::{
    about, interrupt, outputs,
    progress::{bytes, count},
    rows,
};

pub mod args;
mod checks;
mod config;
mod datasets;
mod dry_run;
mod failure;
mod meter;
mod places;
mod report;
mod resume;
mod step_log;
mod watch;

use args::{Settings, TrainArgs};
use config::ConfigFile;
use datasets::Datasets;
use dry_run::Prepared;
use meter::SystemMeter;
use watch::Watch;

/// Sequence length where none is given and the base allows it.
const DEFAULT_SEQUENCE_TOKENS: usize = 512;

/// Exit code of a run that a budget stopped: it may go on later (`EX_TEMPFAIL` of sysexits.h).
const BUDGET_USED_UP: u8 = 75;

/// Trains and writes the adapter.
///
/// # Errors
/// Unwritable outputs, a bad base, adapter, dataset or settings file, impossible options, a failing device.
pub fn run(args: &TrainArgs) -> anyhow::Result<ExitCode> {
    if args.print_config {
        crate::print_data(config::example().trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let file = args.config.as_deref().map(ConfigFile::read).transpose()?;
    let of_file = file.as_ref().map(|file| file.settings.clone()).unwrap_or_default();
    let settings = args.settings.clone().or(checks::without_partners(of_file, &args.settings));
    checks::check(&settings, file.as_ref(), &args.settings)?;
    Job::new(args, settings, file.as_ref())?.run()
}

/// A run whose settings are complete and whose places can be written.
struct Job<'a> {
    args: &'a TrainArgs,
    file: Option<&'a ConfigFile>,
    settings: Settings,
    base_path: PathBuf,
    output: PathBuf,
    checkpoint_dir: PathBuf,
}

impl<'a> Job<'a> {
    fn new(args: &'a TrainArgs, settings: Settings, file: Option<&'a ConfigFile>) -> anyhow::Result<Self> {
        let (base_path, output) =
            (settings.base.clone().unwrap_or_default(), settings.output.clone().unwrap_or_default());
        let given = args.resume.clone().or_else(|| settings.checkpoint_dir.clone());
        let checkpoint_dir = given.unwrap_or_else(|| resume::default_folder(&output));
        let job = Self { args, file, settings, base_path, output, checkpoint_dir };
        job.check_outputs()?;
        Ok(job)
    }

    fn check_outputs(&self) -> anyhow::Result<()> {
        let files = [Some(&self.output), self.settings.log.as_ref(), self.settings.save_last.as_ref()];
        files.into_iter().flatten().try_for_each(|path| outputs::check_file(path))?;
        if let Some(folder) = &self.settings.save_peft {
            outputs::check_folder(folder)?;
        }
        if self.args.resume.is_some() && !self.checkpoint_dir.is_dir() {
            anyhow::bail!(
                "there is no checkpoint folder {}; name the folder that the interrupted run printed",
                self.checkpoint_dir.display()
            );
        }
        outputs::check_folder(&self.checkpoint_dir)?;
        places::check(self.args, &self.settings, &self.checkpoint_dir, |key| self.name(key))
    }

    /// A setting as the user gave it: by its line in the file, or as a flag.
    fn name(&self, key: &str) -> String {
        config::place(key, self.file, &self.args.settings)
    }

    fn wrong_setting(&self, (key, problem): (&str, String)) -> anyhow::Error {
        anyhow::anyhow!("{} {problem}", self.name(key))
    }

    fn run(&self) -> anyhow::Result<ExitCode> {
        let base = BaseModel::open(&self.base_path).map_err(|error| about(&self.base_path, error))?;
        let init = self.settings.init_adapter.as_deref();
        let initial_adapter = init.map(|path| rows::open_adapter(path, &base)).transpose()?;
        let mut options = self.options(&base, initial_adapter.as_ref())?;
        let explain = |error: TrainError| failure::explain(error, &base, self.file, &self.args.settings);
        options.check(&base).map_err(explain)?;
        checks::targets_exist(&self.settings, &base).map_err(|wrong| self.wrong_setting(wrong))?;
        let datasets = Datasets::read(&self.settings, &base, options.sequence_tokens)?;
        let set = datasets.training_set();
        let plan = Plan::new(&set, &options).map_err(explain)?;
        let fitted = checks::fit_warm_up(&mut options, &self.settings, plan.steps());
        fitted.map_err(|wrong| self.wrong_setting(wrong))?;
        self.describe(&base, &datasets, &options, &plan);
        let choice = self.settings.device.unwrap_or_default();
        let device = device::select(choice)?.info();
        let initial = initial_adapter.as_ref();
        let needed = MemoryPlan::of_run(&base, &set, &plan, &options, initial).map_err(explain)?;
        if self.args.dry_run {
            let (base, set, plan, options) = (&base, &set, &plan, &options);
            let prepared = Prepared { base, set, plan, options, initial, memory: &needed, device: &device };
            dry_run::run(prepared, choice, self.args.json)?;
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(available) = dry_run::available(&device) {
            memory::check_fits(&base, &needed, &options, initial, device.kind, available)?;
        }
        interrupt::listen("finishing this step, then leaving a checkpoint; Ctrl-C again ends at once without one")?;

        let guard = Guard::new(self.budget(), SystemMeter::new(Path::new("/"))).map_err(|error| {
            let key = if error == Unreadable::Energy { "max-watt-hours" } else { "max-celsius" };
            anyhow::anyhow!("{}: {error}", self.name(key))
        })?;
        let folder = resume::Folder::take(&self.checkpoint_dir)?;
        let resumed = self.args.resume.is_some();
        if !resumed && let Some(aside) = resume::set_aside(&self.checkpoint_dir)? {
            eprintln!("note    the checkpoint of an earlier run is kept as {}", aside.display());
        }
        let mut watch = Watch::new(self.settings.log.clone(), resumed, &self.checkpoint_dir, guard);
        let checkpoint_dir = Some(self.checkpoint_dir.clone());
        let continuation = Continuation { checkpoint_dir, resume: resumed, initial_adapter };
        let outcome = train::train(&base, &set, &options, choice, &continuation, &mut |event| watch.see(event));
        watch.finish();
        let outcome = outcome.map_err(|error| {
            let initial = continuation.initial_adapter.as_ref();
            let smaller = failure::smaller(&error, &base, &needed, &options, initial, device.kind);
            let kept = failure::keep(&error, &self.output, &self.checkpoint_dir, &self.settings, &base, &watch);
            let words = std::iter::once(explain(error).to_string()).chain(smaller).chain(kept);
            anyhow::anyhow!(words.collect::<Vec<_>>().join("; "))
        })?;
        if let Some(error) = watch.failure.take() {
            return Err(error);
        }
        if outcome.stopped {
            return Ok(self.stopped(&outcome, &watch));
        }
        report::write(&self.settings, &self.output, &base, &outcome, &watch)?;
        folder.finish(resumed);
        report::print(&self.settings, &self.output, self.args.json, &outcome, &watch)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The engine's options. An adapter to start from brings its own rank, scale and matrices.
    fn options(&self, base: &BaseModel, initial: Option<&Adapter>) -> anyhow::Result<TrainOptions> {
        let sequence = DEFAULT_SEQUENCE_TOKENS.min(base.description.context_tokens);
        let mut options = self.settings.options(self.settings.seq.unwrap_or(sequence));
        if let Some(adapter) = initial {
            let mut asked = self.settings.targets.clone();
            asked.iter_mut().for_each(|targets| targets.sort());
            let targets = targets_of(adapter, &base.description);
            let own = [
                ("rank", self.settings.rank.is_none_or(|rank| rank == adapter.rank), adapter.rank.to_string()),
                ("alpha", self.settings.alpha.is_none_or(|alpha| alpha == adapter.alpha), adapter.alpha.to_string()),
                ("targets", asked.is_none_or(|asked| asked == targets), checks::trained_targets(&targets, base)),
            ];
            if let Some((key, _, value)) = own.into_iter().find(|(_, same, _)| !same) {
                let problem =
                    format!("belongs to the adapter that --init-adapter brings, which has {value}; leave it out");
                return Err(self.wrong_setting((key, problem)));
            }
            (options.rank, options.alpha, options.targets) = (adapter.rank, adapter.alpha, targets);
        }
        Ok(options)
    }

    fn budget(&self) -> Budget {
        Budget {
            seconds: self.settings.max_minutes.map(|minutes| minutes * 60.0),
            joules: self.settings.max_watt_hours.map(|hours| hours * 3600.0),
            celsius: self.settings.max_celsius,
        }
    }

    fn describe(&self, base: &BaseModel, datasets: &Datasets, options: &TrainOptions, plan: &Plan) {
        let d = &base.description;
        eprintln!(
            "base    {} ({}, {} layers of {} channels, {})",
            self.base_path.display(),
            d.architecture,
            d.layers,
            d.hidden,
            bytes(base.file.file_bytes() as u64)
        );
        datasets.describe().iter().for_each(|line| eprintln!("{line}"));
        let (targets, steps) = (checks::trained_targets(&options.targets, base), count(plan.steps()));
        eprintln!("adapter rank {}, alpha {}, on {targets}; {steps} steps", options.rank, options.alpha);
    }

    fn stopped(&self, outcome: &TrainOutcome, watch: &Watch) -> ExitCode {
        if let Some(overrun) = watch.overrun {
            eprintln!("stopped: {overrun}");
        }
        eprintln!("stopped after step {} of {}; nothing is lost. Go on with:", outcome.steps, watch.steps);
        eprintln!("  {}", resume::command(&self.checkpoint_dir));
        ExitCode::from(if watch.overrun.is_some() { BUDGET_USED_UP } else { interrupt::INTERRUPTED })
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
