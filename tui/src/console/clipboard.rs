//! Copies to the clipboard of the terminal that the user sits at, by the escape sequence OSC 52.
//!
//! It works over ssh and serial lines, where a clipboard of this machine would be the wrong one.
//! Terminals that do not know the sequence ignore it; tmux passes it on with `set -g set-clipboard on`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Longest text that common terminals take, in bytes.
const BYTES_MAX: usize = 74_000;

/// Bytes of `text` that a clipboard takes, whole characters only.
pub fn bytes_that_fit(text: &str) -> usize {
    text.floor_char_boundary(BYTES_MAX)
}

/// The sequence that puts `text` on the clipboard, as far as it fits.
pub fn sequence(text: &str) -> String {
    format!("\u{1b}]52;c;{}\u{7}", STANDARD.encode(&text[..bytes_that_fit(text)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_travels_as_base64() {
        assert_eq!(sequence("60 metres"), "\u{1b}]52;c;NjAgbWV0cmVz\u{7}");
        assert!(sequence(&"\u{706b}".repeat(50_000)).len() < 100_000);
    }
}
