//! Values as pieces of bf16 in the order that tiles take them.
//!
//! A value is the sum of a high piece, its nearest bf16, and a low one, the nearest bf16 of what is left: 16 bits
//! of significand. Along the depth, pair `p` of a step holds values `p` and `p + 16`, in both operands alike: then
//! pairs come out of two vectors without a shuffle across lanes, whichever way the values lie.

use std::arch::x86_64::*;

use super::tiles::{BLOCK, STEP, Step, Sums};

/// A vector, and half of the depth of a step.
const LANES: usize = 16;

/// High and low pieces of two vectors, the first one's in the low halves of the words.
///
/// Beyond the range of bf16 the high piece stays finite and the low one has the rest: what is finite gives finite
/// pieces; an infinity or a NaN is in the low one.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512bf16")]
fn pieces(first: __m512, second: __m512) -> (__m512i, __m512i) {
    /// Smaller magnitude, sign of the first operand.
    const BOUND: i32 = 0b0010;
    let highest = _mm512_set1_ps(half::bf16::MAX.to_f32());
    let high = interleave(_mm512_range_ps::<BOUND>(first, highest), _mm512_range_ps::<BOUND>(second, highest));
    let of_first = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(high));
    let of_second = _mm512_castsi512_ps(_mm512_and_si512(high, _mm512_set1_epi32(0xffff_0000_u32 as i32)));
    (high, interleave(_mm512_sub_ps(first, of_first), _mm512_sub_ps(second, of_second)))
}

/// Words of two rounded values.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn interleave(low: __m512, high: __m512) -> __m512i {
    let order = _mm512_set_epi16(
        31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1,
        16, 0,
    );
    // SAFETY: both types are 64 bytes of plain data.
    let halves: __m512i = unsafe { std::mem::transmute(_mm512_cvtne2ps_pbh(high, low)) };
    _mm512_permutexvar_epi16(order, halves)
}

/// Mask of the first `count` lanes.
fn first_lanes(count: usize) -> __mmask16 {
    if count >= LANES { !0 } else { (1 << count) - 1 }
}

/// Values `at .. at + 16` of a slice, zero past its end.
#[inline]
#[target_feature(enable = "avx512f")]
fn load(values: &[f32], at: usize) -> __m512 {
    let values = &values[at.min(values.len())..];
    // SAFETY: the mask admits no value past the end, and what it hides is not read.
    unsafe { _mm512_maskz_loadu_ps(first_lanes(values.len()), values.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(words: __m512i, line: &mut [u32; LANES]) {
    // SAFETY: a line is one vector.
    unsafe { _mm512_storeu_si512(line.as_mut_ptr().cast(), words) };
}

/// Puts a line that runs along the depth into line `index` of the left operand's `panel [32, depth]`; steps past
/// its end become zero.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512bf16")]
pub fn left_line(values: &[f32], index: usize, panel: &mut [Step]) {
    let (half, line) = (index / LANES, index % LANES);
    for (step, tiles) in panel.iter_mut().enumerate() {
        let (high, low) = pieces(load(values, step * STEP), load(values, step * STEP + LANES));
        store(high, &mut tiles[half].0[line]);
        store(low, &mut tiles[2 + half].0[line]);
    }
}

/// Puts up to 32 lines that run along the depth, each `stride` values after the one before, into the right
/// operand's `panel [depth, 32]`; the rest becomes zero.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512bf16")]
pub fn right_lines(values: &[f32], stride: usize, lines: usize, panel: &mut [Step]) {
    for (step, tiles) in panel.iter_mut().enumerate() {
        let at = (step * STEP).min(stride);
        for half in 0..2 {
            let mut high = [_mm512_setzero_si512(); LANES];
            let mut low = high;
            for line in 0..LANES.min(lines.saturating_sub(half * LANES)) {
                let start = (half * LANES + line) * stride;
                let values = &values[start + at..start + stride];
                (high[line], low[line]) = pieces(load(values, 0), load(values, LANES));
            }
            for (words, line) in transpose(high).into_iter().zip(&mut tiles[half].0) {
                store(words, line);
            }
            for (words, line) in transpose(low).into_iter().zip(&mut tiles[2 + half].0) {
                store(words, line);
            }
        }
    }
}

/// Puts two lines that run across the depth, those of pair `pair` of a step, into the right operand: 32 columns
/// into each of `panels`, which are `stride` steps apart; columns past their end become zero.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512bf16")]
pub fn right_pair(first: &[f32], second: &[f32], pair: usize, panels: &mut [Step], stride: usize) {
    for (panel, tiles) in panels.iter_mut().step_by(stride).enumerate() {
        for half in 0..2 {
            let at = panel * BLOCK + half * LANES;
            let (high, low) = pieces(load(first, at), load(second, at));
            store(high, &mut tiles[half].0[pair]);
            store(low, &mut tiles[2 + half].0[pair]);
        }
    }
}

/// Turns a block of sums over: `sums [32, 32]` becomes its transpose.
#[target_feature(enable = "avx512f,avx512bw")]
pub fn transpose_sums(sums: &mut Sums) {
    let read = |sums: &Sums, row: usize, column: usize| {
        // SAFETY: 16 rows of 16 values from here are inside of the block.
        std::array::from_fn(|r| unsafe { _mm512_loadu_si512(sums.0[row + r].as_ptr().add(column).cast()) })
    };
    let write = |sums: &mut Sums, row: usize, column: usize, words: [__m512i; LANES]| {
        for (r, words) in words.into_iter().enumerate() {
            // SAFETY: as above.
            unsafe { _mm512_storeu_si512(sums.0[row + r].as_mut_ptr().add(column).cast(), words) };
        }
    };
    for at in [0, LANES] {
        let words = transpose(read(sums, at, at));
        write(sums, at, at, words);
    }
    let (above, below) = (transpose(read(sums, 0, LANES)), transpose(read(sums, LANES, 0)));
    write(sums, 0, LANES, below);
    write(sums, LANES, 0, above);
}

/// Transpose of 16 x 16 words: pairs of words, of pairs, then of quarters.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn transpose(rows: [__m512i; LANES]) -> [__m512i; LANES] {
    let mut a = rows;
    for i in 0..8 {
        a[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
        a[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
    }
    let mut b = a;
    for i in 0..4 {
        for j in 0..2 {
            b[4 * i + 2 * j] = _mm512_unpacklo_epi64(a[4 * i + j], a[4 * i + 2 + j]);
            b[4 * i + 2 * j + 1] = _mm512_unpackhi_epi64(a[4 * i + j], a[4 * i + 2 + j]);
        }
    }
    // Quarter q of b[4 i + j] is column 4 q + j of rows 4 i .. 4 i + 4.
    let mut out = b;
    for j in 0..4 {
        let even = |x: __m512i, y: __m512i| _mm512_shuffle_i32x4::<0b10_00_10_00>(x, y);
        let odd = |x: __m512i, y: __m512i| _mm512_shuffle_i32x4::<0b11_01_11_01>(x, y);
        let (low, high) = (even(b[j], b[4 + j]), even(b[8 + j], b[12 + j]));
        out[j] = even(low, high);
        out[8 + j] = odd(low, high);
        let (low, high) = (odd(b[j], b[4 + j]), odd(b[8 + j], b[12 + j]));
        out[4 + j] = even(low, high);
        out[12 + j] = odd(low, high);
    }
    out
}
