//! Scalar functions that the compiler can vectorise, where the C library's cannot.

/// e^x within 2 units in the last place for x in [-87, 88]; 0 below and e^88 above.
///
/// Cody-Waite reduction `x = n ln 2 + r`, then the Taylor polynomial of e^r to degree 7 on
/// |r| <= ln(2)/2, where the next term is below 2^-26.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Adding and subtracting 1.5 * 2^23 rounds to the nearest integer without a call.
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.clamp(-87.3, 88.3);
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (clamped - n * LN2_HIGH) - n * LN2_LOW;
    let mut p = 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    // The last bits of the shifted value are n already: a conversion, which has to treat NaN and what is out of
    // range, costs as much as the polynomial.
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    if x < -87.3 { 0.0 } else { p * power }
}

/// Logistic function `1 / (1 + e^-x)`.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// `x sigmoid(x)` and its slope `s + x s (1 - s)`.
#[inline(always)]
pub fn silu(x: f32) -> (f32, f32) {
    let s = sigmoid(x);
    (x * s, s + x * s * (1.0 - s))
}

/// GELU by its tanh approximation, and its slope: `x s` with `s = sigmoid(2u)`, since
/// `(1 + tanh u) / 2 = sigmoid(2u)`.
#[inline(always)]
pub fn gelu(x: f32) -> (f32, f32) {
    // 2 sqrt(2/pi).
    const FACTOR: f32 = 2.0 * 0.797_884_6;
    const CUBIC: f32 = 0.044_715;
    let s = sigmoid(FACTOR * (x + CUBIC * x * x * x));
    (x * s, s + x * s * (1.0 - s) * FACTOR * (1.0 + 3.0 * CUBIC * x * x))
}

/// Hyperbolic tangent within 5 units in the last place: a series near zero, where the quotient would cancel.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let x2 = x * x;
    let series = x * (1.0 + x2 * (-1.0 / 3.0 + x2 * (2.0 / 15.0 + x2 * (-17.0 / 315.0 + x2 * (62.0 / 2835.0)))));
    let quotient = 1.0 - 2.0 / (exp(2.0 * x) + 1.0);
    if x2 < 0.0625 { series } else { quotient }
}

/// Sum of products with sixteen interleaved partial sums, a fixed order that vectorises.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut partial = [0.0f32; LANES];
    let whole = a.len() / LANES * LANES;
    for (a, b) in a[..whole].chunks_exact(LANES).zip(b[..whole].chunks_exact(LANES)) {
        for lane in 0..LANES {
            partial[lane] += a[lane] * b[lane];
        }
    }
    let tail: f32 = a[whole..].iter().zip(&b[whole..]).map(|(a, b)| a * b).sum();
    partial.iter().sum::<f32>() + tail
}

/// Sum with sixteen interleaved partial sums, a fixed order that vectorises.
#[inline(always)]
pub fn total(values: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut partial = [0.0f32; LANES];
    let chunks = values.chunks_exact(LANES);
    let tail: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for lane in 0..LANES {
            partial[lane] += chunk[lane];
        }
    }
    partial.iter().sum::<f32>() + tail
}

/// The highest value, by sixteen lanes: a single running maximum would wait for itself at every value. A NaN
/// counts as lowest.
#[inline(always)]
pub fn highest(values: &[f32]) -> f32 {
    const LANES: usize = 16;
    let higher = |a: f32, b: f32| if b > a { b } else { a };
    let mut partial = [f32::NEG_INFINITY; LANES];
    let (chunks, tail) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            partial[lane] = higher(partial[lane], chunk[lane]);
        }
    }
    partial.iter().chain(tail).copied().fold(f32::NEG_INFINITY, higher)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_two_units_in_the_last_place_of_f64() {
        for step in 0..200_000 {
            let x = -87.0 + step as f32 * (175.0 / 200_000.0);
            let expected = f64::from(x).exp();
            let error = ((f64::from(exp(x)) - expected) / expected).abs();
            assert!(error < 2.5e-7, "exp({x}) is off by {error}");
        }
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn highest_is_the_maximum_at_every_length_and_place() {
        for len in 0..40 {
            for place in 0..len {
                let mut values = vec![-3.0; len];
                values[place] = -1.0;
                values[(place + 1) % len] = if len > 1 { f32::NAN } else { -1.0 };
                assert_eq!(highest(&values), -1.0, "{place} of {len}");
            }
        }
        assert_eq!(highest(&[]), f32::NEG_INFINITY);
    }

    #[test]
    fn tanh_is_within_five_units_in_the_last_place_of_f64() {
        for step in 0..200_000 {
            let x = -20.0 + step as f32 * 2e-4;
            let expected = f64::from(x).tanh();
            let error = (f64::from(tanh(x)) - expected).abs();
            assert!(error <= 6e-7 * expected.abs(), "tanh({x}) is off by {error}");
        }
        assert_eq!([tanh(-200.0), tanh(0.0), tanh(200.0)], [-1.0, 0.0, 1.0]);
    }
}
