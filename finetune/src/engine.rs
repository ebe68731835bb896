//! One model with one adapter on one executor: logits, loss, gradients, optimizer step.
//!
//! Rows of several samples are packed into one batch; attention stays inside each sample
//! ([`Batch`]). The workspace is allocated once for the longest batch, so memory does not grow over steps.

mod batch;
mod block;
mod block_backward;
mod head;
mod weights;
mod workspace;

pub use batch::Batch;

use halligan_shaders::{AdamW, Executor, ExecutorError};

use crate::{
    adapter::{Adapter, LoraPair},
    lora::{LoraMatrix, Parameter, Target},
    model::{BaseModel, Description},
};
use weights::DeviceModel;
use workspace::Workspace;

/// How the backward pass gets the activations of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recompute {
    /// All blocks keep theirs: fastest, most memory.
    Never,
    /// Only a block's input is kept, the rest is computed again (arXiv 1604.06174).
    Blocks,
}

/// Adapter matrices of one block, by target.
pub(crate) type LayerLora<E> = [Option<LoraMatrix<E>>; Target::ALL.len()];

/// A model ready to run or train.
pub struct Engine<E: Executor> {
    exec: E,
    description: Description,
    model: DeviceModel<E>,
    lora: Vec<LayerLora<E>>,
    workspace: Workspace<E>,
}

impl<E: Executor> Engine<E> {
    /// Puts base and adapter on the device, with room for batches of `max_rows` tokens.
    ///
    /// # Errors
    /// [`ExecutorError`] when the device has too little memory.
    pub fn new(
        mut exec: E,
        base: &BaseModel,
        adapter: &Adapter,
        max_rows: usize,
        recompute: Recompute,
    ) -> Result<Self, ExecutorError> {
        let d = &base.description;
        let model = DeviceModel::new(&mut exec, &base.sources, d)?;
        let mut lora = Vec::with_capacity(d.layers);
        for layer in 0..d.layers {
            let mut matrices: LayerLora<E> = std::array::from_fn(|_| None);
            for target in Target::ALL {
                if let Some(pair) = adapter.pairs.get(&target.tensor_name(layer)) {
                    matrices[target as usize] = Some(LoraMatrix::new(&mut exec, pair, adapter.alpha)?);
                }
            }
            lora.push(matrices);
        }
        let rank = adapter.pairs.values().map(|pair| pair.rank).max().unwrap_or(0);
        let workspace = Workspace::new(&mut exec, d, max_rows, rank, recompute)?;
        Ok(Self { exec, description: d.clone(), model, lora, workspace })
    }

    /// The executor, for its device information and peak memory.
    pub fn executor(&self) -> &E {
        &self.exec
    }

    /// Most rows that one batch may have.
    pub fn max_rows(&self) -> usize {
        self.workspace.max_rows
    }

    /// Logits of the batch's last row, `[v]`.
    ///
    /// # Errors
    /// [`ExecutorError`] when the device failed.
    pub fn last_logits(&mut self, batch: &Batch) -> Result<Vec<f32>, ExecutorError> {
        self.forward(batch);
        let last = [batch.rows() as u32 - 1];
        head::logits(&mut self.exec, &self.model, &self.description, &mut self.workspace, &last)
    }

    /// Negative log-likelihood in nats of each of the batch's target tokens.
    ///
    /// # Errors
    /// [`ExecutorError`] when the device failed.
    pub fn losses(&mut self, batch: &Batch) -> Result<Vec<f32>, ExecutorError> {
        self.forward(batch);
        head::loss(&mut self.exec, &self.model, &self.description, &mut self.workspace, batch, None)
    }

    /// Adds `weight` times the gradient of the summed loss to the adapter's gradients; returns the losses.
    ///
    /// # Errors
    /// [`ExecutorError`] when the device failed.
    pub fn accumulate_gradients(&mut self, batch: &Batch, weight: f32) -> Result<Vec<f32>, ExecutorError> {
        self.forward(batch);
        let Self { exec, description, model, lora, workspace } = self;
        let losses = head::loss(exec, model, description, workspace, batch, Some(weight))?;
        let adapted = |layer: &LayerLora<E>| layer.iter().any(Option::is_some);
        let lowest = lora.iter().position(adapted).unwrap_or(lora.len());
        for layer in (lowest..lora.len()).rev() {
            block_backward::backward(
                exec,
                description,
                &model.layers[layer],
                &model.frequencies,
                &mut lora[layer],
                workspace,
                layer,
                batch.rows(),
                layer > lowest,
            );
        }
        Ok(losses)
    }

    fn forward(&mut self, batch: &Batch) {
        let Self { exec, description, model, lora, workspace } = self;
        workspace.load(exec, batch);
        let rows = batch.rows();
        exec.embedding(&model.token_embd, &workspace.tokens, rows, 1.0, &mut workspace.stream);
        for (layer, (weights, lora)) in model.layers.iter().zip(lora.iter()).enumerate() {
            block::forward(exec, description, weights, &model.frequencies, lora, workspace, layer, rows);
        }
    }

    /// Sets all gradients to zero.
    pub fn clear_gradients(&mut self) {
        let Self { exec, lora, .. } = self;
        for parameter in parameters(lora) {
            exec.fill(0.0, parameter.len, &mut parameter.gradient);
        }
    }

    /// Euclidean norm of all gradients together.
    ///
    /// # Errors
    /// [`ExecutorError`] when the device failed.
    pub fn gradient_norm(&mut self) -> Result<f32, ExecutorError> {
        let Self { exec, lora, workspace, .. } = self;
        let mut slot = 0;
        for parameter in parameters(lora) {
            exec.sum_of_squares(&parameter.gradient, parameter.len, slot, &mut workspace.squares);
            slot += 1;
        }
        let squares = exec.read(&workspace.squares, slot)?;
        Ok(squares.iter().map(|&square| f64::from(square)).sum::<f64>().sqrt() as f32)
    }

    /// One AdamW step of every factor.
    pub fn step(&mut self, hyper: &AdamW) {
        let Self { exec, lora, .. } = self;
        for parameter in parameters(lora) {
            parameter.step(exec, hyper);
        }
    }

    /// The adapter as it is now, in the shape of `like`.
    ///
    /// # Errors
    /// [`ExecutorError`] when the device failed.
    pub fn adapter(&mut self, like: &Adapter) -> Result<Adapter, ExecutorError> {
        self.collect(like, |parameter| &parameter.value)
    }

    /// The accumulated gradients, in the shape of `like`.
    ///
    /// # Errors
    /// [`ExecutorError`] when the device failed.
    pub fn gradients(&mut self, like: &Adapter) -> Result<Adapter, ExecutorError> {
        self.collect(like, |parameter| &parameter.gradient)
    }

    /// First and second moments, in the shape of `like`.
    ///
    /// # Errors
    /// [`ExecutorError`] when the device failed.
    pub fn moments(&mut self, like: &Adapter) -> Result<(Adapter, Adapter), ExecutorError> {
        let first = self.collect(like, |parameter| &parameter.first_moment)?;
        let second = self.collect(like, |parameter| &parameter.second_moment)?;
        Ok((first, second))
    }

    /// Overwrites factors and moments, as a checkpoint holds them.
    pub fn restore(&mut self, values: &Adapter, first: &Adapter, second: &Adapter) {
        let Self { exec, lora, .. } = self;
        for (layer, matrices) in lora.iter_mut().enumerate() {
            for target in Target::ALL {
                let Some(matrix) = &mut matrices[target as usize] else { continue };
                let name = target.tensor_name(layer);
                let pairs = (values.pairs.get(&name), first.pairs.get(&name), second.pairs.get(&name));
                let (Some(value), Some(first), Some(second)) = pairs else { continue };
                exec.write(&mut matrix.a.value, &value.a);
                exec.write(&mut matrix.b.value, &value.b);
                exec.write(&mut matrix.a.first_moment, &first.a);
                exec.write(&mut matrix.b.first_moment, &first.b);
                exec.write(&mut matrix.a.second_moment, &second.a);
                exec.write(&mut matrix.b.second_moment, &second.b);
            }
        }
    }

    fn collect(
        &mut self,
        like: &Adapter,
        part: impl Fn(&Parameter<E>) -> &E::Tensor,
    ) -> Result<Adapter, ExecutorError> {
        let mut adapter = Adapter { pairs: Default::default(), ..like.clone() };
        for (layer, matrices) in self.lora.iter().enumerate() {
            for target in Target::ALL {
                let Some(matrix) = &matrices[target as usize] else { continue };
                let pair = LoraPair {
                    a: self.exec.read(part(&matrix.a), matrix.a.len)?,
                    b: self.exec.read(part(&matrix.b), matrix.b.len)?,
                    rank: matrix.rank,
                    inputs: matrix.inputs,
                    outputs: matrix.outputs,
                };
                adapter.pairs.insert(target.tensor_name(layer), pair);
            }
        }
        Ok(adapter)
    }
}

fn parameters<E: Executor>(lora: &mut [LayerLora<E>]) -> impl Iterator<Item = &mut Parameter<E>> {
    lora.iter_mut().flatten().flatten().flat_map(|matrix| [&mut matrix.a, &mut matrix.b])
}
