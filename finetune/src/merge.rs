//! Merging: `W + scale * B A` for every adapted matrix, written as a dense model, tensor by tensor.
//!
//! The result needs no adapter any more, which is what tools without LoRA want. It is a new base: adapters
//! trained over the old one do not fit it. Metadata is kept; where the model comes from is added.

use std::path::{Path, PathBuf};

use half::f16;
use halligan_shaders::{Format, format::decode};
use rayon::prelude::*;

use crate::{
    adapter::{Adapter, AdapterError, LoraPair},
    gguf::{
        GgmlType, GgufError, GgufFile, MetadataValue, TensorLayout, TensorView, atomic_file::WriteError,
        write_gguf_streamed,
    },
};

/// Numbers of a Q8_0 block.
const BLOCK: usize = 32;
/// Elements that are decoded, changed and written at a time.
const PIECE_ELEMENTS: usize = 1 << 22;

/// How the matrices of a merged model are stored. Vectors stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergedType {
    /// Exact.
    F32,
    /// Half precision.
    F16,
    /// 8 bits with a scale per 32; matrices whose rows are no whole number of blocks are stored as F16.
    Q8_0,
}

impl std::str::FromStr for MergedType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "f32" => Ok(Self::F32),
            "f16" => Ok(Self::F16),
            "q8_0" => Ok(Self::Q8_0),
            _ => Err("choose f16, q8_0 or f32; for others quantize the merged model".to_owned()),
        }
    }
}

impl MergedType {
    /// `general.file_type`, as llama.cpp numbers them.
    fn file_type(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q8_0 => 7,
        }
    }

    fn of_matrix(self, columns: usize) -> GgmlType {
        match self {
            Self::F32 => GgmlType::F32,
            Self::Q8_0 if columns.is_multiple_of(BLOCK) => GgmlType::Q8_0,
            Self::F16 | Self::Q8_0 => GgmlType::F16,
        }
    }
}

/// Why a model could not be merged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// The base cannot be read.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The adapter does not belong to the base.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    /// The result cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A stored format that cannot be decoded.
    #[error(
        "{path}: tensor {tensor} is stored as {found}, which cannot be read; start from another file of this model"
    )]
    Format {
        /// The base.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its type.
        found: String,
    },
    /// A value beyond the range of F16.
    #[error("tensor {tensor} holds {value}, beyond the range of {storage}; merge with --type f32")]
    Range {
        /// The tensor.
        tensor: String,
        /// The value.
        value: f32,
        /// Type of the merged tensor.
        storage: GgmlType,
    },
}

/// What came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// Tensors of the model.
    pub tensors: usize,
    /// Matrices that the adapter changed.
    pub changed: usize,
}

/// Writes `base` with `adapter` merged into it to `path`, whole or not at all. `observe` hears of tensors done, out
/// of all. Memory stays at a few pieces of one tensor.
///
/// # Errors
/// [`MergeError`]; nothing is at `path` then that was not there before.
pub fn merge(
    base: &GgufFile,
    adapter: &Adapter,
    adapter_sha256: &str,
    storage: MergedType,
    path: &Path,
    observe: &mut dyn FnMut(usize, usize),
) -> Result<Merged, MergeError> {
    adapter.check_fits(base)?;
    let tensors: Vec<TensorView<'_>> = base.tensors().collect();
    let layouts: Vec<TensorLayout> = tensors
        .iter()
        .map(|tensor| TensorLayout {
            name: tensor.name.to_owned(),
            shape: tensor.shape.to_vec(),
            ggml_type: if is_matrix(tensor) { storage.of_matrix(tensor.shape[0]) } else { tensor.ggml_type },
        })
        .collect();
    let metadata = metadata(base, adapter_sha256, storage)?;
    write_gguf_streamed(path, metadata, &layouts, |index, sink| {
        let (tensor, stored) = (&tensors[index], layouts[index].ggml_type);
        let pair = adapter.pairs.get(tensor.name);
        if pair.is_none() && stored == tensor.ggml_type {
            sink.write(tensor.bytes)?;
        } else {
            let format = format_of(base, tensor)?;
            let (columns, rows) = (tensor.shape[0], tensor.shape[1..].iter().product::<usize>());
            let row_bytes = tensor.bytes.len() / rows;
            let step = (PIECE_ELEMENTS / columns).max(1);
            for first in (0..rows).step_by(step) {
                let count = step.min(rows - first);
                let mut values = vec![0.0; count * columns];
                decode(format, &tensor.bytes[first * row_bytes..(first + count) * row_bytes], &mut values);
                if let Some(pair) = pair {
                    add_product(pair, adapter.alpha / pair.rank as f32, first, &mut values);
                }
                sink.write(&encode(tensor.name, stored, &values)?)?;
            }
        }
        observe(index + 1, tensors.len());
        Ok::<(), MergeError>(())
    })?;
    Ok(Merged { tensors: layouts.len(), changed: adapter.pairs.len() })
}

fn is_matrix(tensor: &TensorView<'_>) -> bool {
    tensor.shape.iter().skip(1).any(|&size| size > 1)
}

fn metadata(
    base: &GgufFile,
    adapter_sha256: &str,
    storage: MergedType,
) -> Result<Vec<(String, MetadataValue)>, MergeError> {
    // The writer aligns as every reader expects without this key.
    let mut metadata: Vec<(String, MetadataValue)> =
        base.metadata()?.into_iter().filter(|(key, _)| key != "general.alignment").collect();
    let text = |key: &str, value: &str| (key.to_owned(), MetadataValue::String(value.to_owned()));
    metadata.push(("general.file_type".to_owned(), MetadataValue::Uint32(storage.file_type())));
    metadata.push(text("halligan.merged.base_sha256", base.sha256()));
    metadata.push(text("halligan.merged.adapter_sha256", adapter_sha256));
    if storage == MergedType::Q8_0 {
        metadata.push(("general.quantization_version".to_owned(), MetadataValue::Uint32(2)));
    }
    Ok(metadata)
}

fn format_of(base: &GgufFile, tensor: &TensorView<'_>) -> Result<Format, MergeError> {
    let named = |format: &Format| format.to_string() == tensor.ggml_type.name();
    Format::ALL.into_iter().find(named).ok_or_else(|| MergeError::Format {
        path: base.path().to_path_buf(),
        tensor: tensor.name.to_owned(),
        found: tensor.ggml_type.to_string(),
    })
}

/// `values += scale * B A` for the rows from `first` on.
fn add_product(pair: &LoraPair, scale: f32, first: usize, values: &mut [f32]) {
    values.par_chunks_mut(pair.inputs).enumerate().for_each(|(row, values)| {
        let factors = &pair.b[(first + row) * pair.rank..][..pair.rank];
        for (factor, a) in factors.iter().zip(pair.a.chunks_exact(pair.inputs)) {
            let factor = scale * factor;
            values.iter_mut().zip(a).for_each(|(value, a)| *value += factor * a);
        }
    });
}

fn encode(tensor: &str, storage: GgmlType, values: &[f32]) -> Result<Vec<u8>, MergeError> {
    let fits = |value: &f32| storage == GgmlType::F32 || f16::from_f32(*value).is_finite();
    // A scale of Q8_0 is an F16 of the largest value over 127, so F16's range is more than enough to ask for.
    if let Some(&value) = values.iter().find(|value| !fits(value)) {
        return Err(MergeError::Range { tensor: tensor.to_owned(), value, storage });
    }
    Ok(match storage {
        GgmlType::F16 => values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect(),
        GgmlType::Q8_0 => values.par_chunks(BLOCK).flat_map_iter(q8_0_block).collect(),
        _ => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    })
}

/// A block as ggml's `quantize_row_q8_0_ref` makes it: a scale in F16, then 32 signed bytes.
fn q8_0_block(values: &[f32]) -> [u8; 2 + BLOCK] {
    let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let scale = largest / 127.0;
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    let mut block = [0; 2 + BLOCK];
    block[..2].copy_from_slice(&f16::from_f32(scale).to_le_bytes());
    for (byte, value) in block[2..].iter_mut().zip(values) {
        // `round` goes away from zero at one half, as C's does.
        *byte = (value * inverse).round() as i8 as u8;
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q8_0_blocks_are_those_of_the_gguf_package() {
        // gguf 0.17 (PyPI): quants.quantize over numpy values i * i * (-1)^i / 7 - 3, i = 0..32.
        let values: Vec<f32> =
            (0..32).map(|i| (i * i) as f32 * if i % 2 == 0 { 1.0 } else { -1.0 } / 7.0 - 3.0).collect();
        let golden = include_str!("../tests/goldens/q8_0_block.hex").trim();
        let ours: String = q8_0_block(&values).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(ours, golden);
        assert_eq!(q8_0_block(&[0.0; 32]), [0; 34]);
    }

    #[test]
    fn value_beyond_f16_is_an_error_that_names_the_tensor() {
        let error = encode("blk.0.attn_q.weight", GgmlType::F16, &[1.0, 1e6]).unwrap_err().to_string();
        assert!(error.contains("blk.0.attn_q.weight") && error.contains("--type f32"), "{error}");
        assert!(encode("x", GgmlType::F32, &[1e6]).is_ok());
    }
}
