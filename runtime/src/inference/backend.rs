//! llama.cpp's global state: started once per process, its log routed to `tracing`.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::{LlamaBackendDeviceType, LogOptions, list_llama_ggml_backend_devices, send_logs_to_tracing};

use crate::error::ModelError;

/// The backend, which lives until the process ends: freeing it under a second model would be
/// unsound.
pub(crate) fn backend() -> Result<&'static LlamaBackend, ModelError> {
    static BACKEND: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
    BACKEND
        .get_or_init(|| {
            // Before the first call into C: a console must never find its log on the screen.
            send_logs_to_tracing(LogOptions::default());
            LlamaBackend::init().map_err(|error| error.to_string())
        })
        .as_ref()
        .map_err(|reason| ModelError::Decode(reason.clone()))
}

/// Held while a model, an adapter or a context is made: llama.cpp changes shared state then.
pub(crate) fn construction() -> MutexGuard<'static, ()> {
    static CONSTRUCTION: Mutex<()> = Mutex::new(());
    CONSTRUCTION.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Name of the GPU that llama.cpp can use, if this build has one.
pub fn gpu_name() -> Option<String> {
    let backend = backend().ok()?;
    if !backend.supports_gpu_offload() {
        return None;
    }
    list_llama_ggml_backend_devices().into_iter().find_map(|device| {
        let is_gpu = matches!(device.device_type, LlamaBackendDeviceType::Gpu | LlamaBackendDeviceType::IntegratedGpu);
        is_gpu.then_some(device.description)
    })
}

/// Version of the llama.cpp in this program.
pub(super) fn llama_version() -> String {
    // SAFETY: a constant text of the library.
    unsafe { std::ffi::CStr::from_ptr(llama_cpp_sys_2::llama_version()) }.to_string_lossy().into_owned()
}
