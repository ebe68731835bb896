//! `tokenizer.model`: the protobuf file of SentencePiece, as far as it matters here.
//!
//! The messages of `sentencepiece_model.proto` are declared by hand over `prost`'s decoder, because the derive
//! macro would bring a compiler pass for four small messages. Only reading is needed, so encoding is empty.

use prost::bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};

/// A whole model.
#[derive(Debug, Default)]
pub struct PieceModel {
    /// Pieces by id.
    pub pieces: Vec<Piece>,
    /// How it was trained.
    pub trainer: TrainerSpec,
    /// What it does to a text first.
    pub normalizer: NormalizerSpec,
}

/// One piece.
#[derive(Debug, Default)]
pub struct Piece {
    /// Its text.
    pub text: String,
    /// The higher, the earlier it is merged.
    pub score: f32,
    /// As in `tokenizer.ggml.token_type`; 0 where the file is silent, which means 1.
    pub kind: i32,
}

/// How a model was trained.
#[derive(Debug, Default)]
pub struct TrainerSpec {
    /// 1 is Unigram, 2 byte-pair encoding; 0 where the file is silent, which means 1.
    pub model_type: i32,
}

/// What a model does to a text first.
#[derive(Debug)]
pub struct NormalizerSpec {
    /// Name of the rules.
    pub name: String,
    /// Characters that are replaced; empty for none.
    pub character_map: Vec<u8>,
    /// Whether a space is put in front.
    pub add_dummy_prefix: bool,
    /// Whether repeated spaces become one.
    pub remove_extra_whitespaces: bool,
}

impl Default for NormalizerSpec {
    fn default() -> Self {
        let (name, character_map) = (String::new(), Vec::new());
        Self { name, character_map, add_dummy_prefix: true, remove_extra_whitespaces: true }
    }
}

/// Implements reading; each field is `tag => encoding, place`.
macro_rules! message {
    ($name:ty, $($tag:literal => $encoding:ident, $($place:tt).+;)+) => {
        impl Message for $name {
            fn merge_field(
                &mut self,
                tag: u32,
                wire_type: WireType,
                buffer: &mut impl Buf,
                context: DecodeContext,
            ) -> Result<(), DecodeError> {
                match tag {
                    $($tag => encoding::$encoding::merge(wire_type, &mut self.$($place).+, buffer, context),)+
                    _ => encoding::skip_field(wire_type, tag, buffer, context),
                }
            }

            fn encode_raw(&self, _: &mut impl BufMut) {}

            fn encoded_len(&self) -> usize {
                0
            }

            fn clear(&mut self) {
                *self = Self::default();
            }
        }
    };
}

message!(Piece, 1 => string, text; 2 => float, score; 3 => int32, kind;);
message!(TrainerSpec, 3 => int32, model_type;);
message!(NormalizerSpec, 1 => string, name; 2 => bytes, character_map; 3 => bool, add_dummy_prefix;
    4 => bool, remove_extra_whitespaces;);

impl Message for PieceModel {
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buffer: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            1 => encoding::message::merge_repeated(wire_type, &mut self.pieces, buffer, context),
            2 => encoding::message::merge(wire_type, &mut self.trainer, buffer, context),
            3 => encoding::message::merge(wire_type, &mut self.normalizer, buffer, context),
            _ => encoding::skip_field(wire_type, tag, buffer, context),
        }
    }

    fn encode_raw(&self, _: &mut impl BufMut) {}

    fn encoded_len(&self) -> usize {
        0
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}
