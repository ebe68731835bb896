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

use super::{Plan, TrainError, TrainOptions, same_run, state::RunState};
use crate::adapter::{Adapter, LoraPair};

/// Name of the file in its folder.
pub const CHECKPOINT_FILE: &str = "checkpoint.safetensors";
const FORMAT_VERSION: &str = "2";
const EARLIER_VERSION: &str = "1";
/// Position of a checkpoint that names none.
const UNKNOWN: usize = usize::MAX;
/// Start and end of the names of files that are not complete yet.
const PART: (&str, &str) = (".halligan-", ".part");

/// The file of a checkpoint, with what its header says.
struct Stored {
    path: PathBuf,
    bytes: Vec<u8>,
    metadata: HashMap<String, String>,
}

impl Stored {
    fn read(dir: &Path) -> Result<Self, TrainError> {
        let path = dir.join(CHECKPOINT_FILE);
        let failed = |reason: String| TrainError::CheckpointRead { path: path.clone(), reason };
        let bytes = std::fs::read(&path).map_err(|error| failed(error.to_string()))?;
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| failed(error.to_string()))?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let stored = Self { path, bytes, metadata };
        let version = stored.field("halligan.checkpoint")?;
        if ![FORMAT_VERSION, EARLIER_VERSION].contains(&version) {
            return Err(stored.failed(format!("it was written by a later version of Halligan (format {version})")));
        }
        Ok(stored)
    }

    fn failed(&self, reason: String) -> TrainError {
        TrainError::CheckpointRead { path: self.path.clone(), reason }
    }

    fn field(&self, name: &str) -> Result<&str, TrainError> {
        self.metadata.get(name).map(String::as_str).ok_or_else(|| self.failed(format!("{name} is missing")))
    }

    fn number(&self, name: &str) -> Result<f64, TrainError> {
        self.field(name)?.parse::<f64>().map_err(|error| self.failed(format!("{name}: {error}")))
    }

    fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, TrainError> {
        serde_json::from_str(self.field(name)?).map_err(|error| self.failed(error.to_string()))
    }

    fn is_early(&self) -> Result<bool, TrainError> {
        Ok(self.field("halligan.checkpoint")? == EARLIER_VERSION)
    }

    /// Options that the run had when it was written.
    fn options(&self) -> Result<TrainOptions, TrainError> {
        self.json("options")
    }

    /// Steps done.
    fn step(&self) -> Result<usize, TrainError> {
        if self.is_early()? { Ok(self.number("step")? as usize) } else { Ok(self.json::<RunState>("state")?.step) }
    }

    /// The tensors `<part>/..`.
    fn part(&self, name: &str) -> Result<Adapter, TrainError> {
        let tensors = SafeTensors::deserialize(&self.bytes).map_err(|error| self.failed(error.to_string()))?;
        let empty = Adapter {
            architecture: self.field("architecture")?.to_owned(),
            alpha: self.number("alpha")? as f32,
            rank: self.number("rank")? as usize,
            base_sha256: Some(self.field("base_sha256")?.to_owned()),
            pairs: BTreeMap::new(),
        };
        collect(&tensors, name, &empty).map_err(|reason| self.failed(reason))
    }
}

/// A run between two steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// What the run knows besides its tensors.
    pub(super) state: RunState,
    /// The options when it was written; some may change when the run goes on.
    pub(super) made_with: TrainOptions,
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
        let made_with = options.clone();
        Self { state: RunState::new(options), made_with, values, first_moments, second_moments, best: None }
    }

    /// What is different from when the checkpoint was written, where the run may go on all the same; empty for nothing.
    /// `steps` are those of the run now, `before` those that it had then.
    pub(super) fn changes(&self, options: &TrainOptions, steps: usize, before: usize) -> String {
        let Ok(words) = same_run::compare(&self.made_with, options) else { return String::new() };
        let (then, now) = (self.made_with.curve(before), options.curve(steps));
        let same = |step: usize| then.factor(step, before) == now.factor(step, steps);
        // An adaptive batch follows the share of the rows that are done, which every new end moves.
        if before == steps || options.batch_max.is_none() && (0..self.state.step).all(same) {
            return words;
        }
        format!(
            "{words}; the learning rate follows {steps} steps instead of {before} from here on, so that this is no run \
             that could have been unbroken"
        )
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
    /// another base, another dataset, or options that shape the run otherwise.
    pub fn read(dir: &Path, options: &TrainOptions, base_sha256: &str, data: &str) -> Result<Self, TrainError> {
        let stored = Stored::read(dir)?;
        let mismatch = |what| TrainError::CheckpointMismatch { path: stored.path.clone(), what };
        if stored.field("base_sha256")? != base_sha256 {
            return Err(mismatch("base model".to_owned()));
        }
        if stored.field("data_sha256")? != data {
            return Err(mismatch("dataset".to_owned()));
        }
        let made_with = stored.options()?;
        same_run::compare(&made_with, options).map_err(|words| mismatch(format!("set of options ({words})")))?;
        let state = match stored.is_early()? {
            true => RunState { step: stored.step()?, position: UNKNOWN, ..RunState::new(options) },
            false => stored.json("state")?,
        };
        let best = stored.part("best")?;
        Ok(Self {
            state,
            made_with,
            values: stored.part("value")?,
            first_moments: stored.part("first")?,
            second_moments: stored.part("second")?,
            best: (!best.pairs.is_empty()).then_some(best),
        })
    }

    /// The adapter as the checkpoint of `dir` has it, and after how many steps, to start another run from.
    ///
    /// # Errors
    /// [`TrainError::CheckpointRead`] for a missing or damaged file.
    pub fn read_adapter(dir: &Path) -> Result<(Adapter, usize), TrainError> {
        let stored = Stored::read(dir)?;
        let adapter = stored.part("value")?;
        adapter.check().map_err(|error| stored.failed(error.to_string()))?;
        Ok((adapter, stored.step()?))
    }

    /// The checkpoint with its place in the plan, which version 1 did not store.
    ///
    /// # Errors
    /// [`TrainError::CheckpointRead`] where the content does not fit the plan, [`TrainError::BadOption`] where the run
    /// was given an end that it is past already.
    pub(super) fn placed(mut self, dir: &Path, plan: &Plan, options: &TrainOptions) -> Result<Self, TrainError> {
        let state = &mut self.state;
        if state.position == UNKNOWN && state.step <= plan.steps() {
            state.position = plan.position_after(state.step);
        }
        let shapes = |adapter: &Adapter| {
            adapter.pairs.iter().map(|(name, pair)| (name.clone(), pair.a.len(), pair.b.len())).collect::<Vec<_>>()
        };
        let same = |adapter: &Adapter| shapes(adapter) == shapes(&self.values);
        if state.position >= plan.batches().len() && self.made_with.max_steps != options.max_steps {
            let problem =
                format!("leaves nothing to do after the checkpoint, which is of step {}; raise it", state.step);
            return Err(TrainError::BadOption { option: "--max-steps", problem });
        }
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
