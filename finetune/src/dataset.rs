//! Training data: JSONL rows, and rows as tokens with their training mask.
//!
//! A row is `{"messages": [{"role": .., "content": ..}, ..]}`, trained on the assistant's turns, or
//! `{"text": ".."}`, trained on every token but the first. Fields that belong to evaluation (`id`, `value`,
//! `contradicts`) are kept; others are ignored. Nothing is cut off or skipped: a row that cannot be used is an
//! error that names file and line, and a text longer than a sequence is refused or [split](LongText).

mod hold_out;
pub(crate) mod pack;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::chat::{ChatError, ChatTemplate, EncodedConversation, Message};
use crate::gguf::atomic_file::{WriteError, write_bytes_atomically};
use crate::tokenizer::{Tokenizer, TokenizerError};
pub use hold_out::hold_out;
pub use pack::pack;

/// Longest line of a dataset in bytes.
pub const LINE_BYTES_MAX: u64 = 16 << 20;

/// Why a dataset cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The file cannot be read.
    #[error("{path}: cannot read the dataset ({source}); check the path and its permissions")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No row.
    #[error("{path}: the dataset is empty; add rows like {{\"messages\": [..]}} or {{\"text\": \"..\"}}")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A line is too long.
    #[error("{path}:{line}: the line is longer than {limit} bytes; split the row")]
    LineTooLong {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The limit.
        limit: u64,
    },
    /// A line is no JSON object of the right form.
    #[error("{path}:{line}: not a row: {reason}; correct the line")]
    Json {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A conversation without an assistant turn.
    #[error("{path}:{line}: no message has the role `assistant`; add the answer that is to be learned")]
    NoAssistant {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
    },
    /// Nothing in the row is a training target.
    #[error("{path}:{line}: nothing to learn from this row; give it an answer or a longer text")]
    EmptyMask {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
    },
    /// The row has more tokens than a sequence may have.
    #[error("{path}:{line}: {tokens} tokens, the limit is {limit}; shorten the row or raise --seq")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Tokens of the row.
        tokens: usize,
        /// Most tokens of a sequence.
        limit: usize,
    },
    /// Rows with messages, but the base has no chat template.
    #[error(
        "{path}:{line}: the base model has no chat template for `messages`; \
         give rows with `text`, or choose an instruction-tuned base"
    )]
    NoTemplate {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
    },
    /// A turn that only calls tools, over a template that shows no calls.
    #[error(
        "{path}:{line}: the chat template of the base shows no tool calls, so this row would teach an empty answer; \
         take it out, or choose a base that calls tools"
    )]
    CallsNotShown {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
    },
    /// The conversation cannot be rendered.
    #[error("{path}:{line}: {source}")]
    Chat {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Why.
        source: Box<ChatError>,
    },
    /// The text cannot be encoded.
    #[error("{path}:{line}: {source}")]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Why.
        source: Box<TokenizerError>,
    },
}

/// What a row teaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A conversation; the assistant's turns are learned.
    Messages(Vec<Message>),
    /// A text; every token but the first is learned.
    Text(String),
}

/// One row of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Line in the file, from 1; 0 for a row that was made in memory.
    pub line: usize,
    /// What it teaches.
    pub content: Content,
    /// Name of the fact; rows of one fact share it.
    pub id: Option<String>,
    /// Rows that say the same share it, in datasets where each row has an `id` of its own.
    pub group: Option<String>,
    /// What a right answer must contain.
    pub value: Option<String>,
    /// What a right answer must not contain.
    pub contradicts: Vec<String>,
}

impl Row {
    /// A conversation made in memory.
    pub fn from_messages(messages: Vec<Message>) -> Self {
        Self {
            line: 0,
            content: Content::Messages(messages),
            id: None,
            group: None,
            value: None,
            contradicts: Vec::new(),
        }
    }

    /// The conversation, `None` for a text row.
    pub fn messages(&self) -> Option<&[Message]> {
        match &self.content {
            Content::Messages(messages) => Some(messages),
            Content::Text(_) => None,
        }
    }
}

/// A row as it is in the file.
#[derive(Serialize, Deserialize)]
struct StoredRow {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    messages: Option<Vec<Message>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    contradicts: Vec<String>,
}

/// A row as tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The tokens.
    pub tokens: Vec<u32>,
    /// For each token whether predicting it from those before is trained; the first never is.
    pub trained: Vec<bool>,
    /// Line of the row, from 1.
    pub row: usize,
}

/// Reads all rows; blank lines are passed over.
///
/// # Errors
/// [`DatasetError::Empty`] without a row, otherwise the first line that is no row.
pub fn read_rows(path: impl AsRef<Path>) -> Result<Vec<Row>, DatasetError> {
    let path = path.as_ref();
    let unreadable = |source| DatasetError::Io { path: path.to_path_buf(), source };
    let mut reader = BufReader::new(File::open(path).map_err(unreadable)?);
    let mut rows = Vec::new();
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let mut limited = (&mut reader).take(LINE_BYTES_MAX + 1);
        if limited.read_until(b'\n', &mut bytes).map_err(unreadable)? == 0 {
            break;
        }
        if bytes.len() as u64 > LINE_BYTES_MAX {
            return Err(DatasetError::LineTooLong { path: path.to_path_buf(), line, limit: LINE_BYTES_MAX });
        }
        // Some editors put a byte order mark at the start of a file.
        let row = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        if !row.iter().all(u8::is_ascii_whitespace) {
            rows.push(parse_row(row, path, line)?);
        }
    }
    if rows.is_empty() {
        return Err(DatasetError::Empty { path: path.to_path_buf() });
    }
    Ok(rows)
}

fn parse_row(bytes: &[u8], path: &Path, line: usize) -> Result<Row, DatasetError> {
    let malformed = |reason: String| DatasetError::Json { path: path.to_path_buf(), line, reason };
    let stored: StoredRow = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    let content = match (stored.messages, stored.text) {
        (Some(messages), None) => {
            if !messages.iter().any(|message| message.role == "assistant") {
                return Err(DatasetError::NoAssistant { path: path.to_path_buf(), line });
            }
            Content::Messages(messages)
        }
        (None, Some(text)) => Content::Text(text),
        (Some(_), Some(_)) => {
            return Err(malformed("it has both `messages` and `text`".to_string()));
        }
        (None, None) => {
            return Err(malformed("it has neither `messages` nor `text`".to_string()));
        }
    };
    Ok(Row { line, content, id: stored.id, group: stored.group, value: stored.value, contradicts: stored.contradicts })
}

/// Writes rows as JSONL, whole or not at all.
///
/// # Errors
/// A [`WriteError`] of the system.
pub fn write_rows(path: impl AsRef<Path>, rows: &[Row]) -> Result<(), WriteError> {
    let path = path.as_ref();
    let mut bytes = Vec::new();
    for row in rows {
        let (messages, text) = match &row.content {
            Content::Messages(messages) => (Some(messages.clone()), None),
            Content::Text(text) => (None, Some(text.clone())),
        };
        let stored = StoredRow {
            id: row.id.clone(),
            group: row.group.clone(),
            messages,
            text,
            value: row.value.clone(),
            contradicts: row.contradicts.clone(),
        };
        serde_json::to_writer(&mut bytes, &stored).map_err(|error| WriteError::from_io(path, error.into()))?;
        bytes.push(b'\n');
    }
    write_bytes_atomically(path, &bytes)
}

/// What becomes of a text that is longer than a training sequence. Conversations are never cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LongText {
    /// An error that names the row.
    #[default]
    Refuse,
    /// Several sequences, each beginning with the last token of the one before, so that every token but the
    /// first is still predicted once.
    Split,
}

impl std::str::FromStr for LongText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "split" => Ok(Self::Split),
            _ => Err("choose split or refuse".to_owned()),
        }
    }
}

/// [`encode_rows_with`] that refuses long texts.
///
/// # Errors
/// The first row that cannot be used, by its line.
pub fn encode_rows(
    path: impl AsRef<Path>,
    rows: &[Row],
    tokenizer: &Tokenizer,
    template: Option<&ChatTemplate>,
    max_tokens: usize,
) -> Result<Vec<Example>, DatasetError> {
    encode_rows_with(path, rows, tokenizer, template, max_tokens, LongText::Refuse)
}

/// Turns rows into tokens. `path` is the file they are from, for error texts; `max_tokens` is the length
/// of a training sequence, which no row may exceed but a text that is to be split.
///
/// # Errors
/// The first row that cannot be used, by its line.
pub fn encode_rows_with(
    path: impl AsRef<Path>,
    rows: &[Row],
    tokenizer: &Tokenizer,
    template: Option<&ChatTemplate>,
    max_tokens: usize,
    long: LongText,
) -> Result<Vec<Example>, DatasetError> {
    let path = path.as_ref();
    if rows.is_empty() {
        return Err(DatasetError::Empty { path: path.to_path_buf() });
    }
    let mut examples = Vec::with_capacity(rows.len());
    for row in rows {
        let example = encode_row(path, row, tokenizer, template)?;
        let (line, tokens) = (row.line, example.tokens.len());
        let is_text = matches!(row.content, Content::Text(_));
        if tokens <= max_tokens {
            examples.push(example);
        } else if is_text && long == LongText::Split && max_tokens >= 2 {
            examples.extend(split(&example, max_tokens));
        } else {
            return Err(DatasetError::TooLong { path: path.to_path_buf(), line, tokens, limit: max_tokens });
        }
    }
    Ok(examples)
}

/// Sequences of at most `max_tokens` tokens that overlap by one.
fn split(text: &Example, max_tokens: usize) -> impl Iterator<Item = Example> {
    let starts = (0..text.tokens.len() - 1).step_by(max_tokens - 1);
    starts.map(move |start| {
        let tokens = text.tokens[start..text.tokens.len().min(start + max_tokens)].to_vec();
        let trained = (0..tokens.len()).map(|index| index > 0).collect();
        Example { tokens, trained, row: text.row }
    })
}

/// Whether a turn without words makes calls that the template leaves out. A conversation that it refuses is told of
/// where it is encoded.
fn hides_calls(template: &ChatTemplate, messages: &[Message]) -> bool {
    let only_calls = |m: &Message| m.role == "assistant" && m.content.trim().is_empty() && !m.tool_calls.is_empty();
    let last = messages.iter().rposition(only_calls);
    last.is_some_and(|last| {
        let mut without = messages.to_vec();
        without[last].tool_calls.clear();
        matches!((template.render(messages, false), template.render(&without, false)), (Ok(a), Ok(b)) if a == b)
    })
}

fn encode_row(
    path: &Path,
    row: &Row,
    tokenizer: &Tokenizer,
    template: Option<&ChatTemplate>,
) -> Result<Example, DatasetError> {
    let (path, line) = (path.to_path_buf(), row.line);
    let EncodedConversation { tokens, trained } = match &row.content {
        Content::Text(text) => {
            let tokens = match tokenizer.encode(text, false) {
                Ok(tokens) => tokenizer.with_bos(tokens),
                Err(error) => return Err(DatasetError::Tokenizer { path, line, source: Box::new(error) }),
            };
            let trained = (0..tokens.len()).map(|index| index > 0).collect();
            EncodedConversation { tokens, trained }
        }
        Content::Messages(messages) => {
            let Some(template) = template else {
                return Err(DatasetError::NoTemplate { path, line });
            };
            // A turn that only calls tools says nothing and is learned all the same; so is the end after a result, which
            // leaves the tool's own words as the answer.
            let empty = |m: &Message| m.content.trim().is_empty() && m.tool_calls.is_empty();
            let ends = |index: usize| index > 0 && messages[index - 1].role == "tool";
            let mut turns = messages.iter().enumerate();
            if turns.any(|(index, m)| m.role == "assistant" && empty(m) && !ends(index)) {
                return Err(DatasetError::EmptyMask { path, line });
            }
            if hides_calls(template, messages) {
                return Err(DatasetError::CallsNotShown { path, line });
            }
            let mut messages = messages.clone();
            template.place_tool_results(&mut messages);
            match template.encode_conversation(tokenizer, &messages) {
                Ok(encoded) => encoded,
                Err(ChatError::NoAssistant) => {
                    return Err(DatasetError::NoAssistant { path, line });
                }
                Err(error) => return Err(DatasetError::Chat { path, line, source: Box::new(error) }),
            }
        }
    };
    if !trained.contains(&true) {
        return Err(DatasetError::EmptyMask { path, line });
    }
    Ok(Example { tokens, trained, row: line })
}
