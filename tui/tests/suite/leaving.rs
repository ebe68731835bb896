//! Stopping and leaving: what would be lost is asked about once, and what was queued is done first.

use halligan_runtime::{Feedback, TurnId};
use halligan_tui::console::app::{Activity, Mode};
use halligan_tui::console::event::{Command, Event, Report, Task};
use ratatui::crossterm::event::{KeyCode, KeyModifiers};

use super::stage::{Stage, doubtful_turn, refused_turn, status, turn};

fn learning() -> Stage {
    let mut stage = Stage::ready(80, 24);
    stage.report(Report::StatusChanged(status(2)));
    assert_eq!(stage.press(KeyCode::F(5)), [Command::Learn]);
    stage
}

fn interrupt(stage: &mut Stage) -> Vec<Command> {
    stage.press_with(KeyCode::Char('c'), KeyModifiers::CONTROL)
}

fn leave() -> Vec<Command> {
    vec![Command::Stop, Command::Quit]
}

#[test]
fn a_lesson_ends_only_after_it_was_asked_about() {
    let mut stage = learning();
    assert!(stage.press(KeyCode::Esc).is_empty());
    let screen = stage.screen();
    assert!(screen.contains("End the lesson?") && screen.contains("Alt+P halts it"), "{screen}");
    stage.press(KeyCode::Esc);
    assert_eq!(stage.app.activity, Activity::Learning);
    assert!(stage.screen().contains("Alt+P pause"), "{}", stage.screen());

    assert!(interrupt(&mut stage).is_empty());
    assert_eq!(interrupt(&mut stage), [Command::Stop], "a second Ctrl-C is a yes");
    assert!(stage.press(KeyCode::Esc).is_empty(), "it ends already");

    let mut stage = learning();
    assert!(stage.press(KeyCode::F(10)).is_empty());
    assert!(stage.screen().contains("Learning is running"), "{}", stage.screen());
    assert_eq!(stage.press(KeyCode::F(10)), leave(), "asked for twice, it leaves");
}

#[test]
fn a_paused_lesson_is_not_said_to_go_on() {
    let mut stage = learning();
    stage.report(Report::Paused(true));
    stage.press(KeyCode::Esc);
    let screen = stage.screen().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(screen.contains("Esc leaves it paused; then Alt+P goes on with it"), "{screen}");
}

#[test]
fn a_question_about_a_lesson_goes_with_the_lesson() {
    let mut stage = learning();
    stage.press(KeyCode::Esc);
    stage.report(Report::LearningCancelled);
    assert!(stage.app.pages.is_empty());
}

#[test]
fn a_signal_and_an_order_do_not_ask() {
    let mut stage = learning();
    assert_eq!(stage.line("/stop"), [Command::Stop]);
    let mut stage = learning();
    assert_eq!(stage.app.update(Event::ShutdownRequested), leave());
    assert!(stage.app.interrupted);
}

#[test]
fn a_correction_that_is_left_is_a_draft_of_its_turn() {
    let mut stage = Stage::ready(80, 24);
    stage.converse(turn(7));
    stage.converse(turn(8));
    stage.press(KeyCode::F(4));
    stage.type_text(" At night 1.1 km.");
    stage.press(KeyCode::Esc);
    assert!(stage.screen().contains("kept as a draft: F4"), "{}", stage.screen());
    stage.press(KeyCode::Tab);
    stage.press(KeyCode::Tab);
    stage.press(KeyCode::F(4));
    assert!(!stage.screen().contains("At night"), "turn 7 has no draft:\n{}", stage.screen());
    stage.press(KeyCode::Esc);
    stage.press(KeyCode::Esc);
    assert!(stage.press(KeyCode::F(10)).is_empty(), "a draft is asked about");
    assert!(stage.screen().contains("The correction of turn 8 is not saved"), "{}", stage.screen());
    stage.press(KeyCode::Esc);
    stage.press(KeyCode::F(4));
    let text = format!("{} At night 1.1 km.", turn(8).answer);
    let saved = Command::Rate { turn: TurnId(8), feedback: Feedback::Correction(text.clone()), reasons: Vec::new() };
    assert_eq!(stage.press(KeyCode::Enter), std::slice::from_ref(&saved));
    stage.report(Report::Failed { task: Task::Rate, message: "the disk is full".to_owned() });
    stage.press(KeyCode::F(4));
    assert_eq!(stage.press(KeyCode::Enter), [saved], "what could not be recorded is not lost");
    stage.report(Report::FeedbackKept { turn: TurnId(8), feedback: Feedback::Correction(text), reasons: Vec::new() });
    assert_eq!(stage.press(KeyCode::F(10)), leave());
}

#[test]
fn a_new_conversation_closes_the_box_of_a_turn_that_is_gone() {
    let mut stage = Stage::ready(80, 24);
    stage.converse(turn(29));
    stage.press(KeyCode::F(4));
    stage.type_text(" More.");
    stage.press_with(KeyCode::Char('p'), KeyModifiers::CONTROL);
    for letter in "new conv".chars() {
        stage.press(KeyCode::Char(letter));
    }
    assert_eq!(stage.press(KeyCode::Enter), [Command::NewSession]);
    assert!(matches!(stage.app.mode, Mode::Asking));
    assert!(!stage.screen().contains("Right answer of turn 29"), "{}", stage.screen());
    assert!(stage.press(KeyCode::F(10)).is_empty(), "its draft is not lost without a word");
}

#[test]
fn leaving_waits_for_the_lines_before_it() {
    let mut stage = Stage::new(80, 24);
    for line in ["first?", "/good", "/quit"] {
        assert!(stage.line(line).is_empty(), "the model still loads");
    }
    stage.report(Report::Opened { status: status(0), turns: Vec::new() });
    assert_eq!(stage.report(Report::ModelLoaded), [Command::Ask("first?".to_owned())]);
    let good = Command::Rate { turn: TurnId(1), feedback: Feedback::Good, reasons: Vec::new() };
    assert_eq!(stage.report(Report::Answered(doubtful_turn(1))), [vec![good], leave()].concat());

    let mut stage = Stage::ready(80, 24);
    stage.app.scripted = true;
    stage.line("first?");
    assert!(stage.line("{\"do\": \"quit\"}").is_empty(), "a script leaves after its answer");
    assert_eq!(stage.report(Report::Answered(refused_turn(1))), leave());

    let mut stage = Stage::ready(80, 24);
    stage.line("first?");
    assert_eq!(stage.line("/quit"), leave(), "somebody at a terminal leaves at once");
}
