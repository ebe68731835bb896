//! What is checked before a kernel is queued: a failure is a bug of the caller and panics.

use super::{HEAD_DIM_MAX, Indices, Tensor, kernels};
use crate::AttentionShape;

/// Panics when a tensor is shorter than its shape.
pub(super) fn fits(kernel: &str, tensors: &[(&Tensor, usize)]) {
    for (i, (tensor, needed)) in tensors.iter().enumerate() {
        assert!(tensor.len >= *needed, "{kernel}: tensor {i} has {} elements, needs {needed}", tensor.len);
    }
}

/// Panics when one of the first `count` indices is `limit` or above.
pub(super) fn below(kernel: &str, indices: &Indices, count: usize, limit: usize) {
    let values = &indices.values[..count];
    if let Some(value) = values.iter().find(|value| **value as usize >= limit) {
        panic!("{kernel}: index {value} is not below {limit}");
    }
}

/// Variant of the attention kernels for heads of `head_dim` channels.
pub(super) fn chunks_variant(head_dim: usize) -> usize {
    let chunks = head_dim.div_ceil(64);
    kernels::CHUNKS
        .iter()
        .position(|count| *count as usize >= chunks)
        .unwrap_or_else(|| panic!("attention: heads of {head_dim} channels, at most {HEAD_DIM_MAX}"))
}

/// What the attention kernels share: lengths, parameters, multiply-adds of one product of scores.
pub(super) struct AttentionCosts {
    pub(super) q_len: usize,
    pub(super) kv_len: usize,
    pub(super) words: [u32; 7],
    pub(super) work: u64,
}

/// Checks an attention shape and its segments.
pub(super) fn attention_costs(shape: &AttentionShape, starts: &Indices) -> AttentionCosts {
    let AttentionShape { rows, heads, kv_heads, head_dim, scale, window, softcap } = *shape;
    assert!(kv_heads > 0 && heads.is_multiple_of(kv_heads), "attention: {heads} heads over {kv_heads}");
    let visible = (0..rows).map(|i| {
        let start = starts.values[i] as usize;
        assert!(start <= i, "attention: row {i} starts at {start}");
        i + 1 - shape.first_key(i, start)
    });
    let work = visible.sum::<usize>() as u64 * (heads * head_dim) as u64;
    // Without a window, one that no segment reaches; without a cap, zero.
    let window = window.map_or(rows, |window| window.min(rows)) as u32;
    let [scale, cap] = [scale, softcap.unwrap_or(0.0)].map(f32::to_bits);
    let words = [rows as u32, heads as u32, kv_heads as u32, head_dim as u32, scale, window, cap];
    AttentionCosts { q_len: rows * heads * head_dim, kv_len: rows * kv_heads * head_dim, words, work }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;

    #[test]
    fn kernel_table_lists_formats_in_the_order_of_the_enum() {
        for (i, format) in Format::ALL.into_iter().enumerate() {
            assert_eq!(format as usize, i);
            assert_eq!(kernels::FORMATS[i].0, format.to_string());
        }
    }
}
