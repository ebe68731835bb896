//! The domain suite: how often the router makes exactly the right call, and how often it rightly makes none.
//!
//! Cases are made from the example table and from templates whose words the router's code does not hold alike: asking
//! for something in five ways, with values drawn by a seed. Negative cases are the guide's own questions and prose that
//! holds numbers, units or substances without asking for a lookup.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use halligan_runtime::agent::tools::hazard;
use halligan_runtime::agent::{Toolbox, router};
use halligan_runtime::home::Home;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::suite::room::repository;

/// Least share of exact calls; what the router misses goes to the model, as it should for wordings that no form covers.
const EXACT_MIN: f64 = 0.95;

struct Case {
    question: String,
    tool: &'static str,
    arguments: Value,
}

fn positives(random: &mut StdRng) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add =
        |question: String, tool: &'static str, arguments: Value| cases.push(Case { question, tool, arguments });
    let table = fs::read_to_string(repository("trainer-host/guide/hazards.csv")).unwrap();
    let numbers: Vec<&str> = table.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    for number in &numbers {
        let (kind, digits) = number.split_at(2);
        for question in [
            format!("What is {kind} {digits}?"),
            (*number).to_owned(),
            format!("Which guide for {number}?"),
            format!("Show me the hazard class and packing group of {kind}{digits}."),
            format!("look up {kind}-{digits} in the hazard table"),
        ] {
            add(question, "hazard_lookup", json!({ "substance": number }));
        }
    }
    let pairs = [
        ("gpm", "L/min"),
        ("psi", "kPa"),
        ("psi", "bar"),
        ("ft", "m"),
        ("mi", "km"),
        ("ac", "ha"),
        ("gal", "L"),
        ("F", "C"),
        ("mph", "km/h"),
        ("kn", "mph"),
        ("lb", "kg"),
        ("ch", "ft"),
        ("bar", "psi"),
        ("L/min", "gpm"),
        ("m", "ft"),
        ("C", "F"),
    ];
    let spelled: BTreeMap<&str, &str> = BTreeMap::from([
        ("gpm", "gallons per minute"),
        ("psi", "psi"),
        ("ft", "feet"),
        ("mi", "miles"),
        ("ac", "acres"),
        ("gal", "gallons"),
        ("F", "degrees Fahrenheit"),
        ("mph", "miles per hour"),
        ("kn", "knots"),
        ("lb", "pounds"),
        ("ch", "chains"),
        ("bar", "bar"),
        ("L/min", "liters per minute"),
        ("m", "meters"),
        ("C", "degrees Celsius"),
        ("kPa", "kilopascals"),
        ("km", "kilometers"),
        ("ha", "hectares"),
        ("L", "liters"),
        ("km/h", "km/h"),
        ("kg", "kilograms"),
    ]);
    for (from, to) in pairs {
        let value = f64::from(random.random_range(1..2000_u32)) / 4.0;
        let (long_from, long_to) = (spelled[from], spelled[to]);
        for question in [
            format!("Convert {value} {from} to {to}"),
            format!("what is {value} {long_from} in {long_to}?"),
            format!("How many {long_to} is {value} {long_from}?"),
            format!("{value} {from} in {to}"),
            format!("Please convert {value} {long_from} into {long_to}."),
        ] {
            add(question, "convert_units", json!({ "value": value, "from": from, "to": to }));
        }
    }
    for _ in 0..16 {
        let (a, b, c) = (random.random_range(2..500), random.random_range(2..90), random.random_range(2..9));
        for expression in [format!("{a} + {b} * {c}"), format!("({a} - {b}) / {c}"), format!("{a}*{b}")] {
            let question = match c % 3 {
                0 => format!("What is {expression}?"),
                1 => format!("calculate {expression}"),
                _ => format!("{expression} ="),
            };
            add(question, "calculate", json!({ "expression": expression }));
        }
    }
    for _ in 0..12 {
        let mut place = || {
            let (lat, lon) = (random.random_range(-8000..8000), random.random_range(-17900..17900));
            format!("{:.3}, {:.3}", f64::from(lat) / 100.0 + 0.003, f64::from(lon) / 100.0 + 0.003)
        };
        let (from, to) = (place(), place());
        add(format!("How far is it from {from} to {to}?"), "distance", json!({ "from": from, "to": to }));
        add(format!("distance and bearing from {from} to {to}"), "distance", json!({ "from": from, "to": to }));
        add(format!("Convert {from} to MGRS"), "coordinates", json!({ "coordinates": from }));
        add(format!("{from} in UTM"), "coordinates", json!({ "coordinates": from }));
        add(format!("Sunset at {from}"), "sun", json!({ "at": from }));
        add(
            format!("5 km at 120 degrees from {from}"),
            "destination",
            json!({ "from": from, "bearing": 120.0, "kilometres": 5.0 }),
        );
    }
    for (value, mass) in [(5, "28"), (100, "64.1"), (10, "70.9"), (50, "27"), (300, "17"), (25, "34.1")] {
        add(
            format!("What is {value} ppm in mg/m3 for {mass} g/mol?"),
            "concentration",
            json!({ "value": f64::from(value), "from": "ppm", "molar_mass": mass.parse::<f64>().unwrap() }),
        );
    }
    for zone in ["America/Denver", "Europe/Berlin", "UTC"] {
        add(format!("What time is it in {zone}?"), "time", json!({ "zone": zone }));
    }
    for text in ["Engine 4 on scene", "Water supply from hydrant 12", "Second alarm requested"] {
        add(format!("Log: {text}"), "log_entry", json!({ "text": text }));
        add(format!("Add to the log: {text}"), "log_entry", json!({ "text": text }));
    }
    add("Look up dry ice".to_owned(), "hazard_lookup", json!({ "substance": "dry ice" }));
    add("look up chlorine in the hazard table".to_owned(), "hazard_lookup", json!({ "substance": "chlorine" }));
    add("Show the log".to_owned(), "read_log", json!({}));
    add("List checklists".to_owned(), "list_checklists", json!({}));
    add("Start the checklist Morning check".to_owned(), "start_checklist", json!({ "name": "Morning check" }));
    add("next item".to_owned(), "next_item", json!({}));
    add("Item 3 done".to_owned(), "item_done", json!({ "item": 3 }));
    cases
}

fn negatives() -> Vec<String> {
    let mut questions: Vec<String> = fs::read_to_string(repository("trainer-host/guide/heldout.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        // These the table of goods answers; the router's own tests hold its answers to the guide's.
        .filter(|row| !row["id"].as_str().unwrap().starts_with("hazmat-"))
        .map(|row| row["messages"][0]["content"].as_str().unwrap().to_owned())
        .collect();
    for text in [
        "A truck with UN 1203 is on fire, what do I do first?",
        "Is UN1017 heavier than air?",
        "How do I convert a hydrant to a draft supply?",
        "We have 500 gallons, is that enough?",
        "What is the friction loss in 200 feet of 2.5 inch hose?",
        "Tell me about the 10 and 18.",
        "Who signs the log?",
        "Look up",
        "What does 24/7 mean?",
        "Call 1-800-424-9300",
        "How many people are in 3 crews?",
        "Start the pump",
        "Is sunset later in July?",
        "What time does the shift end?",
        "Convert the 4 reports to PDF",
    ] {
        questions.push(text.to_owned());
    }
    questions
}

#[test]
fn the_router_makes_the_right_call_and_rightly_none() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    hazard::import(&home, &repository("trainer-host/guide/hazards.csv"), "guide", &[]).unwrap();
    let toolbox = Toolbox::built_in();
    let cases = positives(&mut StdRng::seed_from_u64(5));
    let mut missed = Vec::new();
    let mut by_tool: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for case in &cases {
        let call = router::route(&home, &case.question).unwrap();
        let exact = call.as_ref().is_some_and(|call| call.name == case.tool && call.arguments == case.arguments);
        let (right, all) = by_tool.entry(case.tool).or_default();
        *right += usize::from(exact);
        *all += 1;
        if let Some(call) = &call {
            toolbox.check(call).unwrap();
        }
        if !exact {
            missed.push(format!("{} -> {call:?}", case.question));
        }
    }
    let negatives = negatives();
    let false_calls: Vec<&String> =
        negatives.iter().filter(|question| router::route(&home, question).unwrap().is_some()).collect();
    let exact = 1.0 - missed.len() as f64 / cases.len() as f64;
    println!(
        "{} cases, exact {:.1} %, {} without a call, of these {} false; {by_tool:?}",
        cases.len(),
        exact * 100.0,
        negatives.len(),
        false_calls.len()
    );
    assert!(cases.len() >= 300, "{}", cases.len());
    assert!(by_tool.keys().collect::<BTreeSet<_>>().len() >= 12);
    assert!(exact >= EXACT_MIN, "{exact}: {missed:#?}");
    assert!(false_calls.is_empty(), "{false_calls:?}");
}
