//! Krippendorff's alpha: agreement of any number of raters, with missing ratings, for labels that are names,
//! ranks or measures.
//!
//! Source: K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011). Items with one rating say
//! nothing about agreement and are left out. With `o` the coincidences of pairs of labels within items, `n`
//! the totals of labels in them and `d` the squared difference of two labels,
//! `alpha = 1 - (n - 1) sum(o d) / sum(n_c n_k d)`.

use super::ratings::Ratings;
use super::{NOT_NUMBERS, Undefined};

/// What a difference between two labels means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Labels are names: two are equal or not.
    Nominal,
    /// Labels are ranks: what counts is how many ratings lie between two.
    Ordinal,
    /// Labels are measures: what counts is their difference.
    Interval,
}

/// Krippendorff's alpha. Ordinal and interval alpha are for labels that are numbers.
///
/// # Errors
/// No item with two ratings, one label only, or text labels for another level than nominal.
pub fn krippendorff_alpha(ratings: &Ratings, level: Level) -> Result<f64, Undefined> {
    let items: Vec<Vec<usize>> = (0..ratings.items.len())
        .filter(|&item| ratings.cells[item].len() >= 2)
        .map(|item| ratings.label_counts(item))
        .collect();
    if items.is_empty() {
        return Err(Undefined::new("no item has two ratings"));
    }
    let mut totals = vec![0.0; ratings.labels.len()];
    for counts in &items {
        totals.iter_mut().zip(counts).for_each(|(total, &count)| *total += count as f64);
    }
    if totals.iter().filter(|total| **total > 0.0).count() < 2 {
        return Err(Undefined::new("every rating is the same label"));
    }
    let scale = match level {
        Level::Nominal => None,
        Level::Ordinal => Some(middle_ranks(ratings, &totals)?),
        Level::Interval => Some(ratings.values.clone().ok_or_else(not_numbers)?),
    };
    let spread = |counts: &[f64]| match &scale {
        None => spread_of_names(counts),
        Some(values) => spread_of_values(counts, values),
    };
    let mut observed = 0.0;
    for counts in &items {
        let counts: Vec<f64> = counts.iter().map(|&count| count as f64).collect();
        observed += spread(&counts) / (counts.iter().sum::<f64>() - 1.0);
    }
    let all: f64 = totals.iter().sum();
    Ok(1.0 - (all - 1.0) * observed / spread(&totals))
}

fn not_numbers() -> Undefined {
    Undefined::new(NOT_NUMBERS)
}

/// Middle of the ranks that each label's ratings take when all ratings stand in order. The sum of the totals
/// from label `c` to `k` less half of both ends, as the paper writes it, is the difference of two of these.
fn middle_ranks(ratings: &Ratings, totals: &[f64]) -> Result<Vec<f64>, Undefined> {
    ratings.values.as_ref().ok_or_else(not_numbers)?;
    let mut before = 0.0;
    let middles = totals.iter().map(|total| {
        let middle = before + total / 2.0;
        before += total;
        middle
    });
    Ok(middles.collect())
}

/// Ordered pairs of ratings with different labels.
fn spread_of_names(counts: &[f64]) -> f64 {
    let all: f64 = counts.iter().sum();
    counts.iter().map(|count| count * (all - count)).sum()
}

/// Sum of squared differences over ordered pairs of ratings, `2 n sum(n_c (v_c - mean)^2)`.
fn spread_of_values(counts: &[f64], values: &[f64]) -> f64 {
    let all: f64 = counts.iter().sum();
    let mean = counts.iter().zip(values).map(|(count, value)| count * value).sum::<f64>() / all;
    let squares = counts.iter().zip(values).map(|(count, value)| count * (value - mean).powi(2));
    2.0 * all * squares.sum::<f64>()
}
