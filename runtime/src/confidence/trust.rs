//! Trust: the evidence for how far the answers of one generation go, measured on the kit's held-out questions and kept
//! with the generation in the database.

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::calibration::{ANSWERS_MIN, Calibration, Sample, TooFew};
use super::domain::{Domain, DomainLimit};
use super::features::AnswerFeatures;
use crate::error::HomeError;
use crate::home::{Home, now};

/// What was measured of one generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trust {
    /// Held-out questions that were answered and judged.
    pub answers: usize,
    /// Right answers among them.
    pub right: usize,
    /// From features of an answer to the probability that it is right; `None` where there were too few judged answers,
    /// or too few right or wrong ones.
    pub calibration: Option<Calibration>,
    /// How questions inside and outside the domain are told apart; `None` without outside questions.
    pub domain: Option<Domain>,
    /// When it was measured, in seconds since 1970 UTC.
    pub made_at: i64,
}

impl Trust {
    /// The evidence that judged answers and domain scores make.
    pub fn of(samples: &[Sample], domain: Option<Domain>) -> Trust {
        Trust {
            answers: samples.len(),
            right: samples.iter().filter(|sample| sample.right).count(),
            calibration: Calibration::fit(samples).ok(),
            domain,
            made_at: now(),
        }
    }

    /// Why no probability is claimed; `None` where one is.
    pub fn too_few(&self) -> Option<TooFew> {
        let few = TooFew { answers: self.answers, right: self.right };
        self.calibration.is_none().then_some(few)
    }

    /// Probability that an answer with these features is right; `None` where too little was measured to claim one.
    pub fn probability(&self, features: Option<&AnswerFeatures>) -> Option<f32> {
        match &self.calibration {
            Some(calibration) => Some(calibration.probability(features?) as f32),
            None => self.rate(),
        }
    }

    /// The share of right answers, by Laplace's rule of succession, where there are enough answers but too few of one
    /// kind to tell them apart: all but a few are right, or all but a few are wrong.
    pub fn rate(&self) -> Option<f32> {
        let tells = self.calibration.is_none() && self.answers >= ANSWERS_MIN;
        tells.then(|| (self.right as f32 + 1.0) / (self.answers as f32 + 2.0))
    }

    /// Whether it says of an answer how likely it is right.
    pub fn claims(&self) -> bool {
        self.calibration.is_some() || self.rate().is_some()
    }

    /// The domain limit under a profile that allows this share of false refusals (0 refuses none); `None` where there
    /// is nothing to choose it on.
    pub fn domain_limit(&self, false_refusals_max: f32) -> Option<DomainLimit> {
        if false_refusals_max <= 0.0 {
            return None;
        }
        self.domain.as_ref()?.scores.limit(f64::from(false_refusals_max))
    }
}

/// The evidence that a home keeps.
pub(crate) struct TrustStore<'home> {
    home: &'home Home,
}

impl<'home> TrustStore<'home> {
    pub fn new(home: &'home Home) -> TrustStore<'home> {
        TrustStore { home }
    }

    /// What was measured of `generation` over `model` (SHA-256); `None` where nothing was, or by a program whose
    /// evidence this one cannot read.
    pub fn of(&self, generation: &str, model: &str) -> Result<Option<Trust>, HomeError> {
        let found: Option<String> = self
            .home
            .connection()
            .query_row("SELECT evidence FROM trust WHERE generation = ?1 AND model = ?2", [generation, model], |row| {
                row.get(0)
            })
            .optional()
            .map_err(|source| self.failed(source))?;
        Ok(found.and_then(|evidence| serde_json::from_str(&evidence).ok()))
    }

    /// Keeps the evidence, in place of an earlier one.
    pub fn keep(&self, generation: &str, model: &str, trust: &Trust) -> Result<(), HomeError> {
        let evidence = serde_json::to_string(trust).unwrap_or_default();
        self.home
            .connection()
            .execute(
                "INSERT INTO trust (generation, model, made_at, evidence) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (generation, model) DO UPDATE SET made_at = excluded.made_at, evidence = excluded.evidence",
                params![generation, model, trust.made_at, evidence],
            )
            .map_err(|source| self.failed(source))?;
        Ok(())
    }

    fn failed(&self, source: rusqlite::Error) -> HomeError {
        HomeError::Database { path: self.home.database_path(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(answers: usize, right: usize) -> Trust {
        let features = AnswerFeatures {
            mean_probability: 0.9,
            mean_log_probability: -0.1,
            least_log_probability: -0.5,
            entropy: 0.1,
            margin: 1.0,
            tokens: 8,
            supported: false,
        };
        let samples: Vec<Sample> = (0..answers).map(|index| Sample { features, right: index < right }).collect();
        Trust::of(&samples, None)
    }

    #[test]
    fn a_generation_that_was_wrong_nearly_always_is_expected_to_be_wrong() {
        let poor = trust(260, 4);
        assert!(poor.claims() && poor.calibration.is_none());
        assert!((poor.probability(None).unwrap() - 5.0 / 262.0).abs() < 1e-6);
        assert!(trust(260, 260).probability(None).unwrap() > 0.99);
    }

    #[test]
    fn few_answers_claim_nothing() {
        assert!(!trust(ANSWERS_MIN - 1, 0).claims());
        assert_eq!(trust(ANSWERS_MIN - 1, 0).probability(None), None);
    }
}
