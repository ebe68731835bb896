//! Rules on the tokenizer, measured with the model's own: characters per token, digits, white space, round trip.

use std::path::Path;

use halligan_finetune::tokenizer::Tokenizer;

use super::candidate::Candidate;
use super::{Finding, Verdict};
use crate::samples::SAMPLES;

/// Characters per token that are good, and below which a text costs too many tokens.
const GOOD: f64 = 4.0;
const POOR: f64 = 3.0;
/// Spaces in a row that an indented line of code has.
const SPACES: usize = 16;
/// Tokens for them that still count as merged.
const SPACE_TOKENS_GOOD: usize = 4;
/// Largest `tokenizer.json` that is read.
const FILE_BYTES_MAX: u64 = 128 << 20;

const RULES: [&str; 4] = [
    "characters per token, English",
    "characters per token, Greek",
    "characters per token, code",
    "characters per token, numbers",
];

/// The tokenizer of a candidate.
pub enum Encoder {
    /// From a GGUF file.
    Gguf(Box<Tokenizer>),
    /// From `tokenizer.json`.
    HuggingFace(Box<tokenizers::Tokenizer>),
}

impl Encoder {
    /// Reads a `tokenizer.json`.
    pub fn from_json(path: &Path) -> Result<Self, String> {
        let size = std::fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?.len();
        if size > FILE_BYTES_MAX {
            return Err(format!("{}: {size} bytes are more than a tokenizer has", path.display()));
        }
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let tokenizer =
            tokenizers::Tokenizer::from_bytes(bytes).map_err(|error| crate::one_line(&error.to_string()))?;
        Ok(Self::HuggingFace(Box::new(tokenizer)))
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        match self {
            Self::Gguf(tokenizer) => tokenizer.encode(text, false).map_err(|error| error.to_string()),
            Self::HuggingFace(tokenizer) => {
                let encoding = tokenizer.encode_fast(text, false).map_err(|error| error.to_string())?;
                Ok(encoding.get_ids().to_vec())
            }
        }
    }

    fn decode(&self, tokens: &[u32]) -> Result<String, String> {
        match self {
            Self::Gguf(tokenizer) => Ok(tokenizer.decode(tokens, false)),
            Self::HuggingFace(tokenizer) => tokenizer.decode(tokens, false).map_err(|error| error.to_string()),
        }
    }

    /// The text of one token, with spaces as spaces.
    fn text(&self, token: u32) -> String {
        match self {
            Self::Gguf(tokenizer) => {
                String::from_utf8_lossy(&tokenizer.token_bytes(token).unwrap_or_default()).into_owned()
            }
            // The marks of byte-level and SentencePiece vocabularies.
            Self::HuggingFace(tokenizer) => {
                tokenizer.id_to_token(token).unwrap_or_default().replace(['\u{120}', '\u{2581}'], " ")
            }
        }
    }
}

pub(super) fn rules(candidate: &Candidate) -> Vec<Finding> {
    let encoder = match &candidate.encoder {
        Ok(encoder) => encoder,
        Err(reason) => {
            let names = RULES.into_iter().chain(["digits", "white space", "round trip"]);
            return names.map(|rule| Finding::unknown(rule, reason.clone())).collect();
        }
    };
    let mut findings: Vec<Finding> =
        (RULES.into_iter().zip(SAMPLES)).map(|(rule, (kind, text))| measured(encoder, rule, kind, text)).collect();
    findings.extend([digits(encoder), white_space(encoder), round_trip(encoder)]);
    findings
}

fn measured(encoder: &Encoder, rule: &'static str, kind: &str, text: &str) -> Finding {
    let tokens = match encoder.encode(text) {
        Ok(tokens) if !tokens.is_empty() => tokens.len(),
        Ok(_) => return Finding::new(rule, Verdict::Fail, "the sample gives no token at all"),
        Err(reason) => return Finding::new(rule, Verdict::Fail, format!("the sample cannot be encoded: {reason}")),
    };
    let characters = text.chars().count();
    let each = characters as f64 / tokens as f64;
    let evidence = format!("{each:.2}: {characters} characters in {tokens} tokens");
    if each > GOOD {
        return Finding::new(rule, Verdict::Pass, evidence);
    }
    if kind == "numbers" {
        // Digits one by one cost tokens and help arithmetic, so a low figure is no fault; see `digits`.
        return Finding::new(
            rule,
            Verdict::Warn,
            format!("{evidence}; numbers cost tokens with every careful tokenizer"),
        );
    }
    let (verdict, remark) =
        if each < POOR { (Verdict::Fail, "under 3 is bad") } else { (Verdict::Warn, "over 4 is good") };
    Finding::new(rule, verdict, format!("{evidence}; {remark}"))
}

fn digits(encoder: &Encoder) -> Finding {
    let rule = "digits";
    let mut longest = 0;
    let mut example = String::new();
    for number in ["2024", "1000", "112", "19", "31415926535", "100000000", "2718281828"] {
        let Ok(tokens) = encoder.encode(&format!("unit {number} here")) else {
            return Finding::unknown(rule, "a number cannot be encoded");
        };
        for token in tokens {
            let text = encoder.text(token);
            let found = text.chars().filter(char::is_ascii_digit).count();
            if found > longest {
                (longest, example) = (found, text.trim().to_owned());
            }
        }
    }
    match longest {
        0 => Finding::new(rule, Verdict::Fail, "digits have no tokens of their own"),
        1 => Finding::new(rule, Verdict::Pass, "each digit is a token"),
        2 | 3 => Finding::new(rule, Verdict::Pass, format!("groups of up to {longest}, such as {example:?}")),
        _ => Finding::new(
            rule,
            Verdict::Warn,
            format!("up to {longest} digits in one token, such as {example:?}: like numbers get unlike tokens"),
        ),
    }
}

fn white_space(encoder: &Encoder) -> Finding {
    let rule = "white space";
    let text = format!("ready:\n{}start()", " ".repeat(SPACES));
    let Ok(tokens) = encoder.encode(&text) else { return Finding::unknown(rule, "an indented line cannot be encoded") };
    let blank = |token: &&u32| {
        let text = encoder.text(**token);
        !text.is_empty() && text.chars().all(|character| character == ' ')
    };
    let used = tokens.iter().filter(blank).count();
    let kept = encoder.decode(&tokens).is_ok_and(|back| back.trim() == text);
    if !kept {
        return Finding::new(rule, Verdict::Fail, format!("{SPACES} spaces in a row are lost: code cannot be learned"));
    }
    let evidence = format!("{SPACES} spaces in a row take {} tokens", used.max(1));
    if used > SPACE_TOKENS_GOOD {
        return Finding::new(rule, Verdict::Warn, format!("{evidence}: indented code is expensive"));
    }
    Finding::new(rule, Verdict::Pass, evidence)
}

fn round_trip(encoder: &Encoder) -> Finding {
    let rule = "round trip";
    for (kind, text) in SAMPLES {
        let back = encoder.encode(text).and_then(|tokens| encoder.decode(&tokens));
        match back {
            Ok(back) if back.trim() == text.trim() => {}
            Ok(_) => return Finding::new(rule, Verdict::Fail, format!("the {kind} sample comes back changed")),
            Err(reason) => return Finding::new(rule, Verdict::Fail, format!("the {kind} sample: {reason}")),
        }
    }
    Finding::new(rule, Verdict::Pass, "all samples come back as they were")
}
