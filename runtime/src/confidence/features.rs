//! What an answer's tokens and passages say about whether it is right.

use serde::{Deserialize, Serialize};

use super::logistic::log_odds;
use crate::inference::SaidToken;

/// Most probable tokens that must be reported at each place of an answer.
pub(crate) const ALTERNATIVES: usize = 8;

/// Features of one answer, all known the moment it ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AnswerFeatures {
    /// Mean probability of the said tokens, 0 to 1: the confidence that needs no calibration to be shown.
    pub mean_probability: f64,
    /// Mean log-probability of the said tokens, nats.
    pub mean_log_probability: f64,
    /// Log-probability of the least likely one, nats.
    pub least_log_probability: f64,
    /// Mean entropy of the choice of a token, nats; what is not among the most probable tokens counts as one.
    pub entropy: f64,
    /// Smallest distance between the two most probable tokens of a place, nats.
    pub margin: f64,
    /// Tokens said.
    pub tokens: usize,
    /// Whether a passage of the documents carries what the answer says.
    pub supported: bool,
}

/// Names of the numbers of [`AnswerFeatures::row`], in its order.
pub const NAMES: [&str; 6] =
    ["token probability", "least likely token", "entropy", "margin", "length", "support by a passage"];

impl AnswerFeatures {
    /// Features of an answer of these tokens, said with the most probable ones reported; `None` without tokens.
    pub fn of(said: &[SaidToken], supported: bool) -> Option<AnswerFeatures> {
        if said.is_empty() {
            return None;
        }
        let count = said.len() as f64;
        let each = || said.iter().map(|token| f64::from(token.choice.log_probability));
        Some(AnswerFeatures {
            mean_probability: each().map(f64::exp).sum::<f64>() / count,
            mean_log_probability: each().sum::<f64>() / count,
            least_log_probability: each().fold(0.0, f64::min),
            entropy: said.iter().map(entropy).sum::<f64>() / count,
            margin: said.iter().map(margin).fold(f64::INFINITY, f64::min),
            tokens: said.len(),
            supported,
        })
    }

    /// The features as numbers of similar size, for a regression.
    pub fn row(&self) -> Vec<f64> {
        vec![
            log_odds(self.mean_probability),
            self.least_log_probability,
            self.entropy,
            self.margin.min(MARGIN_MAX),
            (self.tokens as f64).ln_1p(),
            f64::from(u8::from(self.supported)),
        ]
    }
}

/// Margins above this are all the same: the choice was no choice.
const MARGIN_MAX: f64 = 20.0;

fn entropy(token: &SaidToken) -> f64 {
    let known: Vec<f64> = token.alternatives.iter().map(|choice| f64::from(choice.log_probability).exp()).collect();
    let rest = (1.0 - known.iter().sum::<f64>()).max(0.0);
    known.iter().chain([&rest]).filter(|share| **share > 0.0).map(|share| -share * share.ln()).sum()
}

fn margin(token: &SaidToken) -> f64 {
    match token.alternatives.as_slice() {
        [first, second, ..] => f64::from(first.log_probability) - f64::from(second.log_probability),
        _ => MARGIN_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::TokenChoice;

    fn said(probability: f32, others: &[f32]) -> SaidToken {
        let choice = |probability: f32| TokenChoice { token: 0, bytes: Vec::new(), log_probability: probability.ln() };
        let alternatives = [probability].iter().chain(others).map(|share| choice(*share)).collect();
        SaidToken { offset: 0, choice: choice(probability), alternatives }
    }

    #[test]
    fn features_are_those_of_the_definitions() {
        let features = AnswerFeatures::of(&[said(0.5, &[0.25]), said(0.9, &[0.1])], true).unwrap();
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-6, "{found} not {expected}");
        near(features.mean_probability, 0.7);
        near(features.mean_log_probability, (0.5_f64.ln() + 0.9_f64.ln()) / 2.0);
        near(features.least_log_probability, 0.5_f64.ln());
        // 0.25 are left in the first place and count as one token; nothing is left in the second.
        let first = -(0.5 * 0.5_f64.ln() + 2.0 * 0.25 * 0.25_f64.ln());
        near(features.entropy, (first - 0.9 * 0.9_f64.ln() - 0.1 * 0.1_f64.ln()) / 2.0);
        near(features.margin, 2_f64.ln());
        assert_eq!((features.tokens, features.row().len()), (2, NAMES.len()));
        assert_eq!(AnswerFeatures::of(&[], true), None);
    }
}
