//! The tokens that an answer cost, as OpenAI counts them.

use serde_json::{Value, json};

use crate::serve::task::Finished;

/// Sums over the choices of a request.
#[derive(Debug, Default)]
pub struct Usage {
    prompt: usize,
    cached: usize,
    completion: usize,
}

impl Usage {
    /// Adds a choice. A prompt that several choices share counts once: with the choice that begins it.
    pub fn add(&mut self, finished: &Finished, begins_prompt: bool) {
        if begins_prompt {
            self.prompt += finished.prompt_tokens;
            self.cached += finished.cached_tokens;
        }
        self.completion += finished.completion_tokens;
    }

    /// The field `usage`.
    pub fn json(&self) -> Value {
        json!({
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": { "cached_tokens": self.cached },
        })
    }
}
