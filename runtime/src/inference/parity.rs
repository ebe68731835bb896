//! Exact figures: logits, perplexity and the log-probabilities of a given text, with an F32 key-value cache and
//! without flash attention, the settings under which the trainer's own numbers are compared.

use llama_cpp_2::token::LlamaToken;

use super::context::{Batch, Context};
use super::probability::{Softmax, loss};
use super::thread::{Engine, Purpose};
use super::{GenerateOptions, Perplexity, ScoredToken, TokenChoice};
use crate::error::ModelError;

/// Logits of one step; llama.cpp holds them twice.
const LOGIT_BYTES: usize = 64 << 20;

/// Logits that follow `tokens`.
pub(super) fn logits(engine: &mut Engine, tokens: &[i32]) -> Result<Vec<f32>, ModelError> {
    check(engine, tokens)?;
    check_fits(engine, tokens)?;
    let mut context = engine.context(Purpose::Exact { tokens: tokens.len() as u32, outputs: 1 })?;
    let mut last = Vec::new();
    let wanted = tokens.len() - 1;
    decode(&mut context, tokens, |index| index == wanted, |_, logits| last = logits.to_vec())?;
    Ok(last)
}

/// Loss of `tokens` in windows of the context.
pub(super) fn perplexity(engine: &mut Engine, tokens: &[i32]) -> Result<Perplexity, ModelError> {
    check(engine, tokens)?;
    let window = tokens.len().min(engine.settings.context_tokens as usize);
    let outputs = rows_of_a_step(engine);
    let mut context = engine.context(Purpose::Exact { tokens: window as u32, outputs })?;
    let mut total = Perplexity { loss_sum: 0.0, tokens: 0 };
    for tokens in tokens.chunks(window).filter(|tokens| tokens.len() > 1) {
        context.clear();
        let predicts = |index| index + 1 < tokens.len();
        decode(&mut context, tokens, predicts, |index, logits| {
            total.loss_sum += loss(logits, tokens[index + 1] as usize);
            total.tokens += 1;
        })?;
    }
    Ok(total)
}

/// Log-probability of each token given those before it, with the `alternatives` most probable tokens at its place.
pub(super) fn score(engine: &mut Engine, tokens: &[i32], alternatives: usize) -> Result<Vec<ScoredToken>, ModelError> {
    check(engine, tokens)?;
    check_fits(engine, tokens)?;
    GenerateOptions { alternatives, ..GenerateOptions::default() }.check()?;
    let outputs = rows_of_a_step(engine);
    let mut context = engine.context(Purpose::Exact { tokens: tokens.len() as u32, outputs })?;
    let vocabulary = engine.model.vocab();
    let bytes = |token| vocabulary.token_to_piece(token, true, None);
    let first = LlamaToken::new(tokens[0]);
    let mut scored =
        vec![ScoredToken { token: tokens[0], bytes: bytes(first), log_probability: None, alternatives: Vec::new() }];
    let predicts = |index| index + 1 < tokens.len();
    decode(&mut context, tokens, predicts, |index, logits| {
        let softmax = Softmax::new(logits);
        let token = LlamaToken::new(tokens[index + 1]);
        let choice = |token: LlamaToken| TokenChoice {
            token: token.0,
            bytes: bytes(token),
            log_probability: softmax.log_probability(token),
        };
        scored.push(ScoredToken {
            token: token.0,
            bytes: bytes(token),
            log_probability: Some(-loss(logits, token.0 as usize)),
            alternatives: softmax.top(alternatives).into_iter().map(choice).collect(),
        });
    })?;
    Ok(scored)
}

/// Decodes `tokens` in steps of the batch, so that the logits of few tokens are in memory at once.
fn decode(
    context: &mut Context,
    tokens: &[i32],
    wants_logits: impl Fn(usize) -> bool,
    mut on_logits: impl FnMut(usize, &[f32]),
) -> Result<(), ModelError> {
    let step = context.batch_tokens();
    let mut batch = Batch::new(step);
    for (start, chunk) in (0..).step_by(step).zip(tokens.chunks(step)) {
        batch.clear();
        for (row, token) in chunk.iter().enumerate() {
            let index = start + row;
            batch.add(LlamaToken::new(*token), index, 0, wants_logits(index))?;
        }
        context.decode(&batch)?;
        for row in (0..chunk.len()).filter(|row| wants_logits(start + row)) {
            on_logits(start + row, context.logits(row as i32)?);
        }
    }
    Ok(())
}

/// Rows of logits that a step may have.
fn rows_of_a_step(engine: &Engine) -> u32 {
    let row_bytes = 4 * usize::try_from(engine.model.n_vocab()).unwrap_or(0).max(1);
    u32::try_from(LOGIT_BYTES / row_bytes).unwrap_or(u32::MAX).max(1)
}

fn check_fits(engine: &Engine, tokens: &[i32]) -> Result<(), ModelError> {
    let available = engine.settings.context_tokens as usize;
    match tokens.len() {
        needed if needed > available => Err(ModelError::PromptTooLong { needed, available }),
        _ => Ok(()),
    }
}

/// llama.cpp would end the process on some of these.
pub(super) fn check(engine: &Engine, tokens: &[i32]) -> Result<(), ModelError> {
    let vocabulary = engine.model.n_vocab();
    if tokens.is_empty() {
        return Err(ModelError::Tokens("there are none".to_owned()));
    }
    match tokens.iter().find(|token| !(0..vocabulary).contains(*token)) {
        Some(token) => Err(ModelError::Tokens(format!("token {token} is outside the vocabulary of {vocabulary}"))),
        None => Ok(()),
    }
}
