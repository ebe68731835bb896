//! Backward pass of one transformer block, written by hand.

use halligan_shaders::Executor;

use super::{
    Recompute,
    block::{self, BlockContext, activate},
    linear,
    lora::{LoraMatrix, Masking},
    norm::Norm,
    workspace::Workspace,
};
use crate::{lora::Target, model::FeedForward};

/// Adds the adapter gradients of a block; turns `ws.d_stream` from the gradient of the block's output into that
/// of its input, or leaves it meaningless when `needs_input_gradient` is false.
pub(super) fn backward<E: Executor>(
    exec: &mut E,
    block: &BlockContext<'_, E>,
    lora: &mut [LoraMatrix<E>],
    ws: &mut Workspace<E>,
    needs_input_gradient: bool,
) {
    if ws.recompute == Recompute::Blocks {
        // The forward pass replaces the stream, which nothing reads any more.
        let input_slot = ws.input_slot(block.layer);
        exec.copy(&ws.block_inputs[input_slot], block.rows * block.d.hidden, &mut ws.stream);
        block::forward(exec, block, lora, ws);
    }
    let slot = ws.slot(block.layer);
    ws.lend_wide(slot);
    ws.unpack_wide(exec, slot, block.rows);
    feed_forward(exec, block, lora, ws);
    ws.lend_wide(slot);
    attention(exec, block, lora, ws, needs_input_gradient);
}

/// Gradient of a branch before its post norm, into `d_branch`.
fn through_post_norm<E: Executor>(
    exec: &mut E,
    norm: &Norm<E>,
    branch: &E::Tensor,
    d_out: &E::Tensor,
    rows: usize,
    hidden: usize,
    d_branch: &mut E::Tensor,
) {
    exec.fill(0.0, rows * hidden, d_branch);
    norm.backward(exec, branch, d_out, rows, d_branch);
}

/// From `d_stream` (gradient of the block's output) to `d_stream` (gradient of `middle`).
fn feed_forward<E: Executor>(
    exec: &mut E,
    block: &BlockContext<'_, E>,
    lora: &mut [LoraMatrix<E>],
    ws: &mut Workspace<E>,
) {
    let &BlockContext { d, weights, layer, rows, .. } = block;
    let slot = ws.slot(layer);
    let act = &mut ws.activations[slot];
    activate(exec, d, act.gate.as_ref(), &act.up, rows, &mut ws.activated);
    let d_out = match (&weights.ffn_post_norm, &act.branches, &mut ws.d_branch) {
        (Some(norm), Some([_, branch]), Some(d_branch)) => {
            through_post_norm(exec, norm, branch, &ws.d_stream, rows, d.hidden, d_branch);
            &*d_branch
        }
        _ => &ws.d_stream,
    };
    let projections = [(Target::Down, &weights.down, d_out)];
    let masking = Masking::of(ws.dropout, &mut ws.masked);
    let (d_down, d_x) = (&mut ws.d_down, Some(&mut ws.d_activated));
    linear::backward(exec, &ws.activated, &projections, lora, rows, masking, &act.downs, d_down, d_x);
    weights.ffn_norm.forward(exec, &act.middle, rows, &mut ws.normed);
    // From here gate and up hold their gradients.
    let len = rows * d.feed_forward;
    let masking = Masking::of(ws.dropout, &mut ws.masked);
    let (x, d_down, d_x) = (&ws.normed, &mut ws.d_down, Some(&mut ws.d_normed));
    match (d.feed_forward_kind, &weights.gate, &mut act.gate) {
        (FeedForward::Gated(activation), Some(gate), Some(d_gate)) => {
            exec.glu_backward(activation, &ws.d_activated, len, d_gate, &mut act.up);
            let projections = [(Target::Gate, gate, &*d_gate), (Target::Up, &weights.up, &act.up)];
            linear::backward(exec, x, &projections, lora, rows, masking, &act.downs, d_down, d_x);
        }
        (FeedForward::Gated(activation) | FeedForward::Plain(activation), ..) => {
            exec.activate_backward(activation, &ws.d_activated, len, &mut act.up);
            let projections = [(Target::Up, &weights.up, &act.up)];
            linear::backward(exec, x, &projections, lora, rows, masking, &act.downs, d_down, d_x);
        }
    }
    weights.ffn_norm.backward(exec, &act.middle, &ws.d_normed, rows, &mut ws.d_stream);
}

/// From `d_stream` (gradient of `middle`) to `d_stream` (gradient of the block's input).
fn attention<E: Executor>(
    exec: &mut E,
    block: &BlockContext<'_, E>,
    lora: &mut [LoraMatrix<E>],
    ws: &mut Workspace<E>,
    needs_input_gradient: bool,
) {
    let &BlockContext { d, weights, layer, rows, .. } = block;
    let (slot, input_slot) = (ws.slot(layer), ws.input_slot(layer));
    let act = &mut ws.activations[slot];
    let d_out = match (&weights.attn_post_norm, &act.branches, &mut ws.d_branch) {
        (Some(norm), Some([branch, _]), Some(d_branch)) => {
            through_post_norm(exec, norm, branch, &ws.d_stream, rows, d.hidden, d_branch);
            &*d_branch
        }
        _ => &ws.d_stream,
    };
    let projections = [(Target::O, &weights.o, d_out)];
    let masking = Masking::of(ws.dropout, &mut ws.masked);
    let (d_down, d_x) = (&mut ws.d_down, Some(&mut ws.d_attention));
    linear::backward(exec, &act.attention, &projections, lora, rows, masking, &act.downs, d_down, d_x);
    exec.attention_backward(
        block.attention_shape(),
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
    block.rotate(exec, &ws.positions, true, &mut ws.d_q, &mut ws.d_k);
    if let (Some([q_norm, k_norm]), Some([q_raw, k_raw])) = (&weights.qk_norm, &act.qk_unnormed) {
        // q and k are not needed any more: they take the gradients of the unnormalised ones.
        exec.fill(0.0, rows * d.query_width(), &mut act.q);
        exec.fill(0.0, rows * d.key_value_width(), &mut act.k);
        q_norm.backward(exec, q_raw, &ws.d_q, rows * d.heads, &mut act.q);
        k_norm.backward(exec, k_raw, &ws.d_k, rows * d.kv_heads, &mut act.k);
        std::mem::swap(&mut ws.d_q, &mut act.q);
        std::mem::swap(&mut ws.d_k, &mut act.k);
    }
    let input = &ws.block_inputs[input_slot];
    weights.attn_norm.forward(exec, input, rows, &mut ws.normed);
    let projections =
        [(Target::Q, &weights.q, &ws.d_q), (Target::K, &weights.k, &ws.d_k), (Target::V, &weights.v, &ws.d_v)];
    let masking = Masking::of(ws.dropout, &mut ws.masked);
    let d_x = needs_input_gradient.then_some(&mut ws.d_normed);
    linear::backward(exec, &ws.normed, &projections, lora, rows, masking, &act.downs, &mut ws.d_down, d_x);
    if needs_input_gradient {
        weights.attn_norm.backward(exec, input, &ws.d_normed, rows, &mut ws.d_stream);
    }
}
