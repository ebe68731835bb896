//! `data generate`: rows of rules, blueprints and a model, and what the filter catches among them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use halligan_trainer_host::data::canonical::canonical_json;
use halligan_trainer_host::data::chunk::Chunk;
use halligan_trainer_host::data::dataset::Dataset;
use halligan_trainer_host::data::row::Row;

use super::command::{Bench, base};

/// Share of planted answers that the filter must catch.
const CAUGHT_MIN: f64 = 0.95;
/// Rows of tables alone: a record says some values in several columns (class 3, label 3), so a wrong one may stand in it.
const RECORDS_CAUGHT_MIN: f64 = 0.92;
/// Share of sound rows that it may drop.
const FALSE_DROPS_MAX: f64 = 0.05;

fn guide(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guide").join(name).display().to_string()
}

/// The example guide and table as chunks.
fn ingested(bench: &Bench) {
    let (text, table, schema, base) = (guide("field-guide.md"), guide("materials.csv"), guide("schema.toml"), base());
    bench.json(&["data", "ingest", &text, &table, "--schema", &schema, "--base", &base, "-o", "chunks", "--json"]);
}

fn rows(bench: &Bench, folder: &str) -> Vec<Row> {
    Dataset::open(&bench.path(folder)).unwrap().rows().unwrap().collect::<Result<_, _>>().unwrap()
}

fn skipped(bench: &Bench, folder: &str) -> BTreeMap<String, String> {
    let skipped = Dataset::open(&bench.path(folder)).unwrap().skipped().unwrap();
    skipped.map(|one| one.unwrap()).map(|one| (one.id, one.reason)).collect()
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    entries.map(|entry| (entry.file_name().display().to_string(), std::fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn rules_turn_a_guide_and_a_table_into_questions_with_their_lineage() {
    let bench = Bench::new();
    ingested(&bench);
    let report = bench.json(&["data", "generate", "chunks", "--rules", "-o", "rows", "--json"]);
    assert!(report["kinds"]["record"].as_u64().unwrap() > 1_000, "{report}");
    assert!(report["kinds"]["definition"].as_u64().unwrap() > 900, "{report}");
    let all = rows(&bench, "rows");
    let asked: HashMap<&str, &Row> = all.iter().map(|row| (row.question(), row)).collect();
    assert_eq!(asked.len(), all.len(), "no question is asked twice");
    let chunks: BTreeSet<String> =
        Dataset::open(&bench.path("rows")).unwrap().chunks().unwrap().map(|chunk| chunk.unwrap().id).collect();
    let templates: BTreeSet<String> =
        Dataset::open(&bench.path("rows")).unwrap().templates().unwrap().map(|kept| kept.unwrap().id).collect();
    for row in &all {
        assert!(!row.chunks.is_empty() && row.chunks.iter().all(|chunk| chunks.contains(chunk)), "{row:?}");
        assert!(templates.contains(row.template.as_ref().unwrap()) && row.seed == Some(1) && !row.sources.is_empty());
    }
    let answers: BTreeSet<&str> = all.iter().map(Row::answer).collect();
    for answer in [
        "The hazard class of acetone is 3.",
        "The UN number of chlorine is UN1017.",
        "The packing group of styrene is III.",
        "The labels of chlorine are 2.3 and 5.1 and 8.",
        "The material with the UN number UN1114 is benzene.",
        "The length of one chain is 66 feet.",
        "The safety circle for a Type 3 helicopter is 75 feet.",
    ] {
        assert!(answers.contains(answer), "{answer}");
    }
    assert!(!answers.iter().any(|answer| answer.contains("packing group of butane")), "it has none");
    assert!(all.iter().any(|row| row.question().starts_with("What are the labels of")));
}

#[test]
fn the_same_command_gives_the_same_bytes_and_another_seed_other_wordings() {
    let bench = Bench::new();
    ingested(&bench);
    let make = |output: &str, seed: &str| {
        bench.json(&[
            "data",
            "generate",
            "chunks",
            "--rules",
            "--wordings",
            "3",
            "--limit",
            "50",
            "--seed",
            seed,
            "-o",
            output,
            "--json",
        ]);
        files(&bench.path(output))
    };
    let first = make("a", "4");
    assert_eq!(first, make("b", "4"));
    assert_ne!(first["rows.jsonl"], make("c", "5")["rows.jsonl"]);
    let manifest = Dataset::open(&bench.path("a")).unwrap().manifest;
    let mut words: Vec<&str> = manifest.recipe.iter().map(String::as_str).collect();
    words.insert(0, "data");
    words.extend(["-o", "again", "--json"]);
    bench.json(&words);
    assert_eq!(first, files(&bench.path("again")), "the recipe in the manifest makes it again");
    let groups: BTreeSet<String> = rows(&bench, "a").into_iter().map(|row| row.group).collect();
    assert_eq!(groups.len(), 50);
}

const BLUEPRINT: &str = r#"
domain = "wildland fire"
layers = ["foundations", "tactics"]

[[concept]]
name = "the fire triangle"
layer = "foundations"
first_principles = ["A fire needs fuel, heat and oxygen."]
explanatory_principles = ["Without one of the three the reaction ends."]
core_logic = [{ if = "the fuel is taken away", then = "the fire goes out", because = "nothing is left to burn" }]
compressed = ["Fuel, heat, oxygen: take one away."]

[[concept]]
name = "a fireline"
layer = "tactics"
rests_on = ["the fire triangle"]
core_logic = [{ if = "the line is bare soil", then = "the fire stops there" }]
"#;

#[test]
fn a_blueprint_becomes_rows_in_the_order_of_its_curriculum() {
    let bench = Bench::new();
    ingested(&bench);
    bench.write("fire.toml", BLUEPRINT);
    bench.json(&["data", "generate", "chunks", "--blueprint", "fire.toml", "--wordings", "4", "-o", "rows", "--json"]);
    let rows = rows(&bench, "rows");
    let layers: Vec<u64> = rows.iter().map(|row| row.labels["curriculum"].as_u64().unwrap()).collect();
    assert!(layers.is_sorted() && layers.first() == Some(&1) && layers.last() == Some(&2), "{layers:?}");
    assert!(rows.iter().all(|row| row.kind == "blueprint"));
    let kept = Dataset::open(&bench.path("rows")).unwrap().templates().unwrap();
    let whole = kept.map(|kept| kept.unwrap()).find(|kept| kept.kind == "blueprint" && kept.text == BLUEPRINT).unwrap();
    assert!(rows.iter().all(|row| row.labels["blueprint"] == whole.id.as_str()));
    bench.write("bad.toml", BLUEPRINT.replace("layer = \"tactics\"", "layer = \"later\""));
    let error = bench.error(&["data", "generate", "chunks", "--blueprint", "bad.toml", "-o", "none"]);
    assert!(error.contains("bad.toml") && error.contains("a fireline: there is no layer \"later\""), "{error}");
}

/// Passages, code and an equation of two sources.
fn library(bench: &Bench) {
    std::fs::create_dir(bench.path("library")).unwrap();
    bench.write(
        "library/pumps.md",
        "# Pumps\n\n## Lift\n\nA pump lifts water by suction. The head of a pump falls when the suction hose leaks, \
         because air enters the strainer before the water does and the prime is lost.\n",
    );
    bench.write(
        "library/head.rst",
        "Head\n====\n\nThe pressure of a column of water grows with its height:\n\n.. math::\n\n   p = h / 2.31\n\nwhere \
         p is the pressure in psi and h is the height in feet, so that a taller column presses harder.\n",
    );
    bench.write(
        "library/hose.md",
        "# Hose\n\n## Leaks\n\nA suction hose that leaks lets air in. The strainer must stay below the surface of the \
         water; otherwise the pump loses its prime, and the crew at the nozzle loses its stream.\n",
    );
    bench.write(
        "library/head.rs",
        "/// Pressure in psi of a column of water.\npub fn pressure(height_feet: f64) -> f64 {\n    let psi = height_feet \
         / 2.31;\n    psi.max(0.0)\n}\n",
    );
    let base = base();
    bench.json(&["data", "ingest", "library", "--base", &base, "--chunk-tokens", "128", "-o", "chunks", "--json"]);
}

fn ask<'a>(base: &'a str, output: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["data", "generate", "chunks", "--model", base, "--max-tokens", "96", "-o", output, "--json"];
    words.extend(more);
    words
}

#[test]
fn every_reply_of_a_weak_model_parses_or_is_kept_with_its_reason() {
    let bench = Bench::new();
    library(&bench);
    let base = base();
    let report = bench.json(&ask(&base, "rows", &["--min-tokens", "8", "--per-chunk", "2", "--temperature", "1.2"]));
    let (made, tasks) = (report["rows"].as_u64().unwrap(), report["tasks"].as_u64().unwrap());
    let left: u64 = report["skipped"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(made + left, tasks, "{report}");
    assert!(made > 0 && report["skipped"].get("no_pair").is_none(), "{report}");
    let kinds: BTreeSet<&str> = report["kinds"].as_object().unwrap().keys().map(String::as_str).collect();
    assert!(kinds.is_superset(&BTreeSet::from(["code", "conceptual", "mathematical"])), "{report}");
    let model = Dataset::open(&bench.path("rows")).unwrap().manifest;
    let sha256 = &model.inputs.iter().find(|input| input.role == "model").unwrap().sha256;
    for row in rows(&bench, "rows") {
        assert!(row.model.as_ref() == Some(sha256) && row.seed.is_some() && row.grounding.is_some(), "{row:?}");
        assert!(!row.chunks.is_empty() && row.question().chars().count() >= 8);
    }
}

#[test]
fn questions_over_several_sources_join_chunks_that_share_uncommon_words() {
    let bench = Bench::new();
    library(&bench);
    let base = base();
    let words = ask(&base, "rows", &["--ask", "cross-domain", "--min-tokens", "8", "--tries", "8"]);
    bench.json(&words);
    let rows = rows(&bench, "rows");
    let row = rows.iter().find(|row| row.kind == "cross_domain").unwrap();
    assert_eq!((row.chunks.len(), row.sources.len()), (2, 2));
    let chunks: Vec<Chunk> =
        Dataset::open(&bench.path("rows")).unwrap().chunks().unwrap().collect::<Result<_, _>>().unwrap();
    let of_row: Vec<&Chunk> = chunks.iter().filter(|chunk| row.chunks.contains(&chunk.id)).collect();
    assert!(of_row.iter().all(|chunk| chunk.text.contains("strainer")), "{of_row:?}");
}

#[test]
fn questions_over_several_sources_leave_room_for_the_instruction_and_the_reply() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("long")).unwrap();
    // The long passages are the closest, and one of them alone leaves no room.
    for (name, word) in [("one", "strainer"), ("two", "nozzle")] {
        let filler = format!("The {word} of this engine is checked, cleaned and greased before each shift begins. ");
        let long = format!("{}The ledger, compass, lantern and whistle stay dry.", filler.repeat(9));
        let small = "The gasket keeps the impeller in place while the valve is open.";
        bench.write(&format!("long/{name}.md"), format!("# {name}\n\n{long}\n\n## Care of {word}\n\n{small}\n"));
    }
    let base = base();
    bench.json(&["data", "ingest", "long", "--base", &base, "-o", "chunks", "--json"]);
    let words =
        ["data", "generate", "chunks", "--model", &base, "--min-tokens", "8", "--tries", "4", "-o", "rows", "--json"];
    let report = bench.json(&[&words[..], &["--ask", "cross-domain"]].concat());
    assert_eq!((report["tasks"].as_u64(), report["rows"].as_u64()), (Some(1), Some(1)), "{report}");
    // A chunk that is too long on its own is named before the model is asked.
    let report = bench.json(&[&words[..], &["--ask", "conceptual"]].concat());
    assert_eq!(
        (report["tasks"].as_u64(), report["skipped"]["prompt_too_long"].as_u64()),
        (Some(2), Some(2)),
        "{report}"
    );
}

#[test]
fn a_killed_run_goes_on_and_ends_with_the_bytes_of_an_unbroken_one() {
    let bench = Bench::new();
    library(&bench);
    let base = base();
    let more = ["--min-tokens", "8", "--per-chunk", "12", "--cross", "0", "--tries", "1"];
    let unbroken = bench.json(&ask(&base, "unbroken", &more));
    assert!(unbroken["tasks"].as_u64().unwrap() > 32, "more than one wave: {unbroken}");
    let journal = bench.path("broken/.generate-journal.jsonl");
    let mut command = bench.command(&ask(&base, "broken", &more));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while std::fs::metadata(&journal).map_or(true, |facts| facts.len() == 0) {
        assert!(started.elapsed() < Duration::from_secs(120), "no wave was written");
        if child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let resumed = bench.json(&ask(&base, "broken", &more));
    assert!(resumed["reused"].as_u64().unwrap() >= 32, "{resumed}");
    // The journal is gone too.
    assert_eq!(files(&bench.path("unbroken")), files(&bench.path("broken")));
}

#[test]
fn a_dry_run_tells_and_writes_nothing() {
    let bench = Bench::new();
    library(&bench);
    let base = base();
    let mut words = ask(&base, "none", &["--rules", "--min-tokens", "8"]);
    words.push("--dry-run");
    let report = bench.json(&words);
    assert!(
        report["tasks"]["conceptual"].as_u64().unwrap() >= 2 && report["seconds"].as_f64().unwrap() > 0.0,
        "{report}"
    );
    assert!(!bench.path("none").exists());
    let error = bench.error(&["data", "generate", "chunks", "-o", "none"]);
    assert!(error.contains("--rules, --blueprint FILE or --model GGUF"), "{error}");
}

/// A copy of the dataset `from` with these rows.
fn with_rows(bench: &Bench, from: &str, to: &str, rows: &[Row]) {
    std::fs::create_dir(bench.path(to)).unwrap();
    for (name, bytes) in files(&bench.path(from)) {
        std::fs::write(bench.path(to).join(name), bytes).unwrap();
    }
    let lines: String = rows.iter().map(|row| canonical_json(row).unwrap() + "\n").collect();
    std::fs::write(bench.path(to).join("rows.jsonl"), lines).unwrap();
}

/// Each row with the answer of the next fact of its kind whose value stands in none of the row's chunks.
fn planted(bench: &Bench, rows: &[Row]) -> Vec<Row> {
    let chunks: HashMap<String, String> = Dataset::open(&bench.path("rows"))
        .unwrap()
        .chunks()
        .unwrap()
        .map(|chunk| chunk.unwrap())
        .map(|chunk| (chunk.id.clone(), format!(" {} {:?} ", chunk.text, chunk.fields).to_lowercase()))
        .collect();
    let holds = |row: &Row, value: &str| {
        let whole = |text: &str| {
            let value = value.to_lowercase();
            let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            text.match_indices(&value).any(|(at, _)| {
                !is_word(text[..at].chars().next_back()) && !is_word(text[at + value.len()..].chars().next())
            })
        };
        row.chunks.iter().any(|chunk| whole(&chunks[chunk]))
    };
    let template = |row: &Row| row.answer().split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    let mut planted = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        let others = || rows[place + 1..].iter().chain(&rows[..place]).filter(|other| other.kind == row.kind);
        let strange = |other: &&Row| other.value.as_ref().is_some_and(|value| !holds(row, value));
        // A wrong value of the same column is the hardest to see; in a text, any other statement will do.
        let Some(other) =
            others().filter(strange).find(|other| template(other) == template(row)).or_else(|| others().find(strange))
        else {
            continue;
        };
        let (own, wrong) = (row.value.clone().unwrap_or_default(), other.value.clone().unwrap());
        let same_column =
            row.kind == "record" && template(other) == template(row) && row.answer().ends_with(&format!("{own}."));
        let answer = if same_column {
            format!("{}{wrong}.", row.answer().strip_suffix(&format!("{own}.")).unwrap())
        } else {
            other.answer().to_owned()
        };
        let lineage = Row { messages: None, ..row.clone() };
        let wrong =
            Row { value: Some(wrong), messages: Row::of_answer("", "", row.question(), &answer).messages, ..lineage };
        planted.push(wrong.named());
    }
    planted
}

#[test]
fn the_filter_catches_planted_answers_and_keeps_sound_ones() {
    let bench = Bench::new();
    ingested(&bench);
    bench.json(&["data", "generate", "chunks", "--rules", "--wordings", "2", "-o", "rows", "--json"]);
    let sound = rows(&bench, "rows");
    let wrong = planted(&bench, &sound);
    assert!(wrong.len() * 10 > sound.len() * 9, "{} of {}", wrong.len(), sound.len());
    with_rows(&bench, "rows", "mixed", &[sound.as_slice(), &wrong].concat());
    bench.json(&["data", "filter", "mixed", "--keep-duplicates", "-o", "clean", "--json"]);
    let reasons = skipped(&bench, "clean");
    let dropped = |rows: &[Row]| {
        rows.iter().filter(|row| reasons.get(&row.id).is_some_and(|reason| reason == "not_grounded")).count() as f64
    };
    let (caught, lost) = (dropped(&wrong) / wrong.len() as f64, dropped(&sound) / sound.len() as f64);
    eprintln!("caught {caught:.4} of {} planted, dropped {lost:.4} of {} sound", wrong.len(), sound.len());
    assert!(caught >= CAUGHT_MIN, "caught {caught} of the planted rows");
    assert!(lost <= FALSE_DROPS_MAX, "dropped {lost} of the sound rows");
    for (kind, least) in [("record", RECORDS_CAUGHT_MIN), ("definition", CAUGHT_MIN)] {
        let of_kind: Vec<Row> = wrong.iter().filter(|row| row.kind == kind).cloned().collect();
        let caught = dropped(&of_kind) / of_kind.len() as f64;
        assert!(caught >= least, "caught {caught} of the planted {kind} rows");
    }
}

#[test]
fn the_filter_drops_generated_answers_whose_code_does_not_parse() {
    let bench = Bench::new();
    library(&bench);
    let base = base();
    bench.json(&ask(&base, "rows", &["--ask", "code", "--min-tokens", "8", "--per-chunk", "8", "--tries", "4"]));
    let made = rows(&bench, "rows");
    let with_code = |code: &str| -> Vec<Row> {
        let reworded = |row: &Row| {
            let answer = format!("It is this: ```rust\n{code}\n```");
            let messages = Row::of_answer("", "", row.question(), &answer).messages;
            Row { messages, ..row.clone() }.named()
        };
        made.iter().map(reworded).collect()
    };
    let (whole, broken) = (with_code("let psi = height_feet / 2.31;"), with_code("let psi = height_feet / ;"));
    with_rows(&bench, "rows", "mixed", &[whole.as_slice(), &broken].concat());
    bench.json(&["data", "filter", "mixed", "--keep-duplicates", "--grounding", "0", "-o", "clean", "--json"]);
    let reasons = skipped(&bench, "clean");
    assert!(broken.iter().all(|row| reasons.get(&row.id).is_some_and(|reason| reason == "code")), "{reasons:?}");
    assert!(whole.iter().all(|row| reasons.get(&row.id).is_none_or(|reason| reason != "code")), "{reasons:?}");
}

#[test]
fn rewordings_of_trained_facts_are_held_out_in_a_split_of_their_own() {
    let bench = Bench::new();
    ingested(&bench);
    bench.json(&["data", "generate", "chunks", "--rules", "--limit", "80", "--wordings", "8", "-o", "rows", "--json"]);
    let words = ["data", "build", "rows", "--hold-out-wordings", "2", "-o", "built", "--json"];
    let report = bench.json(&words);
    assert!(report["rewording"].as_u64().unwrap() > 80, "{report}");
    let read = |name: &str| -> Vec<Row> {
        let text = std::fs::read_to_string(bench.path("built").join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let (trained, reworded, test) = (read("train.jsonl"), read("rewording.jsonl"), read("test.jsonl"));
    let groups = |rows: &[Row]| rows.iter().map(|row| row.group.clone()).collect::<BTreeSet<_>>();
    let questions = |rows: &[Row]| rows.iter().map(|row| row.question().to_lowercase()).collect::<BTreeSet<_>>();
    assert!(groups(&reworded).is_subset(&groups(&trained)), "a rewording asks for a trained fact");
    assert!(questions(&reworded).is_disjoint(&questions(&trained)), "in words that are not trained");
    assert!(groups(&test).is_disjoint(&groups(&trained)), "a test fact is not trained");
    assert!(reworded.iter().all(|row| row.split.as_deref() == Some("rewording")));
}

#[test]
#[cfg(unix)]
fn interruption_of_the_rules_ends_with_130_and_leaves_nothing() {
    let bench = Bench::new();
    let record = |number: usize| format!("Fire pump {number},{}.{},{number}\n", number % 9, number % 7);
    bench.write("pumps.csv", format!("name,class,guide\n{}", (0..10_000).map(record).collect::<String>()));
    bench.json(&["data", "ingest", "pumps.csv", "-o", "chunks", "--base", "estimate", "--json"]);
    let arguments = ["data", "generate", "chunks", "--rules", "--wordings", "32", "-o", "rows"];
    let mut child = bench.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while !bench.path("rows").exists() && started.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!bench.path("rows").exists());
}
