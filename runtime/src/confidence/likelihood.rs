//! How likely a question is under adapter and base: the likelihoods behind the ratio score.

use std::ops::Range;
use std::path::Path;

use crate::error::ModelError;
use crate::inference::Inference;

/// Which tokens of a prompt belong to the question: those between what every prompt of the model begins and ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    before: usize,
    after: usize,
}

impl Frame {
    /// Finds the frame by asking two questions that share nothing.
    fn of(inference: &Inference) -> Result<Frame, ModelError> {
        let (one, two) = (inference.prompt_tokens("a")?, inference.prompt_tokens("7 ?")?);
        let same = |(left, right): &(&i32, &i32)| left == right;
        let before = one.iter().zip(&two).take_while(same).count();
        let shortest = one.len().min(two.len());
        let after = one.iter().rev().zip(two.iter().rev()).take_while(same).count().min(shortest - before);
        Ok(Frame { before, after })
    }

    fn question(self, tokens: usize) -> Range<usize> {
        // The first token has nothing before it that could predict it.
        let start = self.before.max(1);
        start..tokens.saturating_sub(self.after).max(start)
    }
}

/// Mean log-probability of the tokens of each question under the adapter that is set, nats a token. `on_progress` sees
/// the questions done; it returns false to stop.
fn question_likelihoods(
    inference: &Inference,
    frame: Frame,
    questions: &[String],
    on_progress: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<f64>, ModelError> {
    let mut all = Vec::with_capacity(questions.len());
    for question in questions {
        let tokens = inference.prompt_tokens(question)?;
        let range = frame.question(tokens.len());
        let scored = inference.score(&tokens[..range.end.clamp(1, tokens.len())], 0)?;
        let known: Vec<f64> = scored.iter().skip(range.start).filter_map(|token| token.log_probability).collect();
        all.push(known.iter().sum::<f64>() / known.len().max(1) as f64);
        if !on_progress(all.len()) {
            return Err(ModelError::Cancelled);
        }
    }
    Ok(all)
}

/// Log-likelihood ratio of `adapter` to the base over the tokens of each question, nats a token. Leaves the adapter
/// set.
pub(crate) fn likelihood_ratios(
    inference: &Inference,
    adapter: &Path,
    questions: &[String],
    on_progress: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<f64>, ModelError> {
    let frame = Frame::of(inference)?;
    inference.set_adapter(None)?;
    let base = question_likelihoods(inference, frame, questions, &mut |done| on_progress(done / 2))?;
    inference.set_adapter(Some(adapter))?;
    let half = questions.len() / 2;
    let adapted = question_likelihoods(inference, frame, questions, &mut |done| on_progress(half + done / 2))?;
    Ok(adapted.iter().zip(base).map(|(adapted, base)| adapted - base).collect())
}
