//! Pipelines, compiled when a kernel variant is first used.

use std::{borrow::Cow, collections::HashMap};

use super::kernels::{Access, Kernel};

/// Compiled kernels by name and variant.
pub(super) struct Pipelines {
    device: wgpu::Device,
    compiled: HashMap<(&'static str, usize), Pipeline>,
}

/// One compiled kernel variant.
#[derive(Clone)]
pub(super) struct Pipeline {
    pub(super) raw: wgpu::ComputePipeline,
    pub(super) layout: wgpu::BindGroupLayout,
}

impl Pipelines {
    pub(super) fn new(device: &wgpu::Device) -> Self {
        Self { device: device.clone(), compiled: HashMap::new() }
    }

    pub(super) fn get(&mut self, kernel: &Kernel, variant: usize) -> Pipeline {
        let device = &self.device;
        self.compiled.entry((kernel.name, variant)).or_insert_with(|| compile(device, kernel, variant)).clone()
    }
}

fn compile(device: &wgpu::Device, kernel: &Kernel, variant: usize) -> Pipeline {
    let label = kernel.label(variant);
    let label = Some(label.as_str());
    let descriptor =
        wgpu::ShaderModuleDescriptor { label, source: wgpu::ShaderSource::Wgsl(Cow::Owned(kernel.compose(variant))) };
    // SAFETY: every kernel checks its indices against its parameters, the executor checks parameters and
    // row numbers against the buffers before a dispatch, and every loop runs to a bound of the parameters.
    let module = unsafe { device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) };
    let entries: Vec<_> = (0..)
        .zip(kernel.bindings)
        .map(|(binding, access)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only: *access == Access::Read },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        })
        .collect();
    let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label,
        bind_group_layouts: &[Some(&layout)],
        immediate_size: kernel.words * 4,
    });
    let raw = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label,
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions {
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: None,
    });
    Pipeline { raw, layout }
}
