//! One scripted session, shown by all three faces: the same events, each in its own way.

use halligan_runtime::{AnswerEvent, Approval, Feedback, Reason, ToolOutcome, ToolUse, Turn, TurnId};
use halligan_tui::console::event::{Command, Event, Report};
use halligan_tui::console::faces::Face;
use halligan_tui::console::faces::json::Json;
use halligan_tui::console::faces::plain::Plain;
use halligan_tui::console::theme::{Palette, Theme};
use insta::assert_snapshot;
use serde_json::Value;

use super::stage::{
    Stage, call, doubtful_turn, learned, log_call, refused_turn, status, step, thorough_turn, unanswered_turn,
};

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
        stage.app.views.clear();
    }
    assert!(stage.app.quitting, "the end of the input is the end of the session");
    (lines, commands)
}

#[test]
fn all_faces_ask_the_same_of_the_worker() {
    let (_, plain) = play(&mut Plain::new(true));
    let (_, json) = play(&mut Json::default());
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
    let (lines, _) = play(&mut Json::default());
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

/// Lines of `face` for events that begin with an open device.
fn told(face: &mut impl Face, events: Vec<Event>) -> (Vec<String>, Vec<Command>) {
    let mut stage = Stage::with_theme(80, 24, Theme::of(Palette::None, true));
    stage.open();
    let (mut lines, mut commands) = (Vec::new(), Vec::new());
    for event in events {
        commands.extend(stage.app.update(event.clone()));
        lines.extend(face.lines(&stage.app, &event));
        stage.app.notice = None;
        stage.app.views.clear();
    }
    (lines, commands)
}

fn line(line: &str) -> Event {
    Event::Line(line.to_owned())
}

#[test]
fn the_end_of_the_input_is_a_no_to_a_tool_that_waits() {
    let waits = || Event::Worker(Report::ApprovalNeeded(log_call()));
    for events in [vec![line("Log: x"), waits(), Event::InputEnded], vec![line("Log: x"), Event::InputEnded, waits()]] {
        let (lines, commands) = told(&mut Plain::new(true), events);
        assert_eq!(commands, [Command::Ask("Log: x".to_owned()), Command::Approve(Approval::Deny)]);
        assert!(lines.iter().any(|line| line.contains("it may not run")), "{lines:?}");
    }
}

#[test]
fn a_word_may_come_before_its_tool_asks() {
    let mut stage = Stage::new(80, 24);
    for text in ["Log: x", "/allow", "Log: y", "/deny"] {
        assert!(stage.line(text).is_empty());
    }
    stage.report(Report::Opened { status: status(0), turns: Vec::new() });
    assert_eq!(stage.report(Report::ModelLoaded), [Command::Ask("Log: x".to_owned())]);
    assert_eq!(stage.report(Report::ApprovalNeeded(log_call())), [Command::Approve(Approval::Once)]);
    assert_eq!(stage.report(Report::Answered(doubtful_turn(1))), [Command::Ask("Log: y".to_owned())]);
    assert_eq!(stage.report(Report::ApprovalNeeded(log_call())), [Command::Approve(Approval::Deny)]);
    stage.report(Report::Answered(doubtful_turn(2)));
    assert!(stage.line("/allow").is_empty() && stage.app.approval.is_none());
}

#[test]
fn what_a_script_asks_to_see_comes_in_its_order() {
    let (mut stage, mut face) = (Stage::new(80, 24), Plain::new(true));
    let mut lines = Vec::new();
    let opened = Event::Worker(Report::Opened { status: status(0), turns: Vec::new() });
    for event in [line("/nonsense"), line("/device"), line("/help"), opened, Event::Worker(Report::ModelLoaded)] {
        stage.app.update(event.clone());
        lines.extend(face.lines(&stage.app, &event));
        stage.app.notice = None;
        stage.app.views.clear();
    }
    let place = |words: &str| lines.iter().position(|line| line.starts_with(words)).unwrap();
    let places = ["Ready.", "Note: no order /nonsense", "context:", "/quit"].map(place);
    assert!(places.is_sorted(), "{lines:#?}");
}

#[test]
fn an_answer_that_is_held_back_shows_that_it_grows() {
    let events = || {
        let held = (1..=14).map(|pieces| Event::Worker(Report::Answer(AnswerEvent::Held(pieces))));
        let context = AnswerEvent::Context { prompt_tokens: 200, answer_tokens: 14 };
        std::iter::once(line("How far?"))
            .chain(held)
            .chain([Event::Worker(Report::Answer(context))])
            .collect::<Vec<_>>()
    };
    let (lines, _) = told(&mut Plain::new(true), events());
    assert_eq!(lines, ["Answering. What is not sure is said when it has been judged."]);
    let (lines, _) = told(&mut Json::default(), events());
    assert_eq!(lines[13], r#"{"event":"held","tokens":14}"#);
    assert!(lines[14].contains(r#""prompt_tokens":200"#), "{lines:?}");
    let mut stage = Stage::ready(80, 24);
    events().into_iter().for_each(|event| drop(stage.app.update(event)));
    assert!(stage.screen().contains("14 tokens so far"), "{}", stage.screen());
    assert!(stage.screen().contains("context 214/1024"), "{}", stage.screen());
    assert_eq!(stage.app.context_words(1024), "214 of 1024 tokens");
}

#[test]
fn a_withheld_answer_is_shown_when_it_is_asked_for() {
    let answered = |turn: Turn| vec![line("Who won?"), Event::Worker(Report::Answered(turn)), line("/anyway")];
    let (lines, commands) = told(&mut Plain::new(true), answered(refused_turn(13)));
    assert_eq!(commands.len(), 1);
    assert_eq!(lines[0], "The answer is withheld; /anyway shows it all the same.");
    assert_eq!(lines.last().unwrap(), "Answer: Carry the 2014 pattern shelter.");
    let (lines, _) = told(&mut Json::default(), answered(refused_turn(13)));
    let objects: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&objects[0]["turn"]["withheld"], &objects[0]["turn"]["answer"]), (&true.into(), &"".into()));
    assert_eq!(objects[1]["answer"], refused_turn(13).answer);
    let (lines, commands) = told(&mut Plain::new(true), answered(unanswered_turn(14)));
    assert_eq!(commands[1], Command::AskAnyway(unanswered_turn(14).question), "nothing was made that could be shown");
    assert_eq!(lines[0], "No answer was made; /anyway asks again and shows what comes.");
}

#[test]
fn an_answer_that_is_refused_after_a_part_was_shown_is_withdrawn() {
    let answer = |event| Event::Worker(Report::Answer(event));
    let part =
        || vec![line("Who won?"), answer(AnswerEvent::Held(9)), answer(AnswerEvent::Text("Carry it. ".to_owned()))];
    let all = || part().into_iter().chain([Event::Worker(Report::Answered(refused_turn(13)))]);
    let (lines, _) = told(&mut Plain::new(true), all().collect());
    assert_eq!(lines[1], "Answer: Carry it.");
    assert!(lines.contains(&"This answer is withdrawn; what was said of it does not count.".to_owned()), "{lines:?}");
    let mut stage = Stage::ready(80, 24);
    part().into_iter().for_each(|event| drop(stage.app.update(event)));
    assert!(stage.screen().contains("Carry it."), "{}", stage.screen());
    all().skip(3).for_each(|event| drop(stage.app.update(event)));
    assert!(!stage.screen().contains("Carry it."), "{}", stage.screen());
    assert!(stage.screen().contains("Alt+A shows it all the same"), "{}", stage.screen());
}

#[test]
fn what_a_tool_says_is_told_once() {
    let used = |outcome| ToolUse { call: log_call(), outcome, seconds: 0.0 };
    let answer = |outcome: ToolOutcome, text: &str| {
        let events = [AnswerEvent::ToolEnded(used(outcome)), AnswerEvent::Text(text.to_owned())];
        let mut events: Vec<Event> = events.into_iter().map(|event| Event::Worker(Report::Answer(event))).collect();
        events.insert(0, line("Log: x"));
        events.push(Event::Worker(Report::Answered(Turn { generation: "tools".to_owned(), ..doubtful_turn(3) })));
        told(&mut Plain::new(true), events).0
    };
    let done = answer(ToolOutcome::Done(serde_json::json!({"says": "Entry 4. Kept."})), "Entry 4. Kept.");
    assert_eq!(done[..2], ["Answer: Entry 4. ", "Kept."].map(|text| text.trim().to_owned()));
    let failed = answer(ToolOutcome::Failed("the disk is full".to_owned()), "the disk is full");
    assert_eq!(failed[0], r#"[!] tool log_entry: text = "Gate 3 closed, two people out" failed"#);
    assert!(done.iter().any(|line| line.starts_with("Turn 3, by a tool,")), "{done:?}");
}
