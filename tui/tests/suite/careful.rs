//! Keys act on the answer that the user has in mind, show nothing that is withheld and lose nothing.

use halligan_runtime::{AnswerEvent, Assessment, Feedback, Reason, SessionId, Turn, TurnId, Verdict};
use halligan_tui::console::event::{Command, Event, Report, Task};
use halligan_tui::console::faces::Face;
use halligan_tui::console::faces::json::Json;
use halligan_tui::console::faces::plain::Plain;
use halligan_tui::console::orders::View;
use ratatui::crossterm::event::{KeyCode, KeyModifiers};

use super::stage::{Stage, documents, doubtful_turn, indexed, reading, refused_turn, turn};

fn alt(stage: &mut Stage, letter: char) -> Vec<Command> {
    stage.press_with(KeyCode::Char(letter), KeyModifiers::ALT)
}

fn refused(width: u16) -> (Stage, Turn) {
    let (mut stage, turn) = (Stage::ready(width, 24), refused_turn(7));
    stage.ask(&turn.question);
    stage.report(Report::Answered(turn.clone()));
    (stage, turn)
}

#[test]
fn a_withheld_answer_is_neither_copied_nor_written_into_the_box() {
    let (mut stage, turn) = refused(80);
    assert!(alt(&mut stage, 'c').is_empty());
    assert!(stage.screen().contains("is withheld: Alt+A shows it"), "{}", stage.screen());
    stage.press(KeyCode::F(4));
    assert!(!stage.screen().contains(&turn.answer), "{}", stage.screen());
    stage.press(KeyCode::Esc);
    alt(&mut stage, 'a');
    assert_eq!(alt(&mut stage, 'c'), [Command::Copy(turn.answer.clone())], "once it was asked for, it is copied");
    stage.press(KeyCode::F(4));
    stage.type_text(" Both.");
    let text = format!("{} Both.", turn.answer);
    let given = Command::Rate { turn: TurnId(7), feedback: Feedback::Correction(text), reasons: Vec::new() };
    assert_eq!(stage.press(KeyCode::Enter), [given]);
}

#[test]
fn lists_do_not_show_what_is_withheld() {
    let (mut stage, turn) = refused(80);
    stage.press(KeyCode::F(9));
    stage.report(Report::Found { query: String::new(), turns: vec![turn.clone()] });
    let screen = stage.screen();
    assert!(screen.contains("(withheld)") && !screen.contains(&turn.answer), "{screen}");
    let found = Event::Worker(Report::Found { query: "x".to_owned(), turns: vec![turn.clone()] });
    let opened = Event::Worker(Report::SessionOpened { session: SessionId(1), turns: vec![turn.clone()] });
    for event in [found, opened] {
        for lines in [Plain::new(false).lines(&stage.app, &event), Json::default().lines(&stage.app, &event)] {
            let said = lines.concat();
            assert!(said.contains("withheld") && !said.contains(&turn.answer), "{said}");
        }
    }
}

#[test]
fn after_an_error_no_key_judges_the_answer_before() {
    let mut stage = Stage::ready(80, 24);
    stage.converse(turn(7));
    stage.ask("And now?");
    stage.report(Report::Failed { task: Task::Ask, message: "the disk is full".to_owned() });
    for key in [2, 3, 4, 7] {
        assert!(stage.press(KeyCode::F(key)).is_empty());
        let screen = stage.screen();
        assert!(screen.contains("the latest question has no answer: Tab chooses an earlier one"), "F{key}:\n{screen}");
    }
    assert!(alt(&mut stage, 'c').is_empty());
    stage.press(KeyCode::Tab);
    let good = Command::Rate { turn: TurnId(7), feedback: Feedback::Good, reasons: Vec::new() };
    assert_eq!(stage.press(KeyCode::F(2)), std::slice::from_ref(&good));
    stage.press(KeyCode::Esc);
    assert!(stage.line("/good").is_empty());
    assert_eq!(stage.app.views, [View::Note("the latest question has no answer: ask it again".to_owned())]);
    stage.converse(turn(8));
    assert!(!stage.press(KeyCode::F(2)).is_empty(), "the next answer is judged as ever");
}

#[test]
fn a_mark_drops_a_correction_only_where_that_is_meant() {
    let corrected = || {
        let mut stage = Stage::ready(80, 24);
        stage.converse(turn(7));
        let right = Feedback::Correction("Keep 100 metres away.".to_owned());
        stage.report(Report::FeedbackKept { turn: TurnId(7), feedback: right, reasons: Vec::new() });
        stage
    };
    let rate = |feedback| Command::Rate { turn: TurnId(7), feedback, reasons: Vec::new() };
    for (key, feedback) in [(2, Feedback::Good), (3, Feedback::Bad)] {
        let mut stage = corrected();
        assert!(stage.press(KeyCode::F(key)).is_empty());
        assert!(stage.screen().contains("Drop the correction?"), "{}", stage.screen());
        stage.press(KeyCode::Esc);
        stage.press(KeyCode::F(key));
        assert_eq!(stage.press(KeyCode::Enter), [rate(feedback)]);
    }
    let mut stage = corrected();
    stage.press(KeyCode::F(2));
    assert!(stage.press_with(KeyCode::Char('c'), KeyModifiers::CONTROL).is_empty(), "Ctrl-C is no yes to this");
    assert!(stage.app.pages.is_empty());
    assert!(stage.line("{\"do\": \"good\"}").is_empty());
    let kept = "the latest answer keeps its correction; /good replace drops it";
    assert_eq!(stage.app.views, [View::Note(kept.to_owned())]);
    assert_eq!(stage.line("/good replace"), [rate(Feedback::Good)]);

    let mut stage = Stage::ready(80, 24);
    stage.converse(turn(7));
    assert_eq!(stage.line("/correct 60 m"), [rate(Feedback::Correction("60 m".to_owned()))]);
    assert!(stage.line("/bad unsafe").is_empty(), "nor one that is still being written to disk");
}

#[test]
fn an_answer_that_could_not_be_kept_says_what_to_think_of_it() {
    let answer = |event| Event::Worker(Report::Answer(event));
    let failed = || {
        Event::Worker(Report::Failed {
            task: Task::Ask,
            message: "cannot write the journal: the disk is full".to_owned(),
        })
    };
    let judged = Assessment {
        verdict: Verdict::Warn,
        probability: Some(0.4),
        domain_score: None,
        reasons: vec!["two documents differ".to_owned()],
    };
    let text = || answer(AnswerEvent::Text("Keep 60 metres away.".to_owned()));
    for (events, words) in [
        (vec![text(), answer(AnswerEvent::Assessment(judged)), failed()], "[!] not recorded"),
        (vec![text(), failed()], "[!] not judged, not recorded"),
    ] {
        let (mut stage, mut face) = (Stage::ready(80, 24), Plain::new(true));
        stage.ask("How far?");
        let mut lines = Vec::new();
        for event in &events {
            stage.app.update(event.clone());
            lines.extend(face.lines(&stage.app, event));
        }
        let (screen, said) = (stage.screen(), lines.join("\n"));
        for shown in [&screen, &said] {
            assert!(shown.contains("Keep 60 metres away.") && shown.contains(words), "{shown}");
            assert_eq!(shown.contains("check this answer"), events.len() == 3, "{shown}");
        }
    }
}

#[test]
fn reasons_that_were_marked_are_kept_when_the_next_question_begins() {
    let mut stage = Stage::ready(80, 24);
    stage.converse(turn(7));
    stage.press(KeyCode::F(3));
    stage.press(KeyCode::Char('1'));
    stage.press(KeyCode::Char('4'));
    let reasons = vec![Reason::Incorrect, Reason::Unsafe];
    let kept = Command::Rate { turn: TurnId(7), feedback: Feedback::Bad, reasons };
    assert_eq!(stage.press(KeyCode::Char('w')), [kept]);
    assert_eq!(stage.app.question.text(), "w");
}

#[test]
fn a_conversation_that_was_found_opens_at_what_was_found() {
    let mut stage = Stage::ready(80, 24);
    let numbered = |number: i64| Turn { question: format!("Question {number}?"), ..turn(number) };
    stage.press(KeyCode::F(9));
    stage.report(Report::Found { query: String::new(), turns: vec![numbered(40), numbered(3)] });
    stage.press(KeyCode::Down);
    assert_eq!(stage.press(KeyCode::Enter), [Command::OpenSession(SessionId(1))]);
    stage.report(Report::SessionOpened { session: SessionId(1), turns: (1..=40).map(numbered).collect() });
    let screen = stage.screen();
    assert!(screen.contains("> Question 3?") && !screen.contains("Question 40?"), "{screen}");
    stage.press(KeyCode::Esc);
    assert!(stage.screen().contains("turn 40"), "{}", stage.screen());

    stage.press(KeyCode::F(9));
    stage.report(Report::Found { query: String::new(), turns: vec![numbered(3)] });
    stage.press(KeyCode::Enter);
    stage.report(Report::SessionOpened { session: SessionId(1), turns: (20..=40).map(numbered).collect() });
    assert!(stage.screen().contains("halligan journal show 3"), "{}", stage.screen());
}

#[test]
fn the_documents_page_stops_adding_and_says_how_it_ended() {
    let mut stage = Stage::ready(80, 24);
    stage.press(KeyCode::F(8));
    stage.report(Report::Documents(documents()));
    assert!(stage.press(KeyCode::Char('x')).is_empty(), "nothing is being added");
    stage.press(KeyCode::Char('a'));
    stage.app.update(Event::Paste("/media/usb".to_owned()));
    stage.press(KeyCode::Enter);
    stage.report(Report::Indexing(reading()));
    stage.press(KeyCode::Char('a'));
    stage.app.update(Event::Paste("/media/other".to_owned()));
    stage.press(KeyCode::Enter);
    assert!(stage.screen().contains("documents are being added"), "{}", stage.screen());
    stage.report(Report::Indexed(indexed()));
    let screen = stage.screen();
    assert!(screen.contains("1 not taken; the conversation says"), "{screen}");
    assert!(!screen.contains("are being added") && screen.contains("a adds"), "{screen}");

    stage.press(KeyCode::Char('a'));
    stage.app.update(Event::Paste("/media/usb".to_owned()));
    stage.press(KeyCode::Enter);
    assert!(stage.screen().contains("x stops"), "{}", stage.screen());
    assert_eq!(stage.press(KeyCode::Char('x')), [Command::Stop]);
}

#[test]
fn anything_that_failed_is_known_at_the_end() {
    let mut stage = Stage::ready(80, 24);
    stage.converse(doubtful_turn(1));
    assert!(!stage.app.has_failed);
    stage.report(Report::Failed { task: Task::Search, message: "no conversation 99".to_owned() });
    assert!(stage.app.has_failed);
}
