//! The two merge models, built with the `tokenizers` crate: byte-level BPE and SentencePiece BPE.

use std::collections::HashSet;

use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{SplitDelimiterBehavior, Tokenizer};

use super::TokenizerError;
use super::pre_tokenizer::PreTokenizer;
use super::vocabulary::{Kind, Vocabulary};
use crate::gguf::GgufFile;

/// The character that SentencePiece writes for a space.
pub(super) const SPACE_MARK: char = '\u{2581}';

/// Byte-level BPE as GPT-2 and its successors have it.
pub(super) fn byte_level(
    file: &GgufFile,
    vocabulary: &Vocabulary,
    cuts: &PreTokenizer,
) -> Result<Tokenizer, TokenizerError> {
    let mut merges = Vec::new();
    for (index, merge) in file.strings("tokenizer.ggml.merges")?.into_iter().enumerate() {
        // A part may itself start with a space, so the separator is the first space after the first byte.
        let separator = merge
            .char_indices()
            .skip(1)
            .find(|(_, character)| *character == ' ')
            .ok_or_else(|| TokenizerError::Merge { index, merge: merge.to_string() })?;
        let (left, right) = merge.split_at(separator.0);
        merges.push((left.to_string(), right[1..].to_string()));
    }
    let model = build(vocabulary, merges, |builder| builder.ignore_merges(cuts.ignore_merges))?;
    let mut steps = Vec::new();
    for expression in cuts.expressions {
        let pattern = SplitPattern::Regex((*expression).to_string());
        let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false);
        steps.push(PreTokenizerWrapper::from(split.map_err(refused)?));
    }
    steps.push(PreTokenizerWrapper::from(ByteLevel::new(false, false, false)));
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_pre_tokenizer(Some(Sequence::new(steps)));
    Ok(tokenizer)
}

/// SentencePiece BPE: the file has scores instead of merges. Every way to cut a piece into two pieces is
/// a merge, and the better the score of the whole, the earlier it comes.
pub(super) fn sentence_piece(file: &GgufFile, vocabulary: &Vocabulary) -> Result<Tokenizer, TokenizerError> {
    let key = "tokenizer.ggml.scores";
    let scores = file.f32s(key)?;
    if scores.len() != vocabulary.texts.len() {
        return Err(TokenizerError::Lengths { key, found: scores.len(), size: vocabulary.texts.len() });
    }
    let pieces: HashSet<&str> = (vocabulary.mergeable())
        .filter(|(_, id)| matches!(vocabulary.kinds[*id as usize], Kind::Normal | Kind::UserDefined))
        .map(|(text, _)| text)
        .collect();
    let mut ranked = Vec::new();
    for (text, id) in vocabulary.mergeable() {
        if !pieces.contains(text) {
            continue;
        }
        for (cut, _) in text.char_indices().skip(1) {
            let (left, right) = text.split_at(cut);
            if pieces.contains(left) && pieces.contains(right) {
                ranked.push((scores[id as usize], id, left, right));
            }
        }
    }
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let merges = (ranked.into_iter()).map(|(_, _, left, right)| (left.to_string(), right.to_string())).collect();
    let unknown = vocabulary.unknown.map(|id| vocabulary.texts[id as usize].clone());
    let model = build(vocabulary, merges, |builder| {
        let builder = builder.byte_fallback(true).fuse_unk(false);
        match unknown {
            Some(text) => builder.unk_token(text),
            None => builder,
        }
    })?;
    Ok(Tokenizer::new(model))
}

fn build(
    vocabulary: &Vocabulary,
    merges: Vec<(String, String)>,
    set: impl FnOnce(tokenizers::models::bpe::BpeBuilder) -> tokenizers::models::bpe::BpeBuilder,
) -> Result<BPE, TokenizerError> {
    let known: HashSet<&str> = vocabulary.mergeable().map(|(text, _)| text).collect();
    let merges = (merges.into_iter())
        // A merge with a part that is no token can never be used; the builder would refuse the whole model.
        .filter(|(left, right)| {
            known.contains(left.as_str())
                && known.contains(right.as_str())
                && known.contains(format!("{left}{right}").as_str())
        })
        .collect();
    let mut texts: tokenizers::models::bpe::Vocab =
        (vocabulary.mergeable()).map(|(text, id)| (text.to_string(), id)).collect();
    if let Some(id) = vocabulary.unknown {
        texts.insert(vocabulary.texts[id as usize].clone(), id);
    }
    set(BPE::builder().vocab_and_merges(texts, merges)).build().map_err(refused)
}

fn refused(error: tokenizers::Error) -> TokenizerError {
    TokenizerError::Model { reason: error.to_string() }
}

/// The character that byte-level BPE writes for each byte: printable bytes stand for themselves, the
/// others for the characters from U+0100 on.
pub(super) fn byte_characters() -> [char; 256] {
    let mut next = 0x100u32;
    std::array::from_fn(|byte| {
        let code = byte as u32;
        let printable = matches!(code, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
        let code = if printable {
            code
        } else {
            next += 1;
            next - 1
        };
        char::from_u32(code).unwrap_or('\u{fffd}')
    })
}
