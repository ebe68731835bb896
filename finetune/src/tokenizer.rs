//! Text to tokens and back, with the vocabulary that a GGUF file carries.
//!
//! The token ids must be the ones that llama.cpp finds for the same text, because the device asks through
//! llama.cpp what the trainer taught. Two families are built: byte-level BPE (`tokenizer.ggml.model` =
//! `gpt2`, with the cuts named by `tokenizer.ggml.pre`) and SentencePiece BPE (`llama`).
//!
//! Text comes in pieces. In a piece with `parse_special` the texts of control tokens become those tokens;
//! in one without, which is what a user wrote, they stay text. Plain text is merged across the borders of
//! pieces, so that a prompt has the same tokens as the whole text would have.

mod model;
mod partition;
mod pre_tokenizer;
#[cfg(test)]
pub(crate) mod tests;
mod vocabulary;

use crate::gguf::{GgufError, GgufFile};
use model::SPACE_MARK;
use partition::Fragment;
use vocabulary::{Kind, Vocabulary};

/// Why a tokenizer could not be built or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// The file does not hold what a tokenizer needs.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// Another kind of tokenizer.
    #[error(
        "tokenizer.ggml.model is `{model}`; `gpt2` (byte-level BPE) and `llama` (SentencePiece BPE) \
         are supported: choose a base model with one of them"
    )]
    UnknownModel {
        /// The name in the file.
        model: String,
    },
    /// Cuts that are not known.
    #[error("tokenizer.ggml.pre is `{name}`, which is not known; choose a base model with one of: {known}")]
    UnknownPre {
        /// The name in the file.
        name: String,
        /// The known names.
        known: String,
    },
    /// Two tokens have one text; llama.cpp refuses such a file as well.
    #[error("tokens {first} and {second} have the same text {text:?}; convert the model again")]
    Duplicate {
        /// The text.
        text: String,
        /// The lower id.
        first: u32,
        /// The higher id.
        second: u32,
    },
    /// An array has another length than the vocabulary.
    #[error("{key} has {found} entries for {size} tokens; convert the model again")]
    Lengths {
        /// The metadata key.
        key: &'static str,
        /// Entries in the array.
        found: usize,
        /// Tokens in the vocabulary.
        size: usize,
    },
    /// A role names a token that does not exist.
    #[error("{key} is {id}, but the vocabulary has {size} tokens; convert the model again")]
    IdOutOfRange {
        /// The metadata key.
        key: String,
        /// The id in the file.
        id: u32,
        /// Tokens in the vocabulary.
        size: usize,
    },
    /// A merge is not two parts.
    #[error("merge {index} of tokenizer.ggml.merges is {merge:?}, not two parts; convert the model again")]
    Merge {
        /// Index of the merge.
        index: usize,
        /// The merge as it stands.
        merge: String,
    },
    /// The file wants a begin token and names none.
    #[error("tokenizer.ggml.add_bos_token is true without tokenizer.ggml.bos_token_id; convert the model again")]
    NoBos,
    /// The merge model cannot be built.
    #[error("the tokenizer cannot be built ({reason}); convert the model again")]
    Model {
        /// What the tokenizers crate said.
        reason: String,
    },
    /// The vocabulary has no token for a byte, so the text cannot be represented.
    #[error("the vocabulary has no token for byte {byte:#04x} of {text:?}; remove that character")]
    MissingByte {
        /// The byte.
        byte: u8,
        /// Start of the text it is in.
        text: String,
    },
    /// The text could not be encoded.
    #[error("the text cannot be encoded: {reason}")]
    Encode {
        /// What the tokenizers crate said.
        reason: String,
    },
}

/// A piece of text to encode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The text.
    pub text: &'a str,
    /// Whether texts of control tokens become those tokens; false for what a user wrote.
    pub parse_special: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    ByteLevel,
    SentencePiece { space_prefix: bool },
}

/// The tokenizer of a base model.
pub struct Tokenizer {
    vocabulary: Vocabulary,
    model: tokenizers::Tokenizer,
    family: Family,
    adds_bos: bool,
    byte_characters: [char; 256],
    /// Bytes without a token; empty for a sound byte-level vocabulary.
    missing_bytes: Vec<u8>,
}

impl Tokenizer {
    /// Builds the tokenizer of a model or vocabulary file.
    ///
    /// # Errors
    /// [`TokenizerError`] names the key that is missing, malformed or of an unsupported kind.
    pub fn from_gguf(file: &GgufFile) -> Result<Self, TokenizerError> {
        let name = file.str("tokenizer.ggml.model")?;
        let byte_characters = model::byte_characters();
        let mut vocabulary = Vocabulary::from_gguf(file)?;
        let mut missing_bytes = Vec::new();
        let (model, family, adds_bos) = match name {
            "gpt2" => {
                let pre = file.find_str("tokenizer.ggml.pre")?.unwrap_or("default");
                let cuts = pre_tokenizer::find(pre).ok_or_else(|| TokenizerError::UnknownPre {
                    name: pre.to_string(),
                    known: pre_tokenizer::known_names(),
                })?;
                missing_bytes = (0..=255u8)
                    .filter(|&byte| {
                        let character = byte_characters[usize::from(byte)];
                        !vocabulary.ids.contains_key(character.to_string().as_str())
                    })
                    .collect();
                let model = model::byte_level(file, &vocabulary, cuts)?;
                (model, Family::ByteLevel, cuts.adds_bos)
            }
            "llama" => {
                // Files without these keys mean the ids of the first Llama.
                vocabulary.bos = vocabulary.bos.or(Some(1));
                vocabulary.eos = vocabulary.eos.or(Some(2));
                let key = "tokenizer.ggml.add_space_prefix";
                let space_prefix = file.find_bool(key)?.unwrap_or(true);
                let model = model::sentence_piece(file, &vocabulary)?;
                (model, Family::SentencePiece { space_prefix }, true)
            }
            other => {
                return Err(TokenizerError::UnknownModel { model: other.to_string() });
            }
        };
        let adds_bos = file.find_bool("tokenizer.ggml.add_bos_token")?.unwrap_or(adds_bos);
        if adds_bos && vocabulary.bos.is_none() {
            return Err(TokenizerError::NoBos);
        }
        Ok(Self { vocabulary, model, family, adds_bos, byte_characters, missing_bytes })
    }

    /// Tokens of a text, without begin and end token.
    ///
    /// # Errors
    /// [`TokenizerError::MissingByte`] where the vocabulary cannot represent the text.
    pub fn encode(&self, text: &str, parse_special: bool) -> Result<Vec<u32>, TokenizerError> {
        let piece = Piece { text, parse_special };
        self.encode_pieces(&[piece], true)
    }

    /// Tokens of the text that the pieces make together, without begin and end token.
    /// `after_special` says whether the text starts the sequence or follows a special token, which
    /// decides on SentencePiece's leading space.
    ///
    /// # Errors
    /// [`TokenizerError::MissingByte`] where the vocabulary cannot represent the text.
    pub fn encode_pieces(&self, pieces: &[Piece<'_>], after_special: bool) -> Result<Vec<u32>, TokenizerError> {
        let mut text = String::new();
        let mut protected = Vec::new();
        for piece in pieces {
            let start = text.len();
            text.push_str(piece.text);
            if !piece.parse_special {
                protected.push(start..text.len());
            }
        }
        let mut tokens = Vec::new();
        let mut after_special = after_special;
        let mut swallow = false;
        for fragment in partition::partition(&text, &protected, &self.vocabulary) {
            match fragment {
                Fragment::Special(id) => {
                    tokens.push(id);
                    after_special = true;
                    swallow = self.vocabulary.swallowing.contains(&id);
                }
                Fragment::Text(range) => {
                    let mut plain = &text[range];
                    if swallow {
                        plain = plain.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
                    }
                    if !plain.is_empty() {
                        self.encode_plain(plain, after_special, &mut tokens)?;
                        after_special = false;
                    }
                    swallow = false;
                }
            }
        }
        Ok(tokens)
    }

    fn encode_plain(&self, text: &str, after_special: bool, tokens: &mut Vec<u32>) -> Result<(), TokenizerError> {
        let encoding = match self.family {
            Family::ByteLevel => {
                let missing = |byte: &u8| self.missing_bytes.contains(byte);
                if let Some(byte) = text.bytes().find(missing) {
                    return Err(TokenizerError::MissingByte { byte, text: text.chars().take(60).collect() });
                }
                self.model.encode_fast(text, false)
            }
            Family::SentencePiece { space_prefix } => {
                let mut marked = String::with_capacity(text.len() + 3);
                if space_prefix && after_special {
                    marked.push(SPACE_MARK);
                }
                marked.extend(text.chars().map(|c| if c == ' ' { SPACE_MARK } else { c }));
                self.model.encode_fast(marked, false)
            }
        };
        let encoding = encoding.map_err(|error| TokenizerError::Encode { reason: error.to_string() })?;
        tokens.extend_from_slice(encoding.get_ids());
        Ok(())
    }

    /// Puts the begin token in front where the model wants one and it is not there yet.
    pub fn with_bos(&self, mut tokens: Vec<u32>) -> Vec<u32> {
        if let (true, Some(bos)) = (self.adds_bos, self.vocabulary.bos)
            && tokens.first() != Some(&bos)
        {
            tokens.insert(0, bos);
        }
        tokens
    }

    /// Text of the tokens. Control tokens are left out where `skip_special`; bytes that are no UTF-8 and
    /// ids outside the vocabulary become the replacement character.
    pub fn decode(&self, tokens: &[u32], skip_special: bool) -> String {
        let mut bytes = Vec::new();
        for &token in tokens {
            if !(skip_special && self.is_control(token)) {
                match self.token_bytes(token) {
                    Some(piece) => bytes.extend(piece),
                    None => bytes.extend("\u{fffd}".as_bytes()),
                }
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match (self.family, text.strip_prefix(' ')) {
            (Family::SentencePiece { space_prefix: true }, Some(rest)) => rest.to_string(),
            _ => text,
        }
    }

    /// The bytes that a token stands for, `None` for an id outside the vocabulary. A character may be
    /// spread over several tokens.
    pub fn token_bytes(&self, token: u32) -> Option<Vec<u8>> {
        let text = self.vocabulary.texts.get(token as usize)?;
        let kind = self.vocabulary.kinds[token as usize];
        if kind == Kind::Byte {
            let digits = text.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
            let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            return Some(byte.map_or_else(|| text.as_bytes().to_vec(), |byte| vec![byte]));
        }
        if kind != Kind::Normal {
            return Some(text.as_bytes().to_vec());
        }
        Some(match self.family {
            Family::SentencePiece { .. } => text.replace(SPACE_MARK, " ").into_bytes(),
            Family::ByteLevel => {
                let mut bytes = Vec::with_capacity(text.len());
                for character in text.chars() {
                    match self.byte_characters.iter().position(|&c| c == character) {
                        Some(byte) => bytes.push(byte as u8),
                        None => bytes.extend(character.to_string().bytes()),
                    }
                }
                bytes
            }
        })
    }

    /// The token with exactly this text as stored in the vocabulary, such as `<|im_end|>`.
    pub fn token_id(&self, text: &str) -> Option<u32> {
        self.vocabulary.ids.get(text).copied()
    }

    /// The text of a token as stored in the vocabulary.
    pub fn token_text(&self, token: u32) -> Option<&str> {
        self.vocabulary.texts.get(token as usize).map(String::as_str)
    }

    /// Tokens in the vocabulary.
    pub fn vocabulary_size(&self) -> usize {
        self.vocabulary.texts.len()
    }

    /// The begin token.
    pub fn bos_token(&self) -> Option<u32> {
        self.vocabulary.bos
    }

    /// The end token.
    pub fn eos_token(&self) -> Option<u32> {
        self.vocabulary.eos
    }

    /// The end-of-turn token, which may be the end token.
    pub fn eot_token(&self) -> Option<u32> {
        self.vocabulary.eot
    }

    /// Whether a sequence starts with the begin token.
    pub fn adds_bos(&self) -> bool {
        self.adds_bos
    }

    /// Whether generation stops at this token.
    pub fn is_end_of_generation(&self, token: u32) -> bool {
        self.vocabulary.ends.binary_search(&token).is_ok()
    }

    /// Whether this is a control or unknown token, which no user text becomes.
    pub fn is_control(&self, token: u32) -> bool {
        matches!(self.vocabulary.kinds.get(token as usize), Some(Kind::Control | Kind::Unknown))
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Tokenizer")
            .field("tokens", &self.vocabulary.texts.len())
            .field("adds_bos", &self.adds_bos)
            .finish_non_exhaustive()
    }
}
