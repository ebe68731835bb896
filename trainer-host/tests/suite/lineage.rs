//! Lineage from outside: a row followed back to bytes of a file, damage named, datasets made again to the byte.

use std::path::Path;

use halligan_trainer_host::data::{
    chunk::Chunk,
    dataset::Dataset,
    ledger::Template,
    row::Row,
    writer::{Closing, DatasetWriter},
};
use serde_json::{Value, json};

use super::command::{Bench, base};

const GUIDE: &str = "# Items\n\nThe hydrant lies at marker seven of the north route.\n\n## Tank\n\nThe tank holds \
                     ninety barrels of water for the crew.\n";

fn rows(bench: &Bench, path: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(bench.path(path)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Documents through every stage: `facts`, `made`, `clean`, `next`, `built`.
fn through_all_stages(bench: &Bench) {
    std::fs::create_dir(bench.path("docs")).unwrap();
    bench.write("docs/guide.md", GUIDE);
    bench.write("docs/items.csv", "name,place\nantenna,\"on the\nwest ridge\"\nladder,behind the mill\n");
    bench.json(&["data", "ingest", "docs", "-o", "facts", "--base", &base(), "--chunk-tokens", "32", "--json"]);
    made(&bench.path("facts"), &bench.path("made"));
    bench.json(&["data", "filter", "made", "-o", "clean", "--json"]);
    for (expert, verdict) in [("ann", "good"), ("bob", "good")] {
        bench.json(&["data", "review", "clean", "--sample", "1", "--csv", "sheet.csv", "--json"]);
        let sheet = std::fs::read_to_string(bench.path("sheet.csv")).unwrap();
        let rated: Vec<String> = sheet
            .lines()
            .map(|line| match line.contains("ninety barrels") {
                true => line.replace(",,,,,", ",fix,It holds 90 barrels.,,1,"),
                false => line.replace(",,,,,", &format!(",{verdict},,,1,")),
            })
            .collect();
        bench.write("sheet.csv", rated.join("\n"));
        bench.json(&["data", "review", "clean", "--import", "sheet.csv", "--expert", expert, "--json"]);
    }
    bench.json(&["data", "resolve", "clean", "-o", "next", "--json"]);
    bench.json(&["data", "build", "next", "-o", "built", "--split", "1,0,0", "--json"]);
}

/// A row for each chunk, as a generator would make it, and one that the filter drops.
fn made(facts: &Path, made: &Path) {
    let facts = Dataset::open(facts).unwrap();
    let mut writer = DatasetWriter::create(made, "generate", false).unwrap();
    writer.descend_from(&facts).unwrap();
    let template = Template::new("record", "say it", "What does the guide say about {{ heading }}?");
    writer.template(template.clone());
    for chunk in facts.chunks().unwrap() {
        let chunk: Chunk = chunk.unwrap();
        writer.chunk(&chunk).unwrap();
        let topic = chunk.text.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
        for (question, answer) in
            [(format!("What is said about {topic}?"), chunk.text.clone()), (format!("Why {topic}?"), "Yes.".to_owned())]
        {
            let mut row = Row::of_answer("record", &chunk.id, &question, &answer);
            (row.chunks, row.sources) = (vec![chunk.id.clone()], vec![chunk.source.clone()]);
            (row.template, row.seed) = (Some(template.id.clone()), Some(7));
            writer.row(&row).unwrap();
        }
    }
    // No verb of this name: what a rebuild needs of it must be there.
    writer.finish(Closing { recipe: vec!["by-hand".to_owned()], seed: Some(7), ..Closing::default() }).unwrap();
}

#[test]
fn row_is_followed_through_every_stage_to_the_bytes_of_its_file() {
    let bench = Bench::new();
    through_all_stages(&bench);
    let row = rows(&bench, "built/train.jsonl")
        .into_iter()
        .find(|row| row["messages"][1]["content"].as_str().unwrap().contains("hydrant"))
        .unwrap();
    let id = row["id"].as_str().unwrap();
    let trace = bench.json(&["data", "trace", id, "built", "--json"]);
    let place = &trace["chunks"][0]["place"];
    let bytes = |at: usize| place["bytes"][at].as_u64().unwrap() as usize;
    assert_eq!(&GUIDE[bytes(0)..bytes(1)], trace["chunks"][0]["text"].as_str().unwrap());
    assert_eq!(trace["sources"][0]["state"], "unchanged");
    assert_eq!(trace["sources"][0]["path"], "docs/guide.md");
    assert_eq!((trace["template"]["name"].as_str(), trace["seed"].as_u64()), (Some("say it"), Some(7)));
    let experts: Vec<&str> =
        trace["ratings"].as_array().unwrap().iter().map(|one| one["expert"].as_str().unwrap()).collect();
    assert_eq!(experts, ["ann", "bob"]);
    let fates: Vec<(&str, &str)> = trace["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stage| (stage["stage"].as_str().unwrap(), stage["fate"].as_str().unwrap()))
        .collect();
    let expected =
        [("ingest", "read"), ("generate", "made"), ("filter", "kept"), ("resolve", "kept"), ("build", "kept")];
    assert_eq!(fates, expected);
    // The first digits, the folder of the datasets, and the place of the line find the same row.
    let again = bench.json(&["data", "trace", &id[..8], "--json"]);
    assert_eq!(again["id"], trace["id"]);
    let line = trace["stages"][4]["at"]
        .as_array()
        .unwrap()
        .iter()
        .find(|at| at.as_str().unwrap().starts_with("train"))
        .unwrap()
        .as_str()
        .unwrap();
    assert_eq!(bench.json(&["data", "trace", line, "built", "--json"])["id"], trace["id"]);
    assert_eq!(bench.json(&["data", "trace", &format!("built/{line}"), "--json"])["id"], trace["id"]);
    let plain = String::from_utf8(bench.run(&["data", "trace", id, "built"]).stdout).unwrap();
    for expected in ["docs/guide.md", "unchanged", "under  Items", "template", "ann  good", "train.jsonl:"] {
        assert!(plain.contains(expected), "{expected} is not in\n{plain}");
    }
    assert!(!plain.contains('\u{1b}'), "{plain}");
}

#[test]
fn corrected_and_dropped_rows_are_followed_too() {
    let bench = Bench::new();
    through_all_stages(&bench);
    let fixed = rows(&bench, "built/rows.jsonl")
        .into_iter()
        .find(|row| row["messages"][1]["content"] == "It holds 90 barrels.")
        .unwrap();
    let trace = bench.json(&["data", "trace", fixed["id"].as_str().unwrap(), "built", "--json"]);
    assert!(trace["was"][0]["messages"][1]["content"].as_str().unwrap().contains("ninety barrels"));
    let fate = |trace: &Value, at: usize| trace["stages"][at]["fate"].as_str().unwrap().to_owned();
    assert_eq!((fate(&trace, 1), fate(&trace, 3)), ("earlier_form".to_owned(), "made".to_owned()));
    let dropped = rows(&bench, "clean/skipped.jsonl").into_iter().find(|one| one["stage"] == "filter").unwrap();
    let trace = bench.json(&["data", "trace", dropped["id"].as_str().unwrap(), "built", "--json"]);
    assert_eq!(trace["what"], "left out");
    assert_eq!(trace["left_out"]["reason"], dropped["reason"]);
    assert_eq!(trace["chunks"].as_array().unwrap().len(), 1);
    assert_eq!(
        (fate(&trace, 1), fate(&trace, 2), fate(&trace, 4)),
        ("made".to_owned(), "left_out".to_owned(), "gone".to_owned())
    );
    let chunk = trace["chunks"][0]["id"].as_str().unwrap();
    let trace = bench.json(&["data", "trace", chunk, "built", "--json"]);
    assert_eq!((trace["what"].as_str(), trace["rows"].as_array().unwrap().len()), (Some("chunk"), 1));
    let trace = bench.json(&["data", "trace", "docs/items.csv", "built", "--json"]);
    assert_eq!((trace["what"].as_str(), trace["chunks"].as_array().unwrap().len()), (Some("source"), 2));
}

#[test]
fn imported_row_is_a_line_of_its_file() {
    let bench = Bench::new();
    let line = |at: usize| {
        json!({"messages": [{"role": "user", "content": format!("Where is {at}?")}, {"role": "assistant", "content": format!("At {at}.")}]}).to_string()
    };
    let text = format!("\n{}\n{}\n", line(1), line(2));
    bench.write("in.jsonl", &text);
    bench.json(&["data", "import", "in.jsonl", "-o", "made", "--json"]);
    let id = rows(&bench, "made/rows.jsonl")[1]["id"].as_str().unwrap().to_owned();
    bench.json(&["data", "build", "made", "-o", "built", "--json"]);
    let trace = bench.json(&["data", "trace", &id, "built", "--json"]);
    let bytes = |at: usize| trace["origin"]["bytes"][at].as_u64().unwrap() as usize;
    assert_eq!((&text[bytes(0)..bytes(1)], trace["origin"]["line"].as_u64()), (&*(line(2) + "\n"), Some(3)));
    bench.write("in.jsonl", text.replace("Where", "There"));
    assert_eq!(bench.json(&["data", "trace", &id, "built", "--json"])["origin"]["file"]["state"], "changed");
}

#[test]
fn text_that_moved_in_a_changed_file_is_found_again() {
    let bench = Bench::new();
    through_all_stages(&bench);
    let chunk = rows(&bench, "facts/chunks.jsonl")
        .into_iter()
        .find(|chunk| chunk["text"].as_str().unwrap().contains("hydrant"))
        .unwrap();
    bench.write("docs/guide.md", format!("A word before.\n\n{GUIDE}"));
    let trace = bench.json(&["data", "trace", chunk["id"].as_str().unwrap(), "facts", "--json"]);
    assert_eq!(trace["sources"][0]["state"], "changed");
    assert_eq!(trace["chunks"][0]["text_now_at"].as_u64(), chunk["place"]["bytes"][0].as_u64().map(|at| at + 16));
}

#[test]
fn names_that_fit_nothing_or_much_and_parents_that_moved_are_said() {
    let bench = Bench::new();
    through_all_stages(&bench);
    let error = bench.error(&["data", "trace", "0123456789abcdef", "built"]);
    assert!(error.contains("nothing here has the name"), "{error}");
    std::fs::create_dir(bench.path("away")).unwrap();
    std::fs::rename(bench.path("made"), bench.path("away/elsewhere")).unwrap();
    let error = bench.error(&["data", "trace", "0123456789abcdef", "built"]);
    assert!(error.contains("--moved") && error.contains("made"), "{error}");
    let id = rows(&bench, "built/rows.jsonl")[0]["id"].as_str().unwrap().to_owned();
    let trace = bench.json(&["data", "trace", &id, "built", "--json"]);
    assert_eq!(trace["missing"], json!(["made"]));
    let trace = bench.json(&["data", "trace", &id, "built", "--moved", "made=away/elsewhere", "--json"]);
    assert_eq!(trace["missing"], json!([]));
    assert!(bench.error(&["data", "trace", &id, "docs"]).contains("no dataset"));
}

#[test]
fn verify_follows_parents_and_originals_and_tells_missing_from_damaged() {
    let bench = Bench::new();
    through_all_stages(&bench);
    let sound = bench.json(&["data", "verify", "built", "--json"]);
    assert_eq!((sound["sound"].as_bool(), sound["checked"]["datasets"].as_u64()), (Some(true), Some(5)), "{sound}");
    assert_eq!((sound["missing"].as_array().unwrap().len(), sound["checked"]["sources"].as_u64()), (0, Some(2)));
    let wrong = |expected: &str| {
        let output = bench.run(&["data", "verify", "built", "--json"]);
        assert_eq!(output.status.code(), Some(1));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let problems = report["problems"].as_array().unwrap().clone();
        assert_eq!(problems.len(), 1, "{report}");
        assert!(problems[0]["file"].as_str().unwrap().contains(expected), "{report}");
        problems[0].clone()
    };
    // One byte of a parent's row, of an original, of a parent's manifest.
    let text = std::fs::read_to_string(bench.path("clean/rows.jsonl")).unwrap();
    bench.write("clean/rows.jsonl", text.replacen("hydrant", "hidrant", 1));
    let problem = wrong("rows.jsonl");
    assert!(problem["dataset"].as_str().unwrap().ends_with("clean") && problem["id"].is_string(), "{problem}");
    bench.write("clean/rows.jsonl", &text);
    bench.write("docs/guide.md", GUIDE.replace("seven", "sewen"));
    wrong("docs/guide.md");
    bench.write("docs/guide.md", GUIDE);
    let manifest = std::fs::read_to_string(bench.path("next/manifest.json")).unwrap();
    bench.write("next/manifest.json", manifest.replacen("resolve", "resolwe", 1));
    wrong("manifest.json");
    bench.write("next/manifest.json", &manifest);
    // A parent that was made again is another edition, and says so.
    bench.json(&["data", "build", "made", "-o", "next", "--force", "--json"]);
    assert_eq!(wrong("manifest.json")["reason"], "made_again");
    // On a device without originals and parents nothing is wrong.
    for gone in ["docs", "facts", "made", "clean", "next"] {
        std::fs::remove_dir_all(bench.path(gone)).unwrap();
    }
    let alone = bench.json(&["data", "verify", "built", "--json"]);
    assert_eq!(alone["sound"], true);
    // Four parents, two originals, the ratings.
    assert_eq!(alone["missing"].as_array().unwrap().len(), 7, "{alone}");
}

fn facts(count: usize) -> String {
    let row = |at: usize| {
        let question = format!("Wording: hydrant {at} stands at which marker of route {}?", at * 31);
        json!({"group": format!("g{at}"), "messages": [{"role": "user", "content": question},
            {"role": "assistant", "content": format!("The hydrant {at} stands at marker {}.", at * at + 3)}]})
    };
    (0..count).map(|at| row(at).to_string() + "\n").collect()
}

#[test]
fn dataset_is_made_again_to_the_byte_though_its_parents_and_ratings_are_gone() {
    let bench = Bench::new();
    bench.write("in.jsonl", facts(40));
    bench.json(&["data", "import", "in.jsonl", "-o", "made", "--json"]);
    bench.json(&["data", "filter", "made", "-o", "clean", "--json"]);
    bench.json(&["data", "review", "clean", "--sample", "0.2", "--csv", "sheet.csv", "--json"]);
    let sheet = std::fs::read_to_string(bench.path("sheet.csv")).unwrap().replace(",,,,,,", ",,good,,,1,");
    bench.write("sheet.csv", sheet);
    bench.json(&["data", "review", "clean", "--import", "sheet.csv", "--expert", "ann", "--json"]);
    bench.json(&["data", "resolve", "clean", "-o", "next", "--json"]);
    bench.json(&["data", "dedup", "next", "-o", "single", "--json"]);
    bench.json(&["data", "build", "single", "-o", "built", "--seed", "5", "--json"]);
    let report = bench.json(&["data", "rebuild", "built", "-o", "again", "--json"]);
    assert_eq!((report["equal"].as_bool(), report["steps"].as_array().unwrap().len()), (Some(true), 2), "{report}");
    let report = bench.json(&["data", "rebuild", "built", "-o", "whole", "--all", "--json"]);
    assert_eq!((report["equal"].as_bool(), report["steps"].as_array().unwrap().len()), (Some(true), 5), "{report}");
    for gone in ["made", "clean", "next", "single"] {
        std::fs::remove_dir_all(bench.path(gone)).unwrap();
    }
    // From another folder, with nothing left but the rows that were imported.
    std::fs::create_dir(bench.path("other")).unwrap();
    let output = bench
        .command(&["data", "rebuild", "../built", "-o", "again", "--json"])
        .current_dir(bench.path("other"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(bench.path("other/again/rows.jsonl")).unwrap();
    assert_eq!(text, std::fs::read_to_string(bench.path("built/rows.jsonl")).unwrap());
    // A damaged dataset is told from its sound copy, by line.
    bench.write(
        "built/test.jsonl",
        std::fs::read_to_string(bench.path("built/test.jsonl")).unwrap().replacen("marker", "market", 1),
    );
    let output = bench.run(&["data", "rebuild", "built", "-o", "sound", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), report["as_recorded"].as_bool()), (Some(1), Some(true)), "{report}");
    assert_eq!(
        (report["differences"][0]["file"].as_str(), report["differences"][0]["line"].as_u64()),
        (Some("test.jsonl"), Some(1))
    );
    // Other rows give another dataset, and the cause is named.
    bench.write("in.jsonl", facts(41));
    let output = bench.run(&["data", "rebuild", "built", "-o", "other-rows", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["as_recorded"], false);
    assert!(report["causes"][0].as_str().unwrap().contains("in.jsonl"), "{report}");
    std::fs::remove_file(bench.path("in.jsonl")).unwrap();
    assert!(bench.error(&["data", "rebuild", "built", "-o", "x"]).contains("in.jsonl"));
}

#[test]
fn repository_is_ingested_again_at_the_commit_that_was_read_though_it_has_moved_on() {
    let bench = Bench::new();
    let origin = bench.path("origin");
    std::fs::create_dir(&origin).unwrap();
    let git = |words: &[&str]| {
        let user = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
        let status = std::process::Command::new("git").arg("-C").arg(&origin).args(user).args(words).status().unwrap();
        assert!(status.success(), "{words:?}");
    };
    let commit = |text: &str| {
        std::fs::write(origin.join("pumps.md"), text).unwrap();
        git(&["add", "."]);
        git(&["commit", "--quiet", "-m", "x"]);
    };
    git(&["init", "--quiet"]);
    commit("# Pumps\n\nA pump lifts water by suction.\n");
    let address = format!("file://{}", origin.display());
    bench.json(&["data", "ingest", &address, "--base", "estimate", "-o", "chunks", "--json"]);
    commit("# Pumps\n\nA pump lifts water by pressure.\n");
    let report = bench.json(&["data", "rebuild", "chunks", "-o", "again", "--json"]);
    assert_eq!(report["equal"], true, "{report}");
    let gone = bench.error(&["data", "ingest", "file:///no/such/repository", "-o", "none"]);
    assert!(gone.contains("git could not clone it") && !bench.path("none").exists(), "{gone}");
}

#[test]
fn documents_are_ingested_again_to_the_byte_also_from_where_they_were_moved() {
    let bench = Bench::new();
    through_all_stages(&bench);
    let report = bench.json(&["data", "rebuild", "facts", "-o", "again", "--json"]);
    assert_eq!(report["equal"], true, "{report}");
    std::fs::rename(bench.path("docs"), bench.path("moved")).unwrap();
    let error = bench.error(&["data", "rebuild", "facts", "-o", "x"]);
    assert!(error.contains("docs") && error.contains("--moved"), "{error}");
    let report = bench.json(&["data", "rebuild", "facts", "-o", "thrice", "--moved", "docs=moved", "--json"]);
    assert_eq!(report["equal"], true, "{report}");
    // A recipe that makes no dataset is not run, whatever it says.
    assert!(bench.error(&["data", "rebuild", "made", "-o", "y"]).contains("is not one of this program"));
}
