//! The program as a process: exit codes, streams, and what bad input leads to.

use std::io::{BufRead, BufReader};
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
fn an_error_with_a_cause_is_one_line_that_ends_with_the_next_step() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(run(home.path(), &["ask", "500 gpm to L/min"]).status.code(), Some(0));
    assert_eq!(run(home.path(), &["feedback", "1", "good"]).status.code(), Some(0));
    for (arguments, cause, step) in [
        (
            &["tools", "call", "calculate", "{"][..],
            "(EOF while parsing",
            "; write an object such as {\"query\": \"foam\"}",
        ),
        (&["journal", "export", "-o", "/no/such/rows.jsonl"], "(No such file", "; choose another place"),
        (&["ask", "x", "--adapter", "/no/such.gguf"], "No such file", "; check the path given with --adapter"),
    ] {
        let output = run(home.path(), arguments);
        assert_one_error_line(&output, cause);
        let words = talk(&output);
        assert!(words.trim_end().ends_with(step) && words.lines().count() == 1, "{words}");
    }
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
fn a_home_that_is_not_there_is_named_and_not_made() {
    let room = tempfile::tempdir().unwrap();
    let home = room.path().join("hoem");
    let here = home.to_str().unwrap();
    for verb in [&["ask", "500 gpm to L/min"][..], &["docs", "list"], &["journal", "list"], &["tools", "tables"]] {
        assert_one_error_line(&run(&home, verb), &format!("there is no home at {here}; `halligan setup` makes one"));
    }
    let examined = run(&home, &["doctor", "--json"]);
    assert_eq!(examined.status.code(), Some(1));
    let problems = last_json(&examined)["problems"].to_string();
    assert!(problems.contains(&format!("there is no home at {here}")), "{problems}");
    assert!(!home.exists());
    assert!(run(&home, &["setup"]).status.code() == Some(2) && !home.exists(), "{here}");
    for face in ["--screen-reader", "--json"] {
        assert_one_error_line(&run(&home, &[face]), &format!("there is no home at {here}"));
        assert!(!home.exists(), "{face}");
    }
    let base = concat!(env!("CARGO_MANIFEST_DIR"), "/../trainer-host/base/halligan-base-q8_0.gguf");
    assert!(run(&home, &["docs", "status", "--model", base]).status.success(), "a model needs no home");
}

#[test]
fn an_empty_variable_names_no_home() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_halligan"));
    let output = command.arg("settings").env("HALLIGAN_HOME", "").stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", talk(&output));
}

#[cfg(unix)]
#[test]
fn a_setup_whose_measuring_is_stopped_keeps_the_rest_and_says_what_is_missing() {
    let home = tempfile::tempdir().unwrap();
    let mut child = halligan(home.path())
        .args(["setup", "--example"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("Now it answers held-out questions")));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let words = lines.collect::<Vec<_>>().join("\n");
    assert_eq!(child.wait().unwrap().code(), Some(130), "{words}");
    assert!(words.contains("set up, but not measured") && !words.contains("nothing was changed"), "{words}");
    let tables = run(home.path(), &["tools", "tables"]);
    assert!(String::from_utf8_lossy(&tables.stdout).contains("guide"), "{}", talk(&tables));
    let problems = last_json(&run(home.path(), &["doctor", "--json"]))["problems"].to_string();
    assert!(problems.contains("adapters trust --measure"), "{problems}");
}

#[test]
fn a_correction_gives_way_to_a_mark_only_where_that_is_meant() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(run(home.path(), &["ask", "500 gpm to L/min"]).status.code(), Some(0));
    let right = ["feedback", "1", "correct", "It is 1893 L/min."];
    assert_eq!(run(home.path(), &right).status.code(), Some(0));
    let kept = || last_json(&run(home.path(), &["journal", "show", "1", "--json"]))["turns"][0]["feedback"].clone();
    for mark in ["bad", "good"] {
        let refused = run(home.path(), &["feedback", "1", mark]);
        assert_eq!(refused.status.code(), Some(3));
        assert!(talk(&refused).contains("It is 1893 L/min.") && talk(&refused).contains("--replace"), "{mark}");
        assert_eq!(kept()["text"], right[3]);
    }
    assert_eq!(run(home.path(), &["feedback", "1", "correct", "1,893 L/min"]).status.code(), Some(0));
    assert_eq!(kept()["text"], "1,893 L/min");
    assert_eq!(run(home.path(), &["feedback", "1", "bad", "--replace"]).status.code(), Some(0));
    assert_eq!(kept()["kind"], "bad");
}

#[test]
fn a_session_that_is_not_there_is_no_context() {
    let home = tempfile::tempdir().unwrap();
    let question = ["ask", "500 gpm to L/min", "--session", "99999"];
    assert_one_error_line(&run(home.path(), &question), "there is no conversation 99999");
    assert_eq!(last_json(&run(home.path(), &["journal", "list", "--json"]))["sessions"], serde_json::json!([]));
}

#[test]
fn a_tool_that_was_not_allowed_is_not_called_unable() {
    let home = tempfile::tempdir().unwrap();
    let denied = run(home.path(), &["ask", "log: engine 4 on scene"]);
    assert_eq!(denied.status.code(), Some(3));
    let words = talk(&denied);
    assert!(words.contains("`halligan ask --yes` allows it") && !words.contains("no tool could do it"), "{words}");
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
    assert!(String::from_utf8_lossy(&listed.stdout).contains("  1 passage  guide.md"));
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
    assert!(last_json(&output)["generations"][0]["held_out_accuracy"].is_null());
    let listed = run(home.path(), &["adapters", "list"]);
    assert!(
        String::from_utf8_lossy(&listed.stdout).contains("held-out   gate  corrected"),
        "two measures, two columns"
    );
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
