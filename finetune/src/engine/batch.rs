//! Samples packed into one run of rows, each attending only to itself.

use crate::dataset::Example;

/// A batch: the rows of several samples one after the other.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Token of each row.
    pub tokens: Vec<u32>,
    /// Position of each row in its sample, from 0.
    pub positions: Vec<u32>,
    /// First row of the sample that a row belongs to.
    pub starts: Vec<u32>,
    /// One past the last row of that sample.
    pub ends: Vec<u32>,
    /// Rows whose next token is a training target.
    pub loss_rows: Vec<u32>,
    /// The next token of each of `loss_rows`.
    pub targets: Vec<u32>,
}

impl Batch {
    /// Packs samples.
    pub fn of<'a>(examples: impl IntoIterator<Item = &'a Example>) -> Self {
        let mut batch = Self::default();
        for example in examples {
            batch.push(&example.tokens, |next| example.trained[next]);
        }
        batch
    }

    /// One sample of which every token after the first is a target.
    pub fn of_tokens(tokens: &[u32]) -> Self {
        let mut batch = Self::default();
        batch.push(tokens, |_| true);
        batch
    }

    fn push(&mut self, tokens: &[u32], trained: impl Fn(usize) -> bool) {
        let start = self.tokens.len() as u32;
        let end = start + tokens.len() as u32;
        for (position, &token) in tokens.iter().enumerate() {
            self.tokens.push(token);
            self.positions.push(position as u32);
            self.starts.push(start);
            self.ends.push(end);
            let next = position + 1;
            if next < tokens.len() && trained(next) {
                self.loss_rows.push(start + position as u32);
                self.targets.push(tokens[next]);
            }
        }
    }

    /// Number of rows (tokens).
    pub fn rows(&self) -> usize {
        self.tokens.len()
    }
}
