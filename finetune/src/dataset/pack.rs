//! Packing: several short examples share one sequence of a step.
//!
//! Examples keep their borders (attention does not cross them), so packing changes how many examples a
//! step holds, not what they teach.

use super::Example;

/// Groups examples, by their indices, into sequences of at most `max_tokens` tokens.
///
/// First fit in the given `order`: each example goes into the first sequence that still has room, and is
/// never split. One that is longer than `max_tokens` gets a sequence of its own. The result depends on
/// nothing but the arguments; indices beyond `examples` are left out.
pub fn pack(examples: &[Example], order: &[usize], max_tokens: usize) -> Vec<Vec<usize>> {
    pack_by(|index| Some(examples.get(index)?.tokens.len()), order, max_tokens)
}

/// [`pack`] for examples that lie in several lists: `length` gives the tokens of an index, `None` beyond the last.
pub(crate) fn pack_by(length: impl Fn(usize) -> Option<usize>, order: &[usize], max_tokens: usize) -> Vec<Vec<usize>> {
    let lengths: Vec<(usize, usize)> = (order.iter()).filter_map(|&index| Some((index, length(index)?))).collect();
    let shortest = lengths.iter().map(|(_, length)| *length).min().unwrap_or(0);
    let mut sequences: Vec<Vec<usize>> = Vec::new();
    // Sequences that can still take the shortest example, with their room.
    let mut open: Vec<(usize, usize)> = Vec::new();
    for (index, length) in lengths {
        match open.iter().position(|(_, room)| *room >= length) {
            Some(position) => {
                sequences[open[position].0].push(index);
                open[position].1 -= length;
                if open[position].1 < shortest.max(1) {
                    open.remove(position);
                }
            }
            None => {
                let room = max_tokens.saturating_sub(length);
                if room >= shortest.max(1) {
                    open.push((sequences.len(), room));
                }
                sequences.push(vec![index]);
            }
        }
    }
    sequences
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn examples(lengths: &[usize]) -> Vec<Example> {
        (lengths.iter().enumerate())
            .map(|(index, &length)| Example { tokens: vec![0; length], trained: vec![true; length], row: index + 1 })
            .collect()
    }

    #[test]
    fn first_fit_fills_earlier_sequences() {
        let packed = pack(&examples(&[5, 6, 3, 2, 4]), &[0, 1, 2, 3, 4], 10);
        assert_eq!(packed, [vec![0, 2, 3], vec![1, 4]]);
    }

    #[test]
    fn long_example_stands_alone() {
        assert_eq!(pack(&examples(&[20, 1]), &[0, 1], 10), [vec![0], vec![1]]);
    }

    proptest! {
        #[test]
        fn packing_keeps_every_example_once_within_the_limit(
            lengths in prop::collection::vec(1usize..40, 0..60),
            limit in 1usize..64,
        ) {
            let examples = examples(&lengths);
            let order: Vec<usize> = (0..lengths.len()).rev().collect();
            let packed = pack(&examples, &order, limit);
            let mut seen: Vec<usize> = packed.iter().flatten().copied().collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
            for sequence in &packed {
                let total: usize = sequence.iter().map(|&index| lengths[index]).sum();
                prop_assert!(total <= limit || sequence.len() == 1);
            }
        }
    }
}
