//! Adapters as PEFT saves them: `adapter_config.json` and `adapter_model.safetensors` in one folder.
//!
//! Beside them lies `halligan.json` with architecture and hash of the base, which PEFT has no place for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Adapter, AdapterError, LoraPair, PeftBase, f32_bytes, floats};
use crate::gguf::GgmlType;
use crate::gguf::atomic_file::{WriteError, write_bytes_atomically};

const CONFIG: &str = "adapter_config.json";
const TENSORS: &str = "adapter_model.safetensors";
const ORIGIN: &str = "halligan.json";
const PREFIX: &str = "base_model.model.";

/// The settings of a PEFT configuration that change what the tensors mean.
#[derive(Deserialize)]
struct Config {
    peft_type: String,
    lora_alpha: f64,
    /// Rank of every module that `rank_pattern` does not name.
    #[serde(default)]
    r: Option<usize>,
    #[serde(default)]
    rank_pattern: Option<BTreeMap<String, usize>>,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    use_dora: bool,
    #[serde(default)]
    bias: Option<String>,
    #[serde(default)]
    modules_to_save: Option<Vec<String>>,
    #[serde(default)]
    alpha_pattern: Option<BTreeMap<String, Value>>,
}

/// How a PEFT configuration writes the scale of an adapter down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeftScale {
    /// alpha / rank.
    Rank,
    /// alpha / sqrt(rank), `use_rslora`; for adapters of one rank.
    RootOfRank,
}

/// Where an adapter comes from.
#[derive(Serialize, Deserialize)]
struct Origin {
    architecture: String,
    base_sha256: Option<String>,
}

impl Adapter {
    /// Writes the adapter into `folder`, which is made if need be, for PEFT to load.
    ///
    /// # Errors
    /// [`AdapterError::PeftArchitecture`] and [`AdapterError::PeftName`] where names are not known;
    /// otherwise what the system refused. Each file is written whole or not at all.
    pub fn write_peft(&self, folder: impl AsRef<Path>, base: &PeftBase) -> Result<(), AdapterError> {
        self.write_peft_scaled(folder, base, PeftScale::Rank)
    }

    /// [`Adapter::write_peft`] with a choice of how the scale is written down. Both mean the same.
    ///
    /// # Errors
    /// As [`Adapter::write_peft`].
    pub fn write_peft_scaled(
        &self,
        folder: impl AsRef<Path>,
        base: &PeftBase,
        scale: PeftScale,
    ) -> Result<(), AdapterError> {
        self.check()?;
        let one_rank = self.pairs.values().all(|pair| pair.rank == self.rank);
        let rank_stabilized = scale == PeftScale::RootOfRank && one_rank;
        let lora_alpha = if rank_stabilized { self.alpha / (self.rank as f32).sqrt() } else { self.alpha };
        let folder = folder.as_ref();
        let mut contents: Vec<(String, [usize; 2], Vec<u8>)> = Vec::new();
        let mut modules = BTreeSet::new();
        let mut ranks = BTreeMap::new();
        let mut layers = BTreeSet::new();
        for (tensor, pair) in &self.pairs {
            let module = base.to_module(tensor).ok_or_else(|| AdapterError::PeftName { tensor: tensor.clone() })?;
            let b = base.reorder(tensor, &pair.b, pair.rank, false)?;
            let name = |half: &str| format!("{PREFIX}{module}.{half}.weight");
            contents.push((name("lora_A"), [pair.rank, pair.inputs], f32_bytes(&pair.a)));
            contents.push((name("lora_B"), [pair.outputs, pair.rank], f32_bytes(&b)));
            modules.insert(base.short_name(&module));
            layers.extend(layer_of(tensor));
            if pair.rank != self.rank {
                ranks.insert(module, pair.rank);
            }
        }
        let config = json!({
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": base.name,
            "r": self.rank,
            "lora_alpha": lora_alpha,
            "lora_dropout": 0.0,
            "target_modules": modules,
            "rank_pattern": ranks,
            "alpha_pattern": {},
            "bias": "none",
            "fan_in_fan_out": base.fan_in_fan_out(),
            // Without it PEFT would add factors to the layers that this adapter leaves alone.
            "layers_to_transform": (layers.first() > Some(&0)).then_some(&layers),
            "inference_mode": true,
            "init_lora_weights": true,
            "modules_to_save": null,
            "use_rslora": rank_stabilized,
            "use_dora": false,
        });
        let origin = json!(Origin { architecture: self.architecture.clone(), base_sha256: self.base_sha256.clone() });
        let malformed =
            |reason: String| AdapterError::Write(WriteError::Content { path: folder.join(TENSORS), reason });
        let mut views = Vec::new();
        for (name, shape, bytes) in &contents {
            let view =
                TensorView::new(Dtype::F32, shape.to_vec(), bytes).map_err(|error| malformed(error.to_string()))?;
            views.push((name.as_str(), view));
        }
        // One entry only: the order of a hash map would change the bytes from run to run.
        let format = HashMap::from([("format".to_string(), "pt".to_string())]);
        let tensors = safetensors::serialize(views, Some(format)).map_err(|error| malformed(error.to_string()))?;
        std::fs::create_dir_all(folder).map_err(|source| WriteError::from_io(folder, source))?;
        write_bytes_atomically(&folder.join(TENSORS), &tensors)?;
        write_bytes_atomically(&folder.join(ORIGIN), format!("{origin:#}\n").as_bytes())?;
        write_bytes_atomically(&folder.join(CONFIG), format!("{config:#}\n").as_bytes())?;
        Ok(())
    }

    /// Reads an adapter that PEFT, or [`Adapter::write_peft`], saved for this base.
    ///
    /// # Errors
    /// [`AdapterError::PeftSetting`] for what a GGUF adapter cannot express (DoRA, trained biases, whole
    /// modules), otherwise what is wrong with which file.
    pub fn read_peft(folder: impl AsRef<Path>, base: &PeftBase) -> Result<Self, AdapterError> {
        let folder = folder.as_ref();
        let config_path = folder.join(CONFIG);
        let config: Config = parse(&config_path, &read(&config_path)?)?;
        check_settings(&config, &config_path)?;
        let origin_path = folder.join(ORIGIN);
        let origin: Option<Origin> = match origin_path.exists() {
            true => Some(parse(&origin_path, &read(&origin_path)?)?),
            false => None,
        };
        let path = folder.join(TENSORS);
        let bytes = read(&path)?;
        let malformed = |reason: String| AdapterError::PeftContent { path: path.clone(), reason };
        let stored = SafeTensors::deserialize(&bytes).map_err(|error| malformed(error.to_string()))?;
        let mut halves: BTreeMap<String, [Option<TensorView<'_>>; 2]> = BTreeMap::new();
        for (name, view) in stored.tensors() {
            let (module, half) = split_name(&name).ok_or_else(|| malformed(format!("`{name}` is no LoRA tensor")))?;
            halves.entry(module.to_string()).or_default()[half] = Some(view);
        }
        let mut pairs = BTreeMap::new();
        for (module, halves) in halves {
            let [Some(a), Some(b)] = halves else {
                return Err(AdapterError::Unpaired { tensor: module });
            };
            let Some(tensor) = base.to_tensor(&module) else {
                return Err(AdapterError::PeftName { tensor: module });
            };
            let pair = read_pair(&tensor, &a, &b, base)?;
            pairs.insert(tensor, pair);
        }
        check_ranks(&config, &config_path, &pairs)?;
        let rank = pairs.values().map(|pair| pair.rank).max().unwrap_or(0);
        let alpha = match config.use_rslora {
            // Rank-stabilized adapters are scaled by alpha / sqrt(rank) instead of alpha / rank.
            true => config.lora_alpha * (rank as f64).sqrt(),
            false => config.lora_alpha,
        };
        if config.use_rslora && pairs.values().any(|pair| pair.rank != rank) {
            return Err(AdapterError::PeftSetting {
                path: config_path,
                setting: "use_rslora with different ranks".to_string(),
            });
        }
        let adapter = Self {
            architecture: base.architecture.clone(),
            alpha: alpha as f32,
            rank,
            base_sha256: origin.and_then(|origin| origin.base_sha256),
            pairs,
        };
        adapter.check()?;
        Ok(adapter)
    }
}

/// The block of `blk.3.attn_q.weight`.
fn layer_of(tensor: &str) -> Option<usize> {
    tensor.strip_prefix("blk.")?.split_once('.')?.0.parse().ok()
}

fn read(path: &Path) -> Result<Vec<u8>, AdapterError> {
    std::fs::read(path).map_err(|source| AdapterError::PeftRead { path: path.to_path_buf(), source })
}

fn parse<T: for<'a> Deserialize<'a>>(path: &Path, bytes: &[u8]) -> Result<T, AdapterError> {
    serde_json::from_slice(bytes)
        .map_err(|error| AdapterError::PeftContent { path: path.to_path_buf(), reason: error.to_string() })
}

fn check_settings(config: &Config, path: &Path) -> Result<(), AdapterError> {
    let path: PathBuf = path.to_path_buf();
    let bias = config.bias.as_deref().unwrap_or("none");
    let saved = config.modules_to_save.as_ref().is_some_and(|modules| !modules.is_empty());
    let alphas = config.alpha_pattern.as_ref().is_some_and(|pattern| !pattern.is_empty());
    let setting = if config.peft_type != "LORA" {
        format!("peft_type {}", config.peft_type)
    } else if config.use_dora {
        "use_dora".to_string()
    } else if bias != "none" {
        format!("bias {bias}")
    } else if saved {
        "modules_to_save".to_string()
    } else if alphas {
        "alpha_pattern".to_string()
    } else {
        return Ok(());
    };
    Err(AdapterError::PeftSetting { path, setting })
}

/// PEFT scales by the ranks of its configuration, so tensors of other ranks would mean something else there.
fn check_ranks(config: &Config, path: &Path, pairs: &BTreeMap<String, LoraPair>) -> Result<(), AdapterError> {
    let Some(r) = config.r else { return Ok(()) };
    let told = |rank: usize| rank == r || config.rank_pattern.iter().flatten().any(|(_, other)| *other == rank);
    match pairs.iter().find(|(_, pair)| !told(pair.rank)) {
        None => Ok(()),
        Some((tensor, pair)) => {
            let reason = format!("r is {r}, but the tensors of `{tensor}` have rank {}", pair.rank);
            Err(AdapterError::PeftContent { path: path.to_path_buf(), reason })
        }
    }
}

/// Module and half (0 for A, 1 for B) of a tensor name, with or without an adapter name in it.
fn split_name(name: &str) -> Option<(&str, usize)> {
    let name = name.strip_prefix(PREFIX)?.strip_suffix(".weight")?;
    let name = name.strip_suffix(".default").unwrap_or(name);
    (name.strip_suffix(".lora_A").map(|module| (module, 0)))
        .or_else(|| name.strip_suffix(".lora_B").map(|module| (module, 1)))
}

fn read_pair(tensor: &str, a: &TensorView<'_>, b: &TensorView<'_>, base: &PeftBase) -> Result<LoraPair, AdapterError> {
    let (&[rank, inputs], &[outputs, b_rank]) = (a.shape(), b.shape()) else {
        return Err(pair_shape(tensor, a, b));
    };
    if rank != b_rank || rank == 0 {
        return Err(pair_shape(tensor, a, b));
    }
    let values = |view: &TensorView<'_>| {
        let ggml_type = match view.dtype() {
            Dtype::F32 => Some(GgmlType::F32),
            Dtype::F16 => Some(GgmlType::F16),
            Dtype::BF16 => Some(GgmlType::BF16),
            _ => None,
        };
        (ggml_type.and_then(|ggml_type| floats(view.data(), ggml_type))).ok_or_else(|| AdapterError::TensorType {
            tensor: tensor.to_string(),
            found: format!("{:?}", view.dtype()),
        })
    };
    Ok(LoraPair { a: values(a)?, b: base.reorder(tensor, &values(b)?, rank, true)?, rank, inputs, outputs })
}

fn pair_shape(tensor: &str, a: &TensorView<'_>, b: &TensorView<'_>) -> AdapterError {
    AdapterError::PairShape { tensor: tensor.to_string(), a: a.shape().to_vec(), b: b.shape().to_vec() }
}
