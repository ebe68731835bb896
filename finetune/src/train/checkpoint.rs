//! Checkpoints: everything that a run needs to go on bit for bit, in one file written whole.
//!
//! The file is safetensors: `value/<tensor>.lora_a`, `first/..`, `second/..` as F32, and in its header
//! metadata the step, the options and the fingerprints of base and data. Data order is a pure function
//! of seed and step ([`super::Plan`]), so no generator state is stored.

use std::{
    collections::{BTreeMap, HashMap},
    io::Write,
    path::{Path, PathBuf},
};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use sha2::{Digest, Sha256};

use super::{TrainError, TrainOptions};
use crate::{
    adapter::{Adapter, LoraPair},
    dataset::Example,
};

const FILE_NAME: &str = "checkpoint.safetensors";
const FORMAT_VERSION: &str = "1";

/// State of a run after `step` steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Optimizer steps done.
    pub step: usize,
    /// The factors.
    pub values: Adapter,
    /// First moments of AdamW.
    pub first_moments: Adapter,
    /// Second moments of AdamW.
    pub second_moments: Adapter,
}

/// SHA-256 over all tokens and targets: two datasets with the same value train the same way.
pub fn data_fingerprint(examples: &[Example]) -> String {
    let mut hash = Sha256::new();
    for example in examples {
        hash.update((example.tokens.len() as u64).to_le_bytes());
        example.tokens.iter().for_each(|token| hash.update(token.to_le_bytes()));
        example.trained.iter().for_each(|&trained| hash.update([u8::from(trained)]));
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Checkpoint {
    /// Writes `dir/checkpoint.safetensors`, replacing an older one in one rename; returns its path.
    ///
    /// # Errors
    /// [`TrainError::CheckpointWrite`]; the older checkpoint is then still there.
    pub fn write(
        &self,
        dir: &Path,
        options: &TrainOptions,
        base_sha256: &str,
        data: &str,
    ) -> Result<PathBuf, TrainError> {
        let path = dir.join(FILE_NAME);
        let failed = |source: std::io::Error| TrainError::CheckpointWrite { path: path.clone(), source };
        let bytes = self.serialize(options, base_sha256, data).map_err(|error| failed(std::io::Error::other(error)))?;
        std::fs::create_dir_all(dir).map_err(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
        file.write_all(&bytes).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        std::fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
        Ok(path)
    }

    fn serialize(&self, options: &TrainOptions, base_sha256: &str, data: &str) -> Result<Vec<u8>, String> {
        let parts = [("value", &self.values), ("first", &self.first_moments), ("second", &self.second_moments)];
        let mut views = Vec::new();
        for (part, adapter) in parts {
            for (name, pair) in &adapter.pairs {
                let shapes = [
                    ("lora_a", &pair.a, vec![pair.rank, pair.inputs]),
                    ("lora_b", &pair.b, vec![pair.outputs, pair.rank]),
                ];
                for (factor, values, shape) in shapes {
                    let view = TensorView::new(Dtype::F32, shape, bytemuck::cast_slice(values));
                    views.push((format!("{part}/{name}.{factor}"), view.map_err(|error| error.to_string())?));
                }
            }
        }
        let options = serde_json::to_string(options).map_err(|error| error.to_string())?;
        let metadata = HashMap::from([
            ("halligan.checkpoint".to_owned(), FORMAT_VERSION.to_owned()),
            ("step".to_owned(), self.step.to_string()),
            ("options".to_owned(), options),
            ("base_sha256".to_owned(), base_sha256.to_owned()),
            ("data_sha256".to_owned(), data.to_owned()),
            ("architecture".to_owned(), self.values.architecture.clone()),
            ("alpha".to_owned(), self.values.alpha.to_string()),
            ("rank".to_owned(), self.values.rank.to_string()),
        ]);
        safetensors::serialize(views, Some(metadata)).map_err(|error| error.to_string())
    }

    /// Reads the checkpoint of `dir` and checks that it belongs to this run.
    ///
    /// # Errors
    /// [`TrainError::CheckpointRead`] for a missing or damaged file, [`TrainError::CheckpointMismatch`] for
    /// another base, dataset or options.
    pub fn read(dir: &Path, options: &TrainOptions, base_sha256: &str, data: &str) -> Result<Self, TrainError> {
        let path = dir.join(FILE_NAME);
        let failed = |reason: String| TrainError::CheckpointRead { path: path.clone(), reason };
        let bytes = std::fs::read(&path).map_err(|error| failed(error.to_string()))?;
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| failed(error.to_string()))?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let field = |name: &str| metadata.get(name).cloned().ok_or_else(|| failed(format!("{name} is missing")));
        if field("halligan.checkpoint")? != FORMAT_VERSION {
            return Err(failed("it was written by another version".to_owned()));
        }
        let mismatch = |what| TrainError::CheckpointMismatch { path: path.clone(), what };
        if field("base_sha256")? != base_sha256 {
            return Err(mismatch("base model"));
        }
        if field("data_sha256")? != data {
            return Err(mismatch("dataset"));
        }
        let stored: TrainOptions =
            serde_json::from_str(&field("options")?).map_err(|error| failed(error.to_string()))?;
        if stored != *options {
            return Err(mismatch("set of options"));
        }
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| failed(error.to_string()))?;
        let number = |name: &str| field(name)?.parse::<f64>().map_err(|error| failed(format!("{name}: {error}")));
        let empty = Adapter {
            architecture: field("architecture")?,
            alpha: number("alpha")? as f32,
            rank: number("rank")? as usize,
            base_sha256: Some(base_sha256.to_owned()),
            pairs: BTreeMap::new(),
        };
        let part = |name: &str| collect(&tensors, name, &empty).map_err(failed);
        Ok(Self {
            step: number("step")? as usize,
            values: part("value")?,
            first_moments: part("first")?,
            second_moments: part("second")?,
        })
    }
}

/// Gathers the tensors `<part>/<tensor>.lora_a|lora_b` into an adapter.
fn collect(tensors: &SafeTensors<'_>, part: &str, empty: &Adapter) -> Result<Adapter, String> {
    let mut adapter = empty.clone();
    for (name, a) in tensors.tensors() {
        let Some(tensor) = name.strip_prefix(part).and_then(|name| name.strip_prefix('/')) else { continue };
        let Some(tensor) = tensor.strip_suffix(".lora_a") else { continue };
        let b = tensors.tensor(&format!("{part}/{tensor}.lora_b")).map_err(|error| error.to_string())?;
        let (&[rank, inputs], &[outputs, b_rank]) = (a.shape(), b.shape()) else {
            return Err(format!("{name} is no matrix"));
        };
        if rank != b_rank || a.dtype() != Dtype::F32 || b.dtype() != Dtype::F32 {
            return Err(format!("{name} does not fit its partner"));
        }
        let pair = LoraPair { a: floats(a.data()), b: floats(b.data()), rank, inputs, outputs };
        adapter.pairs.insert(tensor.to_owned(), pair);
    }
    Ok(adapter)
}

/// Little-endian f32 values of a tensor that may lie unaligned in its file.
fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}
