//! The example kit that this program carries: the built-in base, the adapter that the demo trains, and the guide.
//!
//! With it somebody without a network, a kit or a configuration gets from an empty home to a cited answer. It is a
//! demonstration, and says so wherever it is offered.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use halligan_runtime::{Assistant, Kit, Status};

use crate::cli::Common;
use crate::output;
use crate::verbs::{self, setup};

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

/// SHA-256 of the model that the kit carries.
pub const MODEL: &str = "bdd55508f211b7e0e2f191b0837370f383ef132d415034e2a30050049a06db88";
/// SHA-256 of the adapter that the kit carries.
pub const ADAPTER: &str = "8cd5bfad102fe15a06f71169d7a488315759c024575e4d7fe682f63d22db3571";

/// What must be known wherever the kit is offered or used.
pub const WARNING: &str = "The example kit is a small model for demonstration, not for operational use.";

/// A question that the kit's adapter answers and its guide confirms.
pub const QUESTION: &str = "What is the length of one chain?";

/// Whether a device answers with the kit's model, alone or with any adapter.
pub fn is_model_of(status: &Status) -> bool {
    status.model_sha256.as_deref() == Some(MODEL)
}

/// Whether a device answers with the kit's own adapter.
pub fn is_adapter_of(status: &Status) -> bool {
    status.generation.id == ADAPTER
}

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
    setup::run(common, &kit, Some(&folder.path().join("hazards.csv")))
}

/// Where a person starts the console without a model: says what can be done, and sets the example kit up if wanted.
/// False where the person leaves; true also where nobody can be asked, so that the console itself says what is missing.
///
/// # Errors
/// As [`set_up`]; where nobody can be asked, a home that is not there.
pub fn offer(common: &Common) -> Result<bool> {
    let is_asked = io::stdin().is_terminal() && io::stderr().is_terminal() && !common.json;
    if !is_asked || common.model.is_some() {
        verbs::expect_home(common)?;
        return Ok(true);
    }
    let status = Assistant::open(&common.options())?.status()?;
    if status.model.is_some() {
        return Ok(true);
    }
    output::talk(&format!("There is no model in {} yet.\n", status.home.display()));
    output::talk("  Enter  set up the example kit that this program carries (8 MB, half a minute)");
    output::talk("  q      leave; a kit from headquarters comes with");
    output::talk("         `halligan setup --model FILE.gguf`\n");
    output::talk(WARNING);
    if !is_wanted()? {
        output::talk("nothing was set up");
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

/// Asks until the reply is a yes or a no; the end of the input is a no.
fn is_wanted() -> io::Result<bool> {
    loop {
        write!(io::stderr(), "> ")?;
        let mut reply = String::new();
        if io::stdin().read_line(&mut reply)? == 0 {
            return Ok(false);
        }
        match meaning(&reply) {
            Some(wanted) => return Ok(wanted),
            None => output::talk("Press Enter for the example kit, or type q to leave."),
        }
    }
}

/// What a reply to the offer means; `None` where it is neither a yes nor a no.
fn meaning(reply: &str) -> Option<bool> {
    match reply.trim().to_lowercase().as_str() {
        "" | "y" | "yes" => Some(true),
        "q" | "quit" | "exit" | "n" | "no" => Some(false),
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use halligan_runtime::home::sha256_of_file;

    use super::*;

    #[test]
    fn the_hashes_are_those_of_the_carried_files() {
        let folder = tempfile::tempdir().unwrap();
        let kit = unpack(folder.path()).unwrap();
        assert_eq!(sha256_of_file(&kit.model).unwrap(), MODEL);
        assert_eq!(sha256_of_file(&kit.adapter.unwrap()).unwrap(), ADAPTER);
    }

    #[test]
    fn the_question_of_the_welcome_has_its_answer_in_the_guide() {
        let (_, guide) = FILES.iter().find(|(name, _)| *name == "field-guide.md").unwrap();
        assert!(String::from_utf8_lossy(guide).contains("The length of one chain is 66 feet"));
    }

    #[test]
    fn a_reply_that_is_neither_yes_nor_no_is_asked_about_again() {
        assert_eq!(["\n", "Yes\n", "q\n", " NO\n"].map(meaning), [true, true, false, false].map(Some));
        assert_eq!(["help\n", "what?\n"].map(meaning), [None, None]);
    }
}
