//! Running the two programs: print the command, pass its output on, keep its JSON.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::interrupt::{self, INTERRUPTED};

/// Exit code of `halligan` for what ended well and not as asked.
const NOT_AS_ASKED: i32 = 3;

/// Longest line of JSON that is shown whole; the value itself is never cut.
const SHOWN_JSON_CHARS: usize = 240;

/// One of the two programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    /// Headquarters.
    Host,
    /// The device.
    Device,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Program::Host => "halligan-host",
            Program::Device => "halligan",
        }
    }
}

/// Why the demo did not reach its end.
pub(super) enum Ended {
    /// The user stopped it.
    Interrupted,
    /// Something failed.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Ended {
    fn from(error: anyhow::Error) -> Self {
        Ended::Failed(error)
    }
}

/// Runs commands in the demo's folder.
pub(super) struct Runner {
    folder: PathBuf,
    programs: PathBuf,
    /// All output goes to stderr, because stdout is for one JSON object.
    json: bool,
    bold: bool,
}

impl Runner {
    /// Finds the programs beside this one.
    pub fn new(folder: &Path, json: bool) -> anyhow::Result<Self> {
        let this = std::env::current_exe().map_err(|error| {
            anyhow::anyhow!("cannot find the folder of this program ({error}); start it by its path")
        })?;
        let programs = crate::outputs::folder_of(&this);
        let device = programs.join(Program::Device.name()).with_extension(std::env::consts::EXE_EXTENSION);
        if !device.is_file() {
            anyhow::bail!(
                "{} is missing; build it with `cargo build --release --bins` or run ./x demo",
                device.display()
            );
        }
        let terminal = if json { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
        let bold = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Ok(Self { folder: folder.to_path_buf(), programs, json, bold })
    }

    /// Prints a line of the demo's own.
    pub fn say(&self, text: &str) {
        // Nobody listening is no reason to stop.
        let _ = if self.json { writeln!(io::stderr(), "{text}") } else { writeln!(io::stdout(), "{text}") };
    }

    /// Prints the title of a part.
    pub fn headline(&self, text: &str) {
        let (start, end) = if self.bold { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
        self.say(&format!("\n{start}{text}{end}"));
    }

    /// Runs a command that talks to the user itself.
    pub fn run(&self, program: Program, arguments: &[&str]) -> Result<(), Ended> {
        let output = if self.json { Stdio::from(io::stderr()) } else { Stdio::inherit() };
        self.spawn(program, arguments, output).map(|_| ())
    }

    /// Runs a command that has `--json` among its arguments; returns the object on its last line.
    pub fn run_json(&self, program: Program, arguments: &[&str]) -> Result<Value, Ended> {
        let output = self.spawn(program, arguments, Stdio::piped())?;
        let line = output.lines().last().unwrap_or_default();
        let value = serde_json::from_str(line).map_err(|error| {
            anyhow::anyhow!(
                "`{} {}` printed no JSON ({error}); run it by hand to see why",
                program.name(),
                arguments[0]
            )
        })?;
        self.say(&shortened(line));
        Ok(value)
    }

    /// Returns what the command wrote to `stdout`, where that is a pipe.
    fn spawn(&self, program: Program, arguments: &[&str], stdout: Stdio) -> Result<String, Ended> {
        if interrupt::requested() {
            return Err(Ended::Interrupted);
        }
        self.say(&format!("\n$ {}", command_line(program, arguments)));
        let failed = |error: io::Error| {
            anyhow::anyhow!("cannot run {}: {error}; run ./x demo to build it again", program.name())
        };
        let output = Command::new(self.programs.join(program.name()))
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::inherit())
            .spawn()
            .and_then(std::process::Child::wait_with_output)
            .map_err(failed)?;
        let status = output.status;
        if status.code() == Some(i32::from(INTERRUPTED)) || (interrupt::requested() && !status.success()) {
            return Err(Ended::Interrupted);
        }
        // What ended well and not as asked (a withheld answer, a refused update) is a result that the demo shows.
        if !status.success() && status.code() != Some(NOT_AS_ASKED) {
            let error = anyhow::anyhow!(
                "`{} {}` failed ({status}); its message is above, its files are in {}",
                program.name(),
                arguments[0],
                self.folder.display()
            );
            return Err(Ended::Failed(error));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The command as it can be typed.
fn command_line(program: Program, arguments: &[&str]) -> String {
    let mut line = program.name().to_owned();
    for argument in arguments {
        let plain =
            !argument.is_empty() && argument.chars().all(|c| c.is_ascii_alphanumeric() || "-_=./:,".contains(c));
        line.push(' ');
        if plain {
            line.push_str(argument);
        } else {
            line.push_str(&format!("\"{}\"", argument.replace(['\\', '"', '$', '`'], "")));
        }
    }
    line
}

fn shortened(line: &str) -> String {
    if line.chars().count() <= SHOWN_JSON_CHARS {
        return line.to_owned();
    }
    line.chars().take(SHOWN_JSON_CHARS).chain(" ..".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_command_can_be_typed() {
        let line = command_line(Program::Device, &["ask", "--home", "home", "How far is that?"]);
        assert_eq!(line, "halligan ask --home home \"How far is that?\"");
    }

    #[test]
    fn long_json_is_cut_for_the_eye_only() {
        assert_eq!(shortened("{}"), "{}");
        assert_eq!(shortened(&"x".repeat(1000)).chars().count(), SHOWN_JSON_CHARS + 3);
    }
}
