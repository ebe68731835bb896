//! The list of tokens: texts, types and scores by id.

use std::collections::HashMap;

use anyhow::bail;
use halligan_finetune::gguf::MetadataValue::{Array, Float32, Int32, String as Text};

use super::files::AddedToken;
use crate::convert::hyperparameters::Entries;

/// What a token is, by its number in `tokenizer.ggml.token_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Normal = 1,
    /// Stands for text that has no token.
    Unknown = 2,
    /// No text.
    Control = 3,
    /// Found in the text as it stands.
    UserDefined = 4,
    /// Fills a gap between tokens, or the rows behind the last.
    Unused = 5,
    /// One byte.
    Byte = 6,
}

/// A score below that of all merges.
pub const LAST: f32 = -1e9;

#[derive(Clone)]
struct Token {
    text: String,
    kind: Kind,
    score: f32,
}

/// Tokens by id, one for each row of the embedding.
pub struct Vocabulary {
    tokens: Vec<Option<Token>>,
    ids: HashMap<String, u32>,
}

impl Vocabulary {
    /// A vocabulary for an embedding of `rows` rows, still without tokens.
    pub fn new(rows: usize) -> Self {
        Self { tokens: vec![None; rows], ids: HashMap::new() }
    }

    /// Puts a token at its id.
    ///
    /// # Errors
    /// An id outside the embedding, or one that is taken.
    pub fn put(&mut self, id: u32, text: String, kind: Kind, score: f32) -> anyhow::Result<()> {
        let rows = self.tokens.len();
        match self.tokens.get_mut(id as usize) {
            None => bail!(
                "token {id} {text:?} is outside the embedding of {rows} rows; fetch tokenizer and weights of the same model"
            ),
            Some(Some(token)) => bail!("token {id} is {:?} and {text:?}; fetch the tokenizer again", token.text),
            Some(place) => {
                self.ids.insert(text.clone(), id);
                *place = Some(Token { text, kind, score });
                Ok(())
            }
        }
    }

    /// The id of a text.
    pub fn id(&self, text: &str) -> Option<u32> {
        self.ids.get(text).copied()
    }

    /// The text of an id.
    pub fn text(&self, id: u32) -> Option<&str> {
        self.tokens.get(id as usize)?.as_ref().map(|token| token.text.as_str())
    }

    /// Adds the tokens that are found before all else, or makes tokens of the vocabulary such ones. Those outside the
    /// embedding are left out and noted. With `words`, tokens of WordPiece get back the text that they were given.
    ///
    /// # Errors
    /// A text that already has another id.
    pub fn add(&mut self, added: &[AddedToken], words: bool, notes: &mut Vec<String>) -> anyhow::Result<()> {
        let mut outside = Vec::new();
        for AddedToken { id, content, special, .. } in added {
            let Some(place) = self.tokens.get_mut(*id as usize) else {
                outside.push(content.as_str());
                continue;
            };
            let kind = match place.as_ref().map(|token| token.kind) {
                Some(Kind::Unknown) => Kind::Unknown,
                Some(Kind::Byte) => Kind::Byte,
                _ if *special => Kind::Control,
                _ if words => Kind::Normal,
                _ => Kind::UserDefined,
            };
            if kind == Kind::Normal {
                continue;
            }
            let score = place.as_ref().map_or(LAST, |token| token.score);
            if let Some(old) = place.replace(Token { text: content.clone(), kind, score })
                && self.ids.get(&old.text) == Some(id)
            {
                self.ids.remove(&old.text);
            }
            self.ids.insert(content.clone(), *id);
        }
        if !outside.is_empty() {
            notes.push(format!(
                "{} added tokens have no row in the embedding and are left out: {}",
                outside.len(),
                outside.iter().take(5).copied().collect::<Vec<_>>().join(" ")
            ));
        }
        Ok(())
    }

    /// The metadata.
    ///
    /// # Errors
    /// Two tokens with one text, which llama.cpp cannot hold.
    pub fn into_entries(self, model: &str) -> anyhow::Result<Entries> {
        let mut seen: HashMap<String, usize> = HashMap::with_capacity(self.tokens.len());
        let (mut texts, mut kinds, mut scores) = (Vec::new(), Vec::new(), Vec::new());
        for (id, token) in self.tokens.into_iter().enumerate() {
            let Token { text, kind, score } = token.unwrap_or_else(|| {
                let mut text = format!("[PAD{id}]");
                while self.ids.contains_key(&text) {
                    text.push(']');
                }
                Token { text, kind: Kind::Unused, score: LAST }
            });
            if let Some(first) = seen.insert(text.clone(), id) {
                bail!(
                    "tokens {first} and {id} have the same text {text:?}, which llama.cpp cannot hold; choose another base"
                );
            }
            texts.push(Text(text));
            kinds.push(Int32(kind as i32));
            scores.push(Float32(score));
        }
        let mut entries = vec![
            ("tokenizer.ggml.tokens".to_owned(), Array(texts)),
            ("tokenizer.ggml.token_type".to_owned(), Array(kinds)),
        ];
        if model == "llama" {
            entries.push(("tokenizer.ggml.scores".to_owned(), Array(scores)));
        }
        Ok(entries)
    }
}
