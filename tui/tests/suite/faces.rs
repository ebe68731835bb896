//! One scripted session, shown by all three faces: the same events, each in its own way.

use halligan_runtime::{AnswerEvent, Approval, Feedback, Reason, TurnId};
use halligan_tui::console::event::{Command, Event, Report};
use halligan_tui::console::faces::Face;
use halligan_tui::console::faces::json::Json;
use halligan_tui::console::faces::plain::Plain;
use halligan_tui::console::theme::{Palette, Theme};
use insta::assert_snapshot;
use serde_json::Value;

use super::stage::{Stage, call, doubtful_turn, learned, log_call, status, step, thorough_turn};

/// What happens in the session. Lines are what the user of a face without keys types; the full
/// screen takes them too.
fn script() -> Vec<Event> {
    let worker = Event::Worker;
    let text = |piece: &str| worker(Report::Answer(AnswerEvent::Text(piece.to_owned())));
    let line = |line: &str| Event::Line(line.to_owned());
    let mut events = vec![
        line("Chlorine leak at the pool, 300 ft in miles?"),
        worker(Report::Opened { status: status(0), turns: Vec::new() }),
        worker(Report::ModelLoaded),
        worker(Report::Answer(AnswerEvent::ToolStarted(call()))),
        worker(Report::ApprovalNeeded(log_call())),
        line("/allow"),
        worker(Report::Answer(AnswerEvent::ToolEnded(thorough_turn(5).tools.remove(0)))),
    ];
    let answer = thorough_turn(5).answer;
    events.extend(answer.split_inclusive(' ').map(text));
    events.extend([
        worker(Report::Answer(AnswerEvent::Finished)),
        worker(Report::Answered(thorough_turn(5))),
        line("/sources"),
        line("/bad unsafe"),
        worker(Report::FeedbackKept { turn: TurnId(5), feedback: Feedback::Bad, reasons: vec![Reason::Unsafe] }),
        line("/correct Keep 100 metres away."),
        worker(Report::FeedbackKept {
            turn: TurnId(5),
            feedback: Feedback::Correction("Keep 100 metres away.".to_owned()),
            reasons: Vec::new(),
        }),
        worker(Report::StatusChanged(status(1))),
        line("/learn"),
    ]);
    events.extend((1..=40).map(|number| worker(Report::Learning(step(number, 40, 2.0 / number as f32)))));
    events.extend([worker(Report::Learned(learned())), line("/nonsense"), line("/help"), Event::InputEnded]);
    events
}

/// Plays the script; returns the lines and everything that was asked of the worker.
fn play(face: &mut impl Face) -> (Vec<String>, Vec<Command>) {
    let mut stage = Stage::with_theme(80, 24, Theme::of(Palette::None, true));
    let (mut lines, mut commands) = (Vec::new(), Vec::new());
    for event in script() {
        commands.extend(stage.app.update(event.clone()));
        lines.extend(face.lines(&stage.app, &event));
        stage.app.notice = None;
        stage.app.view = None;
    }
    assert!(stage.app.quitting, "the end of the input is the end of the session");
    (lines, commands)
}

#[test]
fn all_faces_ask_the_same_of_the_worker() {
    let (_, plain) = play(&mut Plain::new(true));
    let (_, json) = play(&mut Json);
    assert_eq!(plain, json);
    let mut screen = Stage::new(80, 24);
    let drawn: Vec<Command> = script()
        .into_iter()
        .flat_map(|event| {
            let commands = screen.app.update(event);
            screen.draw();
            commands
        })
        .collect();
    assert_eq!(drawn, plain);
    assert!(plain.contains(&Command::Approve(Approval::Once)));
    let rated = Command::Rate { turn: TurnId(5), feedback: Feedback::Bad, reasons: vec![Reason::Unsafe] };
    assert!(plain.contains(&rated) && plain.contains(&Command::Learn));
}

#[test]
fn plain_text_says_everything_once_in_whole_lines() {
    let (lines, _) = play(&mut Plain::new(true));
    let text = lines.join("\n");
    assert_snapshot!("plain_session", text);
    assert!(text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "no control character, no escape");
    for once in ["May this run?", "Ready.", "Keep 60 metres away", "outside of", "Turn 5, adapter"] {
        assert!(text.matches(once).count() <= 1, "{once} is said twice");
    }
    assert!(text.contains("[!] check this answer before you act on it"));
    let progress = lines.iter().filter(|line| line.starts_with("Step ")).count();
    assert!((2..=6).contains(&progress), "{progress} lines of progress for 40 steps");
}

#[test]
fn json_lines_are_whole_objects_with_every_event() {
    let (lines, _) = play(&mut Json);
    let events: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let named = |name: &'static str| events.iter().filter(move |event| event["event"] == name);
    let text: String = named("text").map(|event| event["text"].as_str().unwrap()).collect();
    assert_eq!(text, thorough_turn(5).answer, "the pieces are the answer");
    assert_eq!(named("answered").next().unwrap()["turn"]["turn"], 5);
    assert_eq!(named("approval_needed").count(), 1);
    assert_eq!(named("learning").count(), 40);
    assert_eq!(named("sources").next().unwrap()["sources"].as_array().unwrap().len(), 2);
    assert!(named("notice").any(|event| event["message"].as_str().unwrap().contains("/nonsense")));
}

#[test]
fn the_full_screen_shows_what_the_others_say() {
    let mut stage = Stage::new(80, 60);
    for event in script() {
        stage.app.update(event);
    }
    let screen = stage.screen();
    for words in [
        "Keep 60 metres away",
        "check this answer",
        "convert",
        "corrected: Keep 100 metres",
        "adapter c0ffee12 answers",
    ] {
        assert!(screen.contains(words), "{words} is missing:\n{screen}");
    }
}

#[test]
fn orders_wait_for_a_free_worker_in_their_order() {
    let mut stage = Stage::new(80, 24);
    for line in ["first?", "/good", "second?"] {
        assert!(stage.line(line).is_empty(), "the model still loads");
    }
    stage.report(Report::Opened { status: status(0), turns: Vec::new() });
    assert_eq!(stage.report(Report::ModelLoaded), [Command::Ask("first?".to_owned())]);
    let then = stage.report(Report::Answered(doubtful_turn(1)));
    let good = Command::Rate { turn: TurnId(1), feedback: Feedback::Good, reasons: Vec::new() };
    assert_eq!(then, [good, Command::Ask("second?".to_owned())]);
    assert_eq!(stage.line("/stop"), [Command::Stop], "stopping waits for nothing");
}
