//! Tokens as text, with the trained ones marked.

use halligan_finetune::dataset::Example;
use halligan_finetune::tokenizer::Tokenizer;

/// How trained tokens are marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Green and underlined, for a terminal.
    Colour,
    /// Between `[[` and `]]`, where colours are not wanted.
    Brackets,
}

const GREEN_UNDERLINED: &str = "\u{1b}[32;4m";
const PLAIN: &str = "\u{1b}[0m";

/// The text of a row, runs of trained tokens marked. Control characters of the text are shown as `?`: a row must
/// not drive the terminal.
pub fn painted(tokenizer: &Tokenizer, example: &Example, paint: Paint) -> String {
    let (open, close) = match paint {
        Paint::Colour => (GREEN_UNDERLINED, PLAIN),
        Paint::Brackets => ("[[", "]]"),
    };
    let mut text = String::new();
    let mut start = 0;
    while start < example.tokens.len() {
        let trained = example.trained[start];
        let length = example.trained[start..].iter().take_while(|other| **other == trained).count();
        let bytes: Vec<u8> = example.tokens[start..start + length]
            .iter()
            .flat_map(|token| match tokenizer.token_bytes(*token) {
                Some(bytes) if !tokenizer.is_control(*token) => bytes,
                _ => tokenizer.token_text(*token).unwrap_or("<?>").as_bytes().to_vec(),
            })
            .collect();
        let run: String = String::from_utf8_lossy(&bytes)
            .chars()
            .map(|character| if character.is_control() && character != '\n' { '?' } else { character })
            .collect();
        if trained {
            text.push_str(open);
            // A colour that runs over the end of a line would paint the margin of some terminals.
            text.push_str(&if paint == Paint::Colour { run.replace('\n', &format!("{close}\n{open}")) } else { run });
            text.push_str(close);
        } else {
            text.push_str(&run);
        }
        start += length;
    }
    text
}
