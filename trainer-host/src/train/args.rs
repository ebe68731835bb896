//! Arguments of `train`. Everything that describes a run is in [`Settings`], which the command line and a TOML
//! file fill alike; what only this call concerns (`--resume`, `--dry-run`, `--json`) stays outside.

use std::path::PathBuf;

use clap::Args;
use halligan_finetune::{
    dataset::LongText,
    device::DeviceChoice,
    engine::Recompute,
    lora::Target,
    schedule::{Decay, Schedule},
    train::TrainOptions,
};
use serde::{Deserialize, Serialize};

use crate::cli::{parse, parse_recompute, parse_target};

/// Arguments of `train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// Read settings from this TOML file; flags override it
    #[arg(long, value_name = "TOML")]
    pub config: Option<PathBuf>,
    /// Print a TOML file with every setting, its meaning and its default, and end
    #[arg(long)]
    pub print_config: bool,
    /// Go on from the checkpoint in this folder
    #[arg(long, value_name = "DIR")]
    pub resume: Option<PathBuf>,
    /// Show what would be trained, the memory it takes and the time, without training
    #[arg(long)]
    pub dry_run: bool,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
    /// What describes the run.
    #[command(flatten)]
    pub settings: Settings,
}

/// A dataset with its weight, as `rows.jsonl` or `rows.jsonl=3`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct DataSource {
    /// The file.
    pub path: PathBuf,
    /// Its weight among all weighted files.
    pub weight: Option<f64>,
}

impl TryFrom<String> for DataSource {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts = text.rsplit_once('=').filter(|(path, _)| !path.is_empty());
        match parts.map(|(path, weight)| (path, weight.parse::<f64>(), weight)) {
            Some((path, Ok(weight), _)) => Ok(Self { path: path.into(), weight: Some(weight) }),
            // Names may hold the sign; a dataset before it and no ending behind it mean a weight.
            Some((path, Err(_), weight)) if path.ends_with(".jsonl") && !weight.contains(['.', '/', '\\']) => {
                Err(format!("{path} has the weight `{weight}`, which is no number; write for example {path}=3"))
            }
            _ => Ok(Self { path: text.into(), weight: None }),
        }
    }
}

impl From<DataSource> for String {
    fn from(source: DataSource) -> Self {
        let path = source.path.display();
        source.weight.map_or_else(|| path.to_string(), |weight| format!("{path}={weight}"))
    }
}

fn data_source(text: &str) -> Result<DataSource, String> {
    text.to_owned().try_into()
}

const FILES: &str = "Files";
const ADAPTER: &str = "Adapter";
const RATE: &str = "Learning rate";
const SIZE: &str = "Length and size";
const JUDGE: &str = "Held-out rows and stopping";
const MACHINE: &str = "Machine";

/// Everything that describes a run. `None` is what was not given.
#[derive(Debug, Clone, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Settings {
    /// Base model
    #[arg(long, value_name = "GGUF", help_heading = FILES, required_unless_present_any = ["config", "print_config"])]
    pub base: Option<PathBuf>,
    /// Dataset: JSONL rows {"messages": [..]} (loss on assistant turns) or {"text": ".."} (loss on every token).
    /// Several are mixed; FILE=WEIGHT gives each its share of the training tokens, without weights every row is
    /// seen once an epoch
    #[arg(long, value_name = "JSONL[=WEIGHT]", help_heading = FILES, value_parser = data_source,
        required_unless_present_any = ["config", "print_config"])]
    pub data: Option<Vec<DataSource>>,
    /// Adapter to write: the best on held-out rows, or the last without any
    #[arg(short = 'o', long, value_name = "GGUF", help_heading = FILES,
        required_unless_present_any = ["config", "print_config"])]
    pub output: Option<PathBuf>,
    /// Earlier or general rows to train along, so that nothing is forgotten
    #[arg(long, value_name = "JSONL", help_heading = FILES)]
    pub replay: Option<Vec<PathBuf>>,
    /// Share of the training tokens that the replay gives [default: 0.2]
    #[arg(long, value_name = "SHARE", help_heading = FILES)]
    pub replay_share: Option<f64>,
    /// A text longer than a sequence: split it, or refuse; conversations are never cut [default: split]
    #[arg(long, value_name = "split|refuse", help_heading = FILES, value_parser = parse::<LongText>)]
    pub long_text: Option<LongText>,
    /// Start from this adapter, with its rank, scale and matrices, instead of a fresh one; a folder may be of PEFT or of
    /// a checkpoint
    #[arg(long, value_name = "GGUF_OR_DIR", help_heading = FILES)]
    pub init_adapter: Option<PathBuf>,
    /// Also write the adapter as PEFT safetensors into this folder
    #[arg(long, value_name = "DIR", help_heading = FILES)]
    pub save_peft: Option<PathBuf>,
    /// Also write the adapter of the last step here, where the best one is another
    #[arg(long, value_name = "GGUF", help_heading = FILES)]
    pub save_last: Option<PathBuf>,
    /// Write one JSON line a step and an evaluation here, and the curves as SVG beside it
    #[arg(long, value_name = "JSONL", help_heading = FILES)]
    pub log: Option<PathBuf>,
    /// Folder of the checkpoint [default: <output>.checkpoint]
    #[arg(long, value_name = "DIR", help_heading = FILES)]
    pub checkpoint_dir: Option<PathBuf>,
    /// Steps between checkpoints [default: 50]
    #[arg(long, value_name = "STEPS", help_heading = FILES)]
    pub checkpoint_steps: Option<usize>,

    /// Rank of the factors [default: 16]
    #[arg(long, help_heading = ADAPTER)]
    pub rank: Option<usize>,
    /// The adapter is scaled by alpha / rank [default: 32]
    #[arg(long, help_heading = ADAPTER)]
    pub alpha: Option<f32>,
    /// Scale by alpha / sqrt(rank) instead (rsLoRA) [default: false]
    #[arg(long, help_heading = ADAPTER, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub rs_lora: Option<bool>,
    /// Share of the adapter's inputs that is dropped while training [default: 0]
    #[arg(long, value_name = "SHARE", help_heading = ADAPTER)]
    pub dropout: Option<f64>,
    /// Adapted matrices [default: q,k,v,o,gate,up,down]
    #[arg(long, value_delimiter = ',', help_heading = ADAPTER, value_parser = parse_target)]
    pub targets: Option<Vec<Target>>,
    /// Adapt only this many layers, the last ones; the backward pass stops below them [default: all]
    #[arg(long, value_name = "LAYERS", help_heading = ADAPTER)]
    pub top_layers: Option<usize>,

    /// Peak learning rate [default: 0.0002]
    #[arg(long, help_heading = RATE)]
    pub lr: Option<f64>,
    /// The learning rate of B is this many times that of A (LoRA+) [default: 1]
    #[arg(long, value_name = "RATIO", help_heading = RATE)]
    pub lora_plus_ratio: Option<f64>,
    /// Shape of the learning rate: constant, linear, cosine, cosine-restarts, or wsd (warm-up, stable, decay)
    /// [default: cosine]
    #[arg(long, help_heading = RATE, value_parser = parse::<Schedule>)]
    pub schedule: Option<Schedule>,
    /// Steps of linear warm-up; where it is not given, a tenth of the run at most [default: 10]
    #[arg(long, value_name = "STEPS", help_heading = RATE)]
    pub warmup: Option<usize>,
    /// Warm-up as a share of the steps, in place of --warmup
    #[arg(long, value_name = "SHARE", help_heading = RATE, conflicts_with = "warmup")]
    pub warmup_ratio: Option<f64>,
    /// Lowest learning rate after the warm-up, as a share of the peak [default: 0]
    #[arg(long, value_name = "SHARE", help_heading = RATE)]
    pub floor: Option<f64>,
    /// Cosines of cosine-restarts [default: 1]
    #[arg(long, help_heading = RATE)]
    pub cycles: Option<usize>,
    /// Share of the steps over which wsd falls [default: 0.2]
    #[arg(long, value_name = "SHARE", help_heading = RATE)]
    pub decay_share: Option<f64>,
    /// How wsd falls: cosine, linear or sqrt [default: cosine]
    #[arg(long, help_heading = RATE, value_parser = parse::<Decay>)]
    pub decay: Option<Decay>,
    /// Decoupled weight decay [default: 0]
    #[arg(long, help_heading = RATE)]
    pub weight_decay: Option<f64>,
    /// Clip gradients to this norm; 0 turns it off [default: 1]
    #[arg(long, help_heading = RATE)]
    pub max_grad_norm: Option<f64>,

    /// Passes over the data; fractions are allowed [default: 3]
    #[arg(long, help_heading = SIZE)]
    pub epochs: Option<f64>,
    /// Stop after this many steps, or with --batch-max after the rows that they would have held without it
    #[arg(long, help_heading = SIZE)]
    pub max_steps: Option<usize>,
    /// Tokens of a sequence [default: 512, or the context of the base where that is shorter]
    #[arg(long, value_name = "TOKENS", help_heading = SIZE)]
    pub seq: Option<usize>,
    /// Sequences in a device batch [default: 1]
    #[arg(long, help_heading = SIZE)]
    pub batch: Option<usize>,
    /// Device batches in an optimizer step [default: 1]
    #[arg(long, help_heading = SIZE)]
    pub accumulate: Option<usize>,
    /// Let the step grow with the noise of the gradient, up to this many sequences [default: off]
    #[arg(long, value_name = "SEQUENCES", help_heading = SIZE)]
    pub batch_max: Option<usize>,
    /// Keep the rows in the order of the file [default: false]
    #[arg(long, help_heading = SIZE, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub no_shuffle: Option<bool>,
    /// One row per sequence [default: false]
    #[arg(long, help_heading = SIZE, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub no_pack: Option<bool>,
    /// Seed of initial factors, row order and held-out rows [default: 1]
    #[arg(long, help_heading = SIZE)]
    pub seed: Option<u64>,

    /// Rows to judge by, never trained on
    #[arg(long, value_name = "JSONL", help_heading = JUDGE)]
    pub eval_data: Option<PathBuf>,
    /// Hold out this share of the rows of --data, chosen by the seed; rows of one group or id stay together
    #[arg(long, value_name = "SHARE", help_heading = JUDGE, conflicts_with = "eval_data")]
    pub eval_share: Option<f64>,
    /// Steps between evaluations [default: 50]
    #[arg(long, value_name = "STEPS", help_heading = JUDGE)]
    pub eval_steps: Option<usize>,
    /// Stop after this many evaluations in a row without improvement [default: off]
    #[arg(long, value_name = "EVALUATIONS", help_heading = JUDGE)]
    pub patience: Option<usize>,
    /// Nats by which an evaluation must be better to count against the patience [default: 0]
    #[arg(long, value_name = "NATS", help_heading = JUDGE)]
    pub threshold: Option<f64>,
    /// Stop as diverging when the loss stays this many times above its running median; 0 turns it off [default: 3]
    #[arg(long, value_name = "FACTOR", help_heading = JUDGE)]
    pub divergence_factor: Option<f64>,

    /// Device: auto, cpu or gpu [default: auto]
    #[arg(long, help_heading = MACHINE, value_parser = parse::<DeviceChoice>)]
    pub device: Option<DeviceChoice>,
    /// Save memory: keep the widest activations in half precision (half), or compute all again (blocks)
    /// [default: never]
    #[arg(long, help_heading = MACHINE, value_parser = parse_recompute)]
    pub recompute: Option<Recompute>,
    /// Stop with a checkpoint after this many minutes
    #[arg(long, value_name = "MINUTES", help_heading = MACHINE)]
    pub max_minutes: Option<f64>,
    /// Stop with a checkpoint when the processor has taken this much energy
    #[arg(long, value_name = "WH", help_heading = MACHINE)]
    pub max_watt_hours: Option<f64>,
    /// Stop with a checkpoint when the hottest sensor stays above this many degrees Celsius
    #[arg(long, value_name = "DEGREES", help_heading = MACHINE)]
    pub max_celsius: Option<f64>,
}

/// The fields of `first`, or those of `second` where it has none.
macro_rules! first_of {
    ($first:ident, $second:ident: $($field:ident)*) => {
        Settings { $($field: $first.$field.or($second.$field),)* }
    };
}

impl Settings {
    /// These settings, completed by `other` where something was not given.
    pub fn or(self, other: Self) -> Self {
        let (first, second) = (self, other);
        first_of!(first, second:
            base data output replay replay_share long_text init_adapter save_peft save_last log checkpoint_dir
            checkpoint_steps rank alpha rs_lora dropout targets top_layers lr lora_plus_ratio schedule warmup
            warmup_ratio floor cycles decay_share decay weight_decay max_grad_norm epochs max_steps seq batch
            accumulate batch_max no_shuffle no_pack seed eval_data eval_share eval_steps patience threshold
            divergence_factor device recompute max_minutes max_watt_hours max_celsius)
    }

    /// What is used where nothing is given; settings that are off without a value stay empty.
    pub fn defaults() -> Self {
        let d = TrainOptions::default();
        Self {
            replay_share: Some(0.2),
            long_text: Some(LongText::Split),
            checkpoint_steps: Some(d.checkpoint_steps),
            rank: Some(d.rank),
            alpha: Some(d.alpha),
            rs_lora: Some(d.rank_stabilized),
            dropout: Some(d.dropout),
            targets: Some(d.targets),
            lr: Some(d.learning_rate),
            lora_plus_ratio: Some(d.lora_plus_ratio),
            schedule: Some(d.schedule),
            warmup: Some(d.warmup_steps),
            floor: Some(d.floor),
            cycles: Some(d.cycles),
            decay_share: Some(d.decay_share),
            decay: Some(d.decay),
            weight_decay: Some(d.weight_decay),
            max_grad_norm: Some(d.max_grad_norm),
            epochs: Some(d.epochs),
            batch: Some(d.batch),
            accumulate: Some(d.accumulate),
            no_shuffle: Some(!d.shuffle),
            no_pack: Some(!d.pack),
            seed: Some(d.seed),
            eval_steps: Some(d.eval_steps),
            threshold: Some(d.threshold),
            divergence_factor: Some(d.divergence_factor),
            device: Some(DeviceChoice::Auto),
            recompute: Some(d.recompute),
            ..Self::default()
        }
    }

    /// The engine's options, for sequences of `sequence_tokens`.
    pub fn options(&self, sequence_tokens: usize) -> TrainOptions {
        let d = TrainOptions::default();
        TrainOptions {
            rank: self.rank.unwrap_or(d.rank),
            alpha: self.alpha.unwrap_or(d.alpha),
            rank_stabilized: self.rs_lora.unwrap_or(d.rank_stabilized),
            dropout: self.dropout.unwrap_or(d.dropout),
            targets: self.targets.clone().unwrap_or(d.targets),
            top_layers: self.top_layers,
            learning_rate: self.lr.unwrap_or(d.learning_rate),
            lora_plus_ratio: self.lora_plus_ratio.unwrap_or(d.lora_plus_ratio),
            epochs: self.epochs.unwrap_or(d.epochs),
            max_steps: self.max_steps,
            batch: self.batch.unwrap_or(d.batch),
            accumulate: self.accumulate.unwrap_or(d.accumulate),
            batch_max: self.batch_max,
            sequence_tokens,
            seed: self.seed.unwrap_or(d.seed),
            schedule: self.schedule.unwrap_or(d.schedule),
            warmup_steps: self.warmup.unwrap_or(d.warmup_steps),
            warmup_ratio: self.warmup_ratio,
            floor: self.floor.unwrap_or(d.floor),
            cycles: self.cycles.unwrap_or(d.cycles),
            decay_share: self.decay_share.unwrap_or(d.decay_share),
            decay: self.decay.unwrap_or(d.decay),
            weight_decay: self.weight_decay.unwrap_or(d.weight_decay),
            max_grad_norm: self.max_grad_norm.unwrap_or(d.max_grad_norm),
            beta1: d.beta1,
            beta2: d.beta2,
            epsilon: d.epsilon,
            shuffle: !self.no_shuffle.unwrap_or(!d.shuffle),
            pack: !self.no_pack.unwrap_or(!d.pack),
            recompute: self.recompute.unwrap_or(d.recompute),
            checkpoint_steps: self.checkpoint_steps.unwrap_or(d.checkpoint_steps),
            eval_steps: self.eval_steps.unwrap_or(d.eval_steps),
            patience: self.patience,
            threshold: self.threshold.unwrap_or(d.threshold),
            divergence_factor: self.divergence_factor.unwrap_or(d.divergence_factor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weight_follows_the_last_equals_sign_and_a_plain_name_has_none() {
        let source = |text: &str| data_source(text).unwrap();
        assert_eq!(source("a.jsonl=3"), DataSource { path: "a.jsonl".into(), weight: Some(3.0) });
        assert_eq!(source("k=v/a.jsonl"), DataSource { path: "k=v/a.jsonl".into(), weight: None });
        assert_eq!(source("a.jsonl=b.jsonl").path, PathBuf::from("a.jsonl=b.jsonl"));
        assert_eq!(String::from(source("a.jsonl=0.5")), "a.jsonl=0.5");
        for wrong in ["a.jsonl=abc", "a.jsonl=", "a.jsonl=1,5"] {
            assert!(data_source(wrong).unwrap_err().contains("write for example a.jsonl=3"), "{wrong}");
        }
    }

    #[test]
    fn flags_come_before_the_file() {
        let flags = Settings { rank: Some(8), ..Settings::default() };
        let file = Settings { rank: Some(4), seed: Some(3), ..Settings::default() };
        let both = flags.or(file);
        assert_eq!((both.rank, both.seed), (Some(8), Some(3)));
    }
}
