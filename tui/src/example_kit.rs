//! The example kit that this program carries: the built-in base, the adapter that the demo trains, and the guide.
//!
//! With it somebody without a network, a kit or a configuration gets from an empty home to a cited answer. It is a
//! demonstration, and says so wherever it is offered.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use halligan_runtime::{Assistant, Kit};

use crate::cli::Common;
use crate::output;
use crate::verbs::setup;

/// A file of the repository, under its own name.
macro_rules! carried {
    ($folder:literal, $name:literal) => {
        ($name, include_bytes!(concat!("../../trainer-host/", $folder, "/", $name)))
    };
}

const FILES: [(&str, &[u8]); 8] = [
    carried!("base", "halligan-base-q8_0.gguf"),
    carried!("guide", "adapter.gguf"),
    carried!("guide", "field-guide.md"),
    carried!("guide", "hazards.csv"),
    carried!("guide", "train.jsonl"),
    carried!("guide", "gate.jsonl"),
    carried!("guide", "calibration.jsonl"),
    carried!("guide", "out_of_domain.jsonl"),
];

const WARNING: &str = "The example kit is a demonstration on a small model, not for operational use.";

/// Sets the device up with the example kit.
///
/// # Errors
/// No room for the files, an unwritable home.
pub fn set_up(common: &Common) -> Result<ExitCode> {
    if common.model.is_some() || common.adapter.is_some() {
        bail!("the example kit brings its own model and adapter; leave --model and --adapter away, or --example");
    }
    let folder = tempfile::tempdir().context("cannot make a temporary folder; set TMPDIR to one that takes files")?;
    let kit = unpack(folder.path()).context("cannot write the example kit into a temporary folder; free disk space")?;
    output::talk(WARNING);
    let code = setup::run(common, &kit)?;
    let table = folder.path().join("hazards.csv");
    Assistant::open(&common.options())?.import_hazard_table(&table, "guide", &[])?;
    Ok(code)
}

/// Where a person starts the console without a model: says what can be done, and sets the example kit up if wanted.
/// False where the person leaves; true also where nobody can be asked, so that the console itself says what is missing.
///
/// # Errors
/// As [`set_up`].
pub fn offer(common: &Common) -> Result<bool> {
    let is_asked = io::stdin().is_terminal() && io::stderr().is_terminal() && !common.json;
    if !is_asked || common.model.is_some() {
        return Ok(true);
    }
    let status = Assistant::open(&common.options())?.status()?;
    if status.model.is_some() {
        return Ok(true);
    }
    output::talk(&format!("There is no model in {} yet.\n", status.home.display()));
    output::talk("  Enter  set up the example kit that this program carries (8 MB, some seconds)");
    output::talk("  q      leave; a kit from headquarters comes with `halligan setup --model FILE.gguf`\n");
    output::talk(WARNING);
    write!(io::stderr(), "> ")?;
    let mut reply = String::new();
    let has_answer = io::stdin().read_line(&mut reply)? > 0;
    if !has_answer || !matches!(reply.trim().to_lowercase().as_str(), "" | "y" | "yes") {
        return Ok(false);
    }
    // A process of its own, because this one's Ctrl-C will be the console's.
    let program = std::env::current_exe().context("cannot find this program; run `halligan setup --example`")?;
    let home = status.home.as_os_str();
    let done = Command::new(program).arg("--home").arg(home).args(["setup", "--example"]).status()?;
    if !done.success() {
        bail!("the example kit was not set up; `halligan setup --example` tries again");
    }
    Ok(true)
}

/// Writes the files and names them as a kit.
fn unpack(folder: &Path) -> io::Result<Kit> {
    for (name, bytes) in FILES {
        std::fs::write(folder.join(name), bytes)?;
    }
    let at = |name: &str| folder.join(name);
    Ok(Kit {
        model: at("halligan-base-q8_0.gguf"),
        adapter: Some(at("adapter.gguf")),
        documents: vec![at("field-guide.md")],
        replay: Some(at("train.jsonl")),
        gate: Some(at("gate.jsonl")),
        calibration: Some(at("calibration.jsonl")),
        out_of_domain: Some(at("out_of_domain.jsonl")),
        ..Kit::default()
    })
}
