//! The order of rows over epochs: a shuffle of one dataset, or several mixed by their shares.
//!
//! Shares count tokens, targets or not, before packing: at every point of the order the tokens given by each
//! dataset are as its weight says, to within one row. A dataset whose rows are used up starts again in a new
//! order; one that is not used up goes on where it was in the next epoch. An epoch ends when the datasets
//! (without replay) have given as many tokens as they hold together.

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha12Rng;

use super::{TrainOptions, TrainingSet, training_set::Share};

/// One dataset, or several that are shuffled together.
struct Group {
    examples: Vec<usize>,
    /// Share of all tokens.
    share: f64,
    replay: bool,
    /// Order of the pass that is under way, and how much of it is given.
    order: Vec<usize>,
    given: usize,
    passes: u64,
    tokens: u64,
}

/// Deals rows to epochs.
pub(super) struct Mixture<'s, 'a> {
    set: &'s TrainingSet<'a>,
    groups: Vec<Group>,
    /// Tokens that end an epoch.
    epoch_tokens: u64,
    seed: u64,
    shuffle: bool,
}

impl<'s, 'a> Mixture<'s, 'a> {
    pub fn new(set: &'s TrainingSet<'a>, options: &TrainOptions) -> Self {
        let (mut once, mut replayed, mut weighted, mut replay_share) = (Vec::new(), Vec::new(), Vec::new(), 0.0);
        for (number, source) in set.sources().iter().enumerate() {
            match source.share {
                Share::Once => once.extend(set.range(number)),
                Share::Weight(weight) => weighted.push((set.range(number).collect(), weight)),
                Share::Replay(share) => {
                    replayed.extend(set.range(number));
                    replay_share = share;
                }
            }
        }
        if !once.is_empty() {
            weighted.push((once, 1.0));
        }
        let all: f64 = weighted.iter().map(|(_, weight)| weight).sum();
        let mut groups: Vec<Group> = (weighted.into_iter())
            .map(|(examples, weight)| Group::new(examples, (1.0 - replay_share) * weight / all, false))
            .collect();
        let tokens = |examples: &[usize]| examples.iter().map(|&i| set.examples()[i].tokens.len() as u64).sum::<u64>();
        let epoch_tokens = groups.iter().map(|group| tokens(&group.examples)).sum();
        if !replayed.is_empty() {
            groups.push(Group::new(replayed, replay_share, true));
        }
        Self { set, groups, epoch_tokens, seed: options.seed, shuffle: options.shuffle }
    }

    /// Rows of the next epoch, in order.
    pub fn next_epoch(&mut self) -> Vec<usize> {
        let mut order = Vec::new();
        let mut tokens = 0;
        while tokens < self.epoch_tokens {
            // The group that is furthest behind its share.
            let behind = |group: &Group| group.tokens as f64 / group.share;
            let next = (0..self.groups.len())
                .min_by(|&a, &b| behind(&self.groups[a]).total_cmp(&behind(&self.groups[b])))
                .unwrap_or(0);
            let example = self.groups[next].deal(next as u64, self.seed, self.shuffle);
            let length = self.set.examples()[example].tokens.len() as u64;
            self.groups[next].tokens += length;
            tokens += if self.groups[next].replay { 0 } else { length };
            order.push(example);
        }
        order
    }
}

impl Group {
    fn new(examples: Vec<usize>, share: f64, replay: bool) -> Self {
        Self { examples, share, replay, order: Vec::new(), given: 0, passes: 0, tokens: 0 }
    }

    /// The next example; a used-up pass is followed by one in another order.
    fn deal(&mut self, number: u64, seed: u64, shuffle: bool) -> usize {
        if self.given == self.order.len() {
            self.order.clone_from(&self.examples);
            if shuffle {
                let mut random = ChaCha12Rng::seed_from_u64(seed);
                // Streams from 2^32 on are far from those of the initial factors.
                random.set_stream((number << 40) + (1 << 32) + self.passes);
                self.order.shuffle(&mut random);
            }
            self.passes += 1;
            self.given = 0;
        }
        self.given += 1;
        self.order[self.given - 1]
    }
}
