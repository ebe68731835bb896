//! Which rows each device batch holds: a pure function of data, options and seed.
//!
//! An optimizer step takes the next few device batches, never across the end of an epoch. Because nothing but
//! the position is state, a run resumed at batch n sees exactly the rows that the unbroken run would have
//! seen, and an adaptive batch changes how the rows are cut into steps but not which rows come.

use super::{TrainError, TrainOptions, TrainingSet, mixture::Mixture};
use crate::dataset::{Example, pack};

/// Most rows, each counted as often as it is seen, that a plan holds: about half a gigabyte at one row a batch. A
/// larger dataset may still be seen [`EPOCHS_ALWAYS`] times.
const ROWS_MAX: f64 = 1e7;
const EPOCHS_ALWAYS: f64 = 4.0;

/// All device batches of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Example numbers of each device batch.
    batches: Vec<Vec<usize>>,
    /// One past the last batch of each epoch.
    epoch_ends: Vec<usize>,
    /// Device batches in a step, before any adaption.
    accumulate: usize,
    steps: usize,
}

impl Plan {
    /// Plans a run.
    ///
    /// # Errors
    /// [`TrainError::NoExamples`], [`TrainError::RowTooLong`], or [`TrainError::BadOption`] for shares that
    /// cannot be and for more epochs than a plan has room for.
    pub fn new<'a>(set: impl Into<TrainingSet<'a>>, options: &TrainOptions) -> Result<Self, TrainError> {
        let set = set.into();
        set.check(options.sequence_tokens)?;
        let mut mixture = Mixture::new(&set, options);
        let accumulate = options.first_accumulate();
        let (mut batches, mut epoch_ends, mut steps) = (Vec::new(), Vec::new(), 0);
        for epoch in 0..options.epochs.ceil() as u64 {
            let order = mixture.next_epoch();
            let mut epoch_batches = cut(&set, &order, options);
            let fraction = (options.epochs - epoch as f64).min(1.0);
            let whole = epoch_batches.len().div_ceil(accumulate);
            if epoch == 0 {
                check_length(order.len(), whole, options)?;
            }
            let left = options.max_steps.map_or(usize::MAX, |most| most - steps);
            let kept = ((whole as f64 * fraction).ceil() as usize).max(1).min(left);
            epoch_batches.truncate(kept * accumulate);
            steps += kept;
            batches.extend(epoch_batches);
            epoch_ends.push(batches.len());
            if options.max_steps.is_some_and(|most| steps >= most) {
                break;
            }
        }
        Ok(Self { batches, epoch_ends, accumulate, steps })
    }

    /// Optimizer steps, where no adaptive batch changes their number.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// All device batches, each a list of example numbers.
    pub fn batches(&self) -> &[Vec<usize>] {
        &self.batches
    }

    /// Up to `count` device batches from `position` on, up to the end of the epoch.
    pub(super) fn step_at(&self, position: usize, count: usize) -> &[Vec<usize>] {
        let end = self.epoch_ends.iter().copied().find(|&end| end > position).unwrap_or(position);
        &self.batches[position..end.min(position + count)]
    }

    /// Batches that `steps` unadapted steps take.
    pub(super) fn position_after(&self, steps: usize) -> usize {
        (0..steps).fold(0, |position, _| position + self.step_at(position, self.accumulate).len())
    }

    /// The step, counted as if nothing were adapted, that begins at `position`: what the schedule goes by.
    pub(super) fn nominal_step(&self, position: usize) -> usize {
        let share = position as f64 / self.batches.len().max(1) as f64;
        ((share * self.steps as f64) as usize).min(self.steps)
    }

    /// Most tokens that one device batch holds.
    pub fn max_batch_tokens(&self, set: &TrainingSet<'_>) -> usize {
        self.batches.iter().map(|batch| tokens(set, batch)).max().unwrap_or(0)
    }

    /// Tokens of the whole run.
    pub fn tokens(&self, set: &TrainingSet<'_>) -> usize {
        self.batches.iter().map(|batch| tokens(set, batch)).sum()
    }
}

/// Refuses a run that sees too many rows, given those and the steps of its first epoch.
fn check_length(rows: usize, steps: usize, options: &TrainOptions) -> Result<(), TrainError> {
    let limited = options.max_steps.map_or(f64::INFINITY, |most| (most as f64 / steps.max(1) as f64).ceil());
    let epochs = options.epochs.min(limited);
    if rows as f64 * epochs <= ROWS_MAX || epochs <= EPOCHS_ALWAYS {
        return Ok(());
    }
    let most = (ROWS_MAX / rows as f64).floor().max(EPOCHS_ALWAYS);
    Err(TrainError::BadOption {
        option: "--epochs",
        problem: format!(
            "asks for {:.1e} steps over {rows} rows, more than can be planned; give {most:.0} epochs at most, or limit \
             the run with --max-steps",
            steps as f64 * epochs
        ),
    })
}

fn tokens(set: &TrainingSet<'_>, batch: &[usize]) -> usize {
    batch.iter().map(|&i| set.examples()[i].tokens.len()).sum()
}

/// Sequences of at most the sequence length, several to a device batch.
fn cut(set: &TrainingSet<'_>, order: &[usize], options: &TrainOptions) -> Vec<Vec<usize>> {
    let sequences = if options.pack {
        let lengths = |index: usize| set.examples().get(index).map(|example: &&Example| example.tokens.len());
        pack::pack_by(lengths, order, options.sequence_tokens)
    } else {
        order.iter().map(|&example| vec![example]).collect()
    };
    sequences.chunks(options.batch).map(<[Vec<usize>]>::concat).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{Share, Source};

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

    fn source<'a>(name: &str, examples: &'a [Example], share: Share) -> Source<'a> {
        Source { name: name.to_owned(), examples, share }
    }

    /// Tokens that the plan gives from each of two sources, the first of which holds `first` examples.
    fn given(set: &TrainingSet<'_>, plan: &Plan, first: usize) -> (usize, usize) {
        let mut given = (0, 0);
        for &example in plan.batches().iter().flatten() {
            let tokens = set.examples()[example].tokens.len();
            if example < first { given.0 += tokens } else { given.1 += tokens }
        }
        given
    }

    #[test]
    fn every_row_is_seen_once_an_epoch() {
        let examples = examples(&[3, 4, 5, 6, 7, 2, 9]);
        let plan = Plan::new(&examples, &options()).unwrap();
        let mut seen = vec![0; examples.len()];
        plan.batches().iter().flatten().for_each(|&i| seen[i] += 1);
        assert_eq!(seen, vec![2; examples.len()]);
    }

    #[test]
    fn no_batch_exceeds_sequences_times_tokens() {
        let examples = examples(&[3, 4, 5, 6, 7, 2, 9, 1, 1, 8]);
        let plan = Plan::new(&examples, &TrainOptions { batch: 2, ..options() }).unwrap();
        assert!(plan.max_batch_tokens(&TrainingSet::from(&examples)) <= 20);
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
        assert_eq!((plan.steps(), plan.batches().len()), (5, 5));
    }

    #[test]
    fn more_epochs_than_can_be_planned_are_refused_at_once_unless_the_steps_are_limited() {
        let examples = examples(&[9; 20]);
        let asked = |epochs: f64, max_steps| Plan::new(&examples, &TrainOptions { epochs, max_steps, ..options() });
        let text = asked(1e6, None).unwrap_err().to_string();
        assert!(text.contains("--epochs asks for 2.0e7 steps") && text.contains("give 500000 epochs"), "{text}");
        assert_eq!(asked(1e6, Some(50)).unwrap().steps(), 50);
    }

    #[test]
    fn steps_never_cross_the_end_of_an_epoch() {
        let plan = Plan::new(&examples(&[9; 5]), &TrainOptions { accumulate: 2, ..options() }).unwrap();
        assert_eq!(plan.steps(), 6);
        let lengths: Vec<usize> = [0, 2, 4, 5, 7, 9].map(|position| plan.step_at(position, 2).len()).to_vec();
        assert_eq!(lengths, [2, 2, 1, 2, 2, 1]);
        assert_eq!(plan.position_after(4), 7);
    }

    #[test]
    fn weights_are_shares_of_tokens_whatever_the_sizes_of_files_and_rows() {
        let (few, many) = (examples(&[9; 20]), examples(&[3, 5, 2, 7, 4, 6].repeat(100)));
        let sources = vec![source("few", &few, Share::Weight(3.0)), source("many", &many, Share::Weight(1.0))];
        let set = TrainingSet::new(sources, &[]);
        let plan = Plan::new(&set, &TrainOptions { epochs: 3.0, ..options() }).unwrap();
        let (first, second) = given(&set, &plan, 20);
        let share = first as f64 / (first + second) as f64;
        assert!((share - 0.75).abs() < 0.005, "{share}");
        let held: usize = set.examples().iter().map(|example| example.tokens.len()).sum();
        assert!((first + second).abs_diff(3 * held) <= 3 * 9, "an epoch has as many tokens as the files");
    }

    #[test]
    fn replay_adds_its_share_and_every_row_to_learn_is_still_seen_once_an_epoch() {
        let (new, old) = (examples(&[5; 40]), examples(&[4; 300]));
        let sources = vec![source("new", &new, Share::Once), source("old", &old, Share::Replay(0.2))];
        let set = TrainingSet::new(sources, &[]);
        let plan = Plan::new(&set, &options()).unwrap();
        let mut seen = vec![0; 340];
        plan.batches().iter().flatten().for_each(|&i| seen[i] += 1);
        assert!(seen[..40].iter().all(|&times| times == 2), "{seen:?}");
        let (first, second) = given(&set, &plan, 40);
        let share = second as f64 / (first + second) as f64;
        assert!((share - 0.2).abs() < 0.01, "{share}");
        assert!(seen[40..].iter().all(|&times| times <= 1), "rows of the replay differ from epoch to epoch");
    }

    #[test]
    fn shares_that_cannot_be_are_refused_by_file() {
        let rows = examples(&[5; 4]);
        let check = |shares: [Share; 2]| {
            let sources = vec![source("a.jsonl", &rows, shares[0]), source("b.jsonl", &rows, shares[1])];
            Plan::new(TrainingSet::new(sources, &[]), &options()).unwrap_err().to_string()
        };
        assert!(check([Share::Weight(0.0), Share::Weight(1.0)]).contains("a.jsonl=0"));
        assert!(check([Share::Once, Share::Weight(1.0)]).contains("some files only"));
        assert!(check([Share::Once, Share::Replay(1.0)]).contains("--replay-share"));
        assert!(check([Share::Replay(0.5), Share::Replay(0.5)]).contains("besides the replay"));
    }
}
