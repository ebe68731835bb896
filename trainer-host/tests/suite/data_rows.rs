//! Rows through the verbs of `data`: in from other programs, filtered, reviewed, split, mixed, and out again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use super::command::{Bench, base};

fn foreign(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/foreign").join(name).display().to_string()
}

fn line(id: &str, question: &str, answer: &str) -> String {
    let messages = json!([{"role": "user", "content": question}, {"role": "assistant", "content": answer}]);
    json!({"id": id, "messages": messages}).to_string() + "\n"
}

/// Rows about items with words of their own; `wordings` rows for each fact.
pub fn facts(name: &str, count: usize, wordings: usize) -> String {
    let mut text = String::new();
    for fact in 0..count {
        for wording in 0..wordings {
            let number = 31 * fact + 7;
            let question = format!("Wording {wording}: {name} {number} stands at which marker of route {fact}?");
            let answer = format!("The {name} {number} stands at marker {} of its route.", fact * fact + 3);
            let row = json!({
                "group": format!("{name}-{fact}"), "kind": if fact % 3 == 0 { "definition" } else { "record" },
                "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}],
            });
            text += &(row.to_string() + "\n");
        }
    }
    text
}

pub fn import(bench: &Bench, name: &str, rows: &str) {
    let file = format!("{name}.jsonl");
    bench.write(&file, rows);
    bench.json(&["data", "import", &file, "-o", name, "--json"]);
}

pub fn rows(bench: &Bench, path: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(bench.path(path)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub fn reasons(bench: &Bench, folder: &str) -> BTreeMap<String, String> {
    let skipped = rows(bench, &format!("{folder}/skipped.jsonl"));
    let text = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
    skipped.iter().map(|skipped| (text(skipped, "id"), text(skipped, "reason"))).collect()
}

pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            let inner = files(&entry.path()).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes));
            found.extend(inner);
        } else {
            found.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
    found
}

#[test]
fn dedup_keeps_the_first_of_similar_rows_as_it_was_and_names_the_pairs() {
    let bench = Bench::new();
    let words = |from: usize| (from..from + 60).map(|word| format!("w{word}")).collect::<Vec<_>>().join(" ");
    let near = words(0).replace("w30", "other");
    let lines = [
        json!({"id": "a", "text": words(0), "more": [1, 2]}),
        json!({"id": 7, "text": near}),
        json!({"id": "c", "text": words(100)}),
        json!({"id": "d", "text": words(0).replace(' ', "\n")}),
    ];
    let text: Vec<String> = lines.iter().map(ToString::to_string).collect();
    bench.write("in.jsonl", text.join("\n"));
    let report = bench.json(&["data", "dedup", "in.jsonl", "-o", "out.jsonl", "--threshold", "0.7", "--json"]);
    let pairs: Vec<(&str, &str)> = report["pairs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| (pair["a"].as_str().unwrap(), pair["b"].as_str().unwrap()))
        .collect();
    assert_eq!(pairs, [("a", "7"), ("a", "d"), ("7", "d")]);
    // Five of 56 shingles are gone and five are new.
    assert_eq!(report["pairs"][0]["jaccard"], 51.0 / 61.0);
    assert_eq!(
        report["clusters"],
        json!([{"cluster": "a", "kept": "a", "dropped": ["7", "d"], "why": "first of its cluster in the file"}])
    );
    assert_eq!(std::fs::read_to_string(bench.path("out.jsonl")).unwrap(), format!("{}\n{}\n", text[0], text[2]));
    let skipped = rows(&bench, "out.skipped.jsonl");
    assert_eq!(
        (skipped[0]["reason"].as_str(), skipped[1]["reason"].as_str()),
        (Some("near_duplicate"), Some("exact_duplicate"))
    );
}

#[test]
fn rows_survive_every_form_that_can_hold_them() {
    let bench = Bench::new();
    let text = json!({"text": "Water boils at 100 degrees.", "kind": "text"}).to_string();
    let long = json!({"group": "talk", "messages": [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi \u{1f525}"},
        {"role": "assistant", "content": "Yes?\n\nGo on."}, {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "Because."}]});
    let valued = json!({"id": "v", "value": "5 feet", "contradicts": ["6 feet"], "messages": [
        {"role": "user", "content": "How deep?"}, {"role": "assistant", "content": "5 feet."}]});
    import(&bench, "made", &format!("{}{text}\n{long}\n{valued}\n", facts("hydrant", 12, 2)));
    bench.json(&["data", "build", "made", "-o", "all", "--split", "0.5,0.25,0.25", "--json"]);
    let talk = format!("{}{long}\n{valued}\n", facts("hydrant", 12, 2));
    import(&bench, "talked", &talk);
    bench.json(&["data", "build", "talked", "-o", "talk", "--json"]);
    let single = format!("{}{valued}\n", facts("hydrant", 12, 2));
    import(&bench, "asked", &single);
    bench.json(&["data", "build", "asked", "-o", "single", "--json"]);
    let sorted = |folder: &str| {
        let mut lines: Vec<String> = std::fs::read_to_string(bench.path(&format!("{folder}/rows.jsonl")))
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    };
    for (format, dataset, out) in [
        ("messages", "all", "x.jsonl"),
        ("parquet", "all", "x.parquet"),
        ("hf", "all", "x-hf"),
        ("croissant", "all", "x-croissant"),
        ("sharegpt", "talk", "x-sharegpt.jsonl"),
        ("alpaca", "single", "x-alpaca.jsonl"),
    ] {
        let written = bench.json(&["data", "export", dataset, "--format", format, "-o", out, "--json"]);
        assert_eq!(written["rows"], rows(&bench, &format!("{dataset}/rows.jsonl")).len());
        let back = format!("back-{format}");
        bench.json(&["data", "import", out, "-o", &back, "--json"]);
        assert_eq!(sorted(&back), sorted(dataset), "{format}");
    }
    bench.json(&["data", "export", "talk", "--format", "chatml", "-o", "x.txt", "--json"]);
    bench.json(&["data", "import", "x.txt", "-o", "back-chatml", "--json"]);
    let words = |folder: &str| {
        rows(&bench, &format!("{folder}/rows.jsonl"))
            .iter()
            .map(|row| row["messages"].to_string())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(words("back-chatml"), words("talk"));
    // Without the ending of a file every split is a file.
    bench.json(&["data", "export", "all", "--format", "messages", "-o", "folder", "--json"]);
    let names: Vec<String> = files(&bench.path("folder")).into_keys().collect();
    assert_eq!(names, [".halligan-export.json", "test.jsonl", "train.jsonl", "validation.jsonl"]);
    for (format, dataset) in [
        ("messages", "all"),
        ("parquet", "all"),
        ("sharegpt", "talk"),
        ("alpaca", "single"),
        ("chatml", "talk"),
        ("hf", "all"),
        ("croissant", "all"),
    ] {
        let (folder, back) = (format!("folder-{format}"), format!("back-folder-{format}"));
        bench.json(&["data", "export", dataset, "--format", format, "-o", &folder, "--json"]);
        bench.json(&["data", "import", &folder, "-o", &back, "--json"]);
        if format == "chatml" {
            assert_eq!(words(&back), words(dataset));
            let splits = |folder: &str| {
                let rows = rows(&bench, &format!("{folder}/rows.jsonl"));
                rows.iter().map(|row| (row["messages"].to_string(), row["split"].to_string())).collect::<BTreeSet<_>>()
            };
            assert_eq!(splits(&back), splits(dataset));
        } else {
            assert_eq!(sorted(&back), sorted(dataset), "{format}");
        }
    }
}

#[test]
fn what_a_verb_did_not_write_itself_stays_unless_it_is_forced() {
    let bench = Bench::new();
    import(&bench, "made", &facts("hydrant", 4, 1));
    std::fs::create_dir(bench.path("mine")).unwrap();
    bench.write("mine/train.jsonl", "my own rows\n");
    let export = ["data", "export", "made", "--format", "messages", "-o", "mine"];
    let error = bench.error(&export);
    assert!(error.contains("mine/train.jsonl") && error.contains("--force"), "{error}");
    assert_eq!(std::fs::read_to_string(bench.path("mine/train.jsonl")).unwrap(), "my own rows\n");
    bench.json(&[&export[..], &["--force", "--json"]].concat());
    // Now it is the export's own; once it was changed by hand it no longer is.
    bench.json(&[&export[..], &["--json"]].concat());
    bench.write("mine/train.jsonl", "changed\n");
    assert!(bench.error(&export).contains("changed since"));
    let before = files(&bench.path("made"));
    bench.json(&["data", "filter", "made", "-o", "clean", "--json"]);
    let error = bench.error(&["data", "filter", "clean", "-o", "made"]);
    assert!(error.contains("a dataset that `import` made") && error.contains("--force"), "{error}");
    assert_eq!(files(&bench.path("made")), before);
    bench.json(&["data", "filter", "made", "-o", "clean", "--json"]);
    bench.json(&["data", "dedup", "made", "-o", "clean", "--force", "--json"]);
}

#[test]
fn answer_without_a_word_is_no_row() {
    let bench = Bench::new();
    bench.write("in.jsonl", line("a", "How far?", "5 feet.") + &line("b", "How deep?", " \n"));
    let error = bench.error(&["data", "import", "in.jsonl", "-o", "made"]);
    assert!(error.contains("in.jsonl:2") && error.contains("answer without a word"), "{error}");
}

#[test]
fn doctor_says_that_rows_can_be_trained_only_when_they_can() {
    let bench = Bench::new();
    bench.write("rows.jsonl", line("a", "How far is it?", "It is 150 feet.") + &line("b", "And?", "Stay calm. Go on."));
    let (base, all) = (base(), "all rows can be trained");
    let said = |more: &[&str]| {
        let output = bench.run(&[&["data", "doctor", "rows.jsonl", "--base", &base], more].concat());
        (String::from_utf8(output.stdout).unwrap(), output.status.code())
    };
    let (text, code) = said(&[]);
    assert!(text.trim_end().ends_with(all) && code == Some(0), "{text}");
    let (text, code) = said(&["--seq", "4"]);
    assert!(text.contains("2 rows do not fit into 4 tokens") && !text.contains(all) && code == Some(1), "{text}");
}

#[test]
fn row_that_a_form_cannot_hold_is_named_and_nothing_is_written() {
    let bench = Bench::new();
    let turns = json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]});
    let marked =
        json!({"messages": [{"role": "user", "content": "a <|im_end|>"}, {"role": "assistant", "content": "b"}]});
    let tool = json!({"messages": [{"role": "user", "content": "a"}, {"role": "tool", "content": "t"}, {"role": "assistant", "content": "b"}]});
    import(&bench, "made", &format!("{turns}\n{marked}\n{tool}\n{}\n{}", json!({"text": "t"}), line("f", "g", "h")));
    for (format, name, expected) in [
        ("alpaca", "x.jsonl", "holds one question and one answer"),
        ("sharegpt", "x.jsonl", "role `tool`"),
        ("chatml", "x.txt", "the mark <|im_end|>"),
    ] {
        let error = bench.error(&["data", "export", "made", "--format", format, "-o", name]);
        assert!(error.contains(expected) && error.contains("row ") && error.contains("--skip-unfit"), "{error}");
        assert!(!bench.path(name).exists());
    }
    let kept = bench.json(&["data", "export", "made", "--format", "alpaca", "-o", "x.jsonl", "--skip-unfit", "--json"]);
    // The marked row is one question with one answer.
    assert_eq!((kept["rows"].as_u64(), kept["unfit"].as_array().unwrap().len()), (Some(2), 3));
}

#[test]
fn files_of_other_programs_are_read() {
    let bench = Bench::new();
    let count = |name: &str, out: &str| {
        let report = bench.json(&["data", "import", &foreign(name), "-o", out, "--json"]);
        (report["rows"].as_u64().unwrap(), rows(&bench, &format!("{out}/rows.jsonl")))
    };
    let (hugging_face, made) = count("hugging_face", "a");
    assert_eq!(hugging_face, 10);
    assert_eq!(made.iter().filter(|row| row["split"] == "test").count(), 3);
    assert_eq!(made[0]["messages"][0]["content"], "You are a field assistant.");
    assert_eq!(made[0]["group"], "item-0");
    let (parquet, made) = count("rows.parquet", "b");
    assert_eq!((parquet, made[4]["group"].as_str()), (5, Some("4")));
    let (alpaca, made) = count("alpaca.jsonl", "c");
    assert_eq!((alpaca, made[1]["messages"][0]["content"].as_str()), (4, Some("Name item 1.\n\nin Greek")));
    let (sharegpt, made) = count("sharegpt.jsonl", "d");
    assert_eq!((sharegpt, made[0]["messages"].as_array().unwrap().len()), (4, 4));
    let error = bench.error(&["data", "import", &foreign("no_rows.parquet"), "-o", "e"]);
    assert!(error.contains("neither a column `messages` nor `text`") && error.contains("question"), "{error}");
}

#[test]
fn dedup_takes_no_file_that_it_did_not_make() {
    let bench = Bench::new();
    let rows = line("a", "How far?", "5 feet.") + &line("b", "How deep?", "6 feet.");
    bench.write("x.skipped.jsonl", &rows);
    bench.write("y.jsonl", &rows);
    let dedup = |input, output| ["data", "dedup", input, "-o", output];
    let error = bench.error(&dedup("x.skipped.jsonl", "x.jsonl"));
    assert!(error.contains("is what the input reads"), "{error}");
    let error = bench.error(&dedup("y.jsonl", "x.jsonl"));
    assert!(error.contains("x.skipped.jsonl is there and no list of `data dedup`"), "{error}");
    assert_eq!(std::fs::read_to_string(bench.path("x.skipped.jsonl")).unwrap(), rows);
    assert!(!bench.path("x.jsonl").exists());
    // A second run finds its own list, also an empty one.
    bench.json(&[&dedup("y.jsonl", "z.jsonl")[..], &["--json"]].concat());
    bench.json(&[&dedup("y.jsonl", "z.jsonl")[..], &["--json"]].concat());
    bench.json(&[&dedup("y.jsonl", "x.jsonl")[..], &["--force", "--json"]].concat());
    #[cfg(unix)]
    {
        let _socket = std::os::unix::net::UnixListener::bind(bench.path("socket")).unwrap();
        assert!(bench.error(&dedup("y.jsonl", "socket")).contains("no regular file"));
        assert!(bench.error(&dedup("socket", "w.jsonl")).contains("no regular file"));
    }
}

#[test]
fn filter_names_the_reason_of_every_row_that_leaves() {
    let bench = Bench::new();
    let good = "The isolation distance for the north ridge spill is ninety paces upwind of the tank.";
    let near = good.replace("tank", "truck");
    let rows_in = [
        line("good", "How far do I isolate the north ridge spill?", good),
        line("near", "How far do I isolate the north ridge spill?", &near),
        line("unsure", "What is the code?", "I don't know the code."),
        line("echo", "What is a safety zone?", "A safety zone is a safety zone."),
        line("leak", "Which channel does the night shift use on the west ridge now?", "Channel nine is used there."),
        line("mail", "Who is on duty?", "Write to duty@station.example.org please."),
        line("long", "What is said?", &"Keep calm and stay together. ".repeat(200)),
        line("greek", "\u{3a4}\u{3b9};", &"\u{3a0}\u{3b1}\u{3c1}\u{3b1}\u{3bc}\u{3ad}\u{3bd}\u{3b5}\u{3c4}\u{3b5} \u{3bc}\u{3b1}\u{3ba}\u{3c1}\u{3b9}\u{3ac}. ".repeat(6)),
        json!({"id": "open", "messages": [{"role": "assistant", "content": "Yes."}]}).to_string() + "\n",
    ];
    import(&bench, "made", &rows_in.concat());
    bench.write("gate.jsonl", line("e", "Which channel does the night shift use on the west ridge?", "Nine."));
    let base = base();
    let report = bench.json(&[
        "data",
        "filter",
        "made",
        "-o",
        "out",
        "--base",
        &base,
        "--max-tokens",
        "256",
        "--language",
        "eng",
        "--evaluation",
        "gate.jsonl",
        "--json",
    ]);
    let by_id: BTreeMap<String, String> = rows(&bench, "made/rows.jsonl")
        .iter()
        .map(|row| (row["id"].as_str().unwrap().to_owned(), row["group"].as_str().unwrap().to_owned()))
        .collect();
    let found: BTreeMap<String, String> =
        reasons(&bench, "out").into_iter().map(|(id, reason)| (by_id[&id].clone(), reason)).collect();
    let expected = [
        ("echo", "too_generic"),
        ("greek", "language"),
        ("leak", "evaluation_overlap"),
        ("long", "too_long"),
        ("near", "near_duplicate"),
        ("open", "schema"),
        ("unsure", "too_generic"),
    ];
    assert_eq!(found, expected.map(|(id, reason)| (id.to_owned(), reason.to_owned())).into());
    assert_eq!((report["kept"].as_u64(), report["personal_data"].as_u64()), (Some(2), Some(1)));
    let kept = rows(&bench, "out/rows.jsonl");
    assert!(kept.iter().any(|row| row["labels"]["personal_data"] == json!(["email"])));
}

#[test]
fn doctor_shows_the_trained_words_and_names_rows_that_training_would_refuse() {
    let bench = Bench::new();
    let rows = [
        line("a", "How far is it?", "It is 150 feet."),
        line("b", "What is said?", &"Stay calm. ".repeat(60)),
        line("c", "Empty?", "  "),
        "{\"messages\": 5}\n".to_owned(),
    ];
    bench.write("rows.jsonl", rows.concat());
    let report = bench.json(&["data", "doctor", "rows.jsonl", "--base", &base(), "--seq", "64", "--json"]);
    assert_eq!(
        (report["sound"].as_bool(), report["rows"].as_u64(), report["usable"].as_u64()),
        (Some(false), Some(4), Some(1))
    );
    assert_eq!(report["too_long"][0]["line"], 2);
    let lines: Vec<u64> =
        report["not_trainable"].as_array().unwrap().iter().map(|row| row["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 4]);
    let text = report["shown"][0]["text"].as_str().unwrap();
    let trained: Vec<&str> = text.split("[[").skip(1).filter_map(|part| part.split("]]").next()).collect();
    assert_eq!(trained.len(), 1, "{text}");
    assert!(
        trained[0].starts_with("It is 150 feet.") && trained[0].len() > "It is 150 feet.".len(),
        "no stop token: {text}"
    );
    assert!(text.contains("How far is it?"));
    let plain = bench.run(&["data", "doctor", "rows.jsonl", "--base", &base()]);
    let plain = String::from_utf8(plain.stdout).unwrap();
    assert!(plain.contains("[[It is 150 feet.") && !plain.contains('\u{1b}') && plain.contains("up to"), "{plain}");
}

#[test]
fn reviewed_rows_follow_the_protocol_and_keep_every_view() {
    let bench = Bench::new();
    import(&bench, "made", &facts("hydrant", 4, 1));
    let review = |expert: &str, verdicts: [&str; 4]| {
        bench.json(&["data", "review", "made", "--sample", "1", "--csv", "sheet.csv", "--json"]);
        let sheet = std::fs::read_to_string(bench.path("sheet.csv")).unwrap();
        let mut lines: Vec<String> = sheet.lines().map(str::to_owned).collect();
        lines[1..].sort();
        for (line, verdict) in lines[1..].iter_mut().zip(verdicts) {
            *line = line.replace(",,,,,,", &format!(",,{verdict}"));
        }
        bench.write("sheet.csv", lines.join("\n"));
        bench.json(&["data", "review", "made", "--import", "sheet.csv", "--expert", expert, "--json"])
    };
    let other = "fix,Another answer.,,0.9,checked on site";
    review("ann", ["good,,,1,", "bad,,,1,no such thing", other, "good,,,1,"]);
    let state = review("bob", ["good,,,0.9,", "bad,,,1,", other, "bad,,,1,"]);
    assert_eq!((state["disputed"].as_u64(), state["rated"].as_u64()), (Some(1), Some(4)));
    assert_eq!(state["agreement"]["cohen_kappa_mean"], json!(0.6363636363636364));
    let resolved = bench.json(&["data", "resolve", "made", "-o", "next", "--json"]);
    let counts = |key: &str| resolved[key].as_u64().unwrap();
    assert_eq!((counts("kept"), counts("rejected"), counts("replaced"), counts("disputed")), (1, 1, 1, 1));
    assert_eq!(rows(&bench, "next/ratings.jsonl").len(), 8);
    let next = rows(&bench, "next/rows.jsonl");
    let replaced = next.iter().find(|row| row["messages"][1]["content"] == "Another answer.").unwrap();
    assert_eq!((replaced["was"].as_array().unwrap().len(), replaced["ratings"].as_array().unwrap().len()), (1, 2));
    let disputed = next.iter().find(|row| row["labels"]["disputed"] == true).unwrap();
    assert_eq!(disputed["labels"]["expert_agreement"], 0.5);
    bench.json(&["data", "build", "next", "-o", "built", "--split", "1,0,0", "--json"]);
    assert_eq!(rows(&bench, "built/train.jsonl").len(), 2);
    assert_eq!(reasons(&bench, "built")[disputed["id"].as_str().unwrap()], "disputed");
    // A third expert breaks the tie.
    review("cy", ["good,,,1,", "bad,,,1,", other, "good,,,1,"]);
    let resolved = bench.json(&["data", "resolve", "made", "-o", "next", "--json"]);
    assert_eq!((resolved["disputed"].as_u64(), resolved["kept"].as_u64()), (Some(0), Some(2)));
}

#[test]
fn bad_input_ends_with_one_line_that_names_the_place() {
    let bench = Bench::new();
    let refused = |content: &str, expected: &[&str]| {
        bench.write("in.jsonl", content);
        for arguments in
            [&["data", "dedup", "in.jsonl", "-o", "out.jsonl"][..], &["data", "import", "in.jsonl", "-o", "out"]]
        {
            let error = bench.error(arguments);
            assert!(expected.iter().any(|expected| error.contains(expected)), "{arguments:?}: {error}");
            assert!(!bench.path("out.jsonl").exists() && !bench.path("out/manifest.json").exists());
        }
    };
    refused("", &["no rows", "empty"]);
    refused("\n \n", &["no rows", "empty"]);
    refused("{\"id\":\"a\",\"text\":5}", &["in.jsonl:1: `text` is a number"]);
    refused("{\"id\":\"a\",\"text\":\"x\"}\n[1]\n", &["in.jsonl:2: the line is a list"]);
    refused("{\"id\":{},\"text\":\"x\"}\n", &["in.jsonl:1: `id` is an object"]);
    refused("{\"id\":\"a\",\"words\":\"x\"}\n", &["the columns are `id`, `words`", "has the columns id, words"]);
    refused("{\"id\":\"a\",\"messages\":[{\"role\":\"user\"}]}\n", &["message 1 has no `content`"]);
    refused("{\"id\":\"a\",\"text\":\"x\"", &["in.jsonl:1: not JSON"]);
    refused(&format!("{{\"id\":\"a\",\"text\":\"{}\"}}\n", "x".repeat(17 << 20)), &["in.jsonl:1: the line is longer"]);
    bench.write("in.jsonl", "{\"id\":\"a\",\"text\":\"x\"}\n{\"id\":\"a\",\"text\":\"y\"}\n");
    let error = bench.error(&["data", "dedup", "in.jsonl", "-o", "out.jsonl"]);
    assert!(error.contains("in.jsonl:2: id `a` is also on line 1"), "{error}");
    bench.write("in.jsonl", "{\"text\":\"x\"}\n{\"text\":7}\nno\n");
    let kept = bench.json(&["data", "import", "in.jsonl", "-o", "out", "--skip-bad", "--json"]);
    assert_eq!((kept["rows"].as_u64(), kept["bad"].as_u64()), (Some(1), Some(2)));
    assert!(bench.error(&["data", "import", "in.parquet", "-o", "x"]).contains("in.parquet"));
    bench.write("in.parquet", "PAR1 no");
    assert!(bench.error(&["data", "import", "in.parquet", "-o", "x"]).contains("cannot read as Parquet"));
    bench.write("ratings.csv", "item,rater\n1,a\n");
    assert!(bench.error(&["data", "agreement", "ratings.csv"]).contains("no column `label`"));
    assert!(bench.error(&["data", "build", "nowhere", "-o", "x"]).contains("nowhere: no dataset"));
}
