//! An answer as it grows: one token at each step, out of the logits, within the constraint.
//!
//! One conversation and the sequences of a batch both grow their answers here, so that a request is answered
//! in the same way wherever it runs.

use std::sync::atomic::Ordering;

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;

use super::constraint::{Constraints, GrammarMatcher};
use super::pieces::Pieces;
use super::probability::{Softmax, most_probable};
use super::{GenerateOptions, Generated, SaidToken, StopReason, Timings, TokenChoice};
use crate::error::ModelError;

/// An answer that is being generated.
pub(super) struct Answer {
    options: GenerateOptions,
    chooser: Chooser,
    text: Pieces,
    said: Vec<SaidToken>,
    /// How many of them were told already.
    told: usize,
    ids: Vec<LlamaToken>,
}

/// What a step brought.
pub(super) struct Step {
    /// Text that became complete.
    pub(super) piece: String,
    /// How it goes on.
    pub(super) next: Next,
}

/// How an answer goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// This token is to be decoded.
    Decode(LlamaToken),
    /// It has ended.
    Stop(StopReason),
}

impl Answer {
    /// An answer without any token yet.
    pub(super) fn new(
        model: &LlamaModel,
        constraints: &Constraints,
        options: &GenerateOptions,
    ) -> Result<Answer, ModelError> {
        options.check()?;
        let matcher =
            options.constraint.as_ref().map(|constraint| constraints.matcher(model, constraint)).transpose()?;
        // What a constraint admits is not changed afterwards, not even white space.
        let is_verbatim = matcher.is_some() || options.verbatim;
        let text = if is_verbatim { Pieces::verbatim() } else { Pieces::default() };
        let chooser = Chooser { sampler: sampler(model, options), matcher };
        let text = text.with_stops(&options.stop);
        Ok(Answer { options: options.clone(), chooser, text, said: Vec::new(), told: 0, ids: Vec::new() })
    }

    /// Says one token more: the choice among `logits`, one for each entry of the vocabulary.
    pub(super) fn step(&mut self, model: &LlamaModel, logits: &[f32]) -> Result<Step, ModelError> {
        let stopped = |reason| Ok(Step { piece: String::new(), next: Next::Stop(reason) });
        if self.options.cancel.as_ref().is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            return stopped(StopReason::Cancelled);
        }
        if self.said.len() >= self.options.max_tokens {
            return stopped(StopReason::Length);
        }
        let token = self.chooser.choose(logits)?;
        let vocabulary = model.vocab();
        if vocabulary.is_eog(token) {
            return stopped(StopReason::EndOfTurn);
        }
        let bytes = vocabulary.token_to_piece(token, false, None);
        let softmax = Softmax::new(logits);
        let choice = |token: LlamaToken, bytes: Vec<u8>| TokenChoice {
            token: token.0,
            bytes,
            log_probability: softmax.log_probability(token),
        };
        let alternatives = softmax.top(self.options.alternatives).into_iter();
        self.said.push(SaidToken {
            offset: self.text.bytes(),
            choice: choice(token, bytes.clone()),
            alternatives: alternatives
                .map(|token| choice(token, vocabulary.token_to_piece(token, true, None)))
                .collect(),
        });
        self.ids.push(token);
        let is_complete = self.chooser.accept(token)?;
        let piece = self.text.push(&bytes).to_owned();
        let next = if self.text.stopped() {
            Next::Stop(StopReason::StopText)
        } else if is_complete {
            Next::Stop(StopReason::Complete)
        } else if self.said.len() >= self.options.max_tokens {
            Next::Stop(StopReason::Length)
        } else {
            Next::Decode(token)
        };
        Ok(Step { piece, next })
    }

    /// Text that was held back, after the last step.
    pub(super) fn rest(&mut self) -> &str {
        self.text.finish()
    }

    /// The tokens that were said since the last call.
    pub(super) fn news(&mut self) -> Vec<SaidToken> {
        let news = self.said[self.told..].to_vec();
        self.told = self.said.len();
        news
    }

    /// The tokens that were said.
    pub(super) fn ids(&self) -> &[LlamaToken] {
        &self.ids
    }

    /// Tokens that may still be said.
    pub(super) fn room(&self) -> usize {
        self.options.max_tokens.saturating_sub(self.said.len())
    }

    /// The whole answer.
    pub(super) fn into_generated(self, prompt_tokens: usize, stop: StopReason, timings: Timings) -> Generated {
        let dropped = self.text.dropped();
        let text = self.text.into_text();
        let mut said = self.said;
        for token in &mut said {
            token.offset = token.offset.saturating_sub(dropped).min(text.len());
        }
        let confidence = mean_probability(&said);
        Generated { text, tokens: said.len(), prompt_tokens, confidence, stop, said, timings }
    }
}

fn mean_probability(said: &[SaidToken]) -> Option<f32> {
    let sum: f64 = said.iter().map(|token| f64::from(token.choice.log_probability).exp()).sum();
    (!said.is_empty()).then(|| (sum / said.len() as f64) as f32)
}

/// Chooses the next token among those that the constraint admits: the most probable one, or a seeded sample.
struct Chooser {
    sampler: Option<LlamaSampler>,
    matcher: Option<GrammarMatcher>,
}

/// What chooses where it is not simply the most probable token.
fn sampler(model: &LlamaModel, options: &GenerateOptions) -> Option<LlamaSampler> {
    let is_greedy = options.temperature == 0.0;
    let mut chain = Vec::new();
    if options.repeat_penalty != 1.0 {
        let window = i32::try_from(options.repeat_window).unwrap_or(i32::MAX);
        chain.push(LlamaSampler::penalties(model.n_vocab(), window, options.repeat_penalty, 0.0, 0.0));
    }
    if is_greedy {
        if chain.is_empty() {
            return None;
        }
        chain.push(LlamaSampler::greedy());
    } else {
        if options.top_k > 0 {
            chain.push(LlamaSampler::top_k(i32::try_from(options.top_k).unwrap_or(i32::MAX)));
        }
        if options.top_p < 1.0 {
            chain.push(LlamaSampler::top_p(options.top_p, 1));
        }
        if options.min_p > 0.0 {
            chain.push(LlamaSampler::min_p(options.min_p, 1));
        }
        chain.push(LlamaSampler::temp(options.temperature));
        chain.push(LlamaSampler::dist((options.seed ^ (options.seed >> 32)) as u32));
    }
    Some(LlamaSampler::chain_simple(chain))
}

impl Chooser {
    fn choose(&mut self, logits: &[f32]) -> Result<LlamaToken, ModelError> {
        let admitted = self.matcher.as_mut().map(GrammarMatcher::admitted).transpose()?;
        let is_admitted = |id: usize| admitted.as_ref().is_none_or(|mask| mask.is_allowed(id as u32));
        let candidates = || logits.iter().copied().enumerate().filter(|(id, _)| is_admitted(*id));
        let chosen = match &mut self.sampler {
            None if admitted.is_none() => most_probable(logits),
            None => {
                let finite = candidates().filter(|(_, logit)| *logit > f32::NEG_INFINITY);
                let best = finite.reduce(|best, other| if other.1 > best.1 { other } else { best });
                best.map(|(id, _)| LlamaToken::new(id as i32))
            }
            Some(sampler) => {
                let finite = candidates().filter(|(_, logit)| *logit > f32::NEG_INFINITY);
                let entry = |(id, logit)| LlamaTokenData::new(LlamaToken::new(id as i32), logit, 0.0);
                let mut array = LlamaTokenDataArray::from_iter(finite.map(entry), false);
                if !array.data.is_empty() {
                    array.apply_sampler(sampler);
                }
                array.selected_token()
            }
        };
        chosen.ok_or_else(|| match admitted {
            Some(_) => ModelError::Constraint("the model gives no admitted token a probability".to_owned()),
            None => ModelError::Decode("the model gives no token a probability".to_owned()),
        })
    }

    /// Tells sampler and constraint what was said; true when the constraint admits nothing more.
    fn accept(&mut self, token: LlamaToken) -> Result<bool, ModelError> {
        if let Some(sampler) = &mut self.sampler {
            sampler.accept(token);
        }
        self.matcher.as_mut().map_or(Ok(false), |matcher| matcher.accept(token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampling_never_takes_a_token_without_probability() {
        let chain = [LlamaSampler::top_p(0.95, 1), LlamaSampler::temp(1.0), LlamaSampler::dist(1)];
        let mut chooser = Chooser { sampler: Some(LlamaSampler::chain_simple(chain)), matcher: None };
        let logits = [f32::NEG_INFINITY, 0.0, f32::NAN];
        assert!((0..100).all(|_| chooser.choose(&logits).is_ok_and(|token| token.0 == 1)));
        assert!(matches!(chooser.choose(&[f32::NEG_INFINITY; 3]), Err(ModelError::Decode(_))));
    }

    #[test]
    fn confidence_is_the_mean_probability_of_the_said_tokens() {
        let said = |probability: f32| SaidToken {
            offset: 0,
            choice: TokenChoice { token: 0, bytes: Vec::new(), log_probability: probability.ln() },
            alternatives: Vec::new(),
        };
        assert_eq!(mean_probability(&[said(0.5), said(1.0)]), Some(0.75));
        assert_eq!(mean_probability(&[]), None);
    }
}
