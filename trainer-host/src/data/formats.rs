//! The forms in which other programs keep training rows, both ways.
//!
//! Each form says what of a row it cannot hold: a row that would lose words is an error that names it, never a
//! quiet cut. What every form but ChatML text keeps is a [`Record`]; ratings and lineage stay in the dataset
//! folder, except in the tables (Parquet, Hugging Face), which carry them as one JSON column.

pub mod alpaca;
pub mod chatml;
pub mod croissant;
pub mod elements;
pub mod hugging_face;
pub mod lines;
pub mod messages;
pub mod parquet_file;
pub mod record;
pub mod sharegpt;
pub mod splits;
pub mod table;
pub mod unread;

use std::path::Path;

use clap::ValueEnum;
use halligan_finetune::chat::Message;

use super::row::Row;
pub use record::Record;

/// A form of training rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// JSONL with `messages` (or `text`), as OpenAI and this project's `train` read it
    Messages,
    /// JSONL with `instruction`, `input`, `output`
    Alpaca,
    /// JSONL with `conversations` of `from` and `value`
    Sharegpt,
    /// Text between <|im_start|> and <|im_end|>
    Chatml,
    /// Apache Parquet
    Parquet,
    /// Folder that `datasets.load_from_disk` opens as a DatasetDict
    Hf,
    /// Folder of JSONL files described by Croissant JSON-LD
    Croissant,
}

/// Why a row does not fit a form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// The form is for conversations.
    #[error("it is a text without a conversation, which {format} cannot hold; use messages, parquet or hf")]
    Text {
        /// Name of the form.
        format: &'static str,
    },
    /// The form holds one question and one answer.
    #[error(
        "its messages are {roles}; {format} holds one question and one answer, with a system message before them \
         at most: use messages, sharegpt, chatml, parquet or hf"
    )]
    Turns {
        /// Name of the form.
        format: &'static str,
        /// The roles in order.
        roles: String,
    },
    /// A role without a name in the form.
    #[error("it has a message of role `{role}`, for which {format} has no name; use messages, chatml, parquet or hf")]
    Role {
        /// Name of the form.
        format: &'static str,
        /// The role.
        role: String,
    },
    /// Text that the form would read as its own marks.
    #[error("message {message} holds the mark {mark}, which would end or open a message; use messages, parquet or hf")]
    Mark {
        /// Message, from 1.
        message: usize,
        /// The mark.
        mark: String,
    },
    /// A message with more than a role and words.
    #[error("message {message} has `{column}`, which {format} cannot hold; use messages or croissant")]
    Beside {
        /// Name of the form.
        format: &'static str,
        /// Message, from 1.
        message: usize,
        /// What it has.
        column: &'static str,
    },
}

/// Whether the messages have a role and words and nothing beside, as a form with no place for tools needs.
///
/// # Errors
/// The first message with more.
pub fn bare(messages: &[Message], format: &'static str) -> Result<(), Unfit> {
    for (index, Message { tool_calls, name, tool_call_id, .. }) in messages.iter().enumerate() {
        let beside = [
            ("tool_calls", !tool_calls.is_empty()),
            ("name", name.is_some()),
            ("tool_call_id", tool_call_id.is_some()),
        ];
        if let Some((column, _)) = beside.into_iter().find(|(_, there)| *there) {
            return Err(Unfit::Beside { format, message: index + 1, column });
        }
    }
    Ok(())
}

impl Format {
    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Alpaca => "alpaca",
            Self::Sharegpt => "sharegpt",
            Self::Chatml => "chatml",
            Self::Parquet => "parquet",
            Self::Hf => "hf",
            Self::Croissant => "croissant",
        }
    }

    /// Whether the form is a folder by nature.
    pub fn is_folder(self) -> bool {
        matches!(self, Self::Hf | Self::Croissant)
    }

    /// Ending of its files.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Messages | Self::Alpaca | Self::Sharegpt | Self::Croissant => "jsonl",
            Self::Chatml => "txt",
            Self::Parquet => "parquet",
            Self::Hf => "arrow",
        }
    }

    /// Whether the form can hold the row without losing words.
    ///
    /// # Errors
    /// What it cannot hold.
    pub fn check(self, row: &Row) -> Result<(), Unfit> {
        match self {
            Self::Messages | Self::Croissant => Ok(()),
            Self::Parquet | Self::Hf => bare(row.messages.as_deref().unwrap_or_default(), self.name()),
            Self::Alpaca => alpaca::line(row).map(drop),
            Self::Sharegpt => sharegpt::line(row).map(drop),
            Self::Chatml => chatml::text(row).map(drop),
        }
    }

    /// The form of what lies at `path`, by its ending and its first lines.
    ///
    /// # Errors
    /// Nothing there, or nothing that is known.
    pub fn guess(path: &Path) -> anyhow::Result<Self> {
        if path.is_dir() {
            return match path {
                path if path.join(croissant::FILE).exists() => Ok(Self::Croissant),
                path if path.join(hugging_face::DICT).exists() || path.join(hugging_face::STATE).exists() => {
                    Ok(Self::Hf)
                }
                // A folder with one file a split has the form of the files.
                _ => match splits::files(path, &["jsonl", "parquet", "txt", "chatml"])?.first() {
                    Some((_, file)) => Self::guess(file),
                    None => anyhow::bail!(
                        "{}: neither {} nor {} nor a file of rows is in this folder; give a file, or say --format",
                        path.display(),
                        hugging_face::DICT,
                        croissant::FILE
                    ),
                },
            };
        }
        match path.extension().and_then(std::ffi::OsStr::to_str) {
            Some("parquet") => return Ok(Self::Parquet),
            Some("txt" | "chatml") => return Ok(Self::Chatml),
            _ => {}
        }
        let mut rows = lines::Objects::of_any(path)?;
        let Some(first) = rows.next() else {
            anyhow::bail!("{}: the file is empty; give rows", path.display());
        };
        let object = first.map_err(|wrong| wrong.into_error(path))?.object;
        for (column, format) in [
            ("conversations", Self::Sharegpt),
            ("instruction", Self::Alpaca),
            ("messages", Self::Messages),
            ("text", Self::Messages),
        ] {
            if object.contains_key(column) {
                return Ok(format);
            }
        }
        let columns: Vec<&str> = object.keys().map(String::as_str).take(8).collect();
        anyhow::bail!(
            "{}:1: no form of rows has the columns {}; name one of messages, text, conversations or instruction, or say --format",
            path.display(),
            columns.join(", ")
        )
    }
}
