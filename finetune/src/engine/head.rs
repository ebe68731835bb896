//! Output head: logits and loss, in chunks of rows, only for rows that count.

use halligan_shaders::{Executor, ExecutorError};

use super::{Batch, weights::DeviceModel, workspace::Workspace};
use crate::model::Description;

/// Logits `[rows, v]` of the given rows of the stream; at most one chunk.
pub(super) fn logits<E: Executor>(
    exec: &mut E,
    model: &DeviceModel<E>,
    d: &Description,
    ws: &mut Workspace<E>,
    rows: &[u32],
) -> Result<Vec<f32>, ExecutorError> {
    project(exec, model, d, ws, rows);
    let mut logits = exec.read(&ws.logits, rows.len() * d.vocabulary)?;
    if let Some(cap) = d.logit_softcap {
        logits.iter_mut().for_each(|logit| *logit = cap * (*logit / cap).tanh());
    }
    Ok(logits)
}

/// Losses of the batch's targets in nats. With a `weight`, also `d_stream` = weight times the gradient of
/// their sum by the residual stream.
pub(super) fn loss<E: Executor>(
    exec: &mut E,
    model: &DeviceModel<E>,
    d: &Description,
    ws: &mut Workspace<E>,
    batch: &Batch,
    weight: Option<f32>,
) -> Result<Vec<f32>, ExecutorError> {
    if weight.is_some() {
        exec.fill(0.0, batch.rows() * d.hidden, &mut ws.d_stream);
    }
    let mut losses = Vec::with_capacity(batch.targets.len());
    for (rows, targets) in batch.loss_rows.chunks(ws.head_rows).zip(batch.targets.chunks(ws.head_rows)) {
        project(exec, model, d, ws, rows);
        exec.write_indices(&mut ws.targets, targets);
        let count = rows.len();
        let factor = weight.unwrap_or(0.0);
        let (v, cap) = (d.vocabulary, d.logit_softcap);
        exec.cross_entropy(&ws.targets, count, v, factor, cap, &mut ws.logits, &mut ws.losses);
        if weight.is_some() {
            exec.matmul_weight_backward(&ws.logits, model.output(), count, false, &mut ws.d_head_normed);
            exec.fill(0.0, count * d.hidden, &mut ws.d_head_stream);
            let norm = &model.output_norm;
            norm.backward(exec, &ws.head_stream, &ws.d_head_normed, count, &mut ws.d_head_stream);
            exec.scatter_rows(&ws.d_head_stream, &ws.loss_rows, count, d.hidden, &mut ws.d_stream);
        }
        losses.extend(exec.read(&ws.losses, count)?);
    }
    Ok(losses)
}

fn project<E: Executor>(exec: &mut E, model: &DeviceModel<E>, d: &Description, ws: &mut Workspace<E>, rows: &[u32]) {
    let count = rows.len();
    exec.write_indices(&mut ws.loss_rows, rows);
    exec.gather_rows(&ws.stream, &ws.loss_rows, count, d.hidden, &mut ws.head_stream);
    model.output_norm.forward(exec, &ws.head_stream, count, &mut ws.head_normed);
    exec.matmul_weight(&ws.head_normed, model.output(), count, false, &mut ws.logits);
}
