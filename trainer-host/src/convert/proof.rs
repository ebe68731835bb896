//! The proof that the tokenizer survived: hostile texts through the original and through the converted file.
//!
//! The original is the library that made `tokenizer.json`; the converted file is read by llama.cpp and by the
//! trainer, each with its own code. What they disagree on is shown, not hidden.

use std::path::Path;

use halligan_finetune::gguf::GgufFile;
use halligan_finetune::tokenizer::Tokenizer;
use halligan_runtime::inference::BareModel;
use serde::Serialize;

/// Texts on which tokenizers differ, if they differ: spaces, digits, scripts, code, marks, look-alikes.
const TEXTS: &[&str] = &[
    "The valve is open.",
    " leading and trailing  ",
    "a  b   c    d     e",
    "\tone\t\ttwo\n\nthree\r\nfour\n   five\n",
    " \n \t\n  \n\n",
    "1 12 123 1234 12345 1234567890 3.14159 1,000",
    "I'm you're WE'LL THEY'VE can't 'x",
    "it\u{2019}s \u{201c}quoted\u{201d} \u{2013} so\u{2026}",
    "\u{39a}\u{3bb}\u{3b5}\u{3af}\u{3c3}\u{3c4}\u{3b5} \u{3c4}\u{3b7} \u{3b2}\u{3ac}\u{3bd}\u{3b1}; \u{39f}\u{3a7}\u{399}!",
    "e\u{301} \u{e9} n\u{303} a\u{308}\u{323}",
    "\u{6c34}\u{6cf5}\u{5df2}\u{505c}\u{6b62}\u{3002}\u{30dd}\u{30f3}\u{30d7}\u{ff01} \u{bc38}\u{be0c}",
    "\u{627}\u{644}\u{635}\u{645}\u{627}\u{645} \u{5d4}\u{5e9}\u{5e1}\u{5ea}\u{5d5}\u{5dd} \u{935}\u{93e}\u{932}\u{94d}\u{935}",
    "\u{1f525}\u{1f692} \u{1f469}\u{200d}\u{1f692} \u{1f44d}\u{1f3fd} \u{2764}\u{fe0f}",
    "fn main() {\n    let x = vec![1, 2];\n\tprintln!(\"{x:?}\");\n}\n",
    "a->b::c<=d&&e||f++**//%%^^~~``\\",
    "https://example.org/a_b?c=d&e=%20 getHTTPResponse_code",
    "a\u{a0}b\u{2003}c\u{3000}d\u{200b}e\u{feff}f",
    "a\u{1}b\u{7f}c\u{85}d \u{ad} \u{fb01}",
    "<|im_start|>user\nhi<|im_end|> <s>a</s> <|eot_id|> [CLS] <0x0A> \u{2581}x \u{120}y",
];

/// What the proof found.
#[derive(Debug, Serialize)]
pub struct TokenizerProof {
    /// Texts that were tried.
    pub texts: usize,
    /// Texts that llama.cpp cuts as the original does.
    pub llama_cpp: usize,
    /// Texts that the trainer cuts as the original does; null where it does not take this tokenizer.
    pub trainer: Option<usize>,
    /// The texts that differ.
    pub differences: Vec<Difference>,
}

/// One text that comes out otherwise.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// Who differs: `llama.cpp` or `trainer`.
    pub reader: &'static str,
    /// The text.
    pub text: String,
    /// Tokens of the original.
    pub original: Vec<u32>,
    /// Tokens that the reader found.
    pub found: Vec<u32>,
}

/// Tries all texts; `None` where the folder has no `tokenizer.json` to compare with.
///
/// # Errors
/// llama.cpp does not load the vocabulary.
pub fn prove(folder: &Path, file: &GgufFile) -> anyhow::Result<Option<TokenizerProof>> {
    let llama = BareModel::load_vocabulary(file.path())?;
    let path = folder.join("tokenizer.json");
    let Some(original) = path.is_file().then(|| tokenizers::Tokenizer::from_file(&path).ok()).flatten() else {
        return Ok(None);
    };
    let trainer = Tokenizer::from_gguf(file).ok();
    // Some encoders keep even the texts of their own marks as text.
    let marks = !original.get_added_tokens_decoder().is_empty();
    let mut proof =
        TokenizerProof { texts: 0, llama_cpp: 0, trainer: trainer.as_ref().map(|_| 0), differences: Vec::new() };
    for text in TEXTS {
        let Ok(encoding) = original.encode_fast(*text, false) else { continue };
        let expected = encoding.get_ids();
        proof.texts += 1;
        let found = llama.tokenize(text, marks, false).into_iter().map(|token| token as u32).collect();
        proof.llama_cpp += usize::from(proof.note("llama.cpp", text, expected, found));
        if let Some(trainer) = &trainer {
            let found = trainer.encode(text, marks).unwrap_or_default();
            let equal = proof.note("trainer", text, expected, found);
            proof.trainer = proof.trainer.map(|count| count + usize::from(equal));
        }
    }
    Ok(Some(proof))
}

impl TokenizerProof {
    /// Whether the tokens are equal; keeps the text where they are not.
    fn note(&mut self, reader: &'static str, text: &str, expected: &[u32], found: Vec<u32>) -> bool {
        let equal = expected == found;
        if !equal {
            let difference = Difference { reader, text: text.to_owned(), original: expected.to_vec(), found };
            self.differences.push(difference);
        }
        equal
    }

    /// One line for a reader, and one for each text that differs.
    pub fn describe(&self) -> String {
        let trainer = self.trainer.map_or_else(String::new, |count| format!(", the trainer {count}"));
        format!("of {} hostile texts llama.cpp cuts {} as the original{trainer}", self.texts, self.llama_cpp)
    }
}
