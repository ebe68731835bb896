//! Which of llama.cpp's pre-tokenizers cuts text as a `tokenizer.json` does.
//!
//! The answer comes from what the file says (the normalizer, the cuts, whether whole words skip the merges), so a
//! tokenizer that was trained at home converts like a published one. A structure that is not in the table is
//! refused and shown: a near miss would give other tokens than the model was trained on, silently.

use anyhow::bail;
use serde_json::Value;

/// Cuts of GPT-2; `ByteLevel` with `use_regex` makes them.
const GPT_2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const DIGIT: &str = r"\p{N}";
const LLAMA_3: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*",
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
);
const QWEN_2: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*",
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
);
const QWEN_35: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*",
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
);
const TEKKEN: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);
const GPT_4O: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);
const SEED_CODER: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+",
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
);
const CJK_AND_KANA: &str = "[\u{4e00}-\u{9fa5}\u{3040}-\u{309f}\u{30a0}-\u{30ff}]+";
const CJK_AND_HANGUL: &str = "[\u{4e00}-\u{9fa5}\u{800}-\u{4e00}\u{ac00}-\u{d7ff}]+";
const DEEPSEEK_3: &str = concat!(
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"##,
    r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

/// `(name in llama.cpp, cuts one after the other, whether a word that is a token skips the merges)`.
const TABLE: &[(&str, &[&str], bool)] = &[
    ("gpt-2", &[GPT_2], false),
    ("llama-bpe", &[LLAMA_3], true),
    ("smaug-bpe", &[LLAMA_3], false),
    ("qwen2", &[QWEN_2], false),
    ("qwen35", &[QWEN_35], false),
    ("tekken", &[TEKKEN], true),
    ("gpt-4o", &[GPT_4O], false),
    ("starcoder", &[DIGIT, GPT_2], false),
    ("seed-coder", &[SEED_CODER], false),
    ("deepseek-coder", &[r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", CJK_AND_HANGUL, DIGIT], false),
    ("deepseek-v3", &[r"\p{N}{1,3}", CJK_AND_KANA, DEEPSEEK_3], false),
];

/// What was recognised.
#[derive(Debug, PartialEq, Eq)]
pub struct Recognised {
    /// `tokenizer.ggml.pre`.
    pub name: &'static str,
    /// Whether the text is composed (NFC) first, which llama.cpp does not do.
    pub composes: bool,
}

/// Whether these steps end in bytes written as characters, as byte-level BPE has it.
pub fn is_byte_level(pre_tokenizer: &Value) -> bool {
    match kind(pre_tokenizer) {
        "ByteLevel" => true,
        "Sequence" => parts(pre_tokenizer, "pretokenizers").iter().any(is_byte_level),
        _ => false,
    }
}

/// The pre-tokenizer of llama.cpp that cuts as these three parts of a `tokenizer.json` do.
///
/// # Errors
/// A structure that llama.cpp has no match for; the text shows it.
pub fn recognise(normalizer: &Value, pre_tokenizer: &Value, ignore_merges: bool) -> anyhow::Result<Recognised> {
    let mut cuts = Vec::new();
    let known = flatten(pre_tokenizer, &mut cuts) && cuts.pop() == Some(Cut::Bytes) && !cuts.contains(&Cut::Bytes);
    let expressions: Vec<&str> = cuts.iter().map(Cut::expression).collect();
    let composes = composes_only(normalizer);
    let row = TABLE.iter().find(|row| row.1 == expressions && row.2 == ignore_merges);
    match (row, known, composes) {
        (Some(row), true, Some(composes)) => Ok(Recognised { name: row.0, composes }),
        _ => bail!(
            "tokenizer.json: llama.cpp has no pre-tokenizer for this structure, and another would give other tokens: \
             normalizer {normalizer}, pre_tokenizer {pre_tokenizer}, ignore_merges {ignore_merges}; choose another base"
        ),
    }
}

/// One step of cutting.
#[derive(Debug, PartialEq, Eq)]
enum Cut {
    Expression(String),
    Bytes,
}

impl Cut {
    fn expression(&self) -> &str {
        match self {
            Self::Expression(text) => text,
            Self::Bytes => "",
        }
    }
}

/// Adds the steps of a pre-tokenizer; false where one of them is of another kind.
fn flatten(value: &Value, cuts: &mut Vec<Cut>) -> bool {
    let flag = |name: &str| value.get(name).and_then(Value::as_bool);
    match kind(value) {
        "Sequence" => parts(value, "pretokenizers").iter().all(|part| flatten(part, cuts)),
        "ByteLevel" => {
            if flag("use_regex").unwrap_or(true) {
                cuts.push(Cut::Expression(GPT_2.to_owned()));
            }
            cuts.push(Cut::Bytes);
            flag("add_prefix_space") == Some(false)
        }
        "Digits" => {
            cuts.push(Cut::Expression(DIGIT.to_owned()));
            flag("individual_digits") == Some(true)
        }
        "Split" => {
            let expression = value.get("pattern").and_then(|pattern| pattern.get("Regex")).and_then(Value::as_str);
            cuts.push(Cut::Expression(canonical(expression.unwrap_or_default())));
            // What matches is a piece: the same by both wordings, since these expressions match everything.
            let isolated = value.get("behavior").and_then(Value::as_str) == Some("Isolated");
            let kept = value.get("behavior").and_then(Value::as_str) == Some("Removed");
            let inverted = flag("invert").unwrap_or(false);
            (isolated && !inverted) || (kept && inverted)
        }
        _ => false,
    }
}

/// One spelling for expressions that differ in their escapes only.
fn canonical(expression: &str) -> String {
    let escaped = expression.replace('\r', r"\r").replace('\n', r"\n");
    escaped.replace(r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])", "(?i:'s|'t|'re|'ve|'m|'ll|'d)")
}

/// Whether a normalizer only composes characters (`Some(true)`), does nothing, or does anything else (`None`).
fn composes_only(normalizer: &Value) -> Option<bool> {
    match kind(normalizer) {
        "" if normalizer.is_null() => Some(false),
        "NFC" => Some(true),
        "Sequence" => {
            let parts: Option<Vec<bool>> = parts(normalizer, "normalizers").iter().map(composes_only).collect();
            Some(parts?.contains(&true))
        }
        _ => None,
    }
}

/// The `type` of a part, empty where there is none.
pub fn kind(value: &Value) -> &str {
    value.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// The parts of a sequence.
pub fn parts<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn split(expression: &str) -> Value {
        let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "use_regex": false});
        let split = json!({"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": false});
        json!({"type": "Sequence", "pretokenizers": [split, bytes]})
    }

    #[test]
    fn home_made_byte_level_tokenizer_is_that_of_gpt_2() {
        let plain = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
        assert_eq!(recognise(&Value::Null, &plain, false).unwrap().name, "gpt-2");
        let digits =
            json!({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true}, plain]});
        assert_eq!(recognise(&Value::Null, &digits, false).unwrap().name, "starcoder");
    }

    #[test]
    fn one_expression_has_two_names_by_whether_words_skip_the_merges() {
        assert_eq!(recognise(&Value::Null, &split(LLAMA_3), true).unwrap().name, "llama-bpe");
        assert_eq!(recognise(&Value::Null, &split(LLAMA_3), false).unwrap().name, "smaug-bpe");
    }

    #[test]
    fn composition_is_recognised_and_told() {
        let qwen = recognise(&json!({"type": "NFC"}), &split(QWEN_2), false).unwrap();
        assert_eq!(qwen, Recognised { name: "qwen2", composes: true });
    }

    #[test]
    fn escapes_may_be_characters() {
        let spelled = QWEN_2.replace(r"\r", "\r").replace(r"\n", "\n");
        assert_eq!(recognise(&Value::Null, &split(&spelled), false).unwrap().name, "qwen2");
    }

    #[test]
    fn unknown_structures_are_refused_and_shown() {
        let changed = QWEN_2.replace(r"\p{N}|", r"\p{N}{1,2}|");
        let refused = [
            (Value::Null, split(&changed), r"\\p{N}{1,2}"),
            (json!({"type": "Lowercase"}), split(QWEN_2), "Lowercase"),
            (Value::Null, json!({"type": "ByteLevel", "add_prefix_space": true}), "add_prefix_space"),
            (Value::Null, json!({"type": "Whitespace"}), "Whitespace"),
            (Value::Null, Value::Null, "pre_tokenizer null"),
        ];
        for (normalizer, pre_tokenizer, shown) in refused {
            let error = recognise(&normalizer, &pre_tokenizer, false).unwrap_err().to_string();
            assert!(error.contains(shown) && error.contains("no pre-tokenizer"), "{error}");
        }
    }
}
