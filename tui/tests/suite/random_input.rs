//! Random keys, pastes, sizes and reports: no panic, and every frame can be drawn.

use halligan_runtime::{AnswerEvent, Feedback, LearnEvent, Reason, SessionId, TurnId};
use halligan_tui::console::event::{Event, Report, Task};
use proptest::prelude::*;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::stage::{
    Stage, carried, doctor_report, documents, doubtful_turn, generations, indexed, learned, log_call, passage, reading,
    refused_turn, source_text, status, step, thorough_turn, turn,
};

fn key() -> impl Strategy<Value = Event> {
    let code = prop_oneof![
        5 => any::<char>().prop_map(KeyCode::Char),
        3 => prop::sample::select(vec!['a', ' ', '\u{706b}', '\u{301}', 'r', 'j', 'q', 'c', '3', '\t', '\u{1b}'])
            .prop_map(KeyCode::Char),
        4 => (1_u8..=9).prop_map(KeyCode::F),
        6 => prop::sample::select(vec![
            KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::BackTab, KeyCode::Up, KeyCode::Down,
            KeyCode::Left, KeyCode::Right, KeyCode::PageUp, KeyCode::PageDown, KeyCode::Home,
            KeyCode::End, KeyCode::Backspace, KeyCode::Delete, KeyCode::Insert, KeyCode::Null,
        ]),
    ];
    let modifiers = prop_oneof![
        4 => Just(KeyModifiers::NONE),
        1 => (0_u8..8).prop_map(KeyModifiers::from_bits_truncate),
    ];
    (code, modifiers).prop_map(|(code, modifiers)| Event::Key(KeyEvent::new(code, modifiers)))
}

fn report() -> impl Strategy<Value = Event> {
    let simple = prop::sample::select(vec![
        Report::Opened { status: status(1), turns: vec![turn(1), doubtful_turn(2)] },
        Report::ModelLoaded,
        Report::StatusChanged(status(2)),
        Report::Answer(AnswerEvent::Passage(passage())),
        Report::Answer(AnswerEvent::Finished),
        Report::Answered(turn(3)),
        Report::Answered(doubtful_turn(4)),
        Report::FeedbackKept { turn: TurnId(3), feedback: Feedback::Good, reasons: vec![Reason::Unsafe] },
        Report::Learning(LearnEvent::Preparing { corrections: 1, replay: 0 }),
        Report::Learning(step(1, 0, f32::NAN)),
        Report::Learning(step(9, 3, f32::INFINITY)),
        Report::Learning(LearnEvent::Evaluating { what: "gate".to_owned(), done: 5, total: 0 }),
        Report::Learned(learned()),
        Report::LearningCancelled,
        Report::Generations(generations()),
        Report::Generations(Vec::new()),
        Report::Activated(carried()),
        Report::Speed(f32::INFINITY),
        Report::Answer(AnswerEvent::Held(3)),
        Report::Answer(AnswerEvent::Context { prompt_tokens: 4, answer_tokens: usize::MAX - 4 }),
        Report::Answered(refused_turn(6)),
        Report::Trouble("x ".repeat(300)),
        Report::ApprovalNeeded(log_call()),
        Report::Answer(AnswerEvent::ToolStarted(log_call())),
        Report::Answered(thorough_turn(5)),
        Report::Paused(true),
        Report::Documents(documents()),
        Report::Documents(Vec::new()),
        Report::Indexing(reading()),
        Report::Indexed(indexed()),
        Report::SourceRead(source_text()),
        Report::Found { query: "x".to_owned(), turns: vec![turn(1), thorough_turn(2)] },
        Report::SessionOpened { session: SessionId(1), turns: vec![thorough_turn(2)] },
        Report::Examined(Box::new(doctor_report())),
        Report::Failed { task: Task::Ask, message: "x ".repeat(300) },
        Report::Failed { task: Task::Learn, message: "\u{1b}[2J".to_owned() },
    ]);
    prop_oneof![simple, any::<String>().prop_map(|text| Report::Answer(AnswerEvent::Text(text))),]
        .prop_map(Event::Worker)
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => key(),
        4 => report(),
        1 => any::<String>().prop_map(Event::Paste),
        1 => (0_u16..140, 0_u16..60).prop_map(|(width, height)| Event::Resized { width, height }),
        1 => prop::sample::select(vec![(0, 0), (1, 1), (2, 3), (40, 12), (80, 24)])
            .prop_map(|(width, height)| Event::Resized { width, height }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_input_makes_the_console_panic(events in prop::collection::vec(event(), 1..120)) {
        let mut stage = Stage::new(80, 24);
        for event in events {
            match event {
                // The emulator itself needs a cell; the console must take any size.
                Event::Resized { width, height } if width > 0 && height > 0 => stage.resize(width, height),
                other => { stage.app.update(other); }
            }
            stage.draw();
        }
    }
}

/// Events of the long run unless `HALLIGAN_FUZZ_EVENTS` says otherwise: a few seconds.
const EVENTS: usize = 20_000;

/// A small generator of its own, so that a run is named by its seed alone.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        // Marsaglia's xorshift64.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Keys, resizes and pastes only: a million of them leave every screen many times.
#[test]
fn a_long_run_of_keys_resizes_and_pastes_does_not_panic() {
    let wanted = std::env::var("HALLIGAN_FUZZ_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(EVENTS);
    let seed = std::env::var("HALLIGAN_FUZZ_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0x5eed_u64);
    let codes = [
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Backspace,
        KeyCode::Delete,
        KeyCode::Insert,
    ];
    let letters: Vec<char> = "abcdefghijklmnopqrstuvwxyz  12345/{?\u{706b}\u{301}\u{1f525}\u{200d}".chars().collect();
    let texts = [
        "x".repeat(40_000),
        "two\r\nlines".to_owned(),
        "\u{1b}[2J\u{7}\u{9b}".to_owned(),
        "\u{706b}e\u{301} ".repeat(99),
    ];
    let mut dice = Dice(seed);
    let mut stage = Stage::ready(80, 24);
    for number in 0..wanted {
        let event = match dice.below(100) {
            0 => {
                let (width, height) = (dice.below(120) as u16 + 1, dice.below(50) as u16 + 1);
                stage.resize(width, height);
                continue;
            }
            1 => Event::Paste(texts[dice.below(texts.len() as u64) as usize].clone()),
            2..=40 => Event::Key(KeyEvent::new(
                KeyCode::Char(letters[dice.below(letters.len() as u64) as usize]),
                KeyModifiers::NONE,
            )),
            41..=60 => Event::Key(KeyEvent::new(KeyCode::F(dice.below(9) as u8 + 1), KeyModifiers::NONE)),
            choice => {
                let modifiers = KeyModifiers::from_bits_truncate(if choice > 90 { dice.below(8) as u8 } else { 0 });
                let code = match dice.below(3) {
                    0 if choice > 80 => KeyCode::Char(letters[dice.below(26) as usize]),
                    _ => codes[dice.below(codes.len() as u64) as usize],
                };
                Event::Key(KeyEvent::new(code, modifiers))
            }
        };
        let commands = stage.app.update(event);
        // The worker's part, so that every state is reached: what was asked for is answered at once.
        for command in commands {
            stage.answer(&command, number as i64);
        }
        stage.app.quitting = false;
        stage.draw();
        if number % 1_000 == 0 {
            stage.forget_bytes();
        }
    }
}
