//! Documents: files of many formats as blocks of text under their headings.
//!
//! Headquarters packs the blocks into chunks to train on, the device into passages to answer from. A reader takes
//! text (or, for formats that are no text, bytes) and returns blocks that know their place in it, and notes on
//! whatever was left out or changed. No reader trusts its file.

pub mod block;
pub mod clean;
pub mod decode;
mod equations;
pub mod format;
pub mod html;
pub mod json;
pub mod language;
mod ligatures;
pub mod markdown;
mod mathml;
pub mod pages;
pub mod pdf;
mod pdf_text;
pub mod plain;
pub mod read;
pub mod records;
pub mod rst;
mod running_heads;
mod superscript;
pub mod table;
mod vocabulary;
pub mod xlsx;

/// A message on one line: line ends and runs of white space become single spaces.
pub fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
