//! SentencePiece BPE, as Llama 2, Mistral, Phi-3 and Gemma have it.
//!
//! The pieces come from `tokenizer.model` where it is there, else from `tokenizer.json`, whose merges give the
//! order. llama.cpp merges whichever two neighbours make the piece with the highest score; that is the same as
//! going through a list of merges only where the list has every pair of pieces that makes a piece, so any other
//! list is refused.

use std::collections::{HashMap, HashSet};

use anyhow::bail;
use prost::Message as _;
use serde_json::Value;

use super::files::{Merge, Pieces, TokenizerJson};
use super::piece_model::PieceModel;
use super::pre_tokenizer::{kind, parts};
use super::vocabulary::{Kind, LAST, Vocabulary};
use super::{Family, flag};

/// The character that SentencePiece writes for a space.
const SPACE_MARK: &str = "\u{2581}";
/// `TrainerSpec.ModelType` of byte-pair encoding.
const BPE: i32 = 2;

/// Converts the tokenizer of either file.
pub fn convert(json: Option<&TokenizerJson>, pieces: Option<&[u8]>, rows: usize) -> anyhow::Result<Family> {
    let mut notes = Vec::new();
    let spaces = json.map(|json| Spaces::read(json, &mut notes)).transpose()?;
    let (vocabulary, prefix) = match (pieces, json) {
        (Some(bytes), _) => from_model(bytes, rows, spaces.is_none(), &mut notes)?,
        (None, Some(json)) => (from_json(json, rows)?, false),
        (None, None) => bail!("there is neither tokenizer.json nor tokenizer.model; fetch the tokenizer of the model"),
    };
    let prefix = spaces.map_or(prefix, |spaces| spaces.prefix);
    Ok(Family { model: "llama", pre: None, vocabulary, entries: vec![flag("add_space_prefix", prefix)], notes })
}

/// Pieces, scores and types of a `tokenizer.model`, and whether a space is put in front of a text.
fn from_model(bytes: &[u8], rows: usize, alone: bool, notes: &mut Vec<String>) -> anyhow::Result<(Vocabulary, bool)> {
    let model = match PieceModel::decode(bytes) {
        Ok(model) if !model.pieces.is_empty() => model,
        Ok(_) => bail!("tokenizer.model: it holds no pieces; fetch the file again"),
        Err(error) => bail!("tokenizer.model: no sound SentencePiece model ({error}); fetch the file again"),
    };
    if model.trainer.model_type != BPE {
        bail!(
            "tokenizer.model: a SentencePiece model that is not BPE, which llama.cpp cannot run here; choose another base"
        );
    }
    let normalizer = model.normalizer;
    if !normalizer.character_map.is_empty() {
        notes.push(format!(
            "tokenizer.model normalizes text ({}), llama.cpp does not: characters that this changes get other tokens",
            normalizer.name
        ));
    }
    if alone && normalizer.remove_extra_whitespaces {
        notes.push("tokenizer.model removes repeated spaces, llama.cpp keeps them".to_owned());
    }
    let mut vocabulary = Vocabulary::new(rows);
    for (id, piece) in (0u32..).zip(model.pieces) {
        let kind = match piece.kind {
            2 => Kind::Unknown,
            3 => Kind::Control,
            4 => Kind::UserDefined,
            5 => Kind::Unused,
            6 => Kind::Byte,
            _ => Kind::Normal,
        };
        vocabulary.put(id, piece.text, kind, piece.score)?;
    }
    Ok((vocabulary, normalizer.add_dummy_prefix))
}

/// The same from a `tokenizer.json`: the earlier a merge, the higher the score of what it makes.
fn from_json(json: &TokenizerJson, rows: usize) -> anyhow::Result<Vocabulary> {
    let (Pieces::ById(ids), Some("BPE") | None) = (&json.model.vocab, json.model.kind.as_deref()) else {
        bail!(
            "tokenizer.json: the model is {}, not BPE; choose another base",
            json.model.kind.as_deref().unwrap_or("?")
        );
    };
    let added: HashSet<&str> = json.added_tokens.iter().map(|token| token.content.as_str()).collect();
    let mut ranks: HashMap<String, usize> = HashMap::with_capacity(json.model.merges.len());
    for (rank, Merge(left, right)) in json.model.merges.iter().enumerate() {
        ranks.entry(format!("{left}{right}")).or_insert(rank);
    }
    check_merges(json, ids, &added)?;
    let mut vocabulary = Vocabulary::new(rows);
    for (text, id) in ids {
        let kind = if json.model.unk_token.as_ref() == Some(text) {
            Kind::Unknown
        } else if is_byte(text) && json.model.byte_fallback == Some(true) {
            Kind::Byte
        } else {
            Kind::Normal
        };
        let score = ranks.get(text).map_or(LAST, |rank| -(*rank as f32));
        vocabulary.put(*id, text.clone(), kind, score)?;
    }
    Ok(vocabulary)
}

/// Refuses a list of merges that lacks a pair which makes a piece.
fn check_merges(json: &TokenizerJson, ids: &HashMap<String, u32>, added: &HashSet<&str>) -> anyhow::Result<()> {
    let merges: HashSet<(&str, &str)> =
        json.model.merges.iter().map(|Merge(left, right)| (left.as_str(), right.as_str())).collect();
    let plain = |text: &str| ids.contains_key(text) && !added.contains(text) && !is_byte(text);
    let mut lacking = 0;
    let mut example = None;
    for text in ids.keys().filter(|text| plain(text)) {
        for (cut, _) in text.char_indices().skip(1) {
            let pair = text.split_at(cut);
            if plain(pair.0) && plain(pair.1) && !merges.contains(&pair) {
                lacking += 1;
                example = Some(pair);
            }
        }
    }
    match example {
        None => Ok(()),
        Some((left, right)) => bail!(
            "tokenizer.json: {lacking} pairs of pieces make a piece and are no merge, such as {left:?} + {right:?}; llama.cpp \
             goes by scores and would merge them: fetch tokenizer.model, or choose another base"
        ),
    }
}

fn is_byte(text: &str) -> bool {
    text.len() == 6 && text.starts_with("<0x") && text.ends_with('>')
}

/// How a `tokenizer.json` treats spaces.
struct Spaces {
    /// Whether a space is put in front of a text.
    prefix: bool,
}

impl Spaces {
    /// Reads normalizer and pre-tokenizer.
    ///
    /// # Errors
    /// A step that llama.cpp has no match for; the text shows it.
    fn read(json: &TokenizerJson, notes: &mut Vec<String>) -> anyhow::Result<Self> {
        let mut spaces = Self { prefix: false };
        let mut marks = false;
        let known = spaces.normalizer(&json.normalizer, &mut marks)
            && spaces.pre_tokenizer(&json.pre_tokenizer, &mut marks, notes);
        if known && marks {
            return Ok(spaces);
        }
        bail!(
            "tokenizer.json: llama.cpp has no match for this structure, and another would give other tokens: normalizer {}, \
             pre_tokenizer {}; choose another base",
            json.normalizer,
            json.pre_tokenizer
        )
    }

    fn normalizer(&mut self, value: &Value, marks: &mut bool) -> bool {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let pattern = || value.get("pattern").and_then(|pattern| pattern.get("String")).and_then(Value::as_str);
        match kind(value) {
            "" => value.is_null(),
            "Sequence" => parts(value, "normalizers").iter().all(|part| self.normalizer(part, marks)),
            "Prepend" if text("prepend") == Some(SPACE_MARK) => {
                self.prefix = true;
                true
            }
            "Replace" if pattern() == Some(" ") && text("content") == Some(SPACE_MARK) => {
                *marks = true;
                true
            }
            _ => false,
        }
    }

    fn pre_tokenizer(&mut self, value: &Value, marks: &mut bool, notes: &mut Vec<String>) -> bool {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        match kind(value) {
            "" => value.is_null(),
            // Nothing is left to cut once the normalizer has replaced the spaces.
            "Split" => *marks && value.get("pattern").and_then(|pattern| pattern.get("String")) == Some(&" ".into()),
            "Metaspace" if text("replacement") == Some(SPACE_MARK) => {
                *marks = true;
                let scheme = text("prepend_scheme");
                let always = value.get("add_prefix_space").and_then(Value::as_bool).unwrap_or(true);
                self.prefix = scheme.map_or(always, |scheme| scheme != "never");
                if self.prefix {
                    let only_first = if scheme == Some("first") { ", and not behind control tokens" } else { "" };
                    notes.push(format!(
                        "the tokenizer puts a space in front of a text that has none{only_first}; llama.cpp puts one in front \
                         of every text"
                    ));
                }
                true
            }
            _ => false,
        }
    }
}
