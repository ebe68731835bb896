//! The worker thread over a real, empty home folder: failures become reports and it goes on.

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use halligan_runtime::{AssistantOptions, Feedback, TurnId};
use halligan_tui::console::event::{Command, Event, Report, Task};
use halligan_tui::console::worker::Worker;

/// Far more than any step of an empty home takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn start(home: &Path) -> (Worker, Receiver<Event>) {
    let (events, inbox) = channel();
    let options = AssistantOptions { home: Some(home.to_path_buf()), ..AssistantOptions::default() };
    (Worker::start(options, None, events).unwrap(), inbox)
}

fn next(inbox: &Receiver<Event>) -> Report {
    match inbox.recv_timeout(PATIENCE).unwrap() {
        Event::Worker(report) => report,
        other => panic!("the worker sent {other:?}"),
    }
}

/// The first failure of `task`, whatever else is reported before.
fn failure(inbox: &Receiver<Event>, task: Task) -> String {
    loop {
        match next(inbox) {
            Report::Failed { task: failed, message } if failed == task => return message,
            _ => {}
        }
    }
}

#[test]
fn a_home_without_a_model_is_usable_and_says_what_is_missing() {
    let home = tempfile::tempdir().unwrap();
    let (worker, inbox) = start(home.path());
    assert!(matches!(next(&inbox), Report::Opened { turns, .. } if turns.is_empty()));
    assert!(failure(&inbox, Task::WarmUp).contains("halligan setup"));
    assert!(worker.send(Command::Ask("anyone?".to_owned())));
    assert!(failure(&inbox, Task::Ask).contains("halligan setup"));
    assert!(worker.send(Command::Rate { turn: TurnId(9), feedback: Feedback::Good, reasons: Vec::new() }));
    assert!(failure(&inbox, Task::Rate).contains('9'));
    assert!(worker.send(Command::RollBack));
    failure(&inbox, Task::Adapters);
    assert!(worker.send(Command::ListGenerations));
    let listed = loop {
        if let Report::Generations(list) = next(&inbox) {
            break list;
        }
    };
    assert_eq!(listed.len(), 1);
    assert!(worker.send(Command::Quit));
    assert!(worker.finish());
}

#[test]
fn an_unusable_home_is_tried_again_with_each_command() {
    let (worker, inbox) = start(Path::new("/dev/null/home"));
    assert!(failure(&inbox, Task::Open).contains("/dev/null/home"));
    assert!(worker.send(Command::Ask("anyone?".to_owned())));
    assert!(failure(&inbox, Task::Ask).contains("/dev/null/home"));
    assert!(worker.send(Command::Quit));
    assert!(worker.finish());
}

#[test]
fn a_console_that_failed_does_not_wait_for_a_worker_without_work() {
    let home = tempfile::tempdir().unwrap();
    let (worker, inbox) = start(home.path());
    failure(&inbox, Task::WarmUp);
    let began = Instant::now();
    assert!(worker.finish(), "nobody has sent the wish to leave");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
