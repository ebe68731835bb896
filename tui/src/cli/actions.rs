//! What the verbs with several actions can do: adapters, tools, documents.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use crate::verbs::trust::TrustArgs;

/// What to do with adapters.
#[derive(Debug, Subcommand)]
pub enum AdaptersAction {
    /// Show all generations
    List,
    /// Answer with this generation from now on
    Use {
        /// First characters of the id, or `base` for no adapter
        id: String,
    },
    /// Return to the generation that answered before
    Rollback,
    /// Show how far answers of the active generation can be trusted, and on what evidence
    Trust(TrustArgs),
}

/// What to do with tools.
#[derive(Debug, Subcommand)]
pub enum ToolsAction {
    /// Show all tools and what they take
    List,
    /// Run a tool with JSON arguments
    Call {
        /// Name of the tool
        name: String,
        /// Arguments as a JSON object; `-` reads them from standard input
        #[arg(default_value = "{}")]
        arguments: String,
        /// Allow it to change something without asking
        #[arg(long)]
        yes: bool,
    },
    /// Import a CSV file of dangerous goods; an earlier table of that name is replaced
    ImportTable {
        /// File with a line of headings
        path: PathBuf,
        /// Name of the table [default: the file's name]
        #[arg(long)]
        name: Option<String>,
        /// What a column stands for where its heading does not say it, e.g. number=ID
        #[arg(long = "column", value_name = "ROLE=HEADING")]
        columns: Vec<String>,
    },
    /// Show the tables of dangerous goods on this device
    Tables,
    /// Take a table of dangerous goods away
    RemoveTable {
        /// Its name, as `tools tables` shows it
        name: String,
    },
    /// Let tools answer questions of a known form without the model: on or off
    Router {
        /// Whether they do
        state: Switch,
    },
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Yes
    On,
    /// No
    Off,
}

/// What to do with documents.
#[derive(Debug, Subcommand)]
pub enum DocsAction {
    /// Add files (Markdown, text, PDF, HTML, CSV, XLSX, JSON, reStructuredText) or folders of them
    Add {
        /// Files or folders; without any, an interrupted run goes on
        paths: Vec<PathBuf>,
    },
    /// Take documents away
    Remove {
        /// Names as `docs list` shows them; a folder takes all below it
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
    /// Find the passages that fit best
    Search {
        /// Words to look for
        #[arg(required = true)]
        query: Vec<String>,
        /// Most passages to show
        #[arg(long, value_name = "N", default_value_t = 5)]
        limit: usize,
    },
    /// Show all documents
    List,
    /// Show what is indexed, what waits and what was not taken
    Status,
}
