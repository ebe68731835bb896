//! Decoding of ggml's super-blocks: 256 weights with 6-bit (or 4-bit) scales per 16 or 32 of them.
//!
//! The bit layouts are in `ggml-common.h` (MIT); each function repeats the f32 operations of the
//! `dequantize_row_*` of the same name in the same order.

use super::decode::{half_at, iq4_levels};

/// Q2_K: 16 bytes of (scale, minimum) nibbles, 64 bytes of 2-bit levels, `d`, `dmin`.
#[inline(always)]
pub(super) fn q2_k(block: &[u8; 84], out: &mut [f32; 256]) {
    let (d, dmin) = (half_at(block, 80), half_at(block, 82));
    for (group, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let scale = block[group];
        let (dl, ml) = (d * f32::from(scale & 15), dmin * f32::from(scale >> 4));
        let (bytes, shift) = two_bit_place(group);
        for (out, byte) in out.iter_mut().zip(&block[16 + bytes..]) {
            *out = dl * (u32::from(*byte) >> shift & 3) as f32 - ml;
        }
    }
}

/// First byte and bit of the 2-bit levels of a group of 16: 128 weights share 32 bytes, 32 weights a shift.
#[inline(always)]
fn two_bit_place(group: usize) -> (usize, usize) {
    (group / 8 * 32 + group % 2 * 16, group % 8 / 2 * 2)
}

/// Q3_K: 32 bytes of third bits, 64 bytes of 2-bit levels, 12 bytes of 6-bit scales, `d`.
#[inline(always)]
pub(super) fn q3_k(block: &[u8; 110], out: &mut [f32; 256]) {
    let d = half_at(block, 108);
    for (group, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let low = block[96 + group % 8] >> (group / 8 * 4) & 15;
        let high = block[104 + group % 4] >> (group / 4 * 2) & 3;
        let dl = d * f32::from((low | high << 4) as i8 - 32);
        let (bytes, shift) = two_bit_place(group);
        let third = group / 2;
        for (i, out) in out.iter_mut().enumerate() {
            let level = (u32::from(block[32 + bytes + i]) >> shift & 3) as i32;
            let missing = (!u32::from(block[group % 2 * 16 + i]) >> third & 1) as i32 * 4;
            *out = dl * (level - missing) as f32;
        }
    }
}

/// Scale and minimum `j` of the 12 bytes that Q4_K and Q5_K share: 8 pairs of 6 bits.
#[inline(always)]
fn scale_and_minimum(scales: &[u8], j: usize) -> (f32, f32) {
    let (scale, minimum) = if j < 4 {
        (scales[j] & 63, scales[j + 4] & 63)
    } else {
        (scales[j + 4] & 15 | scales[j - 4] >> 6 << 4, scales[j + 4] >> 4 | scales[j] >> 6 << 4)
    };
    (f32::from(scale), f32::from(minimum))
}

/// Q4_K: `d`, `dmin`, 12 bytes of scales, 128 bytes of nibbles; 32 weights per scale.
#[inline(always)]
pub(super) fn q4_k(block: &[u8; 144], out: &mut [f32; 256]) {
    let (d, dmin) = (half_at(block, 0), half_at(block, 2));
    for (group, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, minimum) = scale_and_minimum(&block[4..16], group);
        let (dl, ml) = (d * scale, dmin * minimum);
        let (bytes, shift) = (16 + group / 2 * 32, group % 2 * 4);
        for (out, byte) in out.iter_mut().zip(&block[bytes..]) {
            *out = dl * (u32::from(*byte) >> shift & 15) as f32 - ml;
        }
    }
}

/// Q5_K: as Q4_K, with 32 bytes of fifth bits before the nibbles.
#[inline(always)]
pub(super) fn q5_k(block: &[u8; 176], out: &mut [f32; 256]) {
    let (d, dmin) = (half_at(block, 0), half_at(block, 2));
    for (group, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, minimum) = scale_and_minimum(&block[4..16], group);
        let (dl, ml) = (d * scale, dmin * minimum);
        let (bytes, shift) = (48 + group / 2 * 32, group % 2 * 4);
        for (i, out) in out.iter_mut().enumerate() {
            let level = (u32::from(block[bytes + i]) >> shift & 15) | (u32::from(block[16 + i]) >> group & 1) << 4;
            *out = dl * level as f32 - ml;
        }
    }
}

/// Q6_K: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales, `d`.
#[inline(always)]
pub(super) fn q6_k(block: &[u8; 210], out: &mut [f32; 256]) {
    let d = half_at(block, 208);
    for (half, out) in out.as_chunks_mut::<128>().0.iter_mut().enumerate() {
        let (fours, twos) = (&block[64 * half..][..64], &block[128 + 32 * half..][..32]);
        let scales = &block[192 + 8 * half..][..8];
        for (quarter, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            // All 32 levels first, though two scales share them: shorter loops are unrolled and stay scalar.
            let fours = &fours[quarter % 2 * 32..][..32];
            for (i, out) in out.iter_mut().enumerate() {
                let low = u32::from(fours[i]) >> (quarter / 2 * 4) & 15;
                let high = u32::from(twos[i]) >> (quarter * 2) & 3;
                *out = ((low | high << 4) as i32 - 32) as f32;
            }
            for (out, scale) in out.as_chunks_mut::<16>().0.iter_mut().zip(&scales[2 * quarter..]) {
                let dl = d * f32::from(*scale as i8);
                out.iter_mut().for_each(|level| *level *= dl);
            }
        }
    }
}

/// IQ4_XS: `d`, high bit pairs of 8 scales, their low nibbles, 128 bytes of level numbers.
#[inline(always)]
pub(super) fn iq4_xs(block: &[u8; 136], out: &mut [f32; 256]) {
    let d = half_at(block, 0);
    let high = u16::from_le_bytes([block[2], block[3]]);
    for (group, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let low = block[4 + group / 2] >> (group % 2 * 4) & 15;
        let scale = low | ((high >> (2 * group) & 3) << 4) as u8;
        iq4_levels(d * f32::from(scale as i8 - 32), &block[8 + group * 16..], out);
    }
}
