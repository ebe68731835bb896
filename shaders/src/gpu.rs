//! The GPU executor: every kernel as a WGSL compute shader through wgpu (Vulkan, Metal, DX12).
