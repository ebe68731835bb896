//! Trainable low-rank factors on a device: forward, backward, optimizer state.
//!
//! A fused matrix of the file is several projections here. They share A, and each owns its rows of B, so the
//! block runs them like separate ones while the adapter file keeps one pair.

use halligan_shaders::{AdamW, Dropout, Executor, ExecutorError, Matmul};

use crate::{
    adapter::LoraPair,
    lora::Target,
    model::{AdaptedMatrix, Description},
};

/// One factor, or a part of one, with its gradient and moments.
pub(crate) struct Parameter<E: Executor> {
    pub value: E::Tensor,
    pub gradient: E::Tensor,
    pub first_moment: E::Tensor,
    pub second_moment: E::Tensor,
    pub len: usize,
}

impl<E: Executor> Parameter<E> {
    fn new(exec: &mut E, values: &[f32]) -> Result<Self, ExecutorError> {
        let len = values.len();
        Ok(Self {
            value: exec.upload(values)?,
            gradient: exec.zeros(len)?,
            first_moment: exec.zeros(len)?,
            second_moment: exec.zeros(len)?,
            len,
        })
    }

    fn read(&mut self, exec: &mut E, part: Part<E>) -> Result<Vec<f32>, ExecutorError> {
        let len = self.len;
        exec.read(part(self), len)
    }

    pub fn step(&mut self, exec: &mut E, hyper: &AdamW) {
        exec.adamw_step(
            hyper,
            &self.gradient,
            self.len,
            &mut self.value,
            &mut self.first_moment,
            &mut self.second_moment,
        );
    }
}

/// Which tensor of each parameter to read or write.
pub(crate) type Part<E> = fn(&mut Parameter<E>) -> &mut <E as Executor>::Tensor;

/// The factors of one adapted matrix.
pub(crate) struct LoraMatrix<E: Executor> {
    pub matrix: &'static AdaptedMatrix,
    pub a: Parameter<E>,
    /// B of each projection of the matrix, `[n, r]`.
    pub b: Vec<Parameter<E>>,
    rank: usize,
    inputs: usize,
    /// Output features of each projection.
    outputs: Vec<usize>,
    scale: f32,
    /// Distinguishes the dropout masks of the matrices.
    mask: u32,
}

/// Dropout of a batch and the buffer for masked inputs, of runs that use it.
pub(super) struct Masking<'a, E: Executor> {
    pub dropout: Dropout,
    /// `[t, k]` for the widest input.
    pub masked: &'a mut E::Tensor,
}

impl<'a, E: Executor> Masking<'a, E> {
    /// Masking of a batch, when it has a dropout.
    pub fn of(dropout: Option<Dropout>, masked: &'a mut Option<E::Tensor>) -> Option<Self> {
        Some(Self { dropout: dropout?, masked: masked.as_mut()? })
    }
}

impl<E: Executor> LoraMatrix<E> {
    pub fn new(
        exec: &mut E,
        d: &Description,
        layer: usize,
        matrix: &'static AdaptedMatrix,
        pair: &LoraPair,
        alpha: f32,
    ) -> Result<Self, ExecutorError> {
        let outputs: Vec<usize> = matrix.targets.iter().map(|target| target.shape(d).0).collect();
        let mut b = Vec::with_capacity(outputs.len());
        for rows in rows_of(&outputs) {
            b.push(Parameter::new(exec, &pair.b[rows.start * pair.rank..rows.end * pair.rank])?);
        }
        Ok(Self {
            matrix,
            a: Parameter::new(exec, &pair.a)?,
            b,
            rank: pair.rank,
            inputs: pair.inputs,
            outputs,
            scale: alpha / pair.rank as f32,
            mask: (layer * Target::ALL.len() + matrix.targets[0] as usize) as u32,
        })
    }

    /// All parameters, A first.
    pub fn parameters(&mut self) -> impl Iterator<Item = &mut Parameter<E>> {
        std::iter::once(&mut self.a).chain(&mut self.b)
    }

    /// Reads one tensor of each parameter, in the shape of the adapter file.
    pub fn read(&mut self, exec: &mut E, part: Part<E>) -> Result<LoraPair, ExecutorError> {
        let a = self.a.read(exec, part)?;
        let mut b = Vec::new();
        for parameter in &mut self.b {
            b.extend(parameter.read(exec, part)?);
        }
        Ok(LoraPair { a, b, rank: self.rank, inputs: self.inputs, outputs: self.outputs.iter().sum() })
    }

    /// Overwrites one tensor of each parameter.
    pub fn write(&mut self, exec: &mut E, pair: &LoraPair, part: Part<E>) {
        exec.write(part(&mut self.a), &pair.a);
        for (parameter, rows) in self.b.iter_mut().zip(rows_of(&self.outputs)) {
            exec.write(part(parameter), &pair.b[rows.start * self.rank..rows.end * self.rank]);
        }
    }

    fn dropout(&self, dropout: Dropout) -> Dropout {
        Dropout { seed: dropout.seed.wrapping_add(self.mask.wrapping_mul(0x9e37_79b9)), ..dropout }
    }

    /// `down [t, r] = scale * mask(x) A^T`, kept for the backward pass.
    pub fn project(
        &self,
        exec: &mut E,
        x: &E::Tensor,
        rows: usize,
        masking: Option<&mut Masking<'_, E>>,
        down: &mut E::Tensor,
    ) {
        let product = Matmul {
            m: rows,
            n: self.rank,
            k: self.inputs,
            transpose_a: false,
            transpose_b: true,
            alpha: self.scale,
            accumulate: false,
        };
        match masking {
            None => exec.matmul(product, x, &self.a.value, down),
            Some(masking) => {
                exec.dropout(self.dropout(masking.dropout), x, rows * self.inputs, false, masking.masked);
                exec.matmul(product, masking.masked, &self.a.value, down);
            }
        }
    }

    /// `out += down B^T` for one projection of the matrix.
    pub fn expand(&self, exec: &mut E, projection: usize, down: &E::Tensor, rows: usize, out: &mut E::Tensor) {
        let product = Matmul {
            m: rows,
            n: self.outputs[projection],
            k: self.rank,
            transpose_a: false,
            transpose_b: true,
            alpha: 1.0,
            accumulate: true,
        };
        exec.matmul(product, down, &self.b[projection].value, out);
    }

    /// Backward of [`expand`](Self::expand): adds the gradient of B, and `scale` times that of `down` to `d_down`.
    pub fn expand_backward(
        &mut self,
        exec: &mut E,
        projection: usize,
        d_out: &E::Tensor,
        down: &E::Tensor,
        rows: usize,
        d_down: &mut E::Tensor,
    ) {
        let to_down = Matmul {
            m: rows,
            n: self.rank,
            k: self.outputs[projection],
            transpose_a: false,
            transpose_b: false,
            alpha: self.scale,
            accumulate: projection > 0,
        };
        exec.matmul(to_down, d_out, &self.b[projection].value, d_down);
        let to_b = Matmul {
            m: self.outputs[projection],
            n: self.rank,
            k: rows,
            transpose_a: true,
            transpose_b: false,
            alpha: 1.0,
            accumulate: true,
        };
        exec.matmul(to_b, d_out, down, &mut self.b[projection].gradient);
    }

    /// Backward of [`project`](Self::project): adds the gradient of A, and that of `x` to `d_x` when asked.
    pub fn project_backward(
        &mut self,
        exec: &mut E,
        x: &E::Tensor,
        d_down: &E::Tensor,
        rows: usize,
        masking: Option<&mut Masking<'_, E>>,
        d_x: Option<&mut E::Tensor>,
    ) {
        let to_a = Matmul {
            m: self.rank,
            n: self.inputs,
            k: rows,
            transpose_a: true,
            transpose_b: false,
            alpha: 1.0,
            accumulate: true,
        };
        let to_x = Matmul { m: rows, n: self.inputs, k: self.rank, transpose_a: false, ..to_a };
        let Some(masking) = masking else {
            exec.matmul(to_a, d_down, x, &mut self.a.gradient);
            if let Some(d_x) = d_x {
                exec.matmul(to_x, d_down, &self.a.value, d_x);
            }
            return;
        };
        let (dropout, len) = (self.dropout(masking.dropout), rows * self.inputs);
        exec.dropout(dropout, x, len, false, masking.masked);
        exec.matmul(to_a, d_down, masking.masked, &mut self.a.gradient);
        if let Some(d_x) = d_x {
            exec.matmul(Matmul { accumulate: false, ..to_x }, d_down, &self.a.value, masking.masked);
            exec.dropout(dropout, masking.masked, len, true, d_x);
        }
    }
}

/// Row ranges of projections that follow each other.
fn rows_of(outputs: &[usize]) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    let mut start = 0;
    outputs.iter().map(move |rows| {
        start += rows;
        start - rows..start
    })
}
