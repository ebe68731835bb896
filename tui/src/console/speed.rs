//! How fast an answer grows. A token is one piece of text; pieces that wait for the rest of a
//! character count with it, so the figure is low by at most these.

use std::time::{Duration, Instant};

use halligan_runtime::Turn;

/// Shortest time between two figures: each one costs bytes on a slow line.
const INTERVAL: Duration = Duration::from_secs(1);

/// Counts tokens against the time since the first one, so that reading the prompt is left out.
#[derive(Debug, Default)]
pub struct Speedometer {
    first: Option<Instant>,
    said: Option<Instant>,
    latest: Option<Instant>,
    tokens: u32,
}

impl Speedometer {
    /// Takes a token that came at `now`; a figure when it is time for one.
    pub fn token(&mut self, now: Instant) -> Option<f32> {
        let first = *self.first.get_or_insert(now);
        self.latest = Some(now);
        self.tokens += 1;
        if now.duration_since(self.said.unwrap_or(first)) < INTERVAL {
            return None;
        }
        self.said = Some(now);
        self.mean()
    }

    /// Tokens per second so far; `None` before the second token.
    pub fn mean(&self) -> Option<f32> {
        let seconds = self.latest?.duration_since(self.first?).as_secs_f32();
        (self.tokens > 1 && seconds > 0.0).then(|| (self.tokens - 1) as f32 / seconds)
    }
}

/// Speed of a complete turn, for answers whose pieces were not seen one by one; the time before the first token is in it.
pub fn speed_of(turn: &Turn) -> Option<f32> {
    (turn.tokens > 0 && turn.seconds > 0.0).then(|| turn.tokens as f32 / turn.seconds as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_token_starts_the_clock() {
        let start = Instant::now();
        let mut speedometer = Speedometer::default();
        assert_eq!((speedometer.token(start), speedometer.mean()), (None, None));
        assert_eq!(speedometer.token(start + Duration::from_millis(500)), None);
        assert_eq!(speedometer.token(start + Duration::from_secs(1)), Some(2.0));
        assert_eq!(speedometer.token(start + Duration::from_millis(1500)), None);
        assert_eq!(speedometer.mean(), Some(2.0));
    }
}
