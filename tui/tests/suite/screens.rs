//! Every view at 80x24, the main ones at 40x12, as a terminal shows them.

use halligan_runtime::{AnswerEvent, Feedback, LearnEvent, TurnId};
use halligan_tui::console::event::{Command, Report, Task};
use halligan_tui::console::theme::Theme;
use insta::assert_snapshot;
use ratatui::crossterm::event::{KeyCode, KeyModifiers};

use super::stage::{Stage, doubtful_turn, generations, learned, passage, status, step, turn};

fn learning(width: u16, height: u16) -> Stage {
    let mut stage = Stage::ready(width, height);
    stage.converse(turn(12));
    stage.report(Report::StatusChanged(status(3)));
    assert_eq!(stage.press(KeyCode::F(5)), [Command::Learn]);
    stage.report(Report::Learning(LearnEvent::Preparing { corrections: 3, replay: 40 }));
    for number in 1..=30 {
        let loss = 3.2 / (1.0 + number as f32 * 0.2) + 0.3;
        stage.report(Report::Learning(step(number, 60, loss)));
    }
    stage
}

#[test]
fn empty_start() {
    let mut stage = Stage::new(80, 24);
    assert_snapshot!("empty_start_80x24", stage.screen());
}

#[test]
fn loading_the_model_shows_the_device() {
    let mut stage = Stage::new(80, 24);
    stage.report(Report::Opened { status: status(0), turns: vec![turn(3)] });
    assert_snapshot!("loading_model_80x24", stage.screen());
}

#[test]
fn answering() {
    let mut stage = Stage::ready(80, 24);
    stage.ask("How far do I isolate a small chlorine spill?");
    stage.report(Report::Answer(AnswerEvent::Passage(passage())));
    stage.report(Report::Answer(AnswerEvent::Text("Isolate the spill area for".to_owned())));
    assert_snapshot!("answering_80x24", stage.screen());
}

#[test]
fn answered_with_passage() {
    let mut stage = Stage::ready(80, 24);
    stage.converse(turn(12));
    stage.report(Report::FeedbackKept { turn: TurnId(12), feedback: Feedback::Good });
    assert_snapshot!("answered_80x24", stage.screen());
    assert_snapshot!("answered_styles", stage.styles());
}

#[test]
fn chosen_turn_shows_its_whole_passage() {
    let mut stage = Stage::ready(80, 24);
    stage.converse(turn(12));
    stage.converse(doubtful_turn(13));
    stage.press(KeyCode::Tab);
    stage.press(KeyCode::Tab);
    assert_snapshot!("chosen_turn_80x24", stage.screen());
}

#[test]
fn help() {
    let mut stage = Stage::ready(80, 24);
    stage.press(KeyCode::F(1));
    assert_snapshot!("help_80x24", stage.screen());
    stage.press(KeyCode::PageDown);
    assert_snapshot!("help_scrolled_80x24", stage.screen());
    stage.resize(40, 12);
    assert_snapshot!("help_40x12", stage.screen());
}

#[test]
fn correction_editor() {
    let mut stage = Stage::ready(80, 24);
    stage.converse(turn(12));
    stage.press(KeyCode::F(4));
    stage.press_with(KeyCode::Enter, KeyModifiers::ALT);
    stage.type_text("At night, protect people 1.1 km downwind.");
    assert_snapshot!("correcting_80x24", stage.screen());
    stage.resize(40, 12);
    assert_snapshot!("correcting_40x12", stage.screen());
}

#[test]
fn learning_with_loss_chart() {
    assert_snapshot!("learning_80x24", learning(80, 24).screen());
    assert_snapshot!("learning_40x12", learning(40, 12).screen());
}

#[test]
fn checking_and_learned() {
    let mut stage = learning(80, 24);
    stage.report(Report::Learning(LearnEvent::Evaluating {
        what: "candidate on the gate".to_owned(),
        done: 12,
        total: 40,
    }));
    assert_snapshot!("checking_80x24", stage.screen());
    stage.report(Report::Learned(learned()));
    stage.report(Report::FeedbackKept {
        turn: TurnId(12),
        feedback: Feedback::Correction("Isolate 60 metres (200 feet).".to_owned()),
    });
    assert_snapshot!("learned_80x24", stage.screen());
}

#[test]
fn adapters_panel() {
    let mut stage = Stage::ready(80, 24);
    assert_eq!(stage.press(KeyCode::F(6)), [Command::ListGenerations]);
    assert_snapshot!("adapters_waiting_80x24", stage.screen());
    stage.report(Report::Generations(generations()));
    stage.press(KeyCode::Down);
    assert_snapshot!("adapters_80x24", stage.screen());
    stage.resize(40, 12);
    assert_snapshot!("adapters_40x12", stage.screen());
}

#[test]
fn error_names_the_next_step() {
    let mut stage = Stage::new(80, 24);
    stage.report(Report::Opened { status: status(0), turns: Vec::new() });
    stage.ask("Is anyone there?");
    stage.report(Report::Failed {
        task: Task::Ask,
        message: "no model in /field/halligan; run `halligan setup --model FILE.gguf` or pass --model FILE.gguf"
            .to_owned(),
    });
    assert_snapshot!("error_80x24", stage.screen());
}

#[test]
fn small_screen() {
    let mut stage = Stage::ready(40, 12);
    assert_snapshot!("empty_start_40x12", stage.screen());
    stage.converse(turn(12));
    assert_snapshot!("answered_40x12", stage.screen());
    stage.press(KeyCode::PageUp);
    assert_snapshot!("scrolled_up_40x12", stage.screen());
}

#[test]
fn wide_and_combining_characters_keep_their_columns() {
    let mut stage = Stage::ready(40, 12);
    let mut wide = turn(5);
    wide.question = "\u{6d88}\u{9632}\u{5458} e\u{301}tage".to_owned();
    wide.answer =
        "\u{6c2f}\u{6c14}\u{6cc4}\u{6f0f}\u{65f6}\u{ff0c}\u{5411}\u{4e0a}\u{98ce}\u{65b9}\u{5411}\u{64a4}\u{79bb}\
        \u{ff0c}\u{9694}\u{79bb}\u{81f3}\u{5c11} 60 \u{7c73}\u{3002} cafe\u{301} \u{1f525}"
            .to_owned();
    wide.passage = None;
    stage.converse(wide);
    stage.type_text("\u{706b}e\u{301}");
    assert_snapshot!("wide_characters_40x12", stage.screen());
}

#[test]
fn without_colour_only_modifiers_are_sent() {
    let mut stage = Stage::with_theme(80, 24, Theme::new(false));
    stage.open();
    stage.converse(turn(12));
    stage.converse(doubtful_turn(13));
    stage.press(KeyCode::Tab);
    let styles = stage.styles();
    assert!(!styles.contains("fg") && !styles.contains("bg"), "{styles}");
    assert_snapshot!("no_colour_styles", styles);
    for key in [KeyCode::F(1), KeyCode::F(1), KeyCode::F(6), KeyCode::Esc, KeyCode::F(4)] {
        stage.press(key);
        stage.draw();
    }
    let sent = String::from_utf8_lossy(&stage.bytes()).into_owned();
    for sequence in sent.split('\u{1b}').filter(|part| part.starts_with('[')) {
        let Some(end) = sequence.find(|letter: char| letter.is_ascii_alphabetic()) else { continue };
        if &sequence[end..=end] != "m" {
            continue;
        }
        for number in sequence[1..end].split(';') {
            // 39, 49 and 59 return to the default colours at the end of each frame.
            assert!(
                matches!(
                    number,
                    "" | "0" | "1" | "2" | "3" | "4" | "7" | "22" | "23" | "24" | "27" | "39" | "49" | "59"
                ),
                "colour sequence {sequence:?}"
            );
        }
    }
}

#[test]
fn resize_while_streaming_loses_no_words() {
    let mut stage = Stage::ready(80, 24);
    stage.ask("What now?");
    let words: Vec<String> = (0..60).map(|number| format!("word{number} ")).collect();
    for (index, word) in words.iter().enumerate() {
        stage.report(Report::Answer(AnswerEvent::Text(word.clone())));
        let sizes = [(80, 24), (40, 12), (20, 40), (120, 50)];
        let (width, height) = sizes[index % sizes.len()];
        stage.resize(width, height);
        stage.draw();
    }
    stage.resize(80, 24);
    let screen = stage.screen();
    for word in words {
        assert!(screen.contains(word.trim()), "{word} is missing:\n{screen}");
    }
}
