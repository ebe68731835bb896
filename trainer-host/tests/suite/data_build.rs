//! Splits and mixtures through `data build`: facts stay whole, shares are those asked for, nothing leaks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::command::Bench;
use super::data_rows::{facts, files, import, reasons, rows};

#[test]
fn build_splits_facts_whole_in_the_shares_asked_for_and_the_same_every_time() {
    let bench = Bench::new();
    import(&bench, "domain", &facts("hydrant", 100, 3));
    let report =
        bench.json(&["data", "build", "domain", "-o", "b1", "--split", "0.7,0.2,0.1", "--seed", "4", "--json"]);
    assert_eq!((report["train"].as_u64(), report["leaks"].as_u64()), (Some(210), Some(0)), "{report}");
    let mut sides: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for split in ["train", "validation", "test"] {
        for row in rows(&bench, &format!("b1/{split}.jsonl")) {
            assert_eq!(row["split"], split);
            sides.entry(row["group"].as_str().unwrap().to_owned()).or_default().insert(split.to_owned());
        }
    }
    assert_eq!(sides.len(), 100);
    assert!(sides.values().all(|sides| sides.len() == 1));
    bench.json(&["data", "build", "domain", "-o", "b2", "--split", "0.7,0.2,0.1", "--seed", "4", "--json"]);
    assert_eq!(files(&bench.path("b1")), files(&bench.path("b2")));
    bench.json(&["data", "build", "domain", "-o", "b3", "--split", "0.7,0.2,0.1", "--seed", "5", "--json"]);
    assert_ne!(files(&bench.path("b1"))["test.jsonl"], files(&bench.path("b3"))["test.jsonl"]);
}

#[test]
fn mixture_and_replay_have_exactly_the_shares_asked_for() {
    let bench = Bench::new();
    import(&bench, "domain", &facts("hydrant", 120, 1));
    import(&bench, "general", &facts("library", 80, 1));
    import(&bench, "earlier", &facts("antenna", 60, 1));
    let build = ["data", "build", "domain", "general", "-o", "out", "--weights", "4,1", "--replay", "earlier"];
    let with = |more: &[&'static str]| [&build[..], &["--replay-share", "0.15", "--split", "1,0,0"], more].concat();
    let report = bench.json(&with(&["--rows", "100", "--json"]));
    let counts: Vec<u64> =
        report["mixture"].as_array().unwrap().iter().map(|part| part["rows"].as_u64().unwrap()).collect();
    assert_eq!(counts, [68, 17, 15]);
    let written = rows(&bench, "out/train.jsonl");
    let of = |name: &str| written.iter().filter(|row| row["group"].as_str().unwrap().starts_with(name)).count();
    assert_eq!((of("hydrant"), of("library"), of("antenna")), (68, 17, 15));
    assert_eq!(written.iter().filter(|row| row["labels"]["replay"] == true).count(), 15);
    assert_eq!(reasons(&bench, "out").values().filter(|reason| *reason == "mixture").count(), 260 - 100);
    let error = bench.error(&with(&["--rows", "500"]));
    assert!(error.contains("340 training rows are asked of it and it has 120; lower --rows to 1"), "{error}");
}

#[test]
fn replay_comes_on_top_of_all_fresh_rows_or_not_at_all() {
    let bench = Bench::new();
    import(&bench, "domain", &facts("hydrant", 120, 1));
    import(&bench, "earlier", &facts("antenna", 60, 1));
    let build = |share| {
        ["data", "build", "domain", "-o", "out", "--split", "1,0,0", "--replay", "earlier", "--replay-share", share]
    };
    let report = bench.json(&[&build("0.15")[..], &["--json"]].concat());
    let counts: Vec<u64> =
        report["mixture"].as_array().unwrap().iter().map(|part| part["rows"].as_u64().unwrap()).collect();
    assert_eq!(counts, [120, 21]);
    let error = bench.error(&build("0.5"));
    assert!(error.contains("takes 120 rows beside 120 fresh ones, and it has 60"), "{error}");
    assert!(error.contains("lower --replay-share to 0.3333"), "{error}");
    bench.json(&[&build("0.3333")[..], &["--json"]].concat());
    let error = bench.error(&["data", "build", "domain", "-o", "out", "--replay", "domain"]);
    assert!(error.contains("it has 0") && error.contains("leave --replay out"), "{error}");
}

#[test]
fn a_split_that_tied_rows_leave_empty_is_named() {
    let bench = Bench::new();
    import(&bench, "domain", &facts("hydrant", 1, 20));
    let build = ["data", "build", "domain", "-o", "out"];
    let report = bench.json(&[&build[..], &["--json"]].concat());
    let short = |split| json!({"split": split, "asked": 2, "rows": 0});
    assert_eq!(report["unfilled"], json!([short("validation"), short("test")]));
    let talk = bench.run(&build).stderr;
    assert!(String::from_utf8(talk).unwrap().contains("test has 0 rows where 2 were asked for"));
}

#[test]
fn rows_that_share_a_system_prompt_are_as_different_as_their_questions() {
    let bench = Bench::new();
    let system = (0..200).map(|word| format!("rule{word}")).collect::<Vec<_>>().join(" ");
    let row = |number: usize| {
        let messages = json!([{"role": "system", "content": system},
            {"role": "user", "content": format!("Where does hydrant {number} stand?")},
            {"role": "assistant", "content": format!("Hydrant {number} stands at mile {}.", 7 * number)}]);
        json!({"id": format!("r{number}"), "messages": messages}).to_string() + "\n"
    };
    import(&bench, "made", &(0..6).map(row).collect::<String>());
    assert_eq!(bench.json(&["data", "filter", "made", "-o", "clean", "--json"])["kept"], 6);
    assert_eq!(bench.json(&["data", "build", "made", "-o", "built", "--json"])["families"], 6);
    let report = bench.json(&["data", "dedup", "made.jsonl", "-o", "single.jsonl", "--json"]);
    assert_eq!((&report["kept"], &report["pairs_total"]), (&json!(6), &json!(0)));
}
