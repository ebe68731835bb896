//! Prompts for a model: one for each category of question, and the form that every reply must have.

use std::collections::BTreeMap;

use minijinja::Value as Template;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::data::chunk::{Chunk, ChunkKind};
use crate::data::ingest::schema::environment;

/// What a model is asked to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub enum Category {
    /// A concept of one passage explained
    Conceptual,
    /// What a piece of source code does and why
    Code,
    /// What an equation means
    Mathematical,
    /// Reasoning over passages of several sources
    CrossDomain,
}

impl Category {
    /// All of them.
    pub const ALL: [Category; 4] = [Self::Conceptual, Self::Code, Self::Mathematical, Self::CrossDomain];

    /// The kind of its rows.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Conceptual => "conceptual",
            Self::Code => "code",
            Self::Mathematical => "mathematical",
            Self::CrossDomain => "cross_domain",
        }
    }

    /// The category that asks about one such chunk; tables are asked about by rules.
    pub fn of(kind: ChunkKind) -> Option<Self> {
        match kind {
            ChunkKind::Prose => Some(Self::Conceptual),
            ChunkKind::Code => Some(Self::Code),
            ChunkKind::Equation => Some(Self::Mathematical),
            ChunkKind::Table => None,
        }
    }

    /// The prompt as a minijinja template over `chunks`, each with `heading`, `path`, `language` and `text`.
    pub fn prompt(self) -> &'static str {
        match self {
            Self::Conceptual => include_str!("prompts/conceptual.txt"),
            Self::Code => include_str!("prompts/code.txt"),
            Self::Mathematical => include_str!("prompts/mathematical.txt"),
            Self::CrossDomain => include_str!("prompts/cross_domain.txt"),
        }
    }

    /// The prompt about these chunks.
    ///
    /// # Errors
    /// A fault of the template, which the tests would see.
    pub fn render(self, chunks: &[&Chunk]) -> anyhow::Result<String> {
        let chunk = |chunk: &&Chunk| {
            let language = chunk.language.as_deref().unwrap_or_default();
            Template::from(BTreeMap::from([
                ("heading", Template::from(chunk.heading.join(" > "))),
                ("path", Template::from(chunk.path.as_str())),
                ("language", Template::from(language)),
                ("text", Template::from(chunk.text.trim())),
            ]))
        };
        let chunks: Template = chunks.iter().map(chunk).collect();
        let context = Template::from(BTreeMap::from([("chunks", chunks)]));
        let text = environment().render_str(self.prompt(), context)?;
        Ok(text.trim().to_owned())
    }
}

/// What a model replies.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The question, understandable without the passage.
    pub question: String,
    /// Its answer.
    pub answer: String,
}

/// Lengths that a reply must keep, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    /// Longest question.
    pub question: usize,
    /// Longest answer.
    pub answer: usize,
}

/// Shortest question and answer in characters.
const SHORTEST: usize = 8;

/// The JSON Schema of [`Pair`].
pub fn pair_schema(lengths: Lengths) -> Value {
    let text = |longest: usize| json!({"type": "string", "minLength": SHORTEST, "maxLength": longest.max(SHORTEST)});
    json!({
        "type": "object",
        "properties": {"question": text(lengths.question), "answer": text(lengths.answer)},
        "required": ["question", "answer"],
        "additionalProperties": false,
    })
}

/// Reads a reply.
///
/// # Errors
/// Why it is no pair, for `skipped.jsonl`.
pub fn read_pair(text: &str) -> Result<Pair, String> {
    let pair: Pair = serde_json::from_str(text).map_err(|error| format!("the reply is no pair: {error}"))?;
    let pair = Pair { question: crate::one_line(&pair.question), answer: pair.answer.trim().to_owned() };
    for (name, text) in [("question", &pair.question), ("answer", &pair.answer)] {
        if !text.chars().any(char::is_alphanumeric) {
            return Err(format!("the {name} has no words"));
        }
    }
    Ok(pair)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::chunk::{Measured, Place};

    fn chunk(text: &str) -> Chunk {
        Chunk {
            cleaned: Vec::new(),
            fields: Vec::new(),
            heading: vec!["Water".to_owned(), "Pumps".to_owned()],
            id: "c".to_owned(),
            kind: ChunkKind::Prose,
            language: Some("rust".to_owned()),
            path: "guide.md".to_owned(),
            place: Place { bytes: [0, 1], lines: [1, 1], measured: Measured::File, page: None },
            source: "s".to_owned(),
            text: text.to_owned(),
            tokens: 1,
        }
    }

    #[test]
    fn every_prompt_shows_its_chunks_and_asks_for_the_form() {
        for category in Category::ALL {
            let text = category.render(&[&chunk("A pump lifts water."), &chunk("{{ not a template }}")]).unwrap();
            assert!(text.contains("A pump lifts water.") && text.contains("Pumps"), "{text}");
            assert_eq!(text.contains("{{ not a template }}"), category == Category::CrossDomain, "{text}");
            assert!(text.contains("\"question\"") && text.contains("\"answer\""), "{text}");
        }
    }

    #[test]
    fn replies_are_read_or_refused_with_the_reason() {
        let good = read_pair("{\"question\": \"What lifts\\n water?\", \"answer\": \" A pump.\"}").unwrap();
        assert_eq!((good.question.as_str(), good.answer.as_str()), ("What lifts water?", "A pump."));
        assert!(read_pair("{\"question\": \"What lifts water?\", \"ans").unwrap_err().contains("no pair"));
        assert!(read_pair("{\"question\": \"?!\", \"answer\": \"A pump.\"}").unwrap_err().contains("question"));
        assert!(read_pair("{\"question\": \"a\", \"answer\": \"b\", \"more\": 1}").is_err());
    }
}
