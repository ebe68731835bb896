//! WordPiece, as BERT has it.
//!
//! llama.cpp marks the start of a word where BERT marks the inside: `##ing` becomes `ing`, `valve` the same word
//! behind U+2581.

use anyhow::bail;
use serde_json::Value;

use super::files::{Pieces, TokenizerFiles, TokenizerJson};
use super::pre_tokenizer::kind;
use super::vocabulary::{Kind, Vocabulary};
use super::{Family, flag};

const INSIDE: &str = "##";

/// Converts `tokenizer.json`, or `vocab.txt` where there is none.
pub fn convert(files: &TokenizerFiles, rows: usize) -> anyhow::Result<Family> {
    let mut notes = Vec::new();
    let (words, normalizer) = match (&files.json, &files.words) {
        (Some(json), _) => (words_of(json)?, Normalizer::of_json(json)?),
        (None, Some(text)) => {
            let words = (0u32..).zip(text.lines()).map(|(id, word)| (word.to_owned(), id)).collect();
            (words, Normalizer::of_settings(&files.settings))
        }
        (None, None) => bail!("there is neither tokenizer.json nor vocab.txt; fetch the tokenizer of the model"),
    };
    if !normalizer.splits_chinese {
        notes.push("the tokenizer keeps Chinese characters together, llama.cpp makes each a word".to_owned());
    }
    let mut vocabulary = Vocabulary::new(rows);
    let unknown = files.role("unk_token").unwrap_or("[UNK]");
    for (word, id) in words {
        let text = match word.strip_prefix(INSIDE) {
            Some(rest) if !rest.is_empty() => rest.to_owned(),
            _ if word.starts_with('[') && word.ends_with(']') => word.clone(),
            _ => format!("\u{2581}{word}"),
        };
        let kind = if word == unknown { Kind::Unknown } else { Kind::Normal };
        vocabulary.put(id, text, kind, 0.0)?;
    }
    let entries = vec![
        flag("normalizer.lowercase", normalizer.lowercases),
        flag("normalizer.strip_accents", normalizer.strips_accents),
    ];
    Ok(Family { model: "bert", pre: None, vocabulary, entries, notes })
}

fn words_of(json: &TokenizerJson) -> anyhow::Result<Vec<(String, u32)>> {
    let prefix = json.model.continuing_subword_prefix.as_deref().unwrap_or(INSIDE);
    match (&json.model.vocab, json.model.kind.as_deref()) {
        (Pieces::ById(ids), Some("WordPiece") | None) if prefix == INSIDE => {
            Ok(ids.iter().map(|(word, id)| (word.clone(), *id)).collect())
        }
        (_, kind) => bail!(
            "tokenizer.json: the model is {} with {prefix:?} inside words; llama.cpp takes WordPiece with {INSIDE:?}: choose \
             another encoder",
            kind.unwrap_or("?")
        ),
    }
}

/// What BERT does to a text before it is cut.
struct Normalizer {
    lowercases: bool,
    strips_accents: bool,
    splits_chinese: bool,
}

impl Normalizer {
    fn of_json(json: &TokenizerJson) -> anyhow::Result<Self> {
        let flag = |key: &str| json.normalizer.get(key).and_then(Value::as_bool);
        let clean = flag("clean_text").unwrap_or(true);
        if kind(&json.normalizer) != "BertNormalizer" || kind(&json.pre_tokenizer) != "BertPreTokenizer" || !clean {
            bail!(
                "tokenizer.json: llama.cpp has no match for this structure, and another would give other tokens: normalizer {}, \
                 pre_tokenizer {}; choose another encoder",
                json.normalizer,
                json.pre_tokenizer
            );
        }
        let lowercases = flag("lowercase").unwrap_or(true);
        Ok(Self {
            lowercases,
            strips_accents: flag("strip_accents").unwrap_or(lowercases),
            splits_chinese: flag("handle_chinese_chars").unwrap_or(true),
        })
    }

    fn of_settings(settings: &Value) -> Self {
        let flag = |key: &str| settings.get(key).and_then(Value::as_bool);
        let lowercases = flag("do_lower_case").unwrap_or(true);
        Self {
            lowercases,
            strips_accents: flag("strip_accents").unwrap_or(lowercases),
            splits_chinese: flag("tokenize_chinese_chars").unwrap_or(true),
        }
    }
}
