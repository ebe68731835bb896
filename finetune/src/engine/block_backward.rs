//! Backward pass of one transformer block, written by hand.

use halligan_shaders::Executor;

use super::{
    LayerLora, Recompute,
    block::{self, attention_shape, rope_shape},
    weights::LayerWeights,
    workspace::Workspace,
};
use crate::{lora::LoraMatrix, model::Description};

/// Adds the adapter gradients of block `layer`; turns `ws.d_stream` from the gradient of the block's output
/// into that of its input, or leaves it meaningless when `needs_input_gradient` is false.
pub(super) fn backward<E: Executor>(
    exec: &mut E,
    d: &Description,
    weights: &LayerWeights<E>,
    frequencies: &E::Tensor,
    lora: &mut LayerLora<E>,
    ws: &mut Workspace<E>,
    layer: usize,
    rows: usize,
    needs_input_gradient: bool,
) {
    if ws.recompute == Recompute::Blocks {
        // The forward pass replaces the stream, which nothing reads any more.
        exec.copy(&ws.block_inputs[layer], rows * d.hidden, &mut ws.stream);
        block::forward(exec, d, weights, frequencies, lora, ws, layer, rows);
    }
    feed_forward(exec, d, weights, lora, ws, layer, rows);
    attention(exec, d, weights, frequencies, lora, ws, layer, rows, needs_input_gradient);
}

/// Backward of `out = x W^T + lora(x)` given `d_out`: the adapter's gradients, and `d_x` when asked.
fn project<E: Executor>(
    exec: &mut E,
    x: &E::Tensor,
    weight: &E::Weight,
    lora: &mut Option<LoraMatrix<E>>,
    down: &E::Tensor,
    d_out: &E::Tensor,
    rows: usize,
    d_down: &mut E::Tensor,
    d_x: Option<(&mut E::Tensor, bool)>,
) {
    let d_x = d_x.map(|(d_x, accumulate)| {
        exec.matmul_weight_backward(d_out, weight, rows, accumulate, d_x);
        d_x
    });
    if let Some(lora) = lora {
        lora.backward(exec, x, down, d_out, rows, d_down, d_x);
    }
}

/// From `d_stream` (gradient of the block's output) to `d_stream` (gradient of `middle`).
fn feed_forward<E: Executor>(
    exec: &mut E,
    d: &Description,
    weights: &LayerWeights<E>,
    lora: &mut LayerLora<E>,
    ws: &mut Workspace<E>,
    layer: usize,
    rows: usize,
) {
    let slot = ws.slot(layer);
    let act = &mut ws.activations[slot];
    let inner = rows * d.feed_forward;
    let [.., gate_lora, up_lora, down_lora] = lora;
    let [.., gate_down, up_down, down_down] = &act.down;
    exec.swiglu(&act.gate, &act.up, inner, &mut ws.activated);
    let d_activated = Some((&mut ws.d_activated, false));
    project(
        exec,
        &ws.activated,
        &weights.ffn_down,
        down_lora,
        down_down,
        &ws.d_stream,
        rows,
        &mut ws.d_down,
        d_activated,
    );
    // From here gate and up hold their gradients.
    exec.swiglu_backward(&ws.d_activated, inner, &mut act.gate, &mut act.up);
    exec.rms_norm(&act.middle, &weights.ffn_norm, rows, d.hidden, d.norm_epsilon, &mut ws.normed);
    let (x, d_down) = (&ws.normed, &mut ws.d_down);
    let d_x = &mut ws.d_normed;
    project(exec, x, &weights.ffn_gate, gate_lora, gate_down, &act.gate, rows, d_down, Some((d_x, false)));
    project(exec, x, &weights.ffn_up, up_lora, up_down, &act.up, rows, d_down, Some((d_x, true)));
    exec.rms_norm_backward(
        &act.middle,
        &weights.ffn_norm,
        &ws.d_normed,
        rows,
        d.hidden,
        d.norm_epsilon,
        &mut ws.d_stream,
    );
}

/// From `d_stream` (gradient of `middle`) to `d_stream` (gradient of the block's input).
fn attention<E: Executor>(
    exec: &mut E,
    d: &Description,
    weights: &LayerWeights<E>,
    frequencies: &E::Tensor,
    lora: &mut LayerLora<E>,
    ws: &mut Workspace<E>,
    layer: usize,
    rows: usize,
    needs_input_gradient: bool,
) {
    let slot = ws.slot(layer);
    let act = &mut ws.activations[slot];
    let [q_lora, k_lora, v_lora, o_lora, ..] = lora;
    let [q_down, k_down, v_down, o_down, ..] = &act.down;
    let d_attention = Some((&mut ws.d_attention, false));
    project(
        exec,
        &act.attention,
        &weights.attn_output,
        o_lora,
        o_down,
        &ws.d_stream,
        rows,
        &mut ws.d_down,
        d_attention,
    );
    exec.attention_backward(
        attention_shape(d, rows),
        &act.q,
        &act.k,
        &act.v,
        &ws.starts,
        &ws.ends,
        &act.attention,
        &act.log_sum_exp,
        &ws.d_attention,
        &mut ws.d_q,
        &mut ws.d_k,
        &mut ws.d_v,
    );
    exec.rope(rope_shape(d, rows, d.heads), &ws.positions, frequencies, true, &mut ws.d_q);
    exec.rope(rope_shape(d, rows, d.kv_heads), &ws.positions, frequencies, true, &mut ws.d_k);
    if let (Some([q_gain, k_gain]), Some([q_raw, k_raw])) = (&weights.qk_norm, &act.qk_unnormed) {
        // q and k are not needed any more: they take the gradients of the unnormalised ones.
        exec.fill(0.0, rows * d.query_width(), &mut act.q);
        exec.fill(0.0, rows * d.key_value_width(), &mut act.k);
        let (head_dim, epsilon) = (d.head_dim, d.norm_epsilon);
        exec.rms_norm_backward(q_raw, q_gain, &ws.d_q, rows * d.heads, head_dim, epsilon, &mut act.q);
        exec.rms_norm_backward(k_raw, k_gain, &ws.d_k, rows * d.kv_heads, head_dim, epsilon, &mut act.k);
        std::mem::swap(&mut ws.d_q, &mut act.q);
        std::mem::swap(&mut ws.d_k, &mut act.k);
    }
    let input = &ws.block_inputs[layer];
    exec.rms_norm(input, &weights.attn_norm, rows, d.hidden, d.norm_epsilon, &mut ws.normed);
    let x = &ws.normed;
    let d_down = &mut ws.d_down;
    let projections = [
        (&weights.attn_q, q_lora, q_down, &ws.d_q),
        (&weights.attn_k, k_lora, k_down, &ws.d_k),
        (&weights.attn_v, v_lora, v_down, &ws.d_v),
    ];
    for (index, (weight, lora, down, d_out)) in projections.into_iter().enumerate() {
        let d_x = needs_input_gradient.then_some((&mut ws.d_normed, index > 0));
        project(exec, x, weight, lora, down, d_out, rows, d_down, d_x);
    }
    if needs_input_gradient {
        let d_stream = &mut ws.d_stream;
        exec.rms_norm_backward(input, &weights.attn_norm, &ws.d_normed, rows, d.hidden, d.norm_epsilon, d_stream);
    }
}
