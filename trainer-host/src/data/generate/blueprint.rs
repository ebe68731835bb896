//! Reasoning blueprints: what experts lay down about a domain, in layers, and the check that it holds together.
//!
//! A blueprint names concepts. Each has first principles (what is taken as given), explanatory principles (why it
//! is so), core logic (what follows from what) and compressed blocks (all of it in one line). Layers order the
//! concepts as a curriculum: a concept may rest on concepts of its own layer or an earlier one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use serde::Deserialize;

/// Words that begin a clause in lower case, whatever it is about.
const CLAUSE_WORDS: [&str; 24] = [
    "a", "all", "an", "any", "each", "every", "he", "if", "it", "no", "one", "she", "some", "that", "the", "their",
    "there", "these", "they", "this", "those", "we", "when", "you",
];

/// A blueprint as written, in TOML or JSON.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blueprint {
    /// What it is about, such as `wildland fire`.
    pub domain: String,
    /// Layers of the curriculum, first to last.
    pub layers: Vec<String>,
    /// The concepts.
    #[serde(rename = "concept")]
    pub concepts: Vec<Concept>,
}

/// A concept of a domain.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concept {
    /// How a sentence names it: `the fire triangle`, `a safety zone`.
    pub name: String,
    /// Its layer.
    pub layer: String,
    /// Names of concepts that it rests on.
    #[serde(default)]
    pub rests_on: Vec<String>,
    /// Sentences that are taken as given.
    #[serde(default)]
    pub first_principles: Vec<String>,
    /// Sentences that say why.
    #[serde(default)]
    pub explanatory_principles: Vec<String>,
    /// What follows from what.
    #[serde(default)]
    pub core_logic: Vec<Rule>,
    /// Sentences that say all of it in one line.
    #[serde(default)]
    pub compressed: Vec<String>,
}

/// A step of reasoning. The parts are clauses without capital and full stop: `the wind turns`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Under which condition.
    #[serde(rename = "if")]
    pub condition: String,
    /// What follows.
    #[serde(rename = "then")]
    pub consequence: String,
    /// Why.
    #[serde(default)]
    pub because: Option<String>,
}

impl Blueprint {
    /// Reads a `.toml` or `.json` file.
    ///
    /// # Errors
    /// What is wrong with it, by the name of the concept.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| anyhow::anyhow!("{}: {error}; check the path", path.display()))?;
        let is_json = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
        Self::parse(&text, is_json).map_err(|error| crate::about(path, crate::one_line(&format!("{error:#}"))))
    }

    /// Parses and checks a text.
    ///
    /// # Errors
    /// Unknown keys, layers and concepts, a concept that rests on a later one, empty sentences.
    pub fn parse(text: &str, is_json: bool) -> anyhow::Result<Self> {
        let blueprint: Self = if is_json { serde_json::from_str(text)? } else { toml::from_str(text)? };
        blueprint.check()?;
        Ok(blueprint)
    }

    fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.domain.trim().is_empty(), "`domain` is empty; name what the blueprint is about");
        anyhow::ensure!(!self.concepts.is_empty(), "it has no [[concept]]; add one");
        let mut layers: HashMap<&str, usize> = HashMap::new();
        for (place, layer) in self.layers.iter().enumerate() {
            anyhow::ensure!(layers.insert(layer, place).is_none(), "the layer {layer:?} stands twice in `layers`");
        }
        let mut known: HashMap<&str, usize> = HashMap::new();
        for concept in &self.concepts {
            let name = &concept.name;
            let Some(layer) = layers.get(concept.layer.as_str()) else {
                anyhow::bail!("{name}: there is no layer {:?}; `layers` are {}", concept.layer, self.layers.join(", "));
            };
            anyhow::ensure!(!name.trim().is_empty(), "a concept of layer {:?} has no name", concept.layer);
            anyhow::ensure!(known.insert(name, *layer).is_none(), "the concept {name:?} stands twice");
            anyhow::ensure!(
                concept.statements().all(|sentence| !sentence.trim().is_empty()),
                "{name}: one of its sentences is empty; write it or take it out"
            );
            anyhow::ensure!(concept.statements().next().is_some(), "{name}: it says nothing; give it a principle");
        }
        self.check_clauses()?;
        for concept in &self.concepts {
            let own = layers[concept.layer.as_str()];
            for below in &concept.rests_on {
                let Some(layer) = known.get(below.as_str()) else {
                    anyhow::bail!("{}: it rests on {below:?}, which is no concept of this blueprint", concept.name);
                };
                anyhow::ensure!(
                    *layer <= own && *below != concept.name,
                    "{}: it rests on {below:?}, which comes later; move one of them to another layer",
                    concept.name
                );
            }
        }
        Ok(())
    }

    /// Clauses are put into sentences, so they may neither begin nor end like one. A name keeps its capital: it stands
    /// nowhere in lower case.
    fn check_clauses(&self) -> anyhow::Result<()> {
        let texts =
            self.concepts.iter().flat_map(|concept| std::iter::once(concept.name.as_str()).chain(concept.statements()));
        let words = texts.flat_map(str::split_whitespace).map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
        let lower: HashSet<&str> =
            words.chain(CLAUSE_WORDS).filter(|word| word.starts_with(char::is_lowercase)).collect();
        for concept in &self.concepts {
            for clause in concept.core_logic.iter().flat_map(Rule::clauses).map(str::trim) {
                let first = clause.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
                let capital = first.starts_with(char::is_uppercase) && lower.contains(first.to_lowercase().as_str());
                anyhow::ensure!(
                    !capital && !clause.ends_with(['.', '!', '?']),
                    "{}: {clause:?} in `core_logic` is a sentence; write a clause, without capital and full stop",
                    concept.name
                );
            }
        }
        Ok(())
    }

    /// Concepts with the number of their layer, from 1, in the order of the curriculum.
    pub fn in_order(&self) -> Vec<(usize, &Concept)> {
        let number: BTreeMap<&str, usize> =
            self.layers.iter().enumerate().map(|(place, layer)| (layer.as_str(), place + 1)).collect();
        let mut concepts: Vec<(usize, &Concept)> = self
            .concepts
            .iter()
            .map(|concept| (number.get(concept.layer.as_str()).copied().unwrap_or(0), concept))
            .collect();
        concepts.sort_by_key(|(layer, _)| *layer);
        concepts
    }

    /// The concept with this name.
    pub fn concept(&self, name: &str) -> Option<&Concept> {
        self.concepts.iter().find(|concept| concept.name == name)
    }
}

impl Concept {
    fn statements(&self) -> impl Iterator<Item = &str> {
        let sentences = self.first_principles.iter().chain(&self.explanatory_principles).chain(&self.compressed);
        sentences.map(String::as_str).chain(self.core_logic.iter().flat_map(Rule::clauses))
    }
}

impl Rule {
    fn clauses(&self) -> impl Iterator<Item = &str> {
        [Some(&self.condition), Some(&self.consequence), self.because.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub const TRIANGLE: &str = r#"
        domain = "fire"
        layers = ["foundations", "tactics"]

        [[concept]]
        name = "the fire line"
        layer = "tactics"
        rests_on = ["the fire triangle"]
        core_logic = [{ if = "the line is bare soil", then = "the fire stops", because = "it finds no fuel" }]

        [[concept]]
        name = "the fire triangle"
        layer = "foundations"
        first_principles = ["A fire needs fuel, heat and oxygen."]
        explanatory_principles = ["Without one of the three the reaction ends."]
        core_logic = [{ if = "the fuel is taken away", then = "the fire goes out" }]
        compressed = ["Fuel, heat, oxygen: take one away."]
    "#;

    #[test]
    fn a_blueprint_is_read_from_toml_and_json_and_ordered_by_layer() {
        let blueprint = Blueprint::parse(TRIANGLE, false).unwrap();
        let order: Vec<(usize, &str)> =
            blueprint.in_order().iter().map(|(layer, concept)| (*layer, concept.name.as_str())).collect();
        assert_eq!(order, [(1, "the fire triangle"), (2, "the fire line")]);
        let json = serde_json::json!({
            "domain": "fire", "layers": ["a"], "concept": [{"name": "smoke", "layer": "a", "compressed": ["Hot gas."]}]
        });
        assert_eq!(Blueprint::parse(&json.to_string(), true).unwrap().concepts[0].name, "smoke");
    }

    #[test]
    fn faults_are_named_by_their_concept() {
        let fault =
            |from: &str, to: &str| Blueprint::parse(&TRIANGLE.replace(from, to), false).unwrap_err().to_string();
        assert!(
            fault("layer = \"tactics\"", "layer = \"later\"").contains("no layer \"later\"; `layers` are foundations")
        );
        assert!(fault("[\"the fire triangle\"]", "[\"the wind\"]").contains("\"the wind\", which is no concept"));
        assert!(
            fault("[\"foundations\", \"tactics\"]", "[\"tactics\", \"foundations\"]").contains("which comes later")
        );
        assert!(fault("Fuel, heat, oxygen: take one away.", " ").contains("sentences is empty"));
        assert!(fault("compressed", "compresed").contains("compresed"));
        assert!(fault("\"the fire line\"", "\"the fire triangle\"").contains("stands twice"));
    }

    #[test]
    fn clauses_that_are_sentences_are_refused_and_names_keep_their_capitals() {
        let read = |clause: &str| Blueprint::parse(&TRIANGLE.replace("the fire goes out", clause), false);
        for clause in ["The fire goes out", "the fire goes out.", "Heat is lost"] {
            let error = read(clause).unwrap_err().to_string();
            assert!(error.starts_with("the fire triangle: ") && error.contains("write a clause"), "{error}");
        }
        for clause in ["LCES is in place", "Halon is left", "CO2 is left"] {
            assert!(read(clause).is_ok(), "{clause}");
        }
        assert!(Blueprint::parse(include_str!("../../../guide/blueprint.toml"), false).is_ok());
    }
}
