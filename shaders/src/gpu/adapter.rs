//! Choice of the GPU: which adapter may be used, and why each other one is refused.

use crate::{DeviceInfo, DeviceKind, ExecutorError};

/// Which adapters may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdapterSelection {
    /// Real GPUs only. A software driver would be slower than the CPU executor.
    Hardware,
    /// Software drivers too (lavapipe, WARP), hardware first: for tests.
    Any,
}

/// Smallest limits that the kernels need; every WebGPU device has them. `build.rs` holds the kernels to them.
const STORAGE_BUFFERS: u32 = 8;
const WORKGROUP_BYTES: u32 = 16 * 1024;
const THREADS: u32 = 256;
const IMMEDIATE_BYTES: u32 = 64;

/// Opens the best adapter of the selection with all of its limits.
pub(super) fn open(selection: AdapterSelection) -> Result<(wgpu::Device, wgpu::Queue, DeviceInfo), ExecutorError> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.flags = wgpu::InstanceFlags::empty();
    let backends = descriptor.backends;
    let instance = wgpu::Instance::new(descriptor);
    let mut refusals = Vec::new();
    let mut usable = Vec::new();
    for adapter in pollster::block_on(instance.enumerate_adapters(backends)) {
        match refusal(&adapter, selection) {
            Some(reason) => refusals.push(format!("{} refused: {reason}", describe(&adapter.get_info()))),
            None => usable.push(adapter),
        }
    }
    usable.sort_by_key(|adapter| rank(adapter.get_info().device_type));
    let mut failure = None;
    for adapter in usable {
        let info = adapter.get_info();
        let request = adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("halligan"),
            // Timestamps serve profiling, where the device has them.
            required_features: wgpu::Features::IMMEDIATES | (adapter.features() & wgpu::Features::TIMESTAMP_QUERY),
            required_limits: adapter.limits(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        });
        match pollster::block_on(request) {
            Ok((device, queue)) => return Ok((device, queue, device_info(&info))),
            Err(error) => {
                failure.get_or_insert(ExecutorError::NoDevice { adapter: describe(&info), reason: error.to_string() });
            }
        }
    }
    Err(failure.unwrap_or_else(|| {
        let reason = if refusals.is_empty() { "no driver lists an adapter".to_owned() } else { refusals.join("; ") };
        ExecutorError::NoAdapter { reason }
    }))
}

fn rank(kind: wgpu::DeviceType) -> u8 {
    match kind {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

fn is_software(info: &wgpu::AdapterInfo) -> bool {
    // Some software drivers do not say that they are a CPU.
    let names = ["llvmpipe", "lavapipe", "swiftshader", "basic render"];
    let name = info.name.to_lowercase();
    info.device_type == wgpu::DeviceType::Cpu || names.iter().any(|software| name.contains(software))
}

/// Why an adapter cannot be used, or `None`.
fn refusal(adapter: &wgpu::Adapter, selection: AdapterSelection) -> Option<String> {
    if selection == AdapterSelection::Hardware && is_software(&adapter.get_info()) {
        return Some("it is a software driver, slower than --device cpu".to_owned());
    }
    if !adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS) {
        return Some("it has no compute shaders".to_owned());
    }
    if !adapter.features().contains(wgpu::Features::IMMEDIATES) {
        return Some("its driver has no immediates (push constants)".to_owned());
    }
    let limits = adapter.limits();
    let needs = [
        ("storage buffers per stage", limits.max_storage_buffers_per_shader_stage, STORAGE_BUFFERS),
        ("bytes of workgroup memory", limits.max_compute_workgroup_storage_size, WORKGROUP_BYTES),
        ("threads per workgroup", limits.max_compute_invocations_per_workgroup, THREADS),
        ("bytes of immediates", limits.max_immediate_size, IMMEDIATE_BYTES),
    ];
    let (what, has, needed) = needs.into_iter().find(|(_, has, needed)| has < needed)?;
    Some(format!("it has {has} {what}, the kernels need {needed}"))
}

fn describe(info: &wgpu::AdapterInfo) -> String {
    format!("{} ({:?})", info.name, info.backend)
}

fn device_info(info: &wgpu::AdapterInfo) -> DeviceInfo {
    let kind = if is_software(info) { DeviceKind::SoftwareGpu } else { DeviceKind::Gpu };
    let driver = format!("{:?}, {} {}", info.backend, info.driver, info.driver_info);
    DeviceInfo { kind, name: info.name.clone(), driver: driver.trim_end().to_owned() }
}
