//! The tokenizer files of a model folder.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use anyhow::bail;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::convert::config::{read_json, read_text};

/// `tokenizer.json`, as far as it matters here.
#[derive(Deserialize)]
pub struct TokenizerJson {
    /// What changes the text before it is cut.
    #[serde(default)]
    pub normalizer: Value,
    /// How the text is cut before it is merged.
    #[serde(default)]
    pub pre_tokenizer: Value,
    /// What is put around the tokens.
    #[serde(default)]
    pub post_processor: Value,
    /// Tokens that are found before all else.
    #[serde(default)]
    pub added_tokens: Vec<AddedToken>,
    /// The vocabulary and its merges.
    pub model: TokenModel,
}

/// The `model` of `tokenizer.json`.
#[derive(Deserialize)]
pub struct TokenModel {
    /// BPE, WordPiece, Unigram or WordLevel; old files have none.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// Ids by text.
    pub vocab: Pieces,
    /// Pairs in the order of merging; BPE only.
    #[serde(default)]
    pub merges: Vec<Merge>,
    /// Whether a word that is a token is taken whole.
    #[serde(default)]
    pub ignore_merges: Option<bool>,
    /// Whether a character without a token becomes its bytes.
    #[serde(default)]
    pub byte_fallback: Option<bool>,
    /// The token for what has none.
    #[serde(default)]
    pub unk_token: Option<String>,
    /// What stands in front of a piece inside a word; WordPiece only.
    #[serde(default)]
    pub continuing_subword_prefix: Option<String>,
}

/// The `vocab` of a model.
pub enum Pieces {
    /// Ids by text.
    ById(HashMap<String, u32>),
    /// A list with scores, as Unigram has it.
    Scored,
}

impl<'de> Deserialize<'de> for Pieces {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Pieces;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a vocabulary")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pieces, A::Error> {
                let mut ids = HashMap::new();
                while let Some((text, id)) = map.next_entry()? {
                    ids.insert(text, id);
                }
                Ok(Pieces::ById(ids))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Pieces, A::Error> {
                while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(Pieces::Scored)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Two pieces that become one.
pub struct Merge(pub String, pub String);

impl<'de> Deserialize<'de> for Merge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Merge;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a merge of two pieces")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Merge, E> {
                let halves = text.split_once(' ').ok_or_else(|| E::custom(format!("merge {text:?} has one part")))?;
                Ok(Merge(halves.0.to_owned(), halves.1.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Merge, A::Error> {
                match (list.next_element()?, list.next_element()?) {
                    (Some(left), Some(right)) => Ok(Merge(left, right)),
                    _ => Err(serde::de::Error::custom("a merge has fewer than two parts")),
                }
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A token that is found in the text before it is cut.
#[derive(Clone, Debug, Deserialize)]
pub struct AddedToken {
    /// Its id; tokenizer_config.json has it as the key.
    #[serde(default)]
    pub id: u32,
    /// Its text.
    pub content: String,
    /// Only as a word of its own.
    #[serde(default)]
    pub single_word: bool,
    /// Swallows the white space before it.
    #[serde(default)]
    pub lstrip: bool,
    /// Swallows the white space after it.
    #[serde(default)]
    pub rstrip: bool,
    /// A control token, which is no text.
    #[serde(default)]
    pub special: bool,
}

/// All tokenizer files.
pub struct TokenizerFiles {
    /// `tokenizer.json`.
    pub json: Option<TokenizerJson>,
    /// `tokenizer.model`, as it is.
    pub pieces: Option<Vec<u8>>,
    /// `vocab.txt`.
    pub words: Option<String>,
    /// `tokenizer_config.json`, or null.
    pub settings: Value,
    /// `special_tokens_map.json`, or null.
    pub special: Value,
    /// `added_tokens.json`: ids by text.
    pub added: HashMap<String, u32>,
    /// Names of the files that were found.
    pub names: Vec<&'static str>,
}

impl TokenizerFiles {
    /// Reads what is there.
    ///
    /// # Errors
    /// A file that is damaged.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let mut names = Vec::new();
        let mut found = |name: &'static str| {
            let path = folder.join(name);
            if path.is_file() {
                names.push(name);
            }
            path
        };
        let json_path = found("tokenizer.json");
        let json = match read_text(&json_path)? {
            None => None,
            Some(text) => match serde_json::from_str(&text) {
                Ok(json) => Some(json),
                Err(error) => bail!("{}: no sound tokenizer ({error}); fetch the file again", json_path.display()),
            },
        };
        let pieces_path = found("tokenizer.model");
        let pieces = match std::fs::read(&pieces_path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => bail!("{}: cannot read the file ({error}); check it", pieces_path.display()),
        };
        let words = read_text(&found("vocab.txt"))?;
        let settings = read_json(&found("tokenizer_config.json"))?.unwrap_or_default();
        let special = read_json(&found("special_tokens_map.json"))?.unwrap_or_default();
        let added_path = found("added_tokens.json");
        let added = match read_json(&added_path)? {
            None => HashMap::new(),
            Some(value) => match serde_json::from_value(value) {
                Ok(added) => added,
                Err(error) => {
                    bail!("{}: not a list of ids by text ({error}); fetch the file again", added_path.display())
                }
            },
        };
        Ok(Self { json, pieces, words, settings, special, added, names })
    }

    /// Added tokens in the order of their ids, from whichever file lists them.
    ///
    /// # Errors
    /// An entry of `tokenizer_config.json` that makes no sense.
    pub fn added_tokens(&self) -> anyhow::Result<Vec<AddedToken>> {
        let mut tokens: HashMap<u32, AddedToken> = HashMap::new();
        for (content, id) in &self.added {
            let special = self.is_named(content);
            let token = AddedToken {
                id: *id,
                content: content.clone(),
                single_word: false,
                lstrip: false,
                rstrip: false,
                special,
            };
            tokens.insert(*id, token);
        }
        if let Some(listed) = self.settings.get("added_tokens_decoder").and_then(Value::as_object) {
            for (id, value) in listed {
                let token = serde_json::from_value::<AddedToken>(value.clone()).ok();
                let (Some(mut token), Ok(id)) = (token, id.parse()) else {
                    bail!("tokenizer_config.json: the added token {id} is {value}, which makes no sense; correct it");
                };
                token.id = id;
                tokens.insert(id, token);
            }
        }
        if let Some(json) = &self.json {
            tokens.extend(json.added_tokens.iter().map(|token| (token.id, token.clone())));
        }
        let mut tokens: Vec<AddedToken> = tokens.into_values().collect();
        tokens.sort_by_key(|token| token.id);
        Ok(tokens)
    }

    /// The text of a token with a role, such as `bos_token`.
    pub fn role(&self, name: &str) -> Option<&str> {
        [&self.settings, &self.special].into_iter().find_map(|file| {
            let value = file.get(name)?;
            value.as_str().or_else(|| value.get("content")?.as_str())
        })
    }

    /// Whether the special tokens map names this text in any role.
    fn is_named(&self, content: &str) -> bool {
        fn names(value: &Value, content: &str) -> bool {
            match value {
                Value::String(text) => text == content,
                Value::Array(items) => items.iter().any(|item| names(item, content)),
                Value::Object(fields) => fields.get("content").is_some_and(|text| names(text, content)),
                _ => false,
            }
        }
        self.special.as_object().is_some_and(|roles| roles.values().any(|value| names(value, content)))
    }
}
