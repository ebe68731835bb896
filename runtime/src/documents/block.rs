//! Blocks: what a reader makes of a document, before they are packed into chunks.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a block is, for those who cut, filter and generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    /// Running text.
    Prose,
    /// One or more records of a table, or a table in a text.
    Table,
    /// Source code.
    Code,
    /// A text with a displayed equation in it.
    Equation,
}

/// Where a block may be cut when it is larger than a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Between sentences.
    Sentences,
    /// Between lines.
    Lines,
}

/// A piece of a document that should stay whole.
#[derive(Clone, Debug)]
pub struct Block {
    /// Bytes of the document's text.
    pub range: Range<usize>,
    /// The text, where it is not that of the range.
    pub text: Option<String>,
    /// Headings or scope from the outside in.
    pub heading: Arc<[String]>,
    /// What it is.
    pub kind: BlockKind,
    /// Language of code.
    pub language: Option<String>,
    /// Page, from 1.
    pub page: Option<u32>,
    /// Row of its sheet, from 1, where it is one of a workbook.
    pub row: Option<u32>,
    /// Columns of a record.
    pub fields: Vec<(String, String)>,
    /// Where it may be cut.
    pub cut: Cut,
    /// It makes a chunk of its own: records and definitions.
    pub alone: bool,
    /// It says nothing without the block that follows: headings, openings of code.
    pub opening: bool,
    /// Lines repeated in each part when it is cut: the head of a table.
    pub repeat: Option<String>,
    /// Cleaning steps that changed the text.
    pub cleaned: Vec<&'static str>,
}

impl Block {
    /// Running text at `range` under `heading`.
    pub fn prose(range: Range<usize>, heading: &Arc<[String]>) -> Self {
        Self {
            range,
            text: None,
            heading: Arc::clone(heading),
            kind: BlockKind::Prose,
            language: None,
            page: None,
            row: None,
            fields: Vec::new(),
            cut: Cut::Sentences,
            alone: false,
            opening: false,
            repeat: None,
            cleaned: Vec::new(),
        }
    }

    /// Its text.
    pub fn text<'a>(&'a self, document: &'a str) -> &'a str {
        self.text.as_deref().unwrap_or(&document[self.range.clone()])
    }
}

/// Something about a part of a document that the report must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Whether a part was lost; otherwise something was only changed.
    pub lost: bool,
    /// One word for a program.
    pub reason: &'static str,
    /// What was seen.
    pub detail: String,
}

impl Note {
    /// A part that was left out.
    pub fn part(reason: &'static str, detail: impl Into<String>) -> Self {
        Self { lost: true, reason, detail: detail.into() }
    }

    /// Nothing is lost, but the reader should know.
    pub fn remark(reason: &'static str, detail: impl Into<String>) -> Self {
        Self { lost: false, reason, detail: detail.into() }
    }
}

/// What a reader made of a document.
#[derive(Debug, Default)]
pub struct Reading {
    /// Its blocks, in order.
    pub blocks: Vec<Block>,
    /// What the report must say.
    pub notes: Vec<Note>,
}

/// `range` without white space at its ends; `None` if nothing is left.
pub fn trimmed(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let piece = &text[range.clone()];
    let start = range.start + (piece.len() - piece.trim_start().len());
    let end = range.start + piece.trim_end().len();
    (start < end).then_some(start..end)
}

/// The chain of headings as they open and close by level.
#[derive(Debug, Default)]
pub struct Chain {
    levels: Vec<(usize, String)>,
}

impl Chain {
    /// Opens a heading; those of its level and below are closed.
    pub fn open(&mut self, level: usize, title: &str) {
        self.levels.retain(|(open, _)| *open < level);
        self.levels.push((level, super::one_line(title)));
    }

    /// The chain from the outside in.
    pub fn names(&self) -> Arc<[String]> {
        self.levels.iter().map(|(_, title)| title.clone()).collect()
    }
}
