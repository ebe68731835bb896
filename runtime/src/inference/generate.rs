//! One answer in the chat context, token by token.

use std::sync::mpsc::Sender;
use std::time::Instant;

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;

use super::answer::{Answer, Next};
use super::constraint::Constraints;
use super::conversation::Conversation;
use super::prefixes::Prefixes;
use super::prompt::Prompt;
use super::speculation::{Drafter, Speculation};
use super::{GenerateOptions, Generated, Piece, StopReason, Timings};
use crate::error::ModelError;

/// What an answer needs beside its conversation.
pub(super) struct Voice<'a> {
    pub(super) model: &'a LlamaModel,
    pub(super) constraints: &'a Constraints,
    pub(super) stored: Option<&'a Prefixes>,
    pub(super) speculation: Speculation,
}

/// Answers `prompt`, sending each complete piece of text to `pieces`. Gives the tokens that were said, too.
pub(super) fn generate(
    voice: &Voice<'_>,
    conversation: &mut Conversation,
    prompt: &Prompt,
    options: &GenerateOptions,
    pieces: &Sender<Piece>,
) -> Result<(Generated, Vec<LlamaToken>), ModelError> {
    let prompt_tokens = prompt.tokens.len();
    check_fits(prompt_tokens, options.max_tokens, conversation.capacity())?;
    if prompt_tokens == 0 {
        return Err(ModelError::Tokens("there are none".to_owned()));
    }
    let mut answer = Answer::new(voice.model, voice.constraints, options)?;
    let mut timings = Timings::default();
    let started = Instant::now();
    let read = conversation.read(prompt, voice.stored, options.cancel.as_deref())?;
    timings.prompt_seconds = started.elapsed().as_secs_f64();
    timings.reused_tokens = read.reused;

    let started = Instant::now();
    let stop = if read.cancelled {
        StopReason::Cancelled
    } else {
        let mode = if conversation.forgets_parts() { voice.speculation } else { Speculation::Off };
        let mut drafter = Drafter::new(mode, &prompt.tokens);
        let stop = say(voice.model, conversation, &mut answer, &mut drafter, pieces)?;
        (timings.drafted_tokens, timings.accepted_tokens) = (drafter.proposed, drafter.accepted);
        stop
    };
    timings.decode_seconds = started.elapsed().as_secs_f64();
    let text = answer.rest().to_owned();
    if !text.is_empty() {
        // A listener that has gone misses nothing it wants.
        let _ = pieces.send(Piece { text, said: answer.news() });
    }
    let said = answer.ids().to_vec();
    Ok((answer.into_generated(prompt_tokens, stop, timings), said))
}

/// Says token after token. The conversation holds the prompt and what was said, but perhaps for the last token.
fn say(
    model: &LlamaModel,
    conversation: &mut Conversation,
    answer: &mut Answer,
    drafter: &mut Drafter,
    pieces: &Sender<Piece>,
) -> Result<StopReason, ModelError> {
    // Tokens that were computed on trial, and the row whose logits choose the next token.
    let mut draft: Vec<LlamaToken> = Vec::new();
    let mut row = conversation.last_row();
    loop {
        let mut accepted = 0;
        let next = loop {
            let step = answer.step(model, conversation.logits(row + accepted)?)?;
            if !step.piece.is_empty() && pieces.send(Piece { text: step.piece, said: answer.news() }).is_err() {
                break Next::Stop(StopReason::Cancelled);
            }
            match step.next {
                Next::Decode(token) if draft.get(accepted) == Some(&token) => {
                    drafter.said(token);
                    accepted += 1;
                }
                next => break next,
            }
        };
        // What was tried and not said must not be seen by what follows.
        conversation.take_back_to(conversation.held() - (draft.len() - accepted))?;
        drafter.judge(draft.len(), accepted);
        let token = match next {
            Next::Decode(token) => token,
            Next::Stop(reason) => return Ok(reason),
        };
        drafter.said(token);
        // The last token of an answer is never computed, nor one beyond the context.
        let room = answer.room().saturating_sub(1);
        let room = room
            .min(conversation.capacity().saturating_sub(conversation.held() + 1))
            .min(conversation.step_tokens() - 1);
        draft = drafter.draft(room);
        let tokens: Vec<LlamaToken> = std::iter::once(token).chain(draft.iter().copied()).collect();
        drafter.start();
        conversation.extend(&tokens, |_| true)?;
        row = 0;
    }
}

/// Refuses a prompt that leaves no room for the whole answer: neither is ever cut silently.
pub(super) fn check_fits(prompt: usize, answer: usize, available: usize) -> Result<(), ModelError> {
    let needed = prompt.saturating_add(answer);
    if needed > available {
        return Err(ModelError::PromptTooLong { needed, available });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_without_room_for_the_answer_is_refused() {
        assert!(check_fits(100, 28, 128).is_ok());
        let error = check_fits(101, 28, 128).unwrap_err();
        assert!(matches!(error, ModelError::PromptTooLong { needed: 129, available: 128 }));
        assert!(check_fits(1, usize::MAX, 128).is_err());
    }
}
