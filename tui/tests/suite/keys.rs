//! What keys do, as commands and state.

use halligan_runtime::{Feedback, TurnId};
use halligan_tui::console::app::{Activity, Mode};
use halligan_tui::console::event::{Command, Event, Report, Task};
use ratatui::crossterm::event::{KeyCode, KeyModifiers};

use super::stage::{Stage, carried, generations, status, turn};

#[test]
fn enter_sends_and_alt_enter_starts_a_line() {
    let mut stage = Stage::ready(80, 24);
    stage.type_text("first");
    stage.press_with(KeyCode::Enter, KeyModifiers::ALT);
    stage.type_text("second");
    stage.press_with(KeyCode::Char('j'), KeyModifiers::CONTROL);
    stage.type_text("third");
    assert_eq!(stage.press(KeyCode::Enter), [Command::Ask("first\nsecond\nthird".to_owned())]);
    assert!(stage.app.question.is_blank());
}

#[test]
fn a_second_question_waits_and_keeps_its_text() {
    let mut stage = Stage::ready(80, 24);
    stage.ask("one");
    stage.type_text("two");
    assert!(stage.press(KeyCode::Enter).is_empty());
    assert_eq!(stage.app.question.text(), "two");
    assert!(stage.screen().contains("Esc stops it"));
    assert_eq!(stage.press(KeyCode::Esc), [Command::Stop]);
    assert!(stage.press(KeyCode::Esc).is_empty());
    let mut stopped = turn(1);
    stopped.question = "one".to_owned();
    stage.report(Report::Answered(stopped));
    assert_eq!(stage.press(KeyCode::Enter), [Command::Ask("two".to_owned())]);
}

#[test]
fn a_question_may_be_asked_while_the_model_loads() {
    let mut stage = Stage::new(80, 24);
    stage.report(Report::Opened { status: status(0), turns: Vec::new() });
    stage.ask("early");
    stage.report(Report::ModelLoaded);
    assert_eq!(stage.app.activity, Activity::Answering);
}

#[test]
fn feedback_goes_to_the_latest_or_the_chosen_turn() {
    let mut stage = Stage::ready(80, 24);
    assert!(stage.press(KeyCode::F(2)).is_empty());
    stage.converse(turn(7));
    stage.converse(turn(8));
    let good = Command::Rate { turn: TurnId(8), feedback: Feedback::Good };
    assert_eq!(stage.press(KeyCode::F(2)), [good]);
    stage.press(KeyCode::Tab);
    stage.press(KeyCode::Tab);
    let bad = Command::Rate { turn: TurnId(7), feedback: Feedback::Bad };
    assert_eq!(stage.press_with(KeyCode::Char('3'), KeyModifiers::ALT), std::slice::from_ref(&bad));
    stage.press(KeyCode::BackTab);
    stage.press(KeyCode::BackTab);
    assert!(!stage.app.transcript.has_chosen());
}

#[test]
fn the_correction_starts_from_the_answer() {
    let mut stage = Stage::ready(80, 24);
    stage.converse(turn(7));
    stage.press(KeyCode::F(4));
    stage.press_with(KeyCode::Char('j'), KeyModifiers::CONTROL);
    stage.type_text("By night 1.1 km.");
    let commands = stage.press(KeyCode::Enter);
    let text = format!("{}\nBy night 1.1 km.", turn(7).answer);
    assert_eq!(commands, [Command::Rate { turn: TurnId(7), feedback: Feedback::Correction(text) }]);
    assert!(matches!(stage.app.mode, Mode::Asking));
}

#[test]
fn an_empty_correction_is_not_saved() {
    let mut stage = Stage::ready(80, 24);
    stage.converse(turn(7));
    stage.press(KeyCode::F(4));
    for _ in 0..200 {
        stage.press(KeyCode::Backspace);
    }
    assert!(stage.press(KeyCode::Enter).is_empty());
    assert!(matches!(stage.app.mode, Mode::Correcting { .. }));
    stage.press(KeyCode::Esc);
    assert!(matches!(stage.app.mode, Mode::Asking));
}

#[test]
fn learning_needs_a_correction_and_escape_cancels_it_once() {
    let mut stage = Stage::ready(80, 24);
    assert!(stage.press(KeyCode::F(5)).is_empty());
    stage.report(Report::StatusChanged(status(2)));
    assert_eq!(stage.press(KeyCode::F(5)), [Command::Learn]);
    assert!(stage.press(KeyCode::F(5)).is_empty());
    assert_eq!(stage.press(KeyCode::Esc), [Command::Stop]);
    assert!(stage.press(KeyCode::Esc).is_empty());
    stage.report(Report::LearningCancelled);
    assert_eq!(stage.app.activity, Activity::Ready);
}

#[test]
fn adapters_are_activated_and_rolled_back() {
    let mut stage = Stage::ready(80, 24);
    stage.press(KeyCode::F(6));
    assert!(stage.press(KeyCode::Enter).is_empty());
    stage.report(Report::Generations(generations()));
    stage.press(KeyCode::End);
    assert_eq!(stage.press(KeyCode::Enter), [Command::Activate("base".to_owned())]);
    assert!(stage.press(KeyCode::Char('r')).is_empty(), "one switch at a time");
    assert_eq!(stage.report(Report::Activated(carried())), [Command::ListGenerations]);
    assert_eq!(stage.press(KeyCode::Char('r')), [Command::RollBack]);
    stage.report(Report::Failed { task: Task::Adapters, message: "there is no previous adapter".to_owned() });
    assert_eq!(stage.app.activity, Activity::Ready);
    assert!(stage.screen().contains("error: there is no previous adapter"), "the list covers no error");
}

#[test]
fn up_and_down_walk_through_earlier_questions() {
    let mut stage = Stage::ready(80, 24);
    for (number, question) in ["alpha", "beta"].into_iter().enumerate() {
        let mut asked = turn(number as i64);
        asked.question = question.to_owned();
        stage.converse(asked);
    }
    stage.press(KeyCode::Up);
    assert_eq!(stage.app.question.text(), "beta");
    stage.press(KeyCode::Up);
    stage.press(KeyCode::Up);
    assert_eq!(stage.app.question.text(), "alpha");
    stage.press(KeyCode::Down);
    stage.press(KeyCode::Down);
    assert!(stage.app.question.is_blank());
}

#[test]
fn leaving_takes_one_key_or_two_interrupts_and_always_stops_the_work() {
    let mut stage = Stage::ready(80, 24);
    assert_eq!(stage.press(KeyCode::F(10)), [Command::Stop, Command::Quit]);
    assert!(stage.app.quitting);

    let mut stage = Stage::ready(80, 24);
    let interrupt = |stage: &mut Stage| stage.press_with(KeyCode::Char('c'), KeyModifiers::CONTROL);
    stage.ask("long one");
    assert_eq!(interrupt(&mut stage), [Command::Stop]);
    assert!(!stage.app.quitting);
    assert!(interrupt(&mut stage).is_empty());
    interrupt(&mut stage);
    assert!(stage.app.quitting);

    let mut stage = Stage::ready(80, 24);
    stage.app.update(Event::ShutdownRequested);
    assert!(stage.app.quitting);
}

#[test]
fn a_dead_worker_leaves_the_text_readable() {
    let mut stage = Stage::ready(80, 24);
    stage.ask("anyone?");
    stage.report(Report::Died("it fell over".to_owned()));
    stage.type_text("again");
    assert!(stage.press(KeyCode::Enter).is_empty());
    let screen = stage.screen();
    assert!(screen.contains("it fell over") && screen.contains("F10"), "{screen}");
}

#[test]
fn failed_opening_can_be_tried_again_by_asking() {
    let mut stage = Stage::new(80, 24);
    stage.report(Report::Failed { task: Task::Open, message: "no model here".to_owned() });
    assert_eq!(stage.app.activity, Activity::Ready);
    stage.ask("now?");
    stage.report(Report::Opened { status: status(0), turns: vec![turn(1)] });
    assert_eq!(stage.app.activity, Activity::Answering);
    assert!(!stage.screen().contains("chlorine"), "earlier turns do not push in below");
}
