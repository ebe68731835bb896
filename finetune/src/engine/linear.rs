//! The linear layers of a block: frozen matrices that share an input, with the adapter's share of each.

use halligan_shaders::{Executor, ExecutorError};

use super::lora::{LoraMatrix, Masking};
use crate::{lora::Target, model::LinearSource};

/// A frozen matrix on a device, with its bias.
pub(super) struct Linear<E: Executor> {
    pub weight: E::Weight,
    bias: Option<E::Tensor>,
    outputs: usize,
}

impl<E: Executor> Linear<E> {
    pub fn new(exec: &mut E, source: &LinearSource) -> Result<Self, ExecutorError> {
        Ok(Self {
            weight: exec.weight(&source.weight)?,
            bias: source.bias.as_ref().map(|bias| exec.upload(bias)).transpose()?,
            outputs: source.weight.rows,
        })
    }
}

/// `scale * x A^T` of each adapted matrix, `[t, r]`, at the index of its first projection.
pub(super) type Downs<E> = [Option<<E as Executor>::Tensor>; Target::ALL.len()];

/// `out = x W^T + bias + lora(x)` for each of the projections, which share the input; added to `out` when
/// `accumulate`.
pub(super) fn forward<E: Executor>(
    exec: &mut E,
    x: &E::Tensor,
    projections: &mut [(Target, &Linear<E>, &mut E::Tensor)],
    lora: &[LoraMatrix<E>],
    rows: usize,
    accumulate: bool,
    mut masking: Option<Masking<'_, E>>,
    downs: &mut Downs<E>,
) {
    for (_, linear, out) in projections.iter_mut() {
        exec.matmul_weight(x, &linear.weight, rows, accumulate, out);
        if let Some(bias) = &linear.bias {
            exec.add_bias(bias, rows, linear.outputs, out);
        }
    }
    for matrix in lora {
        let mut started = false;
        for (projection, target) in matrix.matrix.targets.iter().enumerate() {
            let Some((_, _, out)) = projections.iter_mut().find(|(other, ..)| other == target) else { continue };
            let Some(down) = &mut downs[matrix.matrix.targets[0] as usize] else { continue };
            if !started {
                matrix.project(exec, x, rows, masking.as_mut(), down);
                started = true;
            }
            matrix.expand(exec, projection, down, rows, out);
        }
    }
}

/// Backward of [`forward`] given `d_out` of each projection: the adapter's gradients, and `d_x` when asked.
/// `d_down [t, r]` is scratch.
pub(super) fn backward<E: Executor>(
    exec: &mut E,
    x: &E::Tensor,
    projections: &[(Target, &Linear<E>, &E::Tensor)],
    lora: &mut [LoraMatrix<E>],
    rows: usize,
    mut masking: Option<Masking<'_, E>>,
    downs: &Downs<E>,
    d_down: &mut E::Tensor,
    mut d_x: Option<&mut E::Tensor>,
) {
    if let Some(d_x) = &mut d_x {
        for (index, (_, linear, d_out)) in projections.iter().enumerate() {
            exec.matmul_weight_backward(d_out, &linear.weight, rows, index > 0, d_x);
        }
    }
    for matrix in lora {
        let targets = matrix.matrix.targets;
        let mut touched = false;
        for (projection, target) in targets.iter().enumerate() {
            let Some((_, _, d_out)) = projections.iter().find(|(other, ..)| other == target) else { continue };
            let Some(down) = &downs[targets[0] as usize] else { continue };
            matrix.expand_backward(exec, projection, d_out, down, rows, d_down);
            touched = true;
        }
        if touched {
            matrix.project_backward(exec, x, d_down, rows, masking.as_mut(), d_x.as_deref_mut());
        }
    }
}
