//! What the chat context holds, and how much of it the next prompt can use again.
//!
//! The turns of a conversation share their beginning, and computing it is most of the work. What is used again was
//! computed by the same adapters at the same scales, or it is not used. Prompts are computed in steps that end where
//! later prompts go on, so that the same prompt gives the same bits whether its beginning was there or not.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use llama_cpp_2::token::LlamaToken;

use super::adapters::{Adapter, AdapterKey};
use super::context::{Batch, Context};
use super::prefixes::{self, Prefixes};
use super::prompt::Prompt;
use crate::error::ModelError;

/// The only sequence of a chat context.
const SEQUENCE: i32 = 0;
/// Fewer tokens than this are computed anew: that costs no more than one step.
const WORTH_KEEPING: usize = prefixes::TOKENS_MIN;
/// States that are kept of models that cannot forget a part.
const CHECKPOINTS_MAX: usize = 4;
/// Answers whose tokens are remembered.
const ANSWERS_MAX: usize = 64;

/// A chat context and the tokens in it.
pub(super) struct Conversation {
    context: Context,
    batch: Batch,
    held: Vec<LlamaToken>,
    adapters: AdapterKey,
    /// False for recurrent models, whose state sums up all tokens.
    forgets_parts: bool,
    checkpoints: Vec<Checkpoint>,
}

/// The state of a model that cannot forget a part, after so many tokens.
struct Checkpoint {
    tokens: usize,
    state: Vec<u8>,
}

/// What came of reading a prompt.
pub(super) struct Read {
    /// Tokens that were there already.
    pub reused: usize,
    /// Whether the caller stopped it.
    pub cancelled: bool,
}

impl Conversation {
    /// An empty conversation in a context whose adapters have this key.
    pub fn new(context: Context, adapters: AdapterKey, forgets_parts: bool) -> Conversation {
        let batch = Batch::new(context.batch_tokens());
        Conversation { context, batch, held: Vec::new(), adapters, forgets_parts, checkpoints: Vec::new() }
    }

    /// Answers with these adapters from now on; what others computed is forgotten.
    pub fn set_adapters(&mut self, adapters: Vec<(Rc<Adapter>, f32)>, key: AdapterKey) -> Result<(), ModelError> {
        if key != self.adapters {
            self.forget();
            self.context.set_adapters(adapters)?;
            self.adapters = key;
        }
        Ok(())
    }

    /// Tokens that fit.
    pub fn capacity(&self) -> usize {
        self.context.tokens()
    }

    /// Tokens that one step may have.
    pub fn step_tokens(&self) -> usize {
        self.context.batch_tokens()
    }

    /// Whether drafts can be taken back.
    pub fn forgets_parts(&self) -> bool {
        self.forgets_parts
    }

    /// Tokens in the context.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Logits of a row of the latest step; rows count from 0.
    pub fn logits(&self, row: usize) -> Result<&[f32], ModelError> {
        self.context.logits(row as i32)
    }

    /// Computes a prompt, but for what is there already. The logits of its last token are in the row of
    /// [`Conversation::last_row`].
    pub fn read(
        &mut self,
        prompt: &Prompt,
        stored: Option<&Prefixes>,
        cancel: Option<&AtomicBool>,
    ) -> Result<Read, ModelError> {
        let tokens = &prompt.tokens;
        let stops = stops(prompt);
        let common = self.held.iter().zip(tokens).take_while(|(held, wanted)| held == wanted).count();
        let mut reused = self.go_back_to(reusable(common, self.held.len(), tokens.len(), &stops));
        let prefix = stops.first().copied().filter(|stop| *stop == prompt.prefix && *stop < tokens.len());
        if let (Some(prefix), Some(stored)) = (prefix, stored)
            && reused < prefix
        {
            self.forget();
            reused = 0;
            if stored.restore(&mut self.context, &self.adapters, &tokens[..prefix]) {
                self.held.extend(&tokens[..prefix]);
                reused = prefix;
                self.note_checkpoint();
            }
        }
        for stop in stops.into_iter().filter(|stop| *stop > reused) {
            while self.held.len() < stop {
                if cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
                    return Ok(Read { reused, cancelled: true });
                }
                let end = stop.min(self.held.len() + self.context.batch_tokens());
                let step: Vec<LlamaToken> = tokens[self.held.len()..end].to_vec();
                self.extend(&step, |row| end == tokens.len() && row + 1 == step.len())?;
            }
            if stop < tokens.len() {
                self.note_checkpoint();
            }
            if let (Some(stored), true) = (stored, prefix == Some(stop)) {
                stored.keep(&self.context, &self.adapters, &self.held);
            }
        }
        Ok(Read { reused, cancelled: false })
    }

    /// Computes further tokens; `wants_logits` tells for each of them.
    pub fn extend(&mut self, tokens: &[LlamaToken], wants_logits: impl Fn(usize) -> bool) -> Result<(), ModelError> {
        self.batch.clear();
        for (row, token) in tokens.iter().enumerate() {
            self.batch.add(*token, self.held.len() + row, SEQUENCE, wants_logits(row))?;
        }
        if let Err(error) = self.context.decode(&self.batch) {
            // Some of the step may be in the context.
            self.forget();
            return Err(error);
        }
        self.held.extend(tokens);
        Ok(())
    }

    /// Row of the last token of the latest step.
    pub fn last_row(&self) -> usize {
        usize::try_from(self.batch.len() - 1).unwrap_or(0)
    }

    /// Takes the latest tokens back, down to `tokens` of them.
    pub fn take_back_to(&mut self, tokens: usize) -> Result<(), ModelError> {
        match self.go_back_to(tokens) {
            left if left == tokens => Ok(()),
            left => Err(ModelError::Decode(format!("{left} tokens are left of {tokens}"))),
        }
    }

    /// Forgets everything.
    fn forget(&mut self) {
        self.context.clear();
        self.held.clear();
        self.checkpoints.clear();
    }

    /// Forgets down to `wanted` tokens, or to fewer where this kind of model cannot stop there; gives how many are
    /// left.
    fn go_back_to(&mut self, wanted: usize) -> usize {
        if wanted == self.held.len() {
            return wanted;
        }
        if wanted > 0 && self.forgets_parts && self.context.remove(SEQUENCE, wanted) {
            // A sliding window may have lost the tokens before.
            if self.context.positions(SEQUENCE) == (0, wanted as i32 - 1) {
                self.held.truncate(wanted);
                return wanted;
            }
        }
        if wanted > 0 && !self.forgets_parts {
            self.checkpoints.retain(|checkpoint| checkpoint.tokens <= wanted);
            if let Some(checkpoint) = self.checkpoints.last()
                && self.context.restore(SEQUENCE, &checkpoint.state)
                && self.context.remove(SEQUENCE, checkpoint.tokens)
                && self.context.positions(SEQUENCE).1 == checkpoint.tokens as i32 - 1
            {
                self.held.truncate(checkpoint.tokens);
                return checkpoint.tokens;
            }
        }
        self.forget();
        0
    }

    fn note_checkpoint(&mut self) {
        if self.forgets_parts || self.checkpoints.iter().any(|checkpoint| checkpoint.tokens == self.held.len()) {
            return;
        }
        if self.checkpoints.len() >= CHECKPOINTS_MAX {
            // The first one is the system's words, which every conversation shares.
            self.checkpoints.remove(1);
        }
        self.checkpoints.push(Checkpoint { tokens: self.held.len(), state: self.context.checkpoint(SEQUENCE) });
    }
}

/// Where the steps of a prompt end: at its prefix, where its settled part ends, and at its end.
fn stops(prompt: &Prompt) -> Vec<usize> {
    let end = prompt.tokens.len();
    let mut stops = Vec::new();
    for stop in [prompt.prefix, prompt.settled] {
        let last = stops.last().copied().unwrap_or(0);
        if stop >= last + WORTH_KEEPING && stop < end {
            stops.push(stop);
        }
    }
    stops.push(end);
    stops
}

/// How many of `held` tokens a prompt of `wanted` tokens uses again when `common` are the same: all of them, or as
/// many as end a step, so that the rest is computed in the same steps as without them.
fn reusable(common: usize, held: usize, wanted: usize, stops: &[usize]) -> usize {
    if common == held && common < wanted && common >= WORTH_KEEPING {
        return common;
    }
    stops.iter().copied().filter(|stop| *stop <= common && *stop < wanted).max().unwrap_or(0)
}

/// The tokens of answers, by their text: the same words can be spelled in other tokens than those that were said.
#[derive(Default)]
pub(super) struct Answers(VecDeque<(String, Vec<LlamaToken>)>);

impl Answers {
    /// Remembers an answer.
    pub fn add(&mut self, text: &str, tokens: Vec<LlamaToken>) {
        if text.is_empty() {
            return;
        }
        self.0.retain(|(known, _)| known != text);
        if self.0.len() >= ANSWERS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((text.to_owned(), tokens));
    }

    /// The tokens of an answer of these words.
    pub fn get(&self, text: &str) -> Option<&[LlamaToken]> {
        self.0.iter().rev().find(|(known, _)| known == text).map(|(_, tokens)| tokens.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(tokens: usize, prefix: usize, settled: usize) -> Prompt {
        Prompt { tokens: vec![LlamaToken::new(1); tokens], prefix, settled }
    }

    #[test]
    fn steps_end_where_later_prompts_go_on() {
        assert_eq!(stops(&prompt(200, 50, 120)), [50, 120, 200]);
        assert_eq!(stops(&prompt(200, 50, 50)), [50, 200]);
        assert_eq!(stops(&prompt(200, 3, 3)), [200]);
        assert_eq!(stops(&prompt(200, 3, 120)), [120, 200]);
        assert_eq!(stops(&prompt(100, 60, 100)), [60, 100]);
    }

    #[test]
    fn a_follow_up_uses_all_and_another_question_what_is_settled() {
        let stops = [50, 120, 200];
        assert_eq!(reusable(150, 150, 200, &stops), 150);
        assert_eq!(reusable(150, 180, 200, &stops), 120);
        assert_eq!(reusable(200, 230, 200, &stops), 120);
        assert_eq!(reusable(70, 180, 200, &stops), 50);
        assert_eq!(reusable(20, 20, 200, &stops), 0);
        assert_eq!(reusable(200, 200, 200, &stops), 120);
    }

    #[test]
    fn the_latest_answers_are_remembered() {
        let mut answers = Answers::default();
        for number in 0..ANSWERS_MAX as i32 + 1 {
            answers.add(&format!("answer {number}"), vec![LlamaToken::new(number)]);
        }
        assert_eq!(answers.get("answer 0"), None);
        assert_eq!(answers.get("answer 1").map(<[_]>::len), Some(1));
        answers.add("answer 1", vec![]);
        assert_eq!(answers.get("answer 1").map(<[_]>::len), Some(0));
    }
}
