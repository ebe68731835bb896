//! Forward pass of one transformer block, for every architecture of the table.

use halligan_shaders::{AttentionShape, Executor, RopeShape};

use super::{
    linear,
    lora::{LoraMatrix, Masking},
    weights::LayerWeights,
    workspace::Workspace,
};
use crate::{
    lora::Target,
    model::{Description, FeedForward, Positions},
};

/// What a block needs beside weights and buffers.
pub(super) struct BlockContext<'a, E: Executor> {
    pub d: &'a Description,
    pub weights: &'a LayerWeights<E>,
    /// Rotation angles of this layer, of models that rotate.
    pub frequencies: Option<&'a E::Tensor>,
    pub layer: usize,
    pub rows: usize,
}

impl<E: Executor> BlockContext<'_, E> {
    pub fn attention_shape(&self) -> AttentionShape {
        AttentionShape {
            rows: self.rows,
            heads: self.d.heads,
            kv_heads: self.d.kv_heads,
            head_dim: self.d.head_dim,
            scale: self.d.attention_scale,
            window: self.d.window_of(self.layer),
            softcap: self.d.attention_softcap,
        }
    }

    /// Rotates queries and keys, or turns their gradients back.
    pub fn rotate(&self, exec: &mut E, positions: &E::Indices, inverse: bool, q: &mut E::Tensor, k: &mut E::Tensor) {
        let (Positions::Rotary(rope), Some(frequencies)) = (&self.d.positions, self.frequencies) else { return };
        let d = self.d;
        let shape = RopeShape {
            rows: self.rows,
            heads: d.heads,
            head_dim: d.head_dim,
            rotated: rope.rotated,
            style: rope.style,
            magnitude: rope.magnitude,
        };
        exec.rope(shape, positions, frequencies, inverse, q);
        exec.rope(RopeShape { heads: d.kv_heads, ..shape }, positions, frequencies, inverse, k);
    }
}

/// Runs a block: reads and replaces `ws.stream`, keeps its input and activations.
pub(super) fn forward<E: Executor>(
    exec: &mut E,
    block: &BlockContext<'_, E>,
    lora: &[LoraMatrix<E>],
    ws: &mut Workspace<E>,
) {
    let input_slot = ws.input_slot(block.layer);
    exec.copy(&ws.stream, block.rows * block.d.hidden, &mut ws.block_inputs[input_slot]);
    attention(exec, block, lora, ws);
    let slot = ws.slot(block.layer);
    ws.lend_wide(slot);
    feed_forward(exec, block, lora, ws);
    ws.pack_wide(exec, slot, block.rows);
    ws.lend_wide(slot);
}

/// `middle = input + post_norm(attention(norm(input)) Wo^T)`.
fn attention<E: Executor>(exec: &mut E, block: &BlockContext<'_, E>, lora: &[LoraMatrix<E>], ws: &mut Workspace<E>) {
    let &BlockContext { d, weights, layer, rows, .. } = block;
    let (slot, input_slot) = (ws.slot(layer), ws.input_slot(layer));
    let act = &mut ws.activations[slot];
    let input = &ws.block_inputs[input_slot];
    weights.attn_norm.forward(exec, input, rows, &mut ws.normed);
    let mut projections =
        [(Target::Q, &weights.q, &mut act.q), (Target::K, &weights.k, &mut act.k), (Target::V, &weights.v, &mut act.v)];
    let masking = Masking::of(ws.dropout, &mut ws.masked);
    linear::forward(exec, &ws.normed, &mut projections, lora, rows, false, masking, &mut act.downs);
    if let (Some([q_norm, k_norm]), Some([q_raw, k_raw])) = (&weights.qk_norm, &mut act.qk_unnormed) {
        std::mem::swap(q_raw, &mut act.q);
        std::mem::swap(k_raw, &mut act.k);
        q_norm.forward(exec, q_raw, rows * d.heads, &mut act.q);
        k_norm.forward(exec, k_raw, rows * d.kv_heads, &mut act.k);
    }
    block.rotate(exec, &ws.positions, false, &mut act.q, &mut act.k);
    let shape = block.attention_shape();
    exec.attention(shape, &act.q, &act.k, &act.v, &ws.starts, &mut act.attention, &mut act.log_sum_exp);
    exec.copy(input, rows * d.hidden, &mut act.middle);
    let masking = Masking::of(ws.dropout, &mut ws.masked);
    match (&weights.attn_post_norm, &mut act.branches) {
        (Some(norm), Some([branch, _])) => {
            let mut projections = [(Target::O, &weights.o, &mut *branch)];
            linear::forward(exec, &act.attention, &mut projections, lora, rows, false, masking, &mut act.downs);
            norm.forward(exec, branch, rows, &mut ws.normed);
            exec.add(&ws.normed, rows * d.hidden, &mut act.middle);
        }
        _ => {
            let mut projections = [(Target::O, &weights.o, &mut act.middle)];
            linear::forward(exec, &act.attention, &mut projections, lora, rows, true, masking, &mut act.downs);
        }
    }
}

/// `stream = middle + post_norm(feed_forward(norm(middle)))`.
fn feed_forward<E: Executor>(exec: &mut E, block: &BlockContext<'_, E>, lora: &[LoraMatrix<E>], ws: &mut Workspace<E>) {
    let &BlockContext { d, weights, layer, rows, .. } = block;
    let slot = ws.slot(layer);
    let act = &mut ws.activations[slot];
    weights.ffn_norm.forward(exec, &act.middle, rows, &mut ws.normed);
    let masking = Masking::of(ws.dropout, &mut ws.masked);
    let up = (Target::Up, &weights.up, &mut act.up);
    match (&weights.gate, &mut act.gate) {
        (Some(gate), Some(out)) => {
            let mut projections = [(Target::Gate, gate, out), up];
            linear::forward(exec, &ws.normed, &mut projections, lora, rows, false, masking, &mut act.downs);
        }
        _ => linear::forward(exec, &ws.normed, &mut [up], lora, rows, false, masking, &mut act.downs),
    }
    activate(exec, d, act.gate.as_ref(), &act.up, rows, &mut ws.activated);
    exec.copy(&act.middle, rows * d.hidden, &mut ws.stream);
    let masking = Masking::of(ws.dropout, &mut ws.masked);
    match (&weights.ffn_post_norm, &mut act.branches) {
        (Some(norm), Some([_, branch])) => {
            let mut projections = [(Target::Down, &weights.down, &mut *branch)];
            linear::forward(exec, &ws.activated, &mut projections, lora, rows, false, masking, &mut act.downs);
            norm.forward(exec, branch, rows, &mut ws.normed);
            exec.add(&ws.normed, rows * d.hidden, &mut ws.stream);
        }
        _ => {
            let mut projections = [(Target::Down, &weights.down, &mut ws.stream)];
            linear::forward(exec, &ws.activated, &mut projections, lora, rows, true, masking, &mut act.downs);
        }
    }
}

/// The nonlinearity of the feed-forward network.
pub(super) fn activate<E: Executor>(
    exec: &mut E,
    d: &Description,
    gate: Option<&E::Tensor>,
    up: &E::Tensor,
    rows: usize,
    out: &mut E::Tensor,
) {
    let len = rows * d.feed_forward;
    match (d.feed_forward_kind, gate) {
        (FeedForward::Gated(activation), Some(gate)) => exec.glu(activation, gate, up, len, out),
        (FeedForward::Gated(activation) | FeedForward::Plain(activation), _) => exec.activate(activation, up, len, out),
    }
}
