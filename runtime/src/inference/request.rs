//! What the inference thread is asked for, and what it gives.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use halligan_finetune::chat::Message;
use serde::Serialize;
use serde_json::Value;

use super::constraint::Constraint;
use crate::error::ModelError;

/// The next turn of a conversation.
#[derive(Debug, Clone, Default)]
pub struct ChatRequest {
    /// What was said so far, oldest first: roles `system`, `user`, `assistant` and `tool`. None of it is ever read as
    /// a control token. Roles that the model's template does not know are fitted into those it does.
    pub messages: Vec<Message>,
    /// Tools that the template shows to the model, in OpenAI's form; see [`ModelInfo::takes_tools`](super::ModelInfo).
    pub tools: Vec<Value>,
    /// How to answer.
    pub options: GenerateOptions,
}

impl ChatRequest {
    /// A question without history.
    pub fn question(question: &str, options: &GenerateOptions) -> ChatRequest {
        ChatRequest {
            messages: vec![Message::new("user", question.trim())],
            tools: Vec::new(),
            options: options.clone(),
        }
    }
}

/// One of many prompts, with its own options.
#[derive(Debug, Clone)]
pub struct BatchRequest {
    /// What is asked, as the first turn of a chat.
    pub question: String,
    /// How to answer it.
    pub options: GenerateOptions,
}

/// How to generate one answer.
#[derive(Debug, Clone)]
pub struct GenerateOptions {
    /// Longest answer in tokens.
    pub max_tokens: usize,
    /// 0 is greedy: the most probable token each time. Above 0, sampling at this temperature.
    pub temperature: f32,
    /// Sampling chooses among so many most probable tokens; 0 among all.
    pub top_k: usize,
    /// Sampling chooses among the most probable tokens that have this much probability together; 1 among all.
    pub top_p: f32,
    /// Sampling leaves out tokens less probable than this part of the most probable one; 0 none.
    pub min_p: f32,
    /// Divides the logits of tokens that this answer said before; 1 changes nothing.
    pub repeat_penalty: f32,
    /// Latest tokens of the answer that [`GenerateOptions::repeat_penalty`] looks at.
    pub repeat_window: usize,
    /// Seed of the sampler.
    pub seed: u64,
    /// Texts that end the answer; they are no part of it.
    pub stop: Vec<String>,
    /// Most probable tokens that are reported at each place beside the one that was said; at most
    /// [`GenerateOptions::ALTERNATIVES_MAX`].
    pub alternatives: usize,
    /// Keeps white space at the ends of the text.
    pub verbatim: bool,
    /// Set to true to stop; what was generated is returned.
    pub cancel: Option<Arc<AtomicBool>>,
    /// What the answer must be. The model's own probabilities choose among what it admits.
    pub constraint: Option<Constraint>,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        GenerateOptions {
            max_tokens: 128,
            temperature: 0.0,
            top_k: 0,
            top_p: 0.95,
            min_p: 0.0,
            repeat_penalty: 1.0,
            repeat_window: 64,
            seed: 0,
            stop: Vec::new(),
            alternatives: 0,
            verbatim: false,
            cancel: None,
            constraint: None,
        }
    }
}

impl GenerateOptions {
    /// Most alternatives that are reported of one token.
    pub const ALTERNATIVES_MAX: usize = 100;

    /// Proves that all values are in their ranges.
    ///
    /// # Errors
    /// [`ModelError::Options`], which names the value.
    pub fn check(&self) -> Result<(), ModelError> {
        let refuse = |what: &str| Err(ModelError::Options(what.to_owned()));
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            return refuse("the temperature must be 0 or more");
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return refuse("top_p must be above 0 and at most 1");
        }
        if !(self.min_p >= 0.0 && self.min_p < 1.0) {
            return refuse("min_p must be 0 or more and below 1");
        }
        if !(self.repeat_penalty.is_finite() && self.repeat_penalty > 0.0) {
            return refuse("the repeat penalty must be above 0; 1 changes nothing");
        }
        if self.alternatives > Self::ALTERNATIVES_MAX {
            return Err(ModelError::Options(format!("at most {} alternatives are given", Self::ALTERNATIVES_MAX)));
        }
        Ok(())
    }
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The model ended its turn.
    EndOfTurn,
    /// One of the texts in [`GenerateOptions::stop`].
    StopText,
    /// The constraint is fulfilled and admits nothing more.
    Complete,
    /// The token limit. A constrained answer may be only the beginning of what the constraint admits.
    Length,
    /// The caller.
    Cancelled,
}

/// A token at a place, and what the model thought of it there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TokenChoice {
    /// Number in the vocabulary.
    pub token: i32,
    /// Its text; a token may hold a part of a character only.
    pub bytes: Vec<u8>,
    /// Log-probability among all tokens in nats, before temperature, penalty and constraint.
    pub log_probability: f32,
}

/// A token of an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SaidToken {
    /// Byte of [`Generated::text`] at which it starts.
    pub offset: usize,
    /// The token that was said.
    #[serde(flatten)]
    pub choice: TokenChoice,
    /// The most probable tokens at this place, most probable first.
    pub alternatives: Vec<TokenChoice>,
}

/// Text of an answer as it grows.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// Whole characters.
    pub text: String,
    /// The tokens that were said since the piece before.
    pub said: Vec<SaidToken>,
}

/// Where the time of an answer went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Timings {
    /// Seconds until the prompt was computed.
    pub prompt_seconds: f64,
    /// Tokens of the prompt whose computation was there already.
    pub reused_tokens: usize,
    /// Seconds from then to the last token.
    pub decode_seconds: f64,
    /// Tokens that were drafted, and how many of them the model took.
    pub drafted_tokens: usize,
    /// See [`Timings::drafted_tokens`].
    pub accepted_tokens: usize,
}

/// A generated answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Generated {
    /// The text, without white space at its ends; under a constraint as it was admitted.
    pub text: String,
    /// Tokens generated, the end of turn not counted.
    pub tokens: usize,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Mean probability that the model gave to the tokens it said; `None` when it said none. A constraint does not
    /// raise it: it is the probability among all tokens, not among the admitted ones.
    pub confidence: Option<f32>,
    /// Why it ended.
    pub stop: StopReason,
    /// Every token. Those of a text that ended the answer are there, though the text is not.
    pub said: Vec<SaidToken>,
    /// Where the time went.
    pub timings: Timings,
}

/// A token of a given text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoredToken {
    /// Number in the vocabulary.
    pub token: i32,
    /// Its text; a token may hold a part of a character only.
    pub bytes: Vec<u8>,
    /// Log-probability in nats given the tokens before it; `None` for the first.
    pub log_probability: Option<f64>,
    /// The most probable tokens at this place, most probable first.
    pub alternatives: Vec<TokenChoice>,
}

/// Log-likelihood of a text under the model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Perplexity {
    /// Sum of negative log-probabilities in nats.
    pub loss_sum: f64,
    /// Tokens that were predicted.
    pub tokens: usize,
}

impl Perplexity {
    /// `exp` of the mean loss; infinite without tokens.
    pub fn value(&self) -> f64 {
        if self.tokens == 0 { f64::INFINITY } else { (self.loss_sum / self.tokens as f64).exp() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let refused = |change: fn(&mut GenerateOptions)| {
            let mut options = GenerateOptions::default();
            change(&mut options);
            options.check().map_err(|error| error.to_string())
        };
        assert!(refused(|_| {}).is_ok());
        assert!(refused(|options| options.temperature = f32::NAN).is_err_and(|text| text.contains("temperature")));
        assert!(refused(|options| options.top_p = 0.0).is_err_and(|text| text.contains("top_p")));
        assert!(refused(|options| options.min_p = 1.0).is_err_and(|text| text.contains("min_p")));
        assert!(refused(|options| options.repeat_penalty = -1.0).is_err_and(|text| text.contains("penalty")));
        assert!(refused(|options| options.alternatives = 101).is_err_and(|text| text.contains("100")));
    }
}
