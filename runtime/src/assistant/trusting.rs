//! How far an answer can be trusted: measuring a generation on the kit's questions, and judging each answer by it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::curtain::Curtain;
use super::{AnswerEvent, AskOptions, Assistant, PASSAGES_CONSIDERED};
use crate::confidence::policy::{DomainEvidence, Evidence, Limits, assess, assess_question};
use crate::confidence::{
    ALTERNATIVES, AnswerFeatures, Domain, DomainLimit, DomainScore, DomainScores, Sample, Trust, TrustStore,
    likelihood_ratios, read_outside,
};
use crate::error::{ModelError, RuntimeError};
use crate::evaluate::{ANSWER_TOKENS_MAX, Question, is_right, read_questions};
use crate::generations::{BASE, Generations};
use crate::inference::{BatchRequest, GenerateOptions, Generated, Inference, Piece, SaidToken, StopReason};
use crate::model::ModelInUse;
use crate::retrieval::{Passage, Support};
use crate::turn::{Assessment, Verdict};

/// Progress of a measurement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrustProgress {
    /// What is measured, e.g. `held-out questions`.
    pub what: &'static str,
    /// Questions done.
    pub done: usize,
    /// Questions in all.
    pub total: usize,
}

/// Sees the progress of a measurement; returns false to stop it.
pub type OnTrust<'a> = &'a mut dyn FnMut(TrustProgress) -> bool;

/// What answers of one generation are judged by.
#[derive(Debug)]
pub(super) struct Judge {
    limits: Limits,
    trust: Option<Trust>,
    domain_limit: Option<DomainLimit>,
}

/// What is known of a question before it is answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub question: &'a str,
    pub passages: &'a [Passage],
    pub searched: bool,
    pub follows: bool,
}

impl Judge {
    /// Whether an answer may turn out to be withheld, so that no more of it is shown than is sure.
    pub fn may_withhold(&self) -> bool {
        self.domain_limit.is_some() || self.trust.as_ref().is_some_and(Trust::claims)
    }

    /// What can be decided before the answer.
    pub fn before(&self, asked: &Asked<'_>) -> Option<Assessment> {
        assess_question(&evidence(asked, false, None, None), &self.limits)
    }

    /// What to do with the answer. `ratio` is the likelihood ratio of the question, where it was asked for.
    pub fn after(&self, asked: &Asked<'_>, answer: &Generated, supported: bool, ratio: Option<f64>) -> Assessment {
        let mut assessment = self.of_tokens(asked, &answer.said, supported, ratio);
        if answer.stop == StopReason::Length {
            let cut = format!(
                "it was cut off after {} tokens, the most that were allowed; more: --max-tokens",
                answer.tokens
            );
            assessment.reasons.push(cut);
            warn(&mut assessment);
        }
        assessment
    }

    /// Whether an answer that ended here would be shown without a warning.
    pub fn is_sure(&self, asked: &Asked<'_>, said: &[SaidToken], supported: bool, ratio: Option<f64>) -> bool {
        self.of_tokens(asked, said, supported, ratio).verdict == Verdict::Answer
    }

    fn of_tokens(&self, asked: &Asked<'_>, said: &[SaidToken], supported: bool, ratio: Option<f64>) -> Assessment {
        let features = AnswerFeatures::of(said, supported);
        let probability = self.trust.as_ref().and_then(|trust| trust.probability(features.as_ref()));
        let kind = self.trust.as_ref().and_then(|trust| trust.domain.as_ref()).map(|domain| domain.score);
        let score = kind.and_then(|kind| features.as_ref().and_then(|seen| kind.of_answer(seen)).or(ratio));
        let limit = self.domain_limit.map(|limit| limit.score as f32);
        let domain = score.map(|score| DomainEvidence { score: score as f32, limit });
        assess(&evidence(asked, supported, probability, domain), &self.limits)
    }

    /// What the documents alone say of an answer whose probabilities were never measured.
    pub fn by_documents(&self, asked: &Asked<'_>, supported: bool) -> Assessment {
        assess(&evidence(asked, supported, None, None), &self.limits)
    }

    /// What to think of an answer that was to rest on a tool, where none gave a result. The measured answers called
    /// none, so that no probability is claimed.
    pub fn without_result(&self, asked: &Asked<'_>, supported: bool) -> Assessment {
        let mut assessment = self.by_documents(asked, supported);
        assessment.reasons.insert(0, "the tool that it asked gave no result".to_owned());
        warn(&mut assessment);
        assessment
    }

    /// Whether the likelihood ratio of each question is needed.
    pub fn needs_ratio(&self) -> bool {
        let domain = self.trust.as_ref().and_then(|trust| trust.domain.as_ref());
        self.domain_limit.is_some() && domain.is_some_and(|domain| domain.score == DomainScore::LikelihoodRatio)
    }

    /// The likelihood ratio of a question, where answers are judged by it.
    pub fn ratio(
        &self,
        inference: &Inference,
        adapter: Option<&Path>,
        question: &str,
    ) -> Result<Option<f64>, ModelError> {
        match adapter.filter(|_| self.needs_ratio()) {
            None => Ok(None),
            Some(adapter) => Ok(likelihood_ratios(inference, adapter, &[question.to_owned()], &mut |_| true)?.pop()),
        }
    }
}

/// An answer that would be shown as it is carries a warning.
fn warn(assessment: &mut Assessment) {
    if assessment.verdict == Verdict::Answer {
        assessment.verdict = Verdict::Warn;
    }
}

fn evidence<'a>(
    asked: &Asked<'a>,
    supported: bool,
    probability: Option<f32>,
    domain: Option<DomainEvidence>,
) -> Evidence<'a> {
    let Asked { question, passages, searched, follows } = *asked;
    Evidence { question, passages, searched, supported, probability, domain, follows }
}

/// Answers all questions greedily, with what the features need.
pub(super) fn answer_all(
    inference: &Inference,
    questions: &[String],
    what: &'static str,
    on_progress: OnTrust<'_>,
) -> Result<Vec<Generated>, ModelError> {
    let options =
        GenerateOptions { max_tokens: ANSWER_TOKENS_MAX, alternatives: ALTERNATIVES, ..GenerateOptions::default() };
    let request = |question: &String| BatchRequest { question: question.clone(), options: options.clone() };
    let answers = inference.generate_batch(questions.iter().map(request).collect(), &mut |done, total| {
        on_progress(TrustProgress { what, done, total })
    })?;
    answers.into_iter().collect()
}

/// An answer with everything that was found out about it.
pub(super) struct JudgedAnswer {
    pub text: String,
    pub tokens: usize,
    pub confidence: Option<f32>,
    pub support: Support,
    pub assessment: Assessment,
}

impl Assistant {
    /// Answers, judges, and shows: of a text that may have to be withheld, what is sure as it comes, the rest once it is
    /// judged.
    pub(super) fn answer_judged(
        &self,
        asked: &Asked<'_>,
        options: &AskOptions,
        (inference, generation): (&Inference, &str),
        generate: impl FnOnce(&mut dyn FnMut(&Piece)) -> Result<Generated, ModelError>,
        on_event: &mut dyn FnMut(AnswerEvent),
    ) -> Result<JudgedAnswer, RuntimeError> {
        let judge = self.judge(generation)?;
        if let Some(assessment) = judge.before(asked).filter(|_| !options.anyway) {
            on_event(AnswerEvent::Assessment(assessment.clone()));
            let support = self.support(asked.question, "", asked.passages)?;
            return Ok(JudgedAnswer { text: String::new(), tokens: 0, confidence: None, support, assessment });
        }
        let ratio = judge.ratio(inference, self.adapter_file(generation).as_deref(), asked.question)?;
        let sure = |text: &str, said: &[SaidToken]| self.is_sure(&judge, asked, text, said, ratio);
        let is_held = judge.may_withhold() && !options.anyway;
        let mut curtain = Curtain::new(is_held.then_some(&sure), on_event);
        let answer = generate(&mut |piece| curtain.text(&piece.text, &piece.said))?;
        curtain.took(&answer);
        let support = self.support(asked.question, &answer.text, asked.passages)?;
        let assessment = judge.after(asked, &answer, support.is_whole(), ratio);
        curtain.judged(&assessment);
        let Generated { text, tokens, confidence, .. } = answer;
        Ok(JudgedAnswer { text, tokens, confidence, support, assessment })
    }

    /// Whether an answer that is `text` would be shown without a warning.
    pub(super) fn is_sure(
        &self,
        judge: &Judge,
        asked: &Asked<'_>,
        text: &str,
        said: &[SaidToken],
        ratio: Option<f64>,
    ) -> bool {
        let support = self.support(asked.question, text, asked.passages);
        support.is_ok_and(|support| judge.is_sure(asked, said, support.is_whole(), ratio))
    }

    /// File of the adapter that answers as `generation`; `None` for the base.
    pub(super) fn adapter_file(&self, generation: &str) -> Option<PathBuf> {
        match (&self.options.adapter, generation) {
            (Some(path), _) => Some(path.clone()),
            (None, BASE) => None,
            (None, id) => Some(self.home.adapters_folder().join(format!("{id}.gguf"))),
        }
    }

    /// What was measured of `generation` (an id as [`Assistant::generations`] lists them); `None` where nothing was.
    ///
    /// # Errors
    /// An unreadable database.
    pub fn trust(&self, generation: &str) -> Result<Option<Trust>, RuntimeError> {
        match ModelInUse::of(&self.home, &self.options)?.sha256 {
            Some(model) => Ok(TrustStore::new(&self.home).of(generation, &model)?),
            None => Ok(None),
        }
    }

    /// Asks the active generation the kit's held-out questions and keeps how far its answers can be trusted. `None`
    /// without such questions, or with a model that is not the home's.
    ///
    /// # Errors
    /// No model, unreadable question files, failing inference, [`ModelError::Cancelled`].
    pub fn measure_trust(&self, on_progress: OnTrust<'_>) -> Result<Option<Trust>, RuntimeError> {
        self.measure_trust_on(&self.held_out_questions()?, on_progress)
    }

    /// Questions of the kit that nothing was trained on: those of the gate and of the calibration.
    pub(crate) fn held_out_questions(&self) -> Result<Vec<Question>, RuntimeError> {
        let mut all = Vec::new();
        for path in [self.home.gate_path(), self.home.calibration_path()] {
            if path.exists() {
                all.extend(read_questions(&path)?);
            }
        }
        Ok(all)
    }

    /// The same on questions that the caller has chosen; the next question sets its adapter anew.
    pub(crate) fn measure_trust_on(
        &self,
        questions: &[Question],
        on_progress: OnTrust<'_>,
    ) -> Result<Option<Trust>, RuntimeError> {
        let Some(model) = ModelInUse::of(&self.home, &self.options)?.sha256 else { return Ok(None) };
        if questions.is_empty() {
            return Ok(None);
        }
        let generations = Generations::new(&self.home);
        let generation = generations.active()?.id;
        let adapter = generations.verified_file(&generation)?;
        let outside = match self.home.out_of_domain_path() {
            path if path.exists() => read_outside(&path)?,
            _ => Vec::new(),
        };
        let (samples, domain) = self.measured(adapter.as_deref(), questions, &outside, on_progress)?;
        let trust = Trust::of(&samples, domain);
        TrustStore::new(&self.home).keep(&generation, &model, &trust)?;
        Ok(Some(trust))
    }

    /// Answers every question under `adapter`; the ones inside are judged, both kinds give domain scores.
    fn measured(
        &self,
        adapter: Option<&Path>,
        questions: &[Question],
        outside: &[String],
        on_progress: OnTrust<'_>,
    ) -> Result<(Vec<Sample>, Option<Domain>), RuntimeError> {
        let inference = self.inference()?;
        // Whatever happens below, the next question sets its adapter anew.
        self.forget_adapter();
        let all: Vec<String> =
            questions.iter().map(|question| question.question.clone()).chain(outside.iter().cloned()).collect();
        let parted = |scores: Vec<f64>| {
            let (inside, outside) = scores.split_at(questions.len());
            DomainScores { inside: inside.to_vec(), outside: outside.to_vec() }
        };
        let mut candidates = Vec::new();
        if let Some(adapter) = adapter.filter(|_| !outside.is_empty()) {
            let ratios = likelihood_ratios(&inference, adapter, &all, &mut |done| {
                on_progress(TrustProgress { what: "domain of questions", done, total: all.len() })
            })?;
            candidates.push((DomainScore::LikelihoodRatio, parted(ratios)));
        }
        inference.set_adapter(adapter)?;
        let answers = answer_all(&inference, &all, "held-out questions", on_progress)?;
        if !outside.is_empty() {
            for kind in [DomainScore::AnswerProbability, DomainScore::AnswerEntropy] {
                let score = |answer: &Generated| {
                    AnswerFeatures::of(&answer.said, false).and_then(|seen| kind.of_answer(&seen)).unwrap_or(f64::MIN)
                };
                candidates.push((kind, parted(answers.iter().map(score).collect())));
            }
        }
        let is_answered: Vec<bool> =
            questions.iter().zip(&answers).map(|(question, answer)| is_right(&answer.text, question)).collect();
        let mut samples = Vec::new();
        for ((question, answer), &right) in questions.iter().zip(&answers).zip(&is_answered) {
            let passages = self.search_documents(&question.question, PASSAGES_CONSIDERED)?;
            let supported = self.support(&question.question, &answer.text, &passages)?.is_whole();
            samples.extend(AnswerFeatures::of(&answer.said, supported).map(|features| Sample { features, right }));
        }
        Ok((samples, Domain::best_of(candidates, &is_answered)))
    }

    /// What answers of `generation` are judged by.
    pub(super) fn judge(&self, generation: &str) -> Result<Judge, RuntimeError> {
        let profile = &self.profile.profile;
        let share = |percent: u32| percent as f32 / 100.0;
        let limits = Limits {
            warn_below: share(profile.warn_below_percent),
            refuse_below: share(profile.refuse_below_percent),
            clarify_below_words: profile.clarify_below_words as usize,
        };
        let trust = self.trust(generation)?;
        let domain_limit = trust.as_ref().and_then(|trust| trust.domain_limit(share(profile.false_refusals_percent)));
        Ok(Judge { limits, trust, domain_limit })
    }
}

#[cfg(test)]
#[path = "trusting_tests.rs"]
mod tests;
