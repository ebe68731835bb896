//! Exact figures for comparisons: logits and perplexity with an F32 key-value cache and without
//! flash attention, the settings under which the trainer's own numbers are compared.

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;

use super::Perplexity;
use super::generate::{failed, loss};
use super::thread::{Engine, Purpose};
use crate::error::ModelError;

/// Logits that follow `tokens`.
pub(super) fn logits(engine: &mut Engine, tokens: &[i32]) -> Result<Vec<f32>, ModelError> {
    check(engine, tokens)?;
    let limit = engine.settings.context_tokens as usize;
    if tokens.len() > limit {
        return Err(ModelError::PromptTooLong { needed: tokens.len(), available: limit });
    }
    let (mut context, ..) = engine.context(Purpose::Exact { tokens: tokens.len() as u32 })?;
    let mut last = Vec::new();
    let wanted = tokens.len() - 1;
    decode(&mut context, tokens, |index| index == wanted, |_, logits| last = logits.to_vec())?;
    Ok(last)
}

/// Loss of `tokens` in windows of the context.
pub(super) fn perplexity(engine: &mut Engine, tokens: &[i32]) -> Result<Perplexity, ModelError> {
    check(engine, tokens)?;
    let window = tokens.len().min(engine.settings.context_tokens as usize);
    let (mut context, ..) = engine.context(Purpose::Exact { tokens: window as u32 })?;
    let mut total = Perplexity { loss_sum: 0.0, tokens: 0 };
    for tokens in tokens.chunks(window).filter(|tokens| tokens.len() > 1) {
        context.clear_kv_cache();
        let predicts = |index| index + 1 < tokens.len();
        decode(&mut context, tokens, predicts, |index, logits| {
            total.loss_sum += loss(logits, tokens[index + 1] as usize);
            total.tokens += 1;
        })?;
    }
    Ok(total)
}

/// Decodes `tokens` in steps of the batch, so that the logits of few tokens are in memory at once.
fn decode(
    context: &mut LlamaContext<'_>,
    tokens: &[i32],
    wants_logits: impl Fn(usize) -> bool,
    mut on_logits: impl FnMut(usize, &[f32]),
) -> Result<(), ModelError> {
    let step = context.n_batch() as usize;
    let mut batch = LlamaBatch::new(step, 1);
    for (start, chunk) in (0..).step_by(step).zip(tokens.chunks(step)) {
        batch.clear();
        for (row, token) in chunk.iter().enumerate() {
            let index = start + row;
            batch.add(LlamaToken::new(*token), index as i32, &[0], wants_logits(index)).map_err(failed)?;
        }
        context.decode(&mut batch).map_err(failed)?;
        for row in (0..chunk.len()).filter(|row| wants_logits(start + row)) {
            on_logits(start + row, context.get_logits_ith(row as i32));
        }
    }
    Ok(())
}

/// llama.cpp would end the process on some of these.
fn check(engine: &Engine, tokens: &[i32]) -> Result<(), ModelError> {
    let vocabulary = engine.model.n_vocab();
    if tokens.is_empty() {
        return Err(ModelError::Tokens("there are none".to_owned()));
    }
    match tokens.iter().find(|token| !(0..vocabulary).contains(*token)) {
        Some(token) => Err(ModelError::Tokens(format!("token {token} is outside the vocabulary of {vocabulary}"))),
        None => Ok(()),
    }
}
