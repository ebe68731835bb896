//! A real terminal for the real program: tmux, driven by keys, read as text.
//!
//! A bare pseudo-terminal would not do: a program may ask its terminal questions, and only an
//! emulator answers.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often the screen is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// A tmux server of its own with one window.
pub struct Tmux {
    socket: String,
}

impl Tmux {
    /// Runs `command` (for a shell) in a terminal of this size. What it leaves with is shown after it.
    pub fn start(name: &str, width: u16, height: u16, command: &str) -> Tmux {
        let tmux = Tmux { socket: format!("halligan-test-{name}-{}", std::process::id()) };
        let shell = format!("{command}; echo left with $?; sleep 600");
        let (width, height) = (width.to_string(), height.to_string());
        tmux.run(&["-f", "/dev/null", "new-session", "-d", "-x", &width, "-y", &height, "sh", "-c", &shell]);
        tmux
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let output = Command::new("tmux")
            .args(["-L", &self.socket])
            .args(arguments)
            .output()
            .unwrap_or_else(|error| panic!("tmux is needed to test the console; `./x setup` installs it: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tmux {arguments:?}: {said}");
        output
    }

    /// Types text as it is.
    pub fn type_text(&self, text: &str) {
        self.run(&["send-keys", "-l", text]);
    }

    /// Presses keys by tmux's names: `Enter`, `F4`, `C-r`, `M-l`.
    pub fn press(&self, keys: &[&str]) {
        let arguments: Vec<&str> = ["send-keys"].into_iter().chain(keys.iter().copied()).collect();
        self.run(&arguments);
    }

    pub fn resize(&self, width: u16, height: u16) {
        self.run(&["resize-window", "-x", &width.to_string(), "-y", &height.to_string()]);
    }

    /// Process number of the shell that runs the command.
    pub fn shell(&self) -> String {
        let output = self.run(&["display-message", "-p", "#{pane_pid}"]);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// What the terminal shows.
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.run(&["capture-pane", "-p"]).stdout).into_owned()
    }

    /// What the terminal shows, with escape sequences for colours.
    pub fn coloured_screen(&self) -> Vec<u8> {
        self.run(&["capture-pane", "-p", "-e"]).stdout
    }

    /// Waits until the screen holds `words`.
    pub fn wait_for(&self, words: &str, patience: Duration) -> String {
        self.wait_until(&format!("{words:?}"), patience, |screen| screen.contains(words))
    }

    /// Waits until the screen is as wanted.
    pub fn wait_until(&self, what: &str, patience: Duration, wanted: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + patience;
        loop {
            let screen = self.screen();
            if wanted(&screen) {
                return screen;
            }
            assert!(Instant::now() < end, "{what} did not come within {patience:?}:\n{screen}");
            sleep(GLANCE);
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.socket, "kill-server"]).output();
    }
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// A device that has been set up with the built-in model and the example guide.
pub fn device() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_halligan"))
        .arg("--home")
        .arg(home.path())
        .args(["setup", "--model"])
        .arg(root().join("trainer-host/base/halligan-base-q8_0.gguf"))
        .arg("--adapter")
        .arg(root().join("trainer-host/guide/adapter.gguf"))
        .arg("--docs")
        .arg(root().join("trainer-host/guide/field-guide.md"))
        .arg("--replay")
        .arg(root().join("trainer-host/guide/train.jsonl"))
        .arg("--gate")
        .arg(root().join("trainer-host/guide/gate.jsonl"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    home
}

/// The console's command line for a shell, with a configuration folder of its own.
pub fn console(home: &Path, flags: &str) -> String {
    format!(
        "XDG_CONFIG_HOME={home}/config HALLIGAN_LOG=warn {program} --home {home} --device cpu {flags}",
        home = home.display(),
        program = env!("CARGO_BIN_EXE_halligan"),
    )
}
