//! Causal attention inside segments, blockwise, forward and backward.
//!
//! Queries are taken in blocks; a block sees keys from the first start of its segments to its last
//! row, so the score matrix is `BLOCK x span`, never t x t. The backward pass recomputes the
//! probabilities from `log_sum_exp` (FlashAttention, Dao et al. 2022, arXiv 2205.14135). Threads split
//! the key/value heads: each owns all gradients of its heads, so sums have one fixed order.

use rayon::prelude::*;

use super::{
    math::{dot, exp, highest, tanh, total},
    matmul::small,
};
use crate::{AttentionShape, Matmul};

/// Queries in a block: enough for an efficient product, few enough that packed short rows waste little.
const BLOCK: usize = 32;

/// One block of queries of one head.
struct Block {
    /// First query row.
    first: usize,
    /// Number of queries.
    count: usize,
    /// First key row that any query of the block sees.
    low: usize,
    /// Keys from `low` to the last query of the block.
    span: usize,
}

fn blocks<'a>(shape: &'a AttentionShape, starts: &'a [u32]) -> impl Iterator<Item = Block> + 'a {
    let rows = shape.rows;
    (0..rows).step_by(BLOCK).map(move |first| {
        let count = BLOCK.min(rows - first);
        let first_key = |query: usize| shape.first_key(query, starts[query] as usize);
        let low = (first..first + count).map(first_key).min().unwrap_or(first);
        Block { first, count, low, span: first + count - low }
    })
}

/// Scores of a block, `[count, span]`, masked entries untouched.
fn scores(shape: &AttentionShape, block: &Block, q: (&[f32], usize), k: (&[f32], usize), scores: &mut [f32]) {
    let product = Matmul {
        m: block.count,
        n: block.span,
        k: shape.head_dim,
        transpose_a: false,
        transpose_b: true,
        alpha: shape.scale,
        accumulate: false,
    };
    small(product, q, k, (scores, block.span));
}

/// Keys that query `row` of the block sees, as a range into its score row.
fn visible(shape: &AttentionShape, block: &Block, starts: &[u32], row: usize) -> std::ops::Range<usize> {
    let query = block.first + row;
    shape.first_key(query, starts[query] as usize) - block.low..query + 1 - block.low
}

/// See [`crate::Executor::attention`].
pub fn forward(
    shape: AttentionShape,
    q: &[f32],
    k: &[f32],
    v: &[f32],
    starts: &[u32],
    out: &mut [f32],
    log_sum_exp: &mut [f32],
) {
    let AttentionShape { rows, heads, kv_heads, head_dim, .. } = shape;
    let (q_stride, kv_stride) = (heads * head_dim, kv_heads * head_dim);
    // Threads write disjoint heads of each row: columns, which slices cannot express. Each thread fills
    // its own [rows, d] panel, copied into place afterwards.
    let panels: Vec<(Vec<f32>, Vec<f32>)> = (0..heads)
        .into_par_iter()
        .map(|head| {
            let kv_column = head / (heads / kv_heads) * head_dim;
            let mut panel = vec![0.0; rows * head_dim];
            let mut normaliser = vec![0.0; rows];
            let mut weights = Vec::new();
            for block in blocks(&shape, starts) {
                weights.resize(block.count * block.span, 0.0);
                let q_block = &q[block.first * q_stride + head * head_dim..];
                let k_block = &k[block.low * kv_stride + kv_column..];
                scores(&shape, &block, (q_block, q_stride), (k_block, kv_stride), &mut weights);
                vectorized!({
                    for (row, weights) in weights.chunks_exact_mut(block.span).enumerate() {
                        let seen = visible(&shape, &block, starts, row);
                        if let Some(cap) = shape.softcap {
                            weights[seen.clone()].iter_mut().for_each(|score| *score = cap * tanh(*score / cap));
                        }
                        weights[..seen.start].fill(0.0);
                        weights[seen.end..].fill(0.0);
                        normaliser[block.first + row] = softmax(&mut weights[seen]);
                    }
                });
                let product = Matmul {
                    m: block.count,
                    n: head_dim,
                    k: block.span,
                    transpose_a: false,
                    transpose_b: false,
                    alpha: 1.0,
                    accumulate: false,
                };
                let v_block = &v[block.low * kv_stride + kv_column..];
                let panel = &mut panel[block.first * head_dim..];
                small(product, (&weights, block.span), (v_block, kv_stride), (panel, head_dim));
            }
            (panel, normaliser)
        })
        .collect();
    for (head, (panel, normaliser)) in panels.iter().enumerate() {
        scatter_head(panel, head, head_dim, q_stride, out);
        log_sum_exp[head * rows..(head + 1) * rows].copy_from_slice(normaliser);
    }
}

/// Softmax in place; returns the logarithm of the sum of exponentials.
#[inline(always)]
fn softmax(scores: &mut [f32]) -> f32 {
    let highest = highest(scores);
    scores.iter_mut().for_each(|score| *score = exp(*score - highest));
    let total = total(scores);
    let inverse = 1.0 / total;
    scores.iter_mut().for_each(|score| *score *= inverse);
    highest + total.ln()
}

fn scatter_head(panel: &[f32], head: usize, head_dim: usize, stride: usize, out: &mut [f32]) {
    for (panel, out) in panel.chunks_exact(head_dim).zip(out.chunks_exact_mut(stride)) {
        out[head * head_dim..(head + 1) * head_dim].copy_from_slice(panel);
    }
}

/// Gradients of one key/value head and of the query heads that share it, as `[rows, d]` panels.
struct HeadGradients {
    d_q: Vec<Vec<f32>>,
    d_k: Vec<f32>,
    d_v: Vec<f32>,
}

/// See [`crate::Executor::attention_backward`].
pub fn backward(
    shape: AttentionShape,
    q: &[f32],
    k: &[f32],
    v: &[f32],
    starts: &[u32],
    out: &[f32],
    log_sum_exp: &[f32],
    d_out: &[f32],
    d_q: &mut [f32],
    d_k: &mut [f32],
    d_v: &mut [f32],
) {
    let AttentionShape { heads, kv_heads, head_dim, .. } = shape;
    let gradients: Vec<HeadGradients> = (0..kv_heads)
        .into_par_iter()
        .map(|kv_head| backward_of_kv_head(&shape, kv_head, q, k, v, starts, out, log_sum_exp, d_out))
        .collect();
    let group = heads / kv_heads;
    for (kv_head, gradients) in gradients.iter().enumerate() {
        scatter_head(&gradients.d_k, kv_head, head_dim, kv_heads * head_dim, d_k);
        scatter_head(&gradients.d_v, kv_head, head_dim, kv_heads * head_dim, d_v);
        for (member, panel) in gradients.d_q.iter().enumerate() {
            scatter_head(panel, kv_head * group + member, head_dim, heads * head_dim, d_q);
        }
    }
}

fn backward_of_kv_head(
    shape: &AttentionShape,
    kv_head: usize,
    q: &[f32],
    k: &[f32],
    v: &[f32],
    starts: &[u32],
    out: &[f32],
    log_sum_exp: &[f32],
    d_out: &[f32],
) -> HeadGradients {
    let &AttentionShape { rows, heads, kv_heads, head_dim, scale, .. } = shape;
    let (q_stride, kv_stride) = (heads * head_dim, kv_heads * head_dim);
    let group = heads / kv_heads;
    let mut gradients = HeadGradients {
        d_q: vec![vec![0.0; rows * head_dim]; group],
        d_k: vec![0.0; rows * head_dim],
        d_v: vec![0.0; rows * head_dim],
    };
    let (mut weights, mut d_weights) = (Vec::new(), Vec::new());
    for member in 0..group {
        let head = kv_head * group + member;
        for block in blocks(shape, starts) {
            let q_block = &q[block.first * q_stride + head * head_dim..];
            let d_out_block = &d_out[block.first * q_stride + head * head_dim..];
            let k_block = &k[block.low * kv_stride + kv_head * head_dim..];
            let v_block = &v[block.low * kv_stride + kv_head * head_dim..];
            weights.resize(block.count * block.span, 0.0);
            d_weights.resize(block.count * block.span, 0.0);
            scores(shape, &block, (q_block, q_stride), (k_block, kv_stride), &mut weights);
            let by_keys = Matmul {
                m: block.count,
                n: block.span,
                k: head_dim,
                transpose_a: false,
                transpose_b: true,
                alpha: 1.0,
                accumulate: false,
            };
            small(by_keys, (d_out_block, q_stride), (v_block, kv_stride), (&mut d_weights, block.span));
            vectorized!({
                let rows = weights.chunks_exact_mut(block.span).zip(d_weights.chunks_exact_mut(block.span));
                for (row, (weights, d_weights)) in rows.enumerate() {
                    let at = (block.first + row) * q_stride + head * head_dim;
                    let shared = dot(&out[at..at + head_dim], &d_out[at..at + head_dim]);
                    let normaliser = log_sum_exp[head * shape.rows + block.first + row];
                    let seen = visible(shape, &block, starts, row);
                    for outside in [0..seen.start, seen.end..block.span] {
                        weights[outside.clone()].fill(0.0);
                        d_weights[outside].fill(0.0);
                    }
                    let (weights, d_weights) = (&mut weights[seen.clone()], &mut d_weights[seen]);
                    // From here d_weights holds the gradient of the scores.
                    match shape.softcap {
                        None => {
                            for (weight, d_weight) in weights.iter_mut().zip(d_weights) {
                                *weight = exp(*weight - normaliser);
                                *d_weight = *weight * (*d_weight - shared);
                            }
                        }
                        Some(cap) => {
                            for (weight, d_weight) in weights.iter_mut().zip(d_weights) {
                                let bent = tanh(*weight / cap);
                                *weight = exp(cap * bent - normaliser);
                                *d_weight = *weight * (*d_weight - shared) * (1.0 - bent * bent);
                            }
                        }
                    }
                }
            });
            let panel = &mut gradients.d_q[member][block.first * head_dim..];
            let to_queries = Matmul {
                m: block.count,
                n: head_dim,
                k: block.span,
                transpose_a: false,
                transpose_b: false,
                alpha: scale,
                accumulate: false,
            };
            small(to_queries, (&d_weights, block.span), (k_block, kv_stride), (panel, head_dim));
            let to_keys = Matmul {
                m: block.span,
                n: head_dim,
                k: block.count,
                transpose_a: true,
                transpose_b: false,
                alpha: scale,
                accumulate: true,
            };
            let d_k = &mut gradients.d_k[block.low * head_dim..];
            small(to_keys, (&d_weights, block.span), (q_block, q_stride), (d_k, head_dim));
            let to_values = Matmul { alpha: 1.0, ..to_keys };
            let d_v = &mut gradients.d_v[block.low * head_dim..];
            small(to_values, (&weights, block.span), (d_out_block, q_stride), (d_v, head_dim));
        }
    }
    gradients
}
