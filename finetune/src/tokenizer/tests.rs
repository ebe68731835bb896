//! A tiny vocabulary is made here, byte by byte and merge by merge, so that every expected id is known.

use std::path::PathBuf;
use std::sync::OnceLock;

use super::*;
use crate::gguf::{MetadataValue, write_gguf};

pub(crate) fn string(text: &str) -> MetadataValue {
    MetadataValue::String(text.to_string())
}

/// Tokens and kinds of a byte-level vocabulary: 256 bytes, two merges, three control tokens, one
/// user-defined.
fn tiny_tokens() -> (Vec<String>, Vec<i32>) {
    let mut tokens: Vec<String> = model::byte_characters().iter().map(char::to_string).collect();
    tokens.extend(["he", "hel", "<|im_start|>", "<|im_end|>", "<s>", "<tool>"].map(String::from));
    let mut kinds = vec![1; 258];
    kinds.extend([3, 3, 3, 4]);
    (tokens, kinds)
}

pub(crate) fn tiny_metadata(pre: &str) -> Vec<(String, MetadataValue)> {
    let (tokens, kinds) = tiny_tokens();
    let texts = tokens.iter().map(|text| string(text)).collect();
    let kinds = kinds.into_iter().map(MetadataValue::Int32).collect();
    vec![
        ("tokenizer.ggml.model".to_string(), string("gpt2")),
        ("tokenizer.ggml.pre".to_string(), string(pre)),
        ("tokenizer.ggml.tokens".to_string(), MetadataValue::Array(texts)),
        ("tokenizer.ggml.token_type".to_string(), MetadataValue::Array(kinds)),
        (
            "tokenizer.ggml.merges".to_string(),
            MetadataValue::Array(vec![string("h e"), string("he l"), string("no token")]),
        ),
        ("tokenizer.ggml.bos_token_id".to_string(), MetadataValue::Uint32(260)),
        ("tokenizer.ggml.eos_token_id".to_string(), MetadataValue::Uint32(259)),
    ]
}

/// Writes the metadata to a file and opens it.
pub(crate) fn opened(metadata: Vec<(String, MetadataValue)>) -> (tempfile::TempDir, GgufFile) {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("vocabulary.gguf");
    write_gguf(&path, metadata, &[]).unwrap();
    let file = GgufFile::open(&path).unwrap();
    (folder, file)
}

/// The tiny tokenizer with the cuts of Qwen2, built once.
pub(crate) fn tiny() -> &'static Tokenizer {
    static TINY: OnceLock<Tokenizer> = OnceLock::new();
    TINY.get_or_init(|| {
        let (_folder, file) = opened(tiny_metadata("qwen2"));
        Tokenizer::from_gguf(&file).unwrap()
    })
}

fn set(metadata: &mut Vec<(String, MetadataValue)>, key: &str, value: MetadataValue) {
    metadata.retain(|(name, _)| name != key);
    metadata.push((key.to_string(), value));
}

#[test]
fn merges_apply_in_order_and_bytes_fill_the_rest() {
    let tokenizer = tiny();
    let id = |text: &str| tokenizer.token_id(text).unwrap();
    assert_eq!(tokenizer.encode("hello", false).unwrap(), [id("hel"), id("l"), id("o")]);
    assert_eq!(tokenizer.encode("12", false).unwrap(), [id("1"), id("2")]);
    let accent = tokenizer.encode("\u{e9}", false).unwrap();
    assert_eq!(accent, [0xc3, 0xa9]);
    assert_eq!(tokenizer.encode("", true).unwrap(), [0u32; 0]);
}

#[test]
fn decoding_undoes_encoding() {
    let tokenizer = tiny();
    let text = "hello, 3 m\u{fc}hlen\n\t \u{1f525}!";
    let tokens = tokenizer.encode(text, false).unwrap();
    assert_eq!(tokenizer.decode(&tokens, false), text);
    assert_eq!(tokenizer.decode(&[258, 104, 259], true), "h");
    assert_eq!(tokenizer.decode(&[258, 104, 9_999], false), "<|im_start|>h\u{fffd}");
}

#[test]
fn control_tokens_in_user_text_stay_text() {
    let tokenizer = tiny();
    assert_eq!(tokenizer.encode("<|im_end|>", true).unwrap(), [259]);
    let typed = tokenizer.encode("<|im_end|>", false).unwrap();
    assert_eq!(typed.len(), 10);
    assert!(typed.iter().all(|&token| !tokenizer.is_control(token)));
    let user_defined = tokenizer.token_id("<tool>").unwrap();
    assert_eq!(tokenizer.encode("<tool>", false).unwrap(), [user_defined]);
}

#[test]
fn control_token_spread_over_template_and_user_text_is_not_one() {
    let tokenizer = tiny();
    let piece = |text, parse_special| Piece { text, parse_special };
    let pieces = [piece("<|im_", true), piece("end|>", false), piece("<|im_end|>", true)];
    let tokens = tokenizer.encode_pieces(&pieces, true).unwrap();
    assert_eq!(tokens.len(), 11);
    assert_eq!(tokens.last(), Some(&259));
}

#[test]
fn plain_text_is_merged_across_pieces() {
    let tokenizer = tiny();
    let piece = |text, parse_special| Piece { text, parse_special };
    let pieces = [piece("<|im_start|>h", true), piece("el", false)];
    let tokens = tokenizer.encode_pieces(&pieces, true).unwrap();
    assert_eq!(tokens, [258, tokenizer.token_id("hel").unwrap()]);
}

#[test]
fn phi_3_marks_swallow_the_white_space_after_them() {
    let mut metadata = tiny_metadata("qwen2");
    set(&mut metadata, "general.name", string("Phi-3-mini"));
    let (_folder, file) = opened(metadata);
    let tokenizer = Tokenizer::from_gguf(&file).unwrap();
    let tokens = tokenizer.encode("<|im_end|> \nz <s> z", true).unwrap();
    let id = |text: &str| tokenizer.token_id(text).unwrap();
    assert_eq!(tokens, [id("<|im_end|>"), id("z"), 32, id("<s>"), 32, id("z")]);
}

#[test]
fn roles_are_read_from_the_file() {
    let tokenizer = tiny();
    assert_eq!(tokenizer.bos_token(), Some(260));
    assert_eq!(tokenizer.eos_token(), Some(259));
    assert_eq!(tokenizer.eot_token(), Some(259));
    assert!(tokenizer.is_end_of_generation(259) && !tokenizer.is_end_of_generation(258));
    assert!(!tokenizer.adds_bos());
    assert_eq!(tokenizer.with_bos(vec![1]), [1]);
    let mut metadata = tiny_metadata("qwen2");
    set(&mut metadata, "tokenizer.ggml.add_bos_token", MetadataValue::Bool(true));
    let (_folder, file) = opened(metadata);
    let tokenizer = Tokenizer::from_gguf(&file).unwrap();
    assert_eq!(tokenizer.with_bos(vec![1]), [260, 1]);
    assert_eq!(tokenizer.with_bos(vec![260, 1]), [260, 1]);
}

#[test]
fn every_known_cut_compiles() {
    for pre in pre_tokenizer::known_names().split(", ") {
        let (_folder, file) = opened(tiny_metadata(pre));
        let tokenizer = Tokenizer::from_gguf(&file).unwrap();
        let text = "It's 12345 hello\r\n\n  world!! \u{4e2d}\u{6587}";
        let tokens = tokenizer.encode(text, false).unwrap();
        assert_eq!(tokenizer.decode(&tokens, false), text, "{pre}");
    }
}

#[test]
fn unknown_tokenizers_are_refused_by_name() {
    let refused = |metadata| {
        let (_folder, file) = opened(metadata);
        Tokenizer::from_gguf(&file).unwrap_err().to_string()
    };
    let text = refused(tiny_metadata("from-the-future"));
    assert!(text.contains("from-the-future") && text.contains("qwen2"), "{text}");
    let mut metadata = tiny_metadata("qwen2");
    set(&mut metadata, "tokenizer.ggml.model", string("bert"));
    let text = refused(metadata);
    assert!(text.contains("bert") && text.contains("gpt2"), "{text}");
}

#[test]
fn broken_vocabularies_are_refused() {
    let refused = |key: &str, value| {
        let mut metadata = tiny_metadata("qwen2");
        set(&mut metadata, key, value);
        let (_folder, file) = opened(metadata);
        Tokenizer::from_gguf(&file).unwrap_err()
    };
    let twice = MetadataValue::Array(vec![string("a"), string("a")]);
    assert!(matches!(refused("tokenizer.ggml.tokens", twice), TokenizerError::Duplicate { .. }));
    let short = MetadataValue::Array(vec![MetadataValue::Int32(1)]);
    assert!(matches!(refused("tokenizer.ggml.token_type", short), TokenizerError::Lengths { .. }));
    let far = MetadataValue::Uint32(1_000_000);
    assert!(matches!(refused("tokenizer.ggml.eos_token_id", far), TokenizerError::IdOutOfRange { .. }));
    let merge = MetadataValue::Array(vec![string("nospace")]);
    assert!(matches!(refused("tokenizer.ggml.merges", merge), TokenizerError::Merge { .. }));
}

#[test]
fn byte_without_a_token_is_an_error_not_a_loss() {
    let mut metadata = tiny_metadata("qwen2");
    let texts = vec![string("a"), string("b")];
    set(&mut metadata, "tokenizer.ggml.tokens", MetadataValue::Array(texts));
    metadata.retain(|(key, _)| !key.ends_with("_token_id") && !key.ends_with("token_type"));
    let (_folder, file) = opened(metadata);
    let tokenizer = Tokenizer::from_gguf(&file).unwrap();
    assert_eq!(tokenizer.encode("ab", false).unwrap(), [0, 1]);
    let error = tokenizer.encode("abc", false).unwrap_err();
    assert!(matches!(error, TokenizerError::MissingByte { byte: b'c', .. }));
}

/// Unknown, begin, end, 256 bytes, then pieces with falling scores.
fn sentence_piece() -> Tokenizer {
    let mut tokens = vec!["<unk>".to_string(), "<s>".to_string(), "</s>".to_string()];
    let mut kinds = vec![2, 3, 3];
    let mut scores = vec![0.0; 3 + 256];
    tokens.extend((0..256).map(|byte| format!("<0x{byte:02X}>")));
    kinds.extend([6; 256]);
    for (rank, piece) in ["\u{2581}", "a", "b", "ab", "\u{2581}a", "\u{2581}ab"].iter().enumerate() {
        tokens.push((*piece).to_string());
        kinds.push(1);
        scores.push(-(rank as f32));
    }
    let (_folder, file) = opened(vec![
        ("tokenizer.ggml.model".to_string(), string("llama")),
        ("tokenizer.ggml.tokens".to_string(), MetadataValue::Array(tokens.iter().map(|text| string(text)).collect())),
        (
            "tokenizer.ggml.token_type".to_string(),
            MetadataValue::Array(kinds.into_iter().map(MetadataValue::Int32).collect()),
        ),
        (
            "tokenizer.ggml.scores".to_string(),
            MetadataValue::Array(scores.into_iter().map(MetadataValue::Float32).collect()),
        ),
        ("tokenizer.ggml.unknown_token_id".to_string(), MetadataValue::Uint32(0)),
    ]);
    Tokenizer::from_gguf(&file).unwrap()
}

#[test]
fn sentence_pieces_merge_by_score_with_a_leading_space() {
    let tokenizer = sentence_piece();
    let id = |text: &str| tokenizer.token_id(text).unwrap();
    assert_eq!(tokenizer.encode("ab", false).unwrap(), [id("\u{2581}ab")]);
    assert_eq!(tokenizer.encode("b a", false).unwrap(), [id("\u{2581}"), id("b"), id("\u{2581}a")]);
    let piece = Piece { text: "ab", parse_special: false };
    assert_eq!(tokenizer.encode_pieces(&[piece], false).unwrap(), [id("ab")]);
    assert!(tokenizer.adds_bos());
    assert_eq!(tokenizer.bos_token(), Some(1));
}

#[test]
fn sentence_pieces_fall_back_to_bytes() {
    let tokenizer = sentence_piece();
    let tokens = tokenizer.encode("a\u{e9}\n", false).unwrap();
    let id = |text: &str| tokenizer.token_id(text).unwrap();
    assert_eq!(tokens, [id("\u{2581}a"), id("<0xC3>"), id("<0xA9>"), id("<0x0A>")]);
    assert_eq!(tokenizer.decode(&tokens, false), "a\u{e9}\n");
}
