//! Blueprints to rows by seeded patterns.
//!
//! Every part of a concept has several ways of being asked and one terse answer. A chain goes from a first
//! principle through an explanation to a consequence; where a concept rests on another, the chain begins there.
//! Rows carry the number of their layer as the label `curriculum`, and come in its order.

use serde_json::Value;

use super::answers::series;
use super::blueprint::{Blueprint, Concept};
use super::fact::{Ask, Fact, Worded, capital};

use crate::data::ledger::Template;
use crate::data::row::Row;

/// Label of a row: number of its layer, from 1.
const CURRICULUM: &str = "curriculum";
/// Label of a row: id of the blueprint in `templates.jsonl`.
const BLUEPRINT: &str = "blueprint";

/// Ways of asking for a part of a concept; the part of the pattern's name before the slash is the part's.
const FIRST: [&str; 5] = [
    "What is a first principle of {{ concept }}?",
    "On which first principle does {{ concept }} rest?",
    "What is taken as given about {{ concept }}?",
    "Begin with the basics: what holds for {{ concept }}?",
    "State a first principle of {{ concept }} in {{ domain }}.",
];
const WHY: [&str; 5] = [
    "Why does {{ concept }} matter?",
    "Explain {{ concept }}.",
    "What explains {{ concept }}?",
    "What is the reason behind {{ concept }} in {{ domain }}?",
    "Why is {{ concept }} as it is?",
];
const CONSEQUENCE: [&str; 5] = [
    "What follows if {{ if }}?",
    "{{ If }}. What follows?",
    "Think of {{ concept }}: what happens if {{ if }}?",
    "What do you conclude when {{ if }}?",
    "In {{ domain }}, {{ if }}. What is the conclusion?",
];
const REASON: [&str; 4] = [
    "Why is it that, if {{ if }}, {{ then }}?",
    "If {{ if }}, {{ then }}. What is the reason?",
    "Give the reason: {{ if }}, so {{ then }}.",
    "Think of {{ concept }}: why does it follow from \"{{ if }}\" that {{ then }}?",
];
const COMPRESSED: [&str; 5] = [
    "Sum up {{ concept }} in one line.",
    "What is {{ concept }} in one line?",
    "Give the short form of {{ concept }}.",
    "In brief: {{ concept }}?",
    "How do you put {{ concept }} in {{ domain }} briefly?",
];
const RESTS_ON: [&str; 3] = [
    "What does {{ concept }} rest on?",
    "What must be understood before {{ concept }}?",
    "Which ideas come before {{ concept }} in {{ domain }}?",
];
const CHAIN: [&str; 4] = [
    "Reason from first principles about {{ concept }}.",
    "Derive what follows for {{ concept }}, step by step.",
    "Show the reasoning behind {{ concept }}, from the principle to the conclusion.",
    "Build up {{ concept }} from the ground.",
];

/// Rows of a blueprint, each with its template; `text` is the blueprint as written, which is kept whole.
pub fn rows(blueprint: &Blueprint, text: &str, wordings: usize, seed: u64) -> (Template, Vec<(Row, Template)>) {
    let whole = Template::new("blueprint", &blueprint.domain, text);
    let mut rows = Vec::new();
    for (layer, concept) in blueprint.in_order() {
        for fact in facts(blueprint, concept) {
            for (mut row, template) in fact.rows(wordings, seed) {
                row.labels.insert(CURRICULUM.to_owned(), Value::from(layer));
                row.labels.insert(BLUEPRINT.to_owned(), Value::from(whole.id.clone()));
                rows.push((row, template));
            }
        }
    }
    (whole, rows)
}

/// What a concept says, each with its patterns.
fn facts(blueprint: &Blueprint, concept: &Concept) -> Vec<Fact> {
    let name = ("concept", concept.name.as_str());
    let domain = ("domain", blueprint.domain.as_str());
    let fact = |part: &str, index: usize, patterns: &[&str], parts: &[(&str, &str)], answer: Worded| Fact {
        kind: "blueprint",
        about: [blueprint.domain.as_str(), &concept.name, part, &index.to_string()].map(str::to_owned).to_vec(),
        turns_round: None,
        asks: patterns.iter().map(|pattern| Ask::Question(Worded::fill(pattern, parts))).collect(),
        plural: false,
        answer,
        value: None,
        contradicts: Vec::new(),
        chunks: Vec::new(),
        sources: Vec::new(),
    };
    let mut facts = Vec::new();
    let mut say = |part: &str, patterns: &[&str], texts: &[String]| {
        // Several principles are one answer: which of them a question wants, nobody could know.
        if !texts.is_empty() {
            let text = texts.iter().map(|text| sentence(text)).collect::<Vec<_>>().join(" ");
            let answer = Worded { text, template: format!("{{{{ {part} }}}}") };
            facts.push(fact(part, 0, patterns, &[name, domain], answer));
        }
    };
    say("first_principles", &FIRST, &concept.first_principles);
    say("explanatory_principles", &WHY, &concept.explanatory_principles);
    say("compressed", &COMPRESSED, &concept.compressed);
    for (index, rule) in concept.core_logic.iter().enumerate() {
        let (condition, consequence) = (rule.condition.trim(), rule.consequence.trim());
        let big = capital(condition);
        let parts = [name, domain, ("if", condition), ("If", big.as_str()), ("then", consequence)];
        let answer = match &rule.because {
            Some(because) => {
                let all = [parts.as_slice(), &[("because", because.trim())]].concat();
                let reason = Worded::fill("Because {{ because }}.", &all);
                facts.push(fact("reason", index, &REASON, &parts, reason));
                Worded::fill("If {{ if }}, {{ then }}, because {{ because }}.", &all)
            }
            None => Worded::fill("If {{ if }}, {{ then }}.", &parts),
        };
        facts.push(fact("core_logic", index, &CONSEQUENCE, &parts, answer));
    }
    if !concept.rests_on.is_empty() {
        let (big, below) = (capital(&concept.name), series(&concept.rests_on, "and"));
        let answer = Worded::fill("{{ Concept }} rests on {{ below }}.", &[("Concept", &big), ("below", &below)]);
        facts.push(fact("rests_on", 0, &RESTS_ON, &[name, domain], answer));
    }
    if let Some(chain) = chain(blueprint, concept) {
        let answer = Worded { text: chain, template: "{{ chain }}".to_owned() };
        facts.push(fact("chain", 0, &CHAIN, &[name, domain], answer));
    }
    facts
}

/// Principle, explanation, conclusion: in that order, in as few words as they have.
fn chain(blueprint: &Blueprint, concept: &Concept) -> Option<String> {
    let below = concept.rests_on.iter().filter_map(|name| blueprint.concept(name));
    let ground = concept.first_principles.first().or_else(|| below.flat_map(|below| &below.first_principles).next())?;
    let rule = concept.core_logic.first()?;
    let mut steps = vec![sentence(ground)];
    steps.extend(concept.explanatory_principles.first().map(|text| sentence(text)));
    steps.push(format!("Therefore, if {}, {}.", rule.condition.trim(), rule.consequence.trim()));
    Some(steps.join(" "))
}

/// With a full stop at the end, unless another mark stands there.
fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::super::blueprint::tests::TRIANGLE;
    use super::*;

    fn made(wordings: usize, seed: u64) -> Vec<Row> {
        let blueprint = Blueprint::parse(TRIANGLE, false).unwrap();
        rows(&blueprint, TRIANGLE, wordings, seed).1.into_iter().map(|(row, _)| row).collect()
    }

    #[test]
    fn every_part_of_a_concept_is_asked_and_layers_come_in_order() {
        let rows = made(3, 1);
        let layers: Vec<u64> = rows.iter().map(|row| row.labels[CURRICULUM].as_u64().unwrap()).collect();
        assert!(layers.is_sorted() && layers.contains(&2));
        let answers: std::collections::BTreeSet<&str> = rows.iter().map(Row::answer).collect();
        for answer in [
            "A fire needs fuel, heat and oxygen.",
            "Without one of the three the reaction ends.",
            "If the fuel is taken away, the fire goes out.",
            "Fuel, heat, oxygen: take one away.",
            "The fire line rests on the fire triangle.",
            "Because it finds no fuel.",
            "If the line is bare soil, the fire stops, because it finds no fuel.",
            "A fire needs fuel, heat and oxygen. Therefore, if the line is bare soil, the fire stops.",
        ] {
            assert!(answers.contains(answer), "{answer} is not in {answers:#?}");
        }
        assert!(rows.iter().all(|row| row.kind == "blueprint" && !row.question().contains("{{")));
    }

    #[test]
    fn patterns_are_drawn_by_the_seed() {
        let questions = |seed| made(2, seed).iter().map(|row| row.question().to_owned()).collect::<Vec<_>>();
        assert_eq!(questions(3), questions(3));
        assert_ne!(questions(3), questions(4));
    }
}
