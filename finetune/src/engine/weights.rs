//! The frozen tensors of a base on a device.

use halligan_shaders::{Executor, ExecutorError};

use super::{linear::Linear, norm::Norm};
use crate::model::{Description, LayerSources, ModelSources, Positions, RopeDescription};

/// Frozen tensors of one block on a device.
pub(super) struct LayerWeights<E: Executor> {
    pub attn_norm: Norm<E>,
    pub q: Linear<E>,
    pub k: Linear<E>,
    pub v: Linear<E>,
    /// Norms of queries and keys, over the channels of a head.
    pub qk_norm: Option<[Norm<E>; 2]>,
    pub o: Linear<E>,
    pub attn_post_norm: Option<Norm<E>>,
    pub ffn_norm: Norm<E>,
    pub gate: Option<Linear<E>>,
    pub up: Linear<E>,
    pub down: Linear<E>,
    pub ffn_post_norm: Option<Norm<E>>,
}

impl<E: Executor> LayerWeights<E> {
    fn new(exec: &mut E, sources: &LayerSources, epsilon: f32) -> Result<Self, ExecutorError> {
        let qk_norm = match &sources.qk_norm {
            Some([q, k]) => Some([Norm::with_gain(exec, q, epsilon)?, Norm::with_gain(exec, k, epsilon)?]),
            None => None,
        };
        let mut norm = |source| Norm::new(exec, source, epsilon);
        let (attn_norm, ffn_norm) = (norm(&sources.attn_norm)?, norm(&sources.ffn_norm)?);
        let attn_post_norm = sources.attn_post_norm.as_ref().map(&mut norm).transpose()?;
        let ffn_post_norm = sources.ffn_post_norm.as_ref().map(&mut norm).transpose()?;
        let mut linear = |source| Linear::new(exec, source);
        Ok(Self {
            attn_norm,
            q: linear(&sources.q)?,
            k: linear(&sources.k)?,
            v: linear(&sources.v)?,
            qk_norm,
            o: linear(&sources.o)?,
            attn_post_norm,
            ffn_norm,
            gate: sources.gate.as_ref().map(&mut linear).transpose()?,
            up: linear(&sources.up)?,
            down: linear(&sources.down)?,
            ffn_post_norm,
        })
    }
}

/// Rotation angles per position of each pair.
struct Rotations<E: Executor> {
    all: E::Tensor,
    /// Of layers with a window.
    local: Option<E::Tensor>,
    /// Of samples longer than the first number.
    long: Option<(usize, E::Tensor)>,
}

impl<E: Executor> Rotations<E> {
    fn new(exec: &mut E, rope: &RopeDescription) -> Result<Self, ExecutorError> {
        let all = exec.upload(&rope.frequencies)?;
        let local = rope.local_frequencies.as_ref().map(|frequencies| exec.upload(frequencies)).transpose()?;
        let long = match &rope.long {
            Some(long) => Some((long.original_context, exec.upload(&long.frequencies)?)),
            None => None,
        };
        Ok(Self { all, local, long })
    }
}

/// Frozen tensors of a base on a device.
pub(super) struct DeviceModel<E: Executor> {
    pub token_embd: E::Weight,
    pub position_embd: Option<E::Weight>,
    pub layers: Vec<LayerWeights<E>>,
    pub output_norm: Norm<E>,
    output: Option<E::Weight>,
    rotations: Option<Rotations<E>>,
}

impl<E: Executor> DeviceModel<E> {
    pub fn new(exec: &mut E, sources: &ModelSources, d: &Description) -> Result<Self, ExecutorError> {
        let layer = |source| LayerWeights::new(exec, source, d.norm_epsilon);
        let layers = sources.layers.iter().map(layer).collect::<Result<_, _>>()?;
        Ok(Self {
            token_embd: exec.weight(&sources.token_embd)?,
            position_embd: sources.position_embd.as_ref().map(|source| exec.weight(source)).transpose()?,
            layers,
            output_norm: Norm::new(exec, &sources.output_norm, d.norm_epsilon)?,
            output: sources.output.as_ref().map(|source| exec.weight(source)).transpose()?,
            rotations: match &d.positions {
                Positions::Rotary(rope) => Some(Rotations::new(exec, rope)?),
                Positions::Learned => None,
            },
        })
    }

    /// The output matrix `[v, c]`: its own, or the tied embedding.
    pub fn output(&self) -> &E::Weight {
        self.output.as_ref().unwrap_or(&self.token_embd)
    }

    /// Rotation angles of a layer for a batch whose longest sample has `longest` tokens.
    pub fn frequencies(&self, windowed: bool, longest: usize) -> Option<&E::Tensor> {
        let rotations = self.rotations.as_ref()?;
        match (&rotations.local, &rotations.long) {
            (Some(local), _) if windowed => Some(local),
            (_, Some((original, long))) if longest > *original => Some(long),
            _ => Some(&rotations.all),
        }
    }
}
