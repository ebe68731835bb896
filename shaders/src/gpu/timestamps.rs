//! Times of kernels by the GPU's own clock, for profiling.
//!
//! Each dispatch gets a pass of its own with a timestamp at both ends, and each submission is waited for: the
//! sum is longer than an unprofiled run, the shares are right.

use super::recorder::DISPATCHES_MAX;
use crate::profile::{KernelTime, Profile};

/// Bytes of the timestamps of one submission: two of 8 bytes a dispatch.
const BYTES: u64 = 16 * DISPATCHES_MAX as u64;

pub(super) struct Timestamps {
    set: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    mapped: wgpu::Buffer,
    seconds_per_tick: f64,
    profile: Profile,
}

impl Timestamps {
    /// `None` when the device has no timestamps.
    pub(super) fn new(device: &wgpu::Device, queue: &wgpu::Queue) -> Option<Self> {
        if !device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return None;
        }
        let buffer = |label, usage| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: BYTES,
                usage: usage | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        };
        Some(Self {
            set: device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("kernel times"),
                ty: wgpu::QueryType::Timestamp,
                count: 2 * DISPATCHES_MAX as u32,
            }),
            resolved: buffer("timestamps", wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC),
            mapped: buffer("timestamps to read", wgpu::BufferUsages::MAP_READ),
            seconds_per_tick: f64::from(queue.get_timestamp_period()) * 1e-9,
            profile: Profile::default(),
        })
    }

    /// What to write around the pass of dispatch `index` of a submission.
    pub(super) fn of_dispatch(&self, index: usize) -> wgpu::ComputePassTimestampWrites<'_> {
        let first = 2 * index as u32;
        wgpu::ComputePassTimestampWrites {
            query_set: &self.set,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        }
    }

    /// Ends a submission of `count` dispatches.
    pub(super) fn resolve(&self, encoder: &mut wgpu::CommandEncoder, count: usize) {
        encoder.resolve_query_set(&self.set, 0..2 * count as u32, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.mapped, 0, 16 * count as u64);
    }

    /// Asks for the times of a submission; they are there after the next wait.
    pub(super) fn map(&self) {
        self.mapped.map_async(wgpu::MapMode::Read, .., |_| {});
    }

    /// Adds the times of a submission that was waited for: kernel and operations of each dispatch.
    pub(super) fn collect(&mut self, dispatches: &[(String, f64)]) {
        let Ok(view) = self.mapped.get_mapped_range(..) else { return };
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&view);
        drop(view);
        self.mapped.unmap();
        for (pair, (name, operations)) in ticks.as_chunks::<2>().0.iter().zip(dispatches) {
            let seconds = pair[1].saturating_sub(pair[0]) as f64 * self.seconds_per_tick;
            self.profile.add(name, seconds, *operations);
        }
    }

    pub(super) fn times(&self) -> Vec<KernelTime> {
        self.profile.times()
    }
}
