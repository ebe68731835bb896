//! The journal across both programs: what a responder corrects becomes rows that headquarters trains on, and what is
//! forgotten is gone from the disk.

use std::{fs, path::Path};

use halligan_tests::{built_in_base, json, run};
use serde_json::Value;

fn text(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}

fn device(home: &Path, words: &[&str]) -> Value {
    json(&run("halligan", &[&["--home", text(home)], words, &["--json"]].concat()))
}

#[test]
fn corrections_travel_to_headquarters_and_forgotten_words_do_not_stay() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    run("halligan", &["--home", text(&home), "setup", "--model", text(&built_in_base())]);
    let asked = device(&home, &["ask", "Which radio channel does Division Xylo use?"]);
    let (turn, session) = (asked["turn"].to_string(), asked["session"].to_string());
    assert_eq!(asked["model"].as_str().map(str::len), Some(64));
    let right = "The radio channel for Division Xylo is Tac 7.";
    device(&home, &["feedback", &turn, "correct", right, "--reason", "incorrect"]);
    device(&home, &["ask", "Who leads Division Zanzibarry?", "--session", &session]);

    let sessions = device(&home, &["journal", "list"]);
    assert_eq!(sessions["sessions"][0]["turns"], 2);
    assert_eq!(sessions["sessions"][0]["first_question"], "Which radio channel does Division Xylo use?");
    assert_eq!(device(&home, &["journal", "search", "xylo", "tac"])["found"][0]["turn"]["id"], asked["turn"]);
    let shown = device(&home, &["journal", "show", "--session", &session]);
    assert_eq!(shown["turns"][0]["feedback"]["text"], right);

    let rows = folder.path().join("rows.jsonl");
    let exported = device(&home, &["journal", "export", "-o", text(&rows), "--feedback", "corrected"]);
    assert_eq!(exported["rows"], 1);
    let row: Value = serde_json::from_str(fs::read_to_string(&rows).unwrap().trim()).unwrap();
    assert_eq!(row["messages"][1]["content"], right);
    assert_eq!((&row["lineage"]["turn"], &row["lineage"]["reasons"][0]), (&asked["turn"], &"incorrect".into()));
    assert_eq!(row["lineage"]["model"], asked["model"]);
    let dataset = folder.path().join("dataset");
    let imported = json(&run("halligan-host", &["data", "import", text(&rows), "-o", text(&dataset), "--json"]));
    assert_eq!(imported["rows"], 1);
    let base = built_in_base();
    let adapter = folder.path().join("adapter.gguf");
    let train = ["train", "--base", text(&base), "--data", text(&rows), "-o", text(&adapter)];
    run("halligan-host", &[&train[..], &["--max-steps", "1", "--device", "cpu", "--json"]].concat());
    let scored = json(&run("halligan-host", &["eval", "--base", text(&base), "--data", text(&rows), "--json"]));
    assert_eq!(scored["questions"], 1);

    let forgotten = device(&home, &["journal", "forget", "--matching", "zanzibarry"]);
    assert_eq!(forgotten["forgotten"]["redacted"], 1);
    device(&home, &["journal", "forget", &turn]);
    for entry in fs::read_dir(&home).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        let bytes = fs::read(entry.path()).unwrap().to_ascii_lowercase();
        for word in ["xylo", "zanzibarr"] {
            assert!(!bytes.windows(word.len()).any(|at| at == word.as_bytes()), "{word} in {:?}", entry.path());
        }
    }
    let kept = device(&home, &["journal", "keep", "--days", "30"]);
    assert_eq!((&kept["days"], &kept["deleted"]), (&30.into(), &0.into()));
}
