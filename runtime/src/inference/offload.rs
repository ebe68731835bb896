//! How much of a model goes to a GPU: all of it where it fits, else as many layers as do.

use halligan_finetune::gguf::GgufFile;
use llama_cpp_2::{LlamaBackendDevice, LlamaBackendDeviceType, list_llama_ggml_backend_devices};

use super::backend::backend;
use super::memory::needed_bytes;
use super::settings::InferenceSettings;
use crate::error::ModelError;

/// Part of a GPU's free memory that a model may take; the rest is for the screen and for what grows.
const USABLE: f64 = 0.9;

/// Where a model is computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placement {
    /// Layers on the GPU.
    pub layers: u32,
    /// For people: the GPU and the layers on it, or why it is the CPU.
    pub device: String,
}

/// Decides by what this build and this machine have.
pub(super) fn place(file: &GgufFile, settings: &InferenceSettings) -> Result<Placement, ModelError> {
    let placement = wherever(file, settings)?;
    if settings.gpu_only && placement.layers == 0 {
        return Err(ModelError::NoGpu { device: placement.device });
    }
    Ok(placement)
}

fn wherever(file: &GgufFile, settings: &InferenceSettings) -> Result<Placement, ModelError> {
    let on_cpu = |why: &str| Placement { layers: 0, device: format!("CPU ({why})") };
    if settings.gpu_layers == 0 {
        return Ok(on_cpu("no layers on the GPU"));
    }
    let gpus: Vec<LlamaBackendDevice> = match backend()?.supports_gpu_offload() {
        true => list_llama_ggml_backend_devices().into_iter().filter(is_gpu).collect(),
        false => Vec::new(),
    };
    let Some(first) = gpus.first() else {
        let features = cfg!(any(feature = "cuda", feature = "metal", feature = "vulkan"))
            || cfg!(all(target_os = "macos", target_arch = "aarch64"));
        let why = if features { "no GPU was found" } else { "this build has no GPU backend" };
        return Ok(on_cpu(why));
    };
    let free: u64 = gpus.iter().map(|gpu| gpu.memory_free as u64).sum();
    let total = file.find_str("general.architecture").ok().flatten().and_then(|architecture| {
        let layers = file.json(&format!("{architecture}.block_count"))?.as_u64()?;
        // The output counts as one more.
        u32::try_from(layers).ok()?.checked_add(1)
    });
    let layers = fitting_layers(settings.gpu_layers, total, needed_bytes(file, settings), free);
    let of = total.map_or(String::new(), |total| format!(" of {total}"));
    Ok(match layers {
        0 => on_cpu("the GPU has too little free memory"),
        layers => Placement { layers, device: format!("{}, {layers}{of} layers", first.description) },
    })
}

fn is_gpu(device: &LlamaBackendDevice) -> bool {
    matches!(device.device_type, LlamaBackendDeviceType::Gpu | LlamaBackendDeviceType::IntegratedGpu)
}

/// At most `wanted` of `total` layers, in proportion to what `free` bytes hold of `needed` ones. Some drivers do not
/// tell what is free; then all.
fn fitting_layers(wanted: u32, total: Option<u32>, needed: Option<u64>, free: u64) -> u32 {
    let wanted = total.map_or(wanted, |total| wanted.min(total));
    let (Some(total), Some(needed), true) = (total, needed, free > 0) else { return wanted };
    let part = USABLE * free as f64 / needed.max(1) as f64;
    if part >= 1.0 { wanted } else { wanted.min((part * f64::from(total)) as u32) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_layers_as_the_memory_holds() {
        assert_eq!(fitting_layers(999, Some(29), Some(1000), 2000), 29);
        assert_eq!(fitting_layers(10, Some(29), Some(1000), 2000), 10);
        assert_eq!(fitting_layers(999, Some(29), Some(2000), 1000), 13);
        assert_eq!(fitting_layers(999, Some(29), Some(2_000_000), 1000), 0);
        assert_eq!(fitting_layers(999, Some(29), Some(2000), 0), 29, "unknown is not none");
        assert_eq!(fitting_layers(999, None, None, 1000), 999);
    }
}
