//! `halligan tools` as a process: what scripts see of tools, tables and approvals.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn run(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_halligan"));
    command.arg("--home").arg(home).args(arguments).stdin(Stdio::null()).env_remove("HALLIGAN_LOG");
    command.output().unwrap()
}

fn data(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn table() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../trainer-host/guide/hazards.csv")
}

#[test]
fn a_table_is_imported_with_its_columns_shown_and_answers_without_a_model() {
    let home = tempfile::tempdir().unwrap();
    let path = table();
    let imported = run(home.path(), &["tools", "import-table", path.to_str().unwrap(), "--name", "guide"]);
    assert!(imported.status.success(), "{}", talk(&imported));
    let shown = data(&imported);
    assert!(shown.starts_with("imported 16 rows as guide"), "{shown}");
    assert!(shown.contains("number         UN number") && shown.contains("guide          Guide number"), "{shown}");
    let answer = run(home.path(), &["ask", "What is UN 1017?"]);
    assert!(answer.status.success(), "{}", talk(&answer));
    assert!(data(&answer).starts_with("UN 1017 Chlorine: class 2.3; guide 124; "), "{}", data(&answer));
    assert!(talk(&answer).contains("answered by a tool, not by the model"));
    let json = run(home.path(), &["ask", "What is UN 1017?", "--json"]);
    let turn: Value = serde_json::from_str(data(&json).lines().last().unwrap()).unwrap();
    assert_eq!(turn["tools"][0]["call"]["name"], "hazard_lookup");
    let wrong = run(home.path(), &["tools", "import-table", path.to_str().unwrap(), "--column", "colour=Name"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(talk(&wrong).contains("`colour` is no use of a column"));
}

#[test]
fn tools_are_listed_called_and_asked_for_before_they_change_anything() {
    let home = tempfile::tempdir().unwrap();
    let list = run(home.path(), &["tools", "list", "--json"]);
    let tools: Value = serde_json::from_str(&data(&list)).unwrap();
    assert!(tools["tools"].as_array().unwrap().len() >= 12);
    assert!(
        data(&run(home.path(), &["tools", "list"])).contains("log_entry (asks first): add a line to the incident log")
    );
    let sum = run(home.path(), &["tools", "call", "calculate", r#"{"expression": "1/3 + 1/6"}"#]);
    assert_eq!(data(&sum), "1/3 + 1/6 = 0.5.");
    let entry = ["tools", "call", "log_entry", r#"{"text": "Engine 4 on scene"}"#];
    let denied = run(home.path(), &entry);
    assert_eq!(denied.status.code(), Some(3), "not done as asked");
    assert!(talk(&denied).contains("add --yes to allow it"), "{}", talk(&denied));
    let allowed = run(home.path(), &[&entry[..], &["--yes"]].concat());
    assert!(data(&allowed).ends_with("Engine 4 on scene"), "{}", talk(&allowed));
    for (arguments, says) in [
        (["tools", "call", "launch", "{}"], "there is no tool `launch`"),
        (["tools", "call", "calculate", "{"], "are no JSON"),
        (["tools", "call", "calculate", "{}"], "expression"),
    ] {
        let failed = run(home.path(), &arguments);
        assert_eq!(failed.status.code(), Some(1));
        assert!(talk(&failed).contains(says), "{}", talk(&failed));
    }
}

#[test]
fn the_router_can_be_turned_off() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(data(&run(home.path(), &["ask", "500 gpm to L/min"])), "500 gpm = 1892.71 L/min.");
    assert!(run(home.path(), &["tools", "router", "off"]).status.success());
    let without = run(home.path(), &["ask", "500 gpm to L/min"]);
    assert!(talk(&without).contains("no model"), "{}", talk(&without));
}

#[test]
fn tables_are_listed_and_removed_and_none_goes_without_a_name() {
    let home = tempfile::tempdir().unwrap();
    let path = table();
    let import = |name: &str| run(home.path(), &["tools", "import-table", path.to_str().unwrap(), "--name", name]);
    let nameless = import(" ");
    assert_eq!(nameless.status.code(), Some(1));
    assert!(talk(&nameless).contains("--name"), "{}", talk(&nameless));
    assert!(import("guide").status.success());
    assert_eq!(data(&run(home.path(), &["tools", "tables"])), "guide: 16 rows, of hazards.csv");
    let json: Value = serde_json::from_str(&data(&run(home.path(), &["tools", "tables", "--json"]))).unwrap();
    assert_eq!((&json["tables"][0]["name"], &json["tables"][0]["entries"]), (&"guide".into(), &16.into()));
    let other = run(home.path(), &["tools", "remove-table", "gide"]);
    assert_eq!(other.status.code(), Some(1));
    assert!(talk(&other).contains("no hazard table `gide`; on this device: guide"), "{}", talk(&other));
    assert_eq!(data(&run(home.path(), &["tools", "remove-table", "guide"])), "removed guide with 16 rows");
    assert!(
        talk(&run(home.path(), &["tools", "call", "hazard_lookup", r#"{"substance": "chlorine"}"#]))
            .contains("no hazard table is on")
    );
}
