//! What the model is told before a question: the earlier turns of its session, as many as there is room for.

use super::Assistant;
use crate::error::RuntimeError;
use crate::inference::{Inference, Message};
use crate::journal::Context;
use crate::turn::SessionId;

impl Assistant {
    /// The latest turns of `session` that leave room for the question and an answer of `max_tokens`.
    ///
    /// # Errors
    /// An unknown session, an unreadable journal, a template that refuses the question.
    pub(super) fn context_of(
        &self,
        session: Option<SessionId>,
        question: &str,
        max_tokens: usize,
        inference: &Inference,
    ) -> Result<Context, RuntimeError> {
        let Some(session) = session else { return Ok(Context::default()) };
        let turns = self.journal().session(session)?;
        let alone = inference.prompt_tokens(question)?.len();
        let room = (inference.info().context_tokens as usize).saturating_sub(alone.saturating_add(max_tokens));
        Ok(Context::fitted(&turns, room, |asked, answer| {
            let messages = conversation(&[(asked.to_owned(), answer.to_owned())], question);
            // An exchange that the template refuses has no room.
            inference.chat_tokens(&messages, &[]).map_or(usize::MAX, |tokens| tokens.len().saturating_sub(alone))
        }))
    }
}

/// The messages of a conversation that ends with `question`.
pub(super) fn conversation(exchanges: &[(String, String)], question: &str) -> Vec<Message> {
    let earlier = exchanges
        .iter()
        .flat_map(|(asked, answer)| [Message::new("user", asked.trim()), Message::new("assistant", answer.trim())]);
    earlier.chain([Message::new("user", question)]).collect()
}
