//! Kappa: agreement of raters beyond what their label counts would give by chance.
//!
//! Cohen's kappa (J. Cohen, 1960; weighted, 1968) is for two raters, Fleiss' (J. L. Fleiss, 1971) and
//! Randolph's (J. J. Randolph, 2005) for a fixed number of ratings per item. All are 1 for full agreement, 0
//! for agreement by chance, and negative below that.

use std::collections::{BTreeMap, BTreeSet};

use super::Undefined;
use super::ratings::Ratings;

/// How much a disagreement between two labels counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Every disagreement the same.
    None,
    /// By the distance of the labels' places in the order of the labels that this pair used.
    Linear,
    /// By the square of that distance.
    Quadratic,
}

/// Two raters and the items that both rated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The first rater.
    pub first: usize,
    /// The second rater.
    pub second: usize,
    /// How often the first gave one label and the second another: counts by (label, label).
    pub confusion: BTreeMap<(usize, usize), usize>,
}

impl Pair {
    /// Items that both rated.
    pub fn items(&self) -> usize {
        self.confusion.values().sum()
    }

    /// Cohen's kappa: `1 - sum(w o) / sum(w e)` over all pairs of labels, with the observed counts `o`, the
    /// counts `e` that the raters' own totals would give by chance, and disagreement weights `w`.
    ///
    /// # Errors
    /// No common item, or no disagreement possible because both gave the same one label throughout.
    pub fn cohen_kappa(&self, weights: Weights) -> Result<f64, Undefined> {
        let items = self.items();
        if items == 0 {
            return Err(Undefined::new("the two raters have no item in common"));
        }
        let used: BTreeSet<usize> = self.confusion.keys().flat_map(|&(first, second)| [first, second]).collect();
        let place: BTreeMap<usize, usize> = used.iter().enumerate().map(|(place, &label)| (label, place)).collect();
        let (mut first_totals, mut second_totals) = (vec![0.0; used.len()], vec![0.0; used.len()]);
        let mut observed = 0.0;
        for ((first, second), &count) in &self.confusion {
            let (first, second) = (place[first], place[second]);
            observed += weight(weights, first, second) * count as f64;
            first_totals[first] += count as f64;
            second_totals[second] += count as f64;
        }
        let mut expected = 0.0;
        for (first, first_total) in first_totals.iter().enumerate() {
            for (second, second_total) in second_totals.iter().enumerate() {
                expected += weight(weights, first, second) * first_total * second_total;
            }
        }
        if expected == 0.0 {
            return Err(Undefined::new("both raters gave one and the same label to every item"));
        }
        Ok(1.0 - observed * items as f64 / expected)
    }
}

fn weight(weights: Weights, first: usize, second: usize) -> f64 {
    let distance = first.abs_diff(second) as f64;
    match weights {
        Weights::None => f64::from(u8::from(first != second)),
        Weights::Linear => distance,
        Weights::Quadratic => distance * distance,
    }
}

/// All pairs of raters, also those without a common item.
pub fn pairs(ratings: &Ratings) -> Vec<Pair> {
    let raters = ratings.raters.len();
    let mut confusions: BTreeMap<(usize, usize), BTreeMap<(usize, usize), usize>> = BTreeMap::new();
    for cells in &ratings.cells {
        for (at, &(first, first_label)) in cells.iter().enumerate() {
            for &(second, second_label) in &cells[at + 1..] {
                let confusion = confusions.entry((first, second)).or_default();
                *confusion.entry((first_label, second_label)).or_default() += 1;
            }
        }
    }
    let all = (0..raters).flat_map(|first| (first + 1..raters).map(move |second| (first, second)));
    all.map(|(first, second)| Pair {
        first,
        second,
        confusion: confusions.remove(&(first, second)).unwrap_or_default(),
    })
    .collect()
}

/// Mean of Cohen's kappa over the pairs of raters for which it is defined.
///
/// # Errors
/// Fewer than two raters, or no such pair.
pub fn cohen_kappa_mean(pairs: &[Pair], weights: Weights) -> Result<f64, Undefined> {
    let mut reason = Undefined::new("there are fewer than two raters");
    let mut kappas = Vec::new();
    for pair in pairs {
        match pair.cohen_kappa(weights) {
            Ok(kappa) => kappas.push(kappa),
            Err(undefined) => reason = undefined,
        }
    }
    if kappas.is_empty() {
        return Err(reason);
    }
    Ok(kappas.iter().sum::<f64>() / kappas.len() as f64)
}

/// How often raters agree, item by item, and how often they would by chance.
struct Concordance {
    observed: f64,
    /// Share of each label among all ratings.
    shares: Vec<f64>,
}

fn concordance(ratings: &Ratings) -> Result<Concordance, Undefined> {
    let per_item = ratings.cells.first().map_or(0, Vec::len);
    let (fewest, most) =
        ratings.cells.iter().fold((per_item, per_item), |(low, high), row| (low.min(row.len()), high.max(row.len())));
    if most < 2 {
        return Err(Undefined::new("no item has two ratings"));
    }
    if fewest != most {
        let reason = format!("items have {fewest} to {most} ratings and it needs the same number for each");
        return Err(Undefined::new(reason));
    }
    let (items, n) = (ratings.items.len() as f64, most as f64);
    let mut totals = vec![0.0; ratings.labels.len()];
    let mut observed = 0.0;
    for item in 0..ratings.items.len() {
        let mut agreeing = 0.0;
        for (total, count) in totals.iter_mut().zip(ratings.label_counts(item)) {
            let count = count as f64;
            *total += count;
            agreeing += count * (count - 1.0);
        }
        observed += agreeing / (n * (n - 1.0));
    }
    Ok(Concordance { observed: observed / items, shares: totals.iter().map(|total| total / (items * n)).collect() })
}

fn beyond_chance(observed: f64, chance: f64, labels: usize) -> Result<f64, Undefined> {
    if labels < 2 {
        return Err(Undefined::new("every rating is the same label"));
    }
    Ok((observed - chance) / (1.0 - chance))
}

/// Fleiss' kappa: chance agreement from the labels' shares among all ratings.
///
/// # Errors
/// Items with different numbers of ratings or with fewer than two, or one label only.
pub fn fleiss_kappa(ratings: &Ratings) -> Result<f64, Undefined> {
    let Concordance { observed, shares } = concordance(ratings)?;
    beyond_chance(observed, shares.iter().map(|share| share * share).sum(), ratings.labels.len())
}

/// Randolph's kappa: as Fleiss', with all used labels equally likely by chance.
///
/// # Errors
/// As [`fleiss_kappa`].
pub fn randolph_kappa(ratings: &Ratings) -> Result<f64, Undefined> {
    let Concordance { observed, shares } = concordance(ratings)?;
    beyond_chance(observed, 1.0 / shares.len() as f64, ratings.labels.len())
}
