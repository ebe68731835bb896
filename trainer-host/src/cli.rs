//! The command line of `halligan-host`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use halligan_finetune::{device::DeviceChoice, engine::Recompute, lora::Target};

use crate::train::args::TrainArgs;

/// Headquarters' side of Halligan: documents in, adapter out.
#[derive(Debug, Parser)]
#[command(name = "halligan-host", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a GGUF base of a Hugging Face model folder
    Convert(crate::convert::ConvertArgs),
    /// Train a LoRA adapter over a (quantized) GGUF base
    Train(Box<TrainArgs>),
    /// Add an adapter to the weights of its base: one dense model
    Merge(crate::merge::MergeArgs),
    /// Score a base, with or without an adapter, on a dataset
    Eval(EvalArgs),
    /// Print the logits that follow a list of tokens
    Logits(LogitsArgs),
    /// Show what a GGUF file holds and whether it can be trained here
    Inspect(InspectArgs),
    /// Judge whether a model is a good base, rule by rule, with the evidence
    Check(crate::check::CheckArgs),
    /// Write a smaller model file and measure what it costs
    Quantize(Box<crate::quantize::QuantizeArgs>),
    /// Measure speed and memory
    Bench {
        /// What to measure.
        #[command(subcommand)]
        verb: BenchVerb,
    },
    /// Make datasets: from documents and ratings to rows with lineage
    Data {
        /// What to do with the data.
        #[command(subcommand)]
        verb: crate::data::DataVerb,
    },
    /// Print the text of a PDF as JSON; `data ingest` runs it in a process of its own
    #[command(hide = true)]
    PdfText {
        /// The file
        file: PathBuf,
    },
    /// Run the whole loop on the built-in model: train, carry, ask, correct, learn, roll back
    Demo(DemoArgs),
    /// Print shell completions
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
    /// Print the manual page in roff, or write one page for each command
    Man {
        /// Folder for the pages, e.g. /usr/local/share/man/man1
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// The verbs of `bench`.
#[derive(Debug, Subcommand)]
pub enum BenchVerb {
    /// Training speed on a random model of a real shape; needs no weights
    Train(BenchTrainArgs),
    /// What the device's runtime costs against bare llama.cpp, in the same run; needs no weights
    Inference(crate::bench::inference::BenchInferenceArgs),
}

/// Arguments of `eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// Base model
    #[arg(long, value_name = "GGUF")]
    pub base: PathBuf,
    /// Adapter to add
    #[arg(long, value_name = "GGUF")]
    pub adapter: Option<PathBuf>,
    /// Dataset; rows with `value` are asked and scored, all rows give loss and perplexity
    #[arg(long, value_name = "JSONL")]
    pub data: PathBuf,
    /// Device of the loss: auto, cpu or gpu
    #[arg(long, default_value = "auto", value_parser = parse::<DeviceChoice>)]
    pub device: DeviceChoice,
    /// Only the first rows
    #[arg(long, value_name = "ROWS")]
    pub limit: Option<usize>,
    /// List this many wrong answers
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub show_wrong: usize,
    /// Skip the loss
    #[arg(long)]
    pub no_loss: bool,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `logits`.
#[derive(Debug, Args)]
pub struct LogitsArgs {
    /// Base model
    #[arg(long, value_name = "GGUF")]
    pub base: PathBuf,
    /// Token numbers, separated by commas
    #[arg(long, value_delimiter = ',', required = true)]
    pub tokens: Vec<u32>,
    /// Adapter to add
    #[arg(long, value_name = "GGUF")]
    pub adapter: Option<PathBuf>,
    /// Device: auto, cpu or gpu
    #[arg(long, default_value = "auto", value_parser = parse::<DeviceChoice>)]
    pub device: DeviceChoice,
    /// Print {"logits": [..], "argmax": n} on stdout
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Model, adapter or vocabulary
    #[arg(value_name = "FILE.gguf")]
    pub file: PathBuf,
    /// Print everything as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
    /// List every tensor
    #[arg(long)]
    pub tensors: bool,
}

/// Arguments of `bench train`.
#[derive(Debug, Args)]
pub struct BenchTrainArgs {
    /// Model shape: tiny-25m, smollm2-135m, qwen2.5-0.5b, llama-3.2-1b, qwen3-1.7b, qwen3-4b or llama-3.1-8b
    #[arg(long, default_value = "tiny-25m", value_parser = parse::<crate::bench::Shape>)]
    pub shape: crate::bench::Shape,
    /// Storage of the base: a block format such as Q8_0, or the mix Q4_K_M
    #[arg(long = "type", default_value = "Q8_0", value_parser = crate::bench::parse_storage)]
    pub storage: halligan_finetune::random_model::Storage,
    /// Tokens of a sequence
    #[arg(long, value_name = "TOKENS", default_value_t = 512)]
    pub seq: usize,
    /// Rank of the adapter on all linear layers
    #[arg(long, default_value_t = 16)]
    pub rank: usize,
    /// Measured steps, after one that warms up
    #[arg(long, default_value_t = 5)]
    pub steps: usize,
    /// Save memory: keep the widest activations in half precision (half), or compute them again (blocks)
    #[arg(long, default_value = "never", value_parser = parse_recompute)]
    pub recompute: Recompute,
    /// Print the time of each kernel and its share of what the device can do
    #[arg(long)]
    pub profile_kernels: bool,
    /// Device: auto, cpu or gpu
    #[arg(long, default_value = "auto", value_parser = parse::<DeviceChoice>)]
    pub device: DeviceChoice,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Folder to leave everything in; an earlier demo there is replaced
    #[arg(long, value_name = "DIR", default_value = "demo-out")]
    pub dir: PathBuf,
    /// Base model of the repository
    #[arg(long, value_name = "GGUF", default_value = "trainer-host/base/halligan-base-q8_0.gguf")]
    pub base: PathBuf,
    /// Folder of the field guide and its questions
    #[arg(long, value_name = "DIR", default_value = "trainer-host/guide")]
    pub guide: PathBuf,
    /// Device: auto, cpu or gpu
    #[arg(long, default_value = "auto", value_parser = parse::<DeviceChoice>)]
    pub device: DeviceChoice,
    /// Print the figures as one JSON object, the last line of stdout; all else goes to stderr
    #[arg(long)]
    pub json: bool,
}

pub(crate) fn parse<T: std::str::FromStr<Err = String>>(text: &str) -> Result<T, String> {
    text.parse()
}

pub(crate) fn parse_target(text: &str) -> Result<Target, String> {
    Target::from_name(text).ok_or_else(|| format!("no such matrix; choose out of {}", names(Target::ALL)))
}

fn names(targets: [Target; Target::ALL.len()]) -> String {
    targets.map(Target::name).join(",")
}

pub(crate) fn parse_recompute(text: &str) -> Result<Recompute, String> {
    match text {
        "never" => Ok(Recompute::Never),
        "half" => Ok(Recompute::Half),
        "blocks" => Ok(Recompute::Blocks),
        _ => Err("choose never, half or blocks".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn targets_are_read_as_a_list() {
        let cli = Cli::try_parse_from([
            "halligan-host",
            "train",
            "--base",
            "b",
            "--data",
            "d",
            "-o",
            "a",
            "--targets",
            "q,down",
        ]);
        let Verb::Train(args) = cli.unwrap().verb else { panic!("train was asked for") };
        assert_eq!(args.settings.targets, Some(vec![Target::Q, Target::Down]));
    }

    #[test]
    fn unknown_target_is_refused_with_the_known_ones() {
        let cli =
            Cli::try_parse_from(["halligan-host", "train", "--base", "b", "--data", "d", "-o", "a", "--targets", "x"]);
        let text = cli.unwrap_err().to_string();
        assert!(text.contains("q,k,v,o,gate,up,down"), "{text}");
    }
}
