//! Ten thousand calls: everything that is emitted is valid by name and schema, or is refused cleanly.

use halligan_runtime::agent::families::{FAMILIES, Family, Reading};
use halligan_runtime::agent::{Speaker, Toolbox};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::scripted::{Scripted, Wish};
use super::the_loop::TEMPLATES;

/// Calls of all families together.
const CALLS: usize = 10_000;
/// Tokens, which are bytes here, after which an endless argument is given up.
const TOKENS: usize = 600;

/// Arguments that a careless model would write: wrong names, kinds, sizes and characters.
fn careless(random: &mut StdRng) -> String {
    let names =
        ["query", "value", "from", "to", "expression", "substance", "text", "item", "at", "name", "zone", "\u{e9}", ""];
    let values = [
        "5",
        "-1e9",
        "\"gal\"",
        "\"L\"",
        "null",
        "true",
        "[]",
        "{}",
        "\"UN1017\"",
        "\"a\\n\\\"b\"",
        "\"</tool_call>\"",
        "1e999",
        "\"2*3\"",
        "'x'",
        "\"39.7, -105.0\"",
        "\u{1F525}",
    ];
    let count = random.random_range(0..4);
    let fields: Vec<String> = (0..count)
        .map(|_| {
            format!(
                "\"{}\": {}",
                names[random.random_range(0..names.len())],
                values[random.random_range(0..values.len())]
            )
        })
        .collect();
    format!("{{{}}}", fields.join(", "))
}

fn grammar(family: &Family, toolbox: &Toolbox, control: Option<u32>) -> String {
    let tools: Vec<(&str, &Value)> = toolbox.tools().map(|(tool, schema)| (tool.name(), schema)).collect();
    family.grammar(&tools, control)
}

#[test]
fn ten_thousand_calls_are_valid_by_name_and_schema() {
    let toolbox = Toolbox::built_in();
    let names: Vec<String> = toolbox.tools().map(|(tool, _)| tool.name().to_owned()).collect();
    let mut random = StdRng::seed_from_u64(11);
    let (mut valid, mut unfinished, mut corrected) = (0, 0, 0);
    for (name, template, control) in TEMPLATES {
        let family = Family::of(template);
        assert_eq!(family.name, name);
        let model = Scripted::new(template, control, true);
        let id = control.and_then(|text| model.control_token(text));
        let grammar = grammar(family, &toolbox, id);
        let mut made = 0;
        while made < CALLS / TEMPLATES.len() {
            // Half of the names do not exist.
            let tool = if random.random_bool(0.5) { &names[random.random_range(0..names.len())] } else { "launch" };
            let arguments = careless(&mut random);
            model.wants([super::the_loop::call(name, tool, &arguments)]);
            let said = model.say(&[], Some(&grammar), TOKENS, &mut |_| {}).unwrap();
            match family.read(&said.text, id.is_some()) {
                Reading::Call { call, .. } => {
                    toolbox.check(&call).unwrap_or_else(|error| panic!("{name}: {} gave {error}", said.text));
                    valid += 1;
                    made += 1;
                }
                // Only the token limit may leave a call unfinished.
                Reading::Broken { .. } => {
                    assert_eq!(said.tokens, TOKENS, "{name}: {}", said.text);
                    unfinished += 1;
                    assert!(unfinished < CALLS / 2);
                }
                Reading::Words => made += 1,
            }
        }
        corrected += model.corrected.get();
    }
    println!("{valid} calls valid, {unfinished} ran into the token limit, {corrected} tokens corrected by grammars");
    assert!(valid > CALLS * 9 / 10, "{valid}");
    assert!(corrected > CALLS, "the script should often want what no schema allows");
}

#[test]
fn calls_of_a_model_without_a_grammar_are_valid_or_refused() {
    let toolbox = Toolbox::built_in();
    let mut random = StdRng::seed_from_u64(12);
    let (mut valid, mut refused, mut words) = (0, 0, 0);
    for index in 0..CALLS {
        let family = &FAMILIES[index % FAMILIES.len()];
        let mut text =
            family.example(["calculate", "convert_units", "nothing"][index % 3], &careless(&mut random)).into_bytes();
        for _ in 0..random.random_range(0..4) {
            let at = random.random_range(0..text.len());
            match random.random_range(0..3) {
                0 => text[at] = random.random(),
                1 => text.truncate(at + 1),
                _ => text.insert(at, random.random()),
            }
        }
        match family.read(&String::from_utf8_lossy(&text), index % 2 == 0) {
            Reading::Call { call, .. } => match toolbox.check(&call) {
                Ok(()) => valid += 1,
                Err(_) => refused += 1,
            },
            Reading::Broken { .. } => refused += 1,
            Reading::Words => words += 1,
        }
    }
    println!("{valid} valid, {refused} refused, {words} read as words");
    assert_eq!(valid + refused + words, CALLS);
    assert!(valid > 0 && refused > CALLS / 4);
}

#[test]
fn random_templates_and_schemas_never_panic() {
    let mut random = StdRng::seed_from_u64(13);
    let marks = [
        "<tool_call>",
        "[TOOL_CALLS]",
        "<function=",
        "<|tool_call|>",
        "tool_name",
        "{%",
        "}}",
        "<|python_tag|>",
        "\u{1F692}",
    ];
    let keywords =
        ["type", "properties", "pattern", "minimum", "$ref", "anyOf", "not", "items", "enum", "format", "maxLength"];
    for _ in 0..300 {
        let template: String =
            (0..random.random_range(0..6)).map(|_| marks[random.random_range(0..marks.len())]).collect();
        let mut schema = json!({"type": "object"});
        for _ in 0..random.random_range(0..4) {
            let value = match random.random_range(0..6) {
                0 => json!("object"),
                1 => json!({"a": {"type": ["string", 3]}}),
                2 => json!(["x", null, 1.5]),
                3 => json!("(((["),
                4 => json!(-3),
                _ => json!({"$ref": "#/nowhere"}),
            };
            schema[keywords[random.random_range(0..keywords.len())]] = value;
        }
        let family = Family::of(&template);
        let grammar = family.grammar(&[("tool", &schema)], None);
        let model = Scripted::new(&template, None, true);
        model.wants([Wish::Anything]);
        // A grammar that cannot be built is an error, and one that can says something.
        let _ = model.say(&[], Some(&grammar), 50, &mut |_| {});
    }
}
