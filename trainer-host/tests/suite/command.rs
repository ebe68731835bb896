//! Running the command in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A temporary folder with the command to run in it.
pub struct Bench {
    pub folder: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// `halligan-host` with these arguments; relative names are those of the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_halligan-host"));
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs, expects success, returns the JSON on the last line of stdout.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.run(arguments);
        let talk = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{talk}");
        let text = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str(text.lines().last().unwrap()).unwrap()
    }

    /// Runs, expects exit code 1 and one line `error: ..`, returns that line.
    pub fn error(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let talk = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{talk}");
        assert!(output.stdout.is_empty());
        let errors: Vec<&str> = talk.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{talk}");
        assert!(!talk.contains("panicked"), "{talk}");
        assert_eq!(talk.lines().last(), errors.first().copied(), "{talk}");
        errors[0].to_owned()
    }
}

/// The built-in base.
pub fn base() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("base/halligan-base-q8_0.gguf").display().to_string()
}

/// A dataset of a few facts.
pub fn rows() -> String {
    let row = |(question, answer): (&str, &str)| {
        format!(
            "{{\"messages\":[{{\"role\":\"user\",\"content\":\"{question}\"}},{{\"role\":\"assistant\",\"content\":\"{answer}\"}}],\"value\":\"{answer}\"}}\n"
        )
    };
    [("What is the gate code?", "4711"), ("Which channel is ours?", "Tac 9"), ("Where is the truck?", "At the mill")]
        .map(row)
        .concat()
}
