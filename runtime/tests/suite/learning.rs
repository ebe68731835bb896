//! Learning with the built-in model: corrections become an active generation, or nothing changes.

use halligan_runtime::error::{LearnError, RuntimeError};
use halligan_runtime::{
    AskOptions, Assistant, Feedback, LearnControl, LearnEvent, LearnOptions, LearnReport, Origin, set_up,
};

use super::room::{kit, open};

const CORRECTIONS: [(&str, &str); 3] = [
    (
        "What is the isolation distance for the Mill Creek chlorine leak?",
        "The isolation distance for the Mill Creek chlorine leak is 800 feet.",
    ),
    (
        "Which radio channel does Division A use on this incident?",
        "The radio channel for Division A on this incident is Tac 7.",
    ),
    (
        "What spacing is ordered for the north search segment?",
        "The spacing ordered for the north search segment is 15 meters.",
    ),
];

fn correct(assistant: &Assistant, question: &str, answer: &str) {
    let turn = assistant.ask(question, &AskOptions::default(), &mut |_| {}).unwrap();
    assistant.give_feedback(turn.id, Feedback::Correction(answer.to_owned()), &[]).unwrap();
}

fn answer(assistant: &Assistant, question: &str) -> String {
    assistant.ask(question, &AskOptions::default(), &mut |_| {}).unwrap().answer
}

fn learn(assistant: &Assistant) -> Result<(LearnReport, Vec<LearnEvent>), RuntimeError> {
    let mut events = Vec::new();
    let report = assistant.learn(&LearnOptions::default(), &mut |event| {
        events.push(event);
        LearnControl::Continue
    })?;
    Ok((report, events))
}

#[test]
fn corrections_are_learned_activated_and_rolled_back() {
    let home = tempfile::tempdir().unwrap();
    // Without replay and gate the base itself is what must not be hurt; it knows no facts.
    set_up(Some(home.path()), &halligan_runtime::Kit { replay: None, gate: None, calibration: None, ..kit() }).unwrap();
    let assistant = open(home.path());
    for (question, right) in CORRECTIONS {
        correct(&assistant, question, right);
    }
    let (report, events) = learn(&assistant).unwrap();
    println!("{report:?}");
    assert!(report.activated, "{report:?}");
    assert_eq!((report.corrections, report.gate_questions), (3, 0));
    assert_eq!((report.corrected_before, report.corrected_after), (0.0, 1.0));
    assert!(matches!(events.first(), Some(LearnEvent::Preparing { corrections: 3, .. })));
    assert_eq!(events.last(), Some(&LearnEvent::Verdict(report.clone())));
    assert!(events.iter().any(|event| matches!(event, LearnEvent::Step { .. })));

    assert!(answer(&assistant, CORRECTIONS[0].0).contains("800 feet"));
    let status = assistant.status().unwrap();
    assert_eq!(status.generation.id, report.candidate);
    assert_eq!(status.generation.origin, Origin::Learned);
    assert_eq!(status.corrections_waiting, 0);
    let again = learn(&assistant).unwrap_err();
    assert!(matches!(again, RuntimeError::Learn(LearnError::NothingToLearn)), "{again}");

    correct(&assistant, CORRECTIONS[0].0, CORRECTIONS[0].1);
    let known = learn(&assistant).unwrap_err();
    assert!(matches!(known, RuntimeError::Learn(LearnError::AlreadyKnown(1))), "{known}");
    assert_eq!(assistant.status().unwrap().corrections_waiting, 0, "what it answers already waits no longer");
    drop(assistant);

    let assistant = open(home.path());
    assert!(answer(&assistant, CORRECTIONS[1].0).contains("Tac 7"), "after a restart");
    assert_eq!(assistant.roll_back().unwrap().id, "base");
    assert!(!answer(&assistant, CORRECTIONS[0].0).contains("800 feet"));
    assert_eq!(assistant.status().unwrap().corrections_waiting, 3, "they wait again");
}

#[test]
fn cancelling_at_any_event_leaves_everything_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    set_up(Some(home.path()), &kit()).unwrap();
    let assistant = open(home.path());
    correct(&assistant, CORRECTIONS[0].0, CORRECTIONS[0].1);
    let before = answer(&assistant, CORRECTIONS[0].0);
    let stops: [fn(&LearnEvent) -> bool; 4] = [
        |event| matches!(event, LearnEvent::Preparing { .. }),
        |event| matches!(event, LearnEvent::Evaluating { what, .. } if what.contains("active")),
        |event| matches!(event, LearnEvent::Step { step: 2, .. }),
        |event| matches!(event, LearnEvent::Evaluating { what, .. } if what.contains("candidate")),
    ];
    for stop in stops {
        let options = LearnOptions { max_steps: Some(3), ..LearnOptions::default() };
        let outcome = assistant.learn(&options, &mut |event| {
            if stop(&event) { LearnControl::Cancel } else { LearnControl::Continue }
        });
        assert!(matches!(outcome, Err(RuntimeError::Learn(LearnError::Cancelled))), "{outcome:?}");
        assert_eq!(assistant.generations().unwrap().len(), 1);
        assert_eq!(answer(&assistant, CORRECTIONS[0].0), before);
    }
    let left: Vec<_> = std::fs::read_dir(home.path())
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(".learning-"))
        .collect();
    assert!(left.is_empty());
}

#[test]
fn a_candidate_that_did_not_learn_is_reported_and_kept_out() {
    let home = tempfile::tempdir().unwrap();
    set_up(Some(home.path()), &kit()).unwrap();
    let assistant = open(home.path());
    correct(&assistant, CORRECTIONS[0].0, CORRECTIONS[0].1);
    let options = LearnOptions { max_steps: Some(1), ..LearnOptions::default() };
    let report = assistant.learn(&options, &mut |_| LearnControl::Continue).unwrap();
    assert!(!report.activated);
    assert!(report.reason.contains("did not improve"), "{}", report.reason);
    let listed = assistant.generations().unwrap();
    assert_eq!(listed[1].id, report.candidate);
    assert_eq!(listed[1].rejected.as_deref(), Some(report.reason.as_str()));
    assert!(listed[0].active);
    assert!(assistant.activate(&report.candidate).is_err());
    assert_eq!(assistant.status().unwrap().corrections_waiting, 1);
}
