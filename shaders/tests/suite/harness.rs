//! What every kernel test needs: both executors, seeded inputs, comparison, finite differences.

use halligan_shaders::{
    Executor, Format,
    gpu::{AdapterSelection, GpuExecutor, GpuLimits},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Makes two tests of each named body `fn name<E: Executor>(device: &mut E)`: on the CPU and on the GPU.
macro_rules! on_both_executors {
    ($($name:ident)*) => {
        mod on_cpu {
            $(#[test] fn $name() { super::$name(&mut halligan_shaders::cpu::CpuExecutor::new()) })*
        }
        mod on_gpu {
            $(#[test] fn $name() { super::$name(&mut crate::suite::harness::gpu()) })*
        }
    };
}
pub(crate) use on_both_executors;

/// Any GPU, a software one too. Without one the test fails: a GPU kernel that never ran is not tested.
pub fn gpu() -> GpuExecutor {
    limited_gpu(GpuLimits::default())
}

/// As [`gpu`], within limits.
pub fn limited_gpu(limits: GpuLimits) -> GpuExecutor {
    GpuExecutor::with_limits(AdapterSelection::Any, limits)
        .unwrap_or_else(|error| panic!("{error}\nfor a software GPU install the package mesa-vulkan-drivers"))
}

/// Seeded inputs, uniform in [-1, 1].
pub struct Inputs(ChaCha8Rng);

impl Inputs {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub fn values(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.0.random_range(-1.0..=1.0)).collect()
    }

    pub fn indices(&mut self, len: usize, below: u32) -> Vec<u32> {
        (0..len).map(|_| self.0.random_range(0..below)).collect()
    }

    /// Random blocks of a format: every bit is random, only the scales are finite and small. One scale in
    /// four is a subnormal half, as the super-block scales of K-quants often are.
    pub fn blocks(&mut self, format: Format, rows: usize, columns: usize) -> Vec<u8> {
        let row_bytes = format.row_bytes(columns).unwrap();
        let mut bytes = vec![0u8; rows * row_bytes];
        self.0.fill(&mut bytes[..]);
        if format == Format::F32 {
            return bytemuck::cast_slice(&self.values(rows * columns)).to_vec();
        }
        for block in bytes.chunks_exact_mut(format.block_bytes()) {
            for &at in scale_offsets(format) {
                let value = match self.0.random_range(0..4) {
                    0 => half::f16::from_bits(self.0.random_range(1..0x400)),
                    _ => half::f16::from_f32(self.0.random_range(-0.02..0.02)),
                };
                block[at..at + 2].copy_from_slice(&value.to_le_bytes());
            }
            if format == Format::BF16 {
                block.copy_from_slice(&half::bf16::from_f32(self.0.random_range(-1.0..1.0)).to_le_bytes());
            }
        }
        bytes
    }
}

/// Byte offsets of the halves in a block.
pub fn scale_offsets(format: Format) -> &'static [usize] {
    match format {
        Format::F32 | Format::BF16 => &[],
        Format::F16 | Format::Q8_0 | Format::Q4_0 | Format::Q5_0 | Format::IQ4_NL | Format::IQ4_XS => &[0],
        Format::Q4_1 | Format::Q5_1 | Format::Q4_K | Format::Q5_K => &[0, 2],
        Format::Q2_K => &[80, 82],
        Format::Q3_K => &[108],
        Format::Q6_K => &[208],
    }
}

pub fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// Fails when an element differs by more than `tolerance` times the largest expected magnitude.
pub fn assert_close(what: &str, found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}: length");
    let largest = expected.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (f64::from(*found) - expected).abs();
        let allowed = tolerance * largest;
        assert!(difference <= allowed, "{what}[{i}]: {found} is not {expected}, off by {difference:e} > {allowed:e}");
    }
}

pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Runs a body twice and fails unless both give the same bits.
pub fn twice<E: Executor>(device: &mut E, mut body: impl FnMut(&mut E) -> Vec<f32>) -> Vec<f32> {
    let first = body(device);
    let second = body(device);
    assert_eq!(bits(&first), bits(&second), "two runs differ");
    first
}

/// Gradient of `f` at `x` by central differences: with f64 and this step, exact to about nine digits.
pub fn central_differences(x: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    let mut x = x.to_vec();
    (0..x.len())
        .map(|i| {
            let kept = x[i];
            x[i] = kept + STEP;
            let above = f(&x);
            x[i] = kept - STEP;
            let below = f(&x);
            x[i] = kept;
            (above - below) / (2.0 * STEP)
        })
        .collect()
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
