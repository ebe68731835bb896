//! Queues kernels: grid, bindings, parameters, division of long matmuls.

use super::{GpuExecutor, kernels::Kernel, memory::Buffer, recorder::Dispatch};

/// Threads of an elementwise workgroup.
const THREADS: usize = 256;
/// Workgroups that every device takes in one dimension of a dispatch.
pub(super) const GROUPS_MAX: usize = 65_535;
/// Rows and columns of a matmul tile, `TILE` of `wgsl/shared/tile.wgsl`.
pub(super) const TILE: usize = 64;
/// Queries or keys of an attention block, `BLOCK` of `wgsl/shared/attention_tile.wgsl`.
pub(super) const BLOCK: usize = 32;
impl GpuExecutor {
    /// Queues one kernel.
    pub(super) fn run(
        &mut self,
        kernel: &Kernel,
        variant: usize,
        buffers: &[&Buffer],
        words: &[u32],
        grid: [usize; 2],
        work: u64,
    ) {
        assert_eq!(buffers.len(), kernel.bindings.len(), "{} binds as many buffers as its table row", kernel.name);
        assert_eq!(words.len(), kernel.words as usize, "{} takes as many words as its table row", kernel.name);
        if grid.contains(&0) {
            return;
        }
        let pipeline = self.pipelines.get(kernel, variant);
        let entries: Vec<_> = (0..)
            .zip(buffers)
            .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.raw.as_entire_binding() })
            .collect();
        let bindings = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(kernel.name),
            layout: &pipeline.layout,
            entries: &entries,
        });
        let grid = grid.map(|groups| groups as u32);
        let kernel = (*kernel, variant);
        self.recorder.record(Dispatch { kernel, pipeline: pipeline.raw, bindings, words: words.to_vec(), grid, work });
    }

    /// Queues an elementwise kernel over `len` elements; `words` follow the length.
    pub(super) fn run_elements(&mut self, kernel: &Kernel, buffers: &[&Buffer], len: usize, words: &[u32]) {
        let words: Vec<u32> = std::iter::once(len as u32).chain(words.iter().copied()).collect();
        self.run(kernel, 0, buffers, &words, [groups(len), 1], len as u64);
    }

    /// Queues a kernel with one workgroup per row.
    pub(super) fn run_rows(&mut self, kernel: &Kernel, buffers: &[&Buffer], rows: usize, columns: usize, more: &[f32]) {
        let words: Vec<u32> =
            [rows as u32, columns as u32].into_iter().chain(more.iter().map(|value| value.to_bits())).collect();
        self.run(kernel, 0, buffers, &words, [rows.min(GROUPS_MAX), 1], (rows * columns) as u64);
    }

    /// Queues a weight kernel over `tiles` of 64 output columns, in pieces that leave a display its turns.
    pub(super) fn run_tiles(
        &mut self,
        kernel: &Kernel,
        variant: usize,
        buffers: &[&Buffer; 3],
        words: [u32; 7],
        rows: usize,
        columns: usize,
        summed: usize,
    ) {
        let tiles = columns.div_ceil(TILE);
        let tile_work = (TILE * rows * summed).max(1) as u64;
        let piece = (self.work_max / tile_work).clamp(1, GROUPS_MAX as u64) as usize;
        for first_tile in (0..tiles).step_by(piece) {
            let count = piece.min(tiles - first_tile);
            let mut words = words;
            words[5] = first_tile as u32;
            let grid = [count, rows.div_ceil(TILE)];
            self.run(kernel, variant, buffers, &words, grid, tile_work * count as u64);
        }
    }

    /// Takes the scratch buffer of at least `words`, or records the failure; give it back into `self.scratch`.
    pub(super) fn take_scratch(&mut self, words: usize) -> Option<(Buffer, usize)> {
        match self.scratch.take() {
            Some(scratch) if scratch.1 >= words => Some(scratch),
            _ => match self.allocator.words("scratch", words) {
                Ok(buffer) => Some((buffer, words)),
                Err(error) => {
                    self.recorder.fail(error);
                    None
                }
            },
        }
    }
}

/// Workgroups of an elementwise kernel; its threads stride over the rest.
pub(super) fn groups(len: usize) -> usize {
    len.div_ceil(THREADS).min(GROUPS_MAX)
}
