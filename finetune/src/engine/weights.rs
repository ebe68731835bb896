//! The frozen tensors of a base on a device.

use halligan_shaders::{Executor, ExecutorError};

use crate::model::{Description, LayerSources, ModelSources};

/// Frozen tensors of one block on a device.
pub(super) struct LayerWeights<E: Executor> {
    pub attn_norm: E::Tensor,
    pub attn_q: E::Weight,
    pub attn_k: E::Weight,
    pub attn_v: E::Weight,
    /// Biases of q, k and v.
    pub qkv_bias: Option<[E::Tensor; 3]>,
    /// Per-head gains of q and k, `[d]`.
    pub qk_norm: Option<[E::Tensor; 2]>,
    pub attn_output: E::Weight,
    pub ffn_norm: E::Tensor,
    pub ffn_gate: E::Weight,
    pub ffn_up: E::Weight,
    pub ffn_down: E::Weight,
}

impl<E: Executor> LayerWeights<E> {
    fn new(exec: &mut E, sources: &LayerSources) -> Result<Self, ExecutorError> {
        let biases = (&sources.attn_q_bias, &sources.attn_k_bias, &sources.attn_v_bias);
        let qkv_bias = match biases {
            (Some(q), Some(k), Some(v)) => Some([exec.upload(q)?, exec.upload(k)?, exec.upload(v)?]),
            _ => None,
        };
        let qk_norm = match (&sources.attn_q_norm, &sources.attn_k_norm) {
            (Some(q), Some(k)) => Some([exec.upload(q)?, exec.upload(k)?]),
            _ => None,
        };
        Ok(Self {
            attn_norm: exec.upload(&sources.attn_norm)?,
            attn_q: exec.weight(&sources.attn_q)?,
            attn_k: exec.weight(&sources.attn_k)?,
            attn_v: exec.weight(&sources.attn_v)?,
            qkv_bias,
            qk_norm,
            attn_output: exec.weight(&sources.attn_output)?,
            ffn_norm: exec.upload(&sources.ffn_norm)?,
            ffn_gate: exec.weight(&sources.ffn_gate)?,
            ffn_up: exec.weight(&sources.ffn_up)?,
            ffn_down: exec.weight(&sources.ffn_down)?,
        })
    }
}

/// Frozen tensors of a base on a device.
pub(super) struct DeviceModel<E: Executor> {
    pub token_embd: E::Weight,
    pub layers: Vec<LayerWeights<E>>,
    pub output_norm: E::Tensor,
    output: Option<E::Weight>,
    /// Rotation angles per position.
    pub frequencies: E::Tensor,
}

impl<E: Executor> DeviceModel<E> {
    pub fn new(exec: &mut E, sources: &ModelSources, d: &Description) -> Result<Self, ExecutorError> {
        let layers = sources.layers.iter().map(|layer| LayerWeights::new(exec, layer)).collect::<Result<_, _>>()?;
        Ok(Self {
            token_embd: exec.weight(&sources.token_embd)?,
            layers,
            output_norm: exec.upload(&sources.output_norm)?,
            output: sources.output.as_ref().map(|source| exec.weight(source)).transpose()?,
            frequencies: exec.upload(&d.rope.frequencies)?,
        })
    }

    /// The output matrix `[v, c]`: its own, or the tied embedding.
    pub fn output(&self) -> &E::Weight {
        self.output.as_ref().unwrap_or(&self.token_embd)
    }
}
