//! The command line of `data generate`.

use std::path::PathBuf;

use clap::Args;

use super::prompts::Category;

/// Arguments of `data generate`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// Dataset folder with chunks
    #[arg(value_name = "DIR")]
    pub dataset: PathBuf,
    /// Dataset folder to write
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    pub output: PathBuf,
    /// Make rows of tables, definitions and lists, without a model
    #[arg(long)]
    pub rules: bool,
    /// How questions about records are worded [default: the schema that DIR was ingested with, else the headers]
    #[arg(long, value_name = "TOML", requires = "rules")]
    pub schema: Option<PathBuf>,
    /// Expand a reasoning blueprint (TOML or JSON); may be given several times
    #[arg(long, value_name = "FILE")]
    pub blueprint: Vec<PathBuf>,
    /// Wordings of each fact of rules and blueprints
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..=32))]
    pub wordings: u64,
    /// Ask this model about the chunks
    #[arg(long, value_name = "GGUF")]
    pub model: Option<PathBuf>,
    /// Adapter to use with the model
    #[arg(long, value_name = "GGUF", requires = "model")]
    pub adapter: Option<PathBuf>,
    /// What the model is asked for [default: all]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "CATEGORY,..", requires = "model")]
    pub ask: Vec<Category>,
    /// Questions about each chunk
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub per_chunk: u64,
    /// Most questions over chunks of several sources
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub cross: usize,
    /// Chunks of such a question
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(2..=6))]
    pub cross_chunks: u64,
    /// Fewest tokens of a chunk that the model is asked about
    #[arg(long, value_name = "TOKENS", default_value_t = 24)]
    pub min_tokens: u32,
    /// Longest reply of the model
    #[arg(long, value_name = "TOKENS", default_value_t = 200, value_parser = clap::value_parser!(u64).range(48..=8192))]
    pub max_tokens: u64,
    /// How freely the model chooses its words; 0 takes the most probable one each time
    #[arg(long, value_name = "T", default_value_t = 0.7, value_parser = parse_temperature)]
    pub temperature: f32,
    /// Tries with other seeds when a reply does not end in time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=16))]
    pub tries: u64,
    /// At most so many facts of rules, and so many questions to the model, drawn by the seed
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Seed of everything that is drawn
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Say what would be made and how long it would take, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Put the dataset in place of one that another verb made
    #[arg(long)]
    pub force: bool,
    /// Version of the dataset [default: 1.0.0, or the one that follows from what changed since the last in DIR]
    #[arg(long, value_name = "X.Y.Z", value_parser = crate::data::manifest::parse_version)]
    pub dataset_version: Option<String>,
    /// Print the counts as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

fn parse_temperature(text: &str) -> Result<f32, String> {
    let value = text.parse::<f32>().ok().filter(|value| (0.0..=5.0).contains(value));
    value.ok_or_else(|| "give a number from 0 to 5, such as 0.7".to_owned())
}
