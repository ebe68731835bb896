//! How many rows of each dataset are trained, and what cannot be had.

use super::BuildArgs;
use super::apportion::{apportion, largest_total};
use super::report::Unfilled;
use super::split::SPLITS;
use crate::data::dataset::Dataset;
use crate::progress::count;

/// Training rows of each dataset, of those that are available; replay comes last.
///
/// # Errors
/// A share that its dataset cannot fill, with what can be had.
pub(super) fn counts(args: &BuildArgs, datasets: &[Dataset], available: &[usize]) -> anyhow::Result<Vec<usize>> {
    let own = args.datasets.len();
    // Without weights every dataset gives all it has, so its size is its weight.
    let mut weights: Vec<f64> = match &args.weights {
        Some(weights) => weights.clone(),
        None => available[..own].iter().map(|count| *count as f64).collect(),
    };
    let Some(rows) = args.rows else {
        let mut counts = match &args.weights {
            Some(weights) => apportion(largest_total(&available[..own], weights), weights),
            None => available[..own].to_vec(),
        };
        let fresh = counts.iter().sum();
        anyhow::ensure!(fresh > 0, "no training rows are left; give larger datasets or other shares");
        if args.replay.is_some() {
            counts.push(replayed(fresh, available[own], args.replay_share, &datasets[own])?);
        }
        return Ok(counts);
    };
    if args.replay.is_some() {
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight *= (1.0 - args.replay_share) / sum);
        weights.push(args.replay_share);
    }
    anyhow::ensure!(rows > 0, "no training rows are left; give larger datasets or other shares");
    let counts = apportion(rows, &weights);
    let short = counts.iter().zip(available).position(|(count, available)| count > available);
    if let Some(short) = short {
        anyhow::bail!(
            "{}: {} training rows are asked of it and it has {}; lower --rows to {} or its share",
            datasets[short].folder.display(),
            count(counts[short]),
            count(available[short]),
            count(largest_total(available, &weights))
        );
    }
    Ok(counts)
}

/// Replay rows that make this share beside all `fresh` ones, which are not cut for want of replay.
fn replayed(fresh: usize, available: usize, share: f64, replay: &Dataset) -> anyhow::Result<usize> {
    let needed = (fresh as f64 * share / (1.0 - share)).round() as usize;
    if needed > available {
        // Rounded down, so that the figure can be given as it stands.
        let possible = (1e4 * available as f64 / (fresh + available) as f64).floor() / 1e4;
        let instead = match possible > 0.0 {
            true => format!("lower --replay-share to {possible}"),
            false => "leave --replay out".to_owned(),
        };
        anyhow::bail!(
            "{}: a replay share of {share} takes {} rows beside {} fresh ones, and it has {} that no other dataset \
             has; {instead}, give a larger one, or say with --rows how many training rows you want in all",
            replay.folder.display(),
            count(needed),
            count(fresh),
            count(available)
        );
    }
    Ok(needed)
}

/// Splits that got less than half of the rows that `shares` ask for.
pub(super) fn unfilled(shares: &[f64], sides: impl Iterator<Item = usize>) -> Vec<Unfilled> {
    let mut found = [0; SPLITS.len()];
    sides.for_each(|side| found[side] += 1);
    let asked = apportion(found.iter().sum(), shares);
    let short = (0..SPLITS.len()).filter(|side| 2 * found[*side] < asked[*side]);
    short.map(|side| Unfilled { split: SPLITS[side], asked: asked[side], rows: found[side] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_that_got_less_than_half_is_named() {
        let shares = [0.8, 0.1, 0.1];
        let of = |counts: [usize; 3]| {
            let sides = counts.iter().enumerate().flat_map(|(side, count)| std::iter::repeat_n(side, *count));
            unfilled(&shares, sides).into_iter().map(|unfilled| (unfilled.split, unfilled.asked)).collect::<Vec<_>>()
        };
        assert_eq!(of([100, 0, 0]), [("validation", 10), ("test", 10)]);
        assert_eq!((of([83, 5, 12]), of([1, 0, 0])), (vec![], vec![]));
    }
}
