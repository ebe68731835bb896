//! The word on a tool: nothing is allowed that was not shown, and plain words are understood.

use halligan_runtime::{Approval, ToolCall};
use halligan_tui::console::event::{Command, Report};
use ratatui::crossterm::event::KeyCode;
use serde_json::json;

use super::stage::{Stage, doubtful_turn, log_call};

fn long_call() -> ToolCall {
    let words: String = (0..80).map(|number| format!("word{number} ")).collect();
    ToolCall { name: "log_entry".to_owned(), arguments: json!({"text": format!("{words}the end")}) }
}

fn asked(width: u16, height: u16, call: ToolCall) -> Stage {
    let mut stage = Stage::ready(width, height);
    stage.ask("Note it");
    stage.report(Report::ApprovalNeeded(call));
    stage
}

#[test]
fn a_yes_counts_only_when_the_end_of_the_call_was_on_the_screen() {
    for (width, height) in [(80, 24), (40, 12), (20, 5), (12, 3)] {
        let mut stage = asked(width, height, long_call());
        stage.press(KeyCode::Down);
        let mut pages = 0;
        let mut shown = String::new();
        let word = loop {
            shown.push_str(&stage.screen());
            let word = stage.press(KeyCode::Enter);
            if !word.is_empty() || pages > 200 {
                break word;
            }
            assert!(!stage.screen().contains("the end") || width < 40, "{}", stage.screen());
            stage.press(KeyCode::PageDown);
            pages += 1;
        };
        if height > 3 {
            assert_eq!(word, [Command::Approve(Approval::Once)], "{width}x{height}");
            for number in 0..80 {
                assert!(shown.contains(&format!("word{number}")), "word{number} at {width}x{height}:\n{shown}");
            }
        } else {
            assert!(word.is_empty(), "a screen that shows nothing of the call takes no yes");
            assert_eq!(stage.press(KeyCode::Esc), [Command::Approve(Approval::Deny)]);
        }
    }
}

#[test]
fn a_long_call_says_how_many_rows_follow() {
    let mut stage = asked(40, 12, long_call());
    assert!(stage.screen().contains("Allow this? 11 more rows: PgDn"), "{}", stage.screen());
    stage.press(KeyCode::Down);
    assert!(stage.press(KeyCode::Enter).is_empty());
    assert!(stage.screen().contains("before you say yes"), "{}", stage.screen());
    let mut small = asked(20, 5, long_call());
    assert!(small.screen().contains("more rows: PgDn"), "{}", small.screen());
    assert!(asked(40, 12, log_call()).screen().contains(" Allow this? \u{2500}"), "a short one has no more");
}

#[test]
fn help_explains_the_prompt_and_gives_it_back() {
    let mut stage = asked(80, 24, log_call());
    stage.press(KeyCode::F(1));
    assert!(stage.screen().contains("does not let the tool run"), "{}", stage.screen());
    assert!(stage.press(KeyCode::Enter).is_empty(), "Enter closes the help and answers nothing");
    stage.press(KeyCode::Down);
    assert_eq!(stage.press(KeyCode::Enter), [Command::Approve(Approval::Once)]);

    let mut stage = Stage::ready(80, 24);
    stage.ask("Note it");
    stage.press(KeyCode::F(1));
    stage.report(Report::ApprovalNeeded(log_call()));
    assert!(stage.screen().contains("Allow this?"), "a help page that is open hides no prompt:\n{}", stage.screen());
}

#[test]
fn plain_yes_and_no_answer_a_prompt_and_are_questions_without_one() {
    for (line, approval) in
        [("yes", Approval::Once), ("Y", Approval::Once), ("No.", Approval::Deny), (" n ", Approval::Deny)]
    {
        let mut stage = asked(80, 24, log_call());
        assert_eq!(stage.line(line), [Command::Approve(approval)], "{line}");
    }
    let mut stage = asked(80, 24, log_call());
    assert!(stage.line("{\"do\": \"ask\", \"text\": \"yes\"}").is_empty(), "a question stays a question");
    let mut stage = Stage::ready(80, 24);
    assert_eq!(stage.line("yes"), [Command::Ask("yes".to_owned())]);
}

#[test]
fn a_plain_word_of_a_script_answers_the_tool_of_the_line_before_it() {
    for (word, approval) in [("yes", Approval::Once), ("no", Approval::Deny)] {
        let mut stage = Stage::ready(80, 24);
        stage.app.scripted = true;
        for line in ["Log: x", word, "/quit"] {
            stage.line(line);
        }
        assert_eq!(stage.report(Report::ApprovalNeeded(log_call())), [Command::Approve(approval)]);
        assert_eq!(
            stage.report(Report::Answered(doubtful_turn(1))),
            [Command::Stop, Command::Quit],
            "it is no question"
        );
    }
    let mut stage = Stage::ready(80, 24);
    for line in ["Log: x", "{\"do\": \"ask\", \"text\": \"yes\"}"] {
        stage.line(line);
    }
    assert!(stage.report(Report::ApprovalNeeded(log_call())).is_empty(), "a question stays a question");
}

#[test]
fn leaving_in_the_lines_behind_a_tool_is_a_no_to_it() {
    let mut stage = Stage::ready(80, 24);
    stage.app.scripted = true;
    assert_eq!(stage.line("Log: x"), [Command::Ask("Log: x".to_owned())]);
    assert!(stage.line("/quit").is_empty());
    assert_eq!(stage.report(Report::ApprovalNeeded(log_call())), [Command::Approve(Approval::Deny)]);
    assert_eq!(stage.report(Report::Answered(doubtful_turn(1))), [Command::Stop, Command::Quit]);
}
