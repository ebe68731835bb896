//! Time by kernel, held against what the device can do at best.

use std::time::Instant;

use halligan_finetune::engine::{Executor, ExecutorError, KernelTime, Matmul};
use serde::Serialize;

/// What the device reaches in its two simplest tasks.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Ceilings {
    /// Operations per second of a dense f32 matrix product, 512 x 4864 x 896, in 10^9.
    pub matmul_ceiling_gflops: f64,
    /// Bytes per second, read and written, of a copy of 256 MB, in 10^9.
    pub copy_ceiling_gigabytes: f64,
}

impl Ceilings {
    /// Measures both, the best of several tries.
    ///
    /// # Errors
    /// [`ExecutorError`] when the device has no room or fails.
    pub fn measure<E: Executor>(exec: &mut E) -> Result<Self, ExecutorError> {
        let shape =
            Matmul { m: 512, n: 4864, k: 896, transpose_a: false, transpose_b: true, alpha: 1.0, accumulate: false };
        let (a, b) = (exec.upload(&vec![0.5; shape.m * shape.k])?, exec.upload(&vec![0.5; shape.n * shape.k])?);
        let mut product = exec.zeros(shape.m * shape.n)?;
        let operations = 2.0 * (shape.m * shape.n * shape.k) as f64;
        let matmul = best(exec, |exec| exec.matmul(shape, &a, &b, &mut product))?;
        const VALUES: usize = 32_000_000;
        let from = exec.zeros(VALUES)?;
        let mut to = exec.zeros(VALUES)?;
        let copy = best(exec, |exec| exec.copy(&from, VALUES, &mut to))?;
        Ok(Self {
            matmul_ceiling_gflops: operations / matmul * 1e-9,
            copy_ceiling_gigabytes: 8.0 * VALUES as f64 / copy * 1e-9,
        })
    }
}

/// Shortest of several runs, in seconds.
fn best<E: Executor>(exec: &mut E, mut body: impl FnMut(&mut E)) -> Result<f64, ExecutorError> {
    const TRIES: usize = 8;
    let mut shortest = f64::INFINITY;
    for _ in 0..TRIES {
        exec.finish()?;
        let started = Instant::now();
        body(exec);
        exec.finish()?;
        shortest = shortest.min(started.elapsed().as_secs_f64());
    }
    Ok(shortest)
}

/// One line of the table.
#[derive(Debug, Serialize)]
pub struct KernelLine {
    name: String,
    calls: u64,
    seconds: f64,
    /// Share of the time of all kernels, 0 to 1.
    share: f64,
    /// Operations per second in 10^9, of matrix products.
    gflops: Option<f64>,
    /// Share of the matmul ceiling, of matrix products.
    share_of_ceiling: Option<f64>,
}

/// Time by kernel and the ceilings.
#[derive(Debug, Serialize)]
pub struct KernelProfile {
    kernels: Vec<KernelLine>,
    #[serde(flatten)]
    ceilings: Ceilings,
}

impl KernelProfile {
    pub fn new(times: Vec<KernelTime>, ceilings: Ceilings) -> Self {
        let total: f64 = times.iter().map(|time| time.seconds).sum();
        let line = |time: KernelTime| {
            let gflops = (time.operations > 0.0).then(|| time.operations / time.seconds * 1e-9);
            KernelLine {
                share: time.seconds / total,
                share_of_ceiling: gflops.map(|gflops| gflops / ceilings.matmul_ceiling_gflops),
                gflops,
                name: time.name,
                calls: time.calls,
                seconds: time.seconds,
            }
        };
        Self { kernels: times.into_iter().map(line).collect(), ceilings }
    }

    /// The table for people, the costliest kernel first.
    pub fn table(&self) -> String {
        let mut lines = vec![format!(
            "{:32} {:>7} {:>9} {:>6} {:>8} {:>8}",
            "kernel", "calls", "seconds", "share", "GFLOP/s", "of best"
        )];
        for kernel in &self.kernels {
            let number =
                |value: Option<f64>, factor: f64| value.map_or(String::new(), |value| format!("{:.0}", factor * value));
            lines.push(format!(
                "{:32} {:>7} {:>9.3} {:>5.1}% {:>8} {:>7}{}",
                kernel.name,
                kernel.calls,
                kernel.seconds,
                100.0 * kernel.share,
                number(kernel.gflops, 1.0),
                number(kernel.share_of_ceiling, 100.0),
                if kernel.share_of_ceiling.is_some() { "%" } else { "" },
            ));
        }
        lines.push(format!(
            "best of this device: {:.0} GFLOP/s in a dense product, {:.1} GB/s in a copy",
            self.ceilings.matmul_ceiling_gflops, self.ceilings.copy_ceiling_gigabytes
        ));
        lines.join("\n")
    }
}
