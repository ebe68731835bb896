//! Probabilities of tokens from logits.

use llama_cpp_2::token::LlamaToken;

/// Values that are summed in single precision before the sum is carried on in double precision.
const BLOCK: usize = 512;
/// Sums that grow side by side.
const LANES: usize = 16;

/// The softmax of one row of logits.
pub(super) struct Softmax<'a> {
    logits: &'a [f32],
    /// Highest logit.
    highest: f32,
    /// Logarithm of the sum of `exp(logit - highest)`.
    log_sum: f64,
}

impl<'a> Softmax<'a> {
    /// Of one row, with a relative error of the sum below 1e-6: a tenth of a percent of the time of a step, where the
    /// exact sum would take several percent of it.
    pub fn new(logits: &'a [f32]) -> Softmax<'a> {
        let highest = highest(logits);
        Softmax { logits, highest, log_sum: exp_sum(logits, highest).ln() }
    }

    /// Log-probability of a token in nats.
    pub fn log_probability(&self, token: LlamaToken) -> f32 {
        let logit = usize::try_from(token.0).ok().and_then(|id| self.logits.get(id));
        logit.map_or(f32::NEG_INFINITY, |logit| (f64::from(logit - self.highest) - self.log_sum) as f32)
    }

    /// The `count` most probable tokens, most probable first, the earlier of equals first.
    pub fn top(&self, count: usize) -> Vec<LlamaToken> {
        let mut best: Vec<(f32, usize)> = Vec::with_capacity(count + 1);
        for (id, &logit) in self.logits.iter().enumerate() {
            if logit.is_nan() || (best.len() == count && best.last().is_none_or(|(least, _)| logit <= *least)) {
                continue;
            }
            let place = best.partition_point(|(other, _)| *other >= logit);
            best.insert(place, (logit, id));
            best.truncate(count);
        }
        best.into_iter().map(|(_, id)| LlamaToken::new(id as i32)).collect()
    }
}

/// The first token with the highest logit; `None` where none is above minus infinity.
pub(super) fn most_probable(logits: &[f32]) -> Option<LlamaToken> {
    let highest = highest(logits);
    let first = logits.iter().position(|logit| *logit == highest).filter(|_| highest > f32::NEG_INFINITY)?;
    Some(LlamaToken::new(first as i32))
}

/// Negative log-probability of the token `index`, in nats, in double precision.
pub(crate) fn loss(logits: &[f32], index: usize) -> f64 {
    let highest = highest(logits);
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - highest).exp()).sum();
    sum.ln() - f64::from(logits[index] - highest)
}

fn highest(logits: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (blocks, rest) = logits.as_chunks::<LANES>();
    for block in blocks {
        for (lane, logit) in lanes.iter_mut().zip(block) {
            *lane = if *logit > *lane { *logit } else { *lane };
        }
    }
    rest.iter().chain(&lanes).copied().fold(f32::NEG_INFINITY, f32::max)
}

fn exp_sum(logits: &[f32], highest: f32) -> f64 {
    let mut total = 0.0;
    for block in logits.chunks(BLOCK) {
        let mut lanes = [0.0_f32; LANES];
        let (whole, rest) = block.as_chunks::<LANES>();
        for values in whole {
            for (lane, logit) in lanes.iter_mut().zip(values) {
                *lane += exp(*logit - highest);
            }
        }
        total += lanes.iter().chain(&[0.0]).map(|lane| f64::from(*lane)).sum::<f64>();
        total += rest.iter().map(|logit| f64::from(exp(*logit - highest))).sum::<f64>();
    }
    total
}

/// `exp(x)` for `x <= 0` in a form that compilers turn into vector instructions: `2^n` from the exponent's bits, and
/// a polynomial for the rest, which lies within half of `ln 2`.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Adding this rounds to a whole number in the low bits of the mantissa.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Below, the result is nothing beside the highest term, which is 1. NaN goes there, too.
    let x = if x > -87.0 { x } else { -87.0 };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let polynomial =
        1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0))))));
    f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23)) * polynomial
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Error of the fast sum: sixteen lanes of 32 single-precision additions each.
    const RELATIVE_ERROR: f64 = 1e-6;

    #[test]
    fn the_fast_exponential_is_the_exact_one() {
        for step in 0..=87_000 {
            let x = -(step as f32) / 1000.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(error < 4e-7, "exp({x}): {error}");
        }
        assert!(exp(f32::NEG_INFINITY) < 1e-37 && exp(f32::NAN) < 1e-37);
    }

    #[test]
    fn log_probabilities_are_those_of_the_exact_sum() {
        for length in [1, 15, 16, 17, 513, 50_001] {
            let logits: Vec<f32> = (0..length).map(|index| 12.0 * ((index * 37 % 101) as f32 / 7.0).sin()).collect();
            let softmax = Softmax::new(&logits);
            for index in [0, length / 2, length - 1] {
                let fast = f64::from(softmax.log_probability(LlamaToken::new(index as i32)));
                assert!((fast + loss(&logits, index)).abs() < 1e-5, "{length}, {index}");
            }
            let exact: f64 = logits.iter().map(|logit| f64::from(logit - softmax.highest).exp()).sum();
            assert!((softmax.log_sum.exp() - exact).abs() / exact < RELATIVE_ERROR, "{length}");
        }
    }

    #[test]
    fn the_most_probable_token_is_the_first_of_equals() {
        let id = |logits: &[f32]| most_probable(logits).map(|token| token.0);
        assert_eq!(id(&[0.0, 2.0, 2.0, -1.0]), Some(1));
        assert_eq!(id(&[f32::NEG_INFINITY, f32::NAN]), None);
        assert_eq!(id(&[]), None);
        assert_eq!(Softmax::new(&[1000.0, -1000.0]).log_probability(LlamaToken::new(0)), 0.0);
    }

    #[test]
    fn the_top_tokens_come_in_order() {
        let logits = [1.0, 5.0, f32::NAN, 5.0, -2.0, 3.0];
        let top: Vec<i32> = Softmax::new(&logits).top(4).into_iter().map(|token| token.0).collect();
        assert_eq!(top, [1, 3, 5, 0]);
        assert!(Softmax::new(&logits).top(0).is_empty());
        assert_eq!(Softmax::new(&logits).top(20).len(), 5);
    }
}
