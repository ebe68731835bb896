//! Many answers at once: several sequences share each decode step, and a sequence that has
//! ended makes room for the next request. Reading the weights is what costs; one reading serves
//! them all.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::mpsc::Sender;

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;

use super::answer::{Answer, Next};
use super::constraint::Constraints;
use super::context::Batch;
use super::generate::check_fits;
use super::thread::{Engine, Purpose};
use super::{BatchRequest, Generated, Timings};
use crate::error::ModelError;

/// Most sequences in one step.
const SEQUENCES_MAX: u32 = 16;

/// What became of one request.
type Outcome = Result<Generated, ModelError>;

/// A request whose prompt is known.
struct Prepared {
    request: usize,
    prompt: Vec<LlamaToken>,
}

/// A request that is being answered.
struct Slot {
    request: usize,
    /// Tokens that the next step decodes: what is left of the prompt, or the token just said.
    waiting: Vec<LlamaToken>,
    position: usize,
    prompt_tokens: usize,
    answer: Answer,
    /// Row of this step's logits, when the last waiting token was decoded in it.
    row: Option<i32>,
}

/// Answers `requests` with the active adapter, each with its own options; `progress` gets the number that is done.
/// A request that cannot be answered has its own error, in its place.
pub(super) fn answer(
    engine: &mut Engine,
    requests: &[BatchRequest],
    progress: &Sender<usize>,
) -> Result<Vec<Outcome>, ModelError> {
    let mut outcomes: Vec<Option<Outcome>> = requests.iter().map(|_| None).collect();
    let mut upcoming = VecDeque::new();
    let limit = engine.settings.context_tokens;
    let mut tokens_each = 0;
    for (request, asked) in requests.iter().enumerate() {
        let room = asked.options.max_tokens;
        let prompt = engine.question(&asked.question).map(|prompt| prompt.tokens);
        match prompt.and_then(|prompt| check_fits(prompt.len(), room, limit as usize).map(|()| prompt)) {
            Ok(prompt) => {
                tokens_each = tokens_each.max((prompt.len() + room) as u32);
                upcoming.push_back(Prepared { request, prompt });
            }
            Err(error) => outcomes[request] = Some(Err(error)),
        }
    }
    if !upcoming.is_empty() {
        // No more memory than a chat may take, unless that leaves a single sequence.
        let most = SEQUENCES_MAX.min(upcoming.len() as u32).min(engine.settings.batch_tokens);
        let sequences = (limit.max(1024) / tokens_each.max(1)).clamp(1, most.max(1));
        answer_prepared(engine, requests, upcoming, sequences, tokens_each, &mut outcomes, progress)?;
    }
    // Every request has an outcome by now: refused above, or answered.
    Ok(outcomes.into_iter().flatten().collect())
}

fn answer_prepared(
    engine: &mut Engine,
    requests: &[BatchRequest],
    mut upcoming: VecDeque<Prepared>,
    sequences: u32,
    tokens_each: u32,
    outcomes: &mut [Option<Outcome>],
    progress: &Sender<usize>,
) -> Result<(), ModelError> {
    let batch_tokens = engine.settings.batch_tokens as usize;
    let constraints = Rc::clone(&engine.constraints);
    // A chat and a batch together would take twice the memory.
    engine.end_conversation();
    let mut context = engine.context(Purpose::Batch { sequences, tokens_each })?;
    let model = &engine.model;
    let mut slots: Vec<Option<Slot>> = (0..sequences).map(|_| None).collect();
    let mut batch = Batch::new(batch_tokens);
    loop {
        for (sequence, slot) in slots.iter_mut().enumerate() {
            while slot.is_none()
                && let Some(prepared) = upcoming.pop_front()
            {
                context.remove(sequence as i32, 0);
                let request = prepared.request;
                match Slot::new(model, &constraints, &requests[request], prepared) {
                    Ok(started) => *slot = Some(started),
                    Err(error) => outcomes[request] = Some(Err(error)),
                }
            }
        }
        if slots.iter().all(Option::is_none) {
            break;
        }
        fill(&mut batch, batch_tokens, &mut slots)?;
        context.decode(&batch)?;
        for slot in &mut slots {
            let Some(row) = slot.as_mut().and_then(|slot| slot.row.take()) else { continue };
            let Some(mut speaking) = slot.take() else { continue };
            let logits = context.logits(row)?;
            let stop = match speaking.answer.step(model, logits).map(|step| step.next) {
                Ok(Next::Decode(token)) => {
                    speaking.waiting.push(token);
                    *slot = Some(speaking);
                    continue;
                }
                Ok(Next::Stop(reason)) => Ok(reason),
                Err(error) => Err(error),
            };
            let Slot { request, prompt_tokens, mut answer, .. } = speaking;
            outcomes[request] = Some(stop.map(|reason| {
                answer.rest();
                answer.into_generated(prompt_tokens, reason, Timings::default())
            }));
        }
        let done = outcomes.iter().flatten().count();
        if progress.send(done).is_err() {
            return Err(ModelError::Cancelled);
        }
    }
    Ok(())
}

/// Puts waiting tokens of all slots into the batch, as many as fit. One token per slot is always
/// possible, because there are never more slots than batch tokens.
fn fill(batch: &mut Batch, capacity: usize, slots: &mut [Option<Slot>]) -> Result<(), ModelError> {
    batch.clear();
    let mut room = capacity;
    for (sequence, slot) in slots.iter_mut().enumerate() {
        let Some(slot) = slot else { continue };
        let count = slot.waiting.len().min(room);
        let ends = count == slot.waiting.len();
        for (index, token) in slot.waiting.drain(..count).enumerate() {
            let wants_logits = ends && index + 1 == count;
            if wants_logits {
                slot.row = Some(batch.len());
            }
            batch.add(token, slot.position, sequence as i32, wants_logits)?;
            slot.position += 1;
        }
        room -= count;
    }
    Ok(())
}

impl Slot {
    fn new(
        model: &LlamaModel,
        constraints: &Constraints,
        asked: &BatchRequest,
        prepared: Prepared,
    ) -> Result<Slot, ModelError> {
        Ok(Slot {
            request: prepared.request,
            prompt_tokens: prepared.prompt.len(),
            waiting: prepared.prompt,
            position: 0,
            answer: Answer::new(model, constraints, &asked.options)?,
            row: None,
        })
    }
}
