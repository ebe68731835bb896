//! The command line of `halligan`: flags, verbs, exit codes.
//!
//! Exit code 0 is success, 1 a failure that was explained on standard error, 2 a command line that
//! cannot be understood.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::Result;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use halligan_runtime::home::Home;
use halligan_runtime::{
    AskOptions, AssistantOptions, DeviceChoice, Kit, PassagesInPrompt, Reason, SessionId, ToolMode,
};
use serde_json::json;
use tracing_subscriber::EnvFilter;

use crate::output;
use crate::serve::{self, options::ServeArgs};
use crate::verbs::journal::JournalAction;
use crate::verbs::trust::TrustArgs;
use crate::{console, verbs};

/// Exit code of a failure.
const FAILURE: u8 = 1;
/// Size of the console's log at which the next session starts a new one.
const LOG_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Environment variable that chooses what is logged.
const LOG_VARIABLE: &str = "HALLIGAN_LOG";

/// Ask a field assistant that learns, without a network.
#[derive(Debug, Parser)]
#[command(
    name = "halligan",
    version,
    propagate_version = true,
    after_help = "Without a verb, the console starts. HALLIGAN_LOG=debug shows what happens inside."
)]
pub struct Cli {
    /// Flags of every verb.
    #[command(flatten)]
    pub common: Common,
    /// What to do; nothing opens the console.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// Flags that every verb takes.
#[derive(Debug, Args)]
pub struct Common {
    /// Folder that holds everything this device knows [default: the account's data folder]
    #[arg(long, global = true, value_name = "DIR", env = "HALLIGAN_HOME")]
    pub home: Option<PathBuf>,
    /// Model file in place of the home's
    #[arg(long, global = true, value_name = "PATH")]
    pub model: Option<PathBuf>,
    /// Adapter file in place of the active generation
    #[arg(long, global = true, value_name = "PATH")]
    pub adapter: Option<PathBuf>,
    /// Hardware profile: a built-in name or a JSON file [default: chosen by the hardware]
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Processor to use
    #[arg(long, global = true, value_enum, default_value_t = Device::Auto)]
    pub device: Device,
    /// Seed of everything random
    #[arg(long, global = true, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Print one JSON object as the last line of standard output
    #[arg(long, global = true)]
    pub json: bool,
}

/// Values of `--device`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// A real GPU if there is one, else the CPU
    Auto,
    /// The CPU
    Cpu,
    /// The GPU, or an error
    Gpu,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Answer a question from the model and the documents on this device
    Ask {
        /// The question; `-` reads it from standard input
        #[arg(required = true)]
        question: Vec<String>,
        /// Do not look for a passage in the documents
        #[arg(long)]
        no_docs: bool,
        /// Put the passages that were found into the prompt; `auto` does where the model is large enough to profit
        #[arg(long, value_name = "WHEN", value_enum, default_value_t = Passages::Auto)]
        passages: Passages,
        /// Longest answer in tokens
        #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=4096))]
        max_tokens: u32,
        /// Go on with this session: its turns are the context of the question
        #[arg(long, value_name = "N")]
        session: Option<i64>,
        /// Show the answer also where it would be withheld
        #[arg(long)]
        anyway: bool,
        /// Let any model call tools, also one whose template does not know them
        #[arg(long, conflicts_with = "no_tools")]
        tools: bool,
        /// Use no tools: the model alone answers
        #[arg(long)]
        no_tools: bool,
        /// Allow tools to change something, such as the incident log, without asking
        #[arg(long)]
        yes: bool,
    },
    /// List or call tools, import hazard tables
    Tools {
        /// What to do with them
        #[command(subcommand)]
        action: ToolsAction,
    },
    /// Judge an answer: good, bad, or correct with the right words
    Feedback {
        /// Number of the turn, as `halligan ask` prints it
        turn: i64,
        /// The judgement
        mark: Mark,
        /// The right answer, for `correct`
        text: Vec<String>,
        /// What is wrong, or right; may be given several times
        #[arg(long = "reason", value_name = "TAG", value_parser = reason_tag())]
        reasons: Vec<Reason>,
    },
    /// Train an adapter from the corrections and use it if it is better
    Learn {
        /// Learn on battery even where the profile forbids it
        #[arg(long)]
        force: bool,
        /// At most this many optimizer steps
        #[arg(long, value_name = "N")]
        max_steps: Option<usize>,
    },
    /// List, choose or roll back adapter generations
    Adapters {
        /// What to do with them
        #[command(subcommand)]
        action: AdaptersAction,
    },
    /// Add, remove, search or list documents
    Docs {
        /// What to do with them
        #[command(subcommand)]
        action: DocsAction,
    },
    /// Show, search, export or forget what was asked and answered
    Journal {
        /// What to do with it
        #[command(subcommand)]
        action: JournalAction,
    },
    /// Put the files of a kit onto this device (`--model`, and optionally `--adapter`)
    Setup {
        /// Documents, or folders of documents
        #[arg(long, value_name = "PATH", num_args = 1..)]
        docs: Vec<PathBuf>,
        /// Sentence encoder: documents are found by meaning, too
        #[arg(long, value_name = "FILE.gguf")]
        encoder: Option<PathBuf>,
        /// Reranker: the best passages are read again before they are shown
        #[arg(long, value_name = "FILE.gguf")]
        reranker: Option<PathBuf>,
        /// Training rows that learning replays
        #[arg(long, value_name = "TRAIN.jsonl")]
        replay: Option<PathBuf>,
        /// Questions that an update must not forget
        #[arg(long, value_name = "GATE.jsonl")]
        gate: Option<PathBuf>,
        /// More questions with answers, to learn how often answers are right
        #[arg(long, value_name = "JUDGED.jsonl")]
        calibration: Option<PathBuf>,
        /// Questions outside the domain, which are to be refused
        #[arg(long, value_name = "OUTSIDE.jsonl")]
        out_of_domain: Option<PathBuf>,
    },
    /// Print the text of a PDF as JSON; `docs add` runs it in a process of its own
    #[command(hide = true)]
    PdfText {
        /// The file
        file: PathBuf,
    },
    /// Answer programs on this machine as an OpenAI-compatible server
    Serve(ServeArgs),
    /// Examine this device and say what to do about problems
    Doctor,
}

/// Values of `--passages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Passages {
    /// Where the model profits
    Auto,
    /// Always
    Always,
    /// Never: they only support the answer
    Never,
}

impl From<Passages> for PassagesInPrompt {
    fn from(passages: Passages) -> PassagesInPrompt {
        match passages {
            Passages::Auto => PassagesInPrompt::Auto,
            Passages::Always => PassagesInPrompt::Always,
            Passages::Never => PassagesInPrompt::Never,
        }
    }
}

/// The judgement of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mark {
    /// The answer is right
    Good,
    /// The answer is wrong
    Bad,
    /// The answer is wrong and TEXT is the right one
    Correct,
}

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

/// The names of all reasons, as clap offers and checks them.
fn reason_tag() -> impl TypedValueParser<Value = Reason> {
    PossibleValuesParser::new(Reason::ALL.map(Reason::name))
        .map(|name| Reason::from_name(&name).expect("clap should let only known names through"))
}

impl Common {
    /// The flags as the runtime takes them.
    pub fn options(&self) -> AssistantOptions {
        AssistantOptions {
            home: self.home.clone(),
            model: self.model.clone(),
            adapter: self.adapter.clone(),
            profile: self.profile.clone(),
            device: match self.device {
                Device::Auto => DeviceChoice::Auto,
                Device::Cpu => DeviceChoice::Cpu,
                Device::Gpu => DeviceChoice::Gpu,
            },
            seed: self.seed,
        }
    }
}

/// Runs the program with the arguments of the process.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            // Help and version are no failures; clap knows their stream and exit code.
            let _ = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(FAILURE));
        }
    };
    let json = cli.common.json;
    match dispatch(cli) {
        Ok(code) => code,
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error, json);
            ExitCode::from(FAILURE)
        }
    }
}

fn dispatch(cli: Cli) -> Result<ExitCode> {
    let common = cli.common;
    let Some(verb) = cli.verb else {
        let log = log_to_file(&common);
        console::run(common.options(), log)?;
        return Ok(ExitCode::SUCCESS);
    };
    log_to_stderr();
    match verb {
        Verb::Ask { question, no_docs, passages, max_tokens, session, anyway, tools, no_tools, yes } => {
            let tools = match (tools, no_tools) {
                (_, true) => ToolMode::Off,
                (true, false) => ToolMode::On,
                (false, false) => ToolMode::Auto,
            };
            let approver = yes.then(verbs::tools::allow_all);
            let options = AskOptions {
                use_documents: !no_docs,
                passages_in_prompt: passages.into(),
                max_tokens: max_tokens as usize,
                session: session.map(SessionId),
                anyway,
                tools,
                approver,
                ..AskOptions::default()
            };
            verbs::ask::run(&common, &question.join(" "), options)?;
        }
        Verb::Tools { action } => return verbs::tools::run(&common, action),
        Verb::Feedback { turn, mark, text, reasons } => {
            return verbs::feedback::run(&common, turn, mark, &text.join(" "), &reasons);
        }
        Verb::Learn { force, max_steps } => verbs::learn::run(&common, force, max_steps)?,
        Verb::Adapters { action } => verbs::adapters::run(&common, &action)?,
        Verb::Docs { action } => return verbs::docs::run(&common, action),
        Verb::Journal { action } => verbs::journal::run(&common, &action)?,
        Verb::Setup { docs, encoder, reranker, replay, gate, calibration, out_of_domain } => {
            let model = common.model.clone().unwrap_or_default();
            let adapter = common.adapter.clone();
            let kit =
                Kit { model, adapter, documents: docs, encoder, reranker, replay, gate, calibration, out_of_domain };
            return verbs::setup::run(&common, &kit);
        }
        Verb::PdfText { file } => output::line(&halligan_runtime::documents::pdf::answer(&file)?)?,
        Verb::Serve(args) => serve::run(&common, &args)?,
        Verb::Doctor => return verbs::doctor::run(&common),
    }
    Ok(ExitCode::SUCCESS)
}

/// One line that names the thing and the next step; causes only where they add something.
fn report(error: &anyhow::Error, json: bool) {
    let first = error.to_string();
    output::talk(&format!("error: {first}"));
    let mut said = first.clone();
    for cause in error.chain().skip(1) {
        let words = cause.to_string();
        if !said.contains(&words) {
            output::talk(&format!("caused by: {words}"));
            said.push_str(&words);
        }
    }
    if json {
        let _ = output::json(&json!({ "error": first }));
    }
}

fn filter(default: &str) -> EnvFilter {
    EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new(default))
}

fn log_to_stderr() {
    // A second subscriber can only exist when tests run the program twice in one process.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter("warn,llama-cpp-2=error"))
        .with_writer(io::stderr)
        .with_ansi(false)
        .try_init();
}

/// The console owns the screen, so its log is a file in the home folder, which is returned for
/// others who would write there. Without a writable home the console still starts (and shows why
/// nothing works); only the log is missing then.
fn log_to_file(common: &Common) -> Option<File> {
    let home = Home::open(common.home.as_deref()).ok()?;
    let path = home.folder().join("console.log");
    if std::fs::metadata(&path).is_ok_and(|known| known.len() > LOG_BYTES_MAX) {
        // Only the latest sessions help to understand a problem.
        let _ = std::fs::remove_file(&path);
    }
    let file = OpenOptions::new().create(true).append(true).open(path).ok()?;
    let for_others = file.try_clone().ok();
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter("info,llama-cpp-2=warn"))
        .with_writer(Mutex::new(LogFile(file)))
        .with_ansi(false)
        .try_init();
    for_others
}

/// A log that is never a reason to fail: a full disk loses log lines and nothing else.
struct LogFile(File);

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
