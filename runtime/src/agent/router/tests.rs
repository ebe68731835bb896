//! What the router takes, and what it leaves to the model.

use super::*;
use crate::agent::tools::hazard::{Found, describe, import, look_up};

fn home_with_table() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/../trainer-host/guide/hazards.csv");
    import(&home, table.as_ref(), "guide", &[]).unwrap();
    (folder, home)
}

fn routed(home: &Home, question: &str) -> Option<(String, serde_json::Value)> {
    route(home, question).unwrap().map(|call| (call.name, call.arguments))
}

#[test]
fn known_forms_become_calls() {
    let (_folder, home) = home_with_table();
    let cases = [
        ("What is UN 1017?", "hazard_lookup", json!({"substance": "UN1017"})),
        ("guide for un1203", "hazard_lookup", json!({"substance": "UN1203"})),
        ("UN 9999", "hazard_lookup", json!({"substance": "UN9999"})),
        ("what is un 1203 and un 1017?", "hazard_lookup", json!({"substance": "UN1203 UN1017"})),
        ("Look up dry ice", "hazard_lookup", json!({"substance": "dry ice"})),
        ("What is acetone?", "hazard_lookup", json!({"substance": "acetone"})),
        ("What is chlorine's hazard class?", "hazard_lookup", json!({"substance": "chlorine"})),
        ("What is the ERG guide number for chlorine?", "hazard_lookup", json!({"substance": "chlorine"})),
        ("Which UN number does anhydrous ammonia carry?", "hazard_lookup", json!({"substance": "anhydrous ammonia"})),
        ("What is the IDLH of acetone?", "hazard_lookup", json!({"substance": "IDLH of acetone"})),
        (
            "What is the ERG guide number for phosgene?",
            "hazard_lookup",
            json!({"substance": "guide number of phosgene"}),
        ),
        (
            "How far should I isolate an acetone spill?",
            "hazard_lookup",
            json!({"substance": "isolation distance of acetone"}),
        ),
        ("IDLH of phosgene", "hazard_lookup", json!({"substance": "phosgene"})),
        ("How far should I isolate a chlorine spill?", "hazard_lookup", json!({"substance": "chlorine"})),
        ("Convert 500 gpm to L/min", "convert_units", json!({"value": 500.0, "from": "gpm", "to": "L/min"})),
        ("how many liters are in 5 gallons?", "convert_units", json!({"value": 5.0, "from": "gal", "to": "L"})),
        ("What is 1,000 psi in bar?", "convert_units", json!({"value": 1000.0, "from": "psi", "to": "bar"})),
        ("5 mw to W", "convert_units", json!({"value": 5.0, "from": "mw", "to": "W"})),
        ("-40 F to C", "convert_units", json!({"value": -40.0, "from": "F", "to": "C"})),
        ("What is 3 * (12 + 5)?", "calculate", json!({"expression": "3 * (12 + 5)"})),
        ("18 percent of 250", "calculate", json!({"expression": "18 percent of 250"})),
        ("What is 18% of 1,250?", "calculate", json!({"expression": "18 percent of 1,250"})),
        ("3 \u{d7} 4", "calculate", json!({"expression": "3 \u{d7} 4"})),
        ("100 - 30 =", "calculate", json!({"expression": "100 - 30"})),
        ("39.7392, -104.9847 to MGRS", "coordinates", json!({"coordinates": "39.7392, -104.9847"})),
        ("What is 18SUJ2339407395?", "coordinates", json!({"coordinates": "18SUJ2339407395"})),
        (
            "How far is it from 39.74, -104.98 to 40.01, -105.27?",
            "distance",
            json!({"from": "39.74, -104.98", "to": "40.01, -105.27"}),
        ),
        (
            "2 km at 90 degrees from 39.74, -104.98",
            "destination",
            json!({"from": "39.74, -104.98", "bearing": 90.0, "kilometres": 2.0}),
        ),
        ("10 ppm in mg/m3 for 70.9 g/mol", "concentration", json!({"value": 10.0, "from": "ppm", "molar_mass": 70.9})),
        ("What time is it in Europe/Berlin?", "time", json!({"zone": "Europe/Berlin"})),
        ("What time is it in Denver?", "time", json!({"zone": "Denver"})),
        ("Sunset at 39.74, -104.98 on 2026-07-01", "sun", json!({"at": "39.74, -104.98", "date": "2026-07-01"})),
        ("Log: Engine 4 on scene.", "log_entry", json!({"text": "Engine 4 on scene."})),
        (
            "Log: Engine 4 on scene\ntwo victims located",
            "log_entry",
            json!({"text": "Engine 4 on scene\ntwo victims located"}),
        ),
        ("show the log", "read_log", json!({})),
        ("start checklist Engine check", "start_checklist", json!({"name": "Engine check"})),
        ("item 3 done", "item_done", json!({"item": 3})),
    ];
    for (question, name, arguments) in cases {
        assert_eq!(routed(&home, question), Some((name.to_owned(), arguments)), "{question}");
    }
}

#[test]
fn a_name_that_stands_only_in_longer_names_is_the_tables_to_offer_and_a_slip_is_not() {
    let (folder, home) = home_with_table();
    let path = folder.path().join("cfr.csv");
    let csv = "id_number,proper_shipping_names,hazard_class\nUN1267,Petroleum crude oil,3\nUN1978,Propane,2.1\n\
        UN2073,\"Ammonia solution, with more than 35 percent ammonia\",2.2\n";
    std::fs::write(&path, csv).unwrap();
    import(&home, &path, "cfr", &[]).unwrap();
    let taken = |substance: &str| Some(("hazard_lookup".to_owned(), json!({ "substance": substance })));
    assert_eq!(routed(&home, "hazard class of crude oil"), taken("crude oil"));
    assert_eq!(routed(&home, "hazard class of propene"), None, "another word");
    // The property goes with the name where it tells the substances apart.
    assert_eq!(routed(&home, "What is the IDLH of ammonia?"), taken("IDLH of ammonia"));
    assert_eq!(routed(&home, "What is the hazard class of ammonia?"), taken("ammonia"));
    assert_eq!(routed(&home, "hazard class of UN 1203 gasoline"), taken("UN 1203 gasoline"));
    assert_eq!(routed(&home, "guide for a truck with UN 1017 at night"), None);
}

#[test]
fn a_log_entry_may_be_longer_than_any_question() {
    let (_folder, home) = home_with_table();
    let story = "the wind turned to the north and the crew moved to the road. ".repeat(20);
    let (tool, arguments) = routed(&home, &format!("Log: {story}")).unwrap();
    assert_eq!((tool.as_str(), arguments["text"].as_str()), ("log_entry", Some(story.trim())));
}

#[test]
fn ordinary_questions_are_left_to_the_model() {
    let (_folder, home) = home_with_table();
    for question in [
        "What is the class of Engine 5?",
        "What is the incident commander?",
        "How close may crews work to UN 1017 at night?",
        "Compare UN 1017 with UN 1005",
        "Find the number of feet in a chain.",
        "What is 1-800-424-9300?",
        "What happened on 2026-07-01?",
        "11/29",
        "What is Watch Out 5?",
        "What are the 10 and 18?",
        "Convert 5 gallons to a foam blanket",
        "How many feet of hose in 3 lengths?",
        "What time is sunset?",
        "What time is it in the drill?",
        "percent of crews",
        "log",
        "Is 150 feet enough?",
        "",
        "look up",
    ] {
        assert_eq!(routed(&home, question), None, "{question}");
    }
}

#[test]
fn questions_of_the_guide_are_taken_only_where_the_table_has_their_answer() {
    let (_folder, home) = home_with_table();
    let rows = include_str!("../../../../trainer-host/guide/heldout.jsonl");
    let mut taken = 0;
    for row in rows.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()) {
        let question = row["messages"][0]["content"].as_str().unwrap();
        let Some((name, arguments)) = routed(&home, question) else { continue };
        assert_eq!(name, "hazard_lookup", "{question}");
        let Found::Entries { entries, .. } = look_up(&home, arguments["substance"].as_str().unwrap()).unwrap() else {
            panic!("{question}: {arguments}")
        };
        let said = describe(&entries, entries.len()).to_lowercase();
        let value = row["value"].as_str().unwrap().to_lowercase().replace("division", "class");
        let number = |text: &str| {
            text.split_whitespace().map(|word| word.trim_start_matches('0').to_owned()).collect::<Vec<_>>()
        };
        assert!(number(&value).iter().all(|word| said.contains(word.as_str())), "{question}: {value:?} in {said:?}");
        taken += 1;
    }
    assert!(taken > 0, "the guide asks about the goods of its table");
}

#[test]
fn without_a_table_no_hazard_question_is_taken_and_off_means_off() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    assert_eq!(routed(&home, "What is UN 1017?"), None);
    assert!(is_enabled(&home).unwrap());
    enable(&home, false).unwrap();
    assert!(!is_enabled(&home).unwrap());
}
