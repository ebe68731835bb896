//! The call into llama.cpp's quantizer.

use std::ffi::CString;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use halligan_finetune::gguf::{GgmlType, GgufFile};
use llama_cpp_sys_2::{
    llama_model_imatrix_data, llama_model_quantize, llama_model_quantize_default_params, llama_model_tensor_override,
};

use super::log::{Listener, Report};
use super::{Importance, QuantizeError, Recipe, SLAB_BYTES, Step};
use crate::inference::{backend, construction};
use crate::probe::physical_cores;

/// How often a caller is asked whether to go on while one tensor takes long.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Everything that the C side points into, owned by the thread that calls it.
struct Call {
    input: CString,
    output: CString,
    number: u32,
    threads: i32,
    allow_requantize: bool,
    dry_run: bool,
    overrides: Vec<(CString, u32)>,
    importance: Vec<(CString, Vec<f32>)>,
}

/// Runs the quantizer; without `output` as a dry run.
pub(super) fn run(
    file: &GgufFile,
    output: Option<&Path>,
    recipe: &Recipe,
    importance: Option<&Importance>,
    on_step: &mut dyn FnMut(&Step) -> bool,
) -> Result<Report, QuantizeError> {
    backend()?;
    let threads = if recipe.threads == 0 { physical_cores() as u32 } else { recipe.threads };
    let call = Call {
        input: c_path(file.path())?,
        output: c_path(output.unwrap_or(Path::new("unused")))?,
        number: recipe.kind.number(),
        threads: i32::try_from(threads).unwrap_or(1).max(1),
        allow_requantize: recipe.allow_requantize,
        dry_run: output.is_none(),
        overrides: overrides(file, recipe)?,
        importance: importance.map_or(Ok(Vec::new()), |importance| importance.entries())?,
    };
    let (steps, progress) = mpsc::channel();
    let (finished, outcome) = mpsc::channel();
    let listener = Arc::new(Listener::new(Some(steps)));
    std::thread::Builder::new()
        .name("quantizer".to_owned())
        .spawn(move || {
            let _only = construction();
            let (code, report) = listener.during(|| call.run());
            // A caller that was stopped has gone.
            let _ = finished.send((code, report));
        })
        .map_err(|error| QuantizeError::Failed { reason: format!("no thread could be started: {error}") })?;
    let mut last: Option<Step> = None;
    let (code, report) = loop {
        match progress.recv_timeout(ASK_EVERY) {
            Ok(step) => last = Some(step),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => {}
        }
        let unnamed = Step { tensor: 0, tensors: file.tensors().len(), name: String::new() };
        if !on_step(last.as_ref().unwrap_or(&unnamed)) {
            return Err(QuantizeError::Cancelled);
        }
        match outcome.try_recv() {
            Ok(outcome) => break outcome,
            Err(mpsc::TryRecvError::Empty) => {}
            Err(mpsc::TryRecvError::Disconnected) => {
                return Err(QuantizeError::Failed { reason: "its thread ended early".to_owned() });
            }
        }
    };
    if code == 0 {
        return Ok(report);
    }
    if report.errors.contains("importance matrix") || report.errors.contains("imatrix!") {
        return Err(QuantizeError::NeedsImportance { kind: recipe.kind.name() });
    }
    let at = last.map_or(String::new(), |step| format!(" (at tensor {})", step.name));
    let reason = if report.errors.is_empty() { "it gave no reason".to_owned() } else { report.errors };
    Err(QuantizeError::Failed { reason: format!("{reason}{at}") })
}

impl Call {
    /// 0 where the file was written.
    fn run(&self) -> u32 {
        let mut overrides: Vec<llama_model_tensor_override> = (self.overrides.iter())
            .map(|(pattern, number)| llama_model_tensor_override { pattern: pattern.as_ptr(), type_: *number })
            .collect();
        overrides.push(llama_model_tensor_override { pattern: std::ptr::null(), type_: 0 });
        let mut importance: Vec<llama_model_imatrix_data> = (self.importance.iter())
            .map(|(name, values)| llama_model_imatrix_data {
                name: name.as_ptr(),
                data: values.as_ptr(),
                size: values.len(),
            })
            .collect();
        importance.push(llama_model_imatrix_data { name: std::ptr::null(), data: std::ptr::null(), size: 0 });
        // SAFETY: a plain value.
        let mut params = unsafe { llama_model_quantize_default_params() };
        params.nthread = self.threads;
        params.ftype = self.number;
        params.allow_requantize = self.allow_requantize;
        params.dry_run = self.dry_run;
        params.max_buf_size = SLAB_BYTES;
        if !self.overrides.is_empty() {
            params.tt_overrides = overrides.as_ptr();
        }
        if !self.importance.is_empty() {
            params.imatrix = importance.as_ptr();
        }
        // SAFETY: both lists end with a null name and, like the paths, live until the call returns. llama.cpp
        // catches its own exceptions and returns 1 for them.
        unsafe { llama_model_quantize(self.input.as_ptr(), self.output.as_ptr(), &raw const params) }
    }
}

/// Each overridden tensor by its exact name, so that what matches is decided here and not by another engine.
fn overrides(file: &GgufFile, recipe: &Recipe) -> Result<Vec<(CString, u32)>, QuantizeError> {
    if recipe.overrides.is_empty() {
        return Ok(Vec::new());
    }
    if recipe.kind.is_float() {
        return Err(QuantizeError::OverrideOfFloat { kind: recipe.kind.name() });
    }
    let matrices: Vec<&str> = (file.tensors().map(|tensor| (tensor.name, tensor.shape)))
        .filter(|(name, shape)| shape.iter().filter(|&&size| size > 1).count() > 1 && name.ends_with("weight"))
        .map(|(name, _)| name)
        .collect();
    let mut found: Vec<(CString, u32)> = Vec::new();
    for wish in &recipe.overrides {
        let pattern = regex::Regex::new(&wish.pattern).map_err(|error| QuantizeError::Pattern {
            pattern: wish.pattern.clone(),
            reason: error.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
        })?;
        let mut matching = matrices.iter().filter(|name| pattern.is_match(name)).peekable();
        if matching.peek().is_none() {
            let example = matrices.last().or(matrices.first()).copied().unwrap_or("blk.0.attn_q.weight").to_owned();
            return Err(QuantizeError::PatternMatchesNothing { pattern: wish.pattern.clone(), example });
        }
        for name in matching {
            let whole_table = matches!(*name, "token_embd.weight" | "output.weight");
            if whole_table && needs_importance(wish.ggml_type) {
                let ggml_type = wish.ggml_type.to_string();
                return Err(QuantizeError::OverrideNeedsImportance { tensor: (*name).to_owned(), ggml_type });
            }
            found.push((c_text(&exactly(name))?, wish.ggml_type.id()));
        }
    }
    Ok(found)
}

/// Types whose quantizer ends the process when it has no importance (`ggml_quantize_requires_imatrix`).
fn needs_importance(ggml_type: GgmlType) -> bool {
    matches!(ggml_type.name(), "IQ2_XXS" | "IQ2_XS" | "IQ1_S")
}

/// An expression that matches this name only.
fn exactly(name: &str) -> String {
    let mut pattern = String::from("^");
    for character in name.chars() {
        if ".^$*+?()[]{}|\\".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('$');
    pattern
}

pub(super) fn c_path(path: &Path) -> Result<CString, QuantizeError> {
    let text = path.to_str().ok_or_else(|| QuantizeError::Failed {
        reason: format!("the path {} is not UTF-8, which llama.cpp cannot open", path.display()),
    })?;
    c_text(text)
}

pub(super) fn c_text(text: &str) -> Result<CString, QuantizeError> {
    CString::new(text).map_err(|_| QuantizeError::Failed { reason: format!("{text:?} holds a zero byte") })
}

#[cfg(test)]
mod tests {
    #[test]
    fn exact_pattern_matches_its_name_and_no_other() {
        let pattern = regex::Regex::new(&super::exactly("blk.1.ffn_down.weight")).unwrap();
        assert!(pattern.is_match("blk.1.ffn_down.weight"));
        assert!(!pattern.is_match("blk.11.ffn_down.weight") && !pattern.is_match("blk.1xffn_down.weight"));
    }
}
