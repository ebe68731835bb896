//! LoRA adapters as plain data, and the files they travel in.
//!
//! An adapter adds `alpha / rank * B A x` to the output of each linear layer it names. It is kept under the
//! names of the GGUF base tensors, in their row order. The GGUF file is the one that llama.cpp loads; we add
//! the rank and the hash of the base, so that an adapter is never used on a base it was not trained on.
//! PEFT folders are for exchange with other trainers.

mod error;
mod peft;
mod peft_names;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use crate::gguf::{GgmlType, GgufFile, MetadataValue, TensorData, TensorView, write_gguf};
pub use error::AdapterError;
pub use peft::PeftScale;
pub use peft_names::PeftBase;

/// Suffixes of the two halves of a pair.
const HALVES: [&str; 2] = [".lora_a", ".lora_b"];

/// One adapted linear layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LoraPair {
    /// A, `rank x inputs`, row-major.
    pub a: Vec<f32>,
    /// B, `outputs x rank`, row-major.
    pub b: Vec<f32>,
    /// Rank of this pair.
    pub rank: usize,
    /// Inputs of the layer.
    pub inputs: usize,
    /// Outputs of the layer.
    pub outputs: usize,
}

/// A LoRA adapter.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapter {
    /// `general.architecture` of the base.
    pub architecture: String,
    /// Scale of the update before it is divided by the rank of each pair.
    pub alpha: f32,
    /// Highest rank of a pair.
    pub rank: usize,
    /// SHA-256 of the base file in lower hex, where known.
    pub base_sha256: Option<String>,
    /// Pairs by the name of the base tensor, such as `blk.0.attn_q.weight`.
    pub pairs: BTreeMap<String, LoraPair>,
}

impl Adapter {
    /// Reads a GGUF adapter.
    ///
    /// # Errors
    /// [`AdapterError`] names the tensor or key that is wrong.
    pub fn read_gguf(path: impl AsRef<Path>) -> Result<Self, AdapterError> {
        let file = GgufFile::open(path)?;
        for (key, expected) in [("general.type", "adapter"), ("adapter.type", "lora")] {
            let found = file.find_str(key)?.unwrap_or("absent");
            if found != expected {
                return Err(AdapterError::NotAdapter {
                    path: file.path().to_path_buf(),
                    key,
                    found: found.to_string(),
                });
            }
        }
        let mut halves: BTreeMap<&str, [Option<TensorView<'_>>; 2]> = BTreeMap::new();
        for tensor in file.tensors() {
            let found =
                (HALVES.iter().enumerate()).find_map(|(half, suffix)| Some((half, tensor.name.strip_suffix(suffix)?)));
            let Some((half, name)) = found else {
                return Err(AdapterError::Unpaired { tensor: tensor.name.to_string() });
            };
            halves.entry(name).or_default()[half] = Some(tensor);
        }
        let mut pairs = BTreeMap::new();
        for (name, halves) in halves {
            let [Some(a), Some(b)] = halves else {
                return Err(AdapterError::Unpaired { tensor: name.to_string() });
            };
            pairs.insert(name.to_string(), read_pair(name, &a, &b)?);
        }
        let rank = pairs.values().map(|pair| pair.rank).max().unwrap_or(0);
        if let Some(stored) = file.find_u32("halligan.rank")?
            && stored as usize != rank
        {
            let stored = stored as usize;
            return Err(AdapterError::Rank { stored, found: rank });
        }
        let adapter = Self {
            architecture: file.str("general.architecture")?.to_string(),
            alpha: file.f32("adapter.lora.alpha")?,
            rank,
            base_sha256: file.find_str("halligan.base_sha256")?.map(str::to_string),
            pairs,
        };
        adapter.check()?;
        Ok(adapter)
    }

    /// Writes the GGUF file that llama.cpp loads, whole or not at all. Equal adapters give equal bytes.
    ///
    /// # Errors
    /// [`AdapterError`] where the content is not sound, or what the system refused.
    pub fn write_gguf(&self, path: impl AsRef<Path>) -> Result<(), AdapterError> {
        self.check()?;
        let text = |key: &str, value: &str| (key.to_string(), MetadataValue::String(value.to_string()));
        let mut metadata = vec![
            text("general.type", "adapter"),
            text("general.architecture", &self.architecture),
            text("adapter.type", "lora"),
            ("adapter.lora.alpha".to_string(), MetadataValue::Float32(self.alpha)),
            ("halligan.rank".to_string(), MetadataValue::Uint32(self.rank as u32)),
        ];
        if let Some(hash) = &self.base_sha256 {
            metadata.push(text("halligan.base_sha256", hash));
        }
        let bytes: Vec<[Vec<u8>; 2]> =
            (self.pairs.values()).map(|pair| [f32_bytes(&pair.a), f32_bytes(&pair.b)]).collect();
        let mut tensors = Vec::new();
        for ((name, pair), bytes) in self.pairs.iter().zip(&bytes) {
            let shapes = [[pair.inputs, pair.rank], [pair.rank, pair.outputs]];
            for ((suffix, shape), bytes) in HALVES.iter().zip(shapes).zip(bytes) {
                tensors.push(TensorData {
                    name: format!("{name}{suffix}"),
                    shape: shape.to_vec(),
                    ggml_type: GgmlType::F32,
                    bytes,
                });
            }
        }
        write_gguf(path, metadata, &tensors)?;
        Ok(())
    }

    /// Checks the adapter by itself: sizes, finite values, a positive alpha.
    ///
    /// # Errors
    /// [`AdapterError`] names the pair that is wrong.
    pub fn check(&self) -> Result<(), AdapterError> {
        if self.pairs.is_empty() {
            return Err(AdapterError::Empty);
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return Err(AdapterError::Alpha(self.alpha));
        }
        for (tensor, pair) in &self.pairs {
            let sized = pair.rank > 0
                && pair.inputs > 0
                && pair.outputs > 0
                && pair.rank.checked_mul(pair.inputs) == Some(pair.a.len())
                && pair.outputs.checked_mul(pair.rank) == Some(pair.b.len());
            if !sized {
                return Err(AdapterError::PairShape {
                    tensor: tensor.clone(),
                    a: vec![pair.rank, pair.inputs],
                    b: vec![pair.outputs, pair.rank],
                });
            }
            if !pair.a.iter().chain(&pair.b).all(|value| value.is_finite()) {
                return Err(AdapterError::NotFinite { tensor: tensor.clone() });
            }
        }
        let found = self.pairs.values().map(|pair| pair.rank).max().unwrap_or(0);
        if found != self.rank {
            return Err(AdapterError::Rank { stored: self.rank, found });
        }
        Ok(())
    }

    /// Checks that the adapter belongs to this base: architecture, every tensor with its shape, and the
    /// hash where the adapter names one. Hashing reads the whole base once.
    ///
    /// # Errors
    /// [`AdapterError`] names what does not fit.
    pub fn check_fits(&self, base: &GgufFile) -> Result<(), AdapterError> {
        self.check_shapes(base)?;
        match &self.base_sha256 {
            Some(hash) if !hash.eq_ignore_ascii_case(base.sha256()) => Err(AdapterError::BaseHash {
                adapter: hash.clone(),
                base: base.sha256().to_string(),
                path: base.path().to_path_buf(),
            }),
            _ => Ok(()),
        }
    }

    /// [`Adapter::check_fits`] without the hash, for a caller that knows the base by other means.
    ///
    /// # Errors
    /// [`AdapterError`] names what does not fit.
    pub fn check_shapes(&self, base: &GgufFile) -> Result<(), AdapterError> {
        self.check()?;
        let path = base.path().to_path_buf();
        let architecture = base.str("general.architecture")?;
        if architecture != self.architecture {
            return Err(AdapterError::Architecture {
                adapter: self.architecture.clone(),
                base: architecture.to_string(),
                path,
            });
        }
        for (name, pair) in &self.pairs {
            let tensor = name.clone();
            // llama.cpp reads pairs of the embedding table the other way round; Halligan does not make them.
            let Some(view) = base.tensor(name).filter(|view| view.name != "token_embd.weight") else {
                return Err(AdapterError::MissingTensor { tensor, path });
            };
            if view.shape != [pair.inputs, pair.outputs] {
                return Err(AdapterError::BaseShape {
                    tensor,
                    inputs: pair.inputs,
                    outputs: pair.outputs,
                    shape: view.shape.to_vec(),
                    path,
                });
            }
        }
        Ok(())
    }

    /// Whether the adapter changes nothing: every B is zero, as before the first step.
    pub fn is_untouched(&self) -> bool {
        self.pairs.values().all(|pair| pair.b.iter().all(|&value| value == 0.0))
    }

    /// Numbers in all pairs.
    pub fn parameter_count(&self) -> usize {
        self.pairs.values().map(|pair| pair.a.len() + pair.b.len()).sum()
    }
}

fn read_pair(name: &str, a: &TensorView<'_>, b: &TensorView<'_>) -> Result<LoraPair, AdapterError> {
    let (&[inputs, rank], &[b_rank, outputs]) = (a.shape, b.shape) else {
        return Err(pair_shape(name, a, b));
    };
    if rank != b_rank {
        return Err(pair_shape(name, a, b));
    }
    let values = |view: &TensorView<'_>| {
        floats(view.bytes, view.ggml_type).ok_or_else(|| AdapterError::TensorType {
            tensor: view.name.to_string(),
            found: view.ggml_type.to_string(),
        })
    };
    Ok(LoraPair { a: values(a)?, b: values(b)?, rank, inputs, outputs })
}

fn pair_shape(name: &str, a: &TensorView<'_>, b: &TensorView<'_>) -> AdapterError {
    let row_major = |view: &TensorView<'_>| view.shape.iter().rev().copied().collect();
    AdapterError::PairShape { tensor: name.to_string(), a: row_major(a), b: row_major(b) }
}

/// Values of an unquantized tensor, `None` for other types. The bytes may lie unaligned.
fn floats(bytes: &[u8], ggml_type: GgmlType) -> Option<Vec<f32>> {
    let halves = || bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    Some(match ggml_type {
        GgmlType::F32 => {
            (bytes.chunks_exact(4)).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
        }
        GgmlType::F16 => halves().map(|bits| half::f16::from_bits(bits).to_f32()).collect(),
        GgmlType::BF16 => halves().map(|bits| half::bf16::from_bits(bits).to_f32()).collect(),
        _ => return None,
    })
}

fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
