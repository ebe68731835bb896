//! Every view at 80x24, the main ones at 40x12, as a terminal shows them.

use halligan_runtime::{AnswerEvent, Feedback, LearnEvent, Status, TurnId};
use halligan_tui::console::event::{Command, Event, Report, Task};
use halligan_tui::console::gauges::Gauges;
use halligan_tui::console::source::SourceText;
use halligan_tui::console::theme::{Palette, Theme};
use insta::assert_snapshot;
use ratatui::crossterm::event::{KeyCode, KeyModifiers};

use super::stage::{
    Stage, doctor_report, documents, doubtful_turn, generations, learned, log_call, passage, reading, refused_turn,
    source_text, status, step, thorough_turn, turn,
};

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
    stage.report(Report::FeedbackKept { turn: TurnId(12), feedback: Feedback::Good, reasons: Vec::new() });
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
        reasons: Vec::new(),
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
fn wide_characters_leave_nothing_behind_in_ascii() {
    let ascii = || {
        let mut stage = Stage::with_theme(40, 12, Theme::of(Palette::Auto, true));
        stage.open();
        stage
    };
    let texts = ["\u{6c2f}\u{6c14}\u{6cc4}\u{6f0f} wide", "narrow text", "\u{706b}", ""];
    let mut stage = ascii();
    for text in texts {
        stage.app.question.set_text(text);
        let mut fresh = ascii();
        fresh.app.question.set_text(text);
        assert_eq!(stage.screen(), fresh.screen(), "after {text:?}");
    }
    stage.app.question.set_text(texts[0]);
    assert!(stage.screen().contains("LuQiXiLo wide"), "{}", stage.screen());
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

/// One snapshot for a screen: both sizes, ASCII, and which cells stand out without colour.
fn every_way(name: &str, play: impl Fn(&mut Stage)) {
    let mut shown = String::new();
    let played = |width: u16, height: u16, theme: Theme| {
        let mut stage = Stage::with_theme(width, height, theme);
        stage.open();
        play(&mut stage);
        stage
    };
    for (width, height) in [(80, 24), (40, 12)] {
        shown.push_str(&format!("== {width}x{height}\n{}\n", played(width, height, Theme::new(true)).screen()));
    }
    let ascii = played(80, 24, Theme::of(Palette::Auto, true)).screen();
    assert!(ascii.is_ascii(), "{ascii}");
    shown.push_str(&format!("== ASCII\n{ascii}\n"));
    let styles = played(80, 24, Theme::new(false)).styles();
    assert!(!styles.contains("fg") && !styles.contains("bg"), "{styles}");
    shown.push_str(&format!("== NO_COLOR\n{styles}"));
    assert_snapshot!(name, shown);
}

fn control(stage: &mut Stage, letter: char) -> Vec<Command> {
    stage.press_with(KeyCode::Char(letter), KeyModifiers::CONTROL)
}

fn alt(stage: &mut Stage, letter: char) -> Vec<Command> {
    stage.press_with(KeyCode::Char(letter), KeyModifiers::ALT)
}

#[test]
fn a_thorough_answer_every_way() {
    every_way("every_way_thorough_answer", |stage| {
        stage.converse(thorough_turn(12));
        stage.press(KeyCode::Tab);
    });
}

#[test]
fn a_refusal_every_way() {
    every_way("every_way_refusal", |stage| {
        let refused = refused_turn(13);
        stage.ask(&refused.question);
        stage.report(Report::Answered(refused));
    });
}

#[test]
fn palette_every_way() {
    every_way("every_way_palette", |stage| {
        control(stage, 'p');
        for letter in "conv".chars() {
            stage.press(KeyCode::Char(letter));
        }
    });
}

#[test]
fn sources_every_way() {
    every_way("every_way_sources", |stage| {
        stage.converse(thorough_turn(12));
        stage.press(KeyCode::F(7));
    });
    every_way("every_way_source_open", |stage| {
        stage.converse(thorough_turn(12));
        stage.press(KeyCode::F(7));
        stage.press(KeyCode::Enter);
        stage.report(Report::SourceRead(source_text()));
    });
}

#[test]
fn a_title_that_gives_way_to_what_follows_is_marked_as_cut() {
    let mut stage = Stage::ready(70, 12);
    stage.converse(thorough_turn(12));
    stage.press(KeyCode::F(7));
    stage.press(KeyCode::Enter);
    let after = "Stay upwind. ".repeat(200);
    stage.report(Report::SourceRead(SourceText { after, ..source_text() }));
    let screen = stage.screen();
    let title = screen.lines().next().unwrap();
    assert!(title.contains(" ... ") && title.ends_with("more below") && !title.contains("UN 1017"), "{title}");
}

#[test]
fn documents_every_way() {
    every_way("every_way_documents", |stage| {
        stage.press(KeyCode::F(8));
        stage.report(Report::Documents(documents()));
        stage.press(KeyCode::Down);
    });
    every_way("every_way_documents_adding", |stage| {
        stage.press(KeyCode::F(8));
        stage.report(Report::Documents(documents()));
        stage.press(KeyCode::Char('a'));
        stage.app.update(Event::Paste("/media/usb/manuals".to_owned()));
        stage.press(KeyCode::Enter);
        stage.report(Report::Indexing(reading()));
    });
}

#[test]
fn search_every_way() {
    every_way("every_way_search", |stage| {
        control(stage, 'r');
        stage.report(Report::Found { query: String::new(), turns: vec![turn(1), doubtful_turn(2), thorough_turn(3)] });
        stage.press(KeyCode::Char('c'));
        stage.press(KeyCode::Down);
    });
}

#[test]
fn doctor_every_way() {
    every_way("every_way_doctor", |stage| {
        alt(stage, 'd');
        stage.report(Report::Examined(Box::new(doctor_report())));
    });
}

#[test]
fn device_every_way() {
    every_way("every_way_device", |stage| {
        stage.report(Report::Speed(12.34));
        stage.app.update(Event::Measured(Gauges {
            memory_mib: Some(412),
            memory_available_mib: Some(5_184),
            celsius: Some(61),
            battery_percent: Some(78),
            on_mains_power: Some(false),
        }));
        alt(stage, 'g');
    });
}

#[test]
fn lesson_every_way() {
    every_way("every_way_lesson", |stage| {
        stage.report(Report::StatusChanged(status(3)));
        stage.press(KeyCode::F(5));
        stage.report(Report::Learning(LearnEvent::Preparing { corrections: 3, replay: 40 }));
        for number in 1..=30 {
            let loss = 3.2 / (1.0 + number as f32 * 0.2) + 0.3;
            stage.report(Report::Learning(step(number, 60, loss)));
        }
        stage.report(Report::Paused(true));
        alt(stage, 'l');
    });
}

#[test]
fn reasons_every_way() {
    every_way("every_way_reasons", |stage| {
        stage.converse(turn(12));
        stage.press(KeyCode::F(3));
        stage.press(KeyCode::Char('4'));
        stage.press(KeyCode::Down);
    });
}

#[test]
fn approval_every_way() {
    every_way("every_way_approval", |stage| {
        stage.ask("Note that gate 3 is closed");
        stage.report(Report::Answer(AnswerEvent::ToolStarted(log_call())));
        stage.report(Report::ApprovalNeeded(log_call()));
        stage.press(KeyCode::Down);
    });
}

#[test]
fn help_and_adapters_every_way() {
    every_way("every_way_help", |stage| {
        stage.press(KeyCode::F(1));
    });
    every_way("every_way_adapters", |stage| {
        stage.press(KeyCode::F(6));
        stage.report(Report::Generations(generations()));
    });
    every_way("every_way_roll_back", |stage| {
        let previous = Some("base".to_owned());
        stage.report(Report::StatusChanged(Status { previous_generation: previous, ..status(0) }));
        stage.press(KeyCode::F(6));
        stage.report(Report::Generations(generations()));
        stage.press(KeyCode::Char('r'));
    });
}

#[test]
fn every_palette_draws_the_same_words() {
    let mut stage = Stage::ready(80, 24);
    stage.converse(thorough_turn(12));
    let words = stage.screen();
    for palette in Palette::ALL {
        let mut other = Stage::with_theme(80, 24, Theme::of(palette, false));
        other.open();
        other.converse(thorough_turn(12));
        assert_eq!(other.screen(), words);
        assert_eq!(other.styles().contains("fg"), palette != Palette::None);
    }
    alt(&mut stage, 't');
    assert_eq!(stage.app.theme.palette(), Palette::Dark);
}

/// A line of 9,600 baud carries 960 bytes a second; a model in the field writes some 5 tokens in one.
const BYTES_A_TOKEN_MAX: usize = 200;

#[test]
fn a_streamed_token_costs_few_bytes() {
    let mut stage = Stage::ready(80, 24);
    stage.converse(turn(1));
    stage.ask("Tell me more");
    stage.draw();
    let mut costs: Vec<usize> = (0..300)
        .map(|number| {
            let word = if number % 11 == 10 { "away.\n\n".to_owned() } else { format!("word{number} ") };
            stage.report(Report::Answer(AnswerEvent::Text(word)));
            let before = stage.bytes().len();
            stage.draw();
            stage.bytes().len() - before
        })
        .collect();
    let mean = costs.iter().sum::<usize>() / costs.len();
    costs.sort_unstable();
    let (median, most) = (costs[costs.len() / 2], costs[costs.len() - 1]);
    println!("bytes a token: median {median}, mean {mean}, most {most}");
    assert!(median <= BYTES_A_TOKEN_MAX, "median {median}, mean {mean}, most {most}");
}
