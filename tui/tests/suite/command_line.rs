//! The program as a process: exit codes, streams, and what bad input leads to.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use clap::{CommandFactory, Parser};
use halligan_tui::cli::{Cli, Device, Mark, Verb};
use serde_json::Value;

fn halligan(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_halligan"));
    command.arg("--home").arg(home).stdin(Stdio::null()).env_remove("HALLIGAN_LOG");
    command
}

fn run(home: &Path, arguments: &[&str]) -> Output {
    halligan(home).args(arguments).output().unwrap()
}

fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn last_json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

fn assert_one_error_line(output: &Output, part: &str) {
    let words = talk(output);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert_eq!(words.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{words}");
    assert!(words.contains(part), "{words}");
    assert!(!words.contains("panicked"), "{words}");
}

#[test]
fn arguments_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn common_flags_may_stand_before_and_after_the_verb() {
    let cli = Cli::try_parse_from(["halligan", "--device", "cpu", "ask", "a", "b", "--json", "--seed", "7"]).unwrap();
    assert_eq!((cli.common.device, cli.common.json, cli.common.seed), (Device::Cpu, true, 7));
    assert!(matches!(cli.verb, Some(Verb::Ask { question, .. }) if question == ["a", "b"]));
    let cli = Cli::try_parse_from(["halligan", "feedback", "12", "correct", "60", "metres"]).unwrap();
    assert!(matches!(cli.verb, Some(Verb::Feedback { turn: 12, mark: Mark::Correct, .. })));
    assert!(Cli::try_parse_from(["halligan"]).unwrap().verb.is_none());
}

#[test]
fn usage_errors_leave_with_two_and_help_with_zero() {
    let home = tempfile::tempdir().unwrap();
    for bad in [
        &["askk"][..],
        &["ask"],
        &["feedback", "x", "good"],
        &["feedback", "1", "maybe"],
        &["feedback", "1", "correct"],
        &["feedback", "1", "good", "text"],
        &["setup"],
        &["doctor", "--device", "tpu"],
        &["ask", "q", "--max-tokens", "0"],
    ] {
        let output = run(home.path(), bad);
        assert_eq!(output.status.code(), Some(2), "{bad:?}: {}", talk(&output));
        assert!(output.stdout.is_empty(), "{bad:?}");
    }
    for good in [&["--help"][..], &["--version"], &["ask", "--help"], &["adapters", "--help"]] {
        let output = run(home.path(), good);
        assert_eq!(output.status.code(), Some(0), "{good:?}");
        assert!(!output.stdout.is_empty(), "{good:?}");
    }
}

#[test]
fn the_console_without_a_terminal_names_the_verb_for_scripts() {
    let home = tempfile::tempdir().unwrap();
    assert_one_error_line(&run(home.path(), &[]), "halligan ask");
}

#[test]
fn asking_without_a_model_names_set_up() {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), &["ask", "hello", "--json"]);
    assert_one_error_line(&output, "halligan setup");
    assert!(last_json(&output)["error"].as_str().unwrap().contains("halligan setup"));
}

#[test]
fn an_empty_question_is_refused() {
    let home = tempfile::tempdir().unwrap();
    assert_one_error_line(&run(home.path(), &["ask", "  "]), "empty");
    assert_one_error_line(&run(home.path(), &["ask", "-"]), "empty");
}

#[test]
fn bad_objects_are_named() {
    let home = tempfile::tempdir().unwrap();
    let missing = home.path().join("missing.gguf");
    let damaged = home.path().join("damaged.gguf");
    std::fs::write(&damaged, b"GGUF\x03\0\0\0 and then nothing").unwrap();
    let missing = missing.to_str().unwrap();
    let damaged = damaged.to_str().unwrap();
    assert_one_error_line(&run(home.path(), &["setup", "--model", missing]), missing);
    assert_one_error_line(&run(home.path(), &["setup", "--model", damaged]), damaged);
    assert_one_error_line(&run(home.path(), &["ask", "x", "--model", damaged]), damaged);
    assert_one_error_line(&run(home.path(), &["feedback", "77", "good"]), "77");
    assert_one_error_line(&run(home.path(), &["adapters", "use", "feedbeef"]), "feedbeef");
    assert_one_error_line(&run(home.path(), &["adapters", "rollback"]), "roll back");
    assert_one_error_line(&run(home.path(), &["learn"]), "error");
    assert_one_error_line(&run(home.path(), &["docs", "add", missing]), missing);
    assert_one_error_line(&run(home.path(), &["ask", "x", "--profile", "toaster"]), "toaster");
}

#[test]
fn an_unwritable_home_is_named() {
    let output = run(Path::new("/dev/null/home"), &["docs", "list"]);
    assert_one_error_line(&output, "/dev/null/home");
}

#[test]
fn documents_are_added_found_and_listed() {
    let home = tempfile::tempdir().unwrap();
    let guide = home.path().join("guide.md");
    std::fs::write(&guide, "# Chlorine\n\nIsolate a small spill for 60 metres.\n").unwrap();
    let added = run(home.path(), &["docs", "add", guide.to_str().unwrap(), "--json"]);
    assert_eq!(last_json(&added)["added"][0]["name"], "guide.md", "{}", talk(&added));
    let found = run(home.path(), &["docs", "search", "chlorine", "spill", "--json"]);
    let passage = &last_json(&found)["passages"][0];
    assert!(passage["text"].as_str().unwrap().contains("60 metres"));
    let listed = run(home.path(), &["docs", "list"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("guide.md"));
}

#[test]
fn the_doctor_reports_as_json() {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), &["doctor", "--json"]);
    let report = last_json(&output);
    assert!(report["hardware"]["cores"].as_u64().unwrap() > 0);
    // There is no model in an empty home, and the doctor says so by its exit code too.
    assert_eq!(output.status.code(), Some(1));
    assert!(!report["problems"].as_array().unwrap().is_empty());
}

#[test]
fn adapters_of_an_empty_home_are_the_base() {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), &["adapters", "list", "--json"]);
    assert_eq!(last_json(&output)["active"], "base", "{}", talk(&output));
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [&["adapters", "list"][..], &["doctor"], &["docs", "list", "--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = halligan(home.path())
            .args(arguments)
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap();
        let words = talk(&output);
        assert!(!words.contains("panicked"), "{arguments:?}: {words}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {words}");
    }
}
