//! Calibration: from features of an answer to the probability that it is right.
//!
//! Fitted on held-out questions with known answers, for one adapter generation. Four maps are fitted, each is judged
//! on answers that it was not fitted on (cross-validation), and the one with the lowest negative log-likelihood there is
//! kept. All figures that are shown are the cross-validated ones.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::features::{AnswerFeatures, NAMES};
use super::isotonic::{self, Knots};
use super::logistic::{self, Logistic, log_odds, platt_targets, sigmoid};
use super::metrics::{Figures, Judged};

/// Fewest judged answers for a calibration: below, a tenth of them is too few to see a gap of 0.1.
pub const ANSWERS_MIN: usize = 50;

/// Fewest right and fewest wrong answers: with fewer, a map only learns how rare they are.
pub const EACH_MIN: usize = 5;

/// Parts of the cross-validation.
const FOLDS: usize = 10;

/// Penalty of the weights over standardised features: about one answer's worth of doubt.
const RIDGE: f64 = 1.0;

/// An answer whose truth is known, with what was seen of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// What was seen.
    pub features: AnswerFeatures,
    /// Whether it is right.
    pub right: bool,
}

/// Ways of turning features into a probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// One temperature for the log-odds of the mean token probability (Guo et al. 2017).
    Temperature,
    /// A line through the same log-odds (Platt 1999).
    Platt,
    /// A non-decreasing step function of the mean token probability (Zadrozny and Elkan 2002).
    Isotonic,
    /// Logistic regression over all features.
    Features,
}

impl Method {
    /// Every method; of equals the first is kept.
    pub const ALL: [Method; 4] = [Method::Temperature, Method::Platt, Method::Isotonic, Method::Features];
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Method::Temperature => "temperature",
            Method::Platt => "Platt",
            Method::Isotonic => "isotonic",
            Method::Features => "all features",
        })
    }
}

/// A fitted map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Map {
    /// `sigmoid(log-odds / temperature)`.
    Temperature {
        /// Above 1 the model was too sure.
        temperature: f64,
    },
    /// `sigmoid(slope * log-odds + intercept)`.
    Platt {
        /// Weight of the log-odds.
        slope: f64,
        /// Log-odds at a confidence of one half.
        intercept: f64,
    },
    /// Linear between knots.
    Isotonic {
        /// Mean token probabilities, growing.
        scores: Vec<f64>,
        /// Probabilities, not falling.
        values: Vec<f64>,
    },
    /// `sigmoid(weights . (row - means) / deviations + intercept)`.
    Features {
        /// One weight a feature, in the order of [`NAMES`].
        weights: Vec<f64>,
        /// Log-odds of an average answer.
        intercept: f64,
        /// Means of the features.
        means: Vec<f64>,
        /// Standard deviations of the features; 1 where a feature never changes.
        deviations: Vec<f64>,
    },
}

impl Map {
    /// Fits `method`; `None` without samples.
    pub fn fit(method: Method, samples: &[Sample]) -> Option<Map> {
        if samples.is_empty() {
            return None;
        }
        let right: Vec<bool> = samples.iter().map(|sample| sample.right).collect();
        let scores: Vec<f64> = samples.iter().map(|sample| sample.features.mean_probability).collect();
        let odds: Vec<f64> = scores.iter().map(|score| log_odds(*score)).collect();
        Some(match method {
            Method::Temperature => Map::Temperature { temperature: logistic::fit_temperature(&odds, &right) },
            Method::Platt => {
                let rows: Vec<Vec<f64>> = odds.iter().map(|odds| vec![*odds]).collect();
                let Logistic { weights, intercept } = logistic::fit(&rows, &platt_targets(&right), 0.0);
                Map::Platt { slope: weights[0], intercept }
            }
            Method::Isotonic => {
                let targets: Vec<f64> = right.iter().map(|is_right| f64::from(u8::from(*is_right))).collect();
                let Knots { scores, values } = isotonic::fit(&scores, &targets);
                Map::Isotonic { scores, values }
            }
            Method::Features => {
                let rows: Vec<Vec<f64>> = samples.iter().map(|sample| sample.features.row()).collect();
                let (means, deviations) = moments(&rows);
                let rows: Vec<Vec<f64>> = rows.iter().map(|row| standardised(row, &means, &deviations)).collect();
                let Logistic { weights, intercept } = logistic::fit(&rows, &platt_targets(&right), RIDGE);
                Map::Features { weights, intercept, means, deviations }
            }
        })
    }

    /// Which method it is.
    pub fn method(&self) -> Method {
        match self {
            Map::Temperature { .. } => Method::Temperature,
            Map::Platt { .. } => Method::Platt,
            Map::Isotonic { .. } => Method::Isotonic,
            Map::Features { .. } => Method::Features,
        }
    }

    /// The mapped probability, 0 to 1.
    pub fn probability(&self, features: &AnswerFeatures) -> f64 {
        let odds = || log_odds(features.mean_probability);
        match self {
            Map::Temperature { temperature } => sigmoid(odds() / temperature),
            Map::Platt { slope, intercept } => sigmoid(slope * odds() + intercept),
            Map::Isotonic { scores, values } => {
                let knots = Knots { scores: scores.clone(), values: values.clone() };
                knots.at(features.mean_probability).unwrap_or(features.mean_probability)
            }
            Map::Features { weights, intercept, means, deviations } => {
                let model = Logistic { weights: weights.clone(), intercept: *intercept };
                sigmoid(model.log_odds(&standardised(&features.row(), means, deviations)))
            }
        }
    }

    /// What it does, in words.
    pub fn describe(&self) -> String {
        match self {
            Map::Temperature { temperature } => format!("temperature {temperature:.2}"),
            Map::Platt { slope, intercept } => format!("Platt, slope {slope:.2}, intercept {intercept:.2}"),
            Map::Isotonic { scores, .. } => format!("isotonic, {} knots", scores.len()),
            Map::Features { weights, .. } => {
                let strongest = weights.iter().zip(NAMES).max_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
                let name = strongest.map_or("", |(_, name)| name);
                format!("{} features, strongest: {name}", weights.len())
            }
        }
    }
}

fn moments(rows: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let count = rows.len() as f64;
    let width = rows.first().map_or(0, Vec::len);
    let means: Vec<f64> = (0..width).map(|column| rows.iter().map(|row| row[column]).sum::<f64>() / count).collect();
    let deviation = |column: usize| {
        let variance = rows.iter().map(|row| (row[column] - means[column]).powi(2)).sum::<f64>() / count;
        if variance > 0.0 { variance.sqrt() } else { 1.0 }
    };
    let deviations = (0..width).map(deviation).collect();
    (means, deviations)
}

fn standardised(row: &[f64], means: &[f64], deviations: &[f64]) -> Vec<f64> {
    row.iter().zip(means).zip(deviations).map(|((value, mean), deviation)| (value - mean) / deviation).collect()
}

/// Why there is no calibration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TooFew {
    /// Judged answers.
    pub answers: usize,
    /// Right ones among them.
    pub right: usize,
}

impl fmt::Display for TooFew {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TooFew { answers, right } = self;
        write!(
            formatter,
            "{answers} judged answers, {right} right and {} wrong; a calibration needs {ANSWERS_MIN}, and {EACH_MIN} of \
             each kind",
            answers - right
        )
    }
}

/// A map with the evidence for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The map, fitted on all answers.
    pub map: Map,
    /// Figures of the uncalibrated confidence (mean token probability).
    pub before: Figures,
    /// Figures of the kept method on answers that it was not fitted on.
    pub after: Figures,
    /// Cross-validated negative log-likelihood of every method.
    pub compared: Vec<(Method, f64)>,
    /// The cross-validated answers, for a diagram.
    pub judged: Vec<Judged>,
}

impl Calibration {
    /// Fits every method and keeps the best.
    ///
    /// # Errors
    /// [`TooFew`]: nothing may be claimed from so few answers.
    pub fn fit(samples: &[Sample]) -> Result<Calibration, TooFew> {
        let right = samples.iter().filter(|sample| sample.right).count();
        if samples.len() < ANSWERS_MIN || right < EACH_MIN || samples.len() - right < EACH_MIN {
            return Err(TooFew { answers: samples.len(), right });
        }
        let mut best: Option<(f64, Map, Figures, Vec<Judged>)> = None;
        let mut compared = Vec::new();
        for method in Method::ALL {
            let judged = cross_validated(method, samples);
            let figures = Figures::of(&judged);
            compared.push((method, figures.nll));
            if best.as_ref().is_none_or(|(nll, ..)| figures.nll < *nll)
                && let Some(map) = Map::fit(method, samples)
            {
                best = Some((figures.nll, map, figures, judged));
            }
        }
        let (_, map, after, judged) = best.ok_or(TooFew { answers: samples.len(), right })?;
        let raw: Vec<Judged> = samples
            .iter()
            .map(|sample| Judged { confidence: sample.features.mean_probability, right: sample.right })
            .collect();
        Ok(Calibration { map, before: Figures::of(&raw), after, compared, judged })
    }

    /// Probability that an answer with these features is right. Never surer than the number of judged answers
    /// allows (Laplace's rule of succession).
    pub fn probability(&self, features: &AnswerFeatures) -> f64 {
        sure_at_most(self.map.probability(features), self.after.answers)
    }
}

/// `probability` kept from 0 and 1 by what `answers` trials can show.
fn sure_at_most(probability: f64, answers: usize) -> f64 {
    let margin = 1.0 / (answers as f64 + 2.0);
    probability.clamp(margin, 1.0 - margin)
}

/// Each answer under a map that was fitted without its part. Right and wrong answers are dealt out in turn, so every
/// part has its share of both.
fn cross_validated(method: Method, samples: &[Sample]) -> Vec<Judged> {
    let (mut right, mut wrong) = (0, 0);
    let folds: Vec<usize> = samples
        .iter()
        .map(|sample| {
            let seen = if sample.right { &mut right } else { &mut wrong };
            *seen += 1;
            (*seen - 1) % FOLDS
        })
        .collect();
    let mut judged = Vec::with_capacity(samples.len());
    for fold in 0..FOLDS {
        let others: Vec<Sample> = samples.iter().zip(&folds).filter(|(_, at)| **at != fold).map(|(s, _)| *s).collect();
        let Some(map) = Map::fit(method, &others) else { continue };
        for (sample, _) in samples.iter().zip(&folds).filter(|(_, at)| **at == fold) {
            let confidence = sure_at_most(map.probability(&sample.features), others.len());
            judged.push(Judged { confidence, right: sample.right });
        }
    }
    judged
}
