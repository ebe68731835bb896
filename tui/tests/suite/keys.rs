//! What keys do, as commands and state.

use halligan_runtime::{Approval, Feedback, Reason, SessionId, TurnId};
use halligan_tui::console::app::{Activity, App, Mode};
use halligan_tui::console::event::{Command, Event, Report, Task};
use halligan_tui::console::settings::Settings;
use halligan_tui::console::source::Source;
use halligan_tui::console::theme::Theme;
use ratatui::crossterm::event::{KeyCode, KeyModifiers};
use ratatui::layout::Size;

use super::stage::{
    Stage, carried, citation, documents, generations, indexed, log_call, reading, refused_turn, source_text, status,
    thorough_turn, turn, unanswered_turn,
};

#[test]
fn enter_sends_and_alt_enter_starts_a_line() {
    let mut stage = Stage::ready(80, 24);
    stage.type_text("first");
    stage.press_with(KeyCode::Enter, KeyModifiers::ALT);
    stage.type_text("second");
    stage.press_with(KeyCode::Char('j'), KeyModifiers::CONTROL);
    stage.type_text("third");
    assert_eq!(stage.press(KeyCode::Enter), [Command::Ask("first\nsecond\nthird".to_owned())]);
    assert!(stage.app.question.is_blank());
}

#[test]
fn a_second_question_waits_and_keeps_its_text() {
    let mut stage = Stage::ready(80, 24);
    stage.ask("one");
    stage.type_text("two");
    assert!(stage.press(KeyCode::Enter).is_empty());
    assert_eq!(stage.app.question.text(), "two");
    assert!(stage.screen().contains("Esc stops it"));
    assert_eq!(stage.press(KeyCode::Esc), [Command::Stop]);
    assert!(stage.press(KeyCode::Esc).is_empty());
    let mut stopped = turn(1);
    stopped.question = "one".to_owned();
    stage.report(Report::Answered(stopped));
    assert_eq!(stage.press(KeyCode::Enter), [Command::Ask("two".to_owned())]);
}

#[test]
fn a_question_may_be_asked_while_the_model_loads() {
    let mut stage = Stage::new(80, 24);
    stage.report(Report::Opened { status: status(0), turns: Vec::new() });
    stage.ask("early");
    stage.report(Report::ModelLoaded);
    assert_eq!(stage.app.activity, Activity::Answering);
}

#[test]
fn feedback_goes_to_the_latest_or_the_chosen_turn() {
    let mut stage = Stage::ready(80, 24);
    assert!(stage.press(KeyCode::F(2)).is_empty());
    stage.converse(turn(7));
    stage.converse(turn(8));
    let good = Command::Rate { turn: TurnId(8), feedback: Feedback::Good, reasons: Vec::new() };
    assert_eq!(stage.press(KeyCode::F(2)), [good]);
    stage.press(KeyCode::Tab);
    stage.press(KeyCode::Tab);
    let bad = Command::Rate { turn: TurnId(7), feedback: Feedback::Bad, reasons: Vec::new() };
    assert_eq!(stage.press_with(KeyCode::Char('3'), KeyModifiers::ALT), std::slice::from_ref(&bad));
    stage.press(KeyCode::Esc);
    stage.press(KeyCode::BackTab);
    stage.press(KeyCode::BackTab);
    assert!(!stage.app.transcript.has_chosen());
}

#[test]
fn the_correction_starts_from_the_answer() {
    let mut stage = Stage::ready(80, 24);
    stage.converse(turn(7));
    stage.press(KeyCode::F(4));
    stage.press_with(KeyCode::Char('j'), KeyModifiers::CONTROL);
    stage.type_text("By night 1.1 km.");
    let commands = stage.press(KeyCode::Enter);
    let text = format!("{}\nBy night 1.1 km.", turn(7).answer);
    assert_eq!(
        commands,
        [Command::Rate { turn: TurnId(7), feedback: Feedback::Correction(text), reasons: Vec::new() }]
    );
    assert!(matches!(stage.app.mode, Mode::Asking));
}

#[test]
fn an_empty_correction_is_not_saved() {
    let mut stage = Stage::ready(80, 24);
    stage.converse(turn(7));
    stage.press(KeyCode::F(4));
    for _ in 0..200 {
        stage.press(KeyCode::Backspace);
    }
    assert!(stage.press(KeyCode::Enter).is_empty());
    assert!(matches!(stage.app.mode, Mode::Correcting { .. }));
    stage.press(KeyCode::Esc);
    assert!(matches!(stage.app.mode, Mode::Asking));
}

#[test]
fn learning_needs_a_correction_and_is_cancelled_once() {
    let mut stage = Stage::ready(80, 24);
    assert!(stage.press(KeyCode::F(5)).is_empty());
    stage.report(Report::StatusChanged(status(2)));
    assert_eq!(stage.press(KeyCode::F(5)), [Command::Learn]);
    assert!(stage.press(KeyCode::F(5)).is_empty());
    assert!(stage.press(KeyCode::Esc).is_empty(), "it asks first");
    assert_eq!(stage.press(KeyCode::Enter), [Command::Stop]);
    assert!(stage.press(KeyCode::Esc).is_empty());
    stage.report(Report::LearningCancelled);
    assert_eq!(stage.app.activity, Activity::Ready);
}

#[test]
fn adapters_are_activated_and_rolled_back() {
    let mut stage = Stage::ready(80, 24);
    stage.press(KeyCode::F(6));
    assert!(stage.press(KeyCode::Enter).is_empty());
    stage.report(Report::Generations(generations()));
    stage.press(KeyCode::End);
    assert_eq!(stage.press(KeyCode::Enter), [Command::Activate("base".to_owned())]);
    stage.press(KeyCode::Char('r'));
    assert!(stage.press(KeyCode::Enter).is_empty(), "one switch at a time");
    assert_eq!(stage.report(Report::Activated(carried())), [Command::ListGenerations]);
    assert!(stage.press(KeyCode::Char('r')).is_empty(), "it asks first");
    stage.press(KeyCode::Esc);
    assert!(stage.press(KeyCode::Char('r')).is_empty());
    assert_eq!(stage.press(KeyCode::Enter), [Command::RollBack]);
    stage.report(Report::Failed { task: Task::Adapters, message: "there is no previous adapter".to_owned() });
    assert_eq!(stage.app.activity, Activity::Ready);
    assert!(stage.screen().contains("error: there is no previous adapter"), "the list covers no error");
}

#[test]
fn up_and_down_walk_through_earlier_questions() {
    let mut stage = Stage::ready(80, 24);
    for (number, question) in ["alpha", "beta"].into_iter().enumerate() {
        let mut asked = turn(number as i64);
        asked.question = question.to_owned();
        stage.converse(asked);
    }
    stage.press(KeyCode::Up);
    assert_eq!(stage.app.question.text(), "beta");
    stage.press(KeyCode::Up);
    stage.press(KeyCode::Up);
    assert_eq!(stage.app.question.text(), "alpha");
    stage.press(KeyCode::Down);
    stage.press(KeyCode::Down);
    assert!(stage.app.question.is_blank());
}

#[test]
fn leaving_takes_one_key_or_two_interrupts_and_always_stops_the_work() {
    let mut stage = Stage::ready(80, 24);
    assert_eq!(stage.press(KeyCode::F(10)), [Command::Stop, Command::Quit]);
    assert!(stage.app.quitting);

    let mut stage = Stage::ready(80, 24);
    let interrupt = |stage: &mut Stage| stage.press_with(KeyCode::Char('c'), KeyModifiers::CONTROL);
    stage.ask("long one");
    assert_eq!(interrupt(&mut stage), [Command::Stop]);
    assert!(!stage.app.quitting);
    assert!(interrupt(&mut stage).is_empty());
    interrupt(&mut stage);
    assert!(stage.app.quitting);

    let mut stage = Stage::ready(80, 24);
    stage.app.update(Event::ShutdownRequested);
    assert!(stage.app.quitting);
}

#[test]
fn a_dead_worker_leaves_the_text_readable() {
    let mut stage = Stage::ready(80, 24);
    stage.ask("anyone?");
    stage.report(Report::Died("it fell over".to_owned()));
    stage.type_text("again");
    assert!(stage.press(KeyCode::Enter).is_empty());
    let screen = stage.screen();
    assert!(screen.contains("it fell over") && screen.contains("F10"), "{screen}");
}

#[test]
fn failed_opening_can_be_tried_again_by_asking() {
    let mut stage = Stage::new(80, 24);
    stage.report(Report::Failed { task: Task::Open, message: "no model here".to_owned() });
    assert_eq!(stage.app.activity, Activity::Ready);
    stage.ask("now?");
    stage.report(Report::Opened { status: status(0), turns: vec![turn(1)] });
    assert_eq!(stage.app.activity, Activity::Answering);
    assert!(!stage.screen().contains("chlorine"), "earlier turns do not push in below");
}

#[test]
fn bad_is_one_key_and_its_reasons_may_follow() {
    let mut stage = Stage::ready(80, 24);
    stage.converse(turn(7));
    let bad = |reasons: Vec<Reason>| Command::Rate { turn: TurnId(7), feedback: Feedback::Bad, reasons };
    assert_eq!(stage.press(KeyCode::F(3)), [bad(Vec::new())]);
    stage.press(KeyCode::Char('4'));
    stage.press(KeyCode::Char(' '));
    stage.press(KeyCode::Char('4'));
    stage.press(KeyCode::Char('4'));
    assert_eq!(stage.press(KeyCode::Enter), [bad(vec![Reason::Incorrect, Reason::Unsafe])]);
    assert!(stage.app.pages.is_empty());

    stage.press(KeyCode::F(3));
    stage.type_text("who knows");
    assert_eq!(stage.app.question.text(), "who knows", "a question typed at once is not lost in the list");
}

#[test]
fn a_tool_runs_only_after_a_deliberate_yes() {
    let mut stage = Stage::ready(80, 24);
    stage.ask("Note that gate 3 is closed");
    stage.report(Report::ApprovalNeeded(log_call()));
    for letter in "yes ok".chars() {
        assert!(stage.press(KeyCode::Char(letter)).is_empty(), "letters do not answer");
    }
    assert_eq!(stage.press(KeyCode::Enter), [Command::Approve(Approval::Deny)], "the first row is the safe one");
    stage.report(Report::ApprovalNeeded(log_call()));
    stage.press(KeyCode::Down);
    assert_eq!(stage.press(KeyCode::Enter), [Command::Approve(Approval::Once)]);
    stage.report(Report::ApprovalNeeded(log_call()));
    assert_eq!(stage.press(KeyCode::Esc), [Command::Approve(Approval::Deny)]);
    stage.report(Report::ApprovalNeeded(log_call()));
    let interrupt = stage.press_with(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(interrupt, [Command::Stop], "stopping the answer ends its prompt");
    assert!(stage.app.approval.is_none());
}

#[test]
fn citations_open_at_their_words() {
    let mut stage = Stage::ready(80, 24);
    assert!(stage.press(KeyCode::F(7)).is_empty());
    stage.converse(thorough_turn(3));
    assert!(stage.press(KeyCode::F(7)).is_empty(), "two sources: the user chooses");
    assert_eq!(stage.press(KeyCode::Enter), [Command::ReadSource(Source::of_citation(&citation()))]);
    stage.report(Report::SourceRead(source_text()));
    assert!(stage.screen().contains("60 metres in all directions"));
    stage.press(KeyCode::Esc);
    stage.press(KeyCode::Esc);
    assert!(stage.app.pages.is_empty());
    stage.converse(turn(4));
    assert!(matches!(stage.press(KeyCode::F(7)).as_slice(), [Command::ReadSource(_)]), "one source opens at once");
}

#[test]
fn an_earlier_conversation_is_found_and_goes_on() {
    let mut stage = Stage::ready(80, 24);
    assert_eq!(stage.press(KeyCode::F(9)), [Command::Search(String::new())]);
    assert!(stage.press(KeyCode::Char('c')).is_empty(), "one search at a time");
    assert_eq!(
        stage.report(Report::Found { query: String::new(), turns: vec![turn(9)] }),
        [Command::Search("c".to_owned())]
    );
    stage.report(Report::Found { query: "c".to_owned(), turns: vec![turn(9)] });
    assert_eq!(stage.press(KeyCode::Enter), [Command::OpenSession(SessionId(1))]);
    stage.report(Report::SessionOpened { session: SessionId(1), turns: vec![turn(8), turn(9)] });
    assert_eq!(stage.app.session, Some(SessionId(1)));
    assert!(stage.screen().contains("turn 9"));
    stage.press(KeyCode::Up);
    assert_eq!(stage.app.question.text(), turn(9).question, "its questions are in the history");
    assert_eq!(stage.press_with(KeyCode::Char('n'), KeyModifiers::CONTROL), [Command::NewSession]);
    assert!(!stage.screen().contains("turn 9"));
}

#[test]
fn the_palette_does_what_the_key_would_do() {
    let mut stage = Stage::ready(80, 24);
    stage.press_with(KeyCode::Char('p'), KeyModifiers::CONTROL);
    for letter in "doctor".chars() {
        stage.press(KeyCode::Char(letter));
    }
    assert_eq!(stage.press(KeyCode::Enter), [Command::Examine]);
    stage.press_with(KeyCode::Char('p'), KeyModifiers::CONTROL);
    stage.press(KeyCode::Esc);
    assert_eq!(stage.app.pages.len(), 1, "the palette stood above the page");
}

#[test]
fn help_explains_the_screen_below_it_and_keeps_what_was_written() {
    let mut stage = Stage::ready(80, 24);
    stage.converse(turn(7));
    stage.press(KeyCode::F(4));
    stage.press(KeyCode::Char('x'));
    stage.press(KeyCode::F(1));
    assert!(stage.screen().contains("Help: writing"));
    stage.press(KeyCode::F(1));
    assert!(stage.screen().contains("all directions.x"));
    stage.press(KeyCode::Esc);
    stage.press(KeyCode::F(6));
    stage.press(KeyCode::F(1));
    assert!(stage.screen().contains("Help: adapters"));
}

#[test]
fn documents_are_added_by_path_with_progress() {
    let mut stage = Stage::ready(80, 24);
    assert_eq!(stage.press(KeyCode::F(8)), [Command::ListDocuments]);
    stage.report(Report::Documents(documents()));
    stage.press(KeyCode::Char('a'));
    for letter in "/media/usb".chars() {
        stage.press(KeyCode::Char(letter));
    }
    assert_eq!(stage.press(KeyCode::Enter), [Command::AddDocuments(vec!["/media/usb".into()])]);
    stage.report(Report::Indexing(reading()));
    assert!(stage.screen().contains("field-guide.md"));
    assert_eq!(stage.report(Report::Indexed(indexed())), [Command::ListDocuments]);
    assert_eq!(stage.app.activity, Activity::Ready);
}

#[test]
fn a_lesson_is_halted_and_goes_on() {
    let mut stage = Stage::ready(80, 24);
    stage.report(Report::StatusChanged(status(2)));
    stage.press(KeyCode::F(5));
    let alt = |stage: &mut Stage, letter| stage.press_with(KeyCode::Char(letter), KeyModifiers::ALT);
    assert_eq!(alt(&mut stage, 'p'), [Command::Pause(true)]);
    stage.report(Report::Paused(true));
    assert!(stage.screen().contains("paused"));
    alt(&mut stage, 'l');
    assert_eq!(stage.press(KeyCode::Char('p')), [Command::Pause(false)]);
    stage.report(Report::Paused(false));
    assert_eq!(stage.press(KeyCode::Char('x')), [Command::Stop]);
    stage.report(Report::LearningCancelled);
    assert!(stage.screen().contains("cancelled"), "the page says how it ended");
}

#[test]
fn an_answer_is_copied_as_it_was_written() {
    let mut stage = Stage::ready(80, 24);
    stage.converse(thorough_turn(3));
    let copied = stage.press_with(KeyCode::Char('c'), KeyModifiers::ALT);
    assert_eq!(copied, [Command::Copy(thorough_turn(3).answer)]);
}

#[test]
fn settled_keys_are_the_ones_that_work_and_are_shown() {
    let settings = Settings::parse(std::path::Path::new("x"), "[keys]\ngood = \"ctrl+g\"\n").unwrap();
    let mut stage = Stage::ready(80, 24);
    stage.app = App::with_keys(Theme::new(true), settings.keymap, Size::new(80, 24));
    stage.open();
    stage.converse(turn(7));
    assert!(stage.screen().contains("Ctrl+G good"));
    assert!(stage.press(KeyCode::F(2)).is_empty());
    assert!(matches!(stage.press_with(KeyCode::Char('g'), KeyModifiers::CONTROL).as_slice(), [Command::Rate { .. }]));
}

#[test]
fn a_paste_of_a_megabyte_is_cut_and_said_so() {
    let mut stage = Stage::ready(80, 24);
    let began = std::time::Instant::now();
    stage.app.update(Event::Paste("chlorine 60 m \u{706b}\r\n".repeat(60_000)));
    assert!(stage.screen().contains("has been cut"));
    assert!(began.elapsed().as_secs() < 2, "{:?}", began.elapsed());
}

#[test]
fn alt_a_shows_what_is_withheld_or_asks_for_it() {
    let mut stage = Stage::ready(80, 24);
    let alt_a = |stage: &mut Stage| stage.press_with(KeyCode::Char('a'), KeyModifiers::ALT);
    assert!(alt_a(&mut stage).is_empty());
    let refused = refused_turn(7);
    stage.ask(&refused.question);
    stage.report(Report::Answered(refused.clone()));
    assert!(stage.screen().contains("Alt+A shows it") && !stage.screen().contains(&refused.answer));
    assert!(alt_a(&mut stage).is_empty());
    assert!(stage.screen().contains(&refused.answer), "{}", stage.screen());
    let unanswered = unanswered_turn(8);
    stage.ask(&unanswered.question);
    stage.report(Report::Answered(unanswered.clone()));
    assert_eq!(alt_a(&mut stage), [Command::AskAnyway(unanswered.question)]);
    stage.report(Report::Answered(turn(9)));
    assert!(alt_a(&mut stage).is_empty());
    assert!(stage.screen().contains("not withheld"));
}

#[test]
fn a_long_question_is_folded_until_its_turn_is_chosen() {
    let mut stage = Stage::ready(80, 24);
    let mut long = turn(7);
    long.question = format!("{}the end", "very long ".repeat(80));
    stage.converse(long);
    stage.press_with(KeyCode::Home, KeyModifiers::CONTROL);
    assert!(!stage.screen().contains("the end"), "{}", stage.screen());
    stage.press(KeyCode::Tab);
    assert!(stage.screen().contains("the end"), "{}", stage.screen());
}

#[test]
fn an_answer_too_long_for_the_clipboard_says_so() {
    let mut stage = Stage::ready(80, 24);
    let mut long = turn(7);
    long.answer = "60 metres. ".repeat(10_000);
    stage.converse(long);
    stage.press_with(KeyCode::Char('c'), KeyModifiers::ALT);
    let notice = stage.app.notice.clone().unwrap();
    assert!(notice.contains("74000 of 110000 bytes") && notice.contains("journal show 7"), "{notice}");
}

#[test]
fn a_long_notice_takes_as_many_rows_as_it_needs() {
    let mut stage = Stage::ready(40, 12);
    stage.ask("one");
    stage.type_text("two");
    stage.press(KeyCode::Enter);
    let notice = stage.app.notice.clone().unwrap();
    stage.app.notice = Some(format!("{notice}; and this part would not fit into one row of forty columns"));
    let screen = stage.screen();
    assert!(screen.contains("of forty columns"), "{screen}");
}
