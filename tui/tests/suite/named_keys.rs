//! The words on the screen name the keys that work, and only those.

use halligan_runtime::{LearnEvent, Status};
use halligan_tui::console::app::{App, Mode};
use halligan_tui::console::event::{Command, Report};
use halligan_tui::console::orders::View;
use halligan_tui::console::settings::Settings;
use halligan_tui::console::theme::Theme;
use halligan_tui::example_kit;
use ratatui::crossterm::event::{KeyCode, KeyModifiers};
use ratatui::layout::Size;

use super::stage::{Stage, generations, learned, refused_turn, status, thorough_turn, turn};

const OTHER_KEYS: &str = "[keys]\ngood = \"ctrl+g\"\nbad = \"alt+b\"\ncorrect = \"ctrl+t\"\nlearn = \"alt+s\"\nanyway = \"alt+z\"\n\
    help = \"ctrl+h\"\npalette = \"ctrl+x\"\nstop = \"alt+x\"\nsend = \"alt+enter\"\nnew-line = \"enter\"\nclose = \"x\"\n\
    writing-leave = \"alt+y\"\nquit = \"f12\"\n";

fn with_other_keys(width: u16, height: u16) -> Stage {
    let settings = Settings::parse(std::path::Path::new("x"), OTHER_KEYS).unwrap();
    let mut stage = Stage::new(width, height);
    stage.app = App::with_keys(Theme::new(true), settings.keymap, Size::new(width, height));
    stage.open();
    stage
}

fn control(stage: &mut Stage, letter: char) -> Vec<Command> {
    stage.press_with(KeyCode::Char(letter), KeyModifiers::CONTROL)
}

fn assert_shows(stage: &mut Stage, parts: &[&str]) {
    let screen = stage.screen();
    for part in parts {
        assert!(screen.contains(part), "no {part:?} in:\n{screen}");
    }
}

#[test]
fn texts_name_the_keys_of_the_settings() {
    let mut stage = with_other_keys(80, 24);
    assert_shows(&mut stage, &["Ctrl+G (good)", "Ctrl+T", "Ctrl+H explains", "Ctrl+X finds", "then press Alt+Enter"]);
    stage.press_with(KeyCode::Char('s'), KeyModifiers::ALT);
    assert_shows(&mut stage, &["nothing to learn yet: Ctrl+T corrects"]);
    let refused = refused_turn(7);
    stage.type_text(&refused.question);
    stage.press_with(KeyCode::Enter, KeyModifiers::ALT);
    stage.type_text("And?");
    stage.press_with(KeyCode::Enter, KeyModifiers::ALT);
    assert_shows(&mut stage, &["still running: Alt+X stops it"]);
    stage.report(Report::Answered(refused));
    assert_shows(&mut stage, &["Alt+Z shows it all the same"]);
    stage.press_with(KeyCode::Char('r'), KeyModifiers::ALT);
    assert_shows(&mut stage, &["Ctrl+G good, Alt+B bad, Ctrl+T correct"]);
    control(&mut stage, 't');
    stage.press(KeyCode::Enter);
    assert_shows(&mut stage, &["or leave with Alt+Y"]);
    stage.press_with(KeyCode::Char('y'), KeyModifiers::ALT);
    stage.press(KeyCode::F(6));
    stage.report(Report::Generations(generations()));
    stage.press(KeyCode::Char('r'));
    assert_shows(&mut stage, &["Enter returns, x leaves it"]);
    stage.report(Report::Died("no memory".to_owned()));
    stage.press(KeyCode::Char('x'));
    stage.press(KeyCode::Char('x'));
    assert_shows(&mut stage, &["leave with F12"]);
}

#[test]
fn a_face_of_lines_names_orders_and_no_keys() {
    let mut stage = Stage::ready(80, 24);
    stage.app.by_lines = true;
    assert!(stage.line("/learn").is_empty());
    assert_eq!(stage.app.views, [View::Note("nothing to learn yet: /correct TEXT corrects an answer".to_owned())]);
}

#[test]
fn help_lists_only_what_a_key_does_there() {
    let mut stage = Stage::ready(80, 50);
    stage.press(KeyCode::F(6));
    stage.press(KeyCode::F(1));
    assert_shows(&mut stage, &["Help: adapters", "answers with the chosen adapter", "[~]"]);
    assert!(!stage.screen().contains("opens the chosen row"), "{}", stage.screen());
    stage.press(KeyCode::Esc);
    stage.press(KeyCode::Esc);
    stage.press_with(KeyCode::Char('l'), KeyModifiers::ALT);
    stage.press(KeyCode::F(1));
    let screen = stage.screen();
    assert!(screen.contains("Help: learning") && screen.contains("(also Space)"), "{screen}");
    assert!(!screen.contains("opens the chosen row") && !screen.contains("one page down"), "{screen}");
    stage.press(KeyCode::Esc);
    stage.press(KeyCode::Esc);
    stage.press_with(KeyCode::Char('g'), KeyModifiers::ALT);
    stage.press(KeyCode::F(1));
    let screen = stage.screen();
    assert!(screen.contains("Help: device") && screen.contains("one page down"), "{screen}");
    assert!(!screen.contains("opens the chosen row"), "{screen}");
    stage.press(KeyCode::Esc);
    stage.press(KeyCode::Esc);
    stage.converse(thorough_turn(3));
    stage.press(KeyCode::F(7));
    stage.press(KeyCode::F(1));
    assert_shows(&mut stage, &["Help: sources"]);
}

#[test]
fn a_lesson_whose_update_is_in_use_says_what_is_left_and_hints_nothing_after_its_end() {
    let mut stage = Stage::ready(80, 24);
    stage.report(Report::StatusChanged(status(2)));
    stage.press(KeyCode::F(5));
    stage.press_with(KeyCode::Char('l'), KeyModifiers::ALT);
    assert_shows(&mut stage, &["x cancels"]);
    stage.report(Report::Learning(LearnEvent::Activated { generation: "c0ffee12".to_owned() }));
    let words = "the update is in use; measuring how far it can be trusted; x skips that";
    assert_shows(&mut stage, &[words, "x skips the rest"]);
    stage.report(Report::Learned(learned()));
    let screen = stage.screen();
    assert!(!screen.contains("pauses") && !screen.contains("cancels") && !screen.contains("skips"), "{screen}");
}

#[test]
fn the_key_that_lets_a_chosen_answer_go_is_not_said_to_stop_it() {
    let mut stage = Stage::ready(80, 24);
    stage.converse(turn(7));
    stage.press(KeyCode::Tab);
    assert_shows(&mut stage, &["Esc leaves it"]);
    stage.ask("And now?");
    assert_shows(&mut stage, &["Esc stops"]);
}

#[test]
fn an_unchanged_answer_is_no_correction() {
    let mut stage = Stage::ready(80, 24);
    stage.converse(turn(7));
    stage.press(KeyCode::F(4));
    assert!(stage.press(KeyCode::Enter).is_empty());
    assert!(matches!(stage.app.mode, Mode::Asking));
    assert_shows(&mut stage, &["nothing was changed", "F2 marks it good"]);
}

#[test]
fn the_example_kit_offers_a_question_and_says_what_it_is_not_for() {
    for (width, height) in [(80, 24), (40, 12)] {
        let mut stage = Stage::ready(width, height);
        let flat = |stage: &mut Stage| stage.screen().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!flat(&mut stage).contains("For example"), "another kit has its own questions");
        let mut kit = Status { model_sha256: Some(example_kit::MODEL.to_owned()), ..status(0) };
        kit.generation.id = example_kit::ADAPTER.to_owned();
        stage.report(Report::StatusChanged(kit));
        let screen = flat(&mut stage);
        assert!(screen.contains("Halligan answers from the model"), "{screen}");
        assert!(screen.contains(&format!("For example: {}", example_kit::QUESTION)), "{screen}");
        assert!(screen.contains("not for operational use."), "{screen}");
        stage.converse(turn(7));
        assert!(width < 80 || stage.screen().contains("demonstration"), "{}", stage.screen());
    }
}
