//! A model that was trained to call tools, through the whole device: prompt, grammar, call, result, answer.

use std::{fs, path::Path};

use halligan_tests::{built_in_base, guide, json, run};
use serde_json::{Value, json};

/// Every so many rows of the held-out questions are asked.
const EVERY: usize = 10;
/// Least share of right tools; these rows give 94 %, the whole set 98.9 % (`trainer-host/guide/score_tool_calls.py`).
const TOOL_MIN: f64 = 0.88;
/// Least share of calls that are right to the last argument; 78 % both here and in the whole set.
const WHOLE_MIN: f64 = 0.70;

fn device(home: &Path, words: &[&str]) -> Value {
    let home = home.display().to_string();
    json(&run("halligan", &[&["--home", &home, "--json"][..], words].concat()))
}

/// A home whose model alone decides what is called.
fn set_up(folder: &Path) -> std::path::PathBuf {
    let (home, checks) = (folder.join("home"), folder.join("checks.md"));
    fs::write(&checks, "# Station\n\n## Boat launch\n\n- [ ] Vests on\n- [ ] Fuel on\n- [ ] Line clear\n").unwrap();
    let paths = [built_in_base(), guide("tool_calls.gguf"), guide("field-guide.md"), checks, guide("hazards.csv")];
    let [base, adapter, document, checks, table] = paths.map(|path| path.display().to_string());
    let place = home.display().to_string();
    for words in [
        vec!["setup", "--model", &base, "--adapter", &adapter, "--docs", &document, &checks],
        vec!["tools", "import-table", &table, "--name", "guide"],
        vec!["tools", "router", "off"],
    ] {
        let done = run("halligan", &[vec!["--home", &place], words].concat());
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    home
}

#[test]
fn a_trained_model_calls_the_right_tool_and_none_for_questions_of_the_guide() {
    let folder = tempfile::tempdir().unwrap();
    let home = set_up(folder.path());
    let rows = fs::read_to_string(guide("tool_calls_heldout.jsonl")).unwrap();
    let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let (mut asked, mut right_tool, mut right_call) = (0.0, 0.0, 0.0);
    let mut wrong = Vec::new();
    for row in rows.iter().step_by(EVERY) {
        let turn = device(&home, &["ask", "--tools", row["question"].as_str().unwrap()]);
        let call = &turn["tools"][0]["call"];
        if row["tool"].is_null() {
            assert_eq!(turn["tools"], json!([]), "the guide answers this: {row}");
            assert_ne!(turn["answer"], "");
            continue;
        }
        asked += 1.0;
        right_tool += f64::from(call["name"] == row["tool"]);
        right_call += f64::from(call["name"] == row["tool"] && call["arguments"] == row["arguments"]);
        if call["arguments"] != row["arguments"] {
            wrong.push(format!("{row}: {call}"));
        }
    }
    assert!(asked >= 15.0, "{asked} questions are too few to judge by");
    assert!(right_tool / asked >= TOOL_MIN, "{right_tool} of {asked}: {wrong:#?}");
    assert!(right_call / asked >= WHOLE_MIN, "{right_call} of {asked}: {wrong:#?}");
}

#[test]
fn what_a_tool_says_reaches_people_and_a_refusal_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let home = set_up(folder.path());
    let sum = device(&home, &["ask", "--tools", "What is 12 times 7?"]);
    assert_eq!(sum["tools"][0]["outcome"]["content"]["says"], "12 times 7 = 84.", "{sum}");
    assert!(sum["answer"].as_str().unwrap().contains("84"), "{sum}");
    let hazard = device(&home, &["ask", "--tools", "Look up UN 1090."]);
    assert!(hazard["answer"].as_str().unwrap().starts_with("UN 1090 Acetone: class 3;"), "{hazard}");
    let line = ["ask", "--tools", "Log: Engine 4 on scene"];
    assert_eq!(device(&home, &line)["tools"][0]["outcome"]["kind"], "denied");
    let logged = device(&home, &[&line[..], &["--yes"]].concat());
    assert_eq!(logged["tools"][0]["call"]["arguments"], json!({ "text": "Engine 4 on scene" }));
    assert_eq!(logged["tools"][0]["outcome"]["kind"], "done", "{logged}");
}
