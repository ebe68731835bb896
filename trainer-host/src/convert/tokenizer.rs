//! Tokenizers: from the files of a model folder to the `tokenizer.*` metadata that llama.cpp and the trainer read.
//!
//! Three families: byte-level BPE (`gpt2`), SentencePiece BPE (`llama`) and WordPiece (`bert`). What llama.cpp
//! does otherwise than the original is said in the notes; what it has no match for is refused.

mod byte_level;
mod files;
mod piece_model;
mod pre_tokenizer;
mod sentence_piece;
mod special;
mod template;
mod vocabulary;
mod word_piece;

use std::path::Path;

use anyhow::bail;
use halligan_finetune::gguf::MetadataValue::{Bool, String as Text, Uint32};

use super::architecture::{Architecture, Extra};
use super::config::Config;
use super::hyperparameters::Entries;
use files::{Pieces, TokenizerFiles};
use vocabulary::Vocabulary;

/// A converted tokenizer.
pub struct Tokenizer {
    /// Metadata.
    pub entries: Entries,
    /// What llama.cpp does otherwise than the original.
    pub notes: Vec<String>,
    /// Names of the files that it was made of.
    pub files: Vec<&'static str>,
    /// `tokenizer.ggml.model`.
    pub model: &'static str,
    /// `tokenizer.ggml.pre`, for byte-level BPE.
    pub pre: Option<&'static str>,
    /// Whether control tokens swallow the white space behind them, which llama.cpp does for models whose name says Phi-3.
    pub swallows: bool,
}

/// One of the three families, before roles and padding.
struct Family {
    model: &'static str,
    pre: Option<&'static str>,
    vocabulary: Vocabulary,
    entries: Entries,
    notes: Vec<String>,
}

/// Converts the tokenizer of a folder for an embedding of `rows` rows.
///
/// # Errors
/// Missing or damaged files, a structure that llama.cpp has no match for, more tokens than rows.
pub fn convert(folder: &Path, config: &Config, family: &Architecture, rows: usize) -> anyhow::Result<Tokenizer> {
    let files = TokenizerFiles::read(folder)?;
    let added = files.added_tokens()?;
    let made = if family.has(Extra::Encoder) {
        word_piece::convert(&files, rows)?
    } else {
        match &files.json {
            Some(json) if pre_tokenizer::is_byte_level(&json.pre_tokenizer) => byte_level::convert(json, rows)?,
            Some(json) if matches!(json.model.vocab, Pieces::Scored) => bail!(
                "tokenizer.json: the model is Unigram; llama.cpp's `{}` takes byte-level BPE or SentencePiece BPE: \
                 choose another base",
                family.name
            ),
            None if files.pieces.is_none() => bail!(
                "{}: there is neither tokenizer.json nor tokenizer.model; fetch the tokenizer of the model",
                folder.display()
            ),
            json => sentence_piece::convert(json.as_ref(), files.pieces.as_deref(), rows)?,
        }
    };
    let Family { model, pre, mut vocabulary, mut entries, mut notes } = made;
    vocabulary.add(&added, model == "bert", &mut notes)?;
    entries.push(("tokenizer.ggml.model".into(), Text(model.into())));
    if let Some(pre) = pre.or((model != "gpt2").then_some("default")) {
        entries.push(("tokenizer.ggml.pre".into(), Text(pre.into())));
    }
    let template = template::read(folder, &files.settings)?;
    let roles = special::Roles::find(&files, config, &vocabulary)?;
    entries.extend(roles.entries(&files, model, &vocabulary, template.default.as_deref())?);
    if let Some(problem) = roles.uncovered_ends(folder, &vocabulary)? {
        notes.push(problem);
    }
    let swallows = swallows(&added, family, &vocabulary, &mut notes);
    entries.extend(template.entries());
    entries.extend(vocabulary.into_entries(model)?);
    Ok(Tokenizer { entries, notes, files: files.names, model, pre, swallows })
}

/// Whether llama.cpp can swallow white space as the tokens want it; notes what it cannot do.
fn swallows(
    added: &[files::AddedToken],
    family: &Architecture,
    vocabulary: &Vocabulary,
    notes: &mut Vec<String>,
) -> bool {
    let swallowing = added.iter().filter(|token| token.rstrip).count();
    // llama.cpp looks these up without asking whether they exist.
    let needed = ["</s>", "<unk>", "<s>", "<|endoftext|>"];
    let possible = needed.iter().all(|text| vocabulary.id(text).is_some());
    let swallows = swallowing > 0 && family.name == "phi3" && possible;
    type Flag = (&'static str, fn(&files::AddedToken) -> bool);
    let flags: [Flag; 3] = [
        ("lstrip", |token| token.lstrip),
        ("rstrip", |token| token.rstrip),
        ("single_word", |token| token.single_word),
    ];
    for (flag, has) in flags {
        let count = added.iter().filter(|token| has(token)).count();
        if count > 0 && !(flag == "rstrip" && swallows) {
            notes.push(format!(
                "{count} added tokens have `{flag}`, which llama.cpp does not know: the white space around them stays"
            ));
        }
    }
    swallows
}

/// An entry that holds yes or no.
fn flag(key: &str, value: bool) -> (String, halligan_finetune::gguf::MetadataValue) {
    (format!("tokenizer.ggml.{key}"), Bool(value))
}

/// An entry that holds an id.
fn id(key: &str, value: u32) -> (String, halligan_finetune::gguf::MetadataValue) {
    (format!("tokenizer.ggml.{key}_token_id"), Uint32(value))
}
