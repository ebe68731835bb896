//! Many short answers at once: several sequences share each decode step, and a sequence that has
//! ended makes room for the next question. Reading the weights is what costs; one reading serves
//! them all.

use std::sync::mpsc::Sender;

use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;

use super::generate::{Said, check_fits, failed, most_probable};
use super::pieces::Pieces;
use super::thread::{Engine, Purpose};
use super::{Generated, StopReason};
use crate::error::ModelError;

/// Most sequences in one step.
const SEQUENCES_MAX: u32 = 16;

/// A question that is being answered.
struct Slot {
    question: usize,
    /// Tokens that the next step decodes: what is left of the prompt, or the token just said.
    waiting: Vec<LlamaToken>,
    position: i32,
    prompt_tokens: usize,
    text: Pieces,
    said: Said,
    /// Row of this step's logits, when the last waiting token was decoded in it.
    row: Option<i32>,
}

/// Answers `questions` greedily with the active adapter; `progress` gets the number answered.
pub(super) fn answer(
    engine: &mut Engine,
    questions: &[String],
    max_tokens: usize,
    progress: &Sender<usize>,
) -> Result<Vec<Generated>, ModelError> {
    let prompts: Vec<Vec<LlamaToken>> =
        questions.iter().map(|question| engine.prompt.tokens(&engine.model, question)).collect::<Result<_, _>>()?;
    let Some(longest) = prompts.iter().map(Vec::len).max() else { return Ok(Vec::new()) };
    let limit = engine.settings.context_tokens;
    check_fits(longest, max_tokens, limit as usize)?;
    let tokens_each = (longest + max_tokens) as u32;
    // No more memory than a chat may take, unless that leaves a single sequence.
    let most = SEQUENCES_MAX.min(questions.len() as u32).min(engine.settings.batch_tokens);
    let sequences = (limit.max(1024) / tokens_each).clamp(1, most.max(1));
    let batch_tokens = engine.settings.batch_tokens as usize;
    let (mut context, model, _) = engine.context(Purpose::Batch { sequences, tokens_each })?;

    let mut upcoming = prompts.into_iter().enumerate();
    let mut slots: Vec<Option<Slot>> = (0..sequences).map(|_| None).collect();
    let mut answers: Vec<Option<Generated>> = vec![None; questions.len()];
    let mut answered = 0;
    let mut batch = LlamaBatch::new(batch_tokens, 1);
    while answered < questions.len() {
        for (sequence, slot) in slots.iter_mut().enumerate() {
            if slot.is_none()
                && let Some((question, prompt)) = upcoming.next()
            {
                context.clear_kv_cache_seq(Some(sequence as u32), None, None).map_err(failed)?;
                *slot = Some(Slot {
                    question,
                    prompt_tokens: prompt.len(),
                    waiting: prompt,
                    position: 0,
                    text: Pieces::default(),
                    said: Said::default(),
                    row: None,
                });
            }
        }
        fill(&mut batch, batch_tokens, &mut slots)?;
        context.decode(&mut batch).map_err(failed)?;
        for slot in &mut slots {
            let Some(row) = slot.as_mut().and_then(|slot| slot.row.take()) else { continue };
            let (token, probability) = most_probable(context.get_logits_ith(row));
            let stop = slot.as_mut().and_then(|slot| slot.say(model, token, probability, max_tokens));
            if let Some(stop) = stop
                && let Some(mut ended) = slot.take()
            {
                ended.text.finish();
                answers[ended.question] = Some(ended.said.into_answer(ended.text, ended.prompt_tokens, stop));
                answered += 1;
            }
        }
        if progress.send(answered).is_err() {
            return Err(ModelError::Cancelled);
        }
    }
    Ok(answers.into_iter().flatten().collect())
}

/// Puts waiting tokens of all slots into the batch, as many as fit. One token per slot is always
/// possible, because there are never more slots than batch tokens.
fn fill(batch: &mut LlamaBatch, capacity: usize, slots: &mut [Option<Slot>]) -> Result<(), ModelError> {
    batch.clear();
    let mut room = capacity;
    for (sequence, slot) in slots.iter_mut().enumerate() {
        let Some(slot) = slot else { continue };
        let count = slot.waiting.len().min(room);
        let ends = count == slot.waiting.len();
        for (index, token) in slot.waiting.drain(..count).enumerate() {
            let wants_logits = ends && index + 1 == count;
            if wants_logits {
                slot.row = Some(batch.n_tokens());
            }
            batch.add(token, slot.position, &[sequence as i32], wants_logits).map_err(failed)?;
            slot.position += 1;
        }
        room -= count;
    }
    Ok(())
}

impl Slot {
    /// Takes the chosen token; returns why the answer ended, if it did.
    fn say(
        &mut self,
        model: &LlamaModel,
        token: LlamaToken,
        probability: f32,
        max_tokens: usize,
    ) -> Option<StopReason> {
        if self.said.tokens >= max_tokens {
            return Some(StopReason::Length);
        }
        if model.vocab().is_eog(token) {
            return Some(StopReason::EndOfTurn);
        }
        self.said.add(probability);
        self.text.push(&model.vocab().token_to_piece(token, false, None));
        if self.said.tokens >= max_tokens {
            return Some(StopReason::Length);
        }
        self.waiting.push(token);
        None
    }
}
