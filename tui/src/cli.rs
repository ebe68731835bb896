//! The command line of `halligan`: flags, verbs, exit codes.
//!
//! Exit code 0 is success, 1 a failure that was explained on standard error, 2 a command line that
//! cannot be understood, 3 something that ended well and not as asked, 130 an interrupt that could
//! not wait; `cli/ends.rs` says so to users.

mod actions;
mod ends;
mod log;

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use halligan_runtime::inference::Speculation;
use halligan_runtime::{
    AskOptions, AssistantOptions, DeviceChoice, Kit, PassagesInPrompt, Reason, SessionId, ToolMode,
};
use serde_json::json;

use crate::console::settings::Settings;
use crate::console::theme::Palette;
use crate::console::worker::Resume;
use crate::console::{ConsoleOptions, FaceChoice};
use crate::output;
use crate::serve::{self, options::ServeArgs};
use crate::verbs::journal::JournalAction;
use crate::{console, example_kit, verbs};

pub use actions::{AdaptersAction, DocsAction, Switch, ToolsAction};
use log::{log_to_file, log_to_stderr};

/// Exit code of a failure.
const FAILURE: u8 = 1;

/// Exit code of what ended as it should and yet not as asked: an answer that is withheld, a tool that was not allowed or
/// found nothing, a mark that would have dropped a correction, an update that the gate refused.
pub const NOT_AS_ASKED: u8 = 3;

/// Ask a field assistant that learns, without a network.
#[derive(Debug, Parser)]
#[command(
    name = "halligan",
    version,
    propagate_version = true,
    after_help = ends::PROGRAM
)]
pub struct Cli {
    /// Flags of every verb.
    #[command(flatten)]
    pub common: Common,
    /// Flags of the console.
    #[command(flatten)]
    pub console: ConsoleFlags,
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
    /// Try what followed the latest words before, where that is measured to be faster: for texts that repeat
    #[arg(long, global = true)]
    pub drafts: bool,
    /// Print one JSON object as the last line of standard output
    #[arg(long, global = true)]
    pub json: bool,
}

/// Flags that only the console knows.
#[derive(Debug, Args)]
pub struct ConsoleFlags {
    /// Plain text that is only ever appended, for screen readers and printers
    #[arg(long)]
    pub screen_reader: bool,
    /// Characters of ASCII only
    #[arg(long)]
    pub ascii: bool,
    /// Colours
    #[arg(long, value_enum, value_name = "NAME")]
    pub theme: Option<Palette>,
    /// Go on with the latest conversation, or with that of a number that the search shows
    #[arg(long, value_name = "NUMBER", num_args = 0..=1, require_equals = true)]
    pub resume: Option<Option<i64>>,
}

impl ConsoleFlags {
    /// The settings of this account, changed by the flags.
    fn options(&self, json: bool) -> Result<ConsoleOptions> {
        let mut settings = Settings::load()?;
        settings.ascii |= self.ascii;
        settings.theme = self.theme.or(settings.theme);
        let resume = self.resume.map(|number| match number {
            Some(number) => Resume::Conversation(SessionId(number)),
            None => Resume::Latest,
        });
        let face = match (json, self.screen_reader) {
            (true, _) => FaceChoice::Json,
            (false, true) => FaceChoice::Plain,
            // A terminal that can only add lines.
            (false, false) if is_dumb() => FaceChoice::Plain,
            (false, false) => FaceChoice::FullScreen,
        };
        Ok(ConsoleOptions { face, settings, resume })
    }
}

fn is_dumb() -> bool {
    io::stdout().is_terminal() && std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb")
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
    #[command(after_help = ends::ASK)]
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
        /// Go on with this conversation: its turns are the context of the question
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
        /// Let `good` or `bad` take the place of a correction
        #[arg(long)]
        replace: bool,
    },
    /// Train an adapter from the corrections and use it if it is better
    #[command(after_help = ends::LEARN)]
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
    /// Put the files of a kit onto this device: `--model` the first time, and whatever else it has
    Setup {
        /// The example kit that this program carries: a small model, its adapter and the guide; a demonstration
        #[arg(long, conflicts_with_all = ["docs", "encoder", "reranker", "replay", "gate", "calibration", "out_of_domain"])]
        example: bool,
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
    #[command(after_help = ends::DOCTOR)]
    Doctor,
    /// Show the console's settings file: where it is, and every line it may have
    Settings,
    /// Measure the console: frames, keys, bytes
    #[command(hide = true)]
    BenchConsole,
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one page for each command
    Man {
        /// Folder for the pages, e.g. /usr/local/share/man/man1
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

impl Verb {
    /// Whether the folder of `--home` need not be there: it is made, not wanted, or its lack is reported.
    fn may_make_a_home(&self) -> bool {
        match self {
            Verb::Setup { .. }
            | Verb::Docs { action: DocsAction::Add { .. } }
            | Verb::Tools { action: ToolsAction::ImportTable { .. } }
            | Verb::PdfText { .. }
            | Verb::Doctor
            | Verb::Settings
            | Verb::Completions { .. }
            | Verb::Man { .. } => true,
            Verb::Ask { .. }
            | Verb::Tools { .. }
            | Verb::Feedback { .. }
            | Verb::Learn { .. }
            | Verb::Adapters { .. }
            | Verb::Docs { .. }
            | Verb::Journal { .. }
            | Verb::Serve(_)
            | Verb::BenchConsole => false,
        }
    }
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
            speculation: if self.drafts { Speculation::Auto } else { Speculation::Off },
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
        if !example_kit::offer(&common)? {
            return Ok(ExitCode::SUCCESS);
        }
        let options = cli.console.options(common.json)?;
        let log = log_to_file(&common);
        return console::run(common.options(), options, log);
    };
    log_to_stderr();
    if !verb.may_make_a_home() {
        verbs::expect_home(&common)?;
    }
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
            return verbs::ask::run(&common, &question.join(" "), options);
        }
        Verb::Tools { action } => return verbs::tools::run(&common, action),
        Verb::Feedback { turn, mark, text, reasons, replace } => {
            return verbs::feedback::run(&common, turn, mark, &text.join(" "), &reasons, replace);
        }
        Verb::Learn { force, max_steps } => return verbs::learn::run(&common, force, max_steps),
        Verb::Adapters { action } => verbs::adapters::run(&common, &action)?,
        Verb::Docs { action } => return verbs::docs::run(&common, action),
        Verb::Journal { action } => verbs::journal::run(&common, &action)?,
        Verb::Setup { example: true, .. } => return example_kit::set_up(&common),
        Verb::Setup { docs, encoder, reranker, replay, gate, calibration, out_of_domain, .. } => {
            let model = common.model.clone().unwrap_or_default();
            let adapter = common.adapter.clone();
            let kit =
                Kit { model, adapter, documents: docs, encoder, reranker, replay, gate, calibration, out_of_domain };
            return verbs::setup::run(&common, &kit, None);
        }
        Verb::PdfText { file } => output::line(&halligan_runtime::documents::pdf::answer(&file)?)?,
        Verb::Serve(args) => serve::run(&common, &args)?,
        Verb::Doctor => return verbs::doctor::run(&common),
        Verb::BenchConsole => verbs::bench_console::run(&common)?,
        Verb::Settings => verbs::shell::settings()?,
        Verb::Completions { shell } => verbs::shell::completions(shell)?,
        Verb::Man { dir } => verbs::shell::man(dir.as_deref())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// One line that names the thing and the next step; causes only where they add something.
fn report(error: &anyhow::Error, json: bool) {
    let words = in_one_line(error);
    output::talk(&format!("error: {words}"));
    if json {
        let _ = output::json(&json!({ "error": words }));
    }
}

fn in_one_line(error: &anyhow::Error) -> String {
    let mut words = error.to_string();
    let mut causes: Vec<String> = Vec::new();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !words.contains(&cause) && !causes.iter().any(|said| said.contains(&cause)) {
            causes.push(cause);
        }
    }
    if !causes.is_empty() {
        // Before the next step, which stands behind the last semicolon.
        let end = words.rfind("; ").unwrap_or(words.len());
        words.insert_str(end, &format!(" ({})", causes.join(": ")));
    }
    words.replace('\n', " ")
}
