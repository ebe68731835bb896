//! A dress rehearsal: what the policy would have done with questions whose answers are known, and with foreign ones.

use serde::Serialize;

use super::trusting::{Asked, answer_all};
use super::{Assistant, OnTrust, PASSAGES_CONSIDERED, TrustProgress};
use crate::confidence::likelihood_ratios;
use crate::confidence::metrics::{Figures, Judged};
use crate::error::RuntimeError;
use crate::evaluate::{Question, is_right};
use crate::generations::{BASE, Generations};
use crate::turn::Verdict;

/// How often each verdict was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Verdicts {
    /// Shown plainly.
    pub answer: usize,
    /// Shown with a warning.
    pub warn: usize,
    /// Asked back.
    pub clarify: usize,
    /// Refused.
    pub refuse: usize,
}

impl Verdicts {
    fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Answer => self.answer += 1,
            Verdict::Warn => self.warn += 1,
            Verdict::Clarify => self.clarify += 1,
            Verdict::Refuse => self.refuse += 1,
        }
    }

    /// All of them.
    pub fn total(&self) -> usize {
        self.answer + self.warn + self.clarify + self.refuse
    }

    /// Those whose answers are not shown.
    pub fn withheld(&self) -> usize {
        self.clarify + self.refuse
    }
}

/// What the policy did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrustCheck {
    /// Questions of the domain whose answers are right.
    pub right: Verdicts,
    /// Questions of the domain whose answers are wrong.
    pub wrong: Verdicts,
    /// Foreign questions.
    pub foreign: Verdicts,
    /// How well stated probabilities agree with the truth; `None` without a calibration.
    pub calibrated: Option<Figures>,
    /// The same of the uncalibrated confidence.
    pub uncalibrated: Figures,
}

impl Assistant {
    /// Asks `questions` and `foreign` ones of the active generation and counts what the policy does. Nothing is kept.
    ///
    /// # Errors
    /// No model, failing inference, [`ModelError::Cancelled`](crate::error::ModelError::Cancelled).
    pub fn check_trust(
        &self,
        questions: &[Question],
        foreign: &[String],
        on_progress: OnTrust<'_>,
    ) -> Result<TrustCheck, RuntimeError> {
        let generation = Generations::new(&self.home).active()?.id;
        let adapter = Generations::new(&self.home).verified_file(&generation)?;
        let judge = self.judge(&generation)?;
        let inference = self.inference()?;
        self.forget_adapter();
        let all: Vec<String> =
            questions.iter().map(|question| question.question.clone()).chain(foreign.iter().cloned()).collect();
        let ratios = match adapter.as_deref().filter(|_| generation != BASE && judge.needs_ratio()) {
            Some(adapter) => likelihood_ratios(&inference, adapter, &all, &mut |done| {
                on_progress(TrustProgress { what: "domain of questions", done, total: all.len() })
            })?,
            None => Vec::new(),
        };
        inference.set_adapter(adapter.as_deref())?;
        let answers = answer_all(&inference, &all, "questions", on_progress)?;
        let (mut right, mut wrong, mut outside) = (Verdicts::default(), Verdicts::default(), Verdicts::default());
        let (mut calibrated, mut uncalibrated) = (Vec::new(), Vec::new());
        for (index, (question, answer)) in all.iter().zip(&answers).enumerate() {
            let passages = self.search_documents(question, PASSAGES_CONSIDERED)?;
            let asked = Asked { question, passages: &passages, searched: true, follows: false };
            let supported = self.support(question, &answer.text, &passages)?.is_whole();
            let given = judge
                .before(&asked)
                .unwrap_or_else(|| judge.after(&asked, answer, supported, ratios.get(index).copied()));
            let Some(question) = questions.get(index) else {
                outside.count(given.verdict);
                continue;
            };
            let is_right = is_right(&answer.text, question);
            if is_right { &mut right } else { &mut wrong }.count(given.verdict);
            let judged = |confidence: f32| Judged { confidence: f64::from(confidence), right: is_right };
            calibrated.extend(given.probability.map(judged));
            uncalibrated.extend(answer.confidence.map(judged));
        }
        Ok(TrustCheck {
            right,
            wrong,
            foreign: outside,
            calibrated: (!calibrated.is_empty()).then(|| Figures::of(&calibrated)),
            uncalibrated: Figures::of(&uncalibrated),
        })
    }
}
