//! The doctor: what this device is, what it carries, and what is wrong with either.
//!
//! It never fails and never changes anything but the clock of the files it reads; each problem
//! comes with what to do about it.

use std::path::{Path, PathBuf};

use halligan_finetune::model::Description;
use halligan_firmware_profiles::Profile;
use serde::Serialize;

use crate::assistant::{Assistant, AssistantOptions, DeviceChoice, Status};
use crate::generations::{BASE, Generations};
use crate::home::{Home, sha256_of_file};
use crate::inference::{InferenceSettings, fit_context};
use crate::model::open_model;
use crate::probe::{Hardware, probe};
use crate::profile::ChosenProfile;

/// Below this much free disk space journals and adapters are in danger.
const DISK_FREE_MIN_MIB: u64 = 256;

/// 2024-01-01 UTC: a clock before this was never set.
const CLOCK_MIN: i64 = 1_704_067_200;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Works, but less well than it could.
    Warning,
    /// Something does not work until this is solved.
    Error,
}

/// Something wrong and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub what: String,
    /// What to do next.
    pub advice: String,
}

/// Everything `halligan doctor` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DoctorReport {
    /// Version of this program.
    pub version: String,
    /// The hardware.
    pub hardware: Hardware,
    /// Name of the chosen profile; `None` when it cannot be used.
    pub profile: Option<String>,
    /// Why that profile: asked for, or which rule of the probe fits.
    pub profile_reason: String,
    /// The home folder.
    pub home: Option<PathBuf>,
    /// State of the assistant, where it can be opened.
    pub status: Option<Status>,
    /// Problems, worst first; empty when all is well.
    pub problems: Vec<Problem>,
}

impl DoctorReport {
    /// Whether nothing stands in the way of asking questions.
    pub fn is_well(&self) -> bool {
        self.problems.iter().all(|problem| problem.severity != Severity::Error)
    }
}

#[derive(Default)]
struct Findings(Vec<Problem>);

impl Findings {
    fn error(&mut self, what: impl Into<String>, advice: impl Into<String>) {
        let (what, advice) = (what.into(), advice.into());
        self.0.push(Problem { severity: Severity::Error, what, advice });
    }

    fn warning(&mut self, what: impl Into<String>, advice: impl Into<String>) {
        let (what, advice) = (what.into(), advice.into());
        self.0.push(Problem { severity: Severity::Warning, what, advice });
    }

    /// Our own error texts end with the advice after a semicolon.
    fn error_text(&mut self, text: &str) {
        self.text(Severity::Error, text);
    }

    fn text(&mut self, severity: Severity, text: &str) {
        let (what, advice) = text.rsplit_once("; ").unwrap_or((text, "follow the message"));
        self.0.push(Problem { severity, what: what.to_owned(), advice: advice.to_owned() });
    }
}

pub(crate) fn examine(options: &AssistantOptions) -> DoctorReport {
    let mut findings = Findings::default();
    let home = match &options.home {
        Some(folder) => Some(folder.clone()),
        None => Home::default_folder().ok(),
    };
    let (hardware, probe) = probe(home.as_deref());
    let chosen = ChosenProfile::choose(options.profile.as_deref(), &probe);
    let (profile, profile_reason) = match &chosen {
        Ok(chosen) => (Some(&chosen.profile), chosen.reason.clone()),
        Err(error) => {
            findings.error_text(&error.to_string());
            (None, "the profile that was asked for cannot be used".to_owned())
        }
    };
    check_machine(&hardware, profile, options, &mut findings);

    // With a bad profile the rest can still be examined.
    let readable =
        AssistantOptions { profile: if chosen.is_ok() { options.profile.clone() } else { None }, ..options.clone() };
    let status = match home.as_ref().filter(|folder| !folder.exists()) {
        // Looking does not make a home.
        Some(folder) => {
            findings.error(
                format!("there is no home at {}", folder.display()),
                "`halligan setup` makes one, or correct --home",
            );
            None
        }
        None => check_home(&readable, &mut findings),
    };
    let mut problems = findings.0;
    problems.sort_by_key(|problem| problem.severity != Severity::Error);
    DoctorReport {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        hardware,
        profile: profile.map(|profile| profile.name.as_str().to_owned()),
        profile_reason,
        home,
        status,
        problems,
    }
}

fn check_home(options: &AssistantOptions, findings: &mut Findings) -> Option<Status> {
    let checked = Assistant::open(options).and_then(|assistant| {
        check_contents(&assistant, findings);
        assistant.status()
    });
    checked.inspect_err(|error| findings.error_text(&error.to_string())).ok()
}

fn check_machine(hardware: &Hardware, profile: Option<&Profile>, options: &AssistantOptions, findings: &mut Findings) {
    if let Some(free) = hardware.disk_free_mib.filter(|free| *free < DISK_FREE_MIN_MIB) {
        findings.warning(
            format!("only {free} MiB are free on the disk of the home folder"),
            "remove files that are not needed, or choose another disk with --home DIR",
        );
    }
    if crate::home::now() < CLOCK_MIN {
        findings.warning(
            "the clock of this device was never set, so times in the journal are wrong",
            "set the clock of the system",
        );
    }
    if options.device == DeviceChoice::Gpu && crate::inference::gpu_name().is_none() {
        findings.error(
            "no GPU can compute answers: llama.cpp finds none, or was built without a GPU backend",
            "use --device auto; training still takes a GPU where there is one",
        );
    }
    let Some(profile) = profile else { return };
    let ceiling = profile.temperature_ceiling_celsius as f32;
    if let Some(celsius) = hardware.temperature_celsius.filter(|celsius| *celsius > ceiling) {
        findings.warning(
            format!("the device is at {celsius:.0} degrees Celsius, above the ceiling of {ceiling:.0}"),
            "let it cool before `halligan learn`",
        );
    }
    if profile.learn_only_on_mains_power && hardware.on_mains_power == Some(false) {
        findings.warning(
            format!("the device runs on battery, where profile `{}` does not learn", profile.name),
            "plug it in before `halligan learn`, or add --force",
        );
    }
}

fn check_contents(assistant: &Assistant, findings: &mut Findings) {
    let home = &assistant.home;
    let settings = assistant.profile.inference_settings(assistant.options.device);
    check_database(home, findings);
    match crate::model::ModelInUse::of(home, &assistant.options) {
        Ok(model) => check_model(&model.path, model.sha256.as_deref(), settings, findings),
        Err(error) => findings.error_text(&error.to_string()),
    }
    check_adapters(assistant, findings);
    check_programs(assistant, findings);
    if !home.gate_path().exists() {
        findings.warning(
            "there are no gate questions, so an update is not tested for what it forgets",
            "run `halligan setup` with --gate GATE.jsonl",
        );
    }
    if !home.replay_path().exists() {
        findings.warning(
            "there are no rows to replay, so an update forgets more easily",
            "run `halligan setup` with --replay TRAIN.jsonl",
        );
    }
    check_trust(assistant, findings);
    if assistant.documents().is_ok_and(|documents| documents.is_empty()) {
        findings
            .warning("there are no documents, so answers come without a passage", "add some: `halligan docs add PATH`");
    }
}

/// A set-up whose measuring was stopped leaves a device that never withholds an answer.
fn check_trust(assistant: &Assistant, findings: &mut Findings) {
    let (home, options) = (&assistant.home, &assistant.options);
    let has_questions = home.gate_path().exists() || home.calibration_path().exists();
    if !has_questions || options.model.is_some() || options.adapter.is_some() {
        return;
    }
    let measured = assistant.status().and_then(|status| assistant.trust(&status.generation.id));
    if matches!(measured, Ok(None)) {
        findings.warning(
            "nobody has measured how far answers can be trusted, so none is withheld",
            "run `halligan adapters trust --measure`",
        );
    }
}

fn check_database(home: &Home, findings: &mut Findings) {
    let outcome: rusqlite::Result<String> = home.connection().query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
    let said = outcome.unwrap_or_else(|error| error.to_string());
    if said != "ok" {
        findings.error(
            format!("the device database {} is damaged: {said}", home.database_path().display()),
            "copy the home folder away and set up a new one",
        );
    }
}

fn check_model(path: &Path, recorded: Option<&str>, mut settings: InferenceSettings, findings: &mut Findings) {
    let file = match open_model(path) {
        Ok(file) => file,
        Err(error) => return findings.error_text(&error.to_string()),
    };
    if let Some(recorded) = recorded
        && file.sha256() != recorded
    {
        findings.error(
            format!("the model {} is not the one that was set up: its SHA-256 is {}", path.display(), file.sha256()),
            "run `halligan setup --model FILE.gguf` with the kit's model",
        );
    }
    if !matches!(file.find_str("tokenizer.chat_template"), Ok(Some(_))) {
        findings.error(
            format!("the model {} has no chat template", path.display()),
            "use a model that was made for questions and answers",
        );
    }
    if let Err(error) = Description::from_gguf(&file) {
        findings.warning(
            format!("the model answers, but this device cannot train it: {error}"),
            "use a model of an architecture that Halligan trains",
        );
    }
    if let Some(shortened) = fit_context(&file, &mut settings) {
        findings.text(if shortened.fits { Severity::Warning } else { Severity::Error }, &shortened.note);
    }
}

/// Starts the programs of `mcp.json`, as the first question with tools would.
fn check_programs(assistant: &Assistant, findings: &mut Findings) {
    match assistant.toolbox() {
        Ok(_) => assistant.tool_troubles().iter().for_each(|trouble| findings.text(Severity::Warning, trouble)),
        Err(error) => findings.error_text(&error.to_string()),
    }
}

fn check_adapters(assistant: &Assistant, findings: &mut Findings) {
    let generations = Generations::new(&assistant.home);
    let checked = generations.active().and_then(|active| {
        let file = generations.verified_file(&active.id)?;
        if let Some(previous) = generations.previous()?.filter(|previous| previous != BASE)
            && let Err(error) = generations.verified_file(&previous)
        {
            findings.warning(
                format!("a rollback would fail: {error}"),
                "activate another generation: `halligan adapters list`",
            );
        }
        Ok(file)
    });
    match checked {
        Ok(Some(file)) => {
            let model = crate::model::ModelInUse::of(&assistant.home, &assistant.options);
            if let Ok(model) = model
                && let Err(error) = model.check_adapter(&file)
            {
                findings.error_text(&error.to_string());
            }
        }
        Ok(None) => findings.warning(
            "no adapter is active, so the base model answers",
            "run `halligan setup` with --adapter, or `halligan adapters use ID`",
        ),
        Err(error) => findings.error_text(&error.to_string()),
    }
    if let Some(path) = &assistant.options.adapter
        && let Err(error) = sha256_of_file(path)
    {
        findings.error(
            format!("cannot read the adapter {}: {error}", path.display()),
            "check the path given with --adapter",
        );
    }
}
