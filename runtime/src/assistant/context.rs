//! What the model is told before a question: the earlier turns of its session, as many as there is room for.
//!
//! Small models know single questions: their adapters were trained on such, and their answers were measured on such. In
//! front of a question that stands alone, earlier turns only lead them astray, and make what was measured untrue. They are
//! told the earlier turns where a question refers back (`And for propane?`), and then only what a model said.

use super::Assistant;
use crate::error::RuntimeError;
use crate::inference::{Inference, Message};
use crate::journal::Context;
use crate::retrieval::{is_asking_word, telling_words, words};
use crate::turn::{SessionId, Turn};

/// Models from this size on read what stands in front of a question. A judgement and not a measurement.
pub(super) const READING_PARAMETERS_MIN: u64 = 300_000_000;

/// Words that stand for something said before.
const PRONOUNS: &[&str] =
    &["he", "her", "him", "his", "it", "its", "same", "she", "their", "theirs", "them", "these", "they", "those"];
/// Words with which a question goes on.
const GOING_ON: &[&str] = &["again", "also", "and", "but", "or", "so", "then"];
/// Words that stand for something said before where they end a question.
const ENDING: &[&str] = &["again", "that", "then", "there", "this"];

impl Assistant {
    /// The latest turns of `session` that leave room for the question and an answer of `max_tokens`.
    ///
    /// # Errors
    /// An unknown session, an unreadable journal, a template that refuses the question.
    pub(super) fn context_of(
        &self,
        session: Option<SessionId>,
        question: &str,
        max_tokens: usize,
        inference: &Inference,
    ) -> Result<Context, RuntimeError> {
        let Some(session) = session else { return Ok(Context::default()) };
        let mut turns = self.journal().session(session)?;
        if inference.info().parameters < READING_PARAMETERS_MIN {
            turns.retain(|turn: &Turn| turn.tools.is_empty());
            if !refers_back(question) {
                return Ok(Context::default());
            }
        }
        let alone = inference.prompt_tokens(question)?.len();
        let room = (inference.info().context_tokens as usize).saturating_sub(alone.saturating_add(max_tokens));
        Ok(Context::fitted(&turns, room, |asked, answer| {
            let messages = conversation(&[(asked.to_owned(), answer.to_owned())], question);
            // An exchange that the template refuses has no room.
            inference.chat_tokens(&messages, &[]).map_or(usize::MAX, |tokens| tokens.len().saturating_sub(alone))
        }))
    }
}

/// Whether a question cannot be understood alone.
fn refers_back(question: &str) -> bool {
    let words: Vec<String> = words(question).collect();
    let is_one_of = |word: Option<&String>, list: &[&str]| word.is_some_and(|word| list.contains(&word.as_str()));
    telling_words(question).iter().all(|word| is_asking_word(word))
        || words.iter().any(|word| PRONOUNS.contains(&word.as_str()))
        || is_one_of(words.first(), GOING_ON)
        || is_one_of(words.last(), ENDING)
        || matches!(&words[..], [how, about, ..] if ["how", "what"].contains(&how.as_str()) && about == "about")
}

/// The messages of a conversation that ends with `question`.
pub(super) fn conversation(exchanges: &[(String, String)], question: &str) -> Vec<Message> {
    let earlier = exchanges
        .iter()
        .flat_map(|(asked, answer)| [Message::new("user", asked.trim()), Message::new("assistant", answer.trim())]);
    earlier.chain([Message::new("user", question)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_refers_back_by_a_pronoun_a_beginning_an_end_or_by_naming_nothing() {
        for question in [
            "Is it heavier than air?",
            "And for propane?",
            "What about the second one on the list?",
            "How far do people stay away from there?",
            "Why?",
            "How far?",
            "Could you say that again?",
        ] {
            assert!(refers_back(question), "{question}");
        }
    }

    #[test]
    fn a_question_that_names_its_subject_stands_alone() {
        for question in [
            "What is the length of one chain?",
            "What is LCES?",
            "Tell me fire order 3",
            "Which light angle shows tracks best?",
            "What is the radio channel that ships listen to at all times?",
        ] {
            assert!(!refers_back(question), "{question}");
        }
    }
}
