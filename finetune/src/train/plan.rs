//! Which rows each optimizer step sees: a pure function of data, options and seed.
//!
//! Because nothing but the step number is state, a run resumed at step n sees exactly the rows that the
//! unbroken run would have seen.

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha12Rng;

use super::{TrainError, TrainOptions};
use crate::dataset::{Example, pack};

/// Device batches of one optimizer step, each a list of example numbers.
pub type StepPlan = Vec<Vec<usize>>;

/// All steps of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// One entry an optimizer step.
    pub steps: Vec<StepPlan>,
}

impl Plan {
    /// Plans a run.
    ///
    /// # Errors
    /// [`TrainError::NoExamples`] or [`TrainError::RowTooLong`].
    pub fn new(examples: &[Example], options: &TrainOptions) -> Result<Self, TrainError> {
        if examples.is_empty() {
            return Err(TrainError::NoExamples);
        }
        let limit = options.sequence_tokens;
        if let Some(long) = examples.iter().find(|example| example.tokens.len() > limit) {
            return Err(TrainError::RowTooLong { row: long.row, tokens: long.tokens.len(), limit });
        }
        let whole_epochs = options.epochs.ceil() as u64;
        let mut steps = Vec::new();
        for epoch in 0..whole_epochs {
            let mut epoch_steps = epoch_steps(examples, options, epoch);
            let fraction = (options.epochs - epoch as f64).min(1.0);
            let kept = (epoch_steps.len() as f64 * fraction).ceil() as usize;
            epoch_steps.truncate(kept.max(1));
            steps.extend(epoch_steps);
            if options.max_steps.is_some_and(|limit| steps.len() >= limit) {
                break;
            }
        }
        steps.truncate(options.max_steps.unwrap_or(usize::MAX));
        Ok(Self { steps })
    }

    /// Most tokens that one device batch holds.
    pub fn max_batch_tokens(&self, examples: &[Example]) -> usize {
        let tokens = |batch: &Vec<usize>| batch.iter().map(|&i| examples[i].tokens.len()).sum();
        self.steps.iter().flatten().map(tokens).max().unwrap_or(0)
    }
}

fn epoch_steps(examples: &[Example], options: &TrainOptions, epoch: u64) -> Vec<StepPlan> {
    let mut order: Vec<usize> = (0..examples.len()).collect();
    if options.shuffle {
        let mut random = ChaCha12Rng::seed_from_u64(options.seed);
        // Streams from 2^32 on are far from those of the initial factors.
        random.set_stream((1 << 32) + epoch);
        order.shuffle(&mut random);
    }
    let sequences = if options.pack {
        pack(examples, &order, options.sequence_tokens)
    } else {
        order.into_iter().map(|example| vec![example]).collect()
    };
    let batches: Vec<Vec<usize>> = sequences.chunks(options.batch).map(<[Vec<usize>]>::concat).collect();
    batches.chunks(options.accumulate).map(<[Vec<usize>]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples(lengths: &[usize]) -> Vec<Example> {
        let example = |(row, &length): (usize, &usize)| Example {
            tokens: vec![1; length],
            trained: vec![true; length],
            row: row + 1,
        };
        lengths.iter().enumerate().map(example).collect()
    }

    fn options() -> TrainOptions {
        TrainOptions { sequence_tokens: 10, epochs: 2.0, ..TrainOptions::default() }
    }

    #[test]
    fn every_row_is_seen_once_an_epoch() {
        let examples = examples(&[3, 4, 5, 6, 7, 2, 9]);
        let plan = Plan::new(&examples, &options()).unwrap();
        let mut seen = vec![0; examples.len()];
        plan.steps.iter().flatten().flatten().for_each(|&i| seen[i] += 1);
        assert_eq!(seen, vec![2; examples.len()]);
    }

    #[test]
    fn no_batch_exceeds_sequences_times_tokens() {
        let examples = examples(&[3, 4, 5, 6, 7, 2, 9, 1, 1, 8]);
        let plan = Plan::new(&examples, &TrainOptions { batch: 2, ..options() }).unwrap();
        assert!(plan.max_batch_tokens(&examples) <= 20);
    }

    #[test]
    fn same_seed_gives_the_same_plan_and_another_seed_another() {
        let examples = examples(&[3; 50]);
        let plan = |seed| Plan::new(&examples, &TrainOptions { seed, ..options() }).unwrap();
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
    }

    #[test]
    fn row_longer_than_a_sequence_is_refused_by_line() {
        let error = Plan::new(&examples(&[3, 11]), &options()).unwrap_err();
        assert!(error.to_string().contains("row 2 has 11 tokens"), "{error}");
    }

    #[test]
    fn max_steps_cuts_the_run() {
        let plan = Plan::new(&examples(&[9; 20]), &TrainOptions { max_steps: Some(5), ..options() }).unwrap();
        assert_eq!(plan.steps.len(), 5);
    }
}
