//! llama.cpp's log as data: its quantizer reports progress, sizes and reasons nowhere else.

use std::ffi::{CStr, c_char, c_void};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, PoisonError};

use llama_cpp_2::{LogOptions, send_logs_to_tracing};
use llama_cpp_sys_2::{GGML_LOG_LEVEL_ERROR, ggml_log_level};

use super::Step;

/// What a run of the quantizer said.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Report {
    /// Bytes of all tensors after quantization, from the summary line.
    pub quantized_bytes: Option<u64>,
    /// A dry run found tensors that need an importance matrix.
    pub needs_importance: bool,
    /// Error lines, joined.
    pub errors: String,
}

/// Where the log goes while the quantizer runs.
pub(super) struct Listener {
    report: Mutex<Report>,
    steps: Option<Sender<Step>>,
}

impl Listener {
    pub fn new(steps: Option<Sender<Step>>) -> Self {
        Self { report: Mutex::default(), steps }
    }

    /// Runs `work` with llama.cpp's log going to this listener. Only one may listen at a time, which the caller's
    /// construction lock ensures.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> (T, Report) {
        // SAFETY: the callback reads `self`, which outlives the calls made in `work`; the log goes back to `tracing`
        // before this function returns.
        unsafe { llama_cpp_sys_2::llama_log_set(Some(hear), std::ptr::from_ref(self).cast_mut().cast()) };
        let result = work();
        send_logs_to_tracing(LogOptions::default());
        let report = std::mem::take(&mut *self.report.lock().unwrap_or_else(PoisonError::into_inner));
        (result, report)
    }

    fn line(&self, level: ggml_log_level, text: &str) {
        if let (Some(step), Some(steps)) = (step(text), &self.steps) {
            // A listener that has gone is noticed by the caller.
            let _ = steps.send(step);
            return;
        }
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = summary_bytes(text) {
            report.quantized_bytes = Some(bytes);
        }
        report.needs_importance |= text.contains("will require an imatrix");
        if level == GGML_LOG_LEVEL_ERROR && !text.trim().is_empty() {
            let said = text.split_whitespace().filter(|word| !word.starts_with("====")).collect::<Vec<_>>().join(" ");
            let reason = said.rsplit_once("failed to quantize: ").map_or(said.as_str(), |(_, reason)| reason);
            if !reason.is_empty() && !report.errors.contains(reason) {
                let gap = if report.errors.is_empty() { "" } else { "; " };
                report.errors.push_str(gap);
                report.errors.push_str(reason);
            }
        }
    }
}

unsafe extern "C" fn hear(level: ggml_log_level, text: *const c_char, listener: *mut c_void) {
    if text.is_null() || listener.is_null() {
        return;
    }
    // SAFETY: llama.cpp passes a C string, and the listener that `Listener::during` gave it.
    let (text, listener) = unsafe { (CStr::from_ptr(text), &*listener.cast::<Listener>()) };
    listener.line(level, &text.to_string_lossy());
}

/// `[  12/ 339] blk.0.attn_k.weight   - [ ..` as a step.
fn step(text: &str) -> Option<Step> {
    let (counts, rest) = text.strip_prefix('[')?.split_once(']')?;
    let (tensor, tensors) = counts.split_once('/')?;
    let (name, _) = rest.split_once(" - ")?;
    Some(Step {
        tensor: tensor.trim().parse().ok()?,
        tensors: tensors.trim().parse().ok()?,
        name: name.trim().to_owned(),
    })
}

/// Bytes of `..: quant size  =   373.71 MiB (..`.
fn summary_bytes(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once("quant size")?;
    let (number, _) = rest.trim_start().strip_prefix('=')?.split_once("MiB")?;
    let mebibytes: f64 = number.trim().parse().ok()?;
    Some((mebibytes * f64::from(1 << 20)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_lines_become_steps_and_others_do_not() {
        let line = "[  12/ 339] blk.0.attn_k.weight                  - [  896,   128,     1,     1], type =    f16, ";
        assert_eq!(step(line), Some(Step { tensor: 12, tensors: 339, name: "blk.0.attn_k.weight".to_owned() }));
        assert_eq!(step("converting to q5_0 .. "), None);
        assert_eq!(step("[x/y] - "), None);
    }

    #[test]
    fn summary_and_error_are_understood() {
        let listener = Listener::new(None);
        listener.line(
            llama_cpp_sys_2::GGML_LOG_LEVEL_INFO,
            "llama_model_quantize_impl: quant size  =   373.50 MiB (6.34 BPW)\n",
        );
        listener.line(
            GGML_LOG_LEVEL_ERROR,
            "llama_model_quantize: failed to quantize: requantizing from type q8_0 is disabled\n",
        );
        let report = listener.report.lock().unwrap().clone();
        assert_eq!(report.quantized_bytes, Some(391_643_136));
        assert_eq!(report.errors, "requantizing from type q8_0 is disabled");
    }
}
