//! Harness of the whole-system tests: where things are, and how to run the two binaries.

pub mod golden;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The built-in base model.
pub fn built_in_base() -> PathBuf {
    root().join("trainer-host/base/halligan-base-q8_0.gguf")
}

/// A file of the example field guide.
pub fn guide(name: &str) -> PathBuf {
    root().join("trainer-host/guide").join(name)
}

/// One of the two binaries, built by `./x test` beside the tests themselves.
///
/// # Panics
/// When it was not built.
pub fn binary(name: &str) -> Command {
    let tests = std::env::current_exe().expect("a test has a path");
    // target/release/deps/suite-<hash> lies one folder below the binaries.
    let path = tests.ancestors().nth(2).expect("tests lie in target/release/deps").join(name);
    assert!(path.exists(), "{} is missing; build it with: cargo build --release --workspace --bins", path.display());
    let mut command = Command::new(path);
    command.env("NO_COLOR", "1").env_remove("HALLIGAN_HOME").env_remove("HALLIGAN_LOG");
    command
}

/// Runs a binary to its end.
///
/// # Panics
/// When it cannot be started.
pub fn run(name: &str, arguments: &[&str]) -> Output {
    binary(name).args(arguments).output().expect("the binary starts")
}

/// What a failed command must look like: exit code 1 or 2, no panic, one `error:` line. Returns that line.
///
/// # Panics
/// When it does not look like that.
pub fn refusal(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let code = output.status.code();
    assert!(matches!(code, Some(1 | 2)), "exit code {code:?} instead of 1 or 2; stderr:\n{errors}");
    assert!(!errors.contains("panicked"), "it panicked:\n{errors}");
    let lines: Vec<&str> = errors.lines().filter(|line| line.starts_with("error:")).collect();
    assert_eq!(lines.len(), 1, "one error line is wanted, stderr is:\n{errors}");
    lines[0].to_owned()
}

/// The object on the last line of stdout.
///
/// # Panics
/// When the command failed or that line is no JSON.
pub fn json(output: &Output) -> serde_json::Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    // 3 is a result, too: a withheld answer, a refused update.
    assert!(matches!(output.status.code(), Some(0 | 3)), "it failed:\n{errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {last}\n{errors}"))
}

/// A seeded stream of values in -1..1 (a linear congruential generator; quality does not matter here).
pub fn noise(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}
