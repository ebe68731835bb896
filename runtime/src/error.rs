//! One error enum per family of operations, and the one that the facade returns.
//!
//! Every message names the object that is wrong and what the reader can do next: the people who
//! see it stand in a field without a network and without us.

use std::path::PathBuf;

use thiserror::Error;

/// Anything that the device can report; see the family enums for the details.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The home folder or its database.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Recorded questions, answers and feedback.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The base model or llama.cpp.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Adapter files, generations, activation.
    #[error(transparent)]
    AdapterStore(#[from] AdapterStoreError),
    /// Documents and their passages.
    #[error(transparent)]
    Retrieval(#[from] RetrievalError),
    /// Evaluation files and runs.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// Learning from corrections.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// The hardware profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

/// The folder that holds everything a device knows.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HomeError {
    /// No folder was named and the account has none.
    #[error("this account has no home folder to keep data in; name one with --home DIR")]
    NoUserFolder,
    /// The folder cannot be made or written.
    #[error("cannot write the home folder {path}: {source}; choose another with --home DIR or fix its permissions")]
    NotWritable {
        /// The home folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database cannot be opened or read.
    #[error(
        "cannot use the device database {path}: {source}; check free disk space and permissions, or start a new --home"
    )]
    Database {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The database was written by a newer version.
    #[error("the device database {path} has schema {found}, this program knows up to {known}; update halligan")]
    NewerSchema {
        /// The database file.
        path: PathBuf,
        /// Schema number in the file.
        found: i64,
        /// Newest schema number of this program.
        known: i64,
    },
    /// A file of the kit cannot be put into the home folder.
    #[error("cannot copy {from} to {to}: {source}; check that the file exists and that the disk has room")]
    Copy {
        /// Source file.
        from: PathBuf,
        /// Destination.
        to: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The journal of turns and feedback.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// No turn with this number.
    #[error("there is no turn {0}; `halligan ask` prints the number of each turn")]
    UnknownTurn(i64),
    /// A correction without words.
    #[error("the correction of turn {0} is empty; give the right answer as text")]
    EmptyCorrection(i64),
    /// Writing or reading failed; nothing was recorded half.
    #[error("cannot {action} the journal {path}: {source}; nothing was changed, check free disk space")]
    Database {
        /// What was tried, e.g. "append to".
        action: &'static str,
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

/// The base model, llama.cpp and what was asked of them.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Neither the home folder nor the command line names a model.
    #[error("no model in {home}; run `halligan setup --model FILE.gguf` or pass --model FILE.gguf")]
    NoModel {
        /// The home folder.
        home: PathBuf,
    },
    /// The model file is not there or cannot be read.
    #[error("cannot read the model {path}: {source}; check the path given with --model")]
    Unreadable {
        /// Model file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a GGUF model that can be used.
    #[error("{path} is not a usable GGUF model: {reason}; copy the file again or choose another --model")]
    Malformed {
        /// Model file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// llama.cpp refused the model.
    #[error("llama.cpp cannot load {path}: {reason}; run `halligan doctor` for memory and file checks")]
    Load {
        /// Model file.
        path: PathBuf,
        /// What the binding said.
        reason: String,
    },
    /// llama.cpp could not make a context.
    #[error(
        "cannot make a context of {context_tokens} tokens: {reason}; choose a profile with a smaller context (--profile)"
    )]
    Context {
        /// Tokens asked for.
        context_tokens: u32,
        /// What the binding said.
        reason: String,
    },
    /// The adapter file could not be used by llama.cpp.
    #[error("llama.cpp refuses the adapter {path}: {reason}; `halligan adapters rollback` returns to the previous one")]
    Adapter {
        /// Adapter file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The prompt and the answer do not fit; nothing is ever cut silently.
    #[error(
        "the question needs {needed} tokens with room for the answer, the context holds {available}; ask a shorter question or choose a larger profile (--profile)"
    )]
    PromptTooLong {
        /// Prompt tokens plus room for the answer.
        needed: usize,
        /// Tokens of the context.
        available: usize,
    },
    /// The model's chat template cannot be used.
    #[error(
        "the chat template of {path} cannot be rendered: {reason}; use a model with a working tokenizer.chat_template"
    )]
    Template {
        /// Model file.
        path: PathBuf,
        /// What the template engine said.
        reason: String,
    },
    /// Evaluation of tokens failed.
    #[error("llama.cpp failed while decoding: {0}; try again, or choose a smaller profile (--profile)")]
    Decode(String),
    /// Nothing was asked.
    #[error("the question is empty; type one")]
    EmptyQuestion,
    /// The caller stopped it.
    #[error("stopped before the end; nothing was changed")]
    Cancelled,
    /// Tokens that cannot be decoded.
    #[error("cannot decode these tokens: {0}; give token numbers of this model's vocabulary")]
    Tokens(String),
    /// The inference thread ended unexpectedly.
    #[error("the inference thread has ended; start halligan again and run `halligan doctor` if it happens twice")]
    ThreadGone,
}

/// Adapter files, their generations and which one is active.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AdapterStoreError {
    /// No generation with this id prefix.
    #[error("no adapter generation starts with `{0}`; `halligan adapters list` shows them")]
    Unknown(String),
    /// Several generations start with this prefix.
    #[error("`{prefix}` fits {count} adapter generations; give more characters of the id")]
    Ambiguous {
        /// What was given.
        prefix: String,
        /// How many fit.
        count: usize,
    },
    /// Nothing to go back to.
    #[error("there is no previous adapter to roll back to; `halligan adapters use ID` activates any listed one")]
    NoPrevious,
    /// The file of a generation is gone.
    #[error(
        "the adapter file {path} is missing; roll back with `halligan adapters rollback`, or `halligan adapters use base`"
    )]
    Missing {
        /// Expected path.
        path: PathBuf,
    },
    /// The file's content is not what its name promises.
    #[error(
        "the adapter file {path} is damaged: its SHA-256 is {found}; roll back with `halligan adapters rollback`, or `halligan adapters use base`"
    )]
    Corrupted {
        /// The file.
        path: PathBuf,
        /// Hash of its present content.
        found: String,
    },
    /// The file is no adapter for this model.
    #[error("{path} is not an adapter for this model: {reason}; use an adapter that was trained on this base")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The generation was refused by its evaluation or belongs to another model.
    #[error("adapter {id} cannot be activated: {reason}; `halligan adapters list` shows the usable ones")]
    Rejected {
        /// The generation.
        id: String,
        /// Why it may not answer.
        reason: String,
    },
    /// Reading or writing a file failed.
    #[error("cannot {action} the adapter file {path}: {source}; check free disk space and permissions")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The record of generations cannot be read or written.
    #[error("cannot {action} the adapter record {path}: {source}; nothing was changed, check free disk space")]
    Database {
        /// What was tried.
        action: &'static str,
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

/// Documents and passages.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RetrievalError {
    /// A document cannot be read.
    #[error("cannot read the document {path}: {source}; check the path")]
    Unreadable {
        /// The document.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A document is not text.
    #[error("the document {path} is not UTF-8 text; convert it to Markdown or plain text first")]
    NotText {
        /// The document.
        path: PathBuf,
    },
    /// A document has nothing to index.
    #[error("the document {path} holds no text; add another file")]
    Empty {
        /// The document.
        path: PathBuf,
    },
    /// A document is larger than the limit.
    #[error("the document {path} has {bytes} bytes, the limit is {limit}; split it into parts")]
    TooLarge {
        /// The document.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// Largest size that is indexed.
        limit: u64,
    },
    /// A folder without any document.
    #[error("the folder {path} holds no .md, .markdown or .txt file; name a folder or file with documents")]
    NoDocuments {
        /// The folder.
        path: PathBuf,
    },
    /// The index cannot be read or written.
    #[error("cannot {action} the document index {path}: {source}; nothing was changed, check free disk space")]
    Database {
        /// What was tried.
        action: &'static str,
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

/// Question files and their evaluation.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// The file of questions cannot be read.
    #[error("cannot read the questions {path}: {source}; check the path")]
    Unreadable {
        /// The JSONL file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A row is not a question.
    #[error(
        "{path} line {line} is not a question row: {reason}; each line needs `id`, `messages` with a user and an assistant turn, and `value`"
    )]
    BadRow {
        /// The JSONL file.
        path: PathBuf,
        /// Line number from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The file has no rows.
    #[error("{path} holds no questions; give a JSONL file with at least one row")]
    Empty {
        /// The JSONL file.
        path: PathBuf,
    },
}

/// Learning on the device.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LearnError {
    /// No correction that the active adapter has not learned.
    #[error(
        "there is nothing new to learn; correct an answer first: `halligan feedback TURN correct \"the right answer\"`"
    )]
    NothingToLearn,
    /// All corrected questions are answered right already.
    #[error(
        "the active adapter already gives all {0} corrected answers, so nothing needs training; ask again to see it, or correct another answer"
    )]
    AlreadyKnown(usize),
    /// The device runs on battery and its profile forbids learning then.
    #[error(
        "this device runs on battery and profile `{profile}` learns only on mains power; plug it in or run `halligan learn --force`"
    )]
    OnBattery {
        /// Name of the profile.
        profile: String,
    },
    /// The device is too hot.
    #[error(
        "the device is at {celsius:.0} degrees Celsius, the ceiling of profile `{profile}` is {ceiling:.0}; nothing was changed, let it cool and run `halligan learn` again"
    )]
    TooHot {
        /// Hottest sensor.
        celsius: f32,
        /// Ceiling of the profile.
        ceiling: f32,
        /// Name of the profile.
        profile: String,
    },
    /// The user stopped it.
    #[error("learning was cancelled; nothing was changed, run `halligan learn` to start again")]
    Cancelled,
    /// A file that learning needs is bad.
    #[error("cannot read {path} for learning: {reason}; run `halligan setup` again with the kit's files")]
    BadData {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The training engine failed.
    #[error("training failed: {0}; nothing was changed")]
    Training(String),
    /// A temporary file could not be written.
    #[error("cannot write {path} while learning: {source}; nothing was changed, check free disk space")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Choosing a hardware profile.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Neither a built-in name nor a file.
    #[error("unknown profile `{name}`; known are {known}, or give the path of a profile JSON file")]
    Unknown {
        /// What was asked for.
        name: String,
        /// Comma-separated built-in names.
        known: String,
    },
    /// The profile file is bad.
    #[error("the profile {name} cannot be used: {reason}; correct it or choose a built-in profile")]
    Bad {
        /// Name or path.
        name: String,
        /// What is wrong.
        reason: String,
    },
}
