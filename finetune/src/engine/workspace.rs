//! Every activation buffer of a run, allocated once for the longest batch.

use halligan_shaders::{Dropout, Executor, ExecutorError};

use super::{Batch, Recompute, linear::Downs};
use crate::{
    lora::Target,
    model::{Description, FeedForward},
};

/// Logits computed at a time, 40 MB of f32, so that no `[tokens, vocabulary]` tensor exists.
const LOGIT_ELEMENTS: usize = 10_000_000;
/// Rows of logits computed at least, so that decoding a large output matrix pays, and the step of their number:
/// kernels take tiles of 64 rows.
const LOGIT_ROWS_STEP: usize = 64;

/// What a block keeps for its backward pass; `t` rows each.
pub(super) struct Activations<E: Executor> {
    /// Queries and keys before their norm, only where the model has one.
    pub qk_unnormed: Option<[E::Tensor; 2]>,
    /// Rotated queries `[t, h, d]`.
    pub q: E::Tensor,
    /// Rotated keys `[t, g, d]`.
    pub k: E::Tensor,
    /// Values `[t, g, d]`.
    pub v: E::Tensor,
    /// Attention output `[t, h, d]`.
    pub attention: E::Tensor,
    /// Normalisers of the attention rows `[h, t]`.
    pub log_sum_exp: E::Tensor,
    /// Residual stream between attention and feed-forward `[t, c]`.
    pub middle: E::Tensor,
    /// Gate, where the model has one, and up projection `[t, f]`.
    pub gate: Option<E::Tensor>,
    pub up: E::Tensor,
    /// Both in half precision, two values an element, where they are kept so; `gate` and `up` are then empty
    /// unless lent ([`Workspace::lend_wide`]).
    halves: Option<[E::Tensor; 2]>,
    /// Outputs of attention and feed-forward before their post norms `[t, c]`, only where the model has them.
    pub branches: Option<[E::Tensor; 2]>,
    /// `scale * x A^T` of each adapted matrix `[t, r]`.
    pub downs: Downs<E>,
}

impl<E: Executor> Activations<E> {
    fn new(exec: &mut E, d: &Description, room: &Room) -> Result<Self, ExecutorError> {
        let &Room { rows, rank, adapted, .. } = room;
        let (queries, keys) = (rows * d.query_width(), rows * d.key_value_width());
        let (hidden, inner) = (rows * d.hidden, rows * d.feed_forward);
        let gated = matches!(d.feed_forward_kind, FeedForward::Gated(_));
        let inner_kept = if room.recompute == Recompute::Half { 0 } else { inner };
        let mut downs: Downs<E> = std::array::from_fn(|_| None);
        for (down, _) in downs.iter_mut().zip(adapted).filter(|(_, adapted)| *adapted) {
            *down = Some(exec.zeros(rows * rank)?);
        }
        Ok(Self {
            qk_unnormed: if d.qk_norm { Some([exec.zeros(queries)?, exec.zeros(keys)?]) } else { None },
            q: exec.zeros(queries)?,
            k: exec.zeros(keys)?,
            v: exec.zeros(keys)?,
            attention: exec.zeros(queries)?,
            log_sum_exp: exec.zeros(rows * d.heads)?,
            middle: exec.zeros(hidden)?,
            gate: gated.then(|| exec.zeros(inner_kept)).transpose()?,
            up: exec.zeros(inner_kept)?,
            halves: match room.recompute {
                Recompute::Half => {
                    Some([exec.zeros(inner.div_ceil(2) * usize::from(gated))?, exec.zeros(inner.div_ceil(2))?])
                }
                Recompute::Never | Recompute::Blocks => None,
            },
            branches: if d.post_norms { Some([exec.zeros(hidden)?, exec.zeros(hidden)?]) } else { None },
            downs,
        })
    }
}

/// How large the buffers must be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Most rows of a batch.
    pub rows: usize,
    /// Highest rank of the adapter.
    pub rank: usize,
    /// Which projections start an adapted matrix, in some block.
    pub adapted: [bool; Target::ALL.len()],
    /// Lowest adapted block: nothing below it has a backward pass, so nothing there is kept.
    pub lowest: usize,
    /// Trained tensors.
    pub parameters: usize,
    pub recompute: Recompute,
}

/// All buffers. Names say what they hold between blocks; scratch is free for any use inside one call.
pub(super) struct Workspace<E: Executor> {
    pub max_rows: usize,
    pub recompute: Recompute,
    lowest: usize,
    /// Tokens of the longest sample of the batch.
    pub longest: usize,
    /// Dropout of the batch, and the buffer for masked inputs `[t, max(c, f, h d)]` of runs that use it.
    pub dropout: Option<Dropout>,
    pub masked: Option<E::Tensor>,
    pub tokens: E::Indices,
    pub positions: E::Indices,
    pub starts: E::Indices,
    pub ends: E::Indices,
    /// Rows and targets of one chunk of the loss.
    pub loss_rows: E::Indices,
    pub targets: E::Indices,
    /// Residual stream `[t, c]`.
    pub stream: E::Tensor,
    /// Gradient of the residual stream `[t, c]`.
    pub d_stream: E::Tensor,
    /// Input of each block `[t, c]`.
    pub block_inputs: Vec<E::Tensor>,
    /// One set a block, or one set for all when blocks are recomputed.
    pub activations: Vec<Activations<E>>,
    /// Normalised input `[t, c]`, and its gradient.
    pub normed: E::Tensor,
    pub d_normed: E::Tensor,
    /// Gate and up of the block at work, where blocks keep theirs in half precision.
    wide: Option<[E::Tensor; 2]>,
    inner: usize,
    /// Feed-forward activation `[t, f]`, and its gradient.
    pub activated: E::Tensor,
    pub d_activated: E::Tensor,
    /// Gradients of q, k, v and of the attention output.
    pub d_q: E::Tensor,
    pub d_k: E::Tensor,
    pub d_v: E::Tensor,
    pub d_attention: E::Tensor,
    /// Gradient of a branch before its post norm `[t, c]`, only where the model has them.
    pub d_branch: Option<E::Tensor>,
    /// Gradient of a low-rank projection `[t, r]`.
    pub d_down: E::Tensor,
    /// Rows of the loss chunk: stream, normed, their gradients `[rows, c]`, logits `[rows, v]`, losses.
    pub head_stream: E::Tensor,
    pub head_normed: E::Tensor,
    pub d_head_normed: E::Tensor,
    pub d_head_stream: E::Tensor,
    pub logits: E::Tensor,
    pub losses: E::Tensor,
    /// Squared norm of each parameter's gradient.
    pub squares: E::Tensor,
    /// Rows of a loss chunk.
    pub head_rows: usize,
}

impl<E: Executor> Workspace<E> {
    pub fn new(exec: &mut E, d: &Description, room: &Room) -> Result<Self, ExecutorError> {
        let &Room { rows: max_rows, rank, lowest, recompute, .. } = room;
        let hidden = max_rows * d.hidden;
        let (queries, keys) = (max_rows * d.query_width(), max_rows * d.key_value_width());
        let inner = max_rows * d.feed_forward;
        let head_rows =
            (LOGIT_ELEMENTS / d.vocabulary / LOGIT_ROWS_STEP * LOGIT_ROWS_STEP).max(LOGIT_ROWS_STEP).min(max_rows);
        let kept = d.layers - lowest + usize::from(lowest > 0);
        let sets = match recompute {
            Recompute::Never | Recompute::Half => kept,
            Recompute::Blocks => 1,
        };
        let activations = (0..sets).map(|_| Activations::new(exec, d, room)).collect::<Result<_, _>>()?;
        let block_inputs = (0..kept).map(|_| exec.zeros(hidden)).collect::<Result<_, _>>()?;
        Ok(Self {
            max_rows,
            recompute,
            lowest,
            longest: 0,
            dropout: None,
            masked: None,
            tokens: exec.indices(max_rows)?,
            positions: exec.indices(max_rows)?,
            starts: exec.indices(max_rows)?,
            ends: exec.indices(max_rows)?,
            loss_rows: exec.indices(head_rows)?,
            targets: exec.indices(head_rows)?,
            stream: exec.zeros(hidden)?,
            d_stream: exec.zeros(hidden)?,
            block_inputs,
            activations,
            normed: exec.zeros(hidden)?,
            d_normed: exec.zeros(hidden)?,
            wide: match recompute {
                Recompute::Half => Some([exec.zeros(inner)?, exec.zeros(inner)?]),
                Recompute::Never | Recompute::Blocks => None,
            },
            inner: d.feed_forward,
            activated: exec.zeros(inner)?,
            d_activated: exec.zeros(inner)?,
            d_q: exec.zeros(queries)?,
            d_k: exec.zeros(keys)?,
            d_v: exec.zeros(keys)?,
            d_attention: exec.zeros(queries)?,
            d_branch: d.post_norms.then(|| exec.zeros(hidden)).transpose()?,
            d_down: exec.zeros(max_rows * rank)?,
            head_stream: exec.zeros(head_rows * d.hidden)?,
            head_normed: exec.zeros(head_rows * d.hidden)?,
            d_head_normed: exec.zeros(head_rows * d.hidden)?,
            d_head_stream: exec.zeros(head_rows * d.hidden)?,
            logits: exec.zeros(head_rows * d.vocabulary)?,
            losses: exec.zeros(head_rows)?,
            squares: exec.zeros(room.parameters)?,
            head_rows,
        })
    }

    /// Copies a batch's indices to the device.
    ///
    /// # Panics
    /// When the batch has more rows than the workspace.
    pub fn load(&mut self, exec: &mut E, batch: &Batch) {
        assert!(batch.rows() <= self.max_rows, "a batch has {} rows, room is for {}", batch.rows(), self.max_rows);
        self.longest = batch.positions.iter().max().map_or(0, |&last| last as usize + 1);
        exec.write_indices(&mut self.tokens, &batch.tokens);
        exec.write_indices(&mut self.positions, &batch.positions);
        exec.write_indices(&mut self.starts, &batch.starts);
        exec.write_indices(&mut self.ends, &batch.ends);
    }

    /// Which set of activations a layer uses.
    pub fn slot(&self, layer: usize) -> usize {
        match self.recompute {
            Recompute::Never | Recompute::Half => self.input_slot(layer),
            Recompute::Blocks => 0,
        }
    }

    /// Where a layer's input is kept; layers below the lowest adapted one share the last place.
    pub fn input_slot(&self, layer: usize) -> usize {
        layer.checked_sub(self.lowest).unwrap_or(self.block_inputs.len() - 1)
    }

    /// Gives a set of activations the buffers of gate and up, where it keeps halves, and takes them back at the next
    /// call.
    pub fn lend_wide(&mut self, slot: usize) {
        let (act, Some([gate, up])) = (&mut self.activations[slot], &mut self.wide) else { return };
        if let Some(own) = &mut act.gate {
            std::mem::swap(own, gate);
        }
        std::mem::swap(&mut act.up, up);
    }

    /// Rounds a block's gate and up into its halves, where it keeps them so.
    pub fn pack_wide(&mut self, exec: &mut E, slot: usize, rows: usize) {
        let act = &mut self.activations[slot];
        let (len, Some([gate_half, up_half])) = (rows * self.inner, &mut act.halves) else { return };
        if let Some(gate) = &act.gate {
            exec.pack_half(gate, len, gate_half);
        }
        exec.pack_half(&act.up, len, up_half);
    }

    /// Reads a block's gate and up back from its halves, where it keeps them so.
    pub fn unpack_wide(&mut self, exec: &mut E, slot: usize, rows: usize) {
        let act = &mut self.activations[slot];
        let (len, Some([gate_half, up_half])) = (rows * self.inner, &act.halves) else { return };
        if let Some(gate) = &mut act.gate {
            exec.unpack_half(gate_half, len, gate);
        }
        exec.unpack_half(up_half, len, &mut act.up);
    }

    /// Sets the dropout of the batches to come.
    pub fn set_dropout(
        &mut self,
        exec: &mut E,
        d: &Description,
        dropout: Option<Dropout>,
    ) -> Result<(), ExecutorError> {
        self.dropout = dropout.filter(|dropout| dropout.probability > 0.0);
        if self.dropout.is_some() && self.masked.is_none() {
            let widest = d.hidden.max(d.feed_forward).max(d.query_width());
            self.masked = Some(exec.zeros(self.max_rows * widest)?);
        }
        Ok(())
    }
}
