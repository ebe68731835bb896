//! Tests of what becomes of turns: sessions, search, export, retention, forgetting.

use std::path::Path;

use super::*;
use crate::generations::{Candidate, Generations};
use crate::turn::{Assessment, Citation, Verdict};

const DAY: i64 = 86_400;

fn home() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    (folder, home)
}

fn ask(home: &Home, session: Option<SessionId>, question: &str, answer: &str) -> Turn {
    Journal::new(home)
        .append(NewTurn {
            session,
            question: question.to_owned(),
            answer: answer.to_owned(),
            model: Some("ab12".to_owned()),
            generation: "base".to_owned(),
            ..NewTurn::default()
        })
        .unwrap()
}

fn correct(home: &Home, turn: &Turn, text: &str) {
    Journal::new(home).give_feedback(turn.id, &Feedback::Correction(text.to_owned()), &[Reason::Incorrect]).unwrap();
}

/// Whether any file of the database holds the bytes, in any letter case.
fn on_disk(folder: &Path, text: &str) -> bool {
    let text = text.to_lowercase();
    std::fs::read_dir(folder).unwrap().flatten().filter(|entry| entry.path().is_file()).any(|entry| {
        let bytes = std::fs::read(entry.path()).unwrap().to_ascii_lowercase();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn sessions_are_listed_with_their_first_question_and_the_latest_first() {
    let (_folder, home) = home();
    let first = ask(&home, None, "How far?", "150 feet.");
    let second = ask(&home, None, "Which valve?", "The red one.");
    ask(&home, Some(first.session), "And at night?", "300 feet.");
    let journal = Journal::new(&home);
    let listed = journal.sessions(10).unwrap();
    let seen: Vec<_> = listed.iter().map(|each| (each.id, each.first_question.as_str(), each.turns)).collect();
    assert_eq!(seen, [(first.session, "How far?", 2), (second.session, "Which valve?", 1)]);
    let questions: Vec<String> =
        journal.session(first.session).unwrap().into_iter().map(|turn| turn.question).collect();
    assert_eq!(questions, ["How far?", "And at night?"]);
    assert!(matches!(journal.session(SessionId(99)), Err(JournalError::UnknownSession(99))));
    assert!(matches!(journal.check_session(SessionId(99)), Err(JournalError::UnknownSession(99))));
}

#[test]
fn the_context_keeps_the_latest_turns_that_fit_and_says_what_it_left_out() {
    let (_folder, home) = home();
    let first = ask(&home, None, "one", "1");
    for (question, answer) in [("two", "2"), ("three", "3")] {
        ask(&home, Some(first.session), question, answer);
    }
    let bad = ask(&home, Some(first.session), "four", "nonsense");
    Journal::new(&home).give_feedback(bad.id, &Feedback::Bad, &[]).unwrap();
    correct(&home, &first, "I");
    let turns = Journal::new(&home).session(first.session).unwrap();
    let fitted = |tokens| Context::fitted(&turns, tokens, |_, _| 10);
    let exchange = |question: &str, answer: &str| (question.to_owned(), answer.to_owned());
    let all = fitted(30);
    assert_eq!(all.exchanges, [exchange("one", "I"), exchange("two", "2"), exchange("three", "3")]);
    assert_eq!((all.left_out, all.note()), (0, None));
    let some = fitted(29);
    assert_eq!(some.exchanges, all.exchanges[1..]);
    assert!(some.note().unwrap().contains("oldest turn"));
    assert!(fitted(0).note().unwrap().contains("3 oldest turns"));
}

#[test]
fn withheld_answers_are_no_context() {
    let (_folder, home) = home();
    let refused = Assessment { verdict: Verdict::Refuse, probability: None, domain_score: None, reasons: Vec::new() };
    let turn = Journal::new(&home)
        .append(NewTurn {
            question: "How do I bake bread?".into(),
            answer: "150 feet.".into(),
            assessment: Some(refused),
            ..NewTurn::default()
        })
        .unwrap();
    assert_eq!(Context::fitted(&[turn], 100, |_, _| 1), Context::default());
}

#[test]
fn search_finds_questions_answers_and_corrections_and_takes_no_query_syntax() {
    let (_folder, home) = home();
    let first = ask(&home, None, "How far do I isolate chlorine?", "50 feet.");
    ask(&home, None, "Which valve is it?", "The red one.");
    correct(&home, &first, "Isolate for 330 metres.");
    let journal = Journal::new(&home);
    let found = |query: &str| -> Vec<i64> {
        journal.search(query, 10).unwrap().into_iter().map(|found| found.turn.id.0).collect()
    };
    assert_eq!(found("chlorine isolating"), [1]);
    assert_eq!(found("330 met"), [1], "a correction, and the beginning of a word");
    assert_eq!(found("RED"), [2]);
    assert_eq!(found("chlorine valve"), [0; 0]);
    for strange in ["", "\"", "a OR", "NEAR(", "*", "-chlorine", "question:", "\0", "\u{1f525}"] {
        journal.search(strange, 10).unwrap();
    }
    assert!(journal.search("valve", 10).unwrap()[0].excerpt.contains("[valve]"));
    assert_eq!(journal.search("one OR chlorine", 0).unwrap().len(), 0);
}

#[test]
fn rows_are_exported_with_their_lineage_and_read_by_training_and_evaluation() {
    let (folder, home) = home();
    let corrected = ask(&home, None, "How far?", "50 feet.");
    correct(&home, &corrected, "Isolate for 330 feet. Call +30 210 123 4567.");
    let good = ask(&home, None, "Which valve?", "The red valve.");
    let journal = Journal::new(&home);
    journal.give_feedback(good.id, &Feedback::Good, &[]).unwrap();
    let bad = ask(&home, None, "Which hose?", "None.");
    journal.give_feedback(bad.id, &Feedback::Bad, &[]).unwrap();
    ask(&home, None, "Unjudged?", "Yes.");

    let rows = journal.export(&ExportOptions::default()).unwrap();
    assert_eq!(rows.iter().map(|row| row.kind).collect::<Vec<_>>(), ["correction", "confirmed"]);
    let lineage = &rows[0].lineage;
    assert_eq!((lineage.turn, lineage.generation.as_str(), lineage.model.as_deref()), (1, "base", Some("ab12")));
    assert_eq!(lineage.wrong_answer.as_deref(), Some("50 feet."));
    assert_eq!(
        (lineage.reasons.as_slice(), lineage.personal_data.as_slice()),
        (&[Reason::Incorrect][..], &["phone"][..])
    );
    assert_eq!(rows[0].lineage.device, rows[1].lineage.device);
    assert_ne!(rows[0].id, rows[1].id);

    let path = folder.path().join("rows.jsonl");
    let lines: Vec<String> = rows.iter().map(as_json).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    let read = halligan_finetune::dataset::read_rows(&path).unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].id.as_deref(), Some(rows[0].id.as_str()));
    assert_eq!(crate::evaluate::read_questions(&path).unwrap().len(), 2);

    let only = |feedback: &[Teaching]| {
        journal.export(&ExportOptions { feedback: feedback.to_vec(), since: None }).unwrap().len()
    };
    assert_eq!((only(&[Teaching::Good]), only(&[Teaching::Corrected])), (1, 1));
    let later = ExportOptions { since: Some(good.created_at + DAY), ..ExportOptions::default() };
    assert!(journal.export(&later).unwrap().is_empty());
}

#[test]
fn a_forgotten_turn_leaves_no_byte_behind() {
    let (folder, home) = home();
    let secret = "Xanthippe Quicksilver";
    let kept = ask(&home, None, "Which valve?", "The red one.");
    let turn = ask(&home, None, &format!("Where is {secret}?"), &format!("{secret} is in Division A."));
    correct(&home, &turn, &format!("{secret} is at base."));
    let file = folder.path().join("candidate");
    std::fs::write(&file, "adapter").unwrap();
    let candidate =
        Candidate { file: &file, parent: "base", gate_accuracy: None, corrected_accuracy: None, learned: &[1] };
    let learned = Generations::new(&home).install_learned(&candidate).unwrap().id;
    assert!(on_disk(folder.path(), secret) && on_disk(folder.path(), "quicksilv"));

    let journal = Journal::new(&home);
    let dry = journal.forget(&Forget::Turn(turn.id), Manner::Redact, true).unwrap();
    assert_eq!((dry.deleted, dry.scrubbed), (1, false));
    assert!(journal.turn(turn.id).unwrap().is_some());

    let done = journal.forget(&Forget::Turn(turn.id), Manner::Redact, false).unwrap();
    assert_eq!((done.deleted, done.scrubbed, done.learned_by), (1, true, vec![learned]));
    // While the home is still open: nothing may wait for its end. The index held the words too, stemmed.
    for word in [secret, "Xanthippe", "quicksilv", "xanthipp"] {
        assert!(!on_disk(folder.path(), word), "{word}");
    }
    assert_eq!(journal.latest(10).unwrap().len(), 1);
    assert_eq!(journal.search("red", 10).unwrap()[0].turn.id, kept.id);
    assert!(journal.lessons("base").unwrap().new.is_empty());
    assert!(matches!(journal.forget(&Forget::Turn(turn.id), Manner::Redact, false), Err(JournalError::UnknownTurn(2))));
    // Numbers of forgotten turns are not given again.
    assert!(ask(&home, None, "Next?", "Yes.").id > turn.id);
}

#[test]
fn a_text_is_redacted_wherever_it_stands() {
    let (folder, home) = home();
    let citation = Citation {
        document: "log.md".into(),
        page: None,
        heading: String::new(),
        quote: "Zebulon \"Zeb\" Pike reported".into(),
        start_byte: 0,
        end_byte: 27,
    };
    let journal = Journal::new(&home);
    let turn = journal
        .append(NewTurn {
            question: "Who is ZEBULON?".into(),
            answer: "zebulon leads Division A.".into(),
            citations: vec![citation],
            ..NewTurn::default()
        })
        .unwrap();
    correct(&home, &turn, "Zebulon leads Division B.");
    let other = ask(&home, None, "Which valve?", "The red one.");
    let done = journal.forget(&Forget::Matching(" Zebulon ".into()), Manner::Redact, false).unwrap();
    assert_eq!((done.redacted, done.pieces, done.deleted, done.scrubbed), (1, 4, 0, true));
    assert!(!on_disk(folder.path(), "zebulon"));
    let left = journal.turn(turn.id).unwrap().unwrap();
    assert_eq!(left.question, "Who is [redacted]?");
    assert_eq!(left.citations[0].quote, "[redacted] \"Zeb\" Pike reported");
    assert_eq!(left.feedback, Some(Feedback::Correction("[redacted] leads Division B.".into())));
    assert!(journal.search("zebulon", 10).unwrap().is_empty());
    assert_eq!(journal.search("division", 10).unwrap().len(), 1);
    assert_eq!(journal.turn(other.id).unwrap().unwrap().answer, "The red one.");
    let gone = journal.forget(&Forget::Matching("pike".into()), Manner::Delete, false).unwrap();
    assert_eq!((gone.deleted, journal.latest(10).unwrap().len()), (1, 1));
    assert!(matches!(
        journal.forget(&Forget::Matching(" ".into()), Manner::Redact, false),
        Err(JournalError::NothingToForget)
    ));
}

#[test]
fn personal_data_are_redacted_and_technical_numbers_stay() {
    let (folder, home) = home();
    let turn = ask(&home, None, "Call 202-555-0143 or mail jo@fire.example about UN1017?", "Isolate 330 feet.");
    let done = Journal::new(&home).forget(&Forget::Personal, Manner::Redact, false).unwrap();
    assert_eq!((done.redacted, done.pieces), (1, 2));
    let left = Journal::new(&home).turn(turn.id).unwrap().unwrap();
    assert_eq!(left.question, "Call [redacted] or mail [redacted] about UN1017?");
    assert!(!on_disk(folder.path(), "555-0143") && !on_disk(folder.path(), "jo@fire"));
    let again = Journal::new(&home).forget(&Forget::Personal, Manner::Redact, false).unwrap();
    assert_eq!((again.redacted, again.scrubbed), (0, true));
}

fn log(home: &Home, text: &str, at: i64) {
    home.connection()
        .execute(
            "INSERT INTO incident_log (incident, text, at) VALUES ('incident', ?1, ?2)",
            rusqlite::params![text, at],
        )
        .unwrap();
}

fn log_lines(home: &Home) -> Vec<String> {
    let mut statement = home.connection().prepare("SELECT text FROM incident_log ORDER BY id").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn the_incident_log_forgets_what_the_turns_forget() {
    let (folder, home) = home();
    log(&home, "patient Mary Millerova, 303-555-0199, taken to the road", now());
    log(&home, "engine 7 on scene", now());
    let journal = Journal::new(&home);
    let dry = journal.forget(&Forget::Personal, Manner::Redact, true).unwrap();
    assert_eq!((dry.log_lines, dry.pieces, log_lines(&home)[0].contains("0199")), (1, 1, true));
    let done = journal.forget(&Forget::Personal, Manner::Redact, false).unwrap();
    assert_eq!((done.redacted, done.log_lines, done.scrubbed), (0, 1, true));
    assert_eq!(log_lines(&home)[0], "patient Mary Millerova, [redacted], taken to the road");
    let name = Forget::Matching("mary millerova".to_owned());
    assert_eq!(journal.forget(&name, Manner::Delete, false).unwrap().log_lines, 1);
    assert_eq!(log_lines(&home), ["engine 7 on scene"]);
    assert!(!on_disk(folder.path(), "555-0199") && !on_disk(folder.path(), "Millerova"));
}

#[test]
fn old_lines_of_the_incident_log_leave_with_old_turns() {
    let (folder, home) = home();
    log(&home, "Xylomarker on scene", now() - 40 * 86_400);
    log(&home, "engine 7 on scene", now());
    let kept = Journal::new(&home).keep(Some(30)).unwrap();
    assert_eq!((kept.deleted, kept.log_lines, log_lines(&home)), (0, 1, vec!["engine 7 on scene".to_owned()]));
    assert!(kept.scrubbed && !on_disk(folder.path(), "Xylomarker"));
}

#[test]
fn a_session_is_forgotten_whole_and_others_stay() {
    let (_folder, home) = home();
    let first = ask(&home, None, "How far?", "150 feet.");
    ask(&home, Some(first.session), "And at night?", "300 feet.");
    ask(&home, None, "Which valve?", "The red one.");
    let done = Journal::new(&home).forget(&Forget::Session(first.session), Manner::Redact, false).unwrap();
    assert_eq!(done.deleted, 2);
    assert_eq!(Journal::new(&home).sessions(10).unwrap().len(), 1);
}

#[test]
fn words_are_reported_as_not_gone_while_another_program_reads() {
    let (folder, home) = home();
    let turn = ask(&home, None, "Where is Xanthippe?", "Here.");
    let reader = rusqlite::Connection::open(folder.path().join("device.db")).unwrap();
    let mut statement = reader.prepare("SELECT id FROM turns").unwrap();
    let mut rows = statement.query([]).unwrap();
    rows.next().unwrap();
    home.connection().busy_timeout(std::time::Duration::ZERO).unwrap();
    let done = Journal::new(&home).forget(&Forget::Turn(turn.id), Manner::Redact, false).unwrap();
    assert_eq!((done.deleted, done.scrubbed), (1, false));
}

#[test]
fn old_turns_leave_after_the_days_that_were_set_but_not_waiting_corrections() {
    let (folder, home) = home();
    let old = ask(&home, None, "Old and plain, Xanthippe?", "Yes.");
    let waiting = ask(&home, None, "Old and corrected?", "No.");
    let fresh = ask(&home, None, "Fresh?", "Yes.");
    correct(&home, &waiting, "Yes.");
    let age = |turn: &Turn, days: i64| {
        let asked = now() - days * DAY - 60;
        home.connection().execute("UPDATE turns SET created_at = ?1 WHERE id = ?2", [asked, turn.id.0]).unwrap();
    };
    age(&old, 30);
    age(&waiting, 30);
    age(&fresh, 29);
    let journal = Journal::new(&home);
    assert_eq!(journal.apply_retention().unwrap().deleted, 0, "without a setting all stay");
    let done = journal.keep(Some(30)).unwrap();
    assert_eq!((done.deleted, done.waiting, done.scrubbed), (1, 1, true));
    assert!(!on_disk(folder.path(), "xanthippe"));
    let left: Vec<TurnId> = journal.latest(10).unwrap().into_iter().map(|turn| turn.id).collect();
    assert_eq!(left, [fresh.id, waiting.id]);
    // Once learned, it goes at the next start.
    home.connection().execute("INSERT INTO learned VALUES ('next', 1)", []).unwrap();
    assert_eq!(journal.apply_retention().unwrap().deleted, 1);
    assert_eq!(journal.keep_days().unwrap(), Some(30));
    journal.keep(None).unwrap();
    assert_eq!(journal.keep_days().unwrap(), None);
}
