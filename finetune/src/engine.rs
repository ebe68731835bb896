//! One model with one adapter on one executor: logits, loss, gradients, optimizer step.
//!
//! Rows of several samples are packed into one batch; attention stays inside each sample
//! ([`Batch`]). The workspace is allocated once for the longest batch, so memory does not grow over steps.

mod batch;
mod block;
mod block_backward;
mod head;
mod linear;
mod lora;
mod norm;
mod weights;
mod workspace;

pub use batch::Batch;

use halligan_shaders::Dropout;
// The engine's interface speaks of them, so its users need no second crate.
pub use halligan_shaders::{AdamW, Executor, ExecutorError, KernelTime, Matmul};

use crate::{
    adapter::Adapter,
    lora::{Target, tensor_name},
    model::{BaseModel, Description},
};
use block::BlockContext;
use lora::{LoraMatrix, Parameter, Part};
use weights::DeviceModel;
use workspace::{Room, Workspace};

/// How the backward pass gets the activations of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recompute {
    /// All blocks keep theirs: fastest, most memory.
    Never,
    /// As never, with the widest activations, gate and up, rounded to half precision: a third less memory for a
    /// relative rounding of 2^-11 in what the backward pass sees.
    Half,
    /// Only a block's input is kept, the rest is computed again (arXiv 1604.06174).
    Blocks,
}

/// Adapted matrices of one block.
type LayerLora<E> = Vec<LoraMatrix<E>>;

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
        let mut lora: Vec<LayerLora<E>> = Vec::with_capacity(d.layers);
        let mut adapted = [false; Target::ALL.len()];
        for layer in 0..d.layers {
            let mut matrices = Vec::new();
            for matrix in d.matrices {
                let Some(pair) = adapter.pairs.get(&tensor_name(layer, matrix)) else { continue };
                matrices.push(LoraMatrix::new(&mut exec, d, layer, matrix, pair, adapter.alpha)?);
                adapted[matrix.targets[0] as usize] = true;
            }
            lora.push(matrices);
        }
        let room = Room {
            rows: max_rows,
            rank: adapter.pairs.values().map(|pair| pair.rank).max().unwrap_or(0),
            adapted,
            lowest: lowest_adapted(&lora),
            parameters: parameters(&mut lora).count(),
            recompute,
        };
        let workspace = Workspace::new(&mut exec, d, &room)?;
        Ok(Self { exec, description: d.clone(), model, lora, workspace })
    }

    /// The executor, for its device information and peak memory.
    pub fn executor(&self) -> &E {
        &self.exec
    }

    /// The executor, to wait for it or to profile it.
    pub fn executor_mut(&mut self) -> &mut E {
        &mut self.exec
    }

    /// Rows whose logits exist at a time.
    pub(crate) fn logit_rows(&self) -> usize {
        self.workspace.head_rows
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
        let lowest = lowest_adapted(lora);
        for layer in (lowest..lora.len()).rev() {
            let block = block_context(description, model, layer, batch.rows(), workspace.longest);
            block_backward::backward(exec, &block, &mut lora[layer], workspace, layer > lowest);
        }
        Ok(losses)
    }

    fn forward(&mut self, batch: &Batch) {
        let Self { exec, description, model, lora, workspace } = self;
        workspace.load(exec, batch);
        let rows = batch.rows();
        let scale = description.embedding_scale;
        exec.embedding(&model.token_embd, &workspace.tokens, rows, scale, &mut workspace.stream);
        if let Some(positions) = &model.position_embd {
            exec.embedding(positions, &workspace.positions, rows, 1.0, &mut workspace.normed);
            exec.add(&workspace.normed, rows * description.hidden, &mut workspace.stream);
        }
        for (layer, lora) in lora.iter().enumerate() {
            let block = block_context(description, model, layer, rows, workspace.longest);
            block::forward(exec, &block, lora, workspace);
        }
    }

    /// Drops inputs of the adapter's matrices in the batches to come (LoRA dropout); `None` turns it off. Each
    /// batch needs a seed of its own; forward and backward of a batch draw the same masks.
    ///
    /// # Errors
    /// [`ExecutorError`] when the device has no room for masked inputs.
    pub fn set_dropout(&mut self, dropout: Option<Dropout>) -> Result<(), ExecutorError> {
        self.workspace.set_dropout(&mut self.exec, &self.description, dropout)
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
        self.step_lora_plus(hyper, 1.0);
    }

    /// One AdamW step of every factor; the learning rate of B is `b_ratio` times that of A (LoRA+, Hayou et
    /// al. 2024, arXiv 2402.12354).
    pub fn step_lora_plus(&mut self, hyper: &AdamW, b_ratio: f64) {
        let Self { exec, lora, .. } = self;
        let learning_rate = (f64::from(hyper.learning_rate) * b_ratio) as f32;
        for matrix in lora.iter_mut().flatten() {
            matrix.a.step(exec, hyper);
            matrix.b.iter_mut().for_each(|b| b.step(exec, &AdamW { learning_rate, ..*hyper }));
        }
    }

    /// The adapter as it is now, in the shape of `like`.
    ///
    /// # Errors
    /// [`ExecutorError`] when the device failed.
    pub fn adapter(&mut self, like: &Adapter) -> Result<Adapter, ExecutorError> {
        self.collect(like, |parameter| &mut parameter.value)
    }

    /// The accumulated gradients, in the shape of `like`.
    ///
    /// # Errors
    /// [`ExecutorError`] when the device failed.
    pub fn gradients(&mut self, like: &Adapter) -> Result<Adapter, ExecutorError> {
        self.collect(like, |parameter| &mut parameter.gradient)
    }

    /// First and second moments, in the shape of `like`.
    ///
    /// # Errors
    /// [`ExecutorError`] when the device failed.
    pub fn moments(&mut self, like: &Adapter) -> Result<(Adapter, Adapter), ExecutorError> {
        let first = self.collect(like, |parameter| &mut parameter.first_moment)?;
        let second = self.collect(like, |parameter| &mut parameter.second_moment)?;
        Ok((first, second))
    }

    /// Overwrites factors and moments, as a checkpoint holds them.
    pub fn restore(&mut self, values: &Adapter, first: &Adapter, second: &Adapter) {
        self.overwrite(values, |parameter| &mut parameter.value);
        self.overwrite(first, |parameter| &mut parameter.first_moment);
        self.overwrite(second, |parameter| &mut parameter.second_moment);
    }

    fn overwrite(&mut self, from: &Adapter, part: Part<E>) {
        for (layer, matrices) in self.lora.iter_mut().enumerate() {
            for matrix in matrices {
                if let Some(pair) = from.pairs.get(&tensor_name(layer, matrix.matrix)) {
                    matrix.write(&mut self.exec, pair, part);
                }
            }
        }
    }

    fn collect(&mut self, like: &Adapter, part: Part<E>) -> Result<Adapter, ExecutorError> {
        let mut adapter = Adapter { pairs: Default::default(), ..like.clone() };
        for (layer, matrices) in self.lora.iter_mut().enumerate() {
            for matrix in matrices {
                adapter.pairs.insert(tensor_name(layer, matrix.matrix), matrix.read(&mut self.exec, part)?);
            }
        }
        Ok(adapter)
    }
}

fn parameters<E: Executor>(lora: &mut [LayerLora<E>]) -> impl Iterator<Item = &mut Parameter<E>> {
    lora.iter_mut().flatten().flat_map(LoraMatrix::parameters)
}

/// The lowest block that has a backward pass.
fn lowest_adapted<E: Executor>(lora: &[LayerLora<E>]) -> usize {
    lora.iter().position(|matrices| !matrices.is_empty()).unwrap_or(lora.len())
}

fn block_context<'a, E: Executor>(
    d: &'a Description,
    model: &'a DeviceModel<E>,
    layer: usize,
    rows: usize,
    longest: usize,
) -> BlockContext<'a, E> {
    let frequencies = model.frequencies(d.window_of(layer).is_some(), longest);
    BlockContext { d, weights: &model.layers[layer], frequencies, layer, rows }
}
