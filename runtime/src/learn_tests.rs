//! Tests of when learning may start; the training itself is tested with the built-in model.

use std::path::Path;

use super::*;
use crate::assistant::{AskOptions, AssistantOptions};
use crate::journal::Feedback;
use crate::turn::NewTurn;

/// An assistant with one waiting correction whose sensors are files below `root`.
fn assistant(home: &Path, root: &Path) -> Assistant {
    let options = AssistantOptions {
        home: Some(home.to_path_buf()),
        profile: Some("laptop-cpu".to_owned()),
        ..AssistantOptions::default()
    };
    let mut assistant = Assistant::open(&options).unwrap();
    assistant.system_root = root.to_path_buf();
    let turn = assistant
        .journal()
        .append(NewTurn {
            question: "How far?".into(),
            answer: "10 feet.".into(),
            generation: "base".into(),
            tokens: 3,
            seconds: 0.1,
            ..NewTurn::default()
        })
        .unwrap();
    assistant.give_feedback(turn.id, Feedback::Correction("150 feet.".into()), &[]).unwrap();
    assistant
}

fn write(root: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn learn_error(assistant: &Assistant, force: bool) -> RuntimeError {
    let options = LearnOptions { force, ..LearnOptions::default() };
    assistant.learn(&options, &mut |_| LearnControl::Continue).unwrap_err()
}

#[test]
fn on_battery_learning_is_refused_unless_forced() {
    let (home, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let battery =
        [("sys/class/power_supply/BAT0/type", "Battery\n"), ("sys/class/power_supply/BAT0/status", "Discharging\n")];
    write(root.path(), &battery);
    let assistant = assistant(home.path(), root.path());
    let error = learn_error(&assistant, false);
    assert!(matches!(error, RuntimeError::Learn(LearnError::OnBattery { .. })), "{error}");
    assert!(error.to_string().contains("--force"));
    // Forced, it gets as far as the model that this home does not have.
    let error = learn_error(&assistant, true);
    assert!(matches!(error, RuntimeError::Model(ModelError::NoModel { .. })), "{error}");
}

#[test]
fn above_the_temperature_ceiling_learning_is_refused_even_if_forced() {
    let (home, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(root.path(), &[("sys/class/thermal/thermal_zone0/temp", "97000\n")]);
    let assistant = assistant(home.path(), root.path());
    for force in [false, true] {
        let error = learn_error(&assistant, force);
        assert!(matches!(error, RuntimeError::Learn(LearnError::TooHot { .. })), "{error}");
    }
}

#[test]
fn without_corrections_there_is_nothing_to_learn() {
    let (home, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let assistant = assistant(home.path(), root.path());
    let turn = assistant.turns(1).unwrap().remove(0);
    assistant.give_feedback(turn.id, Feedback::Good, &[]).unwrap();
    let error = learn_error(&assistant, false);
    assert!(matches!(error, RuntimeError::Learn(LearnError::NothingToLearn)), "{error}");
    assert!(assistant.ask("How far?", &AskOptions::default(), &mut |_| {}).is_err());
}
