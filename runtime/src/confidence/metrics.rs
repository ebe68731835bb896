//! How well stated probabilities agree with what turned out right.
//!
//! Three conventions of the expected calibration error are in use and give different figures on the same answers, so
//! each has a name here. A confidence is a number from 0 to 1, and an answer is right or wrong.

use serde::{Deserialize, Serialize};

/// One answer whose truth is known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Stated probability of being right, 0 to 1.
    pub confidence: f64,
    /// Whether it is right.
    pub right: bool,
}

/// How answers are divided into bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Binning {
    /// Equal width, `(low, high]`, as in Guo et al. 2017 and scikit-learn's `calibration_curve`; 0 is in the first bin.
    WidthHighClosed,
    /// Equal width, `[low, high)`, as NumPy's `histogram` and netcal; 1 is in the last bin.
    WidthLowClosed,
    /// Equal numbers of answers, in order of confidence (the first bins hold one more where they cannot be equal).
    EqualMass,
}

/// The answers of one bin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Answers in it.
    pub count: usize,
    /// Mean confidence of these answers.
    pub confidence: f64,
    /// Share of right ones.
    pub accuracy: f64,
}

impl Bin {
    /// Distance between what was said and what was so.
    pub fn gap(&self) -> f64 {
        (self.accuracy - self.confidence).abs()
    }
}

/// Bins that are used where nobody asks for another number.
pub const BINS: usize = 10;

/// The bins that hold answers, in order of confidence.
///
/// # Panics
/// Never; zero bins count as one.
pub fn bins(judged: &[Judged], count: usize, binning: Binning) -> Vec<Bin> {
    let count = count.max(1);
    let mut groups: Vec<Vec<Judged>> = vec![Vec::new(); count];
    match binning {
        Binning::EqualMass => {
            let mut sorted = judged.to_vec();
            sorted.sort_by(|a, b| a.confidence.total_cmp(&b.confidence));
            let (each, more) = (sorted.len() / count, sorted.len() % count);
            let mut rest = sorted.as_slice();
            for (index, group) in groups.iter_mut().enumerate() {
                let (taken, left) = rest.split_at(each + usize::from(index < more));
                group.extend_from_slice(taken);
                rest = left;
            }
        }
        Binning::WidthHighClosed | Binning::WidthLowClosed => {
            let width = 1.0 / count as f64;
            let edges: Vec<f64> = (1..count).map(|index| index as f64 * width).collect();
            for answer in judged {
                let below = |edge: &f64| match binning {
                    Binning::WidthLowClosed => *edge <= answer.confidence,
                    _ => *edge < answer.confidence,
                };
                groups[edges.partition_point(below)].push(*answer);
            }
        }
    }
    groups.iter().filter(|group| !group.is_empty()).map(|group| bin_of(group)).collect()
}

fn bin_of(group: &[Judged]) -> Bin {
    let count = group.len() as f64;
    Bin {
        count: group.len(),
        confidence: group.iter().map(|answer| answer.confidence).sum::<f64>() / count,
        accuracy: group.iter().filter(|answer| answer.right).count() as f64 / count,
    }
}

/// Expected calibration error: gaps weighted by the answers in each bin. 0 without answers.
pub fn expected_calibration_error(judged: &[Judged], count: usize, binning: Binning) -> f64 {
    let weighted = bins(judged, count, binning).iter().map(|bin| bin.count as f64 * bin.gap()).sum::<f64>();
    if judged.is_empty() { 0.0 } else { weighted / judged.len() as f64 }
}

/// Maximum calibration error: the largest gap of a bin.
pub fn maximum_calibration_error(judged: &[Judged], count: usize, binning: Binning) -> f64 {
    bins(judged, count, binning).iter().map(Bin::gap).fold(0.0, f64::max)
}

/// Adaptive calibration error (Nixon et al. 2019): the plain mean of the gaps of bins of equal mass.
pub fn adaptive_calibration_error(judged: &[Judged], count: usize) -> f64 {
    let bins = bins(judged, count, Binning::EqualMass);
    if bins.is_empty() { 0.0 } else { bins.iter().map(Bin::gap).sum::<f64>() / bins.len() as f64 }
}

/// Brier score: mean squared distance between confidence and truth (1 for right).
pub fn brier_score(judged: &[Judged]) -> f64 {
    mean(judged, |answer| (answer.confidence - f64::from(u8::from(answer.right))).powi(2))
}

/// Mean negative log-likelihood in nats. Confidences are kept one machine epsilon from 0 and 1, as in scikit-learn.
pub fn negative_log_likelihood(judged: &[Judged]) -> f64 {
    mean(judged, |answer| {
        let kept = answer.confidence.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        -(if answer.right { kept } else { 1.0 - kept }).ln()
    })
}

fn mean(judged: &[Judged], value: impl Fn(&Judged) -> f64) -> f64 {
    if judged.is_empty() { 0.0 } else { judged.iter().map(value).sum::<f64>() / judged.len() as f64 }
}

/// Every figure of one set of answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Answers.
    pub answers: usize,
    /// Share of right ones.
    pub accuracy: f64,
    /// Mean confidence.
    pub confidence: f64,
    /// Expected calibration error, bins of equal width `(low, high]`.
    pub ece: f64,
    /// The same with `[low, high)`.
    pub ece_low_closed: f64,
    /// The same with bins of equal mass.
    pub ece_equal_mass: f64,
    /// Largest gap of a bin of equal width `(low, high]`.
    pub mce: f64,
    /// Mean gap of bins of equal mass.
    pub ace: f64,
    /// Brier score.
    pub brier: f64,
    /// Negative log-likelihood in nats.
    pub nll: f64,
}

impl Figures {
    /// The figures over [`BINS`] bins.
    pub fn of(judged: &[Judged]) -> Figures {
        Figures {
            answers: judged.len(),
            accuracy: mean(judged, |answer| f64::from(u8::from(answer.right))),
            confidence: mean(judged, |answer| answer.confidence),
            ece: expected_calibration_error(judged, BINS, Binning::WidthHighClosed),
            ece_low_closed: expected_calibration_error(judged, BINS, Binning::WidthLowClosed),
            ece_equal_mass: expected_calibration_error(judged, BINS, Binning::EqualMass),
            mce: maximum_calibration_error(judged, BINS, Binning::WidthHighClosed),
            ace: adaptive_calibration_error(judged, BINS),
            brier: brier_score(judged),
            nll: negative_log_likelihood(judged),
        }
    }
}

/// Area under the receiver operating characteristic: the chance that one of `higher` scores above one of `lower`,
/// equals counting half. `None` when either is empty.
pub fn area_under_curve(higher: &[f64], lower: &[f64]) -> Option<f64> {
    if higher.is_empty() || lower.is_empty() {
        return None;
    }
    let mut sorted = lower.to_vec();
    sorted.sort_by(f64::total_cmp);
    let wins: f64 = higher
        .iter()
        .map(|score| {
            let below = sorted.partition_point(|other| other < score);
            let not_above = sorted.partition_point(|other| other <= score);
            (below + not_above) as f64 / 2.0
        })
        .sum();
    Some(wins / (higher.len() * lower.len()) as f64)
}
