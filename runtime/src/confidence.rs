//! Confidence: how likely an answer is right, whether its question belongs to the domain, and what to do with it.
//!
//! Three kinds of evidence, each measured on held-out questions of the kit for one adapter generation: a
//! [calibration](Calibration) turns what was seen while an answer was generated into the probability that it is right;
//! a [domain score](Domain) tells questions of the domain from foreign ones; the documents support the answer or do not.
//! The [policy](policy) weighs them under the limits of the device profile and says why.

mod calibration;
mod diagram;
mod domain;
mod features;
pub mod isotonic;
mod likelihood;
pub mod logistic;
pub mod metrics;
mod outside;
pub mod policy;
mod trust;

pub use calibration::{ANSWERS_MIN, Calibration, EACH_MIN, Map, Method, Sample, TooFew};
pub use diagram::reliability_diagram;
pub use domain::{CAUGHT, Domain, DomainLimit, DomainScore, DomainScores, QUESTIONS_MIN, Separation};
pub(crate) use features::ALTERNATIVES;
pub use features::AnswerFeatures;
pub(crate) use likelihood::likelihood_ratios;
pub use outside::read_outside;
pub use trust::Trust;
pub(crate) use trust::TrustStore;
