//! One answer, token by token.

use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;

use super::pieces::Pieces;
use super::prompt::ChatPrompt;
use super::{GenerateOptions, Generated, StopReason};
use crate::error::ModelError;

/// Answers `question` in an empty `context`, sending each complete piece of text to `pieces`.
pub(super) fn generate(
    model: &LlamaModel,
    prompt: &ChatPrompt,
    context: &mut LlamaContext<'_>,
    question: &str,
    options: &GenerateOptions,
    pieces: &Sender<String>,
) -> Result<Generated, ModelError> {
    let tokens = prompt.tokens(model, question)?;
    check_fits(tokens.len(), options.max_tokens, context.n_ctx() as usize)?;
    context.clear_kv_cache();
    let batch_tokens = context.n_batch() as usize;
    let mut batch = LlamaBatch::new(batch_tokens, 1);
    let mut position = 0;
    for chunk in tokens.chunks(batch_tokens) {
        batch.clear();
        for token in chunk {
            let is_last = position as usize + 1 == tokens.len();
            batch.add(*token, position, &[0], is_last).map_err(failed)?;
            position += 1;
        }
        context.decode(&mut batch).map_err(failed)?;
    }

    let mut chooser = Chooser::new(options);
    let mut text = Pieces::default();
    let mut said = Said::default();
    let mut stop = StopReason::Length;
    while said.tokens < options.max_tokens {
        if options.cancel.as_ref().is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            stop = StopReason::Cancelled;
            break;
        }
        let index = batch.n_tokens() - 1;
        let (token, probability) = chooser.choose(context, index);
        if model.vocab().is_eog(token) {
            stop = StopReason::EndOfTurn;
            break;
        }
        said.add(probability);
        let piece = text.push(&model.vocab().token_to_piece(token, false, None));
        if !piece.is_empty() && pieces.send(piece.to_owned()).is_err() {
            stop = StopReason::Cancelled;
            break;
        }
        batch.clear();
        batch.add(token, position, &[0], true).map_err(failed)?;
        position += 1;
        context.decode(&mut batch).map_err(failed)?;
    }
    let rest = text.finish();
    if !rest.is_empty() {
        // A listener that has gone misses nothing it wants.
        let _ = pieces.send(rest.to_owned());
    }
    Ok(said.into_answer(text, tokens.len(), stop))
}

/// Refuses a prompt that leaves no room for the whole answer: neither is ever cut silently.
pub(super) fn check_fits(prompt: usize, answer: usize, available: usize) -> Result<(), ModelError> {
    let needed = prompt.saturating_add(answer);
    if needed > available {
        return Err(ModelError::PromptTooLong { needed, available });
    }
    Ok(())
}

/// Counts tokens and their probabilities.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) tokens: usize,
    probability_sum: f64,
}

impl Said {
    pub(super) fn add(&mut self, probability: f32) {
        self.tokens += 1;
        self.probability_sum += f64::from(probability);
    }

    pub(super) fn into_answer(self, text: Pieces, prompt_tokens: usize, stop: StopReason) -> Generated {
        let mean = (self.probability_sum / self.tokens.max(1) as f64) as f32;
        Generated {
            text: text.into_text(),
            tokens: self.tokens,
            prompt_tokens,
            confidence: (self.tokens > 0).then_some(mean),
            stop,
        }
    }
}

/// Chooses the next token: the most probable one, or a seeded sample.
struct Chooser {
    sampler: Option<LlamaSampler>,
}

impl Chooser {
    fn new(options: &GenerateOptions) -> Chooser {
        let sampler = (options.temperature > 0.0).then(|| {
            let seed = (options.seed ^ (options.seed >> 32)) as u32;
            LlamaSampler::chain_simple([
                LlamaSampler::top_p(0.95, 1),
                LlamaSampler::temp(options.temperature),
                LlamaSampler::dist(seed),
            ])
        });
        Chooser { sampler }
    }

    fn choose(&mut self, context: &LlamaContext<'_>, index: i32) -> (LlamaToken, f32) {
        let logits = context.get_logits_ith(index);
        match &mut self.sampler {
            None => most_probable(logits),
            Some(sampler) => {
                let token = sampler.sample(context, index);
                (token, probability(logits, token.0 as usize))
            }
        }
    }
}

/// The first token with the highest logit, and its probability.
pub(super) fn most_probable(logits: &[f32]) -> (LlamaToken, f32) {
    let mut best = 0;
    for (index, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = index;
        }
    }
    (LlamaToken::new(best as i32), probability(logits, best))
}

/// Softmax of `logits` at `index`, in f64.
fn probability(logits: &[f32], index: usize) -> f32 {
    (-loss(logits, index)).exp() as f32
}

/// Negative log-probability of the token `index`, in nats.
pub(crate) fn loss(logits: &[f32], index: usize) -> f64 {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - highest).exp()).sum();
    sum.ln() - f64::from(logits[index] - highest)
}

pub(super) fn failed(error: impl std::fmt::Display) -> ModelError {
    ModelError::Decode(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_probable_token_comes_with_its_softmax_probability() {
        let (token, probability) = most_probable(&[0.0, 2.0, 2.0, -1.0]);
        let expected = 2_f64.exp() / (1.0 + 2.0 * 2_f64.exp() + (-1_f64).exp());
        assert_eq!(token.0, 1, "of equals the first");
        assert!((f64::from(probability) - expected).abs() < 1e-6);
        let (_, sure) = most_probable(&[1000.0, -1000.0]);
        assert_eq!(sure, 1.0);
    }

    #[test]
    fn confidence_is_the_mean_probability_of_the_said_tokens() {
        let mut said = Said::default();
        said.add(0.5);
        said.add(1.0);
        let answer = said.into_answer(Pieces::default(), 7, StopReason::EndOfTurn);
        assert_eq!((answer.tokens, answer.confidence), (2, Some(0.75)));
        let silent = Said::default().into_answer(Pieces::default(), 7, StopReason::EndOfTurn);
        assert_eq!(silent.confidence, None);
    }

    #[test]
    fn a_prompt_without_room_for_the_answer_is_refused() {
        assert!(check_fits(100, 28, 128).is_ok());
        let error = check_fits(101, 28, 128).unwrap_err();
        assert!(matches!(error, ModelError::PromptTooLong { needed: 129, available: 128 }));
        assert!(check_fits(1, usize::MAX, 128).is_err());
    }
}
