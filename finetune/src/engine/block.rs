//! Forward pass of one transformer block.

use halligan_shaders::{AttentionShape, Executor, RopeShape};

use super::{LayerLora, weights::LayerWeights, workspace::Workspace};
use crate::{
    lora::{LoraMatrix, Target},
    model::Description,
};

/// Attention of the model over `rows` rows.
pub(super) fn attention_shape(d: &Description, rows: usize) -> AttentionShape {
    AttentionShape {
        rows,
        heads: d.heads,
        kv_heads: d.kv_heads,
        head_dim: d.head_dim,
        scale: 1.0 / (d.head_dim as f32).sqrt(),
    }
}

/// Rotation of `heads` heads over `rows` rows.
pub(super) fn rope_shape(d: &Description, rows: usize, heads: usize) -> RopeShape {
    RopeShape { rows, heads, head_dim: d.head_dim, rotated: d.rope.rotated, style: d.rope.style }
}

/// `out = x W^T`, plus the adapter's share, if there is one.
fn project<E: Executor>(
    exec: &mut E,
    x: &E::Tensor,
    weight: &E::Weight,
    lora: &Option<LoraMatrix<E>>,
    rows: usize,
    accumulate: bool,
    down: &mut E::Tensor,
    out: &mut E::Tensor,
) {
    exec.matmul_weight(x, weight, rows, accumulate, out);
    if let Some(lora) = lora {
        lora.forward(exec, x, rows, down, out);
    }
}

/// Runs block `layer`: reads and replaces `ws.stream`, keeps its input and activations.
pub(super) fn forward<E: Executor>(
    exec: &mut E,
    d: &Description,
    weights: &LayerWeights<E>,
    frequencies: &E::Tensor,
    lora: &LayerLora<E>,
    ws: &mut Workspace<E>,
    layer: usize,
    rows: usize,
) {
    exec.copy(&ws.stream, rows * d.hidden, &mut ws.block_inputs[layer]);
    attention(exec, d, weights, frequencies, lora, ws, layer, rows);
    feed_forward(exec, d, weights, lora, ws, layer, rows);
}

/// `middle = input + attention(norm(input)) Wo^T`.
fn attention<E: Executor>(
    exec: &mut E,
    d: &Description,
    weights: &LayerWeights<E>,
    frequencies: &E::Tensor,
    lora: &LayerLora<E>,
    ws: &mut Workspace<E>,
    layer: usize,
    rows: usize,
) {
    let slot = ws.slot(layer);
    let act = &mut ws.activations[slot];
    let input = &ws.block_inputs[layer];
    exec.rms_norm(input, &weights.attn_norm, rows, d.hidden, d.norm_epsilon, &mut ws.normed);
    let [q_down, k_down, v_down, o_down, ..] = &mut act.down;
    let normed = &ws.normed;
    project(exec, normed, &weights.attn_q, &lora[Target::Q as usize], rows, false, q_down, &mut act.q);
    project(exec, normed, &weights.attn_k, &lora[Target::K as usize], rows, false, k_down, &mut act.k);
    project(exec, normed, &weights.attn_v, &lora[Target::V as usize], rows, false, v_down, &mut act.v);
    if let Some([q_bias, k_bias, v_bias]) = &weights.qkv_bias {
        exec.add_bias(q_bias, rows, d.query_width(), &mut act.q);
        exec.add_bias(k_bias, rows, d.key_value_width(), &mut act.k);
        exec.add_bias(v_bias, rows, d.key_value_width(), &mut act.v);
    }
    if let (Some([q_gain, k_gain]), Some([q_raw, k_raw])) = (&weights.qk_norm, &mut act.qk_unnormed) {
        std::mem::swap(q_raw, &mut act.q);
        std::mem::swap(k_raw, &mut act.k);
        exec.rms_norm(q_raw, q_gain, rows * d.heads, d.head_dim, d.norm_epsilon, &mut act.q);
        exec.rms_norm(k_raw, k_gain, rows * d.kv_heads, d.head_dim, d.norm_epsilon, &mut act.k);
    }
    exec.rope(rope_shape(d, rows, d.heads), &ws.positions, frequencies, false, &mut act.q);
    exec.rope(rope_shape(d, rows, d.kv_heads), &ws.positions, frequencies, false, &mut act.k);
    let shape = attention_shape(d, rows);
    exec.attention(shape, &act.q, &act.k, &act.v, &ws.starts, &mut act.attention, &mut act.log_sum_exp);
    exec.copy(input, rows * d.hidden, &mut act.middle);
    let lora = &lora[Target::O as usize];
    project(exec, &act.attention, &weights.attn_output, lora, rows, true, o_down, &mut act.middle);
}

/// `stream = middle + (silu(gate) * up) Wd^T` with gate and up from `norm(middle)`.
fn feed_forward<E: Executor>(
    exec: &mut E,
    d: &Description,
    weights: &LayerWeights<E>,
    lora: &LayerLora<E>,
    ws: &mut Workspace<E>,
    layer: usize,
    rows: usize,
) {
    let slot = ws.slot(layer);
    let act = &mut ws.activations[slot];
    exec.rms_norm(&act.middle, &weights.ffn_norm, rows, d.hidden, d.norm_epsilon, &mut ws.normed);
    let [.., gate_down, up_down, down_down] = &mut act.down;
    let normed = &ws.normed;
    project(exec, normed, &weights.ffn_gate, &lora[Target::Gate as usize], rows, false, gate_down, &mut act.gate);
    project(exec, normed, &weights.ffn_up, &lora[Target::Up as usize], rows, false, up_down, &mut act.up);
    exec.swiglu(&act.gate, &act.up, rows * d.feed_forward, &mut ws.activated);
    exec.copy(&act.middle, rows * d.hidden, &mut ws.stream);
    let lora = &lora[Target::Down as usize];
    project(exec, &ws.activated, &weights.ffn_down, lora, rows, true, down_down, &mut ws.stream);
}
