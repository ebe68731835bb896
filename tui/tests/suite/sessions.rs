//! Whole sessions of the real program with the built-in model: in a terminal and through pipes.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::tmux::{Tmux, console, device, root};

/// Longest time from starting the console to the first answer with its passage.
const FIRST_ANSWER: Duration = Duration::from_secs(60);
/// Far more than anything else takes, even on a machine with other work.
const PATIENCE: Duration = Duration::from_secs(120);
const QUESTION: &str = "What is the ERG guide number for chlorine?";

#[test]
fn a_newcomer_with_nothing_gets_a_cited_answer_within_a_minute() {
    let home = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let terminal = Tmux::start("newcomer", 80, 24, &console(home.path(), ""));
    terminal.wait_for("Enter  set up the example kit", PATIENCE);
    terminal.press(&["Enter"]);
    terminal.wait_for("Question", PATIENCE);
    let welcome = terminal.wait_for("For example: What is the length of one chain?", PATIENCE);
    assert!(welcome.contains("not for operational"), "{welcome}");
    terminal.type_text("I'd like Standard Firefighting Order 1.");
    terminal.press(&["Enter"]);
    let screen = terminal.wait_until("the first answer", FIRST_ANSWER, |screen| screen.contains("turn 1,"));
    let first = began.elapsed();
    println!("first cited answer after {first:?}");
    assert!(first <= FIRST_ANSWER, "{first:?}");
    assert!(screen.contains("fire weather") && screen.contains("field-guide.md"), "{screen}");
    assert!(screen.contains("[+]") && !screen.contains("no passage"), "the passage confirms it:\n{screen}");
    terminal.type_text("What is the ERG guide number for chlorine?");
    terminal.press(&["Enter"]);
    let screen = terminal.wait_until("the table's answer", PATIENCE, |screen| screen.contains("turn 2,"));
    assert!(screen.contains("guide 124"), "{screen}");
    terminal.type_text("List checklists");
    terminal.press(&["Enter"]);
    let screen = terminal.wait_until("the checklists", PATIENCE, |screen| screen.contains("turn 3,"));
    assert!(screen.contains("Arrival at a spill (7 items"), "{screen}");
    terminal.press(&["F10"]);
}

#[test]
fn somebody_who_declines_the_example_kit_leaves_an_empty_home() {
    let home = tempfile::tempdir().unwrap();
    let terminal = Tmux::start("declines", 80, 24, &console(home.path(), ""));
    terminal.wait_for("Enter  set up the example kit", PATIENCE);
    terminal.press(&["h", "e", "l", "p", "Enter"]);
    terminal.wait_for("or type q to leave", PATIENCE);
    terminal.press(&["q", "Enter"]);
    terminal.wait_for("left with 0", PATIENCE);
    assert!(!home.path().join("model.gguf").exists());
}

#[test]
fn a_key_that_comes_in_one_piece_with_esc_is_not_typed() {
    let home = device();
    let terminal = Tmux::start("one-piece", 80, 24, &console(home.path(), ""));
    terminal.wait_for("Question", PATIENCE);
    // Esc and F6 in one write, as a slow line delivers them.
    terminal.type_text("\u{1b}\u{1b}[17~");
    let screen =
        terminal.wait_until("the adapters", PATIENCE, |screen| screen.contains("Adapters") || screen.contains("17~"));
    assert!(!screen.contains("17~"), "{screen}");
    terminal.press(&["Escape"]);
    terminal.wait_for("Question", PATIENCE);
    terminal.press(&["F10"]);
}

#[test]
fn a_session_asks_judges_corrects_and_looks_around() {
    let home = device();
    let terminal = Tmux::start("session", 80, 24, &console(home.path(), ""));
    terminal.wait_for("Question", PATIENCE);
    terminal.type_text(QUESTION);
    terminal.press(&["Enter"]);
    terminal.wait_until("the first answer", PATIENCE, |screen| {
        screen.contains("turn 1,") && screen.contains("field-guide.md")
    });

    terminal.press(&["F2"]);
    terminal.wait_for("marked good", PATIENCE);
    terminal.press(&["F3"]);
    terminal.wait_for("Why? Turn 1", PATIENCE);
    terminal.press(&["4", "Enter"]);
    terminal.wait_for("marked bad (unsafe)", PATIENCE);
    terminal.press(&["F4"]);
    terminal.wait_for("Right answer of turn 1", PATIENCE);
    terminal.press(&["C-a", "C-k"]);
    terminal.type_text("Chlorine is in guide 124.");
    terminal.press(&["Enter"]);
    terminal.wait_for("1 correction waiting", PATIENCE);

    terminal.press(&["F7"]);
    terminal.wait_for("field-guide.md", PATIENCE);
    terminal.press(&["Escape"]);
    terminal.wait_for("Question", PATIENCE);
    terminal.press(&["F8"]);
    terminal.wait_for("1 document", PATIENCE);
    terminal.press(&["F6"]);
    terminal.press(&["Escape"]);
    terminal.wait_for("Question", PATIENCE);
    terminal.press(&["C-r"]);
    terminal.type_text("guide");
    terminal.wait_for("conversation 1", PATIENCE);
    terminal.press(&["Escape"]);
    terminal.wait_for("Question", PATIENCE);
    terminal.press(&["C-p"]);
    terminal.type_text("gauges");
    terminal.press(&["Enter"]);
    terminal.wait_for("knowledge", PATIENCE);
    terminal.press(&["Escape"]);
    terminal.wait_for("Question", PATIENCE);

    terminal.resize(40, 12);
    terminal.press(&["C-l"]);
    terminal.wait_for("Question", PATIENCE);
    terminal.resize(100, 30);
    terminal.press(&["F1"]);
    terminal.wait_for("Help: conversation", PATIENCE);
    terminal.press(&["F1"]);
    terminal.press(&["F10"]);
    let after = terminal.wait_for("left with 0", PATIENCE);
    assert!(!after.contains("Question"), "the screen before the console is back:\n{after}");
}

#[test]
fn learning_shows_its_loss_and_is_cancelled_without_a_trace() {
    let home = device();
    let terminal = Tmux::start("lesson", 80, 24, &console(home.path(), "--theme none --ascii"));
    terminal.wait_for("Question", PATIENCE);
    terminal.type_text(QUESTION);
    terminal.press(&["Enter"]);
    terminal.wait_for("turn 1,", PATIENCE);
    terminal.press(&["F4"]);
    terminal.wait_for("Right answer", PATIENCE);
    terminal.type_text(" Guide 124.");
    terminal.press(&["Enter"]);
    terminal.wait_for("1 correction waiting", PATIENCE);
    terminal.press(&["F5"]);
    terminal.wait_until("a lesson that runs or says why not", PATIENCE, |screen| {
        screen.contains("loss") || screen.contains("error:")
    });
    let screen = terminal.screen();
    assert!(!screen.contains("error:"), "{screen}");
    assert!(screen.is_ascii(), "{screen}");
    terminal.press(&["Escape"]);
    terminal.wait_for("End the lesson?", PATIENCE);
    terminal.press(&["Enter"]);
    terminal.wait_for("cancelled", PATIENCE);
    terminal.press(&["C-c"]);
    terminal.wait_for("press Ctrl-C again", PATIENCE);
    terminal.press(&["C-c"]);
    terminal.wait_for("left with 0", PATIENCE);
}

#[test]
fn a_terminal_gets_its_modes_back_when_the_console_is_killed_politely() {
    let home = device();
    let command = format!("echo before; {}", console(home.path(), ""));
    let terminal = Tmux::start("signal", 80, 24, &command);
    terminal.wait_for("Question", PATIENCE);
    signal(&terminal, "-TERM");
    let screen = terminal.wait_for("left with 130", PATIENCE);
    assert!(screen.contains("before"), "{screen}");
}

/// Sends a signal to the program that the terminal's shell runs.
fn signal(terminal: &Tmux, name: &str) {
    let children = Command::new("pgrep").args(["-P", &terminal.shell()]).output().unwrap();
    let program = String::from_utf8(children.stdout).unwrap();
    assert!(Command::new("kill").args([name, program.trim()]).status().unwrap().success());
}

#[test]
fn the_screen_is_drawn_again_by_a_key_and_after_a_stop() {
    let home = device();
    let terminal = Tmux::start("again", 80, 24, &format!("echo before; {}", console(home.path(), "")));
    terminal.wait_for("Question", PATIENCE);
    terminal.wait_for("ready", PATIENCE);
    terminal.press(&["C-l"]);
    // A terminal that was asked for its cursor would have been given up by then.
    sleep(Duration::from_secs(4));
    assert!(terminal.screen().contains("Question"), "{}", terminal.screen());
    signal(&terminal, "-TSTP");
    terminal
        .wait_until("the shell's screen", PATIENCE, |screen| screen.contains("before") && !screen.contains("Question"));
    signal(&terminal, "-CONT");
    terminal.wait_for("Question", PATIENCE);
    terminal.type_text("still here");
    terminal.wait_for("still here", PATIENCE);
    terminal.press(&["F10"]);
    terminal.wait_for("left with 0", PATIENCE);
}

/// The console with its input and output in pipes.
fn piped(home: &Path, flags: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_halligan"))
        .arg("--home")
        .arg(home)
        .args(["--device", "cpu"])
        .args(flags)
        .env("XDG_CONFIG_HOME", home.join("config"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Runs the console in a pipe with these lines; returns standard output and the exit code.
fn through_a_pipe(flag: &str, lines: &str) -> (String, Option<i32>) {
    let home = device();
    let mut child = piped(home.path(), &[flag]);
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

#[test]
fn a_screen_reader_hears_a_whole_session_without_one_escape() {
    let (heard, code) = through_a_pipe("--screen-reader", &format!("{QUESTION}\n/bad unsafe\n/documents\n"));
    assert_eq!(code, Some(0), "{heard}");
    assert!(!heard.contains('\u{1b}') && !heard.contains('\r') && !heard.contains('\u{8}'), "{heard:?}");
    for words in ["Ready.", "Answer: ", "Turn 1, adapter", "Source 1, cited: field-guide.md", "kept as bad, unsafe"] {
        assert_eq!(heard.matches(words).count(), 1, "{words} in\n{heard}");
    }
}

#[test]
fn programs_read_a_whole_session_as_json_lines() {
    let lines = format!(
        "{{\"do\": \"ask\", \"text\": \"{QUESTION}\"}}\n{{\"do\": \"good\"}}\n{{\"do\": \"adapters\"}}\nnot /an order\n/nonsense\n"
    );
    let (written, code) = through_a_pipe("--json", &lines);
    assert_eq!(code, Some(0), "{written}");
    let events: Vec<Value> = written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let named = |name: &'static str| events.iter().filter(move |event| event["event"] == name);
    assert_eq!(named("answered").count(), 2, "{written}");
    assert_eq!(named("answered").next().unwrap()["turn"]["question"], QUESTION);
    assert_eq!(named("feedback_kept").count(), 1);
    assert_eq!(named("adapters").count(), 1);
    assert_eq!(named("notice").count(), 1);
}

#[test]
fn a_script_leaves_after_all_that_stands_before_the_wish_to_leave() {
    for (flag, quit) in [("--screen-reader", "/quit"), ("--json", "{\"do\": \"quit\"}")] {
        let (said, code) = through_a_pipe(flag, &format!("{QUESTION}\n/good\n{quit}\n"));
        assert!(said.contains("good"), "{said}");
        assert_eq!(code, Some(0), "{said}");
    }
}

#[test]
fn a_script_whose_wish_failed_ends_with_a_failure() {
    let (empty, full) = (tempfile::tempdir().unwrap(), device());
    for (home, flags) in [
        (empty.path(), &["--screen-reader"][..]),
        (empty.path(), &["--json"]),
        (full.path(), &["--resume=99", "--screen-reader"]),
    ] {
        let mut child = piped(home, flags);
        child.stdin.take().unwrap().write_all(b"hello\n").unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{flags:?}: {said}");
    }
}

#[test]
fn shells_and_manuals_know_the_commands() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_halligan")).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(&["completions", shell]);
        assert!(script.contains("adapters") && !script.contains("bench-console"), "{shell}");
    }
    let page = run(&["man"]);
    assert!(page.contains(".TH") && page.contains("screen\\-reader"));
    assert!(page.contains("EXIT STATUS") && page.contains("ENVIRONMENT") && !page.contains("EXTRA"), "{page}");
    assert!(page.contains("<TURN> <MARK>"), "the synopsis names the values:\n{page}");
    let pages = tempfile::tempdir().unwrap();
    run(&["man", "--dir", pages.path().to_str().unwrap()]);
    let page = std::fs::read_to_string(pages.path().join("halligan-docs-add.1")).unwrap();
    assert!(page.contains(".TH") && page.contains("halligan\\-docs\\-add"), "{page}");
    assert!(run(&["settings"]).contains("# good = [\"f2\""));
    assert!(root().join("tui/STYLE.md").exists());
}

#[test]
fn a_mistake_in_the_settings_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("halligan");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("console.toml"), "theme = \"dark\"\n[keys]\ngod = \"f2\"\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_halligan"))
        .arg("--home")
        .arg(folder.path())
        .arg("--json")
        .env("XDG_CONFIG_HOME", folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("console.toml, line 3: no action `god`; did you mean `good`?"), "{said}");
}

#[test]
fn a_script_without_a_word_on_its_tool_comes_to_an_end() {
    for flag in ["--screen-reader", "--json"] {
        let (said, code) = through_a_pipe(flag, "Log: engine 4 on scene\n");
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("was not allowed"), "{said}");
        let (said, _) = through_a_pipe(flag, "Log: engine 4 on scene\n/allow\n");
        assert!(said.contains("Entry 1"), "{said}");
    }
}

#[test]
fn an_interrupt_ends_a_conversation_by_lines_with_its_exit_code() {
    let home = device();
    let mut child = piped(home.path(), &["--screen-reader"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("Ready.")));
    // Waiting would close it, and the end of the orders ends the session well.
    let _orders = child.stdin.take();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn what_was_asked_for_and_is_not_there_is_said() {
    let home = device();
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_halligan"))
            .arg("--home")
            .arg(home.path())
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (output.status.code(), text.concat())
    };
    // Builds for these machines have a GPU backend, and the machine has the GPU.
    if !cfg!(all(target_os = "macos", target_arch = "aarch64")) {
        let (code, said) = run(&["ask", QUESTION, "--device", "gpu"]);
        assert!(code == Some(1) && said.contains("use --device auto"), "{said}");
        assert_eq!(run(&["doctor", "--device", "gpu"]).0, Some(1));
    }
    let programs = home.path().join("mcp.json");
    std::fs::write(&programs, "{bad").unwrap();
    for verb in [&["ask", QUESTION][..], &["doctor"], &["tools", "list"]] {
        let (_, said) = run(verb);
        assert!(said.contains("mcp.json") && said.contains("mcpServers"), "{verb:?}: {said}");
    }
    let missing = r#"{"mcpServers": {"weather": {"command": "/no/such/program", "allow": ["forecast"]}}}"#;
    std::fs::write(&programs, missing).unwrap();
    for verb in [&["doctor"][..], &["tools", "list"]] {
        let (_, said) = run(verb);
        assert!(said.contains("the tools of `weather` are left out") && !said.contains("WARN"), "{verb:?}: {said}");
    }
}
