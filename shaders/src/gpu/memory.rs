//! Buffers on the device, counted, and the division of large weights into bindable chunks.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{ExecutorError, Format, WeightSource};

/// A dense f32 buffer on the device.
pub struct Tensor {
    pub(super) buffer: Buffer,
    pub(super) len: usize,
}

/// A u32 buffer on the device with its copy on the host, where kernels check their indices.
pub struct Indices {
    pub(super) buffer: Buffer,
    pub(super) values: Vec<u32>,
}

/// A frozen matrix on the device, as the bytes of its file.
pub struct Weight {
    pub(super) format: Format,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) chunks: Vec<Chunk>,
}

/// Whole rows of a weight in one buffer that one binding can show to a kernel.
pub(super) struct Chunk {
    pub(super) buffer: Buffer,
    /// First row.
    pub(super) first: u32,
    /// Number of rows.
    pub(super) count: u32,
}

/// A device buffer that gives its bytes back to the count when it is dropped.
pub(super) struct Buffer {
    pub(super) raw: wgpu::Buffer,
    bytes: u64,
    meter: Arc<Meter>,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.meter.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Bytes held now, and the most so far.
#[derive(Default)]
pub(super) struct Meter {
    held: AtomicU64,
    peak: AtomicU64,
}

/// Makes buffers within the device's limits.
pub(super) struct Allocator {
    device: wgpu::Device,
    queue: wgpu::Queue,
    limit_bytes: u64,
    /// Bytes staged since the last wait.
    staged: Cell<usize>,
    meter: Arc<Meter>,
}

/// Spare bytes behind a weight: a kernel reads words in fours from any element, so up to 12 bytes past the last.
const SLACK_BYTES: u64 = 16;
/// Bytes of weights that are staged before the host waits for their copy, which frees the staging memory.
const STAGED_MAX: usize = 32 << 20;
/// Bytes staged at a time.
const UPLOAD_BYTES: usize = 8 << 20;

impl Allocator {
    pub(super) fn new(device: &wgpu::Device, queue: &wgpu::Queue, limit_bytes: u64) -> Self {
        let limits = device.limits();
        // Buffers are bound whole, so the smaller limit holds for both.
        let limit_bytes = limit_bytes.min(limits.max_buffer_size).min(limits.max_storage_buffer_binding_size);
        Self { device: device.clone(), queue: queue.clone(), limit_bytes, staged: Cell::new(0), meter: Arc::default() }
    }

    pub(super) fn peak_bytes(&self) -> u64 {
        self.meter.peak.load(Ordering::Relaxed)
    }

    /// A zeroed buffer of at least `bytes`.
    pub(super) fn buffer(&self, what: &str, bytes: u64, usage: wgpu::BufferUsages) -> Result<Buffer, ExecutorError> {
        let bytes = bytes.next_multiple_of(4).max(4);
        if bytes > self.limit_bytes {
            let limit_bytes = self.limit_bytes;
            return Err(ExecutorError::TooLarge { what: what.to_owned(), needed_bytes: bytes, limit_bytes });
        }
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let raw = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(what),
            size: bytes,
            usage,
            mapped_at_creation: false,
        });
        if pollster::block_on(scope.pop()).is_some() {
            return Err(ExecutorError::OutOfMemory { what: format!("{what} of {bytes} bytes") });
        }
        let held = self.meter.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.meter.peak.fetch_max(held, Ordering::Relaxed);
        Ok(Buffer { raw, bytes, meter: Arc::clone(&self.meter) })
    }

    /// A zeroed buffer of `words` 32-bit words that kernels read and write.
    pub(super) fn words(&self, what: &str, words: usize) -> Result<Buffer, ExecutorError> {
        self.buffer(what, 4 * words as u64, STORAGE)
    }

    /// Copies a weight to the device, in as few buffers as its bindings allow.
    pub(super) fn weight(&self, source: &WeightSource) -> Result<Weight, ExecutorError> {
        source.check()?;
        let WeightSource { format, rows, columns, .. } = *source;
        let bytes = source.bytes.as_slice();
        let row_bytes = bytes.len() / rows.max(1);
        let what = format!("weight of {rows} x {columns} as {format}");
        let rows_max = rows_per_chunk(row_bytes as u64, columns as u64, self.limit_bytes.saturating_sub(SLACK_BYTES));
        if rows_max == 0 && rows > 0 {
            let needed_bytes = row_bytes as u64 + SLACK_BYTES;
            return Err(ExecutorError::TooLarge { what, needed_bytes, limit_bytes: self.limit_bytes });
        }
        let mut chunks = Vec::new();
        let mut first = 0;
        while first < rows {
            let count = rows_max.min(rows - first);
            let part = &bytes[first * row_bytes..(first + count) * row_bytes];
            let buffer = self.buffer(&what, part.len() as u64 + SLACK_BYTES, STORAGE)?;
            self.upload(&buffer.raw, part)?;
            chunks.push(Chunk { buffer, first: first as u32, count: count as u32 });
            first += count;
        }
        Ok(Weight { format, rows, columns, chunks })
    }

    fn upload(&self, buffer: &wgpu::Buffer, bytes: &[u8]) -> Result<(), ExecutorError> {
        for (i, part) in bytes.chunks(UPLOAD_BYTES).enumerate() {
            let at = (i * UPLOAD_BYTES) as u64;
            let (words, tail) = part.split_at(part.len() & !3);
            self.queue.write_buffer(buffer, at, words);
            if !tail.is_empty() {
                let mut word = [0; 4];
                word[..tail.len()].copy_from_slice(tail);
                self.queue.write_buffer(buffer, at + words.len() as u64, &word);
            }
            self.staged.set(self.staged.get() + part.len());
            if self.staged.get() >= STAGED_MAX {
                self.staged.set(0);
                self.queue.submit([]);
                self.device
                    .poll(wgpu::PollType::wait_indefinitely())
                    .map_err(|error| ExecutorError::DeviceLost { reason: error.to_string() })?;
            }
        }
        Ok(())
    }
}

pub(super) const STORAGE: wgpu::BufferUsages =
    wgpu::BufferUsages::STORAGE.union(wgpu::BufferUsages::COPY_SRC).union(wgpu::BufferUsages::COPY_DST);

/// Rows whose bytes fit a binding and whose elements a u32 can number.
fn rows_per_chunk(row_bytes: u64, columns: u64, limit_bytes: u64) -> usize {
    let by_bytes = limit_bytes / row_bytes.max(1);
    let by_elements = u64::from(u32::MAX) / columns.max(1);
    by_bytes.min(by_elements) as usize
}

#[cfg(test)]
mod tests {
    use super::rows_per_chunk;

    #[test]
    fn chunks_keep_within_binding_and_index() {
        assert_eq!(rows_per_chunk(34, 32, 34 * 7 + 33), 7);
        assert_eq!(rows_per_chunk(34, 32, 33), 0);
        // Q2_K at 4 GiB: more elements than a u32 numbers.
        assert_eq!(rows_per_chunk(84, 256, 4 << 30), (u32::MAX / 256) as usize);
    }
}
