//! Constraints: answers that follow a JSON Schema, a grammar or a regular expression, whatever the model is.
//!
//! Before each token the grammar says which tokens may come next; all others are taken out of the choice. Every
//! failure ends the answer with an error: text that the constraint does not admit is never returned as if it did.

use std::cell::OnceCell;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use llguidance::api::TopLevelGrammar;
use llguidance::panic_utils::catch_unwind;
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};
use toktrie::{ApproximateTokEnv, SimpleVob, TokEnv, TokRxInfo, TokTrie};

use crate::error::ModelError;

/// What an answer must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Constraint {
    /// A JSON document that this schema admits, written on one line as `{"a": 1, "b": [2, 3]}`. The key
    /// `x-guidance` of the schema changes the white space. Keywords that cannot be enforced are errors.
    ///
    /// Whether a document ends within the token limit is up to the model unless the schema bounds it
    /// (`maxLength`, `maxItems`, `enum`); [`StopReason::Length`](super::StopReason::Length) says that it did not.
    JsonSchema(Value),
    /// A text of this grammar, in Lark's notation as llguidance reads it; it begins at `start`.
    Lark(String),
    /// A text that this regular expression describes from end to end.
    Regex(String),
}

impl Constraint {
    fn grammar(&self) -> TopLevelGrammar {
        match self {
            Constraint::JsonSchema(schema) => {
                let mut schema = schema.clone();
                if let Some(keywords) = schema.as_object_mut() {
                    // The default admits white space without end, in which a weak model can lose itself.
                    let spaced = json!({"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": false});
                    keywords.entry("x-guidance").or_insert(spaced);
                }
                TopLevelGrammar::from_json_schema(schema)
            }
            Constraint::Lark(grammar) => TopLevelGrammar::from_lark(grammar.clone()),
            Constraint::Regex(expression) => TopLevelGrammar::from_regex(expression),
        }
    }
}

/// Turns constraints into matchers for one vocabulary, which is read at the first constraint.
#[derive(Default)]
pub(super) struct Constraints {
    factory: OnceCell<ParserFactory>,
}

impl Constraints {
    /// A matcher at the start of an answer.
    pub(super) fn matcher(&self, model: &LlamaModel, constraint: &Constraint) -> Result<GrammarMatcher, ModelError> {
        let factory = match self.factory.get() {
            Some(factory) => factory,
            None => {
                let made = catch_unwind(AssertUnwindSafe(|| factory(model))).map_err(refused)?;
                self.factory.get_or_init(|| made)
            }
        };
        let parser = catch_unwind(AssertUnwindSafe(|| factory.create_parser(constraint.grammar()))).map_err(refused)?;
        let matcher = Matcher::new(Ok(parser));
        if let Some(error) = matcher.get_error() {
            return Err(ModelError::Constraint(first_line(&error)));
        }
        Ok(GrammarMatcher(matcher))
    }
}

/// One answer's place in its grammar.
pub(super) struct GrammarMatcher(Matcher);

impl GrammarMatcher {
    /// The tokens that may come next; at least one.
    pub(super) fn admitted(&mut self) -> Result<SimpleVob, ModelError> {
        let mask = self.0.compute_mask().map_err(refused)?;
        if mask.is_zero() {
            return Err(ModelError::Constraint("it admits no next token".to_owned()));
        }
        Ok(mask)
    }

    /// Takes the chosen token; true when nothing may follow it.
    pub(super) fn accept(&mut self, token: LlamaToken) -> Result<bool, ModelError> {
        let id = u32::try_from(token.0).map_err(refused)?;
        self.0.consume_token(id).map_err(refused)?;
        let reason = self.0.stop_reason();
        if !reason.is_ok() {
            return Err(ModelError::Constraint(format!("the grammar stopped: {reason}")));
        }
        Ok(self.0.is_stopped())
    }
}

/// Reads the vocabulary as bytes. Control tokens get a mark that no text has, so that no text can spell one.
fn factory(model: &LlamaModel) -> anyhow::Result<ParserFactory> {
    let vocabulary = model.vocab();
    let mut words = Vec::new();
    let mut ends = Vec::new();
    for id in 0..model.n_vocab() {
        let token = LlamaToken::new(id);
        let text = vocabulary.token_to_piece(token, false, None);
        let is_end = vocabulary.is_eog(token);
        if is_end {
            ends.push(u32::try_from(id)?);
        }
        words.push(if text.is_empty() || is_end {
            let name = vocabulary.token_to_piece(token, true, None);
            if name.is_empty() { name } else { [vec![TokTrie::SPECIAL_TOKEN_MARKER], name].concat() }
        } else {
            text
        });
    }
    let Some(first_end) = ends.first() else {
        anyhow::bail!("the model's vocabulary has no token that ends a turn");
    };
    let info = TokRxInfo::new(u32::try_from(words.len())?, *first_end);
    let trie = TokTrie::from(&info, &words).with_eos_tokens(&ends);
    let environment: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
    let mut factory = ParserFactory::new_simple(&environment)?;
    // A console must never find a warning on its screen, and an error is one line.
    factory.quiet().limits_mut().verbose_errors = false;
    Ok(factory)
}

fn refused(error: impl std::fmt::Display) -> ModelError {
    ModelError::Constraint(first_line(&error.to_string()))
}

fn first_line(text: &str) -> String {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or("unknown reason").trim().to_owned()
}
