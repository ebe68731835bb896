//! `data ingest` from outside: what a schema may not say, what an interrupted run leaves, what is said of broken files.

#[cfg(unix)]
use std::collections::BTreeMap;

use serde_json::Value;

use super::command::Bench;

const TABLE: &str = "material,un number,class\nAcetone,1090,3\nChlorine,1017,2.3\n";

/// A bench with a table and `[[table]]` entries for it.
fn bench(schema: &str) -> Bench {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("in")).unwrap();
    bench.write("in/table.csv", TABLE);
    bench.write("schema.toml", format!("[[table]]\nfiles = '*.csv'\n{schema}\n"));
    bench
}

const INGEST: [&str; 9] = ["data", "ingest", "in", "-o", "out", "--base", "estimate", "--schema", "schema.toml"];

fn lines(bench: &Bench, file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(bench.path(file)).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn reasons(bench: &Bench) -> Vec<String> {
    lines(bench, "out/skipped.jsonl").iter().map(|one| one["reason"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn column_that_is_in_no_record_is_an_error_that_names_those_there_are() {
    for schema in ["columns = ['material', 'clas']", "question_column = 'material'\nanswer_column = 'clas'"] {
        let bench = bench(schema);
        let error = bench.error(&INGEST);
        let told = "schema.toml: files = \"*.csv\": `clas` of the schema is in no record; the columns are material, un \
                    number, class";
        assert!(error.contains(told), "{error}");
        assert!(!bench.path("out/manifest.json").exists());
        // Another file that has the column makes it a fact about the first.
        bench.write("in/other.csv", "material,clas\nRope,1\n");
        bench.json(&[&INGEST[..], &["--json"]].concat());
        assert_eq!(reasons(&bench), ["no_column"]);
    }
}

#[test]
fn template_that_fails_for_every_record_is_an_error_and_a_pattern_without_a_file_is_told() {
    let failing = bench("text = '{{ klass }}'");
    let error = failing.error(&INGEST);
    assert!(error.contains("no record could be worded") && error.contains("write {{ row[\"un number\"] }}"), "{error}");
    let named = bench("text = 'UN{{ row[\"un number\"] }}'\n[[table]]\nfiles = 'nothing.csv'");
    let report = named.json(&[&INGEST[..], &["--json"]].concat());
    assert_eq!(report["remarks"]["no_file"], 1, "{report}");
    assert_eq!(lines(&named, "out/chunks.jsonl")[0]["text"], "UN1090");
}

#[test]
fn second_run_says_once_what_the_first_said_of_the_schema_among_the_documents() {
    let bench = bench("");
    bench.write("in/own.toml", "[[table]]\nfiles = 'nothing.csv'\n");
    let words = [
        "data",
        "ingest",
        "in",
        "in/table.csv",
        "-o",
        "out",
        "--base",
        "estimate",
        "--schema",
        "in/own.toml",
        "--json",
    ];
    for reused in [0, 2] {
        assert_eq!(bench.json(&words)["reused"], reused);
        assert_eq!(reasons(&bench), ["no_file", "given_twice"]);
    }
}

#[test]
fn broken_file_is_named_once_and_lines_of_json_are_read_by_any_name() {
    let bench = bench("");
    bench.write("in/broken.json", "{\"a\": ");
    bench.write("in/lines.json", "{\"a\": 1}\n{\"a\": 2}\n");
    bench.json(&[&INGEST[..], &["--json"]].concat());
    assert_eq!(reasons(&bench), ["broken", "json_lines"]);
}

#[test]
fn version_that_is_none_is_a_usage_error() {
    let bench = bench("");
    let output = bench.run(&[&INGEST[..], &["--dataset-version", "v1.2"]].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("such as 1.2.0"));
}

#[test]
fn path_in_two_folders_is_asked_for_with_its_folder_and_a_file_is_no_dataset() {
    let bench = Bench::new();
    for folder in ["k1", "k2"] {
        std::fs::create_dir(bench.path(folder)).unwrap();
        bench.write(&format!("{folder}/a.md"), format!("The pump of {folder} stands here.\n"));
    }
    bench.json(&["data", "ingest", "k1", "k2", "-o", "out", "--base", "estimate", "--json"]);
    let error = bench.error(&["data", "trace", "a.md", "out"]);
    assert!(
        error.contains("a.md is the path of 2 files: ") && error.ends_with("give the path with its folder"),
        "{error}"
    );
    assert_eq!(bench.json(&["data", "trace", "k2/a.md", "out", "--json"])["sources"][0]["path"], "k2/a.md");
    for arguments in [&["data", "trace", "a.md", "k2/a.md"][..], &["data", "generate", "k2/a.md", "--rules", "-o", "x"]]
    {
        let error = bench.error(arguments);
        assert!(error.contains("k2/a.md: a file, where a dataset folder is expected"), "{error}");
    }
}

#[test]
fn parts_of_a_repaired_passage_say_that_their_range_is_that_of_all() {
    let bench = Bench::new();
    let sentence = "The crew opens the valve slowly and waits until the gauge shows pres-\nsure again. ";
    bench.write("a.txt", format!("Page one.\n\n\u{c}Page two.\n\n\u{c}{}\n", sentence.repeat(20)));
    bench.json(&["data", "ingest", "a.txt", "-o", "out", "--base", "estimate", "--chunk-tokens", "64", "--json"]);
    let chunks = lines(&bench, "out/chunks.jsonl");
    let last = chunks.last().unwrap();
    let parts = chunks.iter().filter(|chunk| chunk["place"]["bytes"] == last["place"]["bytes"]).count();
    assert!(parts > 1 && last["cleaned"].is_array(), "{chunks:?}");
    let id = last["id"].as_str().unwrap();
    let trace = bench.json(&["data", "trace", id, "out", "--json"]);
    assert_eq!(trace["chunks"][0]["chunks_of_range"], parts);
    let plain = String::from_utf8(bench.run(&["data", "trace", id, "out"]).stdout).unwrap();
    assert!(plain.contains("none has bytes of its own"), "{plain}");
}

/// The bytes of all files of a folder.
#[cfg(unix)]
fn files(bench: &Bench, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(bench.path(folder)).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())).collect()
}

#[test]
#[cfg(unix)]
fn large_file_that_was_read_before_an_interruption_is_not_read_again() {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    let bench = Bench::new();
    std::fs::create_dir(bench.path("in")).unwrap();
    let text = |name: &str, paragraphs: usize| {
        let paragraph = |number| format!("In {name} the gauge {number} shows the pressure of the pump.\n\n");
        (0..paragraphs).map(paragraph).collect::<String>()
    };
    bench.write("in/a.txt", text("a", 90_000));
    bench.write("in/b.txt", text("b", 700_000));
    let ingest = |output: &'static str| ["data", "ingest", "in", "-o", output, "--base", "estimate", "--json"];
    let mut command = bench.command(&ingest("out"));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (journal, began) = (bench.path("out/.ingest-journal.jsonl"), Instant::now());
    while std::fs::metadata(&journal).map_or(true, |facts| facts.len() == 0) {
        assert!(child.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(120));
        std::thread::sleep(Duration::from_millis(5));
    }
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{talk}");
    assert!(talk.contains("run the same command again to go on"), "{talk}");
    assert!(!bench.path("out/chunks.jsonl").exists());
    let resumed = bench.json(&ingest("out"));
    assert_eq!((resumed["files"].as_u64(), resumed["reused"].as_u64()), (Some(2), Some(1)));
    let unbroken = bench.json(&ingest("whole"));
    assert_eq!((&resumed["tokens"], unbroken["reused"].as_u64()), (&unbroken["tokens"], Some(0)));
    assert!(files(&bench, "out") == files(&bench, "whole"), "the same bytes");
    let again = bench.json(&ingest("out"));
    assert_eq!((again["reused"].as_u64(), &again["tokens"]), (Some(2), &unbroken["tokens"]));
}
