//! Tests of the journal: turns, feedback, lessons.

use serde_json::json;

use super::*;
use crate::retrieval::Passage;
use crate::turn::{Assessment, Citation, ToolCall, ToolOutcome, ToolUse, Verdict};

fn turn(question: &str, answer: &str) -> NewTurn {
    NewTurn {
        question: question.to_owned(),
        answer: answer.to_owned(),
        confidence: Some(0.5),
        generation: "base".to_owned(),
        tokens: 3,
        seconds: 0.25,
        ..NewTurn::default()
    }
}

#[test]
fn a_turn_comes_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    let journal = Journal::new(&home);
    let passage = Passage {
        document: "guide.md".into(),
        page: None,
        heading: "Hazmat".into(),
        text: "150 feet".into(),
        start_byte: 7,
        end_byte: 15,
        score: 1.5,
    };
    let citation = Citation {
        document: "guide.md".into(),
        page: Some(3),
        heading: "Hazmat".into(),
        quote: "150 feet".into(),
        start_byte: 7,
        end_byte: 15,
    };
    let assessment = Assessment {
        verdict: Verdict::Warn,
        probability: Some(0.5),
        domain_score: Some(-0.25),
        reasons: vec!["the passage does not say so".into()],
    };
    let call = ToolCall { name: "convert_units".into(), arguments: json!({"value": 150, "from": "ft", "to": "m"}) };
    let uses = [ToolOutcome::Done(json!(45.72)), ToolOutcome::Failed("no such unit".into()), ToolOutcome::Denied];
    let new = NewTurn {
        passage: Some(passage),
        supported: true,
        citations: vec![citation],
        assessment: Some(assessment),
        tools: uses.map(|outcome| ToolUse { call: call.clone(), outcome, seconds: 0.5 }).into(),
        ..turn("How far?", "150 feet.")
    };
    let written = journal.append(new).unwrap();
    drop(home);
    let home = Home::open(Some(folder.path())).unwrap();
    assert_eq!(Journal::new(&home).turn(written.id).unwrap(), Some(written.clone()));
    assert_eq!(Journal::new(&home).latest(10).unwrap(), vec![written]);
}

#[test]
fn turns_of_one_conversation_share_the_number_of_its_first() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    let journal = Journal::new(&home);
    let first = journal.append(turn("How far?", "10 feet.")).unwrap();
    let other = journal.append(turn("Which suit?", "Level A.")).unwrap();
    let next = journal.append(NewTurn { session: Some(first.session), ..turn("And at night?", "20 feet.") }).unwrap();
    assert_eq!((first.session, next.session), (SessionId(first.id.0), first.session));
    assert_ne!(other.session, first.session);
}

#[test]
fn reasons_come_back_with_the_feedback_they_were_given_with() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    let journal = Journal::new(&home);
    let id = journal.append(turn("How far?", "10 feet.")).unwrap().id;
    journal.give_feedback(id, &Feedback::Bad, &Reason::ALL).unwrap();
    assert_eq!(journal.turn(id).unwrap().unwrap().reasons, Reason::ALL);
    journal.give_feedback(id, &Feedback::Good, &[]).unwrap();
    assert_eq!(journal.turn(id).unwrap().unwrap().reasons, []);
    assert!(Reason::ALL.iter().all(|reason| Reason::from_name(reason.name()) == Some(*reason)));
}

#[test]
fn the_latest_feedback_on_a_turn_counts() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    let journal = Journal::new(&home);
    let id = journal.append(turn("How far?", "10 feet.")).unwrap().id;
    journal.give_feedback(id, &Feedback::Good, &[]).unwrap();
    journal.give_feedback(id, &Feedback::Correction(" 150 feet. ".into()), &[]).unwrap();
    let feedback = journal.turn(id).unwrap().unwrap().feedback;
    assert_eq!(feedback, Some(Feedback::Correction("150 feet.".into())));
}

#[test]
fn feedback_on_an_unknown_turn_or_without_words_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    let journal = Journal::new(&home);
    let id = journal.append(turn("How far?", "10 feet.")).unwrap().id;
    assert!(matches!(journal.give_feedback(TurnId(id.0 + 1), &Feedback::Good, &[]), Err(JournalError::UnknownTurn(_))));
    assert!(matches!(
        journal.give_feedback(id, &Feedback::Correction(" \n".into()), &[]),
        Err(JournalError::EmptyCorrection(_))
    ));
    assert_eq!(journal.turn(id).unwrap().unwrap().feedback, None);
}

#[test]
fn lessons_are_the_latest_word_on_each_question_that_is_not_learned_yet() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    let journal = Journal::new(&home);
    let correct = |question: &str, right: &str| {
        let id = journal.append(turn(question, "Wrong.")).unwrap().id;
        journal.give_feedback(id, &Feedback::Correction(right.into()), &[]).unwrap();
    };
    correct("How far?", "100 feet.");
    correct("how  FAR", "150 feet.");
    let good = journal.append(turn("Which valve?", "The red one.")).unwrap().id;
    journal.give_feedback(good, &Feedback::Good, &[]).unwrap();
    let bad = journal.append(turn("Which hose?", "None.")).unwrap().id;
    journal.give_feedback(bad, &Feedback::Bad, &[]).unwrap();

    let lessons = journal.lessons("base").unwrap();
    assert_eq!(lessons.corrections_waiting(), 1);
    let lessons = lessons.new;
    let right: Vec<&str> = lessons.iter().map(|lesson| lesson.answer.as_str()).collect();
    assert_eq!(right, ["150 feet.", "The red one."]);
    assert_eq!(lessons[0].wrong_answer.as_deref(), Some("Wrong."));
    assert_eq!(lessons[1].wrong_answer, None);

    for lesson in &lessons {
        home.connection().execute("INSERT INTO learned VALUES ('next', ?1)", [lesson.feedback]).unwrap();
    }
    let after = journal.lessons("next").unwrap();
    assert!(after.new.is_empty(), "an earlier word must not come back");
    assert_eq!(after.known, lessons);
    assert_eq!(journal.lessons("base").unwrap().new.len(), 2, "after a rollback they wait again");
}
