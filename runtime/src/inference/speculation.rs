//! Drafts from what was said before: where the latest tokens stood before, what followed them is tried again.
//!
//! A draft costs no model, only the computing of some tokens in the same step. The model's own choice at every place
//! decides what is taken, so the answer is the one without drafts, up to the rounding of larger steps. Whether the
//! extra work pays depends on the machine and on the text, so both are measured while the answer grows.

use std::collections::HashMap;
use std::time::Instant;

use llama_cpp_2::token::LlamaToken;

/// Tokens that must agree before a draft is made.
const AGREE: usize = 3;
/// Longest draft.
pub(super) const DRAFT_MAX: usize = 15;
/// First draft.
const DRAFT_FIRST: usize = 4;
/// Drafts after which they are judged.
const TRIALS: u32 = 3;
/// Tokens without drafts after they did not pay.
const PAUSE_TOKENS: usize = 64;
/// Weight of the latest measurement in a mean.
const WEIGHT: f64 = 0.3;

/// Whether drafts are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Speculation {
    /// Never.
    #[default]
    Off,
    /// Where they pay, by measurement.
    Auto,
    /// Always, for comparisons.
    Always,
}

/// Makes drafts for one answer.
pub(super) struct Drafter {
    mode: Speculation,
    /// What was said, with the prompt.
    history: Vec<LlamaToken>,
    /// For each run of [`AGREE`] tokens where the latest one ends.
    ends: HashMap<[i32; AGREE], usize>,
    length: usize,
    /// Seconds for a token without drafts, and with.
    plain: Option<f64>,
    drafted: Option<f64>,
    trials: u32,
    pause: usize,
    /// When the step began that is not judged yet.
    started: Option<Instant>,
    /// Tokens that were proposed, and taken.
    pub proposed: usize,
    pub accepted: usize,
}

impl Drafter {
    /// Drafts for an answer to this prompt.
    pub fn new(mode: Speculation, prompt: &[LlamaToken]) -> Drafter {
        let mut drafter = Drafter {
            mode,
            history: Vec::new(),
            ends: HashMap::new(),
            length: DRAFT_FIRST,
            plain: None,
            drafted: None,
            trials: 0,
            pause: 0,
            started: None,
            proposed: 0,
            accepted: 0,
        };
        if mode != Speculation::Off {
            prompt.iter().for_each(|token| drafter.said(*token));
        }
        drafter
    }

    /// Takes a token of the text.
    pub fn said(&mut self, token: LlamaToken) {
        if self.mode == Speculation::Off {
            return;
        }
        // The run that ends before this token has a follower only from here on.
        if let Some(run) = self.run() {
            self.ends.insert(run, self.history.len());
        }
        self.history.push(token);
        self.pause = self.pause.saturating_sub(1);
    }

    /// Tokens that may follow, at most `room`.
    pub fn draft(&self, room: usize) -> Vec<LlamaToken> {
        if self.mode == Speculation::Off || self.pause > 0 {
            return Vec::new();
        }
        // A first plain step tells what a token costs.
        if self.mode == Speculation::Auto && self.plain.is_none() {
            return Vec::new();
        }
        let Some(start) = self.run().and_then(|run| self.ends.get(&run)) else { return Vec::new() };
        // A text that repeats itself goes on from its own draft.
        self.history[*start..].iter().copied().cycle().take(self.length.min(room)).collect()
    }

    /// A step begins.
    pub fn start(&mut self) {
        self.started = Some(Instant::now());
    }

    /// The step that began last drafted `proposed` tokens, of which `accepted` were taken.
    pub fn judge(&mut self, proposed: usize, accepted: usize) {
        if self.mode != Speculation::Off
            && let Some(started) = self.started.take()
        {
            self.measured(proposed, accepted, started.elapsed().as_secs_f64());
        }
    }

    /// Learns from a step that drafted `proposed` tokens, of which `accepted` were taken.
    fn measured(&mut self, proposed: usize, accepted: usize, seconds: f64) {
        let mean = |old: Option<f64>, value: f64| Some(old.map_or(value, |old| old + WEIGHT * (value - old)));
        if proposed == 0 {
            self.plain = mean(self.plain, seconds);
            return;
        }
        self.proposed += proposed;
        self.accepted += accepted;
        self.length = match accepted {
            all if all == proposed => (2 * self.length).min(DRAFT_MAX),
            some => (some + 1).max(2),
        };
        self.drafted = mean(self.drafted, seconds / (accepted + 1) as f64);
        self.trials += 1;
        if self.mode == Speculation::Auto
            && self.trials >= TRIALS
            && let (Some(plain), Some(drafted)) = (self.plain, self.drafted)
            && drafted > plain
        {
            (self.pause, self.trials, self.drafted, self.length) = (PAUSE_TOKENS, 0, None, DRAFT_FIRST);
        }
    }

    /// The latest tokens.
    fn run(&self) -> Option<[i32; AGREE]> {
        let latest = self.history.last_chunk::<AGREE>()?;
        Some(latest.map(|token| token.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(ids: &[i32]) -> Vec<LlamaToken> {
        ids.iter().map(|id| LlamaToken::new(*id)).collect()
    }

    #[test]
    fn a_draft_is_what_followed_the_same_tokens_last_time() {
        let drafter = Drafter::new(Speculation::Always, &tokens(&[1, 2, 3, 9, 8, 1, 2, 3, 7, 6, 5, 1, 2, 3]));
        assert_eq!(drafter.draft(8), tokens(&[7, 6, 5, 1]));
        assert_eq!(drafter.draft(2), tokens(&[7, 6]));
        assert!(Drafter::new(Speculation::Always, &tokens(&[1, 2, 3, 4])).draft(8).is_empty());
        assert!(Drafter::new(Speculation::Always, &tokens(&[1, 2])).draft(8).is_empty());
        assert!(Drafter::new(Speculation::Off, &tokens(&[1, 2, 3, 1, 2, 3])).draft(8).is_empty());
    }

    #[test]
    fn drafts_grow_while_they_are_taken_and_pause_when_they_do_not_pay() {
        let mut drafter = Drafter::new(Speculation::Auto, &tokens(&[1; 40]));
        assert!(drafter.draft(15).is_empty(), "nothing is known of the cost yet");
        drafter.measured(0, 0, 1.0);
        assert_eq!(drafter.draft(15).len(), DRAFT_FIRST);
        drafter.measured(4, 4, 1.5);
        assert_eq!(drafter.length, 8);
        for _ in 0..TRIALS {
            drafter.measured(8, 0, 3.0);
        }
        assert!(drafter.draft(15).is_empty());
        tokens(&[1; PAUSE_TOKENS]).into_iter().for_each(|token| drafter.said(token));
        assert!(!drafter.draft(15).is_empty(), "the text may have changed");
        assert_eq!((drafter.proposed, drafter.accepted), (28, 4));
    }
}
