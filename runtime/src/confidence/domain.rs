//! Does a question belong to what the adapter was trained for?
//!
//! Three scores can say so, all higher inside the domain: the log-likelihood ratio of adapter to base over the question,
//! which needs an adapter that learned its questions and not only its answers, and the probability and the (negated)
//! entropy of the model's own answer. Which one tells better is measured on questions of both kinds that nobody trained on, and so is the
//! limit below which a question counts as outside.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::features::AnswerFeatures;
use super::logistic::log_odds;
use super::metrics::area_under_curve;

/// Fewest questions of each kind for a limit.
pub const QUESTIONS_MIN: usize = 20;

/// Parts of the cross-validation.
const FOLDS: usize = 10;

/// Smallest area under the curve at which a score may refuse anything: below, it hardly tells the kinds apart.
pub const AREA_MIN: f64 = 0.8;

/// Share of outside questions at which false refusals are compared.
pub const CAUGHT: f64 = 0.95;

/// What a domain score is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DomainScore {
    /// Log-likelihood ratio of adapter to base over the question, nats a token.
    LikelihoodRatio,
    /// Log-odds of the mean probability of the answer's tokens.
    AnswerProbability,
    /// Mean entropy of the answer's tokens, negated, nats.
    AnswerEntropy,
}

impl DomainScore {
    /// The score of an answer; `None` for the one that belongs to the question.
    pub fn of_answer(self, features: &AnswerFeatures) -> Option<f64> {
        match self {
            DomainScore::LikelihoodRatio => None,
            DomainScore::AnswerProbability => Some(log_odds(features.mean_probability)),
            DomainScore::AnswerEntropy => Some(-features.entropy),
        }
    }
}

impl fmt::Display for DomainScore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            DomainScore::LikelihoodRatio => "likelihood ratio of adapter to base",
            DomainScore::AnswerProbability => "probability of the answer",
            DomainScore::AnswerEntropy => "entropy of the answer",
        })
    }
}

/// The score that tells best, with the figures of every one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Domain {
    /// Which score it is.
    pub score: DomainScore,
    /// Its values, inside those of questions that are answered right: to refuse a wrong answer is no mistake, and the
    /// limit is chosen so that few right ones are lost.
    pub scores: DomainScores,
    /// How well each score tells the kinds apart, all questions inside counted.
    pub compared: Vec<(DomainScore, Separation)>,
}

impl Domain {
    /// Keeps the candidate with the largest area; of equals the first. `is_answered` says which questions inside are
    /// answered right. `None` without questions of both kinds.
    pub fn best_of(candidates: Vec<(DomainScore, DomainScores)>, is_answered: &[bool]) -> Option<Domain> {
        let compared: Vec<(DomainScore, Separation)> =
            candidates.iter().filter_map(|(score, scores)| Some((*score, scores.separation()?))).collect();
        let best = compared.iter().map(|(_, separation)| separation.area).fold(f64::NEG_INFINITY, f64::max);
        let (score, _) = *compared.iter().find(|(_, separation)| separation.area >= best)?;
        let mut scores = candidates.into_iter().find(|(each, _)| *each == score).map(|(_, scores)| scores)?;
        let mut answered = is_answered.iter();
        scores.inside.retain(|_| answered.next().copied().unwrap_or(false));
        Some(Domain { score, scores, compared })
    }
}

/// Scores of held-out questions, higher meaning inside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DomainScores {
    /// Of questions inside the domain.
    pub inside: Vec<f64>,
    /// Of questions outside.
    pub outside: Vec<f64>,
}

/// How well one score tells the kinds apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Separation {
    /// Area under the receiver operating characteristic.
    pub area: f64,
    /// Share of inside questions that are refused when [`CAUGHT`] of the outside ones are.
    pub false_refusals: f64,
}

/// A limit with what it does to questions that it was not chosen on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DomainLimit {
    /// Scores below it are outside.
    pub score: f64,
    /// Share of outside questions that are caught, cross-validated.
    pub caught: f64,
    /// Share of inside questions that are refused, cross-validated.
    pub false_refusals: f64,
}

impl DomainScores {
    /// Area and false refusals; `None` without questions of both kinds.
    pub fn separation(&self) -> Option<Separation> {
        let area = area_under_curve(&self.inside, &self.outside)?;
        let mut outside = self.outside.clone();
        outside.sort_by(f64::total_cmp);
        let caught = (CAUGHT * outside.len() as f64).ceil() as usize;
        // Everything not above the score of the last one that must be caught is refused.
        let limit = outside[caught.clamp(1, outside.len()) - 1];
        let refused = self.inside.iter().filter(|score| **score <= limit).count();
        Some(Separation { area, false_refusals: refused as f64 / self.inside.len() as f64 })
    }

    /// The limit that tells the two best apart (the most caught minus refused) while it refuses at most
    /// `false_refusals_max` (0 to 1) of the inside questions; of equals the one in the middle of the widest gap. `None` with fewer than [`QUESTIONS_MIN`] of either kind, or
    /// below [`AREA_MIN`].
    pub fn limit(&self, false_refusals_max: f64) -> Option<DomainLimit> {
        let enough = self.inside.len() >= QUESTIONS_MIN && self.outside.len() >= QUESTIONS_MIN;
        if !enough || self.separation()?.area < AREA_MIN {
            return None;
        }
        let score = choose(&self.inside, &self.outside, false_refusals_max)?;
        let (mut caught, mut refused) = (0, 0);
        for fold in 0..FOLDS {
            let rest = |scores: &[f64]| parted(scores, |at| at % FOLDS != fold);
            let held = |scores: &[f64]| parted(scores, |at| at % FOLDS == fold);
            let Some(limit) = choose(&rest(&self.inside), &rest(&self.outside), false_refusals_max) else { continue };
            caught += held(&self.outside).iter().filter(|score| **score < limit).count();
            refused += held(&self.inside).iter().filter(|score| **score < limit).count();
        }
        Some(DomainLimit {
            score,
            caught: caught as f64 / self.outside.len() as f64,
            false_refusals: refused as f64 / self.inside.len() as f64,
        })
    }
}

fn parted(scores: &[f64], keep: impl Fn(usize) -> bool) -> Vec<f64> {
    scores.iter().enumerate().filter(|(index, _)| keep(*index)).map(|(_, score)| *score).collect()
}

/// Candidates are the middles between neighbouring scores; the best has the most caught minus refused (Youden's J).
fn choose(inside: &[f64], outside: &[f64], false_refusals_max: f64) -> Option<f64> {
    let mut all: Vec<f64> = inside.iter().chain(outside).copied().filter(|score| score.is_finite()).collect();
    all.sort_by(f64::total_cmp);
    let share = |scores: &[f64], limit: f64| {
        scores.iter().filter(|score| **score < limit).count() as f64 / scores.len().max(1) as f64
    };
    let mut best: Option<(f64, f64, f64)> = None;
    for pair in all.windows(2).filter(|pair| pair[0] < pair[1]) {
        let (limit, gap) = (f64::midpoint(pair[0], pair[1]), pair[1] - pair[0]);
        let refused = share(inside, limit);
        if refused > false_refusals_max {
            continue;
        }
        let gain = share(outside, limit) - refused;
        let better = best.is_none_or(|(most, widest, _)| gain > most || (gain == most && gap > widest));
        if better {
            best = Some((gain, gap, limit));
        }
    }
    best.map(|(.., limit)| limit)
}
