//! Random keys, pastes, sizes and reports: no panic, and every frame can be drawn.

use halligan_runtime::{AnswerEvent, Feedback, LearnEvent, TurnId};
use halligan_tui::console::event::{Event, Report, Task};
use proptest::prelude::*;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::stage::{Stage, carried, doubtful_turn, generations, learned, passage, status, step, turn};

fn key() -> impl Strategy<Value = Event> {
    let code = prop_oneof![
        5 => any::<char>().prop_map(KeyCode::Char),
        3 => prop::sample::select(vec!['a', ' ', '\u{706b}', '\u{301}', 'r', 'j', 'q', 'c', '3', '\t', '\u{1b}'])
            .prop_map(KeyCode::Char),
        4 => (1_u8..=12).prop_map(KeyCode::F),
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
        Report::FeedbackKept { turn: TurnId(3), feedback: Feedback::Good },
        Report::Learning(LearnEvent::Preparing { corrections: 1, replay: 0 }),
        Report::Learning(step(1, 0, f32::NAN)),
        Report::Learning(step(9, 3, f32::INFINITY)),
        Report::Learning(LearnEvent::Evaluating { what: "gate".to_owned(), done: 5, total: 0 }),
        Report::Learned(learned()),
        Report::LearningCancelled,
        Report::Generations(generations()),
        Report::Generations(Vec::new()),
        Report::Activated(carried()),
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
