//! What quantization costs: perplexity of both models on a text, and how far their predictions are apart.
//!
//! Perplexity alone hides errors that cancel; the Kullback-Leibler divergence of the quantized model's next-token
//! probabilities from the original's does not. Both models read the text side by side, a few tokens at a time, so
//! that the logits of one batch are all that is ever held.

use std::path::Path;

use super::QuantizeError;
use super::session::{Measured, Session};
use crate::inference::loss;

/// Two models over one text.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Comparison {
    /// Predicted tokens.
    pub tokens: usize,
    /// Perplexity of the original.
    pub perplexity_before: f64,
    /// Perplexity of the quantized model.
    pub perplexity_after: f64,
    /// Mean divergence in nats per token, 0 for equal predictions.
    pub kl_divergence: f64,
    /// Divergence that 99 of 100 tokens stay below, in nats.
    pub kl_divergence_99: f64,
    /// Share of tokens for which both hold the same token most probable.
    pub same_top_token: f64,
}

/// Reads at most `tokens_max` tokens of `text` with both models; `on_progress` sees done and all tokens and returns
/// false to stop.
///
/// # Errors
/// [`QuantizeError`]: no decoder, different vocabularies, a text too short, a failing computation.
pub fn compare(
    base: &Path,
    quantized: &Path,
    text: &str,
    tokens_max: usize,
    on_progress: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Comparison, QuantizeError> {
    let base = Measured::load(base)?;
    let quantized = Measured::load(quantized)?;
    if base.vocabulary() != quantized.vocabulary() {
        return Err(QuantizeError::Vocabularies {
            base: base.path().to_path_buf(),
            other: quantized.path().to_path_buf(),
            base_size: base.vocabulary(),
            other_size: quantized.vocabulary(),
        });
    }
    let windows = base.windows(text, tokens_max)?;
    let all: usize = windows.iter().map(Vec::len).sum();
    let (mut before, mut after) = (base.session(None)?, quantized.session(None)?);
    let step = before.batch_tokens();
    let mut rows: Vec<Row> = Vec::new();
    let mut done = 0;
    for window in &windows {
        before.clear();
        after.clear();
        for (number, chunk) in window.chunks(step).enumerate() {
            if !on_progress(done, all) {
                return Err(QuantizeError::Cancelled);
            }
            let start = number * step;
            before.decode(chunk, start, true)?;
            after.decode(chunk, start, true)?;
            let predicted = &window[start + 1..window.len().min(start + chunk.len() + 1)];
            rows.extend(rows_of(&before, &after, predicted)?);
            done += chunk.len();
        }
    }
    on_progress(done, all);
    summarize(rows)
}

/// One predicted token.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Row {
    loss_before: f64,
    loss_after: f64,
    divergence: f64,
    same_top: bool,
}

/// The two rows of logits that predict `token`.
struct Job<'a> {
    before: &'a [f32],
    after: &'a [f32],
    token: usize,
}

/// Rows of one batch, computed on all cores: each needs a few passes over two vocabularies.
fn rows_of(before: &Session<'_>, after: &Session<'_>, predicted: &[i32]) -> Result<Vec<Row>, QuantizeError> {
    let job = |(index, token): (usize, &i32)| {
        Ok(Job { before: before.logits(index)?, after: after.logits(index)?, token: *token as usize })
    };
    let jobs: Vec<Job<'_>> = predicted.iter().enumerate().map(job).collect::<Result<_, QuantizeError>>()?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = jobs.len().div_ceil(threads).max(1);
    Ok(std::thread::scope(|scope| {
        let work = |jobs: &[Job<'_>]| -> Vec<Row> { jobs.iter().map(row).collect() };
        let threads: Vec<_> = jobs.chunks(share).map(|jobs| scope.spawn(move || work(jobs))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    }))
}

fn row(job: &Job<'_>) -> Row {
    let Job { before, after, token } = *job;
    Row {
        loss_before: loss(before, token),
        loss_after: loss(after, token),
        divergence: divergence(before, after),
        same_top: top(before) == top(after),
    }
}

/// `sum p (log p - log q)` with `p` and `q` the softmax of the two rows, in f64.
fn divergence(before: &[f32], after: &[f32]) -> f64 {
    let normalizer = |logits: &[f32]| {
        let highest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        highest + logits.iter().map(|logit| (f64::from(*logit) - highest).exp()).sum::<f64>().ln()
    };
    let (of_before, of_after) = (normalizer(before), normalizer(after));
    let terms = before.iter().zip(after).map(|(before, after)| {
        let log_before = f64::from(*before) - of_before;
        log_before.exp() * (log_before - (f64::from(*after) - of_after))
    });
    // Rounding may leave a tiny negative number for equal rows.
    terms.sum::<f64>().max(0.0)
}

fn top(logits: &[f32]) -> usize {
    logits.iter().enumerate().fold(0, |best, (index, logit)| if *logit > logits[best] { index } else { best })
}

fn summarize(rows: Vec<Row>) -> Result<Comparison, QuantizeError> {
    if rows.is_empty() {
        return Err(QuantizeError::TextTooShort { tokens: 0, needed: 2 });
    }
    let count = rows.len() as f64;
    let mean = |value: fn(&Row) -> f64| rows.iter().map(value).sum::<f64>() / count;
    let mut divergences: Vec<f64> = rows.iter().map(|row| row.divergence).collect();
    divergences.sort_by(f64::total_cmp);
    let index = ((count * 0.99).ceil() as usize).clamp(1, rows.len()) - 1;
    Ok(Comparison {
        tokens: rows.len(),
        perplexity_before: mean(|row| row.loss_before).exp(),
        perplexity_after: mean(|row| row.loss_after).exp(),
        kl_divergence: mean(|row| row.divergence),
        kl_divergence_99: divergences[index],
        same_top_token: mean(|row| f64::from(u8::from(row.same_top))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergence_is_that_of_the_definition() {
        // p = (3/4, 1/4), q = (1/2, 1/2), at any offset of the logits.
        let (before, after) = ([3f32.ln() + 100.0, 100.0], [-7.0, -7.0]);
        let expected = 0.75 * (0.75f64 / 0.5).ln() + 0.25 * (0.25f64 / 0.5).ln();
        assert!((divergence(&before, &after) - expected).abs() < 1e-5);
        assert_eq!(divergence(&before, &before), 0.0);
    }

    #[test]
    fn one_bad_token_of_a_hundred_shows_in_the_tail_and_not_below_it() {
        let row = |divergence| Row { loss_before: 1.0, loss_after: 2.0, divergence, same_top: true };
        let mut rows = vec![row(0.0); 99];
        rows.push(row(5.0));
        let found = summarize(rows.clone()).unwrap();
        assert_eq!((found.kl_divergence, found.kl_divergence_99), (0.05, 0.0));
        assert_eq!((found.perplexity_before, found.perplexity_after), (1f64.exp(), 2f64.exp()));
        rows.push(row(5.0));
        assert_eq!(summarize(rows).unwrap().kl_divergence_99, 5.0);
    }
}
