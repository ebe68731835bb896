//! Bad model and adapter files: one clear error each, and never a word to C.

use std::path::Path;

use halligan_runtime::error::{AdapterStoreError, ModelError, RuntimeError};
use halligan_runtime::inference::{Inference, InferenceSettings};
use halligan_runtime::{AskOptions, Assistant, AssistantOptions, Kit, set_up};

use super::room::{base_model, kit, open, options, write_adapter};

fn ask(assistant: &Assistant) -> Result<String, RuntimeError> {
    assistant.ask("Which valve is it?", &AskOptions::default(), &mut |_| {}).map(|turn| turn.generation)
}

#[test]
fn damaged_models_are_refused_with_their_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let whole = std::fs::read(base_model()).unwrap();
    let half = whole[..whole.len() / 2].to_vec();
    let mut counts = whole.clone();
    counts[8..16].fill(0xFF);
    for bytes in [Vec::new(), b"GGUF".to_vec(), vec![0; 4096], half, counts] {
        std::fs::write(&path, bytes).unwrap();
        let Err(error) = Inference::load(&path, &InferenceSettings::default()) else { panic!("should fail") };
        assert!(matches!(error, ModelError::Malformed { .. }), "{error}");
        assert!(error.to_string().contains("model.gguf"), "{error}");
    }
    let absent = folder.path().join("absent.gguf");
    let Err(error) = Inference::load(&absent, &InferenceSettings::default()) else { panic!("should fail") };
    assert!(matches!(error, ModelError::Unreadable { .. }), "{error}");
}

#[test]
fn what_is_sound_and_no_model_is_called_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let weightless = folder.path().join("weightless.gguf");
    let mut bytes = std::fs::read(base_model()).unwrap();
    bytes[8..16].fill(0);
    std::fs::write(&weightless, bytes).unwrap();
    let adapter = folder.path().join("adapter.gguf");
    write_adapter(&adapter, 1);
    for (path, reason) in [(weightless, "it holds no weights"), (adapter, "it is an adapter")] {
        let Err(error) = Inference::load(&path, &InferenceSettings::default()) else { panic!("should fail") };
        assert!(error.to_string().contains(reason), "{error}");
        let error = set_up(Some(&folder.path().join("home")), &Kit { model: path, ..Kit::default() }).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn a_home_without_a_model_says_how_to_get_one() {
    let home = tempfile::tempdir().unwrap();
    let error = ask(&open(home.path())).unwrap_err().to_string();
    assert!(error.contains("halligan setup --model"), "{error}");
    assert!(open(home.path()).turns(10).unwrap().is_empty());
}

#[test]
fn an_active_adapter_that_was_damaged_is_noticed_and_can_be_rolled_back() {
    let home = tempfile::tempdir().unwrap();
    let files = tempfile::tempdir().unwrap();
    let adapter = files.path().join("adapter.gguf");
    write_adapter(&adapter, 1);
    set_up(Some(home.path()), &Kit { adapter: Some(adapter), ..kit() }).unwrap();
    let id = ask(&open(home.path())).unwrap();
    let stored = home.path().join("adapters").join(format!("{id}.gguf"));
    let mut bytes = std::fs::read(&stored).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&stored, bytes).unwrap();
    let error = ask(&open(home.path())).unwrap_err();
    assert!(matches!(error, RuntimeError::AdapterStore(AdapterStoreError::Corrupted { .. })), "{error}");
    assert!(error.to_string().contains("rollback"), "{error}");
    let report = Assistant::doctor(&options(home.path()));
    assert!(!report.is_well());
    assert!(report.problems[0].what.contains("damaged"), "{:?}", report.problems);

    let assistant = open(home.path());
    assert_eq!(assistant.roll_back().unwrap().id, "base");
    assert_eq!(ask(&assistant).unwrap(), "base");
}

#[test]
fn an_adapter_of_another_base_is_refused_by_setup_and_by_the_flag() {
    let home = tempfile::tempdir().unwrap();
    let files = tempfile::tempdir().unwrap();
    let adapter = files.path().join("adapter.gguf");
    write_adapter(&adapter, 1);
    // One byte of padding makes the same model another base.
    let other = files.path().join("other.gguf");
    let mut bytes = std::fs::read(base_model()).unwrap();
    bytes.push(0);
    std::fs::write(&other, bytes).unwrap();
    let foreign = Kit { model: other, adapter: Some(adapter.clone()), ..kit() };
    let error = set_up(Some(home.path()), &foreign).unwrap_err().to_string();
    assert!(error.contains("SHA-256"), "{error}");
    assert!(!home.path().join("model.gguf").exists(), "nothing should be changed");

    set_up(Some(home.path()), &Kit { adapter: None, ..foreign }).unwrap();
    let flagged = AssistantOptions { adapter: Some(adapter), ..options(home.path()) };
    assert!(ask(&Assistant::open(&flagged).unwrap()).is_err());
    let model = AssistantOptions { adapter: Some(base_model()), ..options(home.path()) };
    let error = ask(&Assistant::open(&model).unwrap()).unwrap_err().to_string();
    assert!(error.contains("not an adapter"), "{error}");
}

#[test]
fn a_kit_with_a_bad_file_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let files = tempfile::tempdir().unwrap();
    let bad = files.path().join("bad.jsonl");
    std::fs::write(&bad, "{\"messages\":[]}\n").unwrap();
    let absent = Path::new("/nonexistent/kit").to_path_buf();
    let kits = [
        Kit { gate: Some(bad.clone()), ..kit() },
        Kit { replay: Some(bad), ..kit() },
        Kit { model: absent.clone(), ..kit() },
        Kit { adapter: Some(absent.clone()), ..kit() },
        Kit { replay: Some(absent), ..kit() },
    ];
    for kit in kits {
        set_up(Some(home.path()), &kit).unwrap_err();
    }
    assert!(!home.path().join("model.gguf").exists());
    assert!(!home.path().join("replay.jsonl").exists());
}
