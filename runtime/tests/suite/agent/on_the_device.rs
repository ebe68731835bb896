//! Tools on a device: imported tables, checklists and the log in its database, other programs, answers by the router.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use halligan_runtime::agent::CallOptions;
use halligan_runtime::agent::Toolbox;
use halligan_runtime::agent::external::external_tools;
use halligan_runtime::agent::tools::hazard::{self, Role};
use halligan_runtime::home::Home;
use halligan_runtime::retrieval::IndexControl;
use halligan_runtime::{
    AnswerEvent, Approval, Approver, AskOptions, Assistant, AssistantOptions, ToolCall, ToolMode, ToolOutcome,
};
use serde_json::{Value, json};

use crate::suite::room::{base_model, repository};

fn open(folder: &Path) -> Assistant {
    Assistant::open(&AssistantOptions { home: Some(folder.to_path_buf()), ..AssistantOptions::default() }).unwrap()
}

fn allow() -> Approver {
    Approver(Arc::new(|_| Approval::Once))
}

fn run(assistant: &Assistant, name: &str, arguments: Value) -> Result<String, String> {
    let call = ToolCall { name: name.to_owned(), arguments };
    match assistant.call_tool(&call, Some(&allow()), &mut |_| {}).unwrap().outcome {
        ToolOutcome::Done(result) => Ok(result["says"].as_str().unwrap().to_owned()),
        ToolOutcome::Failed(reason) => Err(reason),
        ToolOutcome::Denied => Err("denied".to_owned()),
    }
}

#[test]
fn a_messy_table_is_imported_and_found_by_number_and_by_imperfect_names() {
    let folder = tempfile::tempdir().unwrap();
    let assistant = open(folder.path());
    assert!(run(&assistant, "hazard_lookup", json!({"substance": "UN1203"})).unwrap_err().contains("import-table"));
    // Line breaks in cells, a byte order mark, `see` references, several rows of one number, a blank number, no name.
    let csv = "\u{feff}id_number,proper_shipping_names,hazard_class,packing_group,label_codes,stowage\r\n\
        UN1089,\"Acetaldehyde; \r\nEthyl aldehyde, see Acetaldehyde\",3,I,3,E\r\n\
        UN 2814,\"\nInfectious substances,\n affecting humans\",6.2,,6.2,B\r\n\
        UN1133,\"Adhesives, containing a flammable liquid\n\",3,I,3,B\r\n\
        UN1133,\"Adhesives, containing a flammable liquid\n\",3,II,3,B\r\n\
        ,\"\nAcetylene, solvent free\n\",Forbidden,,,\r\n\
        UN9999,,3,,,\r\n";
    let path = folder.path().join("table.csv");
    fs::write(&path, csv).unwrap();
    let table = assistant.import_hazard_table(&path, "cfr", &[]).unwrap();
    assert_eq!((table.entries, table.skipped, table.without_number), (5, 1, 1));
    assert!(table.columns.iter().any(|column| column.role == Role::Kept && column.heading == "stowage"));
    let look = |substance: &str| run(&assistant, "hazard_lookup", json!({ "substance": substance }));
    let aldehyde = "UN 1089 Acetaldehyde: class 3; packing group I; labels 3 (cfr line 2).";
    for name in ["UN1089", "un 1089", "1089", "acetaldehyde", "Ethyl aldehyde", "acetaldehide"] {
        assert_eq!(look(name).as_deref(), Ok(aldehyde), "{name}");
    }
    assert!(look("2814").unwrap().contains("Infectious substances, affecting humans: class 6.2"));
    let both = look("UN1133").unwrap();
    assert!(both.contains("packing group I;") && both.contains("packing group II;"), "{both}");
    assert!(look("acetylene solvent free").unwrap().contains("forbidden for transport"));
    assert!(look("kryptonite").is_err() && look("UN0000").is_err());
    // Importing again replaces; a wrong column is named.
    assert_eq!(assistant.import_hazard_table(&path, "cfr", &[]).unwrap().entries, 5);
    assert_eq!(look("UN1089").as_deref(), Ok(aldehyde));
    let chosen = [("nowhere".to_owned(), Role::Number)];
    assert!(assistant.import_hazard_table(&path, "cfr", &chosen).unwrap_err().to_string().contains("nowhere"));
}

#[test]
fn two_tables_say_together_what_they_know_of_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let assistant = open(folder.path());
    assistant.import_hazard_table(&repository("trainer-host/guide/hazards.csv"), "guide", &[]).unwrap();
    let path = folder.path().join("own.csv");
    fs::write(&path, "UN,Name,Class\n1017,\"Chlorine, liquefied\",2.3\n").unwrap();
    assistant.import_hazard_table(&path, "own", &[]).unwrap();
    let says = run(&assistant, "hazard_lookup", json!({"substance": "chlorine"})).unwrap();
    assert!(says.contains("(guide line 3).") && says.contains("(own line 2)."), "{says}");
    assert!(says.contains("initial isolation, small spill: 200 feet"), "{says}");
}

#[test]
fn no_record_of_another_substance_is_ever_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let assistant = open(folder.path());
    let csv = "id_number,proper_shipping_names,hazard_class\n\
        UN1017,Chlorine,2.3\nUN1063,Methyl chloride or Refrigerant gas R 40,2.1\nUN1005,\"Ammonia, anhydrous\",2.3\n\
        UN3318,\"Ammonia solution, with more than 50 percent ammonia\",2.3\nUN1307,Xylenes,3\n\
        UN2956,Musk xylene,4.1\nUN2031,\"Nitric acid other than red fuming, with at least 65 percent\",8\n\
        UN2032,\"Nitric acid, red fuming\",8\nUN1718,Butyl acid phosphate,8\n\
        UN1203,\"Gasoline includes gasoline mixed with ethyl alcohol, with not more than 10% alcohol\",3\n\
        UN1202,Gas oil,3\nUN1071,\"Oil gas, compressed\",2.3\nUN1978,Propane,2.1\n\
        UN1827,\"Stannic chloride, anhydrous; Tin chloride, fuming, see Stannic chloride, anhydrous\",8\n\
        UN0433,Powder cake with not less than 17 percent alcohol by mass,1.1C\nUN1049,\"Hydrogen, compressed\",2.1\n\
        UN1966,\"Hydrogen, refrigerated liquid\",2.1\nUN1050,\"Hydrogen chloride, anhydrous\",2.3\n";
    let path = folder.path().join("cfr.csv");
    fs::write(&path, csv).unwrap();
    assistant.import_hazard_table(&path, "cfr", &[]).unwrap();
    assistant.import_hazard_table(&repository("trainer-host/guide/hazards.csv"), "guide", &[]).unwrap();
    let look = |substance: &str| run(&assistant, "hazard_lookup", json!({ "substance": substance }));
    for (substance, record) in [
        ("chlorine gas", "UN 1017 Chlorine: "),
        ("liquid chlorine", "UN 1017 Chlorine: "),
        ("chlorin", "UN 1017 Chlorine: "),
        ("xylene", "UN 1307 Xylenes: "),
        ("propane cylinder", "UN 1978 Propane: "),
        ("gas oil", "UN 1202 Gas oil: "),
    ] {
        let says = look(substance).unwrap();
        assert!(says.lines().all(|line| line.starts_with(record)), "{substance}: {says}");
    }
    for substance in ["nitric acid", "ammonia", "amonia", "ammonia gas", "hydrogen gas", "hydrogen"] {
        let says = look(substance).unwrap();
        assert!(says.ends_with("Which one?") && says.contains(" fits several entries: "), "{substance}: {says}");
    }
    assert!(look("nitric acid").unwrap().contains("(UN2031)") && look("nitric acid").unwrap().contains("(UN2032)"));
    for substance in ["chloride", "acid", "gas", "oil", "tin", "propene"] {
        let says = look(substance).unwrap();
        assert!(says.starts_with(&format!("No entry is called `{substance}`; nearest: ")), "{substance}: {says}");
    }
    assert!(look("17").is_err());
    // Both tables have it, each under a name of its own.
    let gasoline = look("gasolin").unwrap();
    assert!(gasoline.contains("(guide line 8)") && gasoline.contains("(cfr line 11)"), "{gasoline}");
}

#[test]
fn kinds_of_a_substance_under_other_numbers_are_never_hidden() {
    let folder = tempfile::tempdir().unwrap();
    let assistant = open(folder.path());
    let csv = "id_number,proper_shipping_names,hazard_class,packing_group\n\
        UN1263,\"Paint including paint, lacquer and enamel\",3,II\nUN3066,Paint or Paint related material,8,II\n\
        UN1013,Carbon dioxide,2.2,\nUN2187,\"Carbon dioxide, refrigerated liquid\",2.2,\n\
        UN1011,\"Butane see also Petroleum gases, liquefied\",2.1,\nUN2055,\"Styrene monomer, stabilized\",3,III\n\
        UN3480,Lithium ion batteries including polymer batteries,9,\nUN1202,Diesel fuel,3,III\n\
        UN3318,\"Ammonia solution, with more than 50 percent ammonia\",2.3,\n\
        UN2672,\"Ammonia solution, with less than 35 percent ammonia\",8,III\n";
    let path = folder.path().join("cfr.csv");
    fs::write(&path, csv).unwrap();
    assistant.import_hazard_table(&path, "cfr", &[]).unwrap();
    assistant.import_hazard_table(&repository("trainer-host/guide/hazards.csv"), "guide", &[]).unwrap();
    let look = |substance: &str| run(&assistant, "hazard_lookup", json!({ "substance": substance })).unwrap();
    let paint = look("paint");
    assert!(paint.contains("(UN1263)") && paint.contains("(UN3066)") && paint.ends_with("Which one?"), "{paint}");
    let gas = look("carbon dioxide");
    let (record, also) = gas.split_once("\nalso: ").unwrap();
    assert!(record.starts_with("UN 1013 ") && also.contains("(UN2187)") && also.contains("(UN1845)"), "{gas}");
    for (substance, record) in
        [("butane", "UN 1011 Butane: "), ("styrene", "UN 2055 "), ("lithium ion battery", "UN 3480 ")]
    {
        assert!(look(substance).starts_with(record), "{substance}: {}", look(substance));
    }
    // A property that one of them has, or that all say alike, is an answer; an empty cell is not alike.
    assert!(look("IDLH of ammonia").contains("UN 1005") && look("IDLH of ammonia").contains("300 ppm"));
    assert!(look("guide number of ammonia").contains("guide 125"));
    let diesel = look("packing group of diesel fuel");
    assert!(diesel.contains("UN 1202 ") && diesel.contains("NA 1993 "), "{diesel}");
    for asked in ["packing group of ammonia", "hazard class of ammonia", "ammonia"] {
        assert!(look(asked).ends_with("Which one?"), "{asked}: {}", look(asked));
    }
    // A number among words is the number.
    for (text, numbers) in [
        ("UN 1203 gasoline", &["UN 1203"][..]),
        ("chlorine (UN1017)", &["UN 1017"][..]),
        ("UN1017 and UN1005", &["UN 1017", "UN 1005"][..]),
        ("UN#1203", &["UN 1203"][..]),
    ] {
        assert!(numbers.iter().all(|number| look(text).contains(number)), "{text}: {}", look(text));
    }
}

#[test]
fn an_empty_cell_is_said_to_be_empty_without_any_figure() {
    let folder = tempfile::tempdir().unwrap();
    let assistant = open(folder.path());
    assistant.import_hazard_table(&repository("trainer-host/guide/hazards.csv"), "guide", &[]).unwrap();
    for (question, says) in [
        ("What is the IDLH of acetone?", "The table guide has Acetone, and no IDLH for it"),
        ("What is the ERG guide number for acetone?", "The table guide has Acetone, and no guide number for it"),
        ("How far should I isolate an acetone spill?", "The table guide has Acetone, and no isolation distance for it"),
    ] {
        let turn = assistant.ask(question, &AskOptions::default(), &mut |_| {}).unwrap();
        assert!(turn.answer.starts_with(says), "{question}: {}", turn.answer);
        assert!(!turn.answer.contains(|c: char| c.is_ascii_digit()), "{}", turn.answer);
    }
}

#[test]
fn a_long_entry_is_kept_whole_and_a_log_of_long_entries_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let assistant = open(folder.path());
    let long = |first: &str| format!("{first} {}", "word ".repeat(1_500)).trim().to_owned();
    for number in 0..6 {
        let said = run(&assistant, "log_entry", json!({"text": long(&format!("entry{number}"))})).unwrap();
        assert!(said.ends_with(&long(&format!("entry{number}"))), "{said}");
    }
    let read = run(&assistant, "read_log", json!({})).unwrap();
    assert!(read.starts_with("(3 before these left out") && read.contains("entry3 word"), "{read}");
    assert!(read.ends_with(&long("entry5")) && !read.contains("entry2"), "{read}");
    let refused = run(&assistant, "log_entry", json!({"text": "x".repeat(8_001)})).unwrap_err();
    assert!(refused.contains("8000") && refused.len() < 250, "{refused}");
}

#[test]
fn the_log_is_read_letter_case_aside_and_names_its_incidents() {
    let folder = tempfile::tempdir().unwrap();
    let assistant = open(folder.path());
    assert!(run(&assistant, "read_log", json!({"incident": "mill"})).unwrap_err().contains("the log is empty"));
    for (incident, text) in [("Mill", "Engine 4 on scene"), ("Canyon", "Second alarm")] {
        run(&assistant, "log_entry", json!({"text": text, "incident": incident})).unwrap();
    }
    let mill = run(&assistant, "read_log", json!({"incident": "mill"})).unwrap();
    assert!(mill.ends_with("Mill: Engine 4 on scene") && !mill.contains("Canyon"), "{mill}");
    assert_eq!(run(&assistant, "read_log", json!({})).unwrap().lines().count(), 2);
    let other = run(&assistant, "read_log", json!({"incident": "Lake"})).unwrap_err();
    assert_eq!(other, "the log has no incident `Lake`; it has `Canyon`, `Mill`");
}

#[test]
fn a_time_of_another_day_says_its_day() {
    let folder = tempfile::tempdir().unwrap();
    let assistant = open(folder.path());
    let arguments = json!({"at": "39.74, -104.98", "date": "2024-06-21", "zone": "UTC"});
    let says = run(&assistant, "sun", arguments).unwrap();
    assert!(says.contains("sunrise 11:32 UTC, sunset 02:31 UTC on 2024-06-22,"), "{says}");
}

#[test]
fn places_where_a_library_fails_or_no_bearing_exists_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let assistant = open(folder.path());
    let position = |text: &str| run(&assistant, "coordinates", json!({ "coordinates": text }));
    assert!(position("0, 0").unwrap().contains("MGRS 31NAA6602100000"), "{:?}", position("0, 0"));
    let square = position("13SDE12").unwrap();
    assert!(square.starts_with("Middle of a square of 10 km: ") && square.contains("MGRS 13SDE12 "), "{square}");
    let walk = |from: &str, bearing: f64| {
        run(&assistant, "destination", json!({"from": from, "bearing": bearing, "kilometres": 10})).unwrap()
    };
    assert!(walk("0,0", 90.0).contains("(31NAA") && !walk("89.99, 0", 0.0).contains("(none)"));
    let same = run(&assistant, "distance", json!({"from": "39.7, -104.9", "to": "39.7, -104.9"})).unwrap();
    assert!(same.ends_with("are the same place, so there is no bearing."), "{same}");
}

#[test]
fn a_checklist_of_a_document_is_worked_through_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checks.md");
    fs::write(&path, "# Engine\n\n## Morning check\n\n- [ ] Fuel and oil\n- [ ] Water tank full\n- [ ] SCBA bottles above 90 percent\n\n## Notes\n\nNothing to tick.\n").unwrap();
    let home = folder.path().join("home");
    {
        let assistant = open(&home);
        assistant.add_documents(&[path], &mut |_| IndexControl::Continue).unwrap();
        assert_eq!(run(&assistant, "list_checklists", json!({})).unwrap(), "Morning check (3 items, checks.md)");
        let started = run(&assistant, "start_checklist", json!({"name": "morning"})).unwrap();
        assert_eq!(started, "Morning check: 0 of 3 done. Next, item 1: Fuel and oil");
        assert!(run(&assistant, "item_done", json!({})).unwrap().contains("item 2: Water tank full"));
        let again = run(&assistant, "start_checklist", json!({"name": "morning"})).unwrap();
        assert!(again.starts_with("Morning check was ended at 1 of 3 done. Morning check: 0 of 3 done."), "{again}");
        run(&assistant, "item_done", json!({})).unwrap();
    }
    let assistant = open(&home);
    assert!(run(&assistant, "next_item", json!({})).unwrap().contains("1 of 3 done"));
    assert!(run(&assistant, "item_done", json!({"item": 9})).is_err());
    run(&assistant, "item_done", json!({"item": 3})).unwrap();
    assert!(run(&assistant, "item_done", json!({})).unwrap().ends_with("All items are done."));
    assert!(run(&assistant, "next_item", json!({})).is_err(), "a finished list is closed");
}

#[test]
fn the_router_answers_without_a_model_and_the_turn_tells_which_tool_did() {
    let folder = tempfile::tempdir().unwrap();
    let assistant = open(folder.path());
    let mut events = Vec::new();
    let turn =
        assistant.ask("Convert 500 gpm to L/min", &AskOptions::default(), &mut |event| events.push(event)).unwrap();
    assert_eq!(turn.answer, "500 gpm = 1892.71 L/min.");
    assert_eq!((turn.generation.as_str(), turn.tokens, turn.tools.len()), ("tools", 0, 1));
    assert!(matches!(&events[0], AnswerEvent::ToolStarted(call) if call.name == "convert_units"));
    assert_eq!(assistant.turns(1).unwrap()[0].tools, turn.tools, "the journal keeps the call");
    let denied = assistant.ask("Log: Engine 4 on scene", &AskOptions::default(), &mut |_| {}).unwrap();
    assert_eq!(denied.tools[0].outcome, ToolOutcome::Denied);
    let allowed = AskOptions { approver: Some(allow()), ..AskOptions::default() };
    let logged = assistant.ask("Log: Engine 4 on scene", &allowed, &mut |_| {}).unwrap();
    assert!(logged.answer.ends_with("Engine 4 on scene"));
    assert!(
        assistant.ask("show the log", &allowed, &mut |_| {}).unwrap().answer.contains("incident: Engine 4 on scene")
    );
    // Off, the question goes to a model, and there is none.
    let off = AskOptions { tools: ToolMode::Off, ..AskOptions::default() };
    assert!(assistant.ask("2 + 2", &off, &mut |_| {}).is_err());
    assistant.set_router(false).unwrap();
    assert!(assistant.ask("2 + 2", &AskOptions::default(), &mut |_| {}).is_err());
}

#[test]
fn unsound_calls_are_refused_by_name_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let assistant = open(folder.path());
    for (name, arguments, says) in [
        ("launch", json!({}), "no tool `launch`"),
        ("calculate", json!({}), "expression"),
        ("calculate", json!({"expression": 5}), "/expression"),
        ("calculate", json!({"expression": "1", "more": 1}), "more"),
        ("calculate", json!([1]), "object"),
        ("log_entry", json!({"text": "x".repeat(20_000)}), "bytes"),
    ] {
        let reason = run(&assistant, name, arguments).unwrap_err();
        assert!(reason.contains(says), "{name}: {reason}");
    }
}

/// The example server, which cargo builds beside the tests.
fn server() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples")
        .join(format!("protocol_server{}", std::env::consts::EXE_SUFFIX))
}

#[test]
fn other_programs_offer_only_what_is_allowed_and_cannot_hold_anyone_up() {
    let folder = tempfile::tempdir().unwrap();
    assert!(external_tools(folder.path()).unwrap().0.is_empty(), "without a file nothing is started");
    let configuration = json!({"mcpServers": {
        "example": {
            "command": server(), "env": {"STATION": "7"},
            "allow": ["echo", "environment", "hang", "flood", "garble", "drown", "missing"],
            "readOnly": ["echo", "environment", "hang", "flood", "garble", "drown"],
        },
        "absent": {"command": "/nowhere/program", "allow": ["x"]},
        "idle": {"command": "/nowhere/never-started"},
    }});
    fs::write(folder.path().join("mcp.json"), configuration.to_string()).unwrap();
    let (tools, left_out) = external_tools(folder.path()).unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool.name()).collect();
    let expected = ["echo", "environment", "hang", "flood", "garble", "drown"].map(|name| format!("example_{name}"));
    assert_eq!(names, expected);
    assert_eq!(left_out.len(), 2, "{left_out:?}");
    assert_eq!(tools[0].description(), "says the < tool_call> text back", "a description cannot open a call");

    let home = Home::open(Some(folder.path())).unwrap();
    let mut toolbox = Toolbox::built_in();
    tools.into_iter().for_each(|tool| toolbox.add(tool).unwrap());
    let find = |_: &str, _: usize| Ok(Vec::new());
    let call = |name: &str, limit: Duration| {
        let call = ToolCall { name: name.to_owned(), arguments: json!({"text": "hello"}) };
        let options = CallOptions { home: &home, find_passages: &find, approver: None, tainted: false, limit };
        toolbox.run(&call, &options, &mut |_| {}).outcome
    };
    let long = Duration::from_secs(20);
    assert!(matches!(call("example_echo", long), ToolOutcome::Done(result) if result["says"] == "hello"));
    let ToolOutcome::Done(variables) = call("example_environment", long) else { panic!() };
    let variables = variables["says"].as_str().unwrap().to_owned();
    assert!(variables.contains("STATION") && !variables.contains("CARGO"), "{variables}");
    assert!(matches!(call("example_flood", long), ToolOutcome::Failed(reason) if reason.contains("limit")));
    let start = Instant::now();
    for (name, reason) in [("example_garble", "no message"), ("example_drown", "4194304 bytes")] {
        let ToolOutcome::Failed(said) = call(name, long) else { panic!("{name}") };
        assert!(said.contains(reason), "{said}");
        assert!(matches!(call("example_echo", long), ToolOutcome::Done(_)), "the program is asked again after {name}");
    }
    assert!(start.elapsed() < Duration::from_secs(5), "nobody waits for a reply that cannot be read");
    let start = Instant::now();
    assert!(matches!(call("example_hang", Duration::from_secs(1)), ToolOutcome::Failed(_)));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_tool_that_is_not_called_read_only_asks_first() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = json!({"mcpServers": {"example": {"command": server(), "allow": ["echo"]}}});
    fs::write(folder.path().join("mcp.json"), configuration.to_string()).unwrap();
    let assistant = open(folder.path());
    let call = ToolCall { name: "example_echo".to_owned(), arguments: json!({"text": "hello"}) };
    let used = assistant.call_tool(&call, None, &mut |_| {}).unwrap();
    assert_eq!(used.outcome, ToolOutcome::Denied);
    assert_eq!(run(&assistant, "example_echo", json!({"text": "hello"})).as_deref(), Ok("hello"));
}

#[test]
fn a_table_of_the_example_guide_has_the_facts_of_the_guide() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    hazard::import(&home, &repository("trainer-host/guide/hazards.csv"), "guide", &[]).unwrap();
    let facts = fs::read_to_string(repository("trainer-host/guide/facts.jsonl")).unwrap();
    let rows: Vec<Value> = facts.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut compared = 0;
    for (fact, substance, shown) in [
        ("hazmat-guide-chlorine", "UN1017", "guide 124"),
        ("hazmat-guide-gasoline", "UN1203", "guide 128"),
        ("hazmat-iso-chlorine", "UN1017", "200 feet"),
        ("hazmat-iso-gasoline", "UN1203", "150 feet"),
        ("hazmat-idlh-phosgene", "UN1076", "2 ppm"),
        ("hazmat-pg-carbon-disulfide", "UN1131", "packing group I"),
        ("hazmat-class-sodium-metal", "UN1428", "class 4.3"),
    ] {
        let row = rows.iter().find(|row| row["id"] == fact).unwrap();
        let value = row["value"].as_str().unwrap().replace("Division", "class");
        assert!(value.eq_ignore_ascii_case(shown), "{fact}: {value}");
        let hazard::Found::Entries { entries, .. } = hazard::look_up(&home, substance).unwrap() else {
            panic!("{substance}")
        };
        assert!(hazard::describe(&entries, entries.len()).contains(shown), "{fact}");
        compared += 1;
    }
    assert_eq!(compared, 7);
}

#[test]
fn a_model_that_never_learned_tools_keeps_to_their_schemas_when_it_must_use_them() {
    let folder = tempfile::tempdir().unwrap();
    let options = AssistantOptions {
        home: Some(folder.path().to_path_buf()),
        model: Some(base_model()),
        ..AssistantOptions::default()
    };
    let assistant = Assistant::open(&options).unwrap();
    let ask = AskOptions { tools: ToolMode::On, max_tokens: 64, ..AskOptions::default() };
    for question in ["What is 2 + 2?", "CALL: {\"name\": \"log_entry\", \"arguments\": {\"text\": \"x\"}}"] {
        let mut shown = String::new();
        let turn = assistant
            .ask(question, &ask, &mut |event| {
                if let AnswerEvent::Text(text) = event {
                    shown.push_str(&text);
                }
            })
            .unwrap();
        assert!(turn.tools.iter().all(|used| assistant.toolbox().unwrap().check(&used.call).is_ok()), "{turn:?}");
        assert_eq!(shown.trim(), turn.answer, "what is shown is what is recorded");
        assert_ne!(turn.generation, "tools");
    }
    // Left to itself the model is not asked to call anything: its template knows no tools.
    let auto = AskOptions { max_tokens: 8, ..AskOptions::default() };
    assert!(assistant.ask("How are you?", &auto, &mut |_| {}).unwrap().tools.is_empty());
}
