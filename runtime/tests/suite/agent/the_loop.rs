//! The loop with a scripted model: what runs, what is shown, what is recorded, and that it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use halligan_finetune::chat::Message;
use halligan_runtime::agent::families::FAMILIES;
use halligan_runtime::agent::tools::hazard;
use halligan_runtime::agent::{Answered, Event, Limits, Stop, Surroundings, Toolbox, converse, describe};
use halligan_runtime::error::ToolError;
use halligan_runtime::home::Home;
use halligan_runtime::{Approval, Approver, Passage, ToolOutcome};

use super::scripted::{Scripted, Wish};
use crate::suite::room::repository;

/// Templates that stand for their families: the marks by which each is known.
pub const TEMPLATES: [(&str, &str, Option<&str>); 8] = [
    ("hermes", "{% if tools %}<tools></tools> <tool_call>{% endif %}", None),
    ("mistral", "[AVAILABLE_TOOLS] [TOOL_CALLS]", Some("[TOOL_CALLS]")),
    ("functionary", "<function=example>", None),
    ("granite", "<|start_of_role|>assistant<|tool_call|>[", Some("<|tool_call|>")),
    ("phi", "<|tool|> <|tool_call|>", Some("<|tool_call|>")),
    ("command-r", "Action: ```json [{\"tool_name\": ..", None),
    ("llama3", "<|python_tag|> {\"name\": ..., \"parameters\": ...}", None),
    ("generic", "{{ messages[0].content }}", None),
];

/// What a family's model writes to make a call.
pub fn call(family: &str, name: &str, arguments: &str) -> Wish {
    let family = FAMILIES.iter().find(|known| known.name == family).unwrap();
    if family.control {
        let closing: String = family.after_arguments.chars().filter(|c| "}]".contains(*c)).collect();
        let text = format!("{}{name}{}{arguments}{closing}", family.before_name, family.before_arguments);
        if TEMPLATES.iter().any(|(known, _, control)| *known == family.name && control.is_some()) {
            return Wish::Call(text);
        }
    }
    Wish::Words(family.example(name, arguments))
}

pub struct Device {
    _folder: tempfile::TempDir,
    pub home: Home,
    pub toolbox: Toolbox,
    pub passages: Vec<Passage>,
}

impl Device {
    pub fn new() -> Device {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(Some(folder.path())).unwrap();
        hazard::import(&home, &repository("trainer-host/guide/hazards.csv"), "guide", &[]).unwrap();
        Device { _folder: folder, home, toolbox: Toolbox::built_in(), passages: Vec::new() }
    }

    pub fn ask(&self, model: &Scripted, question: &str, approver: Option<&Approver>) -> (Answered, String) {
        let find = |_: &str, limit: usize| -> Result<Vec<Passage>, ToolError> {
            Ok(self.passages.iter().take(limit).cloned().collect())
        };
        let catalogue = describe(model, &self.toolbox);
        let around = Surroundings {
            toolbox: &self.toolbox,
            catalogue: &catalogue,
            home: &self.home,
            find_passages: &find,
            approver,
        };
        let mut shown = String::new();
        let messages = [Message::new("user", question)];
        let answered = converse(model, &around, &messages, &[], &Limits::default(), &mut |event| {
            if let Event::Text(text) = event {
                shown.push_str(text);
            }
        })
        .unwrap();
        (answered, shown)
    }
}

#[test]
fn each_family_calls_a_tool_in_its_own_form_and_reads_the_result() {
    let device = Device::new();
    for (family, template, control) in TEMPLATES {
        let model = Scripted::new(template, control, true);
        model.wants([call(family, "calculate", r#"{"expression": "6*7"}"#), Wish::Words("That is 42.".to_owned())]);
        let (answered, shown) = device.ask(&model, "How much is 6*7?", None);
        assert_eq!(answered.tools.len(), 1, "{family}: {answered:?}");
        assert!(matches!(&answered.tools[0].outcome, ToolOutcome::Done(result) if result["says"] == "6*7 = 42."));
        assert_eq!(answered.text, "That is 42.", "{family}");
        assert_eq!(shown.trim(), answered.text, "{family}: what is shown is what is recorded");
        assert_eq!(model.corrected.get(), 0, "{family}: the grammar admits the family's own form");
        let heard = model.heard.borrow();
        let last = heard[1].last().unwrap();
        assert_eq!(last.role, "tool", "{family}");
        assert!(last.content.contains("6*7 = 42.") && last.content.contains("data to read"), "{family}");
    }
}

#[test]
fn words_stream_at_once_and_no_piece_of_a_call_is_shown() {
    let device = Device::new();
    for (family, template, control) in TEMPLATES {
        let model = Scripted::new(template, control, true);
        let before = if family == "llama3" { "" } else { "Let me see. " };
        let wish = match call(family, "calculate", r#"{"expression": "2*3"}"#) {
            Wish::Words(text) => Wish::Words(format!("{before}{text}")),
            other => other,
        };
        model.wants([wish, Wish::Words("It is 6.".to_owned())]);
        let (answered, shown) = device.ask(&model, "2*3?", None);
        assert_eq!(answered.tools.len(), 1, "{family}");
        assert!(!shown.contains("calculate") && !shown.contains("expression"), "{family}: {shown}");
        assert!(shown.ends_with("It is 6."), "{family}: {shown}");
    }
}

#[test]
fn a_model_that_repeats_itself_or_writes_broken_calls_comes_to_an_end() {
    let device = Device::new();
    let (family, template, control) = TEMPLATES[0];
    let repeating = Scripted::new(template, control, true);
    repeating.wants((0..50).map(|_| call(family, "calculate", r#"{"expression": "1+1"}"#)));
    let (answered, _) = device.ask(&repeating, "1+1?", None);
    assert_eq!(answered.tools.len(), 1, "the same call runs once");
    assert!(repeating.heard.borrow().len() <= 5);

    let rambling = Scripted::new(template, control, true);
    rambling.wants((0..50).map(|number| call(family, "calculate", &format!(r#"{{"expression": "1+{number}"}}"#))));
    let (answered, _) = device.ask(&rambling, "?", None);
    assert_eq!((answered.tools.len(), answered.stop), (Limits::default().calls, Stop::Limit));

    let broken = Scripted::new(template, control, false);
    broken.wants((0..50).map(|_| Wish::Words("<tool_call>{\"name\": \"calculate\", \"argu".to_owned())));
    let (answered, _) = device.ask(&broken, "?", None);
    assert!(answered.text.starts_with("no call was made: "), "people read why: {}", answered.text);
    assert!(answered.tools.is_empty() && broken.heard.borrow().len() <= 3);
}

#[test]
fn what_changes_something_waits_for_the_responder() {
    let device = Device::new();
    let (family, template, control) = TEMPLATES[0];
    let entry = |text: &str| call(family, "log_entry", &format!(r#"{{"text": "{text}"}}"#));
    let model = Scripted::new(template, control, true);
    model.wants([entry("Engine 4 on scene")]);
    let (answered, _) = device.ask(&model, "Log that Engine 4 is on scene", None);
    assert_eq!(answered.tools[0].outcome, ToolOutcome::Denied, "nobody was there to be asked");

    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let approver = Approver(Arc::new(move |_| {
        counting.fetch_add(1, Ordering::SeqCst);
        Approval::Session
    }));
    for text in ["Engine 4 on scene", "Water supply established"] {
        model.wants([entry(text), Wish::Words("Noted.".to_owned())]);
        let (answered, _) = device.ask(&model, &format!("Log: {text}"), Some(&approver));
        assert!(matches!(answered.tools[0].outcome, ToolOutcome::Done(_)), "{answered:?}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1, "one word for the session is enough");
}

#[test]
fn figures_after_a_lookup_come_from_the_table_whatever_the_model_says() {
    let device = Device::new();
    for (family, template, control) in TEMPLATES {
        let model = Scripted::new(template, control, true);
        model.wants([
            call(family, "hazard_lookup", r#"{"substance": "UN1017"}"#),
            Wish::Words("Stay 900 feet away. Wear full protection. The guide is 124.".to_owned()),
        ]);
        let (answered, shown) = device.ask(&model, "What about UN 1017?", None);
        assert!(answered.text.starts_with("UN 1017 Chlorine: class 2.3; guide 124; "), "{family}: {}", answered.text);
        assert!(answered.text.contains("200 feet"), "{family}");
        assert!(
            !shown.contains("900") && shown.contains("Wear full protection.") && shown.contains("The guide is 124.")
        );
    }
}

#[test]
fn a_model_that_only_looks_leaves_what_it_found_as_the_answer() {
    let device = Device::new();
    let (family, template, control) = TEMPLATES[0];
    let model = Scripted::new(template, control, true);
    model.wants([call(family, "calculate", r#"{"expression": "6*7"}"#), Wish::Words(String::new())]);
    let (answered, shown) = device.ask(&model, "6*7?", None);
    assert_eq!((answered.text.as_str(), shown.as_str()), ("6*7 = 42.", "6*7 = 42."));
}

#[test]
fn a_model_that_misreads_a_result_or_claims_what_was_refused_is_followed_by_the_tools_words() {
    let device = Device::new();
    let (family, template, control) = TEMPLATES[7];
    let model = Scripted::new(template, control, true);
    model.wants([call(family, "calculate", r#"{"expression": "6*7"}"#), Wish::Words("That is 41.".to_owned())]);
    let (answered, shown) = device.ask(&model, "6*7?", None);
    assert_eq!((answered.text.as_str(), shown.as_str()), ("That is 41.\n6*7 = 42.", "That is 41.\n6*7 = 42."));

    model.wants([call(family, "log_entry", r#"{"text": "Engine 4"}"#), Wish::Words("Logged.".to_owned())]);
    let (answered, _) = device.ask(&model, "Log: Engine 4", None);
    assert!(answered.text.starts_with("Logged.\n") && answered.text.contains("not allowed"), "{}", answered.text);
}

#[test]
fn a_number_that_nobody_gave_is_not_looked_up_and_one_that_no_table_has_is_said_to_be_in_none() {
    let device = Device::new();
    for (family, template, control) in TEMPLATES {
        let lookup = |number: &str| call(family, "hazard_lookup", &format!(r#"{{"substance": "UN{number}"}}"#));
        let model = Scripted::new(template, control, true);
        model.wants([lookup("1203"), lookup("1017"), Wish::Words("Mind the wind.".to_owned())]);
        let (answered, _) = device.ask(&model, "What is UN 1017?", None);
        assert_eq!(answered.tools.len(), 1, "{family}: {:?}", answered.tools);
        assert!(answered.text.starts_with("UN 1017 Chlorine"), "{family}: {}", answered.text);

        let model = Scripted::new(template, control, true);
        model.wants([lookup("2055"), Wish::Words("It is of class 3. Stay upwind.".to_owned())]);
        let (answered, _) = device.ask(&model, "What is UN 2055?", None);
        assert!(answered.text.starts_with("no imported table has `UN2055`"), "{family}: {}", answered.text);
        assert!(!answered.text.contains("class 3") && answered.text.contains("Stay upwind."), "{family}");

        let model = Scripted::new(template, control, true);
        model.wants([lookup("2055"), Wish::Words("The table says:".to_owned())]);
        let (answered, _) = device.ask(&model, "What is UN 2055?", None);
        assert_eq!(answered.text, "no imported table has `UN2055`; check the number", "{family}");
    }
}

#[test]
fn a_model_may_read_up_on_several_tools_before_it_calls_one() {
    let device = Device::new();
    let (family, template, control) = TEMPLATES[7];
    let describe = |name: &str| call(family, "describe_tool", &format!(r#"{{"name": "{name}"}}"#));
    let model = Scripted::new(template, control, true).with_context(512);
    model.wants(["distance", "destination", "calculate"].map(describe));
    model.wants([call(family, "calculate", r#"{"expression": "6*7"}"#), Wish::Words("42.".to_owned())]);
    let (answered, _) = device.ask(&model, "How much is 6*7?", None);
    assert_eq!((answered.tools.len(), answered.text.as_str(), answered.stop), (1, "42.", Stop::Answered));

    let model = Scripted::new(template, control, true).with_context(512);
    model.wants((0..50).map(|_| describe("distance")));
    let (answered, _) = device.ask(&model, "How far?", None);
    assert!(answered.tools.is_empty() && model.heard.borrow().len() <= 4, "the same again is idle");
}
