//! The rows of a run: one or more datasets with their shares, and rows that are held out to judge by.

use sha2::{Digest as _, Sha256};

use super::TrainError;
use crate::dataset::Example;

/// How much of the training tokens a dataset gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Share {
    /// Each row once an epoch.
    Once,
    /// In proportion to this weight among all weighted datasets.
    Weight(f64),
    /// This share of all tokens, from earlier or general rows, so that nothing is forgotten.
    Replay(f64),
}

/// One dataset of a run.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    /// What messages call it: its file name.
    pub name: String,
    /// Its rows.
    pub examples: &'a [Example],
    /// How much of it is seen.
    pub share: Share,
}

/// All rows of a run. Training rows are numbered over all sources, in their order.
#[derive(Debug, Clone)]
pub struct TrainingSet<'a> {
    sources: Vec<Source<'a>>,
    held_out: &'a [Example],
    examples: Vec<&'a Example>,
    /// Number of the first example of each source.
    firsts: Vec<usize>,
}

impl<'a> From<&'a [Example]> for TrainingSet<'a> {
    fn from(examples: &'a [Example]) -> Self {
        Self::new(vec![Source { name: String::new(), examples, share: Share::Once }], &[])
    }
}

impl<'a> From<&'a Vec<Example>> for TrainingSet<'a> {
    fn from(examples: &'a Vec<Example>) -> Self {
        Self::from(examples.as_slice())
    }
}

impl<'a, const N: usize> From<&'a [Example; N]> for TrainingSet<'a> {
    fn from(examples: &'a [Example; N]) -> Self {
        Self::from(examples.as_slice())
    }
}

impl<'a> From<&TrainingSet<'a>> for TrainingSet<'a> {
    fn from(set: &TrainingSet<'a>) -> Self {
        set.clone()
    }
}

impl<'a> TrainingSet<'a> {
    /// A set of these sources, judged on `held_out`, which may be empty.
    pub fn new(sources: Vec<Source<'a>>, held_out: &'a [Example]) -> Self {
        let firsts = sources
            .iter()
            .scan(0, |next, source| {
                let first = *next;
                *next += source.examples.len();
                Some(first)
            })
            .collect();
        let examples = sources.iter().flat_map(|source| source.examples).collect();
        Self { sources, held_out, examples, firsts }
    }

    /// The datasets.
    pub fn sources(&self) -> &[Source<'a>] {
        &self.sources
    }

    /// Rows that are never trained on.
    pub fn held_out(&self) -> &'a [Example] {
        self.held_out
    }

    /// Training rows of all sources.
    pub fn examples(&self) -> &[&'a Example] {
        &self.examples
    }

    /// Numbers of the examples of a source.
    pub(super) fn range(&self, source: usize) -> std::ops::Range<usize> {
        let first = self.firsts[source];
        first..first + self.sources[source].examples.len()
    }

    /// Rows by file and line, as an editor takes them; by line alone where there is one nameless source.
    pub(super) fn names(&self, examples: impl Iterator<Item = usize>) -> String {
        let name = |index: usize| {
            let source = self.firsts.partition_point(|&first| first <= index) - 1;
            let (name, row) = (&self.sources[source].name, self.examples[index].row);
            if name.is_empty() { row.to_string() } else { format!("{name}:{row}") }
        };
        examples.map(name).collect::<Vec<_>>().join(", ")
    }

    /// Checks shares and lengths.
    ///
    /// # Errors
    /// [`TrainError::NoExamples`], [`TrainError::RowTooLong`], or [`TrainError::BadOption`] for shares that
    /// cannot be.
    pub(super) fn check(&self, sequence_tokens: usize) -> Result<(), TrainError> {
        if self.examples.is_empty() {
            return Err(TrainError::NoExamples);
        }
        let too_long = |row: String, example: &Example| {
            let tokens = example.tokens.len();
            (tokens > sequence_tokens).then_some(TrainError::RowTooLong { row, tokens, limit: sequence_tokens })
        };
        let mut numbered = self.examples.iter().enumerate();
        let training = numbered.find_map(|(index, example)| too_long(self.names(std::iter::once(index)), example));
        let mut held_out = self.held_out.iter();
        let long = training.or_else(|| held_out.find_map(|row| too_long(format!("{} held out", row.row), row)));
        if let Some(error) = long {
            return Err(error);
        }
        let bad = |option, problem: String| Err(TrainError::BadOption { option, problem });
        let (mut weighted, mut once, mut replay) = (0, 0, 0.0);
        for source in &self.sources {
            if source.examples.is_empty() {
                return bad("--data", format!("{} has no rows to train on; add rows or leave it out", source.name));
            }
            match source.share {
                Share::Once => once += 1,
                Share::Weight(weight) if weight.is_finite() && weight > 0.0 => weighted += 1,
                Share::Weight(weight) => {
                    return bad("--data", format!("{}={weight}: a weight must be above 0", source.name));
                }
                Share::Replay(share) => replay = share,
            }
        }
        if weighted > 0 && once > 0 {
            return bad("--data", "gives a weight to some files only; give one to each, or to none".to_owned());
        }
        if weighted + once == 0 {
            return bad("--data", "names no rows besides the replay; add the rows to learn".to_owned());
        }
        if self.sources.iter().any(|source| matches!(source.share, Share::Replay(_))) && !(0.0..1.0).contains(&replay)
            || replay < 0.0
        {
            return bad("--replay-share", format!("is {replay}; it must be above 0 and below 1"));
        }
        Ok(())
    }

    /// SHA-256 over all tokens, targets and shares: two sets with the same value train the same way.
    pub(super) fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash_examples(&mut hash, self.examples.iter().copied());
        if self.sources.len() > 1 || !self.held_out.is_empty() {
            for source in &self.sources {
                hash.update((source.examples.len() as u64).to_le_bytes());
                let (kind, value) = match source.share {
                    Share::Once => (0u8, 0.0),
                    Share::Weight(weight) => (1, weight),
                    Share::Replay(share) => (2, share),
                };
                hash.update([kind]);
                hash.update(value.to_bits().to_le_bytes());
            }
            hash_examples(&mut hash, self.held_out.iter());
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn hash_examples<'a>(hash: &mut Sha256, examples: impl Iterator<Item = &'a Example>) {
    for example in examples {
        hash.update((example.tokens.len() as u64).to_le_bytes());
        example.tokens.iter().for_each(|token| hash.update(token.to_le_bytes()));
        example.trained.iter().for_each(|&trained| hash.update([u8::from(trained)]));
    }
}
