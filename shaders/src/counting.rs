//! An executor that computes nothing and holds nothing: it counts what a real one would hold.
//!
//! Building an engine on it answers how much memory a run takes before a single byte is allocated. It can
//! also break down on purpose, as a GPU does, for tests of what happens then.

use crate::{
    Activation, AdamW, AttentionShape, DeviceInfo, DeviceKind, Dropout, Executor, ExecutorError, KernelTime, Matmul,
    RopeShape, WeightSource,
};

/// Bytes of one 32-bit number.
const WORD: u64 = 4;

/// What stands for a buffer: its length in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held(usize);

/// Counts bytes.
#[derive(Debug)]
pub struct CountingExecutor {
    info: DeviceInfo,
    weights: u64,
    values: u64,
    largest: u64,
    reads_left: Option<usize>,
}

impl CountingExecutor {
    /// An executor that has counted nothing yet.
    pub fn new() -> Self {
        let info = DeviceInfo { kind: DeviceKind::Cpu, name: "no device".to_owned(), driver: "counts only".to_owned() };
        Self { info, weights: 0, values: 0, largest: 0, reads_left: None }
    }

    /// One whose device is lost after this many reads.
    pub fn failing_after(reads: usize) -> Self {
        Self { reads_left: Some(reads), ..Self::new() }
    }

    /// Bytes of frozen matrices in their file format.
    pub fn weight_bytes(&self) -> u64 {
        self.weights
    }

    /// Bytes of all other buffers.
    pub fn value_bytes(&self) -> u64 {
        self.values
    }

    /// Bytes of the largest buffer.
    pub fn largest_bytes(&self) -> u64 {
        self.largest
    }

    fn hold(&mut self, words: usize) -> Held {
        self.values += WORD * words as u64;
        self.largest = self.largest.max(WORD * words as u64);
        Held(words)
    }
}

impl Default for CountingExecutor {
    fn default() -> Self {
        Self::new()
    }
}

impl Executor for CountingExecutor {
    type Tensor = Held;
    type Indices = Held;
    type Weight = Held;

    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn zeros(&mut self, len: usize) -> Result<Held, ExecutorError> {
        Ok(self.hold(len))
    }

    fn upload(&mut self, values: &[f32]) -> Result<Held, ExecutorError> {
        Ok(self.hold(values.len()))
    }

    fn write(&mut self, _: &mut Held, _: &[f32]) {}

    fn read(&mut self, _: &Held, len: usize) -> Result<Vec<f32>, ExecutorError> {
        match &mut self.reads_left {
            Some(0) => Err(ExecutorError::DeviceLost { reason: "it was told to fail".to_owned() }),
            Some(left) => {
                *left -= 1;
                Ok(vec![0.0; len])
            }
            None => Ok(vec![0.0; len]),
        }
    }

    fn indices(&mut self, capacity: usize) -> Result<Held, ExecutorError> {
        Ok(self.hold(capacity))
    }

    fn write_indices(&mut self, _: &mut Held, _: &[u32]) {}

    fn weight(&mut self, source: &WeightSource) -> Result<Held, ExecutorError> {
        source.check()?;
        self.weights += source.bytes.as_slice().len() as u64;
        Ok(Held(source.rows * source.columns))
    }

    fn finish(&mut self) -> Result<(), ExecutorError> {
        Ok(())
    }

    fn peak_bytes(&self) -> u64 {
        self.weights + self.values
    }

    fn start_profile(&mut self) -> bool {
        false
    }

    fn kernel_times(&mut self) -> Vec<KernelTime> {
        Vec::new()
    }

    fn pack_half(&mut self, _: &Held, _: usize, _: &mut Held) {}
    fn unpack_half(&mut self, _: &Held, _: usize, _: &mut Held) {}
    fn embedding(&mut self, _: &Held, _: &Held, _: usize, _: f32, _: &mut Held) {}
    fn rms_norm(&mut self, _: &Held, _: &Held, _: usize, _: usize, _: f32, _: &mut Held) {}
    fn rms_norm_backward(&mut self, _: &Held, _: &Held, _: &Held, _: usize, _: usize, _: f32, _: &mut Held) {}
    fn layer_norm(&mut self, _: &Held, _: &Held, _: &Held, _: usize, _: usize, _: f32, _: &mut Held) {}
    fn layer_norm_backward(&mut self, _: &Held, _: &Held, _: &Held, _: usize, _: usize, _: f32, _: &mut Held) {}
    fn matmul_weight(&mut self, _: &Held, _: &Held, _: usize, _: bool, _: &mut Held) {}
    fn matmul_weight_backward(&mut self, _: &Held, _: &Held, _: usize, _: bool, _: &mut Held) {}
    fn matmul(&mut self, _: Matmul, _: &Held, _: &Held, _: &mut Held) {}
    fn add_bias(&mut self, _: &Held, _: usize, _: usize, _: &mut Held) {}
    fn rope(&mut self, _: RopeShape, _: &Held, _: &Held, _: bool, _: &mut Held) {}
    fn attention(&mut self, _: AttentionShape, _: &Held, _: &Held, _: &Held, _: &Held, _: &mut Held, _: &mut Held) {}
    fn attention_backward(
        &mut self,
        _: AttentionShape,
        _: &Held,
        _: &Held,
        _: &Held,
        _: &Held,
        _: &Held,
        _: &Held,
        _: &Held,
        _: &Held,
        _: &mut Held,
        _: &mut Held,
        _: &mut Held,
    ) {
    }
    fn glu(&mut self, _: Activation, _: &Held, _: &Held, _: usize, _: &mut Held) {}
    fn glu_backward(&mut self, _: Activation, _: &Held, _: usize, _: &mut Held, _: &mut Held) {}
    fn activate(&mut self, _: Activation, _: &Held, _: usize, _: &mut Held) {}
    fn activate_backward(&mut self, _: Activation, _: &Held, _: usize, _: &mut Held) {}
    fn dropout(&mut self, _: Dropout, _: &Held, _: usize, _: bool, _: &mut Held) {}
    fn add(&mut self, _: &Held, _: usize, _: &mut Held) {}
    fn fill(&mut self, _: f32, _: usize, _: &mut Held) {}
    fn copy(&mut self, _: &Held, _: usize, _: &mut Held) {}
    fn gather_rows(&mut self, _: &Held, _: &Held, _: usize, _: usize, _: &mut Held) {}
    fn scatter_rows(&mut self, _: &Held, _: &Held, _: usize, _: usize, _: &mut Held) {}
    fn cross_entropy(&mut self, _: &Held, _: usize, _: usize, _: f32, _: Option<f32>, _: &mut Held, _: &mut Held) {}
    fn sum_of_squares(&mut self, _: &Held, _: usize, _: usize, _: &mut Held) {}
    fn adamw_step(&mut self, _: &AdamW, _: &Held, _: usize, _: &mut Held, _: &mut Held, _: &mut Held) {}
}
