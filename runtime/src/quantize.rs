//! Quantizing a model file through llama.cpp, and measuring what that costs.
//!
//! llama.cpp writes the file; what is around it is ours: the plan (a dry run that tells size and needs), the
//! importance of each input column measured on the user's own text ([`Importance`]), the comparison with the
//! model that was quantized ([`compare`]) and a short look at speed and memory ([`probe_speed`]). All of it
//! works in bounded memory: rows are quantized in slabs, weights are dropped from memory as soon as they were
//! read, and logits of two models meet a few rows at a time.

mod binding;
mod compare;
mod error;
mod importance;
mod kinds;
mod log;
mod residence;
mod session;
mod speed;

use std::path::Path;

use halligan_finetune::gguf::atomic_file::{WriteError, write_atomically};
use halligan_finetune::gguf::{GgmlType, GgufFile};

pub use compare::{Comparison, compare};
pub use error::QuantizeError;
pub use importance::Importance;
pub use kinds::{ImportanceUse, QuantType};
pub use speed::{SpeedProbe, probe_speed};

use crate::model::open_sound;

/// Rows of a tensor that llama.cpp holds at once while it quantizes, with their results; its own default is 8 GiB.
const SLAB_BYTES: usize = 64 << 20;

/// Files that take more are refused before the work starts only where the disk says so; this much must stay free.
const DISK_RESERVE_BYTES: u64 = 16 << 20;

/// Tensors whose name contains a match of a pattern, and the type that they get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorOverride {
    /// Regular expression, searched in the tensor's name.
    pub pattern: String,
    /// Their type; a row that is no whole number of its blocks falls back as llama.cpp does it.
    pub ggml_type: GgmlType,
}

/// What is to be written.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The mixture.
    pub kind: QuantType,
    /// Exceptions from it; of several that match a tensor the first counts.
    pub overrides: Vec<TensorOverride>,
    /// Quantize tensors that are quantized already, which loses quality twice.
    pub allow_requantize: bool,
    /// Threads; 0 takes the physical cores.
    pub threads: u32,
}

impl Recipe {
    /// A plain recipe for one type.
    pub fn new(kind: QuantType) -> Self {
        Self { kind, overrides: Vec::new(), allow_requantize: false, threads: 0 }
    }
}

/// What a recipe would do to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Bytes of all tensors, as llama.cpp counts them (to 10 KiB).
    pub tensor_bytes: u64,
    /// llama.cpp refuses to write some tensor without an importance matrix.
    pub needs_importance: bool,
}

/// One step of the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Number of the tensor that is being written, from 1.
    pub tensor: usize,
    /// Tensors of the file.
    pub tensors: usize,
    /// Its name.
    pub name: String,
}

/// Computes what `recipe` would write, without writing.
///
/// # Errors
/// [`QuantizeError`]: an unusable input, a pattern that matches nothing, an input that is quantized already.
pub fn plan(input: &Path, recipe: &Recipe) -> Result<Plan, QuantizeError> {
    let file = check(input, recipe)?;
    let report = binding::run(&file, None, recipe, None, &mut |_| true)?;
    let stored: usize = file.tensors().map(|tensor| tensor.bytes.len()).sum();
    Ok(Plan {
        tensor_bytes: report.quantized_bytes.unwrap_or(stored as u64),
        needs_importance: report.needs_importance,
    })
}

/// Quantizes `input` into `output`, whole or not at all. `on_step` sees each tensor and returns false to stop.
///
/// A stopped run returns at once; llama.cpp cannot be interrupted and goes on in its thread, writing a file that has
/// no name any more, until the process ends.
///
/// # Errors
/// [`QuantizeError`]; `output` is then as it was.
pub fn quantize(
    input: &Path,
    output: &Path,
    recipe: &Recipe,
    importance: Option<&Importance>,
    on_step: &mut dyn FnMut(&Step) -> bool,
) -> Result<(), QuantizeError> {
    let file = check(input, recipe)?;
    if same_file(input, output) {
        return Err(QuantizeError::OntoItself { path: input.to_path_buf() });
    }
    write_atomically(output, |temporary| {
        let written = binding::run(&file, Some(temporary), recipe, importance, on_step).and_then(|_| {
            GgufFile::open(temporary).map_err(|error| QuantizeError::Failed { reason: error.to_string() })
        });
        match written {
            Ok(_) => Ok(()),
            // llama.cpp says no more than that a stream failed; one more byte tells why.
            Err(error @ QuantizeError::Failed { .. }) => Err(why_the_write_failed(temporary, output).unwrap_or(error)),
            Err(error) => Err(error),
        }
    })
}

/// Refuses a plan that the disk of `output` has no room for, where the system tells how much there is.
///
/// # Errors
/// [`QuantizeError::NoRoom`].
pub fn check_room(plan: &Plan, output: &Path) -> Result<(), QuantizeError> {
    let needed = plan.tensor_bytes.saturating_add(DISK_RESERVE_BYTES);
    match crate::probe::disk_free_bytes(output) {
        Some(free) if free < needed => Err(QuantizeError::NoRoom { path: output.to_path_buf(), needed, free }),
        _ => Ok(()),
    }
}

fn check(input: &Path, recipe: &Recipe) -> Result<GgufFile, QuantizeError> {
    let file = open_sound(input)?;
    if file.find_str("general.type").ok().flatten() == Some("adapter") {
        return Err(QuantizeError::Adapter { path: input.to_path_buf() });
    }
    if file.tensors().len() == 0 {
        return Err(QuantizeError::NoTensors { path: input.to_path_buf() });
    }
    let quantized = |tensor: &halligan_finetune::gguf::TensorView<'_>| tensor.ggml_type.block_elements() > 1;
    let count = file.tensors().filter(quantized).count();
    if let Some(first) = file.tensors().find(quantized)
        && !recipe.allow_requantize
    {
        return Err(QuantizeError::AlreadyQuantized {
            path: input.to_path_buf(),
            tensors: count,
            example: first.name.to_owned(),
            stored: first.ggml_type.to_string(),
        });
    }
    Ok(file)
}

fn same_file(input: &Path, output: &Path) -> bool {
    match (input.canonicalize(), output.canonicalize()) {
        (Ok(input), Ok(output)) => input == output,
        _ => false,
    }
}

fn why_the_write_failed(temporary: &Path, output: &Path) -> Option<QuantizeError> {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new().append(true).open(temporary).ok()?;
    let error = file.write_all(&[0; 1 << 16]).and_then(|()| file.sync_all()).err()?;
    Some(QuantizeError::Write(WriteError::from_io(output, error)))
}
