//! The vocabulary of a GGUF file: texts, kinds and the tokens with a role.

use std::collections::HashMap;

use super::TokenizerError;
use crate::gguf::GgufFile;

/// Texts that end a generation in the model families that use them, whatever the file says about them.
/// llama.cpp treats them as control tokens as well.
const END_TEXTS: &[&str] = &[
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "<end_of_utterance>",
    "<\u{ff5c}end\u{2581}of\u{2581}sentence\u{ff5c}>",
];
/// Further texts that end a generation but not a turn.
const END_TEXTS_EXTRA: &[&str] = &["<|return|>", "<|call|>", "</s>", "<|eom_id|>", "[EOS]", "<eos>"];

/// What a token is, from `tokenizer.ggml.token_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text, or a type that plays no role here.
    Normal,
    /// Stands for text that has no token.
    Unknown,
    /// Never written by a user: turn marks, begin, end.
    Control,
    /// Matched as it stands, also in user text.
    UserDefined,
    /// One byte, written `<0xNN>`.
    Byte,
}

/// Texts, kinds and roles.
pub(super) struct Vocabulary {
    pub texts: Vec<String>,
    pub kinds: Vec<Kind>,
    pub ids: HashMap<String, u32>,
    pub bos: Option<u32>,
    pub eos: Option<u32>,
    pub eot: Option<u32>,
    pub unknown: Option<u32>,
    pub ends: Vec<u32>,
    /// Control, unknown and user-defined tokens, longest text first.
    pub specials: Vec<u32>,
    /// Special tokens that swallow the white space after them.
    pub swallowing: Vec<u32>,
}

impl Vocabulary {
    pub fn from_gguf(file: &GgufFile) -> Result<Self, TokenizerError> {
        let texts: Vec<String> = (file.strings("tokenizer.ggml.tokens")?.into_iter().enumerate())
            .map(|(id, text)| match text {
                // llama.cpp gives empty tokens a text of their own as well.
                "" => format!("[EMPTY_{id}]"),
                text => text.to_string(),
            })
            .collect();
        let mut ids = HashMap::with_capacity(texts.len());
        for (id, text) in texts.iter().enumerate() {
            if let Some(first) = ids.insert(text.clone(), id as u32) {
                return Err(TokenizerError::Duplicate { text: text.clone(), first, second: id as u32 });
            }
        }
        let mut kinds = read_kinds(file, texts.len())?;
        let role = |key: &str| -> Result<Option<u32>, TokenizerError> {
            let key = format!("tokenizer.ggml.{key}_token_id");
            match file.find_u32(&key)? {
                Some(id) if id as usize >= texts.len() => {
                    Err(TokenizerError::IdOutOfRange { key, id, size: texts.len() })
                }
                found => Ok(found),
            }
        };
        let eos = role("eos")?;
        let eot = match role("eot")? {
            Some(id) => Some(id),
            None => END_TEXTS.iter().find_map(|text| ids.get(*text).copied()),
        };
        let mut ends: Vec<u32> =
            (END_TEXTS.iter().chain(END_TEXTS_EXTRA)).filter_map(|text| ids.get(*text).copied()).collect();
        for id in &ends {
            kinds[*id as usize] = Kind::Control;
        }
        ends.extend(eos.iter().chain(&eot).chain(&role("eom")?));
        ends.sort_unstable();
        ends.dedup();
        let mut specials: Vec<u32> =
            (0..texts.len() as u32).filter(|&id| !matches!(kinds[id as usize], Kind::Normal | Kind::Byte)).collect();
        specials.sort_by_key(|&id| std::cmp::Reverse(texts[id as usize].len()));
        Ok(Self {
            swallowing: swallowing(file, &texts, &specials)?,
            bos: role("bos")?,
            unknown: role("unknown")?,
            eos,
            eot,
            ends,
            specials,
            texts,
            kinds,
            ids,
        })
    }

    /// Tokens that text can be merged into: all but control and unknown ones, so that no user text can
    /// become one of those.
    pub fn mergeable(&self) -> impl Iterator<Item = (&str, u32)> {
        (self.texts.iter().zip(&self.kinds).zip(0u32..))
            .filter(|((_, kind), _)| !matches!(kind, Kind::Control | Kind::Unknown))
            .map(|((text, _), id)| (text.as_str(), id))
    }
}

/// Only Phi-3 has such tokens. GGUF has no key for them; llama.cpp goes by the name of the model as well.
fn swallowing(file: &GgufFile, texts: &[String], specials: &[u32]) -> Result<Vec<u32>, TokenizerError> {
    let name = file.find_str("general.name")?.unwrap_or_default().to_lowercase();
    if !(name.contains("phi-3") || name.contains("phi3")) {
        return Ok(Vec::new());
    }
    let keeping = ["<unk>", "<s>", "<|endoftext|>"];
    let swallows = |id: &u32| !keeping.contains(&texts[*id as usize].as_str());
    Ok(specials.iter().copied().filter(swallows).collect())
}

fn read_kinds(file: &GgufFile, size: usize) -> Result<Vec<Kind>, TokenizerError> {
    let key = "tokenizer.ggml.token_type";
    if !file.has(key) {
        return Ok(vec![Kind::Normal; size]);
    }
    let types = file.u32s(key)?;
    if types.len() != size {
        return Err(TokenizerError::Lengths { key, found: types.len(), size });
    }
    Ok((types.into_iter())
        .map(|kind| match kind {
            2 => Kind::Unknown,
            3 => Kind::Control,
            4 => Kind::UserDefined,
            6 => Kind::Byte,
            _ => Kind::Normal,
        })
        .collect())
}
