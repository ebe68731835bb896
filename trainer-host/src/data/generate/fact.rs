//! A fact that a source states, and the rows that ask for it.
//!
//! A fact has noun phrases ("the hazard class of acetone"), which stand in many frames, and whole questions, which
//! stand as they are. Which of all these wordings become rows is drawn by the seed; the rows of a fact share its
//! group, so that a split keeps them together.

use crate::data::build::split::draw;
use crate::data::canonical::content_id;
use crate::data::ledger::Template;
use crate::data::row::Row;

/// Frames around a noun phrase: `{p}` is the phrase, `{P}` begins with a capital, `{is}` is the verb that fits.
const FRAMES: &str = include_str!("frames.txt");

/// Something that is asked for in several ways and has one answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Kind of its rows.
    pub kind: &'static str,
    /// What it is about, which names its group: source, subject, column.
    pub about: Vec<String>,
    /// What the fact is about that this one turns round, if it does: who knows one knows the other, so that they share
    /// a group.
    pub turns_round: Option<Vec<String>>,
    /// Ways of asking.
    pub asks: Vec<Ask>,
    /// Whether its noun phrases are plural.
    pub plural: bool,
    /// The answer.
    pub answer: Worded,
    /// What a right answer must contain.
    pub value: Option<String>,
    /// What a right answer must not contain.
    pub contradicts: Vec<String>,
    /// Chunks that state it.
    pub chunks: Vec<String>,
    /// Sources of the chunks.
    pub sources: Vec<String>,
}

/// A text and the template that worded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worded {
    /// The text.
    pub text: String,
    /// Its template.
    pub template: String,
}

impl Worded {
    /// `template` with each `{{ name }}` replaced.
    pub fn fill(template: &str, parts: &[(&str, &str)]) -> Self {
        let text = parts
            .iter()
            .fold(template.to_owned(), |text, (name, part)| text.replace(&format!("{{{{ {name} }}}}"), part));
        Self { text, template: template.to_owned() }
    }
}

/// A way of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A noun phrase for a frame.
    Phrase(Worded),
    /// A whole question.
    Question(Worded),
}

impl Ask {
    /// A wording without a mark at its end is a noun phrase.
    pub fn new(worded: Worded) -> Self {
        if worded.text.ends_with(['?', '.', '!', ':']) { Self::Question(worded) } else { Self::Phrase(worded) }
    }

    /// The text.
    pub fn text(&self) -> &str {
        match self {
            Self::Phrase(worded) | Self::Question(worded) => &worded.text,
        }
    }
}

impl Fact {
    /// Name of the group of its rows.
    pub fn group(&self) -> String {
        let about = self.turns_round.as_ref().unwrap_or(&self.about);
        let parts: Vec<&[u8]> = about.iter().map(String::as_bytes).collect();
        content_id(&parts)
    }

    /// Its rows in at most `wordings` wordings, with the template of each. Wordings that only differ in case or
    /// marks are one.
    pub fn rows(&self, wordings: usize, seed: u64) -> Vec<(Row, Template)> {
        let group = self.group();
        let mut asked: Vec<Worded> = self.asks.iter().flat_map(|ask| self.questions(ask)).collect();
        asked.sort_by_cached_key(|worded| (draw(seed, &format!("{group} {}", worded.text)), worded.text.clone()));
        let mut seen = std::collections::HashSet::new();
        asked.retain(|worded| seen.insert(crate::data::words::words(&worded.text).collect::<Vec<_>>()));
        asked.truncate(wordings);
        asked.into_iter().map(|worded| self.row(&group, &worded, seed)).collect()
    }

    fn questions(&self, ask: &Ask) -> Vec<Worded> {
        let verb = if self.plural { "are" } else { "is" };
        match ask {
            Ask::Question(worded) => vec![worded.clone()],
            Ask::Phrase(phrase) => FRAMES
                .lines()
                .map(|frame| {
                    let fill = |frame: &str, phrase: &str| {
                        frame.replace("{is}", verb).replace("{P}", &capital(phrase)).replace("{p}", phrase)
                    };
                    Worded { text: fill(frame, &phrase.text), template: fill(frame, &phrase.template) }
                })
                .collect(),
        }
    }

    fn row(&self, group: &str, asked: &Worded, seed: u64) -> (Row, Template) {
        let text = format!("{}\n{}", asked.template, self.answer.template);
        let template = Template::new(self.kind, &asked.template, &text);
        let row = Row {
            chunks: self.chunks.clone(),
            contradicts: self.contradicts.clone(),
            seed: Some(seed),
            sources: self.sources.clone(),
            template: Some(template.id.clone()),
            value: self.value.clone(),
            ..Row::of_answer(self.kind, group, &asked.text, &self.answer.text)
        };
        (row, template)
    }
}

/// With a capital first letter.
pub fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact() -> Fact {
        let phrase = Worded::fill("the color of {{ title }}", &[("title", "smoke")]);
        let question = Worded::fill("Which color has {{ title }}?", &[("title", "smoke")]);
        Fact {
            kind: "record",
            about: vec!["table.csv".to_owned(), "smoke".to_owned(), "color".to_owned()],
            turns_round: None,
            asks: vec![Ask::new(phrase), Ask::new(question)],
            plural: false,
            answer: Worded::fill("The color of {{ title }} is {{ value }}.", &[("title", "smoke"), ("value", "gray")]),
            value: Some("gray".to_owned()),
            contradicts: Vec::new(),
            chunks: vec!["c".to_owned()],
            sources: vec!["s".to_owned()],
        }
    }

    #[test]
    fn wordings_of_a_fact_are_different_questions_with_one_answer_and_one_group() {
        let rows = fact().rows(10, 1);
        let questions: std::collections::BTreeSet<&str> = rows.iter().map(|(row, _)| row.question()).collect();
        assert_eq!(questions.len(), 10);
        assert!(
            rows.iter().all(|(row, _)| row.answer() == "The color of smoke is gray." && row.group == rows[0].0.group)
        );
        assert!(rows.iter().all(|(row, template)| row.template.as_ref() == Some(&template.id)));
        assert!(questions.iter().all(|question| question.to_lowercase().contains("color")));
    }

    #[test]
    fn the_seed_draws_the_wordings() {
        let questions =
            |seed| fact().rows(5, seed).into_iter().map(|(row, _)| row.question().to_owned()).collect::<Vec<_>>();
        assert_eq!(questions(1), questions(1));
        assert_ne!(questions(1), questions(2));
    }

    #[test]
    fn plural_phrases_take_the_plural_verb() {
        let plural = Fact { plural: true, ..fact() };
        let rows = plural.rows(100, 1);
        let asked: Vec<String> = rows.iter().map(|(row, _)| row.question().to_lowercase()).collect();
        let has = |start: &str| asked.iter().any(|question| question.starts_with(start));
        assert!(has("what are the color of smoke") && !has("what is the color") && has("which color has smoke"));
    }

    #[test]
    fn every_frame_holds_the_phrase() {
        assert!(FRAMES.lines().count() >= 20);
        assert!(FRAMES.lines().all(|frame| frame.contains("{p}") || frame.contains("{P}")));
    }
}
