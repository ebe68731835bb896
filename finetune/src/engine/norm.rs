//! Normalisation layers: root mean square without a bias, layer normalisation with one.

use halligan_shaders::{Executor, ExecutorError};

use crate::model::NormSource;

/// A normalisation layer on a device.
pub(super) struct Norm<E: Executor> {
    gain: E::Tensor,
    bias: Option<E::Tensor>,
    columns: usize,
    epsilon: f32,
}

impl<E: Executor> Norm<E> {
    pub fn new(exec: &mut E, source: &NormSource, epsilon: f32) -> Result<Self, ExecutorError> {
        Ok(Self {
            gain: exec.upload(&source.gain)?,
            bias: source.bias.as_ref().map(|bias| exec.upload(bias)).transpose()?,
            columns: source.gain.len(),
            epsilon,
        })
    }

    /// A norm with a gain only, over rows of its length.
    pub fn with_gain(exec: &mut E, gain: &[f32], epsilon: f32) -> Result<Self, ExecutorError> {
        Ok(Self { gain: exec.upload(gain)?, bias: None, columns: gain.len(), epsilon })
    }

    pub fn forward(&self, exec: &mut E, x: &E::Tensor, rows: usize, out: &mut E::Tensor) {
        match &self.bias {
            None => exec.rms_norm(x, &self.gain, rows, self.columns, self.epsilon, out),
            Some(bias) => exec.layer_norm(x, &self.gain, bias, rows, self.columns, self.epsilon, out),
        }
    }

    /// Adds the gradient by `x` to `d_x`.
    pub fn backward(&self, exec: &mut E, x: &E::Tensor, d_out: &E::Tensor, rows: usize, d_x: &mut E::Tensor) {
        let (columns, epsilon) = (self.columns, self.epsilon);
        match &self.bias {
            None => exec.rms_norm_backward(x, &self.gain, d_out, rows, columns, epsilon, d_x),
            Some(_) => exec.layer_norm_backward(x, &self.gain, d_out, rows, columns, epsilon, d_x),
        }
    }
}
