//! Where the time of a run goes, kernel by kernel.

use std::collections::BTreeMap;

/// Time of all calls of one kernel (and block format) since profiling began.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelTime {
    /// Kernel and variant, such as `matmul_weight_q8_0`.
    pub name: String,
    /// Calls.
    pub calls: u64,
    /// Seconds on the device: wall time on the CPU, timestamps on a GPU.
    pub seconds: f64,
    /// Floating-point operations of its matrix products, two to a multiply-add; zero for other kernels.
    pub operations: f64,
}

/// Sums times by kernel.
#[derive(Debug, Default)]
pub(crate) struct Profile(BTreeMap<String, KernelTime>);

impl Profile {
    pub(crate) fn add(&mut self, name: &str, seconds: f64, operations: f64) {
        if !self.0.contains_key(name) {
            let none = KernelTime { name: name.to_owned(), calls: 0, seconds: 0.0, operations: 0.0 };
            self.0.insert(name.to_owned(), none);
        }
        if let Some(time) = self.0.get_mut(name) {
            time.calls += 1;
            time.seconds += seconds;
            time.operations += operations;
        }
    }

    /// The costliest first.
    pub(crate) fn times(&self) -> Vec<KernelTime> {
        let mut times: Vec<KernelTime> = self.0.values().cloned().collect();
        times.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        times
    }
}
