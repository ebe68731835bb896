//! Dispatches gathered into submissions, and what the driver reports about them.
//!
//! A submission holds at most [`DISPATCHES_MAX`] dispatches and a given
//! amount of work, so that a display on the same GPU can draw between two of them; at most
//! [`IN_FLIGHT_MAX`] wait on the device.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use super::{kernels::Kernel, timestamps::Timestamps};
use crate::{ExecutorError, KernelTime};

/// Dispatches in a submission: far above its fixed cost, far below what a driver's command memory holds.
pub(super) const DISPATCHES_MAX: usize = 128;
/// Submissions on the device before the host waits for the oldest.
const IN_FLIGHT_MAX: usize = 4;

/// One kernel launch.
pub(super) struct Dispatch {
    /// Kernel and variant.
    pub(super) kernel: (Kernel, usize),
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) bindings: wgpu::BindGroup,
    pub(super) words: Vec<u32>,
    pub(super) grid: [u32; 2],
    /// Multiply-adds, about.
    pub(super) work: u64,
}

impl Dispatch {
    fn run(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bindings, &[]);
        pass.set_immediates(0, bytemuck::cast_slice(&self.words));
        pass.dispatch_workgroups(self.grid[0], self.grid[1], 1);
    }
}

/// Collects dispatches and submits them in order.
pub(super) struct Recorder {
    device: wgpu::Device,
    queue: wgpu::Queue,
    pending: Vec<Dispatch>,
    work: u64,
    work_max: u64,
    in_flight: VecDeque<wgpu::SubmissionIndex>,
    failure: Arc<Mutex<Option<Failure>>>,
    timestamps: Option<Timestamps>,
}

/// The first thing that went wrong; it stays, because results after it are void.
#[derive(Clone)]
enum Failure {
    OutOfMemory(String),
    Stopped(String),
}

fn keep_first(slot: &Mutex<Option<Failure>>, failure: Failure) {
    slot.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
}

impl Recorder {
    pub(super) fn new(device: &wgpu::Device, queue: &wgpu::Queue, work_max: u64) -> Self {
        let failure = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&failure);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let text = error.to_string();
            tracing::error!("GPU error: {text}");
            keep_first(
                &slot,
                match error {
                    wgpu::Error::OutOfMemory { .. } => Failure::OutOfMemory("a submission".to_owned()),
                    _ => Failure::Stopped(text),
                },
            );
        }));
        let slot = Arc::clone(&failure);
        device.set_device_lost_callback(move |reason, text| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                keep_first(&slot, Failure::Stopped(format!("device lost, {text}")));
            }
        });
        let (device, queue) = (device.clone(), queue.clone());
        Self {
            device,
            queue,
            pending: Vec::new(),
            work: 0,
            work_max,
            in_flight: VecDeque::new(),
            failure,
            timestamps: None,
        }
    }

    /// Measures kernels from now on; false when the device has no timestamps.
    pub(super) fn start_profile(&mut self) -> bool {
        self.flush();
        self.timestamps = Timestamps::new(&self.device, &self.queue);
        self.timestamps.is_some()
    }

    pub(super) fn kernel_times(&mut self) -> Vec<KernelTime> {
        self.flush();
        self.timestamps.as_ref().map(Timestamps::times).unwrap_or_default()
    }

    /// Queues a dispatch.
    pub(super) fn record(&mut self, dispatch: Dispatch) {
        self.work += dispatch.work;
        self.pending.push(dispatch);
        if self.work >= self.work_max || self.pending.len() >= DISPATCHES_MAX {
            self.flush();
        }
    }

    /// Submits what is queued.
    pub(super) fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        if self.timestamps.is_some() {
            return self.flush_measured();
        }
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for dispatch in self.pending.drain(..) {
                dispatch.run(&mut pass);
            }
        }
        self.work = 0;
        self.in_flight.push_back(self.queue.submit([encoder.finish()]));
        if self.in_flight.len() > IN_FLIGHT_MAX {
            let oldest = self.in_flight.pop_front();
            self.wait(oldest);
        }
    }

    /// As [`flush`](Self::flush), a pass for each dispatch, and waits for their times.
    fn flush_measured(&mut self) {
        let Some(timestamps) = &mut self.timestamps else { return };
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut measured = Vec::with_capacity(self.pending.len());
        for (index, dispatch) in self.pending.drain(..).enumerate() {
            let timestamp_writes = Some(timestamps.of_dispatch(index));
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
            dispatch.run(&mut pass);
            let (kernel, variant) = &dispatch.kernel;
            let product = kernel.name.starts_with("matmul") || kernel.name.starts_with("attention");
            let operations = if product { 2.0 * dispatch.work as f64 } else { 0.0 };
            measured.push((kernel.label(*variant), operations));
        }
        timestamps.resolve(&mut encoder, measured.len());
        self.queue.submit([encoder.finish()]);
        timestamps.map();
        self.work = 0;
        self.in_flight.clear();
        self.wait(None);
        if let Some(timestamps) = &mut self.timestamps {
            timestamps.collect(&measured);
        }
    }

    /// Submits, waits for everything and returns the first failure.
    pub(super) fn finish(&mut self) -> Result<(), ExecutorError> {
        self.flush();
        self.in_flight.clear();
        self.wait(None);
        self.check()
    }

    /// Submits what is queued, then a copy of the first `bytes` of `from` to the mappable buffer `to`, and
    /// returns them.
    pub(super) fn read(
        &mut self,
        from: &wgpu::Buffer,
        to: &wgpu::Buffer,
        bytes: u64,
    ) -> Result<Vec<f32>, ExecutorError> {
        self.flush();
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(from, 0, to, 0, bytes);
        self.queue.submit([encoder.finish()]);
        let slot = Arc::clone(&self.failure);
        to.map_async(wgpu::MapMode::Read, ..bytes, move |mapped| {
            if let Err(error) = mapped {
                keep_first(&slot, Failure::Stopped(error.to_string()));
            }
        });
        self.finish()?;
        let view = to
            .get_mapped_range(..bytes)
            .map_err(|error| ExecutorError::DeviceLost { reason: format!("results cannot be read, {error}") })?;
        let values = bytemuck::pod_collect_to_vec(&view);
        drop(view);
        to.unmap();
        Ok(values)
    }

    /// Remembers a failure of a call that cannot return it.
    pub(super) fn fail(&self, error: ExecutorError) {
        keep_first(
            &self.failure,
            match error {
                ExecutorError::OutOfMemory { what } => Failure::OutOfMemory(what),
                other => Failure::Stopped(other.to_string()),
            },
        );
    }

    fn wait(&mut self, submission_index: Option<wgpu::SubmissionIndex>) {
        if let Err(error) = self.device.poll(wgpu::PollType::Wait { submission_index, timeout: None }) {
            keep_first(&self.failure, Failure::Stopped(error.to_string()));
        }
    }

    fn check(&self) -> Result<(), ExecutorError> {
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            None => Ok(()),
            Some(Failure::OutOfMemory(what)) => Err(ExecutorError::OutOfMemory { what }),
            Some(Failure::Stopped(reason)) => Err(ExecutorError::DeviceLost { reason }),
        }
    }
}
