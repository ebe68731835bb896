//! Checkpoints: everything that a run needs to go on bit for bit, in one file written whole.
//!
//! The file is safetensors: `value/<tensor>.lora_a`, `first/..`, `second/..` as F32, and `best/..` where rows
//! are held out; in its header metadata the state, the options and the fingerprints of base and data. Data
//! order is a pure function of seed and position ([`super::Plan`]), so no generator state is stored.
//! Version 1 knew no state but the step; it is read as a run without held-out rows.

use std::{
    collections::{BTreeMap, HashMap},
    io::Write,
    path::{Path, PathBuf},
};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::{Plan, TrainError, TrainOptions, state::RunState};
use crate::adapter::{Adapter, LoraPair};

/// Name of the file in its folder.
pub const CHECKPOINT_FILE: &str = "checkpoint.safetensors";
const FORMAT_VERSION: &str = "2";
const EARLIER_VERSION: &str = "1";
/// Position of a checkpoint that names none.
const UNKNOWN: usize = usize::MAX;
/// Start and end of the names of files that are not complete yet.
const PART: (&str, &str) = (".halligan-", ".part");

/// A run between two steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// What the run knows besides its tensors.
    pub(super) state: RunState,
    /// The factors.
    pub values: Adapter,
    /// First moments of AdamW.
    pub first_moments: Adapter,
    /// Second moments of AdamW.
    pub second_moments: Adapter,
    /// The factors that did best on held-out rows.
    pub best: Option<Adapter>,
}

impl Checkpoint {
    /// A run before its first step.
    pub fn at_start(options: &TrainOptions, values: Adapter) -> Self {
        let mut zeros = values.clone();
        for pair in zeros.pairs.values_mut() {
            pair.a.fill(0.0);
            pair.b.fill(0.0);
        }
        let (first_moments, second_moments) = (zeros.clone(), zeros);
        Self { state: RunState::new(options), values, first_moments, second_moments, best: None }
    }

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
        let path = dir.join(CHECKPOINT_FILE);
        let failed = |source: std::io::Error| TrainError::CheckpointWrite { path: path.clone(), source };
        let bytes = self.serialize(options, base_sha256, data).map_err(|error| failed(std::io::Error::other(error)))?;
        std::fs::create_dir_all(dir).map_err(failed)?;
        remove_parts(dir);
        let mut builder = tempfile::Builder::new();
        let mut file = builder.prefix(PART.0).suffix(PART.1).tempfile_in(dir).map_err(failed)?;
        file.write_all(&bytes).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        std::fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
        Ok(path)
    }

    fn serialize(&self, options: &TrainOptions, base_sha256: &str, data: &str) -> Result<Vec<u8>, String> {
        let parts = [("value", &self.values), ("first", &self.first_moments), ("second", &self.second_moments)];
        let mut views = Vec::new();
        for (part, adapter) in parts.into_iter().chain(self.best.iter().map(|best| ("best", best))) {
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
            ("state".to_owned(), serde_json::to_string(&self.state).map_err(|error| error.to_string())?),
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
        let path = dir.join(CHECKPOINT_FILE);
        let failed = |reason: String| TrainError::CheckpointRead { path: path.clone(), reason };
        let bytes = std::fs::read(&path).map_err(|error| failed(error.to_string()))?;
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| failed(error.to_string()))?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let field = |name: &str| metadata.get(name).cloned().ok_or_else(|| failed(format!("{name} is missing")));
        let version = field("halligan.checkpoint")?;
        if ![FORMAT_VERSION, EARLIER_VERSION].contains(&version.as_str()) {
            return Err(failed(format!("it was written by a later version of Halligan (format {version})")));
        }
        let mismatch = |what| TrainError::CheckpointMismatch { path: path.clone(), what };
        if field("base_sha256")? != base_sha256 {
            return Err(mismatch("base model".to_owned()));
        }
        if field("data_sha256")? != data {
            return Err(mismatch("dataset".to_owned()));
        }
        let stored: TrainOptions =
            serde_json::from_str(&field("options")?).map_err(|error| failed(error.to_string()))?;
        if stored != *options {
            return Err(mismatch(format!("set of options ({})", differences(&stored, options))));
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
        let state = if version == EARLIER_VERSION {
            RunState { step: number("step")? as usize, position: UNKNOWN, ..RunState::new(options) }
        } else {
            serde_json::from_str(&field("state")?).map_err(|error| failed(error.to_string()))?
        };
        let best = part("best")?;
        Ok(Self {
            state,
            values: part("value")?,
            first_moments: part("first")?,
            second_moments: part("second")?,
            best: (!best.pairs.is_empty()).then_some(best),
        })
    }

    /// The checkpoint with its place in the plan, which version 1 did not store.
    ///
    /// # Errors
    /// [`TrainError::CheckpointRead`] where the content does not fit the plan.
    pub(super) fn placed(mut self, dir: &Path, plan: &Plan) -> Result<Self, TrainError> {
        let state = &mut self.state;
        if state.position == UNKNOWN && state.step <= plan.steps() {
            state.position = plan.position_after(state.step);
        }
        let shapes = |adapter: &Adapter| {
            adapter.pairs.iter().map(|(name, pair)| (name.clone(), pair.a.len(), pair.b.len())).collect::<Vec<_>>()
        };
        let same = |adapter: &Adapter| shapes(adapter) == shapes(&self.values);
        let sound = state.position <= plan.batches().len() && state.step <= state.position;
        if sound && same(&self.first_moments) && same(&self.second_moments) && self.values.check().is_ok() {
            return Ok(self);
        }
        let reason = "its content does not fit together".to_owned();
        Err(TrainError::CheckpointRead { path: dir.join(CHECKPOINT_FILE), reason })
    }
}

/// Removes what killed runs left half-written; nobody else writes here.
fn remove_parts(dir: &Path) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PART.0) && name.ends_with(PART.1) {
            // What cannot be removed only takes room.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// The options that differ, with both values.
fn differences(stored: &TrainOptions, asked: &TrainOptions) -> String {
    let fields = |options| match serde_json::to_value(options) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (stored, asked) = (fields(stored), fields(asked));
    let different = asked.iter().filter(|(name, value)| stored.get(*name) != Some(value));
    let words = |(name, value): (&String, &serde_json::Value)| {
        format!("{name} {} there, {value} now", stored.get(name).unwrap_or(&serde_json::Value::Null))
    };
    different.map(words).collect::<Vec<_>>().join("; ")
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
