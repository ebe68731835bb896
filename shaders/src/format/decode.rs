//! Decoding of blocks to f32, bit for bit as ggml's `dequantize_row_*`.
//!
//! Every format keeps ggml's order of f32 operations (product first, then offset, never fused), so the
//! trainer sees exactly the weights that the device runs. Loops have fixed lengths and no branches: the
//! compiler vectorises them for the instruction set that `pulp` finds at run time.

use super::{Format, k_quants};

/// The 16 levels of IQ4_NL and IQ4_XS (`kvalues_iq4nl` of ggml).
pub(super) const IQ4_LEVELS: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// One value for each group of bytes that `$value` takes. A macro: a function passed as an argument would be
/// called through a shim, outside of the vectorised loop.
macro_rules! each_value {
    ($bytes:expr, $out:expr, $value:path) => {
        for (out, &bytes) in $out.iter_mut().zip($bytes.as_chunks().0) {
            *out = $value(bytes);
        }
    };
}

/// The values of each block that `$block` takes.
macro_rules! each_block {
    ($bytes:expr, $out:expr, $block:path) => {
        for (bytes, out) in $bytes.as_chunks().0.iter().zip($out.as_chunks_mut().0) {
            // In registers first: stores through `out` would have to keep their order with loads of `bytes`.
            let mut values = *out;
            $block(bytes, &mut values);
            *out = values;
        }
    };
}

/// Decodes whole blocks: `bytes` are blocks of `format`, `out` gets their weights in order.
///
/// # Panics
/// When `out` is no whole number of blocks or `bytes` is not exactly their size: a bug of the caller.
pub fn decode(format: Format, bytes: &[u8], out: &mut [f32]) {
    assert_eq!(
        format.row_bytes(out.len()),
        Some(bytes.len()),
        "{format}: {} bytes do not hold {} weights",
        bytes.len(),
        out.len()
    );
    vectorized!(match format {
        Format::F32 => each_value!(bytes, out, f32::from_le_bytes),
        Format::F16 => each_value!(bytes, out, f16_value),
        Format::BF16 => each_value!(bytes, out, bf16_value),
        Format::Q8_0 => each_block!(bytes, out, q8_0),
        Format::Q4_0 => each_block!(bytes, out, q4_0),
        Format::Q4_1 => each_block!(bytes, out, q4_1),
        Format::Q5_0 => each_block!(bytes, out, q5_0),
        Format::Q5_1 => each_block!(bytes, out, q5_1),
        Format::IQ4_NL => each_block!(bytes, out, iq4_nl),
        Format::Q2_K => each_block!(bytes, out, k_quants::q2_k),
        Format::Q3_K => each_block!(bytes, out, k_quants::q3_k),
        Format::Q4_K => each_block!(bytes, out, k_quants::q4_k),
        Format::Q5_K => each_block!(bytes, out, k_quants::q5_k),
        Format::Q6_K => each_block!(bytes, out, k_quants::q6_k),
        Format::IQ4_XS => each_block!(bytes, out, k_quants::iq4_xs),
    });
}

#[inline(always)]
fn f16_value(bytes: [u8; 2]) -> f32 {
    f16_to_f32(u16::from_le_bytes(bytes))
}

#[inline(always)]
fn bf16_value(bytes: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
}

/// Half to single precision without a branch, so that a loop over it vectorises on any processor.
///
/// Shifting puts the half's exponent into the single's field; the factor 2^112 corrects the bias, exactly,
/// and normalises subnormals on the way. Infinities and NaNs get the top exponent back.
#[inline(always)]
pub(super) fn f16_to_f32(half: u16) -> f32 {
    const BIAS_CORRECTION: f32 = f32::from_bits((127 + 112) << 23);
    let magnitude = u32::from(half & 0x7fff) << 13;
    let sign = u32::from(half & 0x8000) << 16;
    let scaled = (f32::from_bits(magnitude) * BIAS_CORRECTION).to_bits();
    let bits = if half & 0x7c00 == 0x7c00 { magnitude | 0x7f80_0000 } else { scaled };
    f32::from_bits(bits | sign)
}

/// The half at byte `at` of a block.
#[inline(always)]
pub(super) fn half_at<const B: usize>(block: &[u8; B], at: usize) -> f32 {
    f16_to_f32(u16::from_le_bytes([block[at], block[at + 1]]))
}

#[inline(always)]
fn q8_0(block: &[u8; 34], out: &mut [f32; 32]) {
    let d = half_at(block, 0);
    for (i, out) in out.iter_mut().enumerate() {
        *out = f32::from(block[2 + i] as i8) * d;
    }
}

/// The low, then the high nibbles of 16 bytes. As bytes first: the compiler makes vectors of this loop and of the
/// one that converts 32 bytes, but not of both in one.
#[inline(always)]
pub(super) fn nibbles(bytes: &[u8; 16]) -> [u8; 32] {
    let mut levels = [0; 32];
    for i in 0..16 {
        levels[i] = bytes[i] & 15;
    }
    for i in 0..16 {
        levels[16 + i] = bytes[i] >> 4;
    }
    levels
}

/// The 16 bytes from `at` on.
#[inline(always)]
pub(super) fn sixteen<const B: usize>(block: &[u8; B], at: usize) -> &[u8; 16] {
    // Blocks are longer than any offset that a format uses; the fallback is never taken.
    block[at..].first_chunk().unwrap_or(&[0; 16])
}

#[inline(always)]
fn q4_0(block: &[u8; 18], out: &mut [f32; 32]) {
    let d = half_at(block, 0);
    for (out, level) in out.iter_mut().zip(nibbles(sixteen(block, 2))) {
        *out = f32::from(level as i8 - 8) * d;
    }
}

#[inline(always)]
fn q4_1(block: &[u8; 20], out: &mut [f32; 32]) {
    let (d, m) = (half_at(block, 0), half_at(block, 2));
    for (out, level) in out.iter_mut().zip(nibbles(sixteen(block, 4))) {
        *out = f32::from(level as i8) * d + m;
    }
}

/// Four bits from `block[at ..]`, the fifth from the 32-bit word before it; element `i` takes bit `i`.
#[inline(always)]
fn five_bits<const B: usize>(block: &[u8; B], at: usize, i: usize) -> (u8, u8) {
    let word = u32::from_le_bytes([block[at - 4], block[at - 3], block[at - 2], block[at - 1]]);
    let byte = block[at + i];
    let low = (byte & 15) | ((word >> i) as u8 & 1) << 4;
    let high = (byte >> 4) | ((word >> (i + 16)) as u8 & 1) << 4;
    (low, high)
}

#[inline(always)]
fn q5_0(block: &[u8; 22], out: &mut [f32; 32]) {
    let d = half_at(block, 0);
    let (low, high) = out.split_at_mut(16);
    for i in 0..16 {
        let (a, b) = five_bits(block, 6, i);
        low[i] = f32::from(a as i8 - 16) * d;
        high[i] = f32::from(b as i8 - 16) * d;
    }
}

#[inline(always)]
fn q5_1(block: &[u8; 24], out: &mut [f32; 32]) {
    let (d, m) = (half_at(block, 0), half_at(block, 2));
    let (low, high) = out.split_at_mut(16);
    for i in 0..16 {
        let (a, b) = five_bits(block, 8, i);
        low[i] = f32::from(a) * d + m;
        high[i] = f32::from(b) * d + m;
    }
}

#[inline(always)]
fn iq4_nl(block: &[u8; 18], out: &mut [f32; 32]) {
    let d = half_at(block, 0);
    iq4_levels(d, &block[2..], out);
}

/// 32 weights of 4-bit level numbers, 16 bytes, low nibbles first.
#[inline(always)]
pub(super) fn iq4_levels(d: f32, bytes: &[u8], out: &mut [f32]) {
    let (low, high) = out[..32].split_at_mut(16);
    for i in 0..16 {
        low[i] = d * f32::from(IQ4_LEVELS[usize::from(bytes[i] & 15)]);
        high[i] = d * f32::from(IQ4_LEVELS[usize::from(bytes[i] >> 4)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_converts_as_the_half_crate_does() {
        for bits in 0..=u16::MAX {
            let expected = half::f16::from_bits(bits);
            let found = f16_to_f32(bits);
            if expected.is_nan() {
                assert!(found.is_nan());
            } else {
                assert_eq!(found.to_bits(), expected.to_f32().to_bits(), "half {bits:#06x}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "Q8_0: 33 bytes do not hold 32 weights")]
    fn wrong_size_panics() {
        decode(Format::Q8_0, &[0; 33], &mut [0.0; 32]);
    }
}
