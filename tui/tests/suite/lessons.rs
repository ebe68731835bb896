//! What else the device does while it learns: the worker over a real home, and the words of the console.

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use halligan_runtime::home::Home;
use halligan_runtime::journal::Journal;
use halligan_runtime::turn::NewTurn;
use halligan_runtime::{AssistantOptions, Feedback, Turn};
use halligan_tui::console::event::{Command, Event, Report, Task};
use halligan_tui::console::source::Source;
use halligan_tui::console::worker::Worker;
use ratatui::crossterm::event::{KeyCode, KeyModifiers};

use super::stage::{Stage, status, step, turn};

/// Far more than anything here takes, even on a machine with other work.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lessons that are begun before one is caught in time.
const TRIES: usize = 50;

const GUIDE: &str = "# Chlorine\n\nIsolate a leak of chlorine for 150 metres in all directions.\n";

/// A home whose journal holds one corrected turn; it has no model, so a lesson ends after its first event.
fn home_with_a_correction() -> (tempfile::TempDir, Turn) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    let asked = NewTurn {
        question: "How far from a chlorine leak?".to_owned(),
        answer: "10 feet.".to_owned(),
        generation: "base".to_owned(),
        tokens: 3,
        seconds: 0.1,
        ..NewTurn::default()
    };
    let turn = Journal::new(&home).append(asked).unwrap();
    Journal::new(&home).give_feedback(turn.id, &Feedback::Correction("150 metres.".to_owned()), &[]).unwrap();
    (folder, turn)
}

fn start(home: &Path) -> (Worker, Receiver<Event>) {
    let (events, inbox) = channel();
    let options = AssistantOptions {
        home: Some(home.to_path_buf()),
        // It learns on battery too, so that the test runs on any laptop.
        profile: Some("jetson-agx-orin".to_owned()),
        ..AssistantOptions::default()
    };
    (Worker::start(options, None, events).unwrap(), inbox)
}

fn next(inbox: &Receiver<Event>) -> Report {
    match inbox.recv_timeout(PATIENCE).unwrap() {
        Event::Worker(report) => report,
        other => panic!("the worker sent {other:?}"),
    }
}

/// The first report that fits; none before it may say that the lesson goes on or ends.
fn first<T>(inbox: &Receiver<Event>, fits: impl Fn(&Report) -> Option<T>) -> T {
    loop {
        let report = next(inbox);
        if let Some(found) = fits(&report) {
            return found;
        }
        let ended = matches!(report, Report::LearningCancelled | Report::Paused(false) | Report::Failed { .. });
        assert!(!ended, "{report:?}");
    }
}

/// Begins a lesson and halts it.
fn halt_a_lesson(worker: &Worker, inbox: &Receiver<Event>) {
    for _ in 0..TRIES {
        assert!(worker.send(Command::Learn));
        assert!(worker.send(Command::Pause(true)));
        loop {
            match next(inbox) {
                Report::Paused(true) => return,
                // It was over before the wish to halt came.
                Report::Failed { task: Task::Learn, .. } => break,
                _ => {}
            }
        }
    }
    panic!("no lesson could be halted");
}

#[test]
fn a_halted_lesson_leaves_lists_search_passages_and_judgements_answered() {
    let (home, turn) = home_with_a_correction();
    let documents = tempfile::tempdir().unwrap();
    let guide = documents.path().join("guide.md");
    std::fs::write(&guide, GUIDE).unwrap();
    let (worker, inbox) = start(home.path());
    assert!(worker.send(Command::AddDocuments(vec![guide])));
    while !matches!(next(&inbox), Report::Indexed(report) if report.added.len() == 1) {}
    halt_a_lesson(&worker, &inbox);

    assert!(worker.send(Command::ListGenerations));
    assert!(worker.send(Command::ListDocuments));
    assert!(worker.send(Command::Search("chlorine".to_owned())));
    let generations = first(&inbox, |report| match report {
        Report::Generations(list) => Some(list.len()),
        _ => None,
    });
    assert_eq!(generations, 1);
    let document = first(&inbox, |report| match report {
        Report::Documents(list) => Some(list[0].name.clone()),
        _ => None,
    });
    let found = first(&inbox, |report| match report {
        Report::Found { query, turns } if query == "chlorine" => Some(turns[0].id),
        _ => None,
    });
    assert_eq!(found, turn.id);

    let start_byte = GUIDE.find("150 metres").unwrap();
    let source = Source {
        document,
        page: None,
        heading: "Chlorine".to_owned(),
        quote: "150 metres".to_owned(),
        start_byte,
        end_byte: start_byte + "150 metres".len(),
        cited: true,
    };
    assert!(worker.send(Command::ReadSource(source)));
    let text = first(&inbox, |report| match report {
        Report::SourceRead(text) => Some(text.clone()),
        _ => None,
    });
    assert_eq!((text.words.as_str(), text.after.trim()), ("150 metres", "in all directions."));

    assert!(worker.send(Command::OpenSession(turn.session)));
    assert!(worker.send(Command::Rate { turn: turn.id, feedback: Feedback::Good, reasons: Vec::new() }));
    assert!(worker.send(Command::Examine));
    first(&inbox, |report| matches!(report, Report::SessionOpened { turns, .. } if turns.len() == 1).then_some(()));
    first(&inbox, |report| matches!(report, Report::FeedbackKept { .. }).then_some(()));
    first(&inbox, |report| matches!(report, Report::StatusChanged(_)).then_some(()));
    first(&inbox, |report| matches!(report, Report::Examined(_)).then_some(()));

    assert!(worker.send(Command::Stop));
    while !matches!(next(&inbox), Report::LearningCancelled) {}
    assert!(worker.finish());
}

#[test]
fn what_sets_an_adapter_waits_for_the_end_of_the_lesson() {
    let (home, _) = home_with_a_correction();
    let (worker, inbox) = start(home.path());
    halt_a_lesson(&worker, &inbox);
    assert!(worker.send(Command::RollBack));
    // What came later is answered first.
    assert!(worker.send(Command::ListGenerations));
    first(&inbox, |report| matches!(report, Report::Generations(_)).then_some(()));
    assert!(worker.send(Command::Stop));
    let mut cancelled = false;
    loop {
        match next(&inbox) {
            Report::LearningCancelled => cancelled = true,
            Report::Failed { task: Task::Adapters, .. } => break,
            _ => {}
        }
    }
    assert!(cancelled, "the adapter was asked for while the lesson halted");
    assert!(worker.finish());
}

/// A console that learns; its lesson is at its third step.
fn learning() -> Stage {
    let mut stage = Stage::ready(80, 24);
    stage.converse(turn(1));
    stage.report(Report::StatusChanged(status(1)));
    assert_eq!(stage.press(KeyCode::F(5)), [Command::Learn]);
    stage.report(Report::Learning(step(3, 9, 1.5)));
    stage
}

#[test]
fn a_question_while_the_device_learns_is_told_what_runs_and_whether_it_is_paused() {
    let mut stage = learning();
    stage.type_text("How far?");
    assert!(stage.press(KeyCode::Enter).is_empty());
    assert!(stage.screen().contains("learning is running: Alt+L shows how far it is, Esc ends it"));
    stage.report(Report::Paused(true));
    assert!(stage.screen().contains("learning is paused: Alt+P goes on with it, Esc ends it"));
    assert!(stage.screen().contains("How far?"), "the question is not lost");
}

#[test]
fn what_waits_for_a_step_of_the_lesson_says_so_until_it_comes() {
    const WORDS: &str = "comes after the running step of the lesson";
    let mut stage = learning();
    assert_eq!(stage.press(KeyCode::F(6)), [Command::ListGenerations]);
    assert!(stage.screen().contains(WORDS));
    stage.report(Report::Learning(step(4, 9, 1.4)));
    stage.press(KeyCode::Down);
    assert!(stage.screen().contains(WORDS), "the answer has not come yet");
    stage.report(Report::Generations(super::stage::generations()));
    assert!(!stage.screen().contains(WORDS));
    stage.press(KeyCode::Esc);
    assert_eq!(stage.press_with(KeyCode::Char('p'), KeyModifiers::ALT), [Command::Pause(true)]);
    stage.report(Report::Paused(true));
    assert_eq!(stage.press(KeyCode::F(8)), [Command::ListDocuments]);
    assert!(!stage.screen().contains(WORDS), "a halted lesson answers at once");
}

#[test]
fn an_earlier_conversation_opens_while_the_device_learns() {
    let mut stage = learning();
    assert_eq!(stage.press(KeyCode::F(9)), [Command::Search(String::new())]);
    stage.report(Report::Found { query: String::new(), turns: vec![turn(1)] });
    let session = turn(1).session;
    assert_eq!(stage.press(KeyCode::Enter), [Command::OpenSession(session)]);
    stage.report(Report::SessionOpened { session, turns: vec![turn(1)] });
    assert!(stage.screen().contains("step 3 of 9"), "the lesson stays in sight");
}
